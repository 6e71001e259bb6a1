//! Datasets as the table holds them: names over files at a URL, what the first node found in them, and how they fare on
//! each node. The store gives formats, secrets and columns no meaning.

use std::fmt;
use std::time::SystemTime;

/// A dataset to be put into the table.
#[derive(Clone, PartialEq, Eq)]
pub struct NewDataset {
    /// Its name. Names are compared without case (of ASCII letters).
    pub name: String,
    /// Where its files are. It must not carry a credential: it is stored and shown.
    pub url: String,
    /// What its files hold.
    pub format: String,
    /// The name of the secret that opens it, if it needs one.
    pub secret: Option<String>,
    /// Whether a dataset of the same name is replaced; else it is an error that there is one.
    pub replace: bool,
}

/// A dataset as the store has it.
#[derive(Clone, PartialEq, Eq)]
pub struct DatasetRecord {
    /// Its name.
    pub name: String,
    /// Where its files are.
    pub url: String,
    /// What its files hold.
    pub format: String,
    /// The name of the secret that opens it, if it needs one.
    pub secret: Option<String>,
    /// Its columns, as the first node that described this generation wrote them; `None` when none has yet.
    pub columns: Option<String>,
    /// Which of all datasets there ever were this is, and since which request to describe it anew.
    pub generation: Generation,
    /// When it was put here.
    pub created_at: SystemTime,
    /// How this generation fares on the nodes that are alive and said so, by the name of the node.
    pub health: Vec<DatasetHealth>,
}

/// One description of a dataset. A dataset that is put, replaced, or asked to be refreshed gets a generation that none
/// ever had, so that nothing said of an earlier one is taken for the present one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub i64);

impl Generation {
    /// That of the datasets which are not in the table, but in the configuration of a node.
    pub const CONFIGURED: Self = Self(0);
}

/// What rises when there is something to do about datasets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DatasetVersion {
    /// Rises with every change of the datasets: one is put or removed, is to be refreshed, or has got its columns.
    pub version: i64,
    /// The version at which nodes were last asked to describe the datasets of their own configuration anew.
    pub refresh: i64,
}

/// How a dataset fares on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatasetState {
    /// Every engine of the node shows it.
    Ok,
    /// It can't be read, or an engine can't show it, for this reason. The reason is shown: it must hold no credential.
    Failed(String),
}

/// How a dataset fares on a node, as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetHealth {
    /// The dataset.
    pub dataset: String,
    /// The name of the node.
    pub node: String,
    /// How it fares there.
    pub state: DatasetState,
    /// When the node said so, by the store's clock.
    pub checked_at: SystemTime,
}

impl fmt::Debug for NewDataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewDataset")
            .field("name", &self.name)
            .field("url", &without_query(&self.url))
            .field("format", &self.format)
            .field("secret", &self.secret)
            .field("replace", &self.replace)
            .finish()
    }
}

impl fmt::Debug for DatasetRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatasetRecord")
            .field("name", &self.name)
            .field("url", &without_query(&self.url))
            .field("format", &self.format)
            .field("secret", &self.secret)
            .field("columns", &self.columns)
            .field("generation", &self.generation)
            .field("created_at", &self.created_at)
            .field("health", &self.health)
            .finish()
    }
}

/// What stands after the `?` may be a signature, whoever let it in here.
fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(before, _)| before)
}
