//! The data directory: everything a server writes, and the lock that keeps a second server away from it.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use thiserror::Error;
use uuid::Uuid;

/// A data directory that this process alone uses, until the value is dropped or the process ends in whatever way.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    home: Uuid,
    /// The kernel lets go of the lock when this closes, so that no crash leaves it behind.
    _lock: File,
}

/// Why a data directory cannot be used.
#[derive(Debug, Error)]
pub(super) enum DataDirError {
    /// Another process has it.
    #[error(
        "another server{} uses the data directory {}; stop it, or give this one another directory with --data-dir",
        .process.map(|id| format!(" (process {id})")).unwrap_or_default(), .path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The other process, where it said so.
        process: Option<u32>,
    },
    /// It, or a file in it, cannot be made or read.
    #[error("cannot use {} in the data directory (--data-dir): {source}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file with the node's id holds something else.
    #[error("{} does not hold the id of a node; restore it, or remove it to give up the sessions of this directory", .0.display())]
    NodeId(PathBuf),
}

impl DataDir {
    /// Makes the directory where there is none (readable for its owner only), locks it, and reads the node's id.
    pub(super) fn open(path: &Path) -> Result<Self, DataDirError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| DataDirError::Io { path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))?;
        let lock = lock(path)?;

        let id_file = path.join("node-id");
        let text = read_or_create(&id_file, || Uuid::new_v4().to_string()).map_err(at(&id_file))?.0;
        let home = text.trim().parse().map_err(|_| DataDirError::NodeId(id_file))?;

        // What a killed server spilled to disk is of no use to anybody.
        let temp = path.join("tmp");
        match fs::remove_dir_all(&temp) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&temp)(error)),
            _ => DirBuilder::new().mode(0o700).create(&temp).map_err(at(&temp))?,
        }
        Ok(Self { path: path.to_owned(), home, _lock: lock })
    }

    /// The directory itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Who the node is over all its starts on this directory.
    pub(super) fn home(&self) -> Uuid {
        self.home
    }

    /// An empty directory for what an engine cannot hold in memory.
    #[cfg(any(feature = "datafusion", feature = "duckdb", test))]
    pub(super) fn temp(&self) -> PathBuf {
        self.path.join("tmp")
    }
}

fn lock(directory: &Path) -> Result<File, DataDirError> {
    let path = directory.join("lock");
    let fail = |source| DataDirError::Io { path: path.clone(), source };
    let mut file =
        File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(fail)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            let mut text = String::new();
            let process = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            return Err(DataDirError::InUse { path: directory.to_owned(), process });
        }
        Err(error) => return Err(fail(error.into())),
    }
    // Only for the message above: the lock itself does not depend on it.
    file.set_len(0).and_then(|()| file.rewind()).map_err(fail)?;
    writeln!(file, "{}", std::process::id()).map_err(fail)?;
    Ok(file)
}

/// Reads the file, or makes it with what `content` gives; also whether it was made. It appears whole or not at all,
/// and is readable for its owner only.
pub(super) fn read_or_create(path: &Path, content: impl FnOnce() -> String) -> io::Result<(String, bool)> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        result => return result.map(|text| (text, false)),
    }
    let text = content();
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    writeln!(file, "{text}")?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    Ok((text, true))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_directory_is_private_and_keeps_its_node_id() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let first = DataDir::open(&path).unwrap();
        assert_eq!((mode(&path), mode(&path.join("node-id")), mode(&first.temp())), (0o700, 0o600, 0o700));
        fs::write(first.temp().join("spilled"), "x").unwrap();
        let home = first.home();
        drop(first);
        let second = DataDir::open(&path).unwrap();
        assert_eq!(second.home(), home);
        assert!(fs::read_dir(second.temp()).unwrap().next().is_none());
    }

    #[test]
    fn a_second_server_on_the_same_directory_is_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let _first = DataDir::open(directory.path()).unwrap();
        let text = DataDir::open(directory.path()).unwrap_err().to_string();
        assert!(text.starts_with(&format!("another server (process {}) uses", std::process::id())), "{text}");
        assert!(text.contains("--data-dir"), "{text}");
    }

    #[test]
    fn a_damaged_node_id_is_not_replaced_in_silence() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("node-id"), "?").unwrap();
        assert!(matches!(DataDir::open(directory.path()), Err(DataDirError::NodeId(_))));
        assert_eq!(fs::read_to_string(directory.path().join("node-id")).unwrap(), "?");
    }
}
