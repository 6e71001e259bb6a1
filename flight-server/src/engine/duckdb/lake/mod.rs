//! Tables that all nodes share: a DuckLake, whose catalog is in a PostgreSQL database and whose files are in a directory or a
//! bucket that every node reaches.
//!
//! It stands in the place of the instance's own database, which a node's death would take with it. Each commit carries the
//! mark of its session and of the session's epoch, and the catalog's own database refuses the mark of an owner that has lost
//! its session: see [`fence`].

mod attach;
mod data_path;
mod examine;
mod failure;
mod fence;
mod mark;

use std::collections::HashSet;

use parking_lot::Mutex;
use uuid::Uuid;

pub use self::examine::{ExaminedLake, examine_lake};
use self::fence::Fence;
use self::mark::Mark;
pub(super) use self::mark::{CommitNote, mark};
use super::extensions::Extensions;
use super::ffi::{Connection, Prepared};
use super::internal;
use crate::config::{LakeCatalog, Secret};
use crate::engine::{Holder, Receipt};
use crate::error::{Error, ErrorCode, Result};

/// The name under which every node shows it.
pub(super) const CATALOG: &str = "lake";
/// The name under which DuckLake attaches the database of its catalog.
const METADATA: &str = "__ducklake_metadata_lake";
/// What DuckDB calls the database of an instance that was opened without a file.
const MEMORY: &str = "memory";

/// Where a lake is.
#[derive(Debug, Clone)]
pub struct LakeOptions {
    /// The database that holds its catalog.
    pub catalog: LakeCatalog,
    /// A directory, or an `s3:` URL, in which its files are; what the catalog says when `None`.
    pub data_path: Option<String>,
    /// What opens that URL; what the environment says when `None`.
    pub secret: Option<Secret>,
}

/// A lake that is attached.
pub(super) struct Lake {
    fence: Mutex<Fence>,
    /// Where its files are, with a slash at the end.
    data_path: String,
}

impl Lake {
    /// Attaches the lake to an instance that is not locked down yet, as the database in which its sessions are; it is made
    /// when there is none. It blocks.
    ///
    /// # Errors
    /// When an extension is missing, the database does not answer, or the files can't be where they are said to be.
    pub(super) fn attach(connection: &Connection, options: &LakeOptions, extensions: &Extensions) -> Result<Self> {
        let data_path = options.data_path.as_deref().map(data_path::prepare).transpose()?;
        let is_remote = data_path.as_deref().is_some_and(data_path::is_remote);
        extensions.check_has(attach::needed(is_remote), "tables in a lake (--database ducklake:…)")?;
        attach::create_secrets(connection, options, data_path.as_deref())?;
        let fence = Fence::open(&options.catalog, extensions)?;
        // Two nodes that made one lake at once would get in each other's way.
        fence.alone(|| attach::attach(connection, options, data_path.as_deref()))?;
        fence.set_up()?;
        connection.set_default_database(CATALOG)?;
        internal::run(connection, &format!("USE {CATALOG}; DETACH {MEMORY}"))?;
        let data_path = attach::data_path(connection)?;
        data_path::check(&data_path, extensions)?;
        Ok(Self { fence: Mutex::new(fence), data_path })
    }

    /// Where its files are: a directory, or a URL, with a slash at the end.
    pub(super) fn data_path(&self) -> &str {
        &self.data_path
    }

    /// The receipt of a write, if it was applied. It blocks.
    ///
    /// # Errors
    /// `LAKE_UNAVAILABLE` when the database does not answer.
    pub(super) fn receipt(&self, holder: &Holder, request: Uuid) -> Result<Option<Receipt>> {
        self.fence.lock().receipt(holder, request)
    }

    /// The ids of a session's receipts; `None` when there are too many to be remembered. It blocks.
    ///
    /// # Errors
    /// `LAKE_UNAVAILABLE` when the database does not answer.
    pub(super) fn receipt_ids(&self, holder: &Holder) -> Result<Option<HashSet<Uuid>>> {
        self.fence.lock().receipt_ids(holder)
    }

    /// Keeps receipts that no commit has kept. It blocks.
    ///
    /// # Errors
    /// The database's.
    pub(super) fn keep_receipts(&self, holder: &Holder, receipts: &[Receipt]) -> Result<()> {
        let note = CommitNote::default();
        let mark = serde_json::to_string(&Mark::of(holder, &note, receipts)).map_err(Error::internal)?;
        self.fence.lock().keep_receipts(&mark)
    }

    /// Sees to it that nobody who held the session before can commit for it any more. It blocks.
    ///
    /// # Errors
    /// `SESSION_MOVED` when somebody holds it who took it later; the database's.
    pub(super) fn shut_out_others(&self, holder: &Holder) -> Result<()> {
        // Before the first takeover there is nobody to be shut out.
        if !holder.is_first() {
            self.fence.lock().take_over(holder)?;
        }
        Ok(())
    }
}

/// Refuses a statement that names the database of a lake's catalog: it holds what DuckLake keeps there, and whatever else is
/// in that database.
pub(super) fn check_untouched(prepared: &Prepared) -> Result<()> {
    if prepared.reads(METADATA) || prepared.changes(METADATA) {
        return Err(Error::new(
            ErrorCode::StatementForbidden,
            format!(
                "\"{METADATA}\" is the server's own; what there is to know of the lake is told by {CATALOG}.snapshots(), \
                 ducklake_table_info('{CATALOG}') and DuckLake's other functions"
            ),
        ));
    }
    Ok(())
}

/// What a failure is that came from a lake, in words for its client.
pub(super) fn explain(error: Error) -> Error {
    failure::explain(error)
}
