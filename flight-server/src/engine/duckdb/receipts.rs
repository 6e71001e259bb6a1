//! What is kept of writes that may be sent again: in the database that they write to, and in the same transaction.
//!
//! On a lake the catalog's database keeps them, by the mark of the commit: see [`super::lake`].

use std::collections::HashSet;
use std::time::Duration;

use uuid::Uuid;

use super::ffi::{Connection, Prepared, Value};
use super::internal;
use crate::engine::quoted_identifier;
use crate::engine::{Holder, Receipt, Request, Returned};
use crate::error::{Error, Result};
use crate::failpoint::failpoint;

/// The schema that holds them. Drivers are not told of it. A name that is that of no catalog: what begins with a name that is
/// both is ambiguous to DuckDB, and the catalog of the default file is `pintail`.
pub(super) const SCHEMA: &str = "pintail_receipts";
/// After how many of them those that nobody can ask for any more are removed.
const CLEAN_EVERY: u64 = 1_000;

/// How many ids of a session are remembered, so that a new one need not be looked for. Each takes some 40 bytes.
pub(super) const MOST_KNOWN: usize = 100_000;

/// The table of receipts in an instance's own database.
pub(super) struct Receipts {
    table: String,
    /// The last commit of each session that the server itself has asked for: nobody asks for one before it.
    commits: String,
    /// How long a session lives at most: nobody asks for a receipt of one that has ended.
    age: Duration,
    /// Which database it is, wherever it is opened.
    pub(super) identity: String,
    written: std::sync::atomic::AtomicU64,
}

impl Receipts {
    /// Makes the table in that database, where there is none.
    ///
    /// # Errors
    /// When it can't be made.
    pub(super) fn open(connection: &Connection, catalog: &str, age: Duration) -> Result<Self> {
        let schema = format!("{}.{SCHEMA}", quoted_identifier(catalog));
        let (table, commits) = (format!("{schema}.receipts"), format!("{schema}.commits"));
        internal::run(
            connection,
            &format!(
                "CREATE SCHEMA IF NOT EXISTS {schema};
                 CREATE TABLE IF NOT EXISTS {table} (
                     session VARCHAR NOT NULL, request UUID NOT NULL, digest VARCHAR NOT NULL, changed UBIGINT,
                     returned_rows BOOLEAN NOT NULL, written_at TIMESTAMP NOT NULL);
                 ALTER TABLE {table} ADD COLUMN IF NOT EXISTS rows VARCHAR;
                 CREATE TABLE IF NOT EXISTS {commits} (
                     session VARCHAR NOT NULL, request UUID NOT NULL, written_at TIMESTAMP NOT NULL);
                 CREATE TABLE IF NOT EXISTS {schema}.identity AS SELECT uuid()::VARCHAR AS id"
            ),
        )?;
        let identity = internal::rows(connection, &format!("SELECT id FROM {schema}.identity"), &[])?;
        let identity = identity.into_iter().flatten().flatten().next().unwrap_or_default();
        let receipts = Self { table, commits, age, identity, written: Default::default() };
        receipts.clean(connection)?;
        Ok(receipts)
    }

    /// The receipt of a write, if it was applied.
    pub(super) fn find(
        &self,
        connection: &Connection,
        prepared: &mut Statements,
        holder: &Holder,
        id: Uuid,
    ) -> Result<Option<Receipt>> {
        let sql = format!(
            "SELECT digest, changed::VARCHAR, returned_rows::VARCHAR, rows FROM {} WHERE session = $1 AND request = $2::UUID
             UNION ALL SELECT '', NULL, 'false', NULL FROM {} WHERE session = $1 AND request = $2::UUID",
            self.table, self.commits
        );
        let find = prepare(&mut prepared.find, connection, &sql)?;
        read(internal::rows_of(find, &[&Value::text(&holder.session), &Value::text(&id.to_string())])?, id)
    }

    /// The ids of a session's receipts; `None` when there are too many to be remembered.
    pub(super) fn ids(&self, connection: &Connection, holder: &Holder) -> Result<Option<HashSet<Uuid>>> {
        let sql = format!(
            "SELECT request::VARCHAR FROM {} WHERE session = $1
             UNION ALL SELECT request::VARCHAR FROM {} WHERE session = $1 LIMIT {}",
            self.table,
            self.commits,
            MOST_KNOWN + 1
        );
        Ok(known(internal::rows(connection, &sql, &[&Value::text(&holder.session)])?))
    }

    /// Writes receipts in the open transaction.
    pub(super) fn write(
        &self,
        connection: &Connection,
        prepared: &mut Statements,
        holder: &Holder,
        receipts: &[Receipt],
    ) -> Result<()> {
        let (own, receipts): (Vec<_>, Vec<_>) = receipts.iter().partition(|receipt| receipt.request.is_own);
        if let Some(commit) = own.last() {
            let forget = format!("DELETE FROM {} WHERE session = $1", self.commits);
            let keep = format!("INSERT INTO {} VALUES ($1, $2::UUID, current_timestamp::TIMESTAMP)", self.commits);
            let (session, id) = (Value::text(&holder.session), Value::text(&commit.request.id.to_string()));
            run(prepare(&mut prepared.forget, connection, &forget)?, &[&session])?;
            run(prepare(&mut prepared.keep, connection, &keep)?, &[&session, &id])?;
        }
        if receipts.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "INSERT INTO {} VALUES ($1, $2::UUID, $3, $4::UBIGINT, $5::BOOLEAN, current_timestamp::TIMESTAMP, $6)",
            self.table
        );
        let write = prepare(&mut prepared.write, connection, &sql)?;
        failpoint!("receipt.before", crate::failpoint::error());
        for receipt in receipts {
            let changed = receipt.changed.map_or_else(Value::null, |changed| Value::text(&changed.to_string()));
            let values = [
                &Value::text(&holder.session),
                &Value::text(&receipt.request.id.to_string()),
                &Value::text(&receipt.request.digest),
                &changed,
                &Value::text(&receipt.returned.is_any().to_string()),
                &receipt.returned.kept().map_or_else(Value::null, Value::text),
            ];
            run(write, &values)?;
        }
        failpoint!("receipt.written", crate::failpoint::error());
        Ok(())
    }

    /// Whether it is time to [clean](Self::clean), now that so many more were committed.
    pub(super) fn is_clean_due(&self, more: usize) -> bool {
        let more = more as u64;
        let before = self.written.fetch_add(more, std::sync::atomic::Ordering::Relaxed);
        before / CLEAN_EVERY != (before + more) / CLEAN_EVERY
    }

    /// Removes those of sessions that have ended.
    pub(super) fn clean(&self, connection: &Connection) -> Result<()> {
        let old = format!("written_at < current_timestamp::TIMESTAMP - to_seconds({})", self.age.as_secs());
        for table in [&self.table, &self.commits] {
            internal::run(connection, &format!("DELETE FROM {table} WHERE {old}"))?;
        }
        Ok(())
    }
}

/// The ids in the rows of a question for them, unless they are too many.
pub(super) fn known(rows: Vec<Vec<Option<String>>>) -> Option<HashSet<Uuid>> {
    let is_all = rows.len() <= MOST_KNOWN;
    is_all.then(|| rows.into_iter().flatten().flatten().filter_map(|id| Uuid::try_parse(&id).ok()).collect())
}

/// What finds and writes receipts on one connection, prepared when it is first needed: planning it each time took as long as a
/// small write itself.
#[derive(Default)]
pub(super) struct Statements {
    find: Option<Prepared>,
    write: Option<Prepared>,
    forget: Option<Prepared>,
    keep: Option<Prepared>,
}

fn run(prepared: &Prepared, values: &[&Value]) -> Result<()> {
    for (index, value) in values.iter().enumerate() {
        prepared.bind(index + 1, value)?;
    }
    prepared.execute()?;
    Ok(())
}

fn prepare<'a>(prepared: &'a mut Option<Prepared>, connection: &Connection, sql: &str) -> Result<&'a Prepared> {
    let new = match prepared.take() {
        Some(known) => known,
        None => connection.extract(sql)?.prepare(0)?,
    };
    Ok(prepared.insert(new))
}

/// A receipt from its digest, its number of changed rows, whether it returned rows, and these.
pub(super) fn read(rows: Vec<Vec<Option<String>>>, id: Uuid) -> Result<Option<Receipt>> {
    let Some(row) = rows.into_iter().next() else { return Ok(None) };
    match <[Option<String>; 4]>::try_from(row) {
        Ok([Some(digest), changed, Some(returned), rows]) => Ok(Some(Receipt {
            request: Request { id, digest, is_own: false },
            changed: changed.and_then(|changed| changed.parse().ok()),
            returned: Returned::read(returned == "true", rows.as_deref()),
        })),
        _ => Err(Error::internal("a receipt can't be read")),
    }
}
