//! `pintail dataset` beside a running server: what is added is a table, what is sick says so, what is removed is gone.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use pintail_tests::server::run;
use pintail_tests::{Client, DEADLINE, Server};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// How long after a change is looked for again.
const PAUSE: Duration = Duration::from_millis(100);

/// The command line, on the store of one server.
struct Datasets {
    data_dir: String,
    files: TempDir,
}

impl Datasets {
    fn of(server: &Server) -> Self {
        Self::at(&server.directory().join("pintail-data"))
    }

    fn at(data_dir: &Path) -> Self {
        Self { data_dir: data_dir.to_str().unwrap().to_owned(), files: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.file(name), text).unwrap();
        self.path(name)
    }

    fn path(&self, name: &str) -> String {
        self.file(name).to_str().unwrap().to_owned()
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        run(&[&["dataset"], arguments, &["--data-dir", &self.data_dir]].concat()).await
    }

    /// Runs a command that succeeds and has no data to print.
    async fn done(&self, arguments: &[&str]) {
        let output = self.run(arguments).await;
        assert!(output.status.success() && output.stdout.is_empty(), "{arguments:?}: {output:?}");
    }

    /// Runs a command that ends with this status, prints no data, and complains with this text.
    async fn refused(&self, arguments: &[&str], status: i32, complaint: &str) -> String {
        let output = self.run(arguments).await;
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {told}");
        assert!(output.stdout.is_empty() && told.contains(complaint), "{arguments:?}: {told}");
        told
    }

    async fn list(&self) -> Vec<Value> {
        let output = self.run(&["ls", "--format", "json"]).await;
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("rows in JSON")
    }

    /// The row of a dataset as soon as it is as it should be.
    async fn until(&self, name: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let rows = self.list().await;
            let row = rows.iter().find(|row| row["name"] == name);
            match row {
                Some(row) if is_so(row) => return row.clone(),
                _ => assert!(Instant::now() < deadline, "{name} never was {what}: {rows:?}"),
            }
            sleep(PAUSE).await;
        }
    }

    async fn until_ok(&self, name: &str) -> Value {
        self.until(name, "ok", |row| row["state"] == "ok").await
    }

    async fn until_failed(&self, name: &str) -> String {
        let row = self.until(name, "failed", |row| state(row).starts_with("failed: ")).await;
        state(&row).to_owned()
    }
}

fn state(row: &Value) -> &str {
    row["state"].as_str().expect("a state")
}

/// Waits until a query fails because there is no such table.
async fn until_gone(client: &Client, sql: &str) {
    let deadline = Instant::now() + DEADLINE;
    while client.query(sql).await.is_ok() {
        assert!(Instant::now() < deadline, "{sql} still succeeds");
        sleep(PAUSE).await;
    }
}

#[tokio::test]
async fn what_is_added_to_a_running_server_is_a_table_until_it_is_removed() {
    let server = Server::start(&[]).await;
    let datasets = Datasets::of(&server);
    let client = Client::connect(&server).await;
    let path = datasets.write("trips.csv", "id,km\n1,10\n2,32\n");
    datasets.done(&["add", "trips", &path]).await;
    let row = datasets.until_ok("trips").await;
    assert_eq!((&row["format"], &row["source"], &row["columns"]), (&"csv".into(), &"store".into(), &2.into()));
    assert_eq!(row["url"], format!("file://{path}"));
    assert_eq!(client.value("SELECT sum(km) FROM trips").await.unwrap(), "42");
    assert_eq!(client.value("SELECT sum(km) FROM datasets.main.trips").await.unwrap(), "42");

    datasets.refused(&["add", "TRIPS", &path], 1, "--replace").await;
    let other = datasets.write("other.csv", "km\n7\n");
    datasets.done(&["add", "trips", &other, "--replace"]).await;
    let row = datasets.until_ok("trips").await;
    assert_eq!(row["columns"], 1);
    assert_eq!(client.value("SELECT sum(km) FROM trips").await.unwrap(), "7");

    datasets.done(&["rm", "trips"]).await;
    assert!(datasets.list().await.is_empty());
    until_gone(&client, "SELECT * FROM trips").await;
    assert!(datasets.file("other.csv").exists(), "files stay");
    server.finish().await;
}

#[tokio::test]
async fn one_that_can_not_be_read_says_so_harms_no_other_and_heals() {
    let server = Server::start(&["--dataset-refresh", "1s"]).await;
    let datasets = Datasets::of(&server);
    let client = Client::connect(&server).await;
    datasets.done(&["add", "sick", &datasets.path("sick.csv")]).await;
    datasets.done(&["add", "well", &datasets.write("well.csv", "n\n1\n")]).await;
    datasets.until_ok("well").await;
    let failed = datasets.until_failed("sick").await;
    assert!(failed.contains("there is no file"), "{failed}");
    assert_eq!(client.value("SELECT n FROM well").await.unwrap(), "1");
    datasets.write("sick.csv", "n\n2\n");
    datasets.until_ok("sick").await;
    assert_eq!(client.value("SELECT n FROM sick").await.unwrap(), "2");
    server.finish().await;
}

#[tokio::test]
async fn a_refresh_on_demand_finds_new_columns() {
    let server = Server::start(&["--dataset-refresh", "1h"]).await;
    let datasets = Datasets::of(&server);
    let client = Client::connect(&server).await;
    datasets.done(&["add", "d", &datasets.write("d.csv", "a\n1\n")]).await;
    datasets.until_ok("d").await;
    datasets.write("d.csv", "a,b\n1,5\n");
    datasets.done(&["refresh", "d"]).await;
    datasets.until("d", "described anew", |row| row["columns"] == 2 && row["state"] == "ok").await;
    assert_eq!(client.value("SELECT b FROM d").await.unwrap(), "5");
    datasets.write("d.csv", "a,b,c\n1,5,8\n");
    datasets.done(&["refresh"]).await;
    datasets.until("d", "described anew", |row| row["columns"] == 3 && row["state"] == "ok").await;
    server.finish().await;
}

#[tokio::test]
async fn a_server_has_its_datasets_when_it_says_that_it_is_ready() {
    let server = Server::start(&[]).await;
    let mut first = server;
    let datasets = Datasets::of(&first);
    datasets.done(&["add", "stored", &datasets.write("stored.csv", "n\n1\n")]).await;
    first.kill().await;
    let configured = format!("mine={}", datasets.write("mine.csv", "n\n2\n"));
    let server = Server::start_again(&first, &["--dataset", &configured]).await;
    let client = Client::connect(&server).await;
    assert_eq!(client.value("SELECT n FROM stored").await.unwrap(), "1");
    assert_eq!(client.value("SELECT n FROM mine").await.unwrap(), "2");
    // The command knows of it through the server only.
    let row = datasets.until_ok("mine").await;
    assert_eq!(row["source"], "config");
    server.finish().await;
}

#[tokio::test]
async fn what_can_not_be_is_refused_with_the_status_that_says_so() {
    let home = tempfile::tempdir().unwrap();
    let datasets = Datasets::at(&home.path().join("data"));
    datasets.refused(&["ls"], 1, "there is no session store").await;
    datasets.refused(&["rm", "d"], 1, "there is no session store").await;
    // Before a server has ever run.
    datasets.done(&["add", "flights", "s3://lake/flights/*.parquet"]).await;
    datasets.refused(&["rm", "flight"], 1, "did you mean `flights`?").await;
    datasets.refused(&["refresh", "flight"], 1, "did you mean `flights`?").await;
    for (arguments, complaint) in [
        (&["add", "a-b", "/a.csv"][..], "no name of a dataset"),
        (&["add", "d", "/a"], "--format"),
        (&["add", "d", "ftp://h/a.csv"], "`ftp`"),
        (&["add", "d", "/a.csv", "--format", "orc"], "orc"),
        (&["add", "d", "/a.csv", "--secret", "s"], "leave the secret out"),
        (&["add", "d"], "URL"),
        (&["add", "d", "https://me:hunter2@h/a.csv"], "secret of the configuration"),
        (&["add", "d", "https://h/a.csv?X-Amz-Signature=hunter2"], "secret of the configuration"),
    ] {
        let told = datasets.refused(arguments, 2, complaint).await;
        assert!(!told.contains("hunter2"), "{told}");
    }
    let rows = datasets.list().await;
    assert_eq!((rows.len(), &rows[0]["name"], state(&rows[0])), (1, &"flights".into(), "new"));
    let table = datasets.run(&["ls"]).await;
    assert!(String::from_utf8(table.stdout).unwrap().starts_with("name     format   url  "));
    let csv = datasets.run(&["ls", "--format", "csv"]).await;
    let csv = String::from_utf8(csv.stdout).unwrap();
    assert_eq!(csv.lines().nth(1), Some("flights,parquet,s3://lake/flights/*.parquet,,store,,new"));
}
