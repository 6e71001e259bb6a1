//! What a node is told when it starts.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use session::NodeRole;
use uuid::Uuid;

use super::datasets::DatasetOptions;
use crate::snapshots::Snapshots;

/// What a node is told when it starts.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// Its name for people.
    pub name: String,
    /// The identity of its data directory, whose lock the caller holds: a node that starts again with the same home
    /// takes its earlier sessions back at once.
    pub home: Uuid,
    /// Where clients reach it.
    pub advertised_uri: String,
    /// Where its peers reach it; a node without such a place serves what it holds to its own clients alone.
    pub peer_uri: Option<String>,
    /// What it is there for.
    pub role: NodeRole,
    /// How much memory its engines may use, in bytes.
    pub memory_limit: u64,
    /// How long it is believed to be alive without a word from it. Renewed every third of it.
    pub lease: Duration,
    /// How long a session may go unused.
    pub idle_timeout: Duration,
    /// How long a session may live, however much it is used.
    pub max_age: Duration,
    /// How long a statement may take, in sessions that set no other time; as long as it needs when `None`.
    pub statement_timeout: Option<Duration>,
    /// How long a result that broke off waits for a client that has said it comes again.
    pub stream_grace: Duration,
    /// Where it keeps what of its sessions is too large for the store, if anywhere.
    pub spool: Option<Arc<Snapshots>>,
    /// Where the node keeps its files.
    pub data_dir: PathBuf,
    /// The version of the software.
    pub version: String,
    /// The engine that new sessions get, by its name.
    pub default_engine: String,
    /// The datasets of its own, and how datasets are kept.
    pub datasets: DatasetOptions,
}
