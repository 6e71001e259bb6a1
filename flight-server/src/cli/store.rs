//! The session store of the configuration, opened.

use std::sync::Arc;

use session::SessionStore;
use thiserror::Error;

use crate::config::StoreUrl;

/// A session store that cannot be opened. It is named without its password.
#[derive(Debug, Error)]
#[error("cannot open the session store {place} (--store): {source}")]
pub(super) struct OpenStoreError {
    place: StoreUrl,
    source: session::StoreError,
}

/// Opens it. Other processes may have it open too.
pub(super) async fn open(url: &StoreUrl) -> Result<Arc<dyn SessionStore>, OpenStoreError> {
    opened(url).await.map_err(|source| OpenStoreError { place: url.clone(), source })
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
