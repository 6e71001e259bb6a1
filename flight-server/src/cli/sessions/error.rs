//! What can go wrong with `pintail sessions`.

use std::io;
use std::process::ExitCode;

use session::SessionId;
use thiserror::Error;

use crate::cli::USAGE;
use crate::cli::store::OpenStoreError;
use crate::config::ConfigError;

/// Why a command did not do what it was asked for.
#[derive(Debug, Error)]
pub(super) enum SessionsError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What was given is no id.
    #[error("{} is no session's id, which is 32 hexadecimal digits; `pintail sessions ls` shows them", .0.escape_debug())]
    NoId(String),
    /// There is no such session.
    #[error("there is no session {0}, or no longer; `pintail sessions ls` shows those there are")]
    Unknown(SessionId),
    /// It has ended in the store, but its node has not dropped it.
    #[error(
        "session {0} has ended in the store, and its node can write nothing for it any more, but the node has not said that \
         it dropped it; look whether the node answers with `pintail nodes ls`"
    )]
    StillHeld(SessionId),
    /// The store can't be opened.
    #[error(transparent)]
    OpenStore(#[from] OpenStoreError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] session::StoreError),
    /// Standard output takes nothing.
    #[error("cannot print: {0}")]
    Output(io::Error),
}

impl SessionsError {
    /// 2 when what was asked for is wrong, 1 when doing it failed.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::NoId(_) => ExitCode::from(USAGE),
            _ => ExitCode::FAILURE,
        }
    }
}
