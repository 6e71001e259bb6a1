//! What keeps an owner that has lost its session from committing for it: the catalog's own database.
//!
//! A node may be stopped in the middle of anything and go on when another has long taken its sessions over. The database that
//! holds the lake's catalog therefore keeps the epoch of each session that was taken over or has committed, and a trigger there
//! compares it with the [mark](super::mark) of each commit, in the commit's own transaction. Whoever takes a session over writes
//! its new epoch before it serves the session: either an older owner's commit comes first, and the new owner sees what it has
//! written, or it is refused.

use std::collections::HashSet;

use super::super::extensions::Extensions;
use super::super::ffi::{Connection, Database};
use super::super::internal::{self, quoted_text};
use super::super::receipts;
use super::attach::{self, unusable};
use super::failure::{self, told_by_database};
use uuid::Uuid;

use crate::config::LakeCatalog;
use crate::engine::{Holder, Receipt};
use crate::error::{Error, ErrorCode, Result};

/// The setting by which the database tells the connections whose commits need a mark from those of other programs.
pub(super) const FENCED: &str = "-c pintail.fenced=on";
/// What the database says to an owner that was overtaken.
pub(super) const OVERTAKEN: &str = "pintail: the session was taken over";
/// What it says to a commit of which an earlier try has come through after all.
pub(super) const APPLIED: &str = "pintail: the write was applied";
/// What it says where the mark is missing.
pub(super) const UNMARKED: &str = "pintail: the commit has no mark";
/// The settings of the connection that writes epochs. A commit that is under way holds the session's row, for no longer than
/// its trigger lets it rest.
const SETTINGS: &str = "-c lock_timeout=10s -c statement_timeout=15s";
/// What makes the table, the functions and the trigger, whole or not at all, and again where they are there already.
const SCHEMA: &str = include_str!("fence.sql");
/// What is told when the database can't be asked for a receipt.
const NOT_TOLD: &str = "whether the write was applied before can't be told";
/// The name of the database in the instance that writes epochs.
const KEEPER: &str = "catalog";

/// The way to the catalog's database, beside the lake itself: an instance of its own, which no client reaches.
pub(super) struct Fence {
    connection: Connection,
    place: String,
}

impl Fence {
    /// Connects.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) fn open(catalog: &LakeCatalog, extensions: &Extensions) -> Result<Self> {
        let fence =
            Self { connection: connect(catalog, extensions)?, place: attach::connection_string(catalog, SETTINGS) };
        fence
            .attach()
            .map_err(|error| unusable(&format!("{catalog} can't be reached: {}", told_by_database(&error.message))))?;
        Ok(fence)
    }

    /// Runs `work` while no other node runs its own.
    ///
    /// # Errors
    /// Those of `work`, and the database's when it did not answer before.
    pub(super) fn alone<R>(&self, work: impl FnOnce() -> Result<R>) -> Result<R> {
        internal::run(&self.connection, "BEGIN")?;
        let locked = self.run("SELECT pg_advisory_xact_lock(hashtextextended('pintail_lake', 0))");
        let done = locked.map_err(|error| unusable(&told_by_database(&error.message))).and_then(|()| work());
        internal::run(&self.connection, "ROLLBACK")?;
        done
    }

    /// Sees that the database checks commits.
    ///
    /// # Errors
    /// When it does not answer, or this user may not make the trigger.
    pub(super) fn set_up(&self) -> Result<()> {
        self.run(SCHEMA).map_err(|error| {
            let told = told_by_database(&error.message);
            unusable(&format!(
                "the check of commits can't be made in the catalog's database: {told}; its user has to own the tables of \
                 the lake, and to be allowed to make the schema pintail_lake"
            ))
        })
    }

    /// Writes the epoch of a session that was taken over.
    ///
    /// # Errors
    /// `SESSION_MOVED` when it has a later one, `LAKE_UNAVAILABLE` when the database does not answer.
    pub(super) fn take_over(&self, holder: &Holder) -> Result<()> {
        let sql = format!("SELECT pintail_lake.take_over({}, {})", quoted_text(&holder.session), holder.epoch);
        self.again(|fence| fence.run(&sql)).map_err(|error| {
            let what =
                "the session can't be taken over before the database of the lake's catalog has shut out its last owner";
            unavailable(what, error)
        })
    }

    /// The receipt of a write, if it was applied.
    ///
    /// # Errors
    /// `LAKE_UNAVAILABLE` when the database does not answer.
    pub(super) fn receipt(&self, holder: &Holder, request: Uuid) -> Result<Option<Receipt>> {
        let session = quoted_text(&holder.session);
        let sql = format!(
            "SELECT digest, changed::text, returned_rows::text, rows FROM pintail_lake.receipts
             WHERE session = {session} AND request = '{request}'
             UNION ALL SELECT '', NULL, 'false', NULL FROM pintail_lake.commits
             WHERE session = {session} AND request = '{request}'"
        );
        let rows = self.again(|fence| fence.ask(&sql));
        receipts::read(rows.map_err(|error| unavailable(NOT_TOLD, error))?, request)
    }

    /// The ids of a session's receipts; `None` when there are too many to be remembered.
    ///
    /// # Errors
    /// `LAKE_UNAVAILABLE` when the database does not answer.
    pub(super) fn receipt_ids(&self, holder: &Holder) -> Result<Option<HashSet<Uuid>>> {
        let session = quoted_text(&holder.session);
        let sql = format!(
            "SELECT request::text FROM pintail_lake.receipts WHERE session = {session}
             UNION ALL SELECT request::text FROM pintail_lake.commits WHERE session = {session} LIMIT {}",
            receipts::MOST_KNOWN + 1
        );
        let rows = self.again(|fence| fence.ask(&sql));
        Ok(receipts::known(rows.map_err(|error| unavailable(NOT_TOLD, error))?))
    }

    /// Keeps the receipts in a mark that no commit has kept.
    ///
    /// # Errors
    /// `LAKE_UNAVAILABLE` when the database does not answer.
    pub(super) fn keep_receipts(&self, mark: &str) -> Result<()> {
        let sql = format!("SELECT pintail_lake.keep_receipts(({}::jsonb) -> 'pintail')", quoted_text(mark));
        self.again(|fence| fence.run(&sql)).map_err(|error| unavailable("receipts can't be kept", error))
    }

    /// What `work` gives, tried once more by a new connection: the database may have started anew since the last time, which
    /// its connections don't notice.
    fn again<R>(&self, work: impl Fn(&Self) -> Result<R>) -> Result<R> {
        work(self).or_else(|error| {
            if error.message.contains(OVERTAKEN) {
                return Err(error);
            }
            internal::run(&self.connection, &format!("DETACH DATABASE IF EXISTS {KEEPER}"))?;
            self.attach()?;
            work(self)
        })
    }

    fn attach(&self) -> Result<()> {
        let sql = format!("ATTACH IF NOT EXISTS {} AS {KEEPER} (TYPE postgres)", quoted_text(&self.place));
        internal::run(&self.connection, &sql)
    }

    /// The rows of a question to the database.
    fn ask(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>> {
        let sql = format!("SELECT * FROM postgres_query('{KEEPER}', {})", quoted_text(sql));
        internal::rows(&self.connection, &sql, &[])
    }

    fn run(&self, sql: &str) -> Result<()> {
        internal::run(&self.connection, &format!("CALL postgres_execute('{KEEPER}', {})", quoted_text(sql)))
    }
}

/// A connection of an instance that has what it takes to reach the catalog's database, and nothing else.
pub(super) fn connect(catalog: &LakeCatalog, extensions: &Extensions) -> Result<Connection> {
    let options = [
        ("allow_persistent_secrets", "false".to_owned()),
        ("autoinstall_known_extensions", "false".to_owned()),
        ("autoload_known_extensions", "false".to_owned()),
        ("threads", "1".to_owned()),
        ("memory_limit", "64MB".to_owned()),
    ];
    let connection = Database::open(":memory:", &options)?.connect()?;
    extensions.load_again(&connection, "postgres_scanner")?;
    attach::create_database_secret(&connection, catalog)?;
    Ok(connection)
}

fn unavailable(what: &str, error: Error) -> Error {
    match failure::explain(error) {
        moved if moved.code == ErrorCode::SessionMoved => moved,
        error => {
            let told = told_by_database(&error.message);
            Error::new(ErrorCode::LakeUnavailable, format!("{what}, and it did not answer: {told}"))
        }
    }
}
