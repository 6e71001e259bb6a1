//! What a missing extension is told as, and what a loaded one does.

use std::path::PathBuf;

use super::*;
use crate::error::ErrorCode;

/// Where the test run has put the extensions icu and httpfs.
pub(super) fn extension_dir() -> Option<PathBuf> {
    std::env::var_os("TEST_EXTENSION_DIR").map(PathBuf::from)
}

#[tokio::test]
async fn a_missing_extension_is_named_with_the_command_that_gets_it() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    for (sql, name) in [
        ("SET TimeZone = 'Europe/Berlin'", "icu"),
        ("SELECT '2024-01-01 00:00:00 Europe/Berlin'::TIMESTAMPTZ", "icu"),
        ("SELECT icu_sort_key('a', 'de')", "icu"),
        ("SELECT ST_Area('POINT(1 2)'::GEOMETRY)", "spatial"),
        ("SELECT * FROM 'https://localhost/x.parquet'", "httpfs"),
        ("SELECT * FROM read_parquet('s3://bucket/x.parquet')", "httpfs"),
    ] {
        let error = failure(&session, sql).await;
        assert_eq!(error.code, ErrorCode::ExtensionMissing, "{sql}: {error}");
        let command = format!("pip install --target DIR duckdb-extension-{name}==1.5.5");
        assert!(error.message.contains(&command) && error.message.contains("--extension-dir DIR"), "{sql}: {error}");
        assert!(!error.message.contains("INSTALL "), "{sql}: {error}");
        assert!(
            session.plan(sql).await.is_ok_and(|plan| plan.schema.is_some()) || {
                let error = session.plan(sql).await.unwrap_err();
                error.code == ErrorCode::ExtensionMissing
            }
        );
    }
}

#[test]
fn a_broken_extension_ends_the_start_and_names_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("icu.duckdb_extension");
    std::fs::write(&file, vec![0; 4096]).unwrap();
    let open = |extension_dir| {
        DuckDb::open(DuckDbOptions {
            database: ":memory:".to_owned(),
            memory_limit: None,
            threads: Some(1),
            temp_dir: directory.path().to_owned(),
            temp_limit: None,
            allow_files: Vec::new(),
            allow_writes: Vec::new(),
            extension_dir: Some(extension_dir),
            receipt_age: std::time::Duration::from_secs(3600),
            lake: None,
            snapshots: None,
        })
        .map(|_| ())
        .unwrap_err()
    };
    let error = open(directory.path().to_owned());
    assert_eq!(error.code, ErrorCode::ExtensionMissing);
    assert!(error.message.contains(&file.display().to_string()), "{error}");
    assert!(open(directory.path().join("nowhere")).message.contains("--extension-dir"));
}

#[tokio::test]
async fn with_icu_the_time_zone_is_set_and_brought_back_and_the_wire_stays_utc() {
    let Some(directory) = extension_dir() else { return };
    let fixture = Fixture::with(|options| options.extension_dir = Some(directory));
    let session = fixture.session().await;
    assert_eq!(text(&session, "SELECT current_setting('TimeZone')").await, "UTC");
    let state = run(&session, "SET TimeZone = 'Europe/Berlin'").await.unwrap().state;
    assert_eq!(state.len(), 1, "{state:?}");
    let again = fixture.engine.open_session(&Holder::default(), &state).await.unwrap();
    for session in [&session, &again] {
        let sql =
            "SELECT '2024-07-01 12:00:00'::TIMESTAMPTZ AS t, ('2024-07-01 12:00:00+00'::TIMESTAMPTZ)::VARCHAR AS s";
        let batch = whole(session, sql).await;
        let arrow::datatypes::DataType::Timestamp(_, zone) = batch.column(0).data_type() else {
            panic!("no timestamp")
        };
        assert_eq!(zone.as_deref(), Some("UTC"));
        let micros = batch.column(0).as_primitive::<arrow::datatypes::TimestampMicrosecondType>().value(0);
        assert_eq!(micros, 1_719_828_000_000_000);
        assert_eq!(batch.column(1).as_string::<i32>().value(0), "2024-07-01 14:00:00+02");
    }
    // Others are as they were.
    assert_eq!(text(&fixture.session().await, "SELECT current_setting('TimeZone')").await, "UTC");
}
