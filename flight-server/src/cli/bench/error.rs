//! What can go wrong with `pintail bench`.

use std::io;
use std::process::ExitCode;

use arrow_flight::error::FlightError;
use thiserror::Error;

use crate::cli::USAGE;
use crate::cli::connecting::ConnectingError;
use crate::client::{ClientError, with_causes};

/// Why nothing was measured.
#[derive(Debug, Error)]
pub(super) enum BenchError {
    /// It can't be told how to connect.
    #[error(transparent)]
    Connecting(#[from] ConnectingError),
    /// The server can't be reached.
    #[error("{}", .0.message)]
    Client(#[from] ClientError),
    /// The server refused a call.
    #[error("the server did not {what}: {}", with_causes(source))]
    Call { what: &'static str, source: Box<FlightError> },
    /// The servers of a takeover.
    #[cfg(feature = "duckdb")]
    #[error(transparent)]
    Demo(#[from] crate::cli::demo::DemoError),
    /// This build has nothing to run.
    #[cfg(not(feature = "duckdb"))]
    #[error(
        "takeovers are measured with servers of this program, and this build has no engine: build it with the feature `duckdb`"
    )]
    NoEngine,
    /// What was measured can't be counted.
    #[error("a measurement is out of range: {0}")]
    Count(String),
    /// Nobody takes the output, or nothing can run.
    #[error("cannot go on: {0}")]
    Io(#[from] io::Error),
}

impl BenchError {
    /// For `map_err`: the server's answer to `what`.
    pub(super) fn call<E: Into<FlightError>>(what: &'static str) -> impl Fn(E) -> Self {
        move |source| Self::Call { what, source: Box::new(source.into()) }
    }

    /// 2 when what was asked for is wrong, 1 when doing it failed.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Connecting(ConnectingError::Usage(_)) => ExitCode::from(USAGE),
            _ => ExitCode::FAILURE,
        }
    }
}
