//! The cluster secret: one file all nodes share, and the keys derived from it.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac as _};
use sha2::digest::generic_array::GenericArray;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// The fewest bytes a secret may have.
const LEAST_BYTES: usize = 32;

/// How many random bytes a new secret is made of; the file holds them as hexadecimal digits, so that it can be copied
/// to another node as text.
const NEW_BYTES: usize = 32;

/// What a derived key is for. Keys of different purposes say nothing about each other or about the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Hashing session tokens for the store.
    Token,
    /// Signing tickets.
    Ticket,
    /// Signing cookies.
    Cookie,
    /// Showing peers that a call comes from one of them.
    Peer,
    /// Encrypting what is kept in the spool.
    Spool,
    /// Signing the handles of prepared statements.
    Prepared,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Token => b"pintail/v1/token",
            Self::Ticket => b"pintail/v1/ticket",
            Self::Cookie => b"pintail/v1/cookie",
            Self::Peer => b"pintail/v1/peer",
            Self::Spool => b"pintail/v1/spool",
            Self::Prepared => b"pintail/v1/prepared",
        }
    }
}

/// Why there is no usable secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file could not be read or made.
    #[error("the cluster secret {path} cannot be {action}: {source}; check the folder and its permissions")]
    File {
        /// Which file.
        path: PathBuf,
        /// What was tried: `read` or `created`.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Too short to be a secret.
    #[error(
        "the cluster secret has {length} bytes, but needs at least {LEAST_BYTES}; remove its file to have a new one \
         made, or write one with `head -c 32 /dev/urandom | xxd -p -c 64`"
    )]
    TooShort {
        /// How many bytes it has.
        length: usize,
    },
    /// The system has no randomness to make one from.
    #[error("no random bytes could be had from the system to make a cluster secret: {0}")]
    Random(getrandom::Error),
}

/// The secret that all nodes of a cluster share.
#[derive(Clone)]
pub struct ClusterSecret(Zeroizing<Vec<u8>>);

impl ClusterSecret {
    /// A secret from the bytes themselves, such as an operator's own.
    ///
    /// # Errors
    /// When there are fewer than 32.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, SecretError> {
        let bytes = Zeroizing::new(bytes.into());
        if bytes.len() < LEAST_BYTES {
            return Err(SecretError::TooShort { length: bytes.len() });
        }
        Ok(Self(bytes))
    }

    /// Reads the secret from the file at `path`, whose bytes it is without trailing white space; makes the file, for
    /// its owner's eyes only, when there is none.
    ///
    /// Processes that start at the same moment agree: the file appears whole or not at all, the first one wins, and
    /// the others read it.
    ///
    /// # Errors
    /// When the file can be neither read nor made, or holds too few bytes.
    pub fn read_or_create(path: &Path) -> Result<Self, SecretError> {
        match read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(path)?,
            Err(source) => return Err(SecretError::File { path: path.to_owned(), action: "read", source }),
            Ok(bytes) => return Self::new(bytes),
        }
        // Read back what is there now: another process may have been first.
        let bytes = read(path).map_err(|source| SecretError::File { path: path.to_owned(), action: "read", source })?;
        Self::new(bytes)
    }

    /// The key for one purpose: HMAC-SHA256 of the purpose's label under the secret.
    pub fn derive(&self, purpose: Purpose) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(keyed_hash(&self.0, &[purpose.label()]))
    }
}

impl fmt::Debug for ClusterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterSecret(..)")
    }
}

/// HMAC-SHA256 over `parts`, one after the other.
pub(super) fn keyed_hash(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC pads a key to the block of its hash, and hashes a longer one first. Done here, making the MAC cannot fail.
    let mut block = Zeroizing::new([0u8; 64]);
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let mut mac = Hmac::<Sha256>::new(GenericArray::from_slice(block.as_ref()));
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = fs::read(path)?;
    bytes.truncate(bytes.trim_ascii_end().len());
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o007 != 0 {
        tracing::warn!(path = %path.display(), mode = format_args!("{:o}", mode & 0o777), "every user of this machine can open the cluster secret; chmod 600 it");
    }
    Ok(bytes)
}

fn create(path: &Path) -> Result<(), SecretError> {
    let failed = |source| SecretError::File { path: path.to_owned(), action: "created", source };
    let mut random = Zeroizing::new([0u8; NEW_BYTES]);
    getrandom::fill(random.as_mut()).map_err(SecretError::Random)?;
    let mut text = Zeroizing::new(hex::encode(random.as_ref()));
    text.push('\n');

    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(failed)?;
    // A temporary file is made with mode 0600, and takes its final name only when its bytes are on the disk.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    match file.persist_noclobber(path) {
        Ok(_) => File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error.error)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_secret_is_made_once_for_its_owner_only_and_read_ever_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inner").join("secret");
        let first = ClusterSecret::read_or_create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let second = ClusterSecret::read_or_create(&path).unwrap();
        assert_eq!(first.derive(Purpose::Token), second.derive(Purpose::Token));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn many_that_start_at_once_agree() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| ClusterSecret::read_or_create(&path).unwrap().derive(Purpose::Ticket)))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn the_keyed_hash_is_hmac_sha256_for_short_and_long_keys() {
        // RFC 4231, test cases 2 and 6.
        assert_eq!(
            hex::encode(keyed_hash(b"Jefe", &[b"what do ya want ", b"for nothing?"])),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex::encode(keyed_hash(&[0xaa; 131], &[b"Test Using Larger Than Block-Size Key - Hash Key First"])),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn keys_differ_by_purpose_and_by_secret() {
        let one = ClusterSecret::new([1u8; 32]).unwrap();
        let two = ClusterSecret::new([2u8; 32]).unwrap();
        assert_ne!(one.derive(Purpose::Token), one.derive(Purpose::Ticket));
        assert_ne!(one.derive(Purpose::Ticket), one.derive(Purpose::Cookie));
        assert_ne!(one.derive(Purpose::Token), two.derive(Purpose::Token));
    }

    #[test]
    fn a_short_secret_is_refused_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "short\n").unwrap();
        let error = ClusterSecret::read_or_create(&path).unwrap_err();
        assert!(matches!(error, SecretError::TooShort { length: 5 }), "{error}");
        assert_eq!(format!("{:?}", ClusterSecret::new([7u8; 40]).unwrap()), "ClusterSecret(..)");
    }
}
