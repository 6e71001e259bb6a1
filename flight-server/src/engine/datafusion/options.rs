//! How the engine is opened.

use std::path::PathBuf;

/// How the engine is opened.
#[derive(Debug, Clone)]
pub struct DataFusionOptions {
    /// The most memory that statements and the tables of all sessions may hold, in bytes. What is being computed beyond it
    /// is spilled to disk where its operator can do that, and fails with SQLSTATE 53200 where it cannot.
    pub memory_limit: u64,
    /// Worker threads; at least one.
    pub threads: usize,
    /// Where what does not fit into memory is put. It exists.
    pub temp_dir: PathBuf,
    /// The most bytes that are put there; no limit but the disk's when `None`.
    pub temp_limit: Option<u64>,
    /// Directories that SQL may read, canonical. Everything else of the file system is closed to it.
    pub allow_files: Vec<PathBuf>,
    /// Directories that SQL may write and read, canonical.
    pub allow_writes: Vec<PathBuf>,
}
