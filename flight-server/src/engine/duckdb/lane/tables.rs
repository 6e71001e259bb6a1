//! A session's temporary tables, whose contents are kept in the spool: each after the statement that changed it, before that is
//! answered.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use twox_hash::xxhash3_64;
use uuid::Uuid;

use super::super::ffi::{Connection, Prepared, TemporaryObject, TemporaryWrites};
use super::super::internal;
use super::super::state::SessionState;
use crate::engine::{StateEntry, StatementKind, TransactionStatus};
use crate::error::{Error, ErrorCode, Result};
use crate::failpoint::failpoint;
use crate::snapshots::{NotHad, Snapshots};

use super::{Lane, closed};

/// Why a table is not kept.
const NO_SPOOL: &str = "there is no spool in which it would be kept (--spool)";
const TOO_LARGE: &str = "its rows, with those of the session's other tables, are more than is kept (--snapshot-limit)";
const UNWRITTEN: &str = "it could not be written to the spool, which is tried again when a table changes";

/// The schema of temporary tables.
const SCHEMA: &str = "main";

/// The temporary tables of a session that are in the spool, by their names.
#[derive(Default)]
pub(in super::super) struct KeptTables {
    tables: BTreeMap<String, KeptTable>,
    /// How they are when the open transaction is committed, as it was told last.
    foreseen: BTreeMap<String, KeptTable>,
    /// Why others are not kept, as it was found when they were last looked at.
    unkept: BTreeMap<String, &'static str>,
    /// Snapshots that nothing names any more once what was noted last is in the session's journal.
    doomed: BTreeSet<Uuid>,
    /// Which of them statements may have changed since they were looked at.
    pub(super) touched: Touched,
}

/// Tables that may have changed. To look at one takes as long as it has rows, and a session may have many.
#[derive(Default)]
pub(super) enum Touched {
    #[default]
    Nothing,
    These(BTreeSet<String>),
    /// Any of them may have.
    All,
}

impl Touched {
    pub(super) fn any(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::These(names) => names.contains(name),
            Self::All => true,
        }
    }

    /// Those too that a statement changes.
    pub(super) fn by(&mut self, prepared: &Prepared, kind: StatementKind) {
        match prepared.temporary_writes() {
            TemporaryWrites::Table(name) => self.add(Some(name)),
            TemporaryWrites::Untold => self.add(None),
            TemporaryWrites::None => {
                let is_change =
                    !matches!(kind, StatementKind::Read | StatementKind::Setting | StatementKind::Transaction);
                // DuckDB names what a statement changes, unless that is temporary.
                if is_change && !prepared.changes_any() {
                    self.add(None);
                }
            }
        }
    }

    /// Another one too, or all where it can't be told which.
    fn add(&mut self, name: Option<String>) {
        match (self, name) {
            (Self::All, _) => {}
            (Self::These(names), Some(name)) => {
                names.insert(name);
            }
            (this, Some(name)) => *this = Self::These(BTreeSet::from([name])),
            (this, None) => *this = Self::All,
        }
    }
}

/// What was found when tables were looked at: those that are kept, and why the others are not.
#[derive(Default)]
struct Looked {
    kept: BTreeMap<String, KeptTable>,
    unkept: BTreeMap<String, &'static str>,
}

/// How one is made anew, as it stands in the session's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptTable {
    /// The statements that make it, its indexes last.
    statements: Vec<String>,
    /// Its rows; none when it has no rows.
    #[serde(with = "name")]
    snapshot: Option<Uuid>,
    /// The digest of its rows in DuckDB's own form.
    digest: u64,
    /// How many bytes these are.
    bytes: usize,
}

/// The name of a snapshot as text.
mod name {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};
    use uuid::Uuid;

    pub(super) fn serialize<S: Serializer>(name: &Option<Uuid>, serializer: S) -> Result<S::Ok, S::Error> {
        name.map(|name| name.to_string()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Uuid>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| Uuid::try_parse(&text).map_err(D::Error::custom)).transpose()
    }
}

impl KeptTables {
    /// Whether a table is kept.
    pub(in super::super) fn has(&self, name: &str) -> bool {
        self.tables.contains_key(name)
    }

    /// Why a table is not kept.
    pub(in super::super) fn why_not(&self, name: &str) -> &'static str {
        self.unkept.get(name).copied().unwrap_or(NO_SPOOL)
    }

    /// What stands in the session's journal for a table that is kept.
    pub(in super::super) fn entry(&self, name: &str) -> Option<String> {
        serde_json::to_string(self.tables.get(name)?).ok()
    }

    /// Makes a table anew as its entry in the journal says.
    ///
    /// # Errors
    /// Whether it can't be made, or only not now, since its rows can't be reached.
    pub(in super::super) fn restore(
        &mut self,
        connection: &Connection,
        spool: &Spool,
        name: &str,
        entry: &str,
    ) -> std::result::Result<(), NotHad> {
        let table: KeptTable = serde_json::from_str(entry).map_err(|error| NotHad::ForGood(Error::internal(error)))?;
        let rows = match table.snapshot {
            Some(snapshot) => spool.snapshots.get(&spool.session, snapshot)?,
            None => Vec::new(),
        };
        self.fill(connection, name, table, &rows).map_err(NotHad::ForGood)
    }

    /// Makes a table anew with these rows.
    fn fill(&mut self, connection: &Connection, name: &str, table: KeptTable, rows: &[u8]) -> Result<()> {
        if xxhash3_64::Hasher::oneshot(rows) != table.digest {
            return Err(Error::new(ErrorCode::SpoolUnavailable, "the rows of a temporary table are not those it had"));
        }
        let (create, indexes) =
            table.statements.split_first().ok_or_else(|| Error::internal("a table without a statement"))?;
        internal::run(connection, create)?;
        let filled = match rows.is_empty() {
            true => Ok(()),
            false => connection.fill_temporary(SCHEMA, name, rows).map_err(Error::from),
        };
        let made = filled.and_then(|()| indexes.iter().try_for_each(|sql| internal::run(connection, sql)));
        if let Err(error) = made {
            // Half of a table is none.
            internal::run(connection, &format!("DROP TABLE temp.{}", crate::engine::quoted_identifier(name)))?;
            return Err(error);
        }
        self.tables.insert(name.to_owned(), table);
        Ok(())
    }

    /// These are the tables now.
    fn are(&mut self, now: Looked) {
        self.unkept = now.unkept;
        let (before, foreseen) = (std::mem::replace(&mut self.tables, now.kept), std::mem::take(&mut self.foreseen));
        self.doom(before.into_values().chain(foreseen.into_values()));
    }

    /// These are the tables when the open transaction is committed.
    fn foresee(&mut self, then: Looked) {
        self.unkept = then.unkept;
        let before = std::mem::replace(&mut self.foreseen, then.kept);
        self.doom(before.into_values());
    }

    /// Their snapshots are to be removed, unless another table names them.
    fn doom(&mut self, tables: impl Iterator<Item = KeptTable>) {
        let named = self.tables.values().chain(self.foreseen.values()).filter_map(|table| table.snapshot);
        let named: BTreeSet<_> = named.collect();
        self.doomed.extend(tables.filter_map(|table| table.snapshot).filter(|one| !named.contains(one)));
    }
}

/// Where a session's temporary tables are kept.
#[derive(Clone)]
pub(in super::super) struct Spool {
    pub(in super::super) snapshots: std::sync::Arc<Snapshots>,
    pub(in super::super) session: String,
    /// The most bytes of rows that are kept for the session.
    pub(in super::super) limit: usize,
}

impl Lane {
    /// Removes snapshots that nothing names any more: what was noted before the statement that begins now is in the journal.
    pub(super) fn remove_doomed(&mut self) {
        if let Some(spool) = &self.spool {
            for snapshot in std::mem::take(&mut self.tables.doomed) {
                spool.snapshots.remove(&spool.session, snapshot);
            }
        }
    }

    /// Keeps the temporary tables that statements have changed since this was done last, if no transaction is open. A table that
    /// can't be kept is told among the session's state.
    pub(super) fn keep_tables(&mut self) -> Result<()> {
        if !self.tables.touched.any() || self.status.get() != TransactionStatus::Autocommit {
            return Ok(());
        }
        if let Some(now) = self.tables_now()? {
            self.tables.are(now);
        }
        self.tables.touched = Touched::Nothing;
        Ok(())
    }

    /// The changes of the session's state that the commit of the open transaction is going to make.
    pub(super) fn foresee_state(&mut self) -> Result<Vec<StateEntry>> {
        let now = if self.tables.touched.any() { self.tables_now()? } else { None };
        if let Some(now) = now {
            self.tables.foresee(now);
        }
        let Some(connection) = &self.connection else { return Err(closed()) };
        let foreseen = match self.tables.touched.any() {
            true => &KeptTables {
                tables: self.tables.foreseen.clone(),
                unkept: self.tables.unkept.clone(),
                ..KeptTables::default()
            },
            false => &self.tables,
        };
        let then = SessionState::of(connection, &self.instance.settings, foreseen)?;
        Ok(then.changes_since(&self.state, &self.fresh))
    }

    /// The session's temporary tables as they are now, each in the spool; none where there is no spool.
    fn tables_now(&self) -> Result<Option<Looked>> {
        let (Some(connection), Some(spool)) = (&self.connection, &self.spool) else { return Ok(None) };
        failpoint!("snapshot.before");
        let objects = connection.temporary_objects()?;
        let (mut now, mut left) = (Looked::default(), spool.limit);
        for object in objects.iter().filter(|object| object.kind == "table") {
            let statements = statements(object, &objects);
            let untouched = self.tables.tables.get(&object.name).filter(|_| !self.tables.touched.has(&object.name));
            if let Some(table) = untouched.filter(|table| table.statements == statements && table.bytes <= left) {
                left -= table.bytes;
                now.kept.insert(object.name.clone(), table.clone());
                continue;
            }
            let before = [&self.tables.tables, &self.tables.foreseen].map(|tables| tables.get(&object.name));
            match keep(connection, spool, object, statements, before, left) {
                Ok(Some(table)) => {
                    left = left.saturating_sub(table.bytes);
                    now.kept.insert(object.name.clone(), table);
                }
                Ok(None) => {
                    now.unkept.insert(object.name.clone(), TOO_LARGE);
                }
                Err(error) => {
                    now.unkept.insert(object.name.clone(), UNWRITTEN);
                    tracing::warn!(session = spool.session, %error, "a temporary table can't be kept, and ends with this node");
                }
            }
        }
        failpoint!("snapshot.kept");
        Ok(Some(now))
    }

    /// The changes of the session's state, after its temporary tables were kept.
    pub(super) fn state_with_tables(&mut self) -> Result<Vec<StateEntry>> {
        self.keep_tables()?;
        self.state_changes()
    }

    /// What is to be told of the session's state after rows were written into a table of that name.
    pub(in super::super) fn state_after_ingest(&mut self, table: &str) -> Result<Vec<StateEntry>> {
        let Some(connection) = &self.connection else { return Err(closed()) };
        // The name alone does not say whose it is.
        let objects = connection.temporary_objects()?;
        let written = objects.iter().find(|object| object.kind == "table" && object.name.eq_ignore_ascii_case(table));
        if let Some(written) = written {
            self.tables.touched.add(Some(written.name.clone()));
            return self.state_with_tables();
        }
        Ok(self.take_noted())
    }
}

/// The statements that make a table, its indexes last.
fn statements(table: &TemporaryObject, objects: &[TemporaryObject]) -> Vec<String> {
    let indexes = objects.iter().filter(|other| other.kind == "index" && other.name == table.name);
    std::iter::once(table).chain(indexes).map(|object| object.sql.clone()).collect()
}

/// Keeps a table, unless it is kept as it is; `None` when its rows take more than `limit` bytes.
fn keep(
    connection: &Connection,
    spool: &Spool,
    object: &TemporaryObject,
    statements: Vec<String>,
    before: [Option<&KeptTable>; 2],
    limit: usize,
) -> Result<Option<KeptTable>> {
    let Some(rows) = connection.table_as_bytes(SCHEMA, &object.name, limit)? else { return Ok(None) };
    let (digest, bytes) = (xxhash3_64::Hasher::oneshot(&rows), rows.len());
    let same = before.into_iter().flatten().find(|before| before.digest == digest && before.bytes == bytes);
    let snapshot = match same {
        Some(before) => before.snapshot,
        None if bytes == 0 => None,
        None => Some(spool.snapshots.put(&spool.session, rows)?),
    };
    Ok(Some(KeptTable { statements, snapshot, digest, bytes }))
}
