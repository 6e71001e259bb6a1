//! Datasets of the store and of the configuration, as engines show them.
//!
//! Files, listings and the session table are real; the engines note what is asked of them.

mod agreeing;
mod engine;
mod failing;
mod showing;

use std::time::Instant;

use ::session::{DatasetState, Generation, Incarnation, NewDataset, NodeRegistration, NodeRole, SessionStore as _};
use tempfile::TempDir;
use uuid::Uuid;

use self::engine::{DatasetEngine, Fault};
use super::*;
use crate::config::{Secret, SecretKind};
use crate::dataset::Definition;
use crate::node::core::{Core, CoreParts};
use crate::node::datasets::Datasets;
use crate::node::handle::Handles;

/// A session table, files, and nodes that show datasets.
struct Lake {
    cluster: Cluster,
    files: TempDir,
}

/// A node of which only the datasets run, when a test lets them.
struct Shore {
    engines: [Arc<DatasetEngine>; 2],
    core: Arc<Core>,
    datasets: Datasets,
    now: Instant,
}

impl Lake {
    fn new() -> Self {
        Self { cluster: Cluster::new(), files: tempfile::tempdir().unwrap() }
    }

    fn store(&self) -> &ModelStore {
        self.cluster.store.model()
    }

    /// A file, so that a dataset of this name can be read.
    fn write(&self, name: &str) {
        std::fs::write(self.path(name), "a,b\n1,2\n").unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(format!("{name}.csv"))
    }

    fn url(&self, name: &str) -> String {
        format!("file://{}", self.path(name).display())
    }

    async fn put(&self, name: &str) {
        self.put_over(name, name).await;
    }

    /// Puts a dataset into the store, over the file of this name.
    async fn put_over(&self, name: &str, file: &str) {
        let dataset = NewDataset {
            name: name.to_owned(),
            url: self.url(file),
            format: "csv".to_owned(),
            secret: None,
            replace: true,
        };
        self.store().put_dataset(&dataset).await.unwrap();
    }

    async fn shore(&self, name: &str) -> Shore {
        self.shore_with(name, DatasetOptions::default()).await
    }

    async fn shore_with(&self, name: &str, datasets: DatasetOptions) -> Shore {
        let engines = [DatasetEngine::new("duckdb"), DatasetEngine::new("datafusion")];
        let home = Uuid::new_v4();
        let options = NodeOptions { name: name.to_owned(), datasets, ..self.cluster.options(home) };
        let core = Arc::new(Core::new(CoreParts {
            options,
            store: self.cluster.store.clone(),
            engines: engines.iter().map(|engine| Arc::clone(engine) as Arc<dyn Engine>).collect(),
            engine: Some(engines[0].clone()),
            users: Arc::clone(&ADA),
            token_key: ::session::TokenKey::derive(b"a cluster secret"),
            handles: Handles::new(&self.cluster.secret),
        }));
        self.register(name, home, core.live.incarnation()).await;
        Shore { engines, datasets: Datasets::new(Arc::clone(&core)), core, now: Instant::now() }
    }

    async fn register(&self, name: &str, home: Uuid, incarnation: Incarnation) {
        let registration = NodeRegistration {
            incarnation,
            home,
            name: name.to_owned(),
            advertised_uri: String::new(),
            peer_uri: None,
            role: NodeRole::Both,
            lease: LEASE,
            version: "0".to_owned(),
        };
        self.store().register_node(&registration).await.unwrap();
    }

    /// What the nodes say of a dataset of the store, as `node=reason`, or `node` where it fares well.
    async fn said(&self, name: &str) -> Vec<String> {
        let datasets = self.store().datasets().await.unwrap();
        let dataset = datasets.into_iter().find(|dataset| dataset.name == name).unwrap();
        dataset.health.into_iter().map(|health| told(health.node, health.state)).collect()
    }

    async fn columns(&self, name: &str) -> Option<String> {
        let datasets = self.store().datasets().await.unwrap();
        datasets.into_iter().find(|dataset| dataset.name == name).unwrap().columns
    }
}

fn told(node: String, state: DatasetState) -> String {
    match state {
        DatasetState::Ok => node,
        DatasetState::Failed(reason) => format!("{node}={reason}"),
    }
}

impl Shore {
    /// A look at the store, and everything that follows from it.
    async fn round(&mut self) {
        self.datasets.tick(self.now).await;
        self.datasets.settle().await;
    }

    /// The same when the refresh interval is over.
    async fn refresh(&mut self) {
        self.now += self.core.options.datasets.refresh;
        self.round().await;
    }

    fn calls(&self) -> [Vec<String>; 2] {
        [self.engines[0].calls(), self.engines[1].calls()]
    }

    fn shown(&self) -> [Vec<String>; 2] {
        [self.engines[0].shown(), self.engines[1].shown()]
    }

    /// Forgets the calls until now, and does rounds that must bring none.
    async fn expect_rest(&mut self) {
        self.calls();
        for _ in 0..3 {
            self.round().await;
            self.refresh().await;
        }
        assert_eq!(self.calls(), [const { Vec::<String>::new() }; 2]);
    }
}

const NOTHING: [&[&str]; 2] = [&[], &[]];
