//! The `authorization` header, read once into what it says.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorCode, Result};

/// Drivers send Basic with padding (JDBC, pyarrow) and without (ADBC); the protocol asks for neither.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// What a caller identifies itself with.
pub enum Credentials {
    /// A user name and a password.
    Basic {
        /// The user name; never empty.
        user: String,
        /// The password; may be empty, and then it is wrong.
        password: Zeroizing<String>,
    },
    /// A token, as it was sent; never empty.
    Bearer(Zeroizing<String>),
}

impl Credentials {
    /// Reads the `authorization` header.
    ///
    /// # Errors
    /// `CREDENTIALS_MISSING` without the header; `CREDENTIALS_MALFORMED` when it cannot be read, or when several say
    /// different things, for then nobody can tell which the caller meant.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            return Err(Error::new(
                ErrorCode::CredentialsMissing,
                "the call has no `authorization` header; connect with a user name and password, or a session token",
            ));
        };
        if values.any(|other| other != value) {
            return Err(malformed("there are several `authorization` headers and they differ; send one"));
        }
        let text = value.to_str().map_err(|_| malformed("it has characters outside visible ASCII"))?.trim();
        let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim_start();
        if scheme.eq_ignore_ascii_case("basic") {
            basic(rest)
        } else if scheme.eq_ignore_ascii_case("bearer") {
            if rest.is_empty() {
                return Err(malformed("no token follows `Bearer`"));
            }
            Ok(Self::Bearer(Zeroizing::new(rest.to_owned())))
        } else {
            Err(malformed("its scheme is neither Basic nor Bearer"))
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { user, .. } => f.debug_struct("Basic").field("user", user).finish_non_exhaustive(),
            Self::Bearer(_) => f.write_str("Bearer(..)"),
        }
    }
}

fn basic(encoded: &str) -> Result<Credentials> {
    let url_safe = encoded.contains(['-', '_']);
    let engine = if url_safe { &URL_SAFE } else { &STANDARD };
    let decoded = engine.decode(encoded).map_err(|_| malformed("what follows `Basic` is not base64"))?;
    let decoded = Zeroizing::new(decoded);
    let text = std::str::from_utf8(&decoded).map_err(|_| malformed("the user name and password are not UTF-8"))?;
    let Some((user, password)) = text.split_once(':') else {
        return Err(malformed("no colon separates user name and password"));
    };
    if user.is_empty() {
        return Err(malformed("the user name is empty"));
    }
    Ok(Credentials::Basic { user: user.to_owned(), password: Zeroizing::new(password.to_owned()) })
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorCode::CredentialsMalformed, format!("the `authorization` header cannot be read: {what}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use http::HeaderValue;

    use super::*;

    fn read(value: &str) -> Result<Credentials> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        Credentials::from_headers(&headers)
    }

    fn expect_basic(value: &str, expected_user: &str, expected_password: &str) {
        match read(value) {
            Ok(Credentials::Basic { user, password }) => {
                assert_eq!((user.as_str(), password.as_str()), (expected_user, expected_password));
            }
            other => panic!("{value}: {other:?}"),
        }
    }

    fn code(result: Result<Credentials>) -> ErrorCode {
        result.unwrap_err().code
    }

    #[test]
    fn basic_is_read_padded_unpadded_and_in_both_alphabets() {
        expect_basic("Basic YWRtaW46cGFzcw==", "admin", "pass");
        expect_basic("Basic YWRtaW46cGFzcw", "admin", "pass");
        expect_basic("basic   YWRtaW46cGFzcw", "admin", "pass");
        let encoded = STANDARD.encode("u:ÿ~~>?");
        assert!(encoded.contains(['+', '/']), "{encoded}");
        expect_basic(&format!("Basic {encoded}"), "u", "ÿ~~>?");
        let encoded = URL_SAFE.encode("u:ÿ~~>?");
        assert!(encoded.contains(['-', '_']), "{encoded}");
        expect_basic(&format!("Basic {encoded}"), "u", "ÿ~~>?");
    }

    #[test]
    fn a_password_keeps_its_colons_and_may_be_empty() {
        expect_basic(&format!("Basic {}", STANDARD.encode("u:a:b:")), "u", "a:b:");
        expect_basic(&format!("Basic {}", STANDARD.encode("u:")), "u", "");
    }

    #[test]
    fn a_bearer_token_is_kept_as_sent() {
        match read("bearer pt1.a.b") {
            Ok(Credentials::Bearer(token)) => assert_eq!(token.as_str(), "pt1.a.b"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_cannot_be_read_is_malformed_and_what_is_absent_is_missing() {
        assert_eq!(code(Credentials::from_headers(&HeaderMap::new())), ErrorCode::CredentialsMissing);
        for value in
            ["", "Basic", "Bearer", "Bearer ", "Digest x", "Basic !!!", "Basic dXNlcg==", "Basic OnB3", "Basic /w=="]
        {
            assert_eq!(code(read(value)), ErrorCode::CredentialsMalformed, "{value}");
        }
    }

    #[test]
    fn equal_duplicates_are_one_and_different_ones_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        assert!(Credentials::from_headers(&headers).is_ok());
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer b"));
        assert_eq!(code(Credentials::from_headers(&headers)), ErrorCode::CredentialsMalformed);
    }

    #[test]
    fn debug_output_shows_neither_password_nor_token() {
        let basic = format!("{:?}", read(&format!("Basic {}", STANDARD.encode("u:hunter2"))).unwrap());
        assert!(basic.contains('u') && !basic.contains("hunter2"));
        assert!(!format!("{:?}", read("Bearer hunter2").unwrap()).contains("hunter2"));
    }
}
