//! Nodes over one session table in memory, with a small engine made for the purpose.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod calls;
mod datasets;
mod draining;
mod engine;
mod engine_choice;
mod fencing;
mod options;
#[cfg(feature = "sqlite")]
mod sqlite;
mod statements;
mod store;
mod takeover;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ::session::{ManualClock, ModelStore, NodeRole};
use base64::Engine as _;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

use self::engine::TestEngine;
use self::store::FaultyStore;
use super::{Caller, DatasetOptions, Node, NodeOptions, Origin};
use crate::auth::{ClusterSecret, Users};
use crate::engine::Engine;
use crate::error::{ErrorCode, Result};

/// Hashing passwords is slow on purpose, so all tests share the users.
static ADA: LazyLock<Arc<Users>> = LazyLock::new(|| Arc::new(Users::single("ada", "engine").unwrap()));
static BOB: LazyLock<Arc<Users>> = LazyLock::new(|| Arc::new(Users::single("bob", "tablet").unwrap()));

const LEASE: Duration = Duration::from_secs(60);

/// A session table with its clock, and what all nodes on it share.
struct Cluster {
    clock: Arc<ManualClock>,
    store: Arc<FaultyStore>,
    engine: Arc<TestEngine>,
    secret: ClusterSecret,
}

impl Cluster {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let store = Arc::new(FaultyStore::new(ModelStore::new(clock.clone())));
        let secret = ClusterSecret::new([9u8; 32]).unwrap();
        Self { clock, store, engine: Arc::new(TestEngine::default()), secret }
    }

    fn options(&self, home: Uuid) -> NodeOptions {
        NodeOptions {
            statement_timeout: None,
            stream_grace: Duration::from_secs(30),
            name: "heron".to_owned(),
            home,
            advertised_uri: "grpc://heron:31337".to_owned(),
            peer_uri: None,
            role: NodeRole::Both,
            memory_limit: 0,
            lease: LEASE,
            idle_timeout: Duration::from_secs(600),
            max_age: Duration::from_secs(6000),
            spool: None,
            data_dir: PathBuf::new(),
            version: "0".to_owned(),
            default_engine: "test".to_owned(),
            datasets: DatasetOptions::default(),
        }
    }

    async fn start(&self, options: NodeOptions, users: &Arc<Users>) -> Arc<Node> {
        let engines: Vec<Arc<dyn Engine>> = vec![self.engine.clone()];
        Node::start(options, self.store.clone(), engines, Arc::clone(users), &self.secret).await.unwrap()
    }

    /// A node of ada's in this home.
    async fn node(&self, home: u128) -> Arc<Node> {
        self.start(self.options(Uuid::from_u128(home)), &ADA).await
    }

    /// The node dies as a killed process does, and starts again in the same home.
    async fn restart(&self, node: Arc<Node>) -> Arc<Node> {
        let options = node.options().clone();
        drop(node);
        self.start(options, &ADA).await
    }
}

fn basic(user: &str, password: &str) -> HeaderMap {
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    authorization(&format!("Basic {encoded}"))
}

fn ada() -> HeaderMap {
    basic("ada", "engine")
}

fn bearer(token: &str) -> HeaderMap {
    authorization(&format!("Bearer {token}"))
}

fn authorization(value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
    headers
}

fn with(mut headers: HeaderMap, name: &'static str, value: &str) -> HeaderMap {
    headers.insert(name, HeaderValue::from_str(value).unwrap());
    headers
}

fn peer(port: u16) -> Origin {
    Origin::Client(Some(SocketAddr::from(([127, 0, 0, 1], port))))
}

/// A new session of ada's, and its token.
async fn connect(node: &Arc<Node>) -> (Caller, String) {
    let caller = node.handshake(&ada()).await.unwrap();
    let token = caller.grant.as_ref().unwrap().token().to_owned();
    (caller, token)
}

async fn call(node: &Arc<Node>, token: &str) -> Result<Caller> {
    node.caller(&bearer(token), Origin::Client(None)).await
}

fn code<T>(result: Result<T>) -> ErrorCode {
    match result {
        Ok(_) => panic!("it succeeded"),
        Err(error) => error.code,
    }
}

/// Waits until `condition` holds; a test that waits in vain fails.
async fn until(condition: impl Fn() -> bool) {
    let held = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), held).await.unwrap();
}
