//! What can go wrong with `pintail sql`.

use std::io;
use std::process::ExitCode;

use arrow::error::ArrowError;
use thiserror::Error;

use crate::cli::USAGE;
use crate::cli::connecting::ConnectingError;
use crate::cli::file_error::FileError;
use crate::client::ClientError;

/// Why a command did not do what it was asked for.
#[derive(Debug, Error)]
pub(super) enum SqlError {
    /// What was asked for is wrong.
    #[error("{0}")]
    Usage(String),
    /// A file can't be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It can't be told how to connect.
    #[error(transparent)]
    Connecting(#[from] ConnectingError),
    /// The server, or the way to it.
    #[error("{} ({}, SQLSTATE {})", .0.message, .0.code, .0.sqlstate)]
    Client(#[from] ClientError),
    /// A value that has no text.
    #[error("a value can't be shown: {0}")]
    Value(#[from] ArrowError),
    /// Nobody takes the output.
    #[error("cannot print: {0}")]
    Output(#[from] io::Error),
    /// The terminal can't be read.
    #[error("cannot read from the terminal: {0}")]
    Terminal(#[from] rustyline::error::ReadlineError),
    /// A statement of a script failed, which has been told already.
    #[error("the statements after the one that failed were not run")]
    Stopped,
}

impl SqlError {
    /// Whether the reader of the output has seen enough: the pager was left, or `head` has what it wanted.
    pub(super) fn is_closed_output(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// 2 when what was asked for is wrong, 1 when doing it failed.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) | Self::Connecting(ConnectingError::Usage(_)) => ExitCode::from(USAGE),
            _ => ExitCode::FAILURE,
        }
    }
}
