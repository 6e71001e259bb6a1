//! Why a file can't be listed or read, in words of our own.
//!
//! What object stores and their clients say is never repeated: their messages hold URLs with signatures, the ids of keys,
//! and whatever a server answered. Only the kind of a failure and its HTTP status get through.

use std::error::Error as StdError;
use std::fmt;

use object_store::client::{HttpError, HttpErrorKind};

use crate::error::{Error, ErrorCode};

/// Why something can't be listed or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It is not there.
    Missing,
    /// The credentials don't open it, or there are none.
    Forbidden(Option<u16>),
    /// The server can't be reached, or broke off.
    Unreachable,
    /// The server did not answer in time.
    TimedOut,
    /// It is another file than was listed.
    Changed,
    /// It ended before its size.
    TooShort,
    /// The server can't send a part of a file.
    NoRanges,
    /// The server answered with another status that is none of success.
    Status(u16),
    /// A link leads out of the dataset's directory.
    Outside,
    /// The operating system did not let it be read.
    System(std::io::ErrorKind),
    /// Anything else.
    Unknown,
}

impl Reason {
    /// What the failure of an object store comes from.
    pub(super) fn of(error: &object_store::Error) -> Self {
        use object_store::Error as Store;
        match error {
            Store::NotFound { .. } => Self::Missing,
            Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => Self::Forbidden(status_of(error)),
            Store::Precondition { .. } => Self::Changed,
            Store::NotSupported { .. } => Self::NoRanges,
            _ => Self::of_chain(error),
        }
    }

    fn of_chain(error: &object_store::Error) -> Self {
        match status_of(error) {
            Some(404) => return Self::Missing,
            Some(status @ (401 | 403)) => return Self::Forbidden(Some(status)),
            Some(412) => return Self::Changed,
            Some(status) => return Self::Status(status),
            None => {}
        }
        let mut next: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(cause) = next {
            if let Some(http) = cause.downcast_ref::<HttpError>() {
                return match http.kind() {
                    HttpErrorKind::Timeout => Self::TimedOut,
                    _ => Self::Unreachable,
                };
            }
            if let Some(io) = cause.downcast_ref::<std::io::Error>() {
                return Self::of_io(io);
            }
            next = cause.source();
        }
        Self::Unknown
    }

    pub(super) fn of_io(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::Missing,
            std::io::ErrorKind::PermissionDenied => Self::Forbidden(None),
            kind => Self::System(kind),
        }
    }

    /// Whether it may well go better at once.
    pub(super) fn is_transient(self) -> bool {
        matches!(self, Self::Unreachable | Self::TimedOut | Self::Status(408 | 429 | 500..=599))
    }

    /// The error that a client gets: about a file of a dataset, or about the dataset itself when `file` is empty.
    pub(super) fn error(self, dataset: &str, file: &str) -> Error {
        let what = if file.is_empty() { "its files can't be listed".to_owned() } else { format!("the file {file}") };
        let message = format!("the dataset \"{dataset}\" can't be read: {what}: {self}");
        Error::new(ErrorCode::DatasetUnreadable, message)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is nothing of that name; see its URL"),
            Self::Forbidden(Some(status)) => {
                write!(
                    f,
                    "access is forbidden (HTTP status {status}); see its secret, or the environment's credentials"
                )
            }
            Self::Forbidden(None) => f.write_str("access is forbidden; see its permissions"),
            Self::Unreachable => f.write_str("the connection to the server failed; see its URL and the network"),
            Self::TimedOut => f.write_str("the server did not answer in time; try again"),
            Self::Changed => f.write_str("it has changed since it was listed; run the statement again"),
            Self::TooShort => f.write_str("it is shorter than it was when it was listed; run the statement again"),
            Self::NoRanges => f.write_str("the server can't send a part of it; use one that can"),
            Self::Status(status) => write!(f, "the server answered with HTTP status {status}"),
            Self::Outside => f.write_str("it is a link to a file that is not in its directory"),
            Self::System(kind) => write!(f, "{kind}"),
            Self::Unknown => {
                f.write_str("the store failed; see its URL, and its secret or the environment's credentials")
            }
        }
    }
}

/// The HTTP status in a failure. The client tells it only in the text of a cause, from which nothing but the number is
/// taken.
fn status_of(error: &object_store::Error) -> Option<u16> {
    const BEFORE: &str = "non-2xx status code: ";
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if let Some((_, after)) = text.split_once(BEFORE) {
            let digits = after.bytes().take(3).take_while(u8::is_ascii_digit).count();
            if let Ok(status) = after[..digits].parse() {
                return Some(status);
            }
        }
        next = cause.source();
    }
    None
}

/// The failure of a dataset as one of an object store, for engines that read through it. The error itself is found as its
/// source.
pub(super) fn into_store(error: Error, missing: Option<&str>) -> object_store::Error {
    match missing {
        Some(path) => object_store::Error::NotFound { path: path.to_owned(), source: Box::new(error) },
        None => object_store::Error::Generic { store: "dataset", source: Box::new(error) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("Server returned non-2xx status code: {0} {1}: <AWSAccessKeyId>AKIDHUNTER2</AWSAccessKeyId>")]
    struct Answer(u16, &'static str);

    fn answered(status: u16) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: Box::new(Answer(status, "sig=hunter2")) }
    }

    #[test]
    fn nothing_a_server_said_is_repeated() {
        for status in [301, 400, 401, 403, 404, 412, 500, 503] {
            let error = Reason::of(&answered(status)).error("d", "a.csv");
            let shown = format!("{error} {error:?}");
            assert!(!shown.to_ascii_lowercase().contains("hunter2"), "{shown}");
            assert_eq!(error.code, ErrorCode::DatasetUnreadable);
        }
    }

    #[test]
    fn reasons_are_told_apart() {
        assert_eq!(Reason::of(&answered(403)), Reason::Forbidden(Some(403)));
        assert_eq!(Reason::of(&answered(404)), Reason::Missing);
        assert_eq!(Reason::of(&answered(412)), Reason::Changed);
        assert!(Reason::of(&answered(503)).is_transient());
        assert!(!Reason::of(&answered(400)).is_transient());
        let io = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let local = object_store::Error::Generic { store: "Local", source: Box::new(io) };
        assert_eq!(Reason::of(&local), Reason::Forbidden(None));
    }
}
