//! The engines that this build has, opened.

use std::sync::Arc;

use thiserror::Error;

use super::data_dir::DataDir;
use crate::config::Config;
use crate::engine::Engine;
use crate::snapshots::Snapshots;

/// Why there is no engine.
#[derive(Debug, Error)]
pub(super) enum EngineError {
    /// A directory that is to be opened to SQL is none.
    #[cfg(any(feature = "datafusion", feature = "duckdb"))]
    #[error("cannot open {} to SQL (--{flag}): {source}", .path.display())]
    Directory {
        /// The flag that names it.
        flag: &'static str,
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
    /// A secret can't be read.
    #[cfg(feature = "duckdb")]
    #[error(transparent)]
    Secret(#[from] crate::config::ConfigError),
    /// The engine could not be started.
    #[cfg(feature = "datafusion")]
    #[error("cannot start the engine datafusion: {0}")]
    Start(crate::error::Error),
    /// The thread that opened it ended before its time.
    #[cfg(feature = "duckdb")]
    #[error("opening the database was interrupted: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
    /// This build does not have the engine of new sessions.
    #[error("this build has no engine `{0}` (--engine): build it with the feature `{0}`")]
    Missing(String),
}

/// Opens them. DuckDB reads its file and its log meanwhile, which may take a while after a crash.
pub(super) async fn open(
    config: &Config,
    data_dir: &DataDir,
    spool: Option<Arc<Snapshots>>,
) -> Result<Vec<Arc<dyn Engine>>, EngineError> {
    let names = [("duckdb", cfg!(feature = "duckdb")), ("datafusion", cfg!(feature = "datafusion"))];
    if !names.contains(&(config.engine.as_str(), true)) {
        return Err(EngineError::Missing(config.engine.clone()));
    }
    open_all(config, data_dir, spool).await
}

#[cfg(not(any(feature = "datafusion", feature = "duckdb")))]
async fn open_all(
    config: &Config,
    _data_dir: &DataDir,
    _spool: Option<Arc<Snapshots>>,
) -> Result<Vec<Arc<dyn Engine>>, EngineError> {
    Err(EngineError::Missing(config.engine.clone()))
}

#[cfg(any(feature = "datafusion", feature = "duckdb"))]
async fn open_all(
    config: &Config,
    data_dir: &DataDir,
    _spool: Option<Arc<Snapshots>>,
) -> Result<Vec<Arc<dyn Engine>>, EngineError> {
    let allow_files = real_directories("allow-files", &config.allow_files)?;
    let allow_writes = real_directories("allow-writes", &config.allow_writes)?;
    let mut engines: Vec<Arc<dyn Engine>> = Vec::new();
    #[cfg(feature = "duckdb")]
    engines.push(open_duckdb(config, data_dir, allow_files.clone(), allow_writes.clone(), _spool).await?);
    #[cfg(feature = "datafusion")]
    engines.push(open_datafusion(config, data_dir, allow_files, allow_writes)?);
    Ok(engines)
}

#[cfg(feature = "duckdb")]
async fn open_duckdb(
    config: &Config,
    data_dir: &DataDir,
    allow_files: Vec<std::path::PathBuf>,
    allow_writes: Vec<std::path::PathBuf>,
    spool: Option<Arc<Snapshots>>,
) -> Result<Arc<dyn Engine>, EngineError> {
    use crate::engine::duckdb::{DuckDb, DuckDbOptions};

    let limit = usize::try_from(config.snapshot_limit).unwrap_or(usize::MAX);
    let (database, shown) = (config.database.as_duckdb(), config.database.to_string());
    let lake = crate::cli::lake::options(config)?;
    let options = DuckDbOptions {
        database,
        memory_limit: Some(share_of_memory(config, "duckdb")),
        threads: Some(config.threads),
        temp_dir: data_dir.temp(),
        temp_limit: None,
        allow_files,
        allow_writes,
        extension_dir: config.extension_dir.clone(),
        receipt_age: config.session_max_age,
        lake,
        snapshots: spool.map(|spool| (spool, limit)),
    };
    let engine = tokio::task::spawn_blocking(move || DuckDb::open(options))
        .await?
        .map_err(|source| EngineError::Open { database: shown, source })?;
    Ok(engine)
}

#[cfg(feature = "datafusion")]
fn open_datafusion(
    config: &Config,
    data_dir: &DataDir,
    allow_files: Vec<std::path::PathBuf>,
    allow_writes: Vec<std::path::PathBuf>,
) -> Result<Arc<dyn Engine>, EngineError> {
    use crate::engine::datafusion::{DataFusion, DataFusionOptions};

    let options = DataFusionOptions {
        memory_limit: share_of_memory(config, "datafusion"),
        threads: config.threads,
        temp_dir: data_dir.temp(),
        temp_limit: None,
        allow_files,
        allow_writes,
    };
    Ok(DataFusion::open(options).map_err(EngineError::Start)?)
}

/// What an engine gets of the memory limit: of two engines, the one of new sessions three quarters, the other a quarter.
#[cfg(any(feature = "datafusion", feature = "duckdb"))]
fn share_of_memory(config: &Config, engine: &str) -> u64 {
    let quarter = config.memory_limit / 4;
    match (cfg!(all(feature = "datafusion", feature = "duckdb")), config.engine == engine) {
        (false, _) => config.memory_limit,
        (true, true) => config.memory_limit - quarter,
        (true, false) => quarter,
    }
}

/// The directories themselves: a link to one could be pointed elsewhere later.
#[cfg(any(feature = "datafusion", feature = "duckdb"))]
fn real_directories(flag: &'static str, paths: &[std::path::PathBuf]) -> Result<Vec<std::path::PathBuf>, EngineError> {
    let real = |path: &std::path::PathBuf| {
        let real = std::fs::canonicalize(path).and_then(|real| match real.is_dir() {
            true => Ok(real),
            false => Err(std::io::ErrorKind::NotADirectory.into()),
        });
        real.map_err(|source| EngineError::Directory { flag, path: path.clone(), source })
    };
    paths.iter().map(real).collect()
}
