//! The datasets of the server as tables that all sessions see.
//!
//! | module | what it does |
//! |---|---|
//! | `table` | a dataset as a table with the columns it was said to have |
//! | `csv` | how the text files of a dataset are laid out |
//! | `partitions` | the columns that stand in paths |
//! | `describe` | the columns that the files themselves have |

mod csv;
mod describe;
mod partitions;
mod store;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::DataFusionError;
use parking_lot::RwLock;
use typemap::SqlType;

pub(super) use self::describe::describe;
pub(super) use self::store::DatasetFiles;
pub(super) use self::table::DatasetTable;
use crate::dataset::Source;
use crate::engine::DATASET_SCHEMA;
use crate::error::Result;

/// The scheme of the URLs under which DataFusion knows datasets.
pub(super) const SCHEME: &str = "dataset";

/// The datasets there are.
#[derive(Debug, Default)]
pub(super) struct Datasets {
    tables: RwLock<BTreeMap<String, Arc<DatasetTable>>>,
    files: DatasetFiles,
    next: AtomicU64,
}

impl Datasets {
    /// Where their files are read.
    pub(super) fn files(&self) -> DatasetFiles {
        self.files.clone()
    }

    /// Shows a dataset with these columns, in place of any of its name.
    pub(super) fn put(&self, source: &Arc<Source>, columns: &[(String, SqlType)]) -> Result<()> {
        // Each gets a directory of its own: what is cached of a file is found by its path alone.
        let directory = format!("dataset-{}", self.next.fetch_add(1, Ordering::Relaxed));
        let table = DatasetTable::new(Arc::clone(source), directory.clone(), columns)?;
        self.files.put(directory, source);
        let replaced = self.tables.write().insert(source.name().to_owned(), Arc::new(table));
        if let Some(replaced) = replaced {
            self.files.remove(replaced.directory());
        }
        Ok(())
    }

    /// Takes a dataset away, if it is there.
    pub(super) fn remove(&self, name: &str) {
        if let Some(removed) = self.tables.write().remove(name) {
            self.files.remove(removed.directory());
        }
    }

    /// The dataset of this name; names that differ in case alone are the same.
    pub(super) fn get(&self, name: &str) -> Option<Arc<DatasetTable>> {
        let tables = self.tables.read();
        let found = tables.get(name);
        found.or_else(|| tables.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, table)| table)).cloned()
    }

    /// All names, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        self.tables.read().keys().cloned().collect()
    }
}

/// The catalog in which all of them are.
#[derive(Debug)]
pub(super) struct DatasetCatalog(pub(super) Arc<Datasets>);

impl CatalogProvider for DatasetCatalog {
    fn schema_names(&self) -> Vec<String> {
        vec![DATASET_SCHEMA.to_owned()]
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        (name == DATASET_SCHEMA).then(|| Arc::new(DatasetNames(Arc::clone(&self.0))) as _)
    }
}

/// The one schema of it.
#[derive(Debug)]
struct DatasetNames(Arc<Datasets>);

#[async_trait]
impl SchemaProvider for DatasetNames {
    fn table_names(&self) -> Vec<String> {
        self.0.names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        Ok(self.0.get(name).map(|table| table as _))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.get(name).is_some()
    }
}
