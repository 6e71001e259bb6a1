//! Clients read the datasets' files, and nothing else; and change nothing.

use arrow::array::Int64Array;
use arrow::datatypes::{DataType, Field, Schema};
use futures::StreamExt;

use super::*;
use crate::engine::{Ingest, IngestMode, IngestTable};

#[tokio::test]
async fn no_statement_of_a_client_changes_the_catalog_of_the_datasets() {
    let (fixture, files) = (Fixture::new(), Files::new());
    files.write("a.parquet", "SELECT 1 AS i");
    fixture.show(&source("d", files.url("a.parquet"), Format::Parquet)).await;
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE mine AS SELECT 1 AS i").await;
    for sql in [
        "CREATE TABLE datasets.t (i INT)",
        "CREATE TABLE datasets.main.t AS SELECT 1",
        "CREATE OR REPLACE VIEW datasets.main.d AS SELECT 2 AS i",
        "CREATE SCHEMA datasets.s",
        "CREATE TYPE datasets.main.ty AS ENUM ('a')",
        "CREATE MACRO datasets.main.m() AS 1",
        "CREATE SEQUENCE datasets.main.s",
        "DROP VIEW datasets.d",
        "DROP VIEW d",
        "DROP SCHEMA datasets.main CASCADE",
        "ALTER VIEW datasets.d RENAME TO e",
        "ALTER VIEW d RENAME TO e",
        "COMMENT ON VIEW datasets.d IS 'x'",
        "COMMENT ON COLUMN datasets.main.d.i IS 'x'",
        "ALTER DATABASE datasets RENAME TO others",
        "ALTER DATABASE memory RENAME TO others",
        "INSERT INTO d VALUES (1)",
        "DELETE FROM d",
        "UPDATE d SET i = 2",
        "USE datasets; CREATE TABLE t (i INT)",
        "PREPARE p AS DROP VIEW datasets.d; EXECUTE p",
        "BEGIN; DROP VIEW datasets.d",
        "EXPLAIN ANALYZE DROP VIEW datasets.d",
        "COPY datasets.main.d FROM 'dataset://d/a.parquet'",
        "DETACH datasets",
    ] {
        let error = failure(&session, sql).await;
        assert!(
            ["42501", "42601", "0A000", "42P01", "2BP01", "42704"].contains(&error.sqlstate.0),
            "{sql}: {} {error}",
            error.sqlstate
        );
        session.rollback().await.unwrap();
        rows(&session, "SET search_path = 'memory.main,datasets.main'").await;
        assert_eq!(number(&session, "SELECT i FROM d").await, 1, "{sql}");
        assert_eq!(
            text(
                &session,
                "SELECT string_agg(table_name) FROM information_schema.tables WHERE table_catalog = 'datasets'"
            )
            .await,
            "d",
            "{sql}"
        );
    }
    assert!(session.plan("DROP VIEW datasets.d").await.is_err());
    // What is the session's own may use them.
    rows(&session, "CREATE VIEW v AS SELECT i FROM d; CREATE TEMP TABLE tmp AS FROM d").await;
    rows(&session, "INSERT INTO mine FROM datasets.d").await;
    assert_eq!(number(&session, "SELECT sum(i) FROM (FROM mine UNION ALL FROM v UNION ALL FROM tmp)").await, 4);
}

#[tokio::test]
async fn no_rows_are_ingested_into_the_catalog_of_the_datasets() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let schema = Arc::new(Schema::new(vec![Field::new("i", DataType::Int64, true)]));
    let order = |catalog: Option<&str>, mode| {
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Int64Array::from(vec![1]))]).unwrap();
        let catalog = catalog.map(str::to_owned);
        let table = IngestTable { catalog, schema: None, name: "t".to_owned(), temporary: false };
        Ingest {
            table,
            mode,
            schema: Arc::clone(&schema),
            request: None,
            batches: futures::stream::iter([Ok(batch)]).boxed(),
        }
    };
    for mode in [IngestMode::Create, IngestMode::Replace, IngestMode::CreateAppend] {
        let error = session.ingest(order(Some("datasets"), mode)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::StatementForbidden, "{mode:?}: {error}");
    }
    session.set_location(Some("datasets"), None).await.unwrap();
    let error = session.ingest(order(None, IngestMode::Create)).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::StatementForbidden, "{error}");
    assert_eq!(session.ingest(order(Some("memory"), IngestMode::Create)).await.unwrap().rows, 1);
}

#[tokio::test]
async fn paths_lead_to_the_files_of_datasets_and_nowhere_else() {
    let (fixture, files) = (Fixture::new(), Files::new());
    files.write("d/a.parquet", "SELECT 1 AS i");
    files.write("d/_hidden/a.parquet", "SELECT 2 AS i");
    files.write("outside/b.parquet", "SELECT 3 AS i");
    std::os::unix::fs::symlink(files.path("outside/b.parquet"), files.path("d/link.parquet")).unwrap();
    std::os::unix::fs::symlink(files.path("outside"), files.path("d/linked")).unwrap();
    std::os::unix::fs::symlink(files.path("d/a.parquet"), files.path("named.parquet")).unwrap();
    let columns = [("i".to_owned(), SqlType::Integer)];
    fixture.engine.put_dataset(&source("d", files.url("d/"), Format::Parquet), &columns).await.unwrap();
    let session = fixture.session().await;
    assert_eq!(number(&session, "SELECT i FROM read_parquet('dataset://d/a.parquet')").await, 1);
    assert_eq!(number(&session, "SELECT i FROM read_parquet('dataset://D/a*')").await, 1);
    let root = files.directory.path().display();
    for path in [
        "dataset://d/../outside/b.parquet".to_owned(),
        "dataset://d/./a.parquet".to_owned(),
        "dataset://d//a.parquet".to_owned(),
        "dataset://d/%2e%2e/outside/b.parquet".to_owned(),
        "dataset://d/_hidden/a.parquet".to_owned(),
        "dataset://d/link.parquet".to_owned(),
        "dataset://d/linked/b.parquet".to_owned(),
        "dataset://d/b.parquet".to_owned(),
        "dataset://*/a.parquet".to_owned(),
        "dataset://other/a.parquet".to_owned(),
        "dataset://".to_owned(),
        "dataset:///etc/passwd".to_owned(),
        format!("dataset://d/{root}/outside/b.parquet"),
        format!("{root}/d/a.parquet"),
        format!("file://{root}/d/a.parquet"),
        "s3://lake/t/a.parquet".to_owned(),
        "http://127.0.0.1:1/a.parquet".to_owned(),
        "/etc/passwd".to_owned(),
    ] {
        for function in ["read_parquet", "read_text", "read_csv"] {
            let read = run(&session, &format!("SELECT * FROM {function}('{path}')")).await;
            let read = match read {
                Ok(outcome) => outcome.rows.batches.try_collect::<Vec<_>>().await,
                Err(error) => Err(error),
            };
            match read {
                // Of a path that matches no file, read_text reads nothing.
                Ok(batches) => assert!(function == "read_text" && batches.is_empty(), "{function} {path}"),
                Err(error) => {
                    let known = ["58030", "42501", "0A000"].contains(&error.sqlstate.0);
                    assert!(known, "{path}: {} {error}", error.sqlstate);
                }
            }
        }
    }
    // A link that leads out makes the dataset unreadable, which is said; one that the operator named is followed.
    let error = failure(&session, "SELECT * FROM d").await;
    assert!(error.message.contains("link") && error.message.contains("not in its directory"), "{error}");
    fixture.show(&source("named", files.url("named.parquet"), Format::Parquet)).await;
    assert_eq!(number(&session, "SELECT i FROM named").await, 1);
    for sql in ["COPY (SELECT 1 AS i) TO 'dataset://d/new.parquet'", "COPY (SELECT 1 AS i) TO 'dataset://d/a.parquet'"]
    {
        assert_eq!(failure(&session, sql).await.sqlstate.0, "42501", "{sql}");
    }
}

#[tokio::test]
async fn a_database_whose_catalog_has_the_name_of_the_datasets_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let options = |database: String| DuckDbOptions {
        database,
        memory_limit: None,
        threads: Some(1),
        temp_dir: directory.path().to_owned(),
        temp_limit: None,
        allow_files: Vec::new(),
        allow_writes: Vec::new(),
        extension_dir: None,
        receipt_age: std::time::Duration::from_secs(3600),
        lake: None,
        snapshots: None,
    };
    let open = |name: &str| DuckDb::open(options(directory.path().join(name).display().to_string()));
    let error = open("datasets.duckdb").err().unwrap();
    assert!(error.message.contains("another name"), "{error}");
    // One with an odd name is opened, and has its datasets.
    let engine = open("odd, \"name\".x.duckdb").unwrap();
    let session = engine.open_session(&Holder::default(), &[]).await.unwrap();
    rows(&session, "CREATE TABLE t AS SELECT 1 AS i").await;
    assert_eq!(number(&session, "SELECT i FROM t").await, 1);
    assert!(session.catalogs().await.unwrap().contains(&"datasets".to_owned()));
}
