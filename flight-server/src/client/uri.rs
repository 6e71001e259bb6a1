//! Where a server is.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use url::Url;

/// The URI of a server: `grpc://HOST:PORT`, or `grpc+tls://HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUri {
    shown: String,
    /// What the transport calls it.
    pub(super) transport: String,
    /// Whether TLS protects it.
    pub(super) is_encrypted: bool,
    is_loopback: bool,
}

/// Why a text is no URI of a server. It does not quote the text, in which a password may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UriError {
    /// Something is missing or of another kind.
    #[error("a URI begins with grpc:// or grpc+tls:// and names a host and a port, such as grpc://127.0.0.1:8815")]
    Form,
    /// It has credentials in it.
    #[error("a URI has no user and no password in it: give them by --user and --password-file")]
    Credentials,
}

impl FromStr for ServerUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let url = Url::parse(text).map_err(|_| UriError::Form)?;
        let is_encrypted = match url.scheme() {
            "grpc" | "grpc+tcp" => false,
            "grpc+tls" => true,
            _ => return Err(UriError::Form),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UriError::Credentials);
        }
        let (Some(host), Some(port)) = (url.host_str().filter(|host| !host.is_empty()), url.port()) else {
            return Err(UriError::Form);
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(UriError::Form);
        }
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let is_loopback =
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        let scheme = if is_encrypted { "https" } else { "http" };
        Ok(Self {
            shown: format!("{}://{host}:{port}", url.scheme()),
            transport: format!("{scheme}://{host}:{port}"),
            is_encrypted,
            is_loopback,
        })
    }
}

impl ServerUri {
    /// Whether TLS protects it.
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// Whether it is on this machine, so that nothing leaves it.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }
}

impl fmt::Display for ServerUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_say_whether_it_is_encrypted() {
        let plain: ServerUri = "grpc://db.internal:8815".parse().unwrap();
        assert_eq!(
            (plain.to_string().as_str(), plain.transport.as_str()),
            ("grpc://db.internal:8815", "http://db.internal:8815")
        );
        assert!(!plain.is_encrypted && !plain.is_loopback());
        let encrypted: ServerUri = "grpc+tls://[::1]:1/".parse().unwrap();
        assert!(encrypted.is_encrypted && encrypted.is_loopback());
        assert_eq!(encrypted.transport, "https://[::1]:1");
    }

    #[test]
    fn what_is_no_uri_is_refused_without_quoting_it() {
        for wrong in ["", "127.0.0.1:8815", "http://h:1", "grpc://h", "grpc://:1", "grpc://h:1/x", "grpc://h:1?x=y"] {
            assert_eq!(wrong.parse::<ServerUri>().unwrap_err(), UriError::Form, "{wrong}");
        }
        assert_eq!("grpc://ann:secret@h:1".parse::<ServerUri>().unwrap_err(), UriError::Credentials);
    }
}
