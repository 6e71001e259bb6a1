//! The catalogs of a session as DataFusion looks names up: its own, and that of the datasets. A bare name that is none of
//! the session's is looked for among the datasets.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::TableType;
use parking_lot::RwLock;

use super::datasets::{DatasetCatalog, Datasets};
use super::table::{Contents, MemoryTable, TableRows};
use super::view::View;
use super::{CATALOG, SCHEMA};
use crate::engine::{DATASET_CATALOG, DATASET_SCHEMA};

/// Something of a session that has a name.
#[derive(Debug, Clone)]
pub(super) enum Relation {
    /// A table in memory.
    Memory(Arc<MemoryTable>),
    /// A table over files.
    External(Arc<dyn TableProvider>),
    /// A view.
    View(Arc<View>),
}

impl Relation {
    /// What it is read through.
    pub(super) async fn provider(&self) -> Result<Arc<dyn TableProvider>> {
        match self {
            Self::Memory(table) => Ok(Arc::clone(table) as _),
            Self::External(table) => Ok(Arc::clone(table)),
            Self::View(view) => view.table().await,
        }
    }

    pub(super) fn table_type(&self) -> TableType {
        match self {
            Self::Memory(table) => table.table_type(),
            Self::External(table) => table.table_type(),
            Self::View(_) => TableType::View,
        }
    }
}

/// All catalogs of a session.
#[derive(Debug)]
pub(super) struct SessionCatalogs {
    own: Arc<OwnCatalog>,
    datasets: Arc<DatasetCatalog>,
}

impl SessionCatalogs {
    /// Those of a new session.
    pub(super) fn new(datasets: &Arc<Datasets>) -> Arc<Self> {
        let own = OwnCatalog { schemas: RwLock::default(), datasets: Arc::clone(datasets) };
        own.create_schema(SCHEMA);
        Arc::new(Self { own: Arc::new(own), datasets: Arc::new(DatasetCatalog(Arc::clone(datasets))) })
    }

    /// The session's own.
    pub(super) fn own(&self) -> &OwnCatalog {
        &self.own
    }
}

impl CatalogProviderList for SessionCatalogs {
    fn register_catalog(&self, _name: String, _catalog: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        // Nothing registers any: CREATE DATABASE is refused before it gets here.
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![DATASET_CATALOG.to_owned(), CATALOG.to_owned()]
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        match name {
            CATALOG => Some(Arc::clone(&self.own) as _),
            DATASET_CATALOG => Some(Arc::clone(&self.datasets) as _),
            _ => None,
        }
    }
}

/// The catalog of what a session makes.
#[derive(Debug)]
pub(super) struct OwnCatalog {
    schemas: RwLock<BTreeMap<String, Arc<OwnSchema>>>,
    datasets: Arc<Datasets>,
}

impl OwnCatalog {
    /// Makes a schema; `false` when it is there.
    pub(super) fn create_schema(&self, name: &str) -> bool {
        let mut schemas = self.schemas.write();
        if schemas.contains_key(name) {
            return false;
        }
        let schema = OwnSchema { relations: RwLock::default(), datasets: Arc::clone(&self.datasets) };
        schemas.insert(name.to_owned(), Arc::new(schema));
        true
    }

    /// Takes a schema away, with all that is in it; `false` when it is not there.
    pub(super) fn drop_schema(&self, name: &str) -> bool {
        self.schemas.write().remove(name).is_some()
    }

    /// Takes everything away: the session has ended.
    pub(super) fn clear(&self) {
        self.schemas.write().clear();
    }

    /// The schema of this name.
    pub(super) fn own_schema(&self, name: &str) -> Option<Arc<OwnSchema>> {
        self.schemas.read().get(name).cloned()
    }

    /// What all tables in memory hold now.
    pub(super) fn snapshot(&self) -> Snapshot {
        let schemas = self.schemas.read();
        let tables = schemas.values().flat_map(|schema| schema.memory_tables());
        Snapshot(Some(tables.map(|rows| (Arc::clone(&rows), rows.contents())).collect()))
    }
}

/// What tables held, put back unless the change that was begun is kept.
pub(super) struct Snapshot(Option<Vec<(Arc<TableRows>, Contents)>>);

impl Snapshot {
    /// Keeps what was changed since.
    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        for (rows, contents) in self.0.take().into_iter().flatten() {
            if !Arc::ptr_eq(&rows.contents(), &contents) {
                rows.restore(contents);
            }
        }
    }
}

impl CatalogProvider for OwnCatalog {
    fn schema_names(&self) -> Vec<String> {
        self.schemas.read().keys().cloned().collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        if let Some(schema) = self.own_schema(name) {
            return Some(schema as _);
        }
        // `datasets.x` is a table of the catalog of that name, as in DuckDB, where no schema has the name.
        (name == DATASET_CATALOG).then(|| DatasetCatalog(Arc::clone(&self.datasets)).schema(DATASET_SCHEMA)).flatten()
    }
}

/// A schema of what a session makes.
#[derive(Debug)]
pub(super) struct OwnSchema {
    relations: RwLock<BTreeMap<String, Relation>>,
    datasets: Arc<Datasets>,
}

impl OwnSchema {
    /// What has this name; names that differ in case alone are the same.
    pub(super) fn get(&self, name: &str) -> Option<Relation> {
        let relations = self.relations.read();
        let found = relations.get(name);
        found
            .or_else(|| relations.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, found)| found))
            .cloned()
    }

    /// Gives it this name, in place of whatever had it.
    pub(super) fn put(&self, name: &str, relation: Relation) {
        let mut relations = self.relations.write();
        relations.retain(|key, _| !key.eq_ignore_ascii_case(name));
        relations.insert(name.to_owned(), relation);
    }

    /// Takes away what has this name.
    pub(super) fn remove(&self, name: &str) {
        self.relations.write().retain(|key, _| !key.eq_ignore_ascii_case(name));
    }

    /// All that is in it, sorted by name.
    pub(super) fn relations(&self) -> Vec<(String, Relation)> {
        self.relations.read().iter().map(|(name, relation)| (name.clone(), relation.clone())).collect()
    }

    fn memory_tables(&self) -> Vec<Arc<TableRows>> {
        let relations = self.relations.read();
        let rows = relations.values().filter_map(|relation| match relation {
            Relation::Memory(table) => Some(Arc::clone(table.rows())),
            _ => None,
        });
        rows.collect()
    }
}

#[async_trait]
impl SchemaProvider for OwnSchema {
    fn table_names(&self) -> Vec<String> {
        self.relations.read().keys().cloned().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        match self.get(name) {
            Some(relation) => relation.provider().await.map(Some),
            None => Ok(self.datasets.get(name).map(|dataset| dataset as _)),
        }
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(self.get(name).map(|relation| relation.table_type()))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}
