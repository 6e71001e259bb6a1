//! Statements that are given up stop working.

use std::time::Duration;

use futures::StreamExt;

use super::*;

/// Waits until no task of the engine is left; a test of which none ends fails by its time limit.
async fn idle(fixture: &Fixture) {
    while fixture.engine.tasks() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Computes for hours, row by row, before it gives the first.
const LONG: &str = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.value * b.value % 7 = 3";

#[tokio::test]
async fn dropping_the_call_stops_the_work() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let given_up = tokio::time::timeout(Duration::from_millis(300), run(&session, LONG)).await;
    assert!(given_up.is_err(), "it ended by itself");
    idle(&fixture).await;
    assert_eq!(number(&session, "SELECT 1").await, 1);
}

#[tokio::test]
async fn dropping_the_rows_stops_the_work_and_frees_the_memory() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let sql = "SELECT a.value FROM range(100000) a, range(100000) b";
    let mut rows = run(&session, sql).await.unwrap().rows.batches;
    rows.next().await.unwrap().unwrap();
    assert!(fixture.engine.tasks() > 0);
    drop(rows);
    idle(&fixture).await;
    assert_eq!(fixture.engine.memory_used(), 0);
}

#[tokio::test]
async fn a_reader_that_waits_lets_the_statement_wait() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let mut rows = run(&session, "SELECT value FROM range(100000000)").await.unwrap().rows.batches;
    let first = rows.next().await.unwrap().unwrap();
    assert!(first.num_rows() <= 65_536);
    // Not more than a batch or two is computed ahead, and nothing of it is lost.
    let mut next = first.column(0).as_primitive::<Int64Type>().values().last().copied().unwrap() + 1;
    for _ in 0..5 {
        let batch = rows.next().await.unwrap().unwrap();
        assert_eq!(batch.column(0).as_primitive::<Int64Type>().value(0), next);
        next += batch.num_rows() as i64;
    }
}

#[tokio::test]
async fn a_change_that_is_given_up_changes_nothing() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE t AS SELECT value AS i FROM range(10)").await;
    for sql in [format!("INSERT INTO t {LONG}"), format!("CREATE TABLE u AS {LONG}")] {
        let given_up = tokio::time::timeout(Duration::from_millis(200), run(&session, &sql)).await;
        assert!(given_up.is_err(), "it ended by itself");
    }
    idle(&fixture).await;
    assert_eq!(number(&session, "SELECT count(*) FROM t").await, 10);
    assert_eq!(failure(&session, "SELECT * FROM u").await.sqlstate.0, "42P01");
}

#[tokio::test]
async fn closing_a_session_interrupts_what_runs_in_it() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let mut open = run(&session, "SELECT value FROM range(100000000)").await.unwrap().rows.batches;
    open.next().await.unwrap().unwrap();
    let running = tokio::spawn({
        let session = Arc::clone(&session);
        async move { run(&session, LONG).await.map(|_| ()) }
    });
    while fixture.engine.tasks() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    session.close().await;
    assert_eq!(running.await.unwrap().unwrap_err().sqlstate.0, "57014");
    let error = loop {
        match open.next().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("the result of a closed session came to an end"),
        }
    };
    assert_eq!(error.sqlstate.0, "57014");
    assert_eq!(run(&session, "SELECT 1").await.err().unwrap().code, crate::error::ErrorCode::SessionClosed);
    idle(&fixture).await;
}

#[tokio::test]
async fn progress_is_told_while_rows_of_known_number_are_read() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    assert_eq!(session.progress(), None);
    let file = fixture.path("write/t.parquet").display().to_string();
    rows(&session, &format!("COPY (SELECT value AS i FROM range(1000000)) TO '{file}'")).await;
    rows(&session, &format!("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '{file}'")).await;
    let mut open = run(&session, "SELECT i FROM t").await.unwrap().rows.batches;
    open.next().await.unwrap().unwrap();
    let share = session.progress().unwrap();
    assert!(share > 0.0 && share < 1.0, "{share}");
    while open.next().await.is_some() {}
    drop(open);
    idle(&fixture).await;
    assert_eq!(session.progress(), None);
}
