//! What a node is told about datasets when it starts.

use std::time::Duration;

use crate::config::Secret;
use crate::dataset::Definition;

/// What a node is told about datasets when it starts, beside those that the session store has.
#[derive(Debug, Clone)]
pub struct DatasetOptions {
    /// The datasets of the node's own configuration. They win over the store's of the same names.
    pub configured: Vec<Definition>,
    /// The secrets that datasets name.
    pub secrets: Vec<Secret>,
    /// How long a listing of files is taken as true, and how long after a dataset that failed is tried again.
    pub refresh: Duration,
    /// How long one step of bringing a dataset up may take: to describe it, to list its files, to show it in an engine.
    pub patience: Duration,
}

impl Default for DatasetOptions {
    fn default() -> Self {
        Self {
            configured: Vec::new(),
            secrets: Vec::new(),
            refresh: Duration::from_secs(30),
            patience: Duration::from_secs(60),
        }
    }
}
