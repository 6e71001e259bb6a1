//! The data directory, and those that are opened to SQL.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, flock, statvfs};

use super::report::Check;
use crate::config::Config;

/// Free space under which results that are set aside will soon fail.
const LITTLE: u64 = 1 << 30;
/// Free space under which not even the session store can be relied on.
const TOO_LITTLE: u64 = 64 << 20;

/// The server that uses the data directory at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunningServer;

/// Whether a server uses the data directory: it holds the lock in it.
pub(super) fn running_server(data_dir: &Path) -> Option<RunningServer> {
    let file = File::options().read(true).write(true).open(data_dir.join("lock")).ok()?;
    // Closing the file gives the lock back, where it was free.
    flock(&file, FlockOperation::NonBlockingLockExclusive).is_err().then_some(RunningServer)
}

pub(super) fn data_directory(data_dir: &Path, server: Option<RunningServer>) -> Vec<Check> {
    let name = "data directory";
    let shown = data_dir.display();
    let existing = match data_dir.ancestors().find(|path| path.as_os_str().is_empty() || path.exists()) {
        Some(path) if !path.as_os_str().is_empty() => path,
        _ => Path::new("."),
    };
    if !existing.is_dir() {
        return vec![Check::fail(
            name,
            format!("{} is not a directory; give another with --data-dir", existing.display()),
        )];
    }
    let mut checks = Vec::new();
    checks.push(match tempfile::tempfile_in(existing) {
        Err(error) => {
            let whose = existing.display();
            Check::fail(name, format!("{whose} can't be written: {error}; change its owner, or give --data-dir"))
        }
        Ok(_) if server.is_some() => Check::ok(name, format!("{shown} can be written; a server uses it now")),
        Ok(_) if existing == data_dir => Check::ok(name, format!("{shown} can be written")),
        Ok(_) => Check::ok(name, format!("{shown} is made at the first start")),
    });
    checks.push(space(existing));
    checks
}

fn space(directory: &Path) -> Check {
    let name = "free space";
    match statvfs(directory) {
        Err(error) => Check::warn(name, format!("{} can't be asked: {error}", directory.display())),
        Ok(system) => {
            let free = system.f_bavail.saturating_mul(system.f_frsize);
            let told = format!("{} MiB are free for the data directory", free >> 20);
            match free {
                ..TOO_LITTLE => Check::fail(name, format!("{told}; make room, or give another with --data-dir")),
                TOO_LITTLE..LITTLE => {
                    Check::warn(name, format!("{told}; large results are set aside there: make room"))
                }
                _ => Check::ok(name, told),
            }
        }
    }
}

/// The directories of `--allow-files` and `--allow-writes`.
pub(super) fn opened_to_sql(config: &Config) -> Vec<Check> {
    let files = config.allow_files.iter().map(|path| ("--allow-files", path, false));
    let writes = config.allow_writes.iter().map(|path| ("--allow-writes", path, true));
    let check = |(flag, path, is_written): (&str, &std::path::PathBuf, bool)| {
        let name = format!("{flag} {}", path.display());
        let listed = fs::read_dir(path).map(|_| ());
        let used = listed.and_then(|()| if is_written { tempfile::tempfile_in(path).map(|_| ()) } else { Ok(()) });
        match used {
            Ok(()) => Check::ok(name, "can be used"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Check::fail(name, "there is none; make it"),
            Err(error) => Check::fail(name, format!("can't be used: {error}; change its owner or mode")),
        }
    };
    files.chain(writes).map(check).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::super::report::State;
    use super::*;

    #[test]
    fn a_directory_that_is_yet_to_be_made_is_well_and_a_file_in_its_place_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let checks = data_directory(&parent.path().join("a/b"), None);
        assert_eq!(checks[0].state, State::Ok);
        assert!(!parent.path().join("a").exists(), "it was made");
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(data_directory(&file, None)[0].state, State::Fail);
    }

    #[test]
    fn a_server_is_told_by_its_lock() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(running_server(directory.path()), None);
        let lock = File::create(directory.path().join("lock")).unwrap();
        assert_eq!(running_server(directory.path()), None);
        flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert_eq!(running_server(directory.path()), Some(RunningServer));
    }
}
