//! What can go wrong in a demonstration.

use std::io;

use arrow::error::ArrowError;
use arrow_flight::error::FlightError;
use thiserror::Error;

/// What went wrong.
#[derive(Debug, Error)]
pub(in crate::cli) enum DemoError {
    /// A file, a process, or the output.
    #[error("cannot {what}: {source}")]
    Io { what: &'static str, source: io::Error },
    /// The server ended, or said something else than that it serves.
    #[error("the server did not start ({reason}); the end of its log:\n{log}")]
    NotReady { reason: String, log: String },
    /// The server ended while the demonstration was over and it should have served on.
    #[error("the server ended by itself; the end of its log:\n{log}")]
    Ended { log: String },
    /// The server cannot be reached.
    #[error("cannot connect to the server: {0}")]
    Connect(#[from] tonic::transport::Error),
    /// A server's address is none.
    #[error(transparent)]
    Uri(#[from] crate::client::UriError),
    /// The client could not do what it was asked for.
    #[error("cannot {what}: {source}")]
    Client { what: String, source: Box<crate::client::ClientError> },
    /// The server refused a call.
    #[error("cannot {what}: {source}")]
    Call { what: String, source: Box<FlightError> },
    /// Something that is true of Pintail was not.
    #[error("the session did not survive as it should: {0}")]
    NotTheSame(String),
    /// A result cannot be shown.
    #[error("cannot show a result: {0}")]
    Show(#[from] ArrowError),
}

impl DemoError {
    /// For `map_err`: an input or output error while doing `what`.
    pub(super) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    /// For `map_err`: the server's answer to `what`.
    pub(super) fn call(what: impl Into<String>) -> impl FnOnce(FlightError) -> Self {
        let what = what.into();
        move |source| Self::Call { what, source: Box::new(source) }
    }

    /// For `map_err`: the client's failure to do `what`.
    pub(super) fn client(what: impl Into<String>) -> impl FnOnce(crate::client::ClientError) -> Self {
        let what = what.into();
        move |source| Self::Client { what, source: Box::new(source) }
    }
}
