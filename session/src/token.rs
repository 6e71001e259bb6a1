//! Session tokens: what a client presents, and the only form in which a store keeps it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::SessionId;

/// Version of the text form; a token of another version is none.
const PREFIX: &str = "pt1";
/// 256 bits: guessing is out of reach whatever the rate.
const SECRET_LEN: usize = 32;
/// Unpadded base64 of the secret.
const SECRET_TEXT_LEN: usize = 43;
/// HMAC-SHA256 works on blocks of this size.
const HMAC_BLOCK: usize = 64;

/// Separates this use of the cluster secret from every other one.
const KEY_LABEL: &[u8] = b"pintail: key of session tokens, 1";
/// Separates the hash of a token from whatever else may be computed with its key.
const HASH_LABEL: &[u8] = b"pintail: session token, 1";

/// What opens a session: its id and a secret of 256 random bits.
///
/// The text form is `pt1.<session id>.<secret>`, the secret in unpadded URL-safe base64. Each token has exactly one
/// text form. The secret is wiped from memory on drop and appears in no `Debug` output; [`Token::expose`] is the only
/// way to it.
pub struct Token {
    id: SessionId,
    secret: Zeroizing<[u8; SECRET_LEN]>,
}

/// Why there is no token. The text that was refused is never repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The text is not a token of the version this server hands out.
    #[error("not a session token: it must read `{PREFIX}.<session id>.<secret>` as the server handed it out")]
    Malformed,
    /// The operating system gave no random bytes.
    #[error("no session token could be made, the operating system's random source failed: {0}")]
    Random(String),
}

impl Token {
    /// A token for a new session, with a fresh id and secret.
    ///
    /// # Errors
    /// [`TokenError::Random`] when the operating system gives no random bytes.
    pub fn generate() -> Result<Self, TokenError> {
        let mut id = [0; 16];
        let mut secret = Zeroizing::new([0; SECRET_LEN]);
        fill_random(&mut id)?;
        fill_random(secret.as_mut_slice())?;
        Ok(Self { id: SessionId::from_bytes(id), secret })
    }

    /// Reads the text form. That it can be read proves nothing yet: compare its hash with the stored one.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] when the text is anything but the one text form of a token.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let mut parts = text.split('.');
        let (Some(PREFIX), Some(id), Some(encoded), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed);
        };
        let id = id.parse().map_err(|_| TokenError::Malformed)?;
        if encoded.len() != SECRET_TEXT_LEN {
            return Err(TokenError::Malformed);
        }
        // The decoder wants room for whole quanta, one byte more than the secret has.
        let mut decoded = Zeroizing::new([0; SECRET_LEN + 1]);
        let len = URL_SAFE_NO_PAD.decode_slice(encoded, decoded.as_mut_slice()).map_err(|_| TokenError::Malformed)?;
        let secret = decoded.get(..len).and_then(|bytes| bytes.try_into().ok()).ok_or(TokenError::Malformed)?;
        Ok(Self { id, secret: Zeroizing::new(secret) })
    }

    /// The session that the token claims to open.
    #[must_use]
    pub const fn id(&self) -> &SessionId {
        &self.id
    }

    /// The text form, secret included, to be handed to the client and to no one else.
    ///
    /// It is written into one allocation, so a caller that wipes the string (`Zeroizing::new(token.expose())`) leaves
    /// no copy.
    #[must_use]
    pub fn expose(&self) -> String {
        let id = self.id.to_string();
        let mut text = String::with_capacity(PREFIX.len() + id.len() + SECRET_TEXT_LEN + 2);
        text.push_str(PREFIX);
        text.push('.');
        text.push_str(&id);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(self.secret.as_slice(), &mut text);
        text
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({PREFIX}.{}.…)", self.id)
    }
}

fn fill_random(buffer: &mut [u8]) -> Result<(), TokenError> {
    getrandom::fill(buffer).map_err(|error| TokenError::Random(error.to_string()))
}

/// The key under which the nodes of one cluster hash tokens. Without it a stolen session table is no help in forging
/// or testing tokens.
pub struct TokenKey(Zeroizing<[u8; 32]>);

impl TokenKey {
    /// Derives the key from the secret that all nodes of the cluster share.
    #[must_use]
    pub fn derive(secret: &[u8]) -> Self {
        let mut mac = keyed(secret);
        mac.update(KEY_LABEL);
        Self(Zeroizing::new(mac.finalize().into_bytes().into()))
    }

    /// The hash to store for a token, or to compare with the stored one.
    #[must_use]
    pub fn hash(&self, token: &Token) -> TokenHash {
        let mut mac = keyed(self.0.as_slice());
        mac.update(HASH_LABEL);
        mac.update(token.id.as_bytes());
        mac.update(token.secret.as_slice());
        TokenHash(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(…)")
    }
}

/// HMAC-SHA256 under `key`. RFC 2104's rule for keys is applied here, because that leaves nothing that could fail.
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    let mut block = Zeroizing::new([0_u8; HMAC_BLOCK]);
    if let Some(head) = block.get_mut(..key.len()) {
        head.copy_from_slice(key);
    } else {
        let mut digest: [u8; 32] = Sha256::digest(key).into();
        for (to, from) in block.iter_mut().zip(&digest) {
            *to = *from;
        }
        digest.zeroize();
    }
    <Hmac<Sha256> as hmac::digest::KeyInit>::new((&*block).into())
}

/// The keyed hash of a token: all that a store knows of it.
///
/// There is no `==`: [`TokenHash::matches`] takes the same time wherever two hashes differ.
#[derive(Clone)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash that a store kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes for a store to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are the hash of the same token, in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// RFC 4231, test cases 1 and 6: a short key and one longer than a block.
    #[test]
    fn the_keyed_hash_is_hmac_sha256() {
        let tag = |key: &[u8], data: &[u8]| {
            let mut mac = keyed(key);
            mac.update(data);
            format!("{:x}", mac.finalize().into_bytes())
        };
        assert_eq!(tag(&[0x0b; 20], b"Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        assert_eq!(
            tag(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn the_hash_depends_on_the_cluster_secret() {
        let token = Token::generate().unwrap();
        let (one, two) = (TokenKey::derive(b"one"), TokenKey::derive(b"two"));
        assert!(one.hash(&token).matches(&one.hash(&token)));
        assert!(!one.hash(&token).matches(&two.hash(&token)));
    }
}
