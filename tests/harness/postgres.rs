//! A private PostgreSQL server: in a temporary directory, on a free port of 127.0.0.1, and on nothing else.
//!
//! It runs the binaries of the Debian package. As root, which PostgreSQL refuses to run as, it runs them as the user
//! `postgres`. The server ends when the value is dropped, and also when the process that made it ends without dropping it
//! (a value in a `static`, a test that was killed): a small shell waits for that, and removes the directory too.

use std::io::{BufRead as _, BufReader, ErrorKind, Read};
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The superuser, and the password by which everybody logs in.
const USER: &str = "pintail";
const PASSWORD: &str = "a-secret-of-tests";
/// The longest that a start or an end may take: reached only when something is broken, however slow the machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// Waits for the end of its input, which is the end of the process that made the server, then ends the server and removes
/// the directory $1. A number in an old file may be another process's by now: only one that serves this directory is
/// meant.
const WATCH: &str = r#"
cat >/dev/null
pid="$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)"
serves() { [ -n "$pid" ] && tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -- "$1/data"; }
if serves "$1"; then
    children="$(cat "/proc/$pid/task/$pid/children")"
    kill -CONT $pid $children 2>/dev/null
    kill -QUIT "$pid"
    tries=0
    while serves "$1" && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
    if serves "$1"; then kill -KILL "$pid"; fi
fi
rm -rf "$1"
"#;

/// A PostgreSQL server.
pub struct Postgres {
    directory: PathBuf,
    binaries: PathBuf,
    /// As whom it runs: another user than this process's.
    account: Option<(u32, u32)>,
    settings: Vec<String>,
    port: u16,
    server: Mutex<Option<Child>>,
    log: Arc<Log>,
    watch: Child,
}

/// What the server wrote, a line an entry.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

impl Postgres {
    /// Makes a cluster and starts its server.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Makes a cluster and starts its server with settings such as `max_connections=5`.
    pub fn start_with(settings: &[&str]) -> Self {
        let account = account();
        let directory = new_directory(account);
        let watch = Command::new("sh")
            .args(["-c", WATCH, "sh"])
            .arg(&directory)
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell that watches this process");
        let mut postgres = Self {
            binaries: binaries(),
            account,
            settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
            port: 0,
            server: Mutex::new(None),
            log: Arc::default(),
            watch,
            directory,
        };
        postgres.initialize();
        // Another process may take the port in the moment between finding it free and using it.
        loop {
            postgres.port = free_port();
            match postgres.try_start() {
                Ok(()) => return postgres,
                Err(log) if log.contains("could not bind") || log.contains("Address already in use") => {}
                Err(log) => panic!("PostgreSQL did not start:\n{log}"),
            }
        }
    }

    /// Where it is, with user and password, for the database that every cluster has.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// Where a database of it is, whether there is one of this name or not.
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// The password in the URL, which must be seen nowhere else.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the server wrote until now, over all its starts.
    pub fn log(&self) -> Vec<String> {
        self.log.lines().clone()
    }

    /// Waits until the server has written a line that contains `text`, and tells its place in the [log](Self::log).
    pub fn logged(&self, text: &str) -> usize {
        let deadline = Instant::now() + DEADLINE;
        let mut lines = self.log.lines();
        loop {
            if let Some(at) = lines.iter().position(|line| line.contains(text)) {
                return at;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "PostgreSQL has not written {text} in time");
            lines = self.log.grown.wait_timeout(lines, left).expect("the log").0;
        }
    }

    /// Ends it as an administrator does: sessions are ended, with a word to their clients.
    pub fn stop(&self) {
        let mut server = self.server().take().expect("a server that runs");
        signal("INT", &[server.id()]);
        wait(&mut server);
    }

    /// Ends all its processes at once, without a word.
    pub fn kill(&self) {
        let mut server = self.server().take().expect("a server that runs");
        let pids = stopped(server.id());
        signal("KILL", &pids);
        wait(&mut server);
    }

    /// Lets all its processes stand still. What is sent to them is kept by the machine.
    pub fn pause(&self) {
        let server = self.server();
        stopped(server.as_ref().expect("a server that runs").id());
    }

    /// Lets its processes go on.
    pub fn resume(&self) {
        let server = self.server();
        let pid = server.as_ref().expect("a server that runs").id();
        signal("CONT", &with_children(pid));
    }

    /// Lets it run, whatever was done to it.
    pub fn ensure_runs(&self) {
        let running = self.server().as_ref().map(Child::id);
        match running {
            Some(pid) => signal("CONT", &with_children(pid)),
            None => self.restart(),
        }
    }

    /// Starts it again after [`stop`](Self::stop) or [`kill`](Self::kill), on the same port and the same data.
    pub fn restart(&self) {
        let begin = Instant::now();
        loop {
            match self.try_start() {
                Ok(()) => return,
                // Processes that were killed may take a moment to be gone.
                Err(log) if begin.elapsed() < DEADLINE && log.contains("still in use") => {}
                Err(log) => panic!("PostgreSQL did not start again:\n{log}"),
            }
        }
    }

    fn initialize(&self) {
        let password = self.directory.join("password");
        std::fs::write(&password, PASSWORD).expect("a password file");
        give(&password, self.account);
        let made = self
            .command("initdb")
            .args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--username", USER])
            .arg("--pwfile")
            .arg(&password)
            .arg("--pgdata")
            .arg(self.directory.join("data"))
            .stdin(Stdio::null())
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
    }

    /// Starts the server and waits until it accepts connections. What it said when it did not.
    fn try_start(&self) -> Result<(), String> {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.directory.join("data")).arg("-k").arg(&self.directory);
        command.args(["-p", &self.port.to_string()]);
        // Nothing here must survive a loss of power, and syncing is slow. A kill loses nothing all the same.
        for setting in ["listen_addresses=127.0.0.1", "fsync=off"] {
            command.args(["-c", setting]);
        }
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        let mut server = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("postgres runs; install the package postgresql");
        let seen = self.log.lines().len();
        let stderr = server.stderr.take().expect("its stderr");
        let log = self.log.clone();
        // The thread ends when the last process that could write has ended.
        std::thread::spawn(move || log.collect(stderr));

        let deadline = Instant::now() + DEADLINE;
        let mut lines = self.log.lines();
        loop {
            let new = lines.get(seen..).unwrap_or_default();
            if new.iter().any(|line| line.contains("database system is ready to accept connections")) {
                drop(lines);
                *self.server() = Some(server);
                return Ok(());
            }
            assert!(Instant::now() < deadline, "PostgreSQL is not ready in time:\n{}", new.join("\n"));
            if server.try_wait().expect("its status").is_some() {
                return Err(new.join("\n"));
            }
            // The wait for a line is broken off now and then to see whether the process is still there.
            lines = self.log.grown.wait_timeout(lines, Duration::from_millis(50)).expect("the log").0;
        }
    }

    /// A program of the package, run as the right user in the directory.
    fn command(&self, program: &str) -> Command {
        let program = self.binaries.join(program);
        let mut command = match self.account {
            None => Command::new(program),
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={user}")).arg(format!("--regid={group}")).arg("--clear-groups");
                command.arg("--").arg(program);
                command
            }
        };
        command.current_dir(&self.directory).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8");
        command
    }

    fn server(&self) -> MutexGuard<'_, Option<Child>> {
        self.server.lock().expect("the server")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Ok(Some(mut server)) = self.server.lock().map(|mut server| server.take()) {
            let pids = with_children(server.id());
            signal("CONT", &pids);
            signal("QUIT", &[server.id()]);
            wait(&mut server);
        }
        drop(self.watch.stdin.take());
        // It removes the directory; whatever came of that, the test has its verdict already.
        let _ = self.watch.wait();
    }
}

impl Log {
    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().expect("the log")
    }

    fn collect(&self, output: impl Read) {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            self.lines().push(line);
            self.grown.notify_all();
        }
    }
}

/// The user and group to run as, when this process is root.
fn account() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().expect("id runs");
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        text.parse().unwrap_or_else(|_| panic!("there is no user for `id {}`", arguments.join(" ")))
    };
    (id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])))
}

fn new_directory(account: Option<(u32, u32)>) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("pintail-postgres-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        match std::fs::DirBuilder::new().mode(0o700).create(&directory) {
            Ok(()) => {
                give(&directory, account);
                return directory;
            }
            // Left behind by an earlier process of this number.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => panic!("no directory {}: {error}", directory.display()),
        }
    }
}

fn give(path: &Path, account: Option<(u32, u32)>) {
    if let Some((user, group)) = account {
        chown(path, Some(user), Some(group)).expect("a file can be given away");
    }
}

/// The directory of the newest version's programs.
fn binaries() -> PathBuf {
    let version = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = versions.filter(|path| path.join("bin/initdb").exists()).max_by_key(version);
    let on_path = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).find(|directory| directory.join("initdb").exists())
    };
    newest
        .map(|path| path.join("bin"))
        .or_else(on_path)
        .expect("there is no PostgreSQL; install the package postgresql (tests/run.sh does)")
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// Stops a server so that it makes no new processes, and then those that it has. All of them, the server last.
fn stopped(server: u32) -> Vec<u32> {
    signal("STOP", &[server]);
    let pids = with_children(server);
    signal("STOP", &pids);
    pids
}

/// The processes of a server, itself last.
fn with_children(server: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{server}/task/{server}/children")).unwrap_or_default();
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).chain([server]).collect()
}

/// Sends a signal. A process that has ended by itself meanwhile is none to end.
fn signal(name: &str, pids: &[u32]) {
    let pids = pids.iter().map(u32::to_string);
    let sent = Command::new("sh")
        .args(["-c", "signal=$1; shift; for pid; do kill -s \"$signal\" \"$pid\" 2>/dev/null; done; :", "sh", name])
        .args(pids)
        .status();
    assert!(sent.expect("a shell").success(), "the signal {name} can't be sent");
}

fn wait(server: &mut Child) {
    let ended = server.wait();
    ended.expect("the server has ended");
}
