//! Which files SQL reaches, and which it does not.

use super::*;
use crate::error::ErrorCode;

#[tokio::test]
async fn files_are_written_and_read_where_that_is_allowed() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let out = fixture.path("write/sub/out.parquet");
    let copied = run(&session, &format!("COPY (SELECT value FROM range(1000)) TO '{}'", out.display())).await.unwrap();
    assert_eq!((copied.changed, copied.is_update), (Some(1000), true));
    rows(&session, &format!("CREATE EXTERNAL TABLE back STORED AS PARQUET LOCATION '{}'", out.display())).await;
    assert_eq!(number(&session, "SELECT sum(value) FROM back").await, 499_500);

    let csv = fixture.path("read/d");
    std::fs::create_dir(&csv).unwrap();
    std::fs::write(csv.join("1.csv"), "a,b\n1,x\n").unwrap();
    let sql = format!(
        "CREATE EXTERNAL TABLE c STORED AS CSV LOCATION '{}/' OPTIONS ('format.has_header' 'true')",
        csv.display()
    );
    rows(&session, &sql).await;
    assert_eq!(number(&session, "SELECT sum(a) FROM c").await, 1);
    // A file that comes later is seen.
    std::fs::write(csv.join("2.csv"), "a,b\n41,x\n").unwrap();
    assert_eq!(number(&session, "SELECT sum(a) FROM c").await, 42);
}

#[tokio::test]
async fn everything_else_is_refused_and_the_flag_is_told() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let outside = fixture.path("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret.csv"), "a\n1\n").unwrap();
    std::os::unix::fs::symlink(&outside, fixture.path("read/link")).unwrap();
    std::os::unix::fs::symlink(&outside, fixture.path("write/link")).unwrap();
    std::os::unix::fs::symlink(outside.join("new.csv"), fixture.path("write/dangling.csv")).unwrap();
    std::fs::write(fixture.path("read/ok.csv"), "a\n1\n").unwrap();
    let read = |path: &str| format!("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '{path}'");
    let write = |path: &str| format!("COPY (SELECT 1) TO '{path}' STORED AS CSV");
    let at = |name: &str| fixture.path(name).display().to_string();
    for (sql, flag) in [
        (read(&at("outside/secret.csv")), "--allow-files"),
        (read(&format!("{}/", at("outside"))), "--allow-files"),
        (read(&at("read/../outside/secret.csv")), "--allow-files"),
        (read(&at("read/link/secret.csv")), "--allow-files"),
        (read("/etc/passwd"), "--allow-files"),
        (read(&format!("file://{}", at("outside/secret.csv"))), "--allow-files"),
        (write(&at("outside/out.csv")), "--allow-writes"),
        (write(&at("read/out.csv")), "--allow-writes"),
        (write(&at("write/../outside/out.csv")), "--allow-writes"),
        (write(&at("write/link/out.csv")), "--allow-writes"),
        (write(&at("write/dangling.csv")), "--allow-writes"),
        (read("s3://bucket/x.csv"), "dataset"),
        (read("http://127.0.0.1:1/x.csv"), "dataset"),
        (write("s3://bucket/x.csv"), "dataset"),
    ] {
        let error = failure(&session, &sql).await;
        assert_eq!(error.code, ErrorCode::StatementForbidden, "{sql}: {} {error}", error.sqlstate);
        assert_eq!(error.sqlstate.0, "42501");
        assert!(error.message.contains(flag), "{sql}: {error}");
    }
    assert!(std::fs::read_dir(&outside).unwrap().count() == 1, "something was written outside");
    // A link that leads out of a directory that may be read is not followed when the directory is read.
    rows(&session, &format!("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '{}/'", at("read"))).await;
    assert_eq!(number(&session, "SELECT count(*) FROM x").await, 1);
    let endless =
        format!("CREATE UNBOUNDED EXTERNAL TABLE u (a INT) STORED AS CSV LOCATION '{}'", at("outside/secret.csv"));
    assert_eq!(failure(&session, &endless).await.sqlstate.0, "0A000");
    assert_eq!(failure(&session, &format!("SELECT * FROM '{}'", at("outside/secret.csv"))).await.sqlstate.0, "42P01");
}

#[tokio::test]
async fn a_file_that_is_not_there_or_is_damaged_is_an_error_of_files() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    std::fs::write(fixture.path("read/bad.parquet"), "this is no parquet file").unwrap();
    let sql =
        format!("CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION '{}'", fixture.path("read/bad.parquet").display());
    let error = failure(&session, &sql).await;
    assert_eq!(error.sqlstate.0, "58030", "{error}");
}
