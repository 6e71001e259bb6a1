//! Results: where they are cut, how they are named and typed, and several of them at once.

use futures::StreamExt;

use super::*;
use crate::engine::{Cut, StatementKind};

#[tokio::test]
async fn batches_are_cut_by_the_rows_alone_whatever_the_engine_s_own_batches() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let cut = Cut { rows: 1000, bytes: 50_000 };
    let sql = "SELECT value AS i, repeat('x', CAST(value % 7 AS BIGINT) * 40) AS s FROM range(10000) ORDER BY i";
    let mut shapes = Vec::new();
    for batch_size in ["8192", "100", "777"] {
        session.set_setting("datafusion.execution.batch_size", Some(batch_size)).await.unwrap();
        let outcome = session.execute(Statement { cut, ..Statement::new(sql) }).await.unwrap();
        let batches: Vec<_> = outcome.rows.batches.try_collect().await.unwrap();
        let all: Vec<i64> =
            batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
        assert_eq!(all, (0..10_000).collect::<Vec<_>>());
        shapes.push(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>());
    }
    assert!(shapes[0].len() > 10);
    assert_eq!(shapes[0], shapes[1]);
    assert_eq!(shapes[0], shapes[2]);
}

#[tokio::test]
async fn columns_are_nullable_and_named_as_duckdb_names_them_even_when_names_are_the_same() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let outcome = run(&session, "SELECT 1 AS a, 2 AS a, count(*), 'x', count(*) + 1, NULL AS n").await.unwrap();
    let schema = outcome.rows.schema;
    let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["a", "a", "count_star()", "'x'", "(count_star() + 1)", "n"]);
    assert!(schema.fields().iter().all(|field| field.is_nullable()));
    assert!(schema.fields().iter().all(|field| field.metadata().contains_key(typemap::metadata::TYPE_NAME)));
    assert_eq!(schema.field(5).metadata()[typemap::metadata::TYPE_NAME], "INTEGER");
    let outcome = run(&session, "SELECT *, 1 + 1 FROM (VALUES (1, 2)) t(x, y)").await.unwrap();
    let names: Vec<_> = outcome.rows.schema.fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["x", "y", "(1 + 1)"]);
}

#[tokio::test]
async fn a_plan_has_the_schema_that_execution_gives() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE t (i INT, s VARCHAR, d DATE, l BIGINT[])").await;
    for sql in [
        "SELECT * FROM t",
        "SELECT i, count(*), max(s) FROM t GROUP BY i",
        "SELECT 1 UNION ALL SELECT 2.5",
        "EXPLAIN SELECT * FROM t",
        "EXPLAIN ANALYZE SELECT * FROM t",
        "SHOW TABLES",
        "SHOW datafusion.execution.batch_size",
        "DESCRIBE t",
        "SELECT table_name FROM information_schema.tables",
    ] {
        let plan = session.plan(sql).await.unwrap();
        let outcome = run(&session, sql).await.unwrap();
        assert_eq!((plan.kind, outcome.kind), (StatementKind::Read, StatementKind::Read), "{sql}");
        assert_eq!(plan.schema.unwrap(), outcome.rows.schema, "{sql}");
        for batch in outcome.rows.batches.try_collect::<Vec<_>>().await.unwrap() {
            assert_eq!(batch.schema(), outcome.rows.schema, "{sql}");
        }
    }
}

#[tokio::test]
async fn two_open_results_of_one_session_are_read_in_turns_while_others_run() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let sql = "SELECT value FROM range(300000)";
    let mut first = run(&session, sql).await.unwrap().rows.batches;
    let mut second = run(&session, sql).await.unwrap().rows.batches;
    let (mut from_first, mut from_second) = (0, 0);
    loop {
        let (one, two) = (first.next().await, second.next().await);
        from_first += one.as_ref().map_or(0, |batch| batch.as_ref().unwrap().num_rows());
        from_second += two.as_ref().map_or(0, |batch| batch.as_ref().unwrap().num_rows());
        assert_eq!(number(&session, "SELECT 42").await, 42);
        if one.is_none() && two.is_none() {
            break;
        }
    }
    assert_eq!((from_first, from_second), (300_000, 300_000));
}

#[tokio::test]
async fn a_failure_in_mid_stream_comes_after_the_rows_before_it() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    session.set_setting("datafusion.execution.target_partitions", Some("1")).await.unwrap();
    let sql = "SELECT CAST(CASE WHEN value = 900000 THEN 'here' ELSE '1' END AS BIGINT) FROM range(1000000)";
    let mut batches = run(&session, sql).await.unwrap().rows.batches;
    let mut before = 0;
    let error = loop {
        match batches.next().await.unwrap() {
            Ok(batch) => before += batch.num_rows(),
            Err(error) => break error,
        }
    };
    assert!(before > 0 && before <= 900_000, "{before}");
    assert_eq!(error.sqlstate.0, "22P02", "{error}");
    assert!(error.message.contains("here"), "{error}");
    assert!(batches.next().await.is_none());
    assert_eq!(number(&session, "SELECT 1").await, 1);
}

#[tokio::test]
async fn values_the_wire_type_cannot_hold_are_errors_naming_the_column() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let sql = "SELECT arrow_cast(9223372036854775807, 'Timestamp(Microsecond, None)') AS forever";
    let error = failure(&session, sql).await;
    assert_eq!(error.sqlstate.0, "22003", "{error}");
    assert!(error.message.contains("forever"), "{error}");
    assert_eq!(number(&session, "SELECT 1").await, 1);
}

#[tokio::test]
async fn several_statements_in_one_text_all_run_and_the_last_one_answers() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let sql = "CREATE TABLE a (i INT); INSERT INTO a VALUES (1), (2); SELECT CAST(sum(i) AS BIGINT) FROM a -- ; end";
    assert_eq!(session.plan(sql).await.unwrap().kind, StatementKind::Other);
    let outcome = run(&session, sql).await.unwrap();
    assert_eq!(outcome.kind, StatementKind::Other);
    let batches: Vec<_> = outcome.rows.batches.try_collect().await.unwrap();
    assert_eq!(batches[0].column(0).as_primitive::<Int64Type>().value(0), 3);
    // One that fails keeps what came before it.
    failure(&session, "INSERT INTO a VALUES (3); SELECT nothing FROM a; INSERT INTO a VALUES (4)").await;
    assert_eq!(number(&session, "SELECT count(*) FROM a").await, 3);
}

#[tokio::test]
async fn failures_have_their_sqlstate_and_position() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE flights (carrier VARCHAR NOT NULL, n INT); INSERT INTO flights VALUES ('a', 0)").await;
    for (sql, state) in [
        ("", "42601"),
        ("-- nothing", "42601"),
        ("SELEKT 1", "42601"),
        ("SELECT * FROM flight", "42P01"),
        ("SELECT carier FROM flights", "42703"),
        ("SELECT a.n FROM flights a, flights b WHERE n = 1", "42702"),
        ("SELECT nosuchfunction(1)", "42883"),
        ("CREATE TABLE flights (i INT)", "42P07"),
        ("INSERT INTO flights VALUES (NULL, 1)", "23502"),
        ("SELECT CAST('abc' AS INT)", "22P02"),
        ("SELECT CAST(300 AS TINYINT)", "22003"),
        ("SELECT 9223372036854775807 + CAST(n + 1 AS BIGINT) FROM flights", "22003"),
        ("USE nowhere", "3F000"),
        ("BEGIN", "0A000"),
        ("SELECT 1 WHERE", "42601"),
    ] {
        let error = failure(&session, sql).await;
        assert_eq!(error.sqlstate.0, state, "{sql}: {error}");
        for noise in ["DataFusion error", "Arrow error", "backtrace", "Error during planning", "bug in DataFusion"] {
            assert!(!error.message.contains(noise), "{sql}: {error}");
        }
    }
    assert_eq!(failure(&session, "SELECT 1,\n  carier FROM flights").await.position, Some(12));
    assert_eq!(failure(&session, "SELECT 1; SELECT * FROM FROM").await.position, Some(24));
}
