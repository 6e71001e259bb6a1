//! The tables that nodes share, as the configuration names them.

use crate::config::{Config, ConfigError, Database, SecretSource};
use crate::engine::duckdb::LakeOptions;

/// What the engine has to know of them; `None` where the database is made of none.
///
/// # Errors
/// When a file with a credential can't be read.
pub(super) fn options(config: &Config) -> Result<Option<LakeOptions>, ConfigError> {
    let Database::Lake(catalog) = &config.database else { return Ok(None) };
    let secret = config.data_path_secret.as_ref().map(SecretSource::read).transpose()?;
    Ok(Some(LakeOptions { catalog: catalog.clone(), data_path: config.data_path.clone(), secret }))
}
