//! What all sessions of a node share: memory, threads, disk space and datasets.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use datafusion::catalog::{CatalogProviderList, TableProviderFactory};
use datafusion::datasource::listing_table_factory::ListingTableFactory;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use parking_lot::Mutex;
use typemap::SqlType;

use super::catalog::SessionCatalogs;
use super::datasets::{self, Datasets};
use super::dialect;
use super::facts;
use super::files::Stores;
use super::options::DataFusionOptions;
use super::runtime::EngineRuntime;
use super::session::DataFusionSession;
use super::{CATALOG, SCHEMA};
use crate::dataset::Source;
use crate::engine::{Engine, EngineFacts, EngineSession, Holder, StateEntry};
use crate::error::{Error, ErrorCode, Result};

/// The most bytes of file footers that are kept, of those of all sessions. They are kept beyond the memory limit.
const FOOTERS: usize = 16 << 20;

/// How many of the largest holders of memory an error tells when there is no more.
const TOLD_CONSUMERS: usize = 3;

/// The formats that CREATE EXTERNAL TABLE reads.
const FORMATS: [&str; 5] = ["PARQUET", "CSV", "JSON", "NDJSON", "ARROW"];

/// What all sessions of an instance share.
pub(super) struct Instance {
    pub(super) runtime: Arc<EngineRuntime>,
    pub(super) datasets: Arc<Datasets>,
    env: Arc<RuntimeEnv>,
    threads: usize,
}

impl Instance {
    /// What a new session plans and runs statements with.
    pub(super) fn context(&self, catalogs: Arc<dyn CatalogProviderList>) -> SessionContext {
        SessionContext::new_with_state(self.state(catalogs))
    }

    fn state(&self, catalogs: Arc<dyn CatalogProviderList>) -> SessionState {
        let config = SessionConfig::new()
            .with_information_schema(true)
            .with_create_default_catalog_and_schema(false)
            .with_default_catalog_and_schema(CATALOG, SCHEMA)
            .with_target_partitions(self.threads);
        // The factory for endless files, which DataFusion has too, opens paths without asking any store.
        let factory: Arc<dyn TableProviderFactory> = Arc::new(ListingTableFactory::new());
        let factories: HashMap<_, _> =
            FORMATS.into_iter().map(|format| (format.to_owned(), Arc::clone(&factory))).collect();
        let builder = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(Arc::clone(&self.env))
            .with_default_features()
            .with_table_factories(factories)
            .with_catalog_list(catalogs);
        dialect::install(builder).build()
    }
}

/// DataFusion.
pub struct DataFusion {
    instance: Arc<Instance>,
    facts: EngineFacts,
    sessions: Mutex<Option<Vec<Weak<DataFusionSession>>>>,
}

impl DataFusion {
    /// Starts the engine's threads and opens what its sessions share.
    ///
    /// # Errors
    /// When threads can't be started or an option is refused.
    pub fn open(options: DataFusionOptions) -> Result<Arc<Self>> {
        let datasets = Arc::new(Datasets::default());
        let limit = usize::try_from(options.memory_limit).unwrap_or(usize::MAX);
        let told = std::num::NonZeroUsize::new(TOLD_CONSUMERS).unwrap_or(std::num::NonZeroUsize::MIN);
        let mut disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(vec![options.temp_dir]));
        disk.set_max_temp_directory_size(options.temp_limit.unwrap_or(u64::MAX));
        let stores = Stores::new(options.allow_files, options.allow_writes, datasets.files());
        let env = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(TrackConsumersPool::new(FairSpillPool::new(limit), told)))
            .with_disk_manager_builder(disk)
            .with_object_store_registry(Arc::new(stores))
            .with_metadata_cache_limit(FOOTERS)
            // Listings and statistics that are kept would hide files that are new or have changed.
            .with_object_list_cache_limit(0)
            .with_file_statistics_cache_limit(0)
            .build_arc()
            .map_err(|error| Error::internal(format!("the engine could not be opened: {error}")))?;
        let runtime = EngineRuntime::start(options.threads)?;
        let instance = Arc::new(Instance { runtime, datasets, env, threads: options.threads.max(1) });
        let facts = facts::facts(&instance.state(SessionCatalogs::new(&instance.datasets) as _));
        Ok(Arc::new(Self { instance, facts, sessions: Mutex::new(Some(Vec::new())) }))
    }

    /// The bytes that sessions hold of the engine's memory.
    #[cfg(test)]
    pub(super) fn memory_used(&self) -> usize {
        self.instance.env.memory_pool.reserved()
    }

    /// The tasks of the engine that have not ended.
    #[cfg(test)]
    pub(super) fn tasks(&self) -> usize {
        self.instance.runtime.tasks()
    }
}

#[async_trait]
impl Engine for DataFusion {
    fn name(&self) -> &'static str {
        super::NAME
    }

    fn facts(&self) -> &EngineFacts {
        &self.facts
    }

    async fn open_session(&self, _: &Holder, replay: &[StateEntry]) -> Result<Arc<dyn EngineSession>> {
        let session = DataFusionSession::open(Arc::clone(&self.instance), replay.to_vec()).await?;
        match &mut *self.sessions.lock() {
            Some(sessions) => {
                sessions.retain(|session| session.strong_count() > 0);
                sessions.push(Arc::downgrade(&session));
            }
            None => {
                let message = "the server is shutting down; connect to another node";
                return Err(Error::new(ErrorCode::Draining, message));
            }
        }
        Ok(session)
    }

    async fn describe_dataset(&self, source: &Arc<Source>) -> Result<Vec<(String, SqlType)>> {
        let source = Arc::clone(source);
        let instance = Arc::clone(&self.instance);
        let mut task = self.instance.runtime.spawn(async move {
            let state = instance.state(SessionCatalogs::new(&instance.datasets) as _);
            datasets::describe(&state, &source).await
        });
        task.join().await
    }

    async fn put_dataset(&self, source: &Arc<Source>, columns: &[(String, SqlType)]) -> Result<()> {
        self.instance.datasets.put(source, columns)
    }

    async fn remove_dataset(&self, name: &str) -> Result<()> {
        self.instance.datasets.remove(name);
        Ok(())
    }

    async fn shutdown(&self) {
        let sessions = self.sessions.lock().take();
        for session in sessions.into_iter().flatten().filter_map(|session| session.upgrade()) {
            session.close().await;
        }
    }
}
