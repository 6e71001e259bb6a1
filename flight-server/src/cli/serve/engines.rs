//! The engines that this build has, opened.

use std::sync::Arc;

use thiserror::Error;

use super::data_dir::DataDir;
use crate::config::Config;
use crate::engine::Engine;

/// Why there is no engine.
#[derive(Debug, Error)]
pub(super) enum EngineError {
    /// A directory of `--allow-files` is none.
    #[cfg(feature = "duckdb")]
    #[error("cannot allow files of {} (--allow-files): {source}", .path.display())]
    AllowFiles {
        /// The directory.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The engine could not be opened.
    #[cfg(feature = "duckdb")]
    #[error("cannot open the database {database} (--database): {source}")]
    Open {
        /// The database, as it was named.
        database: String,
        /// What the engine said.
        source: crate::error::Error,
    },
    /// The thread that opened it ended before its time.
    #[cfg(feature = "duckdb")]
    #[error("opening the database was interrupted: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
    /// This build has no engine at all.
    #[cfg(not(feature = "duckdb"))]
    #[error("this build has no engine `{0}` (--engine): build it with the feature `duckdb`")]
    Missing(String),
}

/// Opens them. DuckDB reads its file and its log meanwhile, which may take a while after a crash.
#[cfg(feature = "duckdb")]
pub(super) async fn open(config: &Config, data_dir: &DataDir) -> Result<Vec<Arc<dyn Engine>>, EngineError> {
    use crate::engine::duckdb::{DuckDb, DuckDbOptions};

    let mut allow_files = Vec::new();
    for path in &config.allow_files {
        // What is allowed must be the directory itself: a link to it could be pointed elsewhere later.
        let real = std::fs::canonicalize(path).and_then(|real| match real.is_dir() {
            true => Ok(real),
            false => Err(std::io::ErrorKind::NotADirectory.into()),
        });
        allow_files.push(real.map_err(|source| EngineError::AllowFiles { path: path.clone(), source })?);
    }
    let database = config.database.as_duckdb();
    let options = DuckDbOptions {
        database: database.clone(),
        memory_limit: Some(config.memory_limit),
        threads: Some(config.threads),
        temp_dir: data_dir.temp(),
        temp_limit: None,
        allow_files,
        extension_dir: config.extension_dir.clone(),
    };
    let engine = tokio::task::spawn_blocking(move || DuckDb::open(options))
        .await?
        .map_err(|source| EngineError::Open { database, source })?;
    Ok(vec![engine])
}

/// There is none to open.
#[cfg(not(feature = "duckdb"))]
pub(super) async fn open(config: &Config, _data_dir: &DataDir) -> Result<Vec<Arc<dyn Engine>>, EngineError> {
    Err(EngineError::Missing(config.engine.clone()))
}
