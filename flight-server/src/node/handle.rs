//! What a client names a prepared statement by.
//!
//! A handle has the statement's text in it, unless that is long, and is signed for its session. So nothing has to be stored when a
//! statement is prepared, or closed, and any node that takes the session over can prepare it again: an ADBC driver prepares each
//! statement that it runs, for one run.

use hmac::Mac as _;
use session::SessionId;
use zeroize::Zeroizing;

use crate::auth::{ClusterSecret, Purpose, SIGNATURE, mac};
use crate::error::{Error, Result};

/// The length of what tells one handle from another, in bytes: random ones, with which each begins.
pub(super) const ID: usize = 16;

/// The longest text that a handle has in it, in bytes. It goes with every call for the statement; longer ones are stored.
const LONGEST: usize = 16 << 10;

/// Makes handles, and reads them.
pub(super) struct Handles {
    key: Zeroizing<[u8; 32]>,
}

impl Handles {
    /// Those of the cluster with this secret.
    pub(super) fn new(secret: &ClusterSecret) -> Self {
        Self { key: secret.derive(Purpose::Prepared) }
    }

    /// A new one, for a statement of `session` with this text.
    ///
    /// # Errors
    /// When the operating system has no random bytes.
    pub(super) fn issue(&self, session: &SessionId, sql: &str) -> Result<Vec<u8>> {
        let mut handle = vec![0; ID];
        getrandom::fill(&mut handle).map_err(|error| Error::internal(format_args!("no random bytes: {error}")))?;
        if sql.len() <= LONGEST {
            handle.extend_from_slice(sql.as_bytes());
            let signature = mac(&self.key, &[session.as_bytes(), &handle]).finalize().into_bytes();
            handle.extend_from_slice(&signature);
        }
        Ok(handle)
    }

    /// The text in it, if it is one that was made for a statement of `session`.
    pub(super) fn text<'handle>(&self, session: &SessionId, handle: &'handle [u8]) -> Option<&'handle str> {
        let (signed, signature) = handle.split_at_checked(handle.len().checked_sub(SIGNATURE)?)?;
        let text = signed.get(ID..)?;
        mac(&self.key, &[session.as_bytes(), signed]).verify_slice(signature).ok()?;
        std::str::from_utf8(text).ok()
    }
}

/// Whether the statement with this handle is stored.
pub(super) fn is_stored(handle: &[u8]) -> bool {
    handle.len() == ID
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn handles() -> Handles {
        Handles { key: Zeroizing::new([7; 32]) }
    }

    fn session(byte: u8) -> SessionId {
        SessionId::from_bytes([byte; 16])
    }

    #[test]
    fn a_long_text_is_not_in_it() {
        let (longest, longer) = ("x".repeat(LONGEST), "x".repeat(LONGEST + 1));
        let handle = handles().issue(&session(1), &longest).unwrap();
        assert_eq!((is_stored(&handle), handles().text(&session(1), &handle)), (false, Some(longest.as_str())));
        let handle = handles().issue(&session(1), &longer).unwrap();
        assert_eq!((is_stored(&handle), handles().text(&session(1), &handle)), (true, None));
    }

    #[test]
    fn it_is_of_one_session_and_of_one_cluster() {
        let handle = handles().issue(&session(1), "SELECT 1").unwrap();
        assert_eq!(handles().text(&session(1), &handle), Some("SELECT 1"));
        assert_eq!(handles().text(&session(2), &handle), None);
        assert_eq!(Handles { key: Zeroizing::new([8; 32]) }.text(&session(1), &handle), None);
        assert_ne!(handle, handles().issue(&session(1), "SELECT 1").unwrap(), "each statement has its own");
    }

    proptest! {
        #[test]
        fn one_that_was_changed_is_none(sql in ".{0,60}", at in any::<prop::sample::Index>(), change in 1..=255_u8) {
            let mut handle = handles().issue(&session(1), &sql).unwrap();
            prop_assert_eq!(handles().text(&session(1), &handle), Some(sql.as_str()));
            let at = at.index(handle.len());
            prop_assert_eq!(handles().text(&session(1), &handle[..at]), None);
            handle[at] ^= change;
            prop_assert_eq!(handles().text(&session(1), &handle), None);
        }

        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            prop_assert_eq!(handles().text(&session(1), &bytes), None);
        }
    }
}
