//! Calls and results that are dropped, or left.

use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::StreamExt;

use super::*;
use crate::engine::duckdb::session::DuckDbSession;

const ENDLESS: &str = "SELECT count(*) FROM range(1000000000000) a, range(1000000) b WHERE a.range + b.range = -1";
/// Far more than a statement needs to stop, so that a busy machine does not fail the test.
const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn dropping_a_call_stops_its_statement_and_the_session_goes_on() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    for _ in 0..5 {
        let call = run(&session, ENDLESS);
        assert!(tokio::time::timeout(Duration::from_millis(50), call).await.is_err());
        let start = Instant::now();
        assert_eq!(number(&session, "SELECT 1").await, 1);
        assert!(start.elapsed() < SOON);
    }
}

#[tokio::test]
async fn dropping_a_result_frees_the_connection() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    for _ in 0..20 {
        let mut batches = run(&session, "SELECT * FROM range(100000000000)").await.unwrap().rows.batches;
        assert!(batches.next().await.unwrap().is_ok());
        drop(batches);
        assert_eq!(number(&session, "SELECT 1").await, 1);
    }
}

#[tokio::test]
async fn closing_a_result_early_leaves_the_transaction_as_it_is() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE t (i INT)").await;
    session.begin().await.unwrap();
    rows(&session, "INSERT INTO t VALUES (1)").await;
    let mut batches = run(&session, "SELECT * FROM range(10000000)").await.unwrap().rows.batches;
    assert!(batches.next().await.unwrap().is_ok());
    drop(batches);
    session.commit(None).await.unwrap();
    assert_eq!(number(&session, "SELECT count(*) FROM t").await, 1);
}

#[tokio::test]
async fn a_cancelled_statement_does_not_disturb_another_session() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.session().await, fixture.session().await);
    let steady = run(&two, "SELECT sum(range)::BIGINT FROM range(20000000)");
    let dropped = tokio::time::timeout(Duration::from_millis(20), run(&one, ENDLESS));
    let (steady, dropped) = tokio::join!(steady, dropped);
    assert!(dropped.is_err());
    assert!(steady.unwrap().rows.batches.try_collect::<Vec<_>>().await.is_ok());
    // What is told to stop is told so until it does, by a task that would end with the test.
    assert_eq!(number(&one, "SELECT 1").await, 1);
}

#[tokio::test]
async fn closing_a_session_stops_what_runs_in_it() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let running = {
        let session = Arc::clone(&session);
        tokio::spawn(async move { run(&session, ENDLESS).await.map(|_| ()) })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    tokio::time::timeout(SOON, session.close()).await.unwrap();
    assert!(running.await.unwrap().is_err());
    assert!(run(&session, "SELECT 1").await.is_err());
}

#[tokio::test]
async fn a_result_that_nobody_reads_on_does_not_hold_its_session() {
    let fixture = Fixture::new();
    let session = DuckDbSession::open(fixture.engine.instance(), Holder::default(), Vec::new()).await.unwrap();
    let many = Statement::new("SELECT i FROM range(3000000) t(i)");
    let mut batches = session.execute(many).await.unwrap().rows.batches;
    let first = batches.next().await.unwrap().unwrap().num_rows();
    // It asks for the lane while something else has it, and then nobody polls it any more.
    let busy = session.hold().await;
    assert!(poll_fn(|cx| Poll::Ready(batches.as_mut().poll_next(cx).is_pending())).await);
    drop(busy);
    assert!(tokio::time::timeout(SOON, session.plan("SELECT 1")).await.unwrap().is_ok());
    let rest: usize = batches.map(|batch| batch.unwrap().num_rows()).collect::<Vec<_>>().await.iter().sum();
    assert_eq!(first + rest, 3_000_000);
}

#[tokio::test]
async fn leaving_a_result_while_its_rows_are_computed_leaves_the_transaction_as_it_is() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE t (i INT)").await;
    // Flat rows and nested ones are computed in different ways; either takes ever after its first rows.
    for (inserted, column) in [(1, "i"), (2, "[i]")] {
        session.begin().await.unwrap();
        rows(&session, "INSERT INTO t VALUES (1)").await;
        let sql = format!("SELECT {column} AS v FROM range(1000000000000) t(i) WHERE i < 70000 OR i = 999999999999");
        let mut batches = run(&session, &sql).await.unwrap().rows.batches;
        assert!(batches.next().await.unwrap().is_ok());
        assert!(tokio::time::timeout(Duration::from_millis(50), batches.next()).await.is_err());
        drop(batches);
        session.commit(None).await.unwrap();
        assert_eq!(number(&session, "SELECT count(*) FROM t").await, inserted);
    }
}

#[tokio::test]
async fn leaving_one_result_leaves_another_as_it_is() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    // Flat rows and nested ones are computed in different ways.
    for column in ["i", "[i]"] {
        let sql = format!("SELECT {column} AS v FROM range(1000000) t(i)");
        let mut one = run(&session, &sql).await.unwrap().rows.batches;
        assert!(one.next().await.unwrap().is_ok());
        let mut other = run(&session, &sql).await.unwrap().rows.batches;
        let mut rows = other.next().await.unwrap().unwrap().num_rows();
        // What it held is freed before the next rows of the other are fetched.
        drop(one);
        while let Some(batch) = other.next().await {
            rows += batch.unwrap().num_rows();
        }
        assert_eq!(rows, 1_000_000, "{column}");
    }
    assert_eq!(number(&session, "SELECT 1").await, 1);
}
