//! The spool that a configuration names.

use std::path::Path;
use std::sync::Arc;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::config::{Config, ConfigError, SecretSource};
use crate::snapshots::Snapshots;

/// Why it can't be used.
#[derive(Debug, Error)]
pub(super) enum SpoolError {
    /// Its secret can't be read.
    #[error(transparent)]
    Secret(#[from] ConfigError),
    /// It can't be opened.
    #[error("cannot use the spool (--spool): {0}")]
    Place(crate::error::Error),
}

/// Opens it; `None` when there is none.
pub(super) fn open(
    config: &Config,
    data_dir: &Path,
    key: &Zeroizing<[u8; 32]>,
) -> Result<Option<Arc<Snapshots>>, SpoolError> {
    let spool = match &config.spool {
        // What only this node can read is of no use to the next.
        None if config.peer_listen.is_some() => return Ok(None),
        None => Snapshots::in_directory(&data_dir.join("spool"), key),
        Some(place) if place.contains("://") => {
            let secret = config.spool_secret.as_ref().map(SecretSource::read).transpose()?;
            let (store, path) = crate::dataset::open_place(place, secret.as_ref()).map_err(SpoolError::Place)?;
            Snapshots::in_store(store, path, tokio::runtime::Handle::current(), key)
        }
        Some(directory) => Snapshots::in_directory(Path::new(directory), key),
    };
    spool.map(|spool| Some(Arc::new(spool))).map_err(SpoolError::Place)
}
