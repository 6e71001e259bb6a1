//! Plans that are kept for the execution that follows: whatever happens in between, what is executed is what the statement says.

use super::*;

/// The number in the first row of a statement, which is executed as it stands.
async fn given(session: &Arc<dyn EngineSession>, sql: &str) -> i64 {
    rows(session, sql).await[0].column(0).as_primitive::<Int64Type>().value(0)
}

#[tokio::test]
async fn a_plan_is_executed_only_while_it_says_what_the_statement_does() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let other = fixture.session().await;
    let reset = "CREATE OR REPLACE TABLE t AS SELECT 1::BIGINT AS a; SET VARIABLE v = 1; CREATE OR REPLACE MACRO m() AS 1::BIGINT";
    for (by_other, change, sql, expected) in [
        (false, "SELECT 1", "SELECT a FROM t", 1),
        (false, "SET VARIABLE v = 2", "SELECT getvariable('v')::BIGINT", 2),
        (false, "SET VARIABLE v = 3", "SELECT a + getvariable('v')::BIGINT FROM t", 4),
        (false, "INSERT INTO t VALUES (5)", "SELECT sum(a)::BIGINT FROM t", 6),
        (false, "CREATE OR REPLACE TABLE t AS SELECT 'x' AS b, 9::BIGINT AS a", "SELECT a FROM t", 9),
        (false, "CREATE TEMP TABLE t AS SELECT 10::BIGINT AS a", "SELECT a FROM t", 10),
        (false, "DROP TABLE temp.t", "SELECT a FROM t", 1),
        (false, "CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 12::BIGINT AS a; USE s", "SELECT a FROM t", 12),
        (false, "USE main", "SELECT a FROM t", 1),
        (false, "CREATE OR REPLACE MACRO m() AS 2::BIGINT", "SELECT m()", 2),
        (true, "SELECT 1", "SELECT a FROM t", 1),
        (true, "INSERT INTO t VALUES (5)", "SELECT sum(a)::BIGINT FROM t", 6),
        (true, "CREATE OR REPLACE TABLE t AS SELECT 'x' AS b, 9::BIGINT AS a", "SELECT a FROM t", 9),
        (true, "CREATE OR REPLACE TABLE t AS SELECT 'x' AS b, 9::BIGINT AS a", "SELECT max(a) FROM t", 9),
        (true, "CREATE OR REPLACE VIEW w AS SELECT 14::BIGINT AS a", "SELECT a FROM w", 14),
        (true, "CREATE OR REPLACE VIEW w AS SELECT 15::BIGINT AS a", "SELECT a FROM w", 15),
    ] {
        rows(&other, reset.split(';').next().unwrap()).await;
        rows(&session, &reset.replace("CREATE OR REPLACE TABLE t AS SELECT 1::BIGINT AS a;", "")).await;
        rows(&other, "CREATE VIEW IF NOT EXISTS w AS SELECT 13::BIGINT AS a").await;
        session.plan(sql).await.unwrap();
        rows(if by_other { &other } else { &session }, change).await;
        assert_eq!(given(&session, sql).await, expected, "{sql} after {change}");
        session.plan(sql).await.unwrap();
        for _ in 0..2 {
            assert_eq!(given(&session, sql).await, expected, "{sql}, planned and executed");
        }
    }
    session.plan("SELECT a FROM t").await.unwrap();
    rows(&other, "DROP TABLE t").await;
    assert_eq!(failure(&session, "SELECT a FROM t").await.sqlstate.0, "42P01");
}

#[tokio::test]
async fn a_plan_keeps_to_the_transaction_it_is_executed_in() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let other = fixture.session().await;
    rows(&other, "CREATE TABLE t AS SELECT 1::BIGINT AS a").await;
    let sum = "SELECT sum(a)::BIGINT FROM t";
    session.begin().await.unwrap();
    session.plan(sum).await.unwrap();
    assert_eq!(given(&session, sum).await, 1);
    session.plan(sum).await.unwrap();
    rows(&other, "INSERT INTO t VALUES (10)").await;
    assert_eq!(given(&session, sum).await, 1, "the transaction has begun before");
    session.plan(sum).await.unwrap();
    session.rollback().await.unwrap();
    assert_eq!(given(&session, sum).await, 11);
    session.plan(sum).await.unwrap();
    session.begin().await.unwrap();
    rows(&session, "UPDATE t SET a = 100").await;
    session.plan(sum).await.unwrap();
    assert_eq!(given(&session, sum).await, 200);
    session.plan(sum).await.unwrap();
    session.rollback().await.unwrap();
    assert_eq!(given(&session, sum).await, 11);
}

#[tokio::test]
async fn a_plan_of_a_file_is_executed_with_what_is_in_the_file() {
    let files = tempfile::tempdir().unwrap();
    let fixture = Fixture::with(|options| options.allow_writes = vec![files.path().to_owned()]);
    let session = fixture.session().await;
    let file = files.path().join("f.parquet");
    let copy = |number: i64| format!("COPY (SELECT {number}::BIGINT AS a) TO '{}'", file.display());
    let sql = format!("SELECT a FROM '{}'", file.display());
    rows(&session, &copy(1)).await;
    session.plan(&sql).await.unwrap();
    assert_eq!(given(&session, &sql).await, 1);
    session.plan(&sql).await.unwrap();
    rows(&session, &copy(2)).await;
    assert_eq!(given(&session, &sql).await, 2);
}
