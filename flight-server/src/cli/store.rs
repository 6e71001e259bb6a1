//! The session store of the configuration, opened.

use std::path::PathBuf;
use std::sync::Arc;

use session::SessionStore;
use thiserror::Error;

use crate::config::StoreUrl;

/// A session store that cannot be opened.
#[derive(Debug, Error)]
#[error("cannot open the session store {} (--store): {source}", .path.display())]
pub(super) struct OpenStoreError {
    path: PathBuf,
    source: session::StoreError,
}

/// Opens it. Other processes may have it open too.
#[cfg(feature = "sqlite")]
pub(super) async fn open(url: &StoreUrl) -> Result<Arc<dyn SessionStore>, OpenStoreError> {
    let StoreUrl::Sqlite(path) = url;
    let store =
        session::SqliteStore::open(path).await.map_err(|source| OpenStoreError { path: path.clone(), source })?;
    Ok(Arc::new(store))
}

/// There is none to open.
#[cfg(not(feature = "sqlite"))]
pub(super) async fn open(url: &StoreUrl) -> Result<Arc<dyn SessionStore>, OpenStoreError> {
    let StoreUrl::Sqlite(path) = url;
    let source = session::StoreError::Unavailable("this build has no feature `sqlite`".to_owned());
    Err(OpenStoreError { path: path.clone(), source })
}
