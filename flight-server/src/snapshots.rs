//! Where the contents of sessions are kept that are too large for the session store: the spool. A directory, or a place in an
//! object store, which the nodes of a cluster share.
//!
//! Each snapshot is written once, under a name of its own, and whole: who names it in the session store knows that it is there.
//! It is encrypted with a key of the cluster's secret, which also tells a damaged one, and one in another's place.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use tokio::runtime::Handle;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::dataset::{Reason, attempt};
use crate::error::{Error, ErrorCode, Result};
use crate::failpoint::failpoint;

/// What a snapshot begins with: what it is, and in which form.
const MAGIC: &[u8; 8] = b"pintail\x01";

/// The spool. Its calls wait for disks and networks: they are made where a thread may wait.
pub struct Snapshots {
    place: Place,
    key: LessSafeKey,
}

impl fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the key.
        match &self.place {
            Place::Directory(directory) => f.debug_tuple("Snapshots").field(directory).finish(),
            Place::Objects { path, .. } => f.debug_tuple("Snapshots").field(path).finish(),
        }
    }
}

/// Why contents can't be had; `58030` either way.
#[derive(Debug)]
pub enum NotHad {
    /// They are not there any more, or not what was written.
    ForGood(Error),
    /// The spool can't be reached, and they may be there.
    ForNow(Error),
}

impl From<NotHad> for Error {
    fn from((NotHad::ForGood(error) | NotHad::ForNow(error)): NotHad) -> Self {
        error
    }
}

enum Place {
    Directory(PathBuf),
    Objects { store: Arc<dyn ObjectStore>, path: object_store::path::Path, runtime: Handle },
}

impl Snapshots {
    /// A spool in a directory, which is made if it is not there.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn in_directory(directory: &Path, key: &Zeroizing<[u8; 32]>) -> Result<Self> {
        fs::create_dir_all(directory).map_err(|error| unusable(&error))?;
        Ok(Self { place: Place::Directory(directory.to_owned()), key: cipher(key)? })
    }

    /// A spool in an object store.
    ///
    /// # Errors
    /// When the key can't be used.
    pub fn in_store(
        store: Arc<dyn ObjectStore>,
        path: object_store::path::Path,
        runtime: Handle,
        key: &Zeroizing<[u8; 32]>,
    ) -> Result<Self> {
        Ok(Self { place: Place::Objects { store, path, runtime }, key: cipher(key)? })
    }

    /// Keeps contents for a session, and returns their name once they are durable.
    ///
    /// # Errors
    /// `58030` when they can't be written.
    pub fn put(&self, session: &str, mut contents: Vec<u8>) -> Result<Uuid> {
        let name = Uuid::new_v4();
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(Error::internal)?;
        let about = about(session, name);
        let sealed = self.key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(about.as_bytes()),
            &mut contents,
        );
        sealed.map_err(|_| Error::internal("a snapshot can't be encrypted"))?;
        match &self.place {
            Place::Directory(directory) => {
                let written = write_durably(&directory.join(session), name, &[MAGIC, &nonce, &contents]);
                written.map_err(|error| unusable(&error))?;
            }
            Place::Objects { store, path, runtime } => {
                let whole = [MAGIC.as_slice(), &nonce, &contents].concat();
                let at = object(path, session, name);
                let whole = PutPayload::from(whole);
                failpoint!("spool.before", unusable(&"a failpoint"));
                let put = runtime.block_on(attempt(|| store.put(&at, whole.clone())));
                put.map_err(|reason| unusable(&reason))?;
                failpoint!("spool.written", unusable(&"a failpoint"));
            }
        }
        Ok(name)
    }

    /// The contents of that name.
    ///
    /// # Errors
    /// [`NotHad`].
    pub fn get(&self, session: &str, name: Uuid) -> std::result::Result<Vec<u8>, NotHad> {
        let mut whole = match &self.place {
            Place::Directory(directory) => {
                fs::read(directory.join(session).join(file_name(name))).map_err(|error| match error.kind() {
                    // What is mounted there may come again.
                    io::ErrorKind::NotFound if directory.is_dir() => NotHad::ForGood(damaged(name)),
                    _ => NotHad::ForNow(unusable(&error)),
                })?
            }
            Place::Objects { store, path, runtime } => {
                let at = object(path, session, name);
                let read = runtime.block_on(attempt(async || store.get(&at).await?.bytes().await));
                let read = read.map_err(|reason| match reason {
                    Reason::Missing => NotHad::ForGood(damaged(name)),
                    _ => NotHad::ForNow(unusable(&reason)),
                });
                read?.to_vec()
            }
        };
        let sealed = whole.strip_prefix(MAGIC.as_slice()).and_then(|rest| rest.split_first_chunk::<NONCE_LEN>());
        let Some((nonce, _)) = sealed else { return Err(NotHad::ForGood(damaged(name))) };
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let about = about(session, name);
        let opened = self
            .key
            .open_within(nonce, Aad::from(about.as_bytes()), &mut whole, MAGIC.len() + NONCE_LEN..)
            .map_err(|_| NotHad::ForGood(damaged(name)))?
            .len();
        whole.truncate(opened);
        Ok(whole)
    }

    /// Forgets one snapshot. What can't be removed now goes with the session.
    pub fn remove(&self, session: &str, name: Uuid) {
        let removed = match &self.place {
            Place::Directory(directory) => {
                fs::remove_file(directory.join(session).join(file_name(name))).map_err(|error| error.to_string())
            }
            Place::Objects { store, path, runtime } => {
                let at = object(path, session, name);
                runtime.block_on(attempt(|| store.delete(&at))).map_err(|reason| reason.to_string())
            }
        };
        if let Err(error) = removed {
            tracing::debug!(session, %error, "a snapshot that is not needed any more could not be removed");
        }
    }

    /// The names of the sessions for which something is kept.
    ///
    /// # Errors
    /// `58030` when it can't be looked at.
    pub fn sessions(&self) -> Result<Vec<String>> {
        match &self.place {
            Place::Directory(directory) => {
                let entries = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
                let entries = entries.map_err(|error| unusable(&error))?;
                Ok(entries.into_iter().filter_map(|entry| entry.file_name().into_string().ok()).collect())
            }
            Place::Objects { store, path, runtime } => {
                let listed = runtime.block_on(attempt(|| store.list_with_delimiter(Some(path))));
                let prefixes = listed.map_err(|reason| unusable(&reason))?.common_prefixes;
                Ok(prefixes.iter().filter_map(|prefix| prefix.filename().map(str::to_owned)).collect())
            }
        }
    }

    /// Forgets all that is kept for a session which has ended.
    pub fn remove_all(&self, session: &str) {
        let removed = match &self.place {
            Place::Directory(directory) => match fs::remove_dir_all(directory.join(session)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.to_string()),
                _ => Ok(()),
            },
            Place::Objects { store, path, runtime } => {
                runtime.block_on(remove_below(&**store, &path.clone().join(session)))
            }
        };
        if let Err(error) = removed {
            tracing::warn!(session, %error, "the snapshots of a session that has ended could not be removed");
        }
    }
}

async fn remove_below(store: &dyn ObjectStore, path: &object_store::path::Path) -> std::result::Result<(), String> {
    use futures::TryStreamExt as _;

    let list = || store.list(Some(path)).try_collect::<Vec<_>>();
    for object in attempt(list).await.map_err(|reason| reason.to_string())? {
        attempt(|| store.delete(&object.location)).await.map_err(|reason| reason.to_string())?;
    }
    Ok(())
}

fn cipher(key: &Zeroizing<[u8; 32]>) -> Result<LessSafeKey> {
    let key = UnboundKey::new(&AES_256_GCM, key.as_slice());
    key.map(LessSafeKey::new).map_err(|_| Error::internal("the key of the spool can't be used"))
}

/// What is sealed with the contents: a snapshot in another's place is none.
fn about(session: &str, name: Uuid) -> String {
    format!("{session}/{name}")
}

fn file_name(name: Uuid) -> String {
    format!("{name}.snapshot")
}

fn object(path: &object_store::path::Path, session: &str, name: Uuid) -> object_store::path::Path {
    path.clone().join(session).join(file_name(name))
}

/// Writes a file that is there whole, or not at all, whatever happens.
fn write_durably(directory: &Path, name: Uuid, parts: &[&[u8]]) -> io::Result<()> {
    if !directory.is_dir() {
        fs::create_dir_all(directory)?;
        if let Some(parent) = directory.parent() {
            File::open(parent)?.sync_all()?;
        }
    }
    let (made, kept) = (directory.join(format!("{name}.making")), directory.join(file_name(name)));
    let written = (|| {
        failpoint!("spool.before", io::Error::other("a failpoint"));
        let mut file = File::create_new(&made)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_all()?;
        failpoint!("spool.written", io::Error::other("a failpoint"));
        fs::rename(&made, &kept)?;
        failpoint!("spool.named", io::Error::other("a failpoint"));
        File::open(directory)?.sync_all()
    })();
    if written.is_err() {
        // What was begun is of no use, and may be what filled the disk.
        let _ = fs::remove_file(&made);
    }
    written
}

fn unusable(error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorCode::SpoolUnavailable, format!("the spool can't be used: {error}"))
}

fn damaged(name: Uuid) -> Error {
    let what = format!("the snapshot {name} in the spool is gone, not what was written there, or of another cluster");
    Error::new(ErrorCode::SpoolUnavailable, what)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use object_store::memory::InMemory;

    use super::*;

    fn key(byte: u8) -> Zeroizing<[u8; 32]> {
        Zeroizing::new([byte; 32])
    }

    fn spools() -> Vec<(Snapshots, tempfile::TempDir, tokio::runtime::Runtime)> {
        let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let directory = || tempfile::tempdir().unwrap();
        let (one, other) = (directory(), directory());
        let (first, second) = (runtime(), runtime());
        let in_directory = Snapshots::in_directory(&one.path().join("spool"), &key(1)).unwrap();
        let store = Arc::new(InMemory::new());
        let in_store = Snapshots::in_store(store, "a/b".into(), second.handle().clone(), &key(1)).unwrap();
        vec![(in_directory, one, first), (in_store, other, second)]
    }

    #[test]
    fn what_was_put_is_had_back_until_it_is_removed() {
        for (spool, _directory, _runtime) in spools() {
            let name = spool.put("s1", b"contents".to_vec()).unwrap();
            let empty = spool.put("s1", Vec::new()).unwrap();
            let other = spool.put("s2", b"other".to_vec()).unwrap();
            assert_eq!(spool.get("s1", name).unwrap(), b"contents");
            assert_eq!(spool.get("s1", empty).unwrap(), b"");
            spool.remove("s1", name);
            assert_eq!(Error::from(spool.get("s1", name).unwrap_err()).code, ErrorCode::SpoolUnavailable);
            spool.remove_all("s1");
            spool.remove_all("s1");
            assert!(spool.get("s1", empty).is_err());
            assert_eq!(spool.get("s2", other).unwrap(), b"other");
        }
    }

    #[test]
    fn what_is_damaged_or_in_anothers_place_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Snapshots::in_directory(directory.path(), &key(1)).unwrap();
        let name = spool.put("s", b"contents".to_vec()).unwrap();
        let path = directory.path().join("s").join(file_name(name));
        let whole = fs::read(&path).unwrap();
        assert!(!whole.windows(8).any(|bytes| bytes == b"contents"), "nobody reads it who has not the key");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            assert!(spool.get("s", name).is_err(), "byte {at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert!(spool.get("s", name).is_err(), "cut at {at}");
        }
        let other = spool.put("s", b"other".to_vec()).unwrap();
        fs::copy(directory.path().join("s").join(file_name(other)), &path).unwrap();
        assert!(spool.get("s", name).is_err());
        fs::write(&path, whole).unwrap();
        assert_eq!(spool.get("s", name).unwrap(), b"contents");
        let stranger = Snapshots::in_directory(directory.path(), &key(2)).unwrap();
        assert!(stranger.get("s", name).is_err());
    }
}
