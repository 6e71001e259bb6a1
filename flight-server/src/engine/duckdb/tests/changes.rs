//! Statements that change something: counts, transactions, conflicts, parameters.

use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use uuid::Uuid;

use super::*;
use crate::engine::{Request, TransactionStatus};

async fn changed(session: &Arc<dyn EngineSession>, sql: &str) -> Option<u64> {
    run(session, sql).await.unwrap().changed
}

fn people(ids: Vec<i64>) -> RecordBatch {
    let names: StringArray = ids.iter().map(|id| Some(format!("n{id}"))).collect();
    let schema = Schema::new(vec![Field::new("1", DataType::Int64, true), Field::new("2", DataType::Utf8, true)]);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(Int64Array::from(ids)), Arc::new(names)]).unwrap()
}

#[tokio::test]
async fn changed_rows_are_counted_and_returned_rows_are_rows() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    assert!(run(&session, "CREATE TABLE t (i INT)").await.unwrap().is_update);
    assert_eq!(changed(&session, "INSERT INTO t SELECT * FROM range(10)").await, Some(10));
    assert_eq!(changed(&session, "UPDATE t SET i = i + 1 WHERE i < 5").await, Some(5));
    assert_eq!(changed(&session, "DELETE FROM t WHERE i > 7").await, Some(2));
    let outcome = run(&session, "INSERT INTO t VALUES (100), (101) RETURNING i").await.unwrap();
    assert!(!outcome.is_update);
    assert_eq!(outcome.changed, Some(2));
    let batches: Vec<_> = outcome.rows.batches.try_collect().await.unwrap();
    assert_eq!(batches[0].num_rows(), 2);
}

#[tokio::test]
async fn rows_of_parameters_are_executed_one_by_one_in_one_transaction() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE p (id BIGINT PRIMARY KEY, name VARCHAR)").await;
    let insert = |batches| Statement { parameters: batches, ..Statement::new("INSERT INTO p VALUES (?, ?)") };
    let outcome = session.execute(insert(vec![people(vec![1, 2]), people(vec![3])])).await.unwrap();
    assert_eq!(outcome.changed, Some(3));
    // The fourth row clashes, and takes the others with it.
    let error = session.execute(insert(vec![people(vec![7, 8, 9, 1])])).await.err().unwrap();
    assert_eq!(error.sqlstate.0, "23505", "{error}");
    assert_eq!(number(&session, "SELECT count(*) FROM p").await, 3);
    assert_eq!(session.transaction(), TransactionStatus::Autocommit);

    let query = Statement {
        parameters: vec![people(vec![1, 3, 2])],
        ..Statement::new("SELECT id, $2 AS given FROM p WHERE id = $1")
    };
    let batches: Vec<_> = session.execute(query).await.unwrap().rows.batches.try_collect().await.unwrap();
    let ids: Vec<_> = batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    assert_eq!(ids, [1, 3, 2]);
    let short = Statement { parameters: vec![people(vec![1])], ..Statement::new("SELECT ?") };
    assert_eq!(session.execute(short).await.err().unwrap().sqlstate.0, "07001");
}

#[tokio::test]
async fn transactions_by_text_and_by_call_are_one_state() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE t (i INT)").await;
    rows(&session, "BEGIN").await;
    assert_eq!(session.transaction(), TransactionStatus::Open);
    rows(&session, "INSERT INTO t VALUES (1)").await;
    assert_eq!(session.transaction(), TransactionStatus::Open);
    // DuckDB gives a transaction up in which another is begun.
    assert_eq!(failure(&session, "BEGIN").await.sqlstate.0, "25001");
    assert_eq!(session.transaction(), TransactionStatus::Failed);
    session.rollback().await.unwrap();
    assert_eq!(session.transaction(), TransactionStatus::Autocommit);
    session.begin().await.unwrap();
    rows(&session, "INSERT INTO t VALUES (2)").await;
    rows(&session, "COMMIT").await;
    assert_eq!(session.transaction(), TransactionStatus::Autocommit);
    assert_eq!(number(&session, "SELECT sum(i) FROM t").await, 2);

    session.begin().await.unwrap();
    assert_eq!(failure(&session, "SELECT 'x'::INT").await.sqlstate.0, "22P02");
    assert_eq!(session.transaction(), TransactionStatus::Failed);
    assert_eq!(failure(&session, "SELECT 1").await.sqlstate.0, "25P02");
    session.rollback().await.unwrap();
    assert_eq!(number(&session, "SELECT 1").await, 1);
}

#[tokio::test]
async fn a_commit_that_fails_ends_its_transaction_however_it_fails() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE t (i INT); CREATE TEMP TABLE own (i INT)").await;
    let of_request = |id| Request { id: Uuid::from_u128(id), digest: id.to_string(), is_own: false };
    for (id, table) in [(1, "t"), (2, "own")] {
        rows(&session, "BEGIN").await;
        rows(&session, &format!("INSERT INTO {table} VALUES (1)")).await;
        // It takes no parameters, which is known only when it is to run, after its receipt was written.
        let parameters = RecordBatch::try_from_iter([("1", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
        let commit = Statement { request: Some(of_request(id)), ..Statement::new("COMMIT") };
        let failing = Statement { parameters: vec![parameters], ..commit.clone() };
        assert!(session.execute(failing).await.is_err());
        assert_eq!(session.transaction(), TransactionStatus::Autocommit);
        assert_eq!(number(&session, &format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
        assert_eq!(session.execute(commit).await.err().unwrap().sqlstate.0, "25000", "there is nothing to commit");
        assert_eq!(session.receipt(Uuid::from_u128(id)).await.unwrap(), None);
    }
}

#[tokio::test]
async fn receipts_that_nobody_can_ask_for_any_more_are_removed() {
    let open = |age| Fixture::with(|options| options.receipt_age = std::time::Duration::from_secs(age));
    let (short, long) = (open(0), open(3600));
    for (fixture, is_kept) in [(&short, false), (&long, true)] {
        let session = fixture.session().await;
        rows(&session, "CREATE TABLE t (i INT)").await;
        // As many as are written before it is looked which are too old.
        for id in 1..=1_000 {
            let request = Request { id: Uuid::from_u128(id), digest: String::new(), is_own: false };
            let write = Statement { request: Some(request), ..Statement::new("INSERT INTO t VALUES (1)") };
            let outcome = session.execute(write).await.unwrap();
            let _: Vec<RecordBatch> = outcome.rows.batches.try_collect().await.unwrap();
        }
        assert_eq!(session.receipt(Uuid::from_u128(1)).await.unwrap().is_some(), is_kept);
        assert_eq!(number(&session, "SELECT count(*) FROM t").await, 1_000);
    }
}

#[tokio::test]
async fn a_transaction_tells_whether_a_database_holds_what_it_changed() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE t (i INT); CREATE TEMP TABLE own (i INT)").await;
    for (sql, is_of_session) in [
        ("INSERT INTO own VALUES (1)", true),
        ("SELECT * FROM t", true),
        ("INSERT INTO own VALUES (1); INSERT INTO t VALUES (1)", false),
        ("CREATE TABLE u (i INT)", false),
        ("CREATE OR REPLACE TEMP VIEW v AS SELECT 1", true),
    ] {
        session.begin().await.unwrap();
        rows(&session, sql).await;
        assert_eq!(session.state_of_commit().await.unwrap().is_none(), is_of_session, "{sql}");
        session.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn the_same_definition_from_many_sessions_at_once_succeeds_in_all() {
    let fixture = Fixture::new();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let session = fixture.session().await;
        tasks.spawn(async move { run(&session, "CREATE TABLE IF NOT EXISTS same (i INT)").await.map(|_| ()) });
    }
    for outcome in tasks.join_all().await {
        outcome.unwrap();
    }
}

#[tokio::test]
async fn autocommit_updates_of_one_row_wait_for_each_other_and_lose_nothing() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE counter AS SELECT 0 AS n").await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let session = fixture.session().await;
        tasks.spawn(async move {
            for _ in 0..10 {
                run(&session, "UPDATE counter SET n = n + 1").await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(number(&session, "SELECT n FROM counter").await, 80);
}

#[tokio::test]
async fn several_statements_in_one_text_all_run_and_the_last_one_answers() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let sql = "CREATE TABLE a (i INT); INSERT INTO a VALUES (1), (2); SELECT sum(i)::BIGINT FROM a";
    assert_eq!(rows(&session, sql).await[0].column(0).as_primitive::<Int64Type>().value(0), 3);
}

#[tokio::test]
async fn a_pivot_whose_columns_come_from_the_rows_runs_as_the_statements_it_expands_to() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE sales AS SELECT 2020 + i % 2 AS year, i AS amount FROM range(4) t(i)").await;
    let batches = rows(&session, "PIVOT sales ON year USING sum(amount)").await;
    assert_eq!(
        batches[0].schema().fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(),
        ["2020", "2021"]
    );
}
