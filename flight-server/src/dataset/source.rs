//! The files of a dataset, as engines read them.

use std::sync::Arc;

use object_store::{ObjectMeta, ObjectStore};

use super::definition::{Definition, Format};
use crate::error::{Error, Result};

/// A dataset whose files can be listed and read. Engines reach them through it alone, so that both see the same files, and
/// no credential ever gets into an engine.
#[derive(Debug)]
pub struct Source {
    definition: Definition,
    store: Arc<dyn ObjectStore>,
}

impl Source {
    /// Its name, which is that of its table.
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// What its files hold.
    pub fn format(&self) -> Format {
        self.definition.format
    }

    /// Its files by paths relative to the dataset's root, `year=2024/part.parquet`. Reads only; a listing is answered
    /// from [`Source::files`].
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Its data files, sorted by path: listed once a refresh interval. Files that are hidden (a path segment that begins
    /// with `_` or `.`) or empty are left out.
    ///
    /// # Errors
    /// `DATASET_UNREADABLE`, without any credential.
    pub async fn files(&self) -> Result<Arc<[ObjectMeta]>> {
        Err(Error::internal("files"))
    }

    /// The hive partition columns that the paths of its files have, in their order: `year` of `year=2024/part.parquet`.
    ///
    /// # Errors
    /// As [`Source::files`].
    pub async fn partitions(&self) -> Result<Vec<String>> {
        Err(Error::internal("partitions"))
    }

    /// The directory or file of a dataset on this machine (a `file:` URL); `None` for one elsewhere.
    pub fn local_path(&self, path: &object_store::path::Path) -> Option<std::path::PathBuf> {
        let _ = path;
        None
    }
}
