//! The users there are, and whether a password is theirs.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use parking_lot::Mutex;
use session::Principal;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::secret::keyed_hash;
use crate::error::{Error, ErrorCode, Result};

/// How many verified pairs are remembered. Each takes 64 bytes; a user has one, and an old password none.
const REMEMBERED: usize = 4096;

/// How many passwords are hashed at a time. One hash takes 19 MiB and a core for some tens of milliseconds, so this
/// bounds what somebody who guesses passwords can take from the statements that run.
const HASHED_AT_ONCE: usize = 2;

/// Why the users could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// HTTP Basic cannot carry such a name.
    #[error("a user name cannot be empty or hold a colon; choose another name")]
    Name,
    /// An empty password would be no password.
    #[error("the password of user {0:?} is empty; choose one, or leave it out to have one generated")]
    EmptyPassword(String),
    /// Hashing failed.
    #[error("the password of user {0:?} could not be hashed: {1}")]
    Hash(String, argon2::password_hash::Error),
    /// The system has no randomness for a salt.
    #[error("no random bytes could be had from the system to store a password safely: {0}")]
    Random(getrandom::Error),
}

/// The users of a node, with argon2id hashes of their passwords.
pub struct Users {
    hashes: HashMap<String, Arc<str>>,
    /// The hash of a password nobody has, verified for unknown users so that they cost what a wrong password costs.
    nobody: Arc<str>,
    verified: Mutex<Verified>,
    /// The key of the hashes in `verified`: random, and in this process only, so they are of no use elsewhere.
    memory_key: Zeroizing<[u8; 32]>,
    hashing: Semaphore,
}

impl Users {
    /// A server with one user.
    ///
    /// # Errors
    /// When name or password cannot be one, or the password cannot be hashed.
    pub fn single(name: &str, password: &str) -> Result<Self, UsersError> {
        if name.is_empty() || name.contains(':') {
            return Err(UsersError::Name);
        }
        if password.is_empty() {
            return Err(UsersError::EmptyPassword(name.to_owned()));
        }
        let mut memory_key = Zeroizing::new([0u8; 32]);
        getrandom::fill(memory_key.as_mut()).map_err(UsersError::Random)?;
        let mut unguessable = Zeroizing::new([0u8; 32]);
        getrandom::fill(unguessable.as_mut()).map_err(UsersError::Random)?;
        Ok(Self {
            hashes: HashMap::from([(name.to_owned(), hash(name, password.as_bytes())?)]),
            nobody: hash("", unguessable.as_ref())?,
            verified: Mutex::default(),
            memory_key,
            hashing: Semaphore::new(HASHED_AT_ONCE),
        })
    }

    /// Whether the principal is still a user here.
    pub fn exists(&self, principal: &Principal) -> bool {
        self.hashes.contains_key(principal.as_str())
    }

    /// Who it is that has this name and password.
    ///
    /// The first time a pair is seen costs an argon2 hash, off the async threads; after that a lookup, so that
    /// sending Basic with every call is cheap.
    ///
    /// # Errors
    /// `CREDENTIALS_WRONG`, after the same work whether the user is unknown or the password wrong.
    pub async fn verify(&self, user: &str, password: &str) -> Result<Principal> {
        let key = self.memory_of(user, password);
        if !self.verified.lock().holds(&key) {
            let _turn = self.hashing.acquire().await.map_err(|_| Error::internal("password checks have ended"))?;
            // Calls that came at once with the same password wait for the first of them only.
            if !self.verified.lock().holds(&key) {
                self.hash_and_compare(user, password).await?;
                self.verified.lock().remember(key);
            }
        }
        Ok(Principal(user.to_owned()))
    }

    async fn hash_and_compare(&self, user: &str, password: &str) -> Result<()> {
        let known = self.hashes.get(user);
        let stored = Arc::clone(known.unwrap_or(&self.nobody));
        let password = Zeroizing::new(password.to_owned());
        let matches = tokio::task::spawn_blocking(move || {
            let parsed = PasswordHash::new(&stored)?;
            Argon2::default().verify_password(password.as_bytes(), &parsed)
        })
        .await
        .map_err(|error| Error::internal(format_args!("the password check ended early: {error}")))?;
        match matches {
            Ok(()) if known.is_some() => Ok(()),
            Ok(()) | Err(argon2::password_hash::Error::Password) => {
                Err(Error::new(ErrorCode::CredentialsWrong, "the user name or the password is wrong; check both"))
            }
            Err(error) => Err(Error::internal(format_args!("a stored password hash cannot be used: {error}"))),
        }
    }

    /// What is remembered of a verified pair. The length keeps `a` + `bc` apart from `ab` + `c`.
    fn memory_of(&self, user: &str, password: &str) -> [u8; 32] {
        let length = (user.len() as u64).to_be_bytes();
        keyed_hash(self.memory_key.as_ref(), &[&length, user.as_bytes(), password.as_bytes()])
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").field("names", &self.hashes.keys()).finish_non_exhaustive()
    }
}

fn hash(name: &str, password: &[u8]) -> Result<Arc<str>, UsersError> {
    let mut salt = [0u8; 16];
    getrandom::fill(&mut salt).map_err(UsersError::Random)?;
    let failed = |error| UsersError::Hash(name.to_owned(), error);
    let salt = SaltString::encode_b64(&salt).map_err(failed)?;
    let hash = Argon2::default().hash_password(password, &salt).map_err(failed)?;
    Ok(hash.to_string().into())
}

/// The pairs that were right, oldest first; never more than [`REMEMBERED`].
///
/// Only keyed hashes are held and looked up, so the time of a lookup tells nothing about a password.
#[derive(Default)]
struct Verified {
    hashes: HashSet<[u8; 32]>,
    order: VecDeque<[u8; 32]>,
}

impl Verified {
    fn holds(&self, key: &[u8; 32]) -> bool {
        self.hashes.contains(key)
    }

    fn remember(&mut self, key: [u8; 32]) {
        if self.hashes.insert(key) {
            self.order.push_back(key);
        }
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.hashes.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[tokio::test]
    async fn the_right_password_names_its_principal_and_is_remembered_keyed() {
        let users = Users::single("ada", "engine").unwrap();
        let principal = users.verify("ada", "engine").await.unwrap();
        assert_eq!(principal.as_str(), "ada");
        assert!(users.exists(&principal));
        assert!(users.verified.lock().holds(&users.memory_of("ada", "engine")));
        assert!(users.verify("ada", "engine").await.is_ok());
        assert_eq!(users.verified.lock().order.len(), 1);
    }

    #[tokio::test]
    async fn an_unknown_user_and_a_wrong_password_get_one_answer_and_are_not_remembered() {
        let users = Users::single("ada", "engine").unwrap();
        let wrong = users.verify("ada", "Engine").await.unwrap_err();
        let unknown = users.verify("bob", "engine").await.unwrap_err();
        assert_eq!(wrong, unknown);
        assert_eq!(wrong.code, ErrorCode::CredentialsWrong);
        assert!(users.verified.lock().order.is_empty());
        assert!(!users.exists(&Principal("bob".to_owned())));
    }

    #[test]
    fn what_cannot_be_a_user_is_refused() {
        assert!(matches!(Users::single("", "x"), Err(UsersError::Name)));
        assert!(matches!(Users::single("a:b", "x"), Err(UsersError::Name)));
        assert!(matches!(Users::single("a", ""), Err(UsersError::EmptyPassword(_))));
    }

    #[test]
    fn the_memory_is_bounded_and_forgets_the_oldest() {
        let mut verified = Verified::default();
        for number in 0..REMEMBERED as u64 + 10 {
            let mut key = [0u8; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            verified.remember(key);
        }
        assert_eq!(verified.order.len(), REMEMBERED);
        assert_eq!(verified.hashes.len(), REMEMBERED);
        assert!(!verified.holds(&[0u8; 32]));
    }

    #[test]
    fn debug_output_shows_names_only() {
        let text = format!("{:?}", Users::single("ada", "engine").unwrap());
        assert!(text.contains("ada") && !text.contains("argon2") && !text.contains("engine"), "{text}");
    }
}
