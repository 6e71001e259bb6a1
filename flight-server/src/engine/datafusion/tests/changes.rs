//! Statements that change rows, and what they say of it.

use super::*;
use crate::engine::{StatementKind, TransactionStatus};

async fn changed(session: &Arc<dyn EngineSession>, sql: &str) -> Option<u64> {
    match run(session, sql).await {
        Ok(outcome) => outcome.changed,
        Err(error) => panic!("{sql}: {} {error}", error.sqlstate),
    }
}

#[tokio::test]
async fn changed_rows_are_counted() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let created = run(&session, "CREATE TABLE t (i INT)").await.unwrap();
    assert!(created.is_update && created.kind == StatementKind::Definition && created.changed.is_none());
    assert_eq!(changed(&session, "INSERT INTO t SELECT value FROM range(10)").await, Some(10));
    assert_eq!(changed(&session, "UPDATE t SET i = i + 1 WHERE i < 5").await, Some(5));
    assert_eq!(number(&session, "SELECT sum(i) FROM t").await, 50);
    assert_eq!(changed(&session, "DELETE FROM t WHERE i > 7").await, Some(2));
    assert_eq!(changed(&session, "UPDATE t SET i = 0").await, Some(8));
    assert_eq!(changed(&session, "DELETE FROM t").await, Some(8));
    assert_eq!(number(&session, "SELECT count(*) FROM t").await, 0);
    let made = run(&session, "CREATE TABLE u AS SELECT value AS i FROM range(3)").await.unwrap();
    assert_eq!((made.changed, made.kind, made.is_update), (Some(3), StatementKind::Definition, true));
    let batches: Vec<_> = made.rows.batches.try_collect().await.unwrap();
    assert_eq!(batches[0].column_by_name("Count").unwrap().as_primitive::<Int64Type>().value(0), 3);
}

#[tokio::test]
async fn an_update_or_a_delete_that_fails_changes_nothing() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE t (i INT NOT NULL, s VARCHAR); INSERT INTO t VALUES (1, 'a'), (2, '3'), (3, NULL)")
        .await;
    for (sql, state) in [
        ("UPDATE t SET i = CAST(s AS INT)", "22P02"),
        ("UPDATE t SET i = NULL WHERE i = 2", "23502"),
        ("DELETE FROM t WHERE CAST(s AS INT) = 3", "22P02"),
        ("INSERT INTO t SELECT CAST(s AS INT), s FROM t", "22P02"),
        ("UPDATE t SET i = u.i FROM t u WHERE t.i = u.i", "0A000"),
    ] {
        let error = failure(&session, sql).await;
        assert_eq!(error.sqlstate.0, state, "{sql}: {error}");
        assert_eq!(number(&session, "SELECT sum(i) FROM t").await, 6, "{sql}");
    }
    // Only the rows that match are computed; a predicate that is null matches none.
    assert_eq!(changed(&session, "UPDATE t SET i = CAST(s AS INT) WHERE s = '3'").await, Some(1));
    assert_eq!(number(&session, "SELECT sum(i) FROM t").await, 7);
    // What a change would do is explained, not done.
    let _ = run(&session, "EXPLAIN DELETE FROM t").await;
    assert_eq!(number(&session, "SELECT count(*) FROM t").await, 3);
}

#[tokio::test]
async fn there_are_no_transactions() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let error = session.begin().await.unwrap_err();
    assert_eq!(error.sqlstate.0, "0A000");
    assert!(error.message.contains("datafusion") && error.message.contains("BEGIN"), "{error}");
    session.commit(None).await.unwrap();
    session.rollback().await.unwrap();
    for sql in ["COMMIT", "ROLLBACK"] {
        assert_eq!(run(&session, sql).await.unwrap().kind, StatementKind::Transaction);
    }
    assert_eq!(session.transaction(), TransactionStatus::Autocommit);
}

#[tokio::test]
async fn what_cannot_be_enforced_is_refused() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    for sql in ["CREATE TABLE p (id BIGINT PRIMARY KEY)", "CREATE TABLE p (id BIGINT UNIQUE)"] {
        assert_eq!(failure(&session, sql).await.sqlstate.0, "0A000", "{sql}");
    }
    assert_eq!(failure(&session, "SELECT * FROM p").await.sqlstate.0, "42P01");
}

#[tokio::test]
async fn tables_views_and_schemas_come_and_go() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let other = fixture.session().await;
    rows(&session, "CREATE TABLE t AS SELECT 1 AS a, 2 AS a, count(*)").await;
    assert_eq!(number(&session, "SELECT a + a_1 + \"count_star()\" FROM t").await, 4);
    rows(&session, "CREATE VIEW v AS SELECT a FROM t").await;
    assert_eq!(failure(&other, "SELECT * FROM t").await.sqlstate.0, "42P01");
    assert_eq!(failure(&session, "CREATE VIEW v AS SELECT 1").await.sqlstate.0, "42P07");
    assert_eq!(failure(&session, "DROP TABLE v").await.sqlstate.0, "42809");
    // A view shows what its names mean when it is used.
    rows(&session, "CREATE OR REPLACE TABLE t AS SELECT 7 AS a").await;
    assert_eq!(number(&session, "SELECT a FROM pintail.main.V").await, 7);
    assert_eq!(failure(&session, "CREATE OR REPLACE VIEW v AS SELECT * FROM v").await.sqlstate.0, "42601");
    assert_eq!(number(&session, "SELECT a FROM v").await, 7);
    rows(&session, "DROP VIEW v; DROP TABLE t; DROP TABLE IF EXISTS t; DROP VIEW IF EXISTS v").await;
    assert_eq!(failure(&session, "DROP TABLE t").await.sqlstate.0, "42P01");

    rows(&session, "CREATE SCHEMA s; CREATE TEMP TABLE s.t (i INT); USE s; INSERT INTO t VALUES (1)").await;
    assert_eq!(number(&session, "SELECT i FROM pintail.s.t").await, 1);
    assert_eq!(failure(&session, "DROP SCHEMA s CASCADE").await.sqlstate.0, "55006");
    rows(&session, "USE pintail.main").await;
    assert_eq!(failure(&session, "DROP SCHEMA s").await.sqlstate.0, "2BP01");
    rows(&session, "DROP SCHEMA s CASCADE").await;
    assert_eq!(failure(&session, "CREATE TABLE s.t (i INT)").await.sqlstate.0, "3F000");
    assert_eq!(failure(&session, "CREATE TABLE nowhere.s.t (i INT)").await.sqlstate.0, "3D000");
    assert_eq!(failure(&session, "CREATE TABLE datasets.main.t (i INT)").await.sqlstate.0, "42501");
}
