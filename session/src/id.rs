//! The names that ownership is decided by: sessions, incarnations of nodes, epochs, principals.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Length of the text form of a [`SessionId`].
const TEXT_LEN: usize = 32;

/// What names a session: 16 random bytes.
///
/// The text form is 32 lower-case hexadecimal digits, and there is exactly one for each id. An id is not a secret: it
/// may be logged, and knowing it proves nothing (see [`Token`](crate::Token)).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId([u8; 16]);

/// The text is not a session id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a session id: it must be {TEXT_LEN} lower-case hexadecimal digits")]
pub struct IdError;

impl SessionId {
    /// The id with these bytes. Ids of new sessions come from [`Token::generate`](crate::Token::generate).
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes of the id.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

impl FromStr for SessionId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        // `from_str_radix` would also take capitals, a sign and fewer digits: two texts for one id.
        let canonical = text.len() == TEXT_LEN && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !canonical {
            return Err(IdError);
        }
        u128::from_str_radix(text, 16).map(|n| Self(n.to_be_bytes())).map_err(|_| IdError)
    }
}

/// One life of a node: drawn anew at every process start, so that a restarted node is never mistaken for the one that
/// died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub Uuid);

impl Incarnation {
    /// A fresh incarnation, for a process that starts.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How often a session has changed hands: 1 when it is created, one more at every claim, and changed by nothing else.
///
/// A write that carries an older epoch comes from an owner that lost the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub i64);

impl Epoch {
    /// The epoch of a session that has just been created.
    pub const FIRST: Self = Self(1);
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who a session belongs to, as the authentication of the server names it. A takeover needs the same principal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal(pub String);

impl Principal {
    /// The name of the principal.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn an_id_keeps_its_leading_zeroes() {
        let id = SessionId::from_bytes([0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 255]);
        assert_eq!(id.to_string(), "00000102030405060708090a0b0c0dff");
        assert_eq!(id.to_string().parse::<SessionId>().unwrap(), id);
    }

    #[test]
    fn an_id_has_exactly_one_text_form() {
        for text in [
            "",
            "00000102030405060708090A0b0c0dff",
            "+0000102030405060708090a0b0c0dff",
            "0000102030405060708090a0b0c0dff",
            "000000102030405060708090a0b0c0dff",
            "00000102-0304-0506-0708-090a0b0c0dff",
            "0000010203040506070809 a0b0c0dff",
        ] {
            assert_eq!(text.parse::<SessionId>(), Err(IdError), "{text}");
        }
    }
}
