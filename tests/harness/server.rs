//! A `pintail serve` process.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::DEADLINE;

/// The user every server starts with, unless it is started [as another](Server::start_as).
pub const USER: (&str, &str) = ("ada", "correct horse battery staple");

/// The binary under test: `PINTAIL_BIN`, or the one built beside this test.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("PINTAIL_BIN") {
        return path.into();
    }
    // Tests lie in `<target>/<profile>/deps`, the binary in `<target>/<profile>`.
    let test = std::env::current_exe().expect("the path of this test");
    test.ancestors().nth(2).expect("a target directory").join("pintail")
}

/// The binary with an environment that configures nothing.
fn pintail() -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PINTAIL_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs `pintail` with `arguments` to its end, in an empty directory, and returns its exit status and output.
pub async fn run(arguments: &[&str]) -> std::process::Output {
    let directory = tempfile::tempdir().expect("a directory");
    let run = pintail().args(arguments).current_dir(directory.path()).stdin(Stdio::null()).output();
    timeout(DEADLINE, run).await.expect("the command ends in time").expect("the binary runs; build it first")
}

/// A server process, and the directory that outlives it.
pub struct Server {
    directory: Arc<TempDir>,
    configured: Option<(String, String)>,
    user: Option<(String, String)>,
    process: Child,
    readers: Vec<JoinHandle<()>>,
    log: Arc<Mutex<Vec<String>>>,
    ready: Value,
    checked: bool,
}

impl Server {
    /// Starts a server on free ports and an empty data directory, with `arguments` added to `serve`.
    pub async fn start(arguments: &[&str]) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().expect("a directory")), Some(USER), arguments).await
    }

    /// Starts a server that is told nothing but where to listen, so that it makes up its user, in an empty directory.
    pub async fn start_unconfigured() -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().expect("a directory")), None, &[]).await
    }

    /// Starts the next server on the data directory of one that has ended, with another user.
    pub async fn start_as(after: &Server, user: (&str, &str), arguments: &[&str]) -> Self {
        Self::start_in(after.directory.clone(), Some(user), arguments).await
    }

    /// Starts the next server on the data directory of one that has ended, with the same user, on new ports.
    pub async fn start_again(after: &Server, arguments: &[&str]) -> Self {
        let user = after.configured.as_ref().map(|(name, password)| (name.as_str(), password.as_str()));
        Self::start_in(after.directory.clone(), user, arguments).await
    }

    async fn start_in(directory: Arc<TempDir>, user: Option<(&str, &str)>, arguments: &[&str]) -> Self {
        let mut command = pintail();
        command
            .args(["serve", "--print-ready", "--log-format", "json"])
            // By the environment, so that every test shows that it counts.
            .envs([("PINTAIL_LISTEN", "127.0.0.1:0"), ("PINTAIL_HTTP", "127.0.0.1:0")])
            .args(arguments)
            .current_dir(directory.path());
        if let Some((name, password)) = user {
            let file = directory.path().join("password");
            std::fs::write(&file, password).expect("a password file");
            command.args(["--user", name, "--password-file"]).arg(file);
        }
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary runs; build it first");
        let log = Arc::new(Mutex::new(Vec::new()));
        let output = Arc::new(Mutex::new(Vec::new()));
        let stderr = process.stderr.take().expect("its stderr");
        let mut stdout = BufReader::new(process.stdout.take().expect("its stdout")).lines();
        let stderr_reader = tokio::spawn(collect(stderr, log.clone()));
        let ready = match timeout(DEADLINE, stdout.next_line()).await {
            Ok(Ok(Some(line))) => line,
            other => panic!("the server did not become ready ({other:?}); its log:\n{}", joined(&log)),
        };
        let ready: Value = serde_json::from_str(&ready).expect("the ready line is JSON");
        assert_eq!(ready["ready"], Value::Bool(true), "the ready line says so");
        let stdout_reader = tokio::spawn(collect(stdout.into_inner(), output));
        let configured = user.map(|(name, password)| (name.to_owned(), password.to_owned()));
        let told = |key: &str| ready[key].as_str().map(str::to_owned);
        let user = configured.clone().or_else(|| Some((told("user")?, told("password")?)));
        let readers = vec![stderr_reader, stdout_reader];
        Self { directory, configured, user, process, readers, log, ready, checked: false }
    }

    /// Where Flight SQL is served, as a URI a channel takes.
    pub fn flight(&self) -> String {
        self.ready["flight"].as_str().expect("a flight URI").replacen("grpc://", "http://", 1)
    }

    /// What the ready line said.
    pub fn ready(&self) -> &Value {
        &self.ready
    }

    /// Its user and the password: those it was started with, or those it made up and printed.
    pub fn user(&self) -> (&str, &str) {
        let (name, password) = self.user.as_ref().expect("a user and a password in the ready line");
        (name, password)
    }

    /// Where health is served: host and port.
    pub fn http(&self) -> &str {
        self.ready["http"]
            .as_str()
            .and_then(|uri| uri.strip_prefix("http://"))
            .expect("an HTTP URI")
            .trim_end_matches('/')
    }

    /// The directory that holds its data directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What it wrote to stderr until now, a line an entry.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("the log").clone()
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) {
        let id = self.process.id().expect("a process that has not been waited for");
        let id = Pid::from_raw(i32::try_from(id).expect("a process id")).expect("a process id");
        kill_process(id, signal).expect("the signal is sent");
    }

    /// Waits for the process to end, and for its last words.
    pub async fn ended(&mut self) -> ExitStatus {
        let status = timeout(DEADLINE, self.process.wait()).await.expect("the server ends in time");
        for reader in self.readers.drain(..) {
            reader.await.expect("its output is read");
        }
        status.expect("an exit status")
    }

    /// SIGKILL, and the check of its log.
    pub async fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.ended().await;
        self.check_log(&[]);
    }

    /// SIGTERM; the server must end by itself, with success, and have logged no WARN or ERROR.
    pub async fn finish(self) {
        self.finish_expecting(&[]).await;
    }

    /// SIGTERM; the server must end by itself, with success, and have logged no WARN or ERROR but those that hold
    /// one of `expected`.
    pub async fn finish_expecting(mut self, expected: &[&str]) {
        self.signal(Signal::TERM);
        let status = self.ended().await;
        assert!(status.success(), "SIGTERM ended the server with {status}; its log:\n{}", joined(&self.log));
        self.check_log(expected);
    }

    /// Fails on a WARN, an ERROR or a panic that holds none of `expected`, and on a secret in the log.
    pub fn check_log(&mut self, expected: &[&str]) {
        self.checked = true;
        for line in self.log() {
            let level =
                serde_json::from_str::<Value>(&line).ok().and_then(|line| Some(line["level"].as_str()?.to_owned()));
            let bad = matches!(level.as_deref(), Some("WARN" | "ERROR")) || line.contains("panicked at");
            assert!(!bad || expected.iter().any(|text| line.contains(text)), "unexpected in the server's log: {line}");
            // A password that was made up is printed, once; one that was given never.
            let secret = self.configured.as_ref().is_some_and(|(_, password)| line.contains(password));
            assert!(!secret, "the password is in the server's log");
            assert!(!line.contains("pt1."), "a token is in the server's log");
        }
    }
}

impl Drop for Server {
    /// A test that forgets to look at the log would hide what it is there to show.
    fn drop(&mut self) {
        if !self.checked && !std::thread::panicking() {
            panic!("end the server with kill, finish or finish_expecting, so that its log is checked");
        }
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", joined(&self.log));
        }
    }
}

async fn collect(output: impl AsyncRead + Unpin, lines: Arc<Mutex<Vec<String>>>) {
    let mut output = BufReader::new(output).lines();
    while let Ok(Some(line)) = output.next_line().await {
        lines.lock().expect("the lines").push(line);
    }
}

fn joined(log: &Mutex<Vec<String>>) -> String {
    log.lock().map(|lines| lines.join("\n")).unwrap_or_default()
}
