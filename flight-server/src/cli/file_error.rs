//! A file that can't be read or written.

use std::io;

use thiserror::Error;

/// What was tried, and why it failed.
#[derive(Debug, Error)]
#[error("cannot {doing}: {error}")]
pub(super) struct FileError {
    /// What was tried, with the file's name.
    doing: String,
    error: io::Error,
}

impl FileError {
    /// For `map_err`: that `doing` failed.
    pub(super) fn doing(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        |error| Self { doing, error }
    }
}
