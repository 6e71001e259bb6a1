//! What can go wrong with `pintail dataset`.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use thiserror::Error;

use crate::cli::USAGE;
use crate::cli::store::OpenStoreError;
use crate::config::{ConfigError, nearest};

/// Why a command did not do what it was asked for.
#[derive(Debug, Error)]
pub(super) enum DatasetError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What was asked for can't be.
    #[error("{0}")]
    Wrong(crate::error::Error),
    /// The name is taken.
    #[error("there is a dataset {0} already; replace it with --replace, or use another name")]
    Exists(String),
    /// It can't be removed here.
    #[error("the dataset {0} is one of the configuration; remove it there, and start the server again")]
    Configured(String),
    /// There is no such dataset.
    #[error(
        "there is no dataset {}{}", .name.escape_debug(),
        nearest(name, known.iter().map(String::as_str)).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
    )]
    Unknown {
        /// The name that was given.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The store can't be opened.
    #[error(transparent)]
    OpenStore(#[from] OpenStoreError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] session::StoreError),
    /// The data directory can't be made.
    #[error("cannot make the data directory {} (--data-dir): {source}", .path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Standard output takes nothing.
    #[error("cannot print: {0}")]
    Output(io::Error),
}

impl DatasetError {
    /// 2 when what was asked for is wrong, 1 when doing it failed.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::Wrong(_) => ExitCode::from(USAGE),
            _ => ExitCode::FAILURE,
        }
    }
}
