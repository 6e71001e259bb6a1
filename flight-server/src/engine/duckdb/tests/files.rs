//! Files that COPY TO may write.

use super::*;

#[tokio::test]
async fn files_are_written_below_the_directories_for_it_and_nowhere_else() {
    let root = tempfile::tempdir().unwrap();
    let root_path = root.path().canonicalize().unwrap();
    let [writable, readable] = ["writable", "readable"].map(|name| {
        let path = root_path.join(name);
        std::fs::create_dir(&path).unwrap();
        path
    });
    std::fs::create_dir(writable.join("below")).unwrap();
    std::os::unix::fs::symlink(&readable, writable.join("link")).unwrap();
    std::os::unix::fs::symlink(readable.join("linked.csv"), writable.join("file-link.csv")).unwrap();
    let fixture = Fixture::with(|options| {
        options.allow_files = vec![readable.clone()];
        options.allow_writes = vec![writable.clone()];
    });
    let session = fixture.session().await;
    let (w, r) = (writable.display(), readable.display());
    for sql in [
        format!("COPY (SELECT 42 AS a) TO '{w}/x.csv'"),
        format!("COPY (SELECT 42 AS a) TO '{w}/below/x.parquet' (FORMAT parquet)"),
        format!("COPY (SELECT i, i % 2 AS p FROM range(10) t(i)) TO '{w}/parts' (FORMAT csv, PARTITION_BY (p))"),
        format!("COPY (SELECT 42 AS a) TO '{w}/x.csv'"),
        format!("EXPLAIN ANALYZE COPY (SELECT 42 AS a) TO '{w}/explained.csv'"),
    ] {
        rows(&session, &sql).await;
    }
    assert_eq!(number(&session, &format!("SELECT a FROM '{w}/x.csv'")).await, 42);
    assert_eq!(number(&session, &format!("SELECT count(*) FROM read_csv('{w}/parts/*/*.csv')")).await, 10);
    assert!(writable.join("explained.csv").is_file());

    for target in [
        format!("'{r}/x.csv'"),
        format!("'{w}/../readable/x.csv'"),
        format!("'{w}/link/x.csv'"),
        format!("'{w}/file-link.csv'"),
        format!("'{w}-other.csv'"),
        "'x.csv'".to_owned(),
        "'~/x.csv'".to_owned(),
        "'/dev/stdout'".to_owned(),
        format!("'file:{w}/x.csv'"),
        "'s3://bucket/x.csv'".to_owned(),
        format!("('{w}' || '/x.csv')"),
        format!("'{r}/parts' (FORMAT csv, PARTITION_BY (a))"),
        format!("'{w}/parts2' (FORMAT csv, PARTITION_BY (a), FILENAME_PATTERN '../../../readable/x{{i}}')"),
    ] {
        for before in ["", "EXPLAIN ANALYZE ", "PREPARE p AS ", "SELECT 1; "] {
            let sql = format!("{before}COPY (SELECT 1 AS a) TO {target}");
            let error = failure(&session, &sql).await;
            assert_eq!(error.sqlstate.0, "42501", "{sql}: {error}");
            assert!(error.message.contains("--allow-writes"), "{sql}: {error}");
        }
    }
    assert!(std::fs::read_dir(&readable).unwrap().next().is_none(), "something was written");
    assert_eq!(number(&session, "SELECT 1").await, 1);
}

#[tokio::test]
async fn what_is_refused_alone_is_refused_when_it_is_wrapped() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    for sql in [
        "EXPLAIN ANALYZE LOAD icu",
        "EXPLAIN ANALYZE SET GLOBAL pivot_limit = 3",
        "EXPLAIN ANALYZE PRAGMA enable_profiling",
    ] {
        failure(&session, sql).await;
    }
    assert_eq!(text(&session, "SELECT current_setting('pivot_limit')").await, "100000");
}
