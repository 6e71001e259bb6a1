//! A server in a process of its own, as an operator would run it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use super::error::DemoError;
use super::sample::SAMPLES;

/// How long a server may take to start, on a machine that is busy with other things.
const START: Duration = Duration::from_secs(60);
/// How long a node is believed to be alive without a word from it.
pub(super) const LEASE: Duration = Duration::from_secs(1);
/// The user of all nodes, and the file with the password.
const USER: &str = "pintail";
pub(super) const PASSWORD: &str = "password";
/// How long it may take to end when asked to.
const END: Duration = Duration::from_secs(10);

/// Where a server keeps its files, and where it listens.
pub(super) struct Place {
    /// Its name among its peers.
    pub(super) name: &'static str,
    /// What it shares with them: the session store, the secret, the password, the spool and the sample data.
    pub(super) shared: PathBuf,
    /// The address of Flight SQL.
    pub(super) listen: String,
    /// The address of health.
    pub(super) http: String,
}

impl Place {
    /// One on free ports.
    pub(super) fn new(name: &'static str, shared: &Path) -> Self {
        let any = "127.0.0.1:0".to_owned();
        Self { name, shared: shared.to_owned(), listen: any.clone(), http: any }
    }

    fn log(&self) -> PathBuf {
        self.shared.join(format!("{}.log", self.name))
    }

    fn arguments(&self) -> Vec<OsString> {
        let shared = |name: &str| self.shared.join(name).into_os_string();
        let mut store = OsString::from("sqlite:");
        store.push(shared("sessions.db"));
        let mut arguments: Vec<OsString> = ["serve", "--print-ready", "--log-format", "text"].map(Into::into).into();
        for (flag, value) in [
            ("--node-name", self.name.into()),
            ("--listen", self.listen.as_str().into()),
            ("--http", self.http.as_str().into()),
            ("--peer-listen", "127.0.0.1:0".into()),
            ("--node-lease", humantime::format_duration(LEASE).to_string().into()),
            ("--memory-limit", "1GiB".into()),
            ("--store", store),
            ("--cluster-secret-file", shared("secret")),
            ("--spool", shared("spool")),
            ("--data-dir", shared(self.name)),
            ("--user", USER.into()),
            ("--password-file", shared(PASSWORD)),
        ] {
            arguments.extend([flag.into(), value]);
        }
        for sample in SAMPLES {
            arguments.extend(["--dataset".into(), sample.dataset(&self.shared).into()]);
        }
        arguments
    }
}

/// What `--print-ready` says.
#[derive(Clone, Deserialize)]
pub(in crate::cli) struct Ready {
    /// The URI of Flight SQL.
    pub(super) flight: String,
    /// The URI of health.
    pub(super) http: String,
    /// The first user.
    pub(super) user: String,
    /// The first user's password, which a server does not tell that has read it from a file.
    #[serde(skip)]
    pub(super) password: String,
}

/// A server that serves. It is killed when this is dropped.
pub(super) struct Server {
    child: Child,
    /// Open as long as the server runs, so that nothing it prints fails.
    _stdout: BufReader<ChildStdout>,
    /// What it said when it was ready.
    pub(super) ready: Ready,
    log: PathBuf,
}

impl Server {
    /// Starts a server and waits until it serves.
    pub(super) async fn start(place: &Place) -> Result<Self, DemoError> {
        let log = place.log();
        let log_file = File::options().create(true).append(true).open(&log).map_err(DemoError::io("write a log"))?;
        let program = std::env::current_exe().map_err(DemoError::io("find the program"))?;
        let mut command = Command::new(program);
        command
            .args(place.arguments())
            // Its directory has no configuration file, and this environment is not meant for it.
            .current_dir(&place.shared)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .kill_on_drop(true);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PINTAIL_") {
                command.env_remove(name);
            }
        }
        let mut child = command.spawn().map_err(DemoError::io("start the server"))?;
        let not_ready = |reason: String| DemoError::NotReady { reason, log: tail(&log) };
        let stdout = child.stdout.take().ok_or_else(|| not_ready("it has no output".to_owned()))?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        match tokio::time::timeout(START, stdout.read_line(&mut line)).await {
            Err(_) => return Err(not_ready(format!("it was not ready after {START:?}"))),
            Ok(Err(error)) => return Err(not_ready(error.to_string())),
            Ok(Ok(0)) => {
                let status = child.wait().await.map_err(DemoError::io("wait for the server"))?;
                return Err(not_ready(status.to_string()));
            }
            Ok(Ok(_)) => {}
        }
        // The line has a password in it, so that it is not shown when it is not what it should be.
        let ready = serde_json::from_str(&line)
            .map_err(|error| not_ready(format!("its first line is not what it should be: {error}")))?;
        Ok(Self { child, _stdout: stdout, ready, log })
    }

    /// The id of the process, while it runs.
    pub(super) fn process(&self) -> Option<u32> {
        self.child.id()
    }

    /// Kills it with SIGKILL: it gets no chance to save or to say goodbye.
    pub(super) async fn kill(&mut self) -> Result<(), DemoError> {
        self.child.kill().await.map_err(DemoError::io("kill the server"))
    }

    /// Resolves when it ends by itself.
    pub(super) async fn ended(&mut self) -> DemoError {
        match self.child.wait().await {
            Ok(_) => DemoError::Ended { log: tail(&self.log) },
            Err(source) => DemoError::Io { what: "wait for the server", source },
        }
    }

    /// Asks it to end, and insists after a while.
    pub(super) async fn stop(mut self) {
        let process = self.process().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        // An error means that it has ended already.
        let _ = process.map(|process| kill_process(process, Signal::TERM));
        if tokio::time::timeout(END, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
