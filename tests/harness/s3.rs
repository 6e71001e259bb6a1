//! A `pintail-test-s3` process: a real S3 server over a directory.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::DEADLINE;
use crate::server::binary;

/// The key that opens every server.
pub const KEY: (&str, &str) = ("AKIDPINTAILTESTS", "a/secret+access=key");

/// An S3 server, and the directory whose directories are its buckets. It ends when it is dropped.
pub struct S3 {
    root: TempDir,
    endpoint: String,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl S3 {
    /// Starts a server without buckets.
    pub async fn start() -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let mut process = Command::new(binary().with_file_name("pintail-test-s3"))
            .arg(root.path())
            .args([KEY.0, KEY.1])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("pintail-test-s3 runs; build it first: cargo build --release -p pintail-tests");
        let input = process.stdin.take().expect("its stdin");
        let output = BufReader::new(process.stdout.take().expect("its stdout")).lines();
        let mut server = Self { root, endpoint: String::new(), input, output, _process: process };
        server.endpoint = server.told().await["endpoint"].as_str().expect("an endpoint").to_owned();
        server
    }

    /// Where it is, as a URL.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The directory of a bucket, which is there when this returns.
    pub fn bucket(&self, name: &str) -> std::path::PathBuf {
        let bucket = self.root.path().join(name);
        std::fs::create_dir_all(&bucket).expect("the directory of a bucket");
        bucket
    }

    /// Puts a file into a bucket.
    pub fn put(&self, bucket: &str, key: &str, from: &Path) {
        let to = self.bucket(bucket).join(key);
        std::fs::create_dir_all(to.parent().expect("a directory")).expect("the directory of an object");
        std::fs::copy(from, to).expect("the object is written");
    }

    /// From now on requests are answered `real`, or `deny`, `busy` or `hang` once `spared` more were answered.
    pub async fn answer(&mut self, answer: &str, spared: u64) {
        self.command(&format!("answer {answer} {spared}")).await;
    }

    /// Removes a bucket with all that is in it.
    pub async fn vanish(&mut self, bucket: &str) {
        self.command(&format!("vanish {bucket}")).await;
    }

    /// The requests that came since this was last asked, by operation: `ListObjectsV2`, `GetObject`, `HeadObject`, …
    pub async fn take_requests(&mut self) -> BTreeMap<String, u64> {
        serde_json::from_value(self.command("requests").await).expect("counts")
    }

    async fn command(&mut self, line: &str) -> Value {
        self.input.write_all(format!("{line}\n").as_bytes()).await.expect("the server takes commands");
        self.told().await
    }

    async fn told(&mut self) -> Value {
        let line = timeout(DEADLINE, self.output.next_line()).await.expect("the server answers in time");
        serde_json::from_str(&line.expect("its output").expect("a line")).expect("JSON")
    }
}
