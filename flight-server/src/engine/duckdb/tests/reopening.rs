//! A database that DuckDB gives up, and that is opened anew.

use futures::{FutureExt, StreamExt};

use super::*;
use crate::error::ErrorCode;

/// DuckDB finds at its commit that it should not have changed what it has.
const GIVEN_UP: &str = "ALTER TABLE numbered ALTER i TYPE BIGINT USING i + nextval('numbers')";

#[tokio::test(flavor = "multi_thread")]
async fn what_duckdb_gives_up_is_opened_anew_once_it_can_be() {
    let fixture =
        Fixture::with(|options| options.database = options.temp_dir.join("file.duckdb").display().to_string());
    let (mine, other, third) = (fixture.session().await, fixture.session().await, fixture.session().await);
    rows(&mine, "CREATE SEQUENCE numbers").await;
    rows(&mine, "CREATE TABLE durable AS SELECT range AS i FROM range(1000)").await;
    rows(&mine, "CREATE TEMP TABLE numbered AS SELECT 1 AS i").await;
    let mut result = run(&other, "SELECT i FROM range(10000000) t(i)").await.unwrap().rows.batches;
    assert!(result.next().await.unwrap().is_ok());
    assert!(fixture.engine.broken().now_or_never().is_none() && !other.is_broken());

    let failed = failure(&mine, GIVEN_UP).await;
    assert_eq!((failed.code, failed.sqlstate.0), (ErrorCode::EngineFailed, "XX000"));
    assert_eq!(fixture.engine.broken().await, failed.message);
    assert!(mine.is_broken() && other.is_broken());
    // In the other session this would compute the rest of the result, which still can be.
    assert_eq!(failure(&third, "SELECT 1").await.code, ErrorCode::EngineUnavailable);

    // Something else is where the file was.
    let (file, aside) = (fixture.directory.path().join("file.duckdb"), fixture.directory.path().join("aside"));
    std::fs::rename(&file, &aside).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert!(fixture.engine.reopen().await.is_err());
    assert!(fixture.engine.broken().now_or_never().is_some(), "it has to be tried again");
    std::fs::remove_dir(&file).unwrap();
    std::fs::rename(&aside, &file).unwrap();
    fixture.engine.reopen().await.unwrap();

    assert!(fixture.engine.broken().now_or_never().is_none());
    let rest: Vec<_> = result.collect().await;
    assert!(rest.last().unwrap().is_err(), "it does not look complete");
    assert_eq!(failure(&mine, "SELECT 1").await.code, ErrorCode::SessionClosed);
    let again = fixture.session().await;
    assert_eq!(number(&again, "SELECT count(*) FROM durable").await, 1000);
    assert_eq!(number(&again, "SELECT nextval('numbers')").await, 1, "what was given up is rolled back");
}
