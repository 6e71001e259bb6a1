//! Memory and disk: what statements and tables may hold.

use std::time::{Duration, Instant};

use super::*;

#[tokio::test]
async fn what_does_not_fit_is_spilled_or_refused_and_the_session_lives_on() {
    let fixture = Fixture::with_memory(24 << 20);
    let session = fixture.session().await;
    // A sort of more than the memory there is goes to disk.
    let sql = "SELECT value, repeat('x', 40) AS pad FROM range(1500000) ORDER BY value % 1000003 DESC, value";
    let sorted = rows(&session, sql).await;
    assert_eq!(sorted.iter().map(RecordBatch::num_rows).sum::<usize>(), 1_500_000);
    drop(sorted);
    // A table is never on disk.
    let error =
        failure(&session, "CREATE TABLE big AS SELECT value, repeat('x', 100) AS pad FROM range(1000000)").await;
    assert_eq!(error.sqlstate.0, "53200", "{error}");
    assert_eq!(failure(&session, "SELECT * FROM big").await.sqlstate.0, "42P01");
    assert_eq!(number(&session, "SELECT 1").await, 1);
}

#[tokio::test]
async fn tables_of_all_sessions_share_the_memory_and_give_it_back() {
    let fixture = Fixture::with_memory(48 << 20);
    let (one, other) = (fixture.session().await, fixture.session().await);
    let create = "CREATE TABLE t AS SELECT value, value + 1 AS next FROM range(2000000)";
    rows(&one, create).await;
    let held = fixture.engine.memory_used();
    // Two numbers of eight bytes a row.
    assert!(held >= 32_000_000, "{held}");
    assert_eq!(failure(&other, create).await.sqlstate.0, "53200");
    one.close().await;
    drop(one);
    rows(&other, create).await;
    rows(&other, "DROP TABLE t").await;
    // What computed the rows may be let go of a moment after their last one was had.
    let deadline = Instant::now() + Duration::from_secs(30);
    while fixture.engine.memory_used() != 0 {
        assert!(Instant::now() < deadline, "{} bytes are still held", fixture.engine.memory_used());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
