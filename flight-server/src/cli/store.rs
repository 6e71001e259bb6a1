//! The session store of the configuration, opened.

use std::path::PathBuf;
use std::sync::Arc;

use session::SessionStore;
use thiserror::Error;

use crate::config::{Config, StoreUrl};

/// A session store that cannot be opened. It is named without its password.
#[derive(Debug, Error)]
pub(super) enum OpenStoreError {
    /// It can't be opened, or can't be made.
    #[error("cannot open the session store {place} (--store): {source}")]
    Open {
        /// Where it is.
        place: StoreUrl,
        /// What went wrong.
        source: session::StoreError,
    },
    /// It must be there, and is not.
    #[error("there is no session store {}; say where it is with --data-dir or --store, or start the server first", .0.display())]
    Missing(PathBuf),
}

/// Opens it. Other processes may have it open too.
pub(super) async fn open(url: &StoreUrl) -> Result<Arc<dyn SessionStore>, OpenStoreError> {
    opened(url).await.map_err(|source| OpenStoreError::Open { place: url.clone(), source })
}

/// Opens the one that must be there: one that is made here would only hide that another was meant.
pub(super) async fn open_existing(config: &Config) -> Result<Arc<dyn SessionStore>, OpenStoreError> {
    if let StoreUrl::Sqlite(path) = &config.store
        && !path.exists()
    {
        return Err(OpenStoreError::Missing(path.clone()));
    }
    open(&config.store).await
}

/// Opens it, for those who say themselves which store it is.
pub(super) async fn opened(url: &StoreUrl) -> session::Result<Arc<dyn SessionStore>> {
    match url {
        #[cfg(feature = "sqlite")]
        StoreUrl::Sqlite(path) => Ok(Arc::new(session::SqliteStore::open(path).await?)),
        #[cfg(not(feature = "sqlite"))]
        StoreUrl::Sqlite(_) => Err(not_built("sqlite")),
        #[cfg(feature = "postgres")]
        StoreUrl::Postgres(url) => Ok(Arc::new(session::PostgresStore::open(url).await?)),
        #[cfg(not(feature = "postgres"))]
        StoreUrl::Postgres(_) => Err(not_built("postgres")),
    }
}

#[cfg(not(all(feature = "sqlite", feature = "postgres")))]
fn not_built(feature: &str) -> session::StoreError {
    session::StoreError::Misconfigured(format!(
        "this build has no feature `{feature}`; give another store, or another build"
    ))
}
