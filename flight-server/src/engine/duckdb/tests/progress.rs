//! How far a statement is.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_running_statement_tells_how_far_it_is() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    assert_eq!(session.progress(), None);
    rows(&session, "CREATE TABLE t AS SELECT i, i % 1000 AS g FROM range(2000000) t(i)").await;
    let running = tokio::spawn({
        let session = Arc::clone(&session);
        // It runs until it is dropped.
        async move { run(&session, "CREATE TABLE u AS SELECT count(*) AS n FROM t a, t b WHERE a.g + b.g = 17").await.err() }
    });
    loop {
        assert!(!running.is_finished(), "the statement ended before its time");
        if let Some(done) = session.progress() {
            assert!((0.0..=1.0).contains(&done), "{done}");
            break;
        }
        tokio::task::yield_now().await;
    }
    running.abort();
    assert!(running.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!(number(&session, "SELECT 1").await, 1);
    assert_eq!(session.progress(), None);
}

#[tokio::test]
async fn no_client_can_have_progress_printed() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    for sql in ["SET enable_progress_bar_print = true", "PRAGMA enable_print_progress_bar", "PRAGMA print_progress_bar"]
    {
        failure(&session, sql).await;
    }
}
