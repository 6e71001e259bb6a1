//! Rows into a table: all of them, or none.
//!
//! They come through a channel of few bytes, so that the server never holds many of them, and go into the table by one INSERT, whose
//! threads take them as they come. In a transaction of the client's, where nothing can be taken back alone, an ingest that fails
//! half-way makes the whole transaction fail, as a statement does that fails half-way.

mod coming;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::datatypes::{Schema, SchemaRef};
use typemap::SqlType;
use typemap::ingest::Ingest as IngestPlan;

pub(super) use self::coming::{ComingRows, RowSender, channel};
use self::coming::{Gathering, Shared};
use super::bind::{has_bignums, unfit};
use super::errors;
use super::ffi::{COMING_ROWS, Connection, Prepared, RowSource};
use super::internal;
use super::interrupt::Run;
use super::lane::{LONGEST_WAIT, Lane, RETRY_FOR};
use super::own_catalogs;
use super::write::Writer;
use crate::engine::quoted_identifier;
use crate::engine::{IngestMode, IngestTable, Ingested, Receipt, Request, Returned, TransactionStatus};
use crate::error::{Error, ErrorCode, Result, SqlState};

/// What is ingested.
pub(super) struct Order {
    pub(super) table: IngestTable,
    pub(super) mode: IngestMode,
    pub(super) request: Option<Request>,
    pub(super) schema: SchemaRef,
}

/// An order in DuckDB's words.
struct Words {
    target: String,
    /// The columns of the table to be created, with their types.
    definition: String,
    /// The INSERT of all rows, cast to the columns' types where it would not do that by itself.
    insert: String,
}

impl Lane {
    /// Writes the rows that come through `rows` into a table.
    pub(super) fn ingest(&mut self, order: &Order, rows: ComingRows, run: &Run) -> Result<Ingested> {
        self.drop_held();
        let columns = Columns::new(&order.schema)?;
        let writer = Writer::new(columns.ingest.types().to_vec())?;
        let alone = match self.status.get() {
            TransactionStatus::Autocommit => true,
            TransactionStatus::Open => false,
            TransactionStatus::Failed => return Err(aborted()),
        };
        if let Some(request) = &order.request
            && let Some(receipt) = self.receipt(request.id, run)?
        {
            let rows = receipt.checked(request)?.changed.unwrap_or_default();
            return Ok(Ingested { rows, state: self.take_noted() });
        }
        self.note_receipts(order.request.iter().map(|request| request.id));
        let instance = Arc::clone(&self.instance);
        let mut commit = self.commit_of(instance.lake.is_some());
        let connection = self.connection(run)?;
        let words = Words::new(connection, &order.table, &columns, &writer)?;
        let shared = Shared::new(columns, writer);
        let own_names: Vec<_> = shared.columns.names.iter().map(String::as_str).collect();
        let gathering = Gathering::new(rows, Arc::clone(&shared));
        let _source = RowSource::open(connection, &own_names, shared.writer.described(), gathering)?;
        // Whether something was written that is not to be committed when the rest fails.
        let mut begun = false;
        let prepared = match alone {
            true => begin(connection, run, || {
                let _alone_in_catalog = instance.catalog.lock();
                prepare_table(connection, order, &words)
            }),
            false => prepare_table(connection, order, &words),
        };
        let has_transaction = prepared.is_ok();
        let written = prepared.and_then(|insert| {
            begun = true;
            let inserted = run.interruptible(|| insert.execute());
            // DuckDB is only told that rows could not be had.
            let failed = |failure| shared.take_failure().unwrap_or_else(|| Error::from(failure));
            inserted.map(|_| shared.count()).map_err(failed)
        });
        let ended = match written {
            Ok(count) if alone => {
                // It may be a temporary table.
                commit.changes_lake &= connection.transaction_changes();
                commit.with(receipt_of(order, count)).run(connection).map(|of_session| (count, of_session))
            }
            other => other.map(|count| (count, Vec::new())),
        };
        if ended.is_err() && alone && has_transaction {
            roll_back(connection);
        } else if ended.is_err() && !alone && begun {
            connection.abort_transaction(c"rows were ingested in part; roll back");
        }
        if !alone {
            self.wrote(ended.as_ref().ok().and_then(|(count, _)| receipt_of(order, *count)));
            self.probe_status();
        }
        let (rows, of_session) = ended?;
        self.journal(of_session);
        Ok(Ingested { rows, state: self.state_after_ingest(&order.table.name)? })
    }
}

/// What is kept of an order that wrote so many rows.
fn receipt_of(order: &Order, rows: u64) -> Option<Receipt> {
    let request = order.request.clone()?;
    Some(Receipt { request, changed: Some(rows), returned: Returned::Nothing })
}

fn roll_back(connection: &Connection) {
    if let Err(error) = internal::run(connection, "ROLLBACK") {
        tracing::debug!(%error, "the transaction was over already");
    }
}

/// The columns of a client's rows.
struct Columns {
    names: Vec<String>,
    ingest: IngestPlan,
}

impl Columns {
    fn new(schema: &Schema) -> Result<Self> {
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        if names.is_empty() {
            return Err(Error::new(
                ErrorCode::RequestInvalid,
                "rows without columns can't be ingested; send at least one",
            ));
        }
        let mut seen = HashSet::new();
        for name in &names {
            if name.is_empty() {
                return Err(Error::new(
                    ErrorCode::RequestInvalid,
                    "a column of the ingested rows has no name; name it",
                ));
            }
            if !seen.insert(name.to_lowercase()) {
                let what =
                    format!("the ingested rows have two columns \"{name}\", which SQL can't tell apart; rename one");
                return Err(Error::new(ErrorCode::RequestInvalid, what).with_sqlstate(SqlState("42701")));
            }
        }
        let ingest = IngestPlan::new(schema).map_err(|error| unfit(&error, error.to_string()))?;
        Ok(Self { names, ingest })
    }
}

impl Words {
    fn new(connection: &Connection, table: &IngestTable, columns: &Columns, writer: &Writer) -> Result<Self> {
        let names: Vec<_> = columns.names.iter().map(|name| quoted_identifier(name)).collect();
        let typed = names.iter().zip(columns.ingest.types());
        let definition: Vec<_> = typed.map(|(name, ty)| format!("{name} {}", stored(ty))).collect();
        let casts = names.iter().zip(columns.ingest.types()).zip(writer.carriers()).map(|((name, ty), carrier)| {
            let stored = stored(ty);
            // DuckDB casts no BIGNUM to HUGEINT or DECIMAL, but the text of one to whatever the table's column is.
            let as_it_is = stored == *carrier || has_bignums(ty);
            if as_it_is { name.clone() } else { format!("CAST({name} AS {stored})") }
        });
        let target = target(connection, table)?;
        let (casts, definition) = (casts.collect::<Vec<_>>().join(", "), definition.join(", "));
        let insert = format!("INSERT INTO {target} ({}) SELECT {casts} FROM {COMING_ROWS}", names.join(", "));
        Ok(Self { target, definition, insert })
    }
}

/// The type that a column has when it is created for values of type `ty`: DuckDB has no column of nothing but NULL.
fn stored(ty: &SqlType) -> SqlType {
    let members =
        |members: &[(String, SqlType)]| members.iter().map(|(name, ty)| (name.clone(), stored(ty))).collect::<Vec<_>>();
    match ty {
        SqlType::Null => SqlType::Integer,
        SqlType::List(element) => SqlType::List(Box::new(stored(element))),
        SqlType::Array(element, size) => SqlType::Array(Box::new(stored(element)), *size),
        SqlType::Map(key, value) => SqlType::Map(Box::new(stored(key)), Box::new(stored(value))),
        SqlType::Struct(fields) => SqlType::Struct(members(fields)),
        SqlType::Union(fields) => SqlType::Union(members(fields)),
        other => other.clone(),
    }
}

/// The table's name, as far as it was told.
fn target(connection: &Connection, table: &IngestTable) -> Result<String> {
    let name = quoted_identifier(&table.name);
    if table.temporary {
        let elsewhere = table.catalog.as_deref().is_some_and(|catalog| !catalog.eq_ignore_ascii_case("temp"))
            || table.schema.as_deref().is_some_and(|schema| !schema.eq_ignore_ascii_case("main"));
        if elsewhere {
            return Err(Error::new(
                ErrorCode::RequestInvalid,
                "temporary tables are in the schema main of the catalog temp; leave catalog and schema out",
            ));
        }
        return Ok(format!("temp.main.{name}"));
    }
    Ok(match (&table.catalog, &table.schema) {
        (None, None) => name,
        (Some(catalog), schema) => {
            let schema = schema.as_deref().unwrap_or("main");
            format!("{}.{}.{name}", quoted_identifier(catalog), quoted_identifier(schema))
        }
        // Alone, a schema could be taken for a catalog of that name.
        (None, Some(schema)) => {
            let here = internal::rows(connection, "SELECT current_database()", &[])?;
            let catalog = here.into_iter().next().and_then(|row| row.into_iter().next()).flatten().unwrap_or_default();
            format!("{}.{}.{name}", quoted_identifier(&catalog), quoted_identifier(schema))
        }
    })
}

/// Begins a transaction with `first`, again while other transactions are in its way.
fn begin<R>(connection: &Connection, run: &Run, first: impl Fn() -> Result<R>) -> Result<R> {
    let start = Instant::now();
    let mut wait = Duration::from_millis(1);
    loop {
        internal::run(connection, "BEGIN TRANSACTION")?;
        let error = match first() {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        roll_back(connection);
        if error.sqlstate != SqlState("40001") || start.elapsed() > RETRY_FOR {
            return Err(error);
        }
        if run.wait(wait) {
            return Err(errors::cancelled());
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Creates the table as the mode has it, and plans the INSERT: rows that it can't take are refused before any is sent.
fn prepare_table(connection: &Connection, order: &Order, words: &Words) -> Result<Prepared> {
    let Words { target, definition, insert } = words;
    let temporary = if order.table.temporary { "TEMPORARY " } else { "" };
    match order.mode {
        IngestMode::Append => {}
        IngestMode::Create => {
            create(connection, &format!("CREATE {temporary}TABLE {target} ({definition})"))?;
        }
        IngestMode::Replace => {
            create(connection, &format!("CREATE OR REPLACE {temporary}TABLE {target} ({definition})"))?;
        }
        IngestMode::CreateAppend => {
            create(connection, &format!("CREATE {temporary}TABLE IF NOT EXISTS {target} ({definition})"))?;
        }
    }
    Ok(connection.extract(insert)?.prepare(0)?)
}

/// Creates a table, unless it would be where the datasets are.
fn create(connection: &Connection, sql: &str) -> Result<()> {
    let prepared = connection.extract(sql)?.prepare(0)?;
    own_catalogs::check_untouched(&prepared)?;
    prepared.execute()?;
    Ok(())
}

fn aborted() -> Error {
    Error::new(ErrorCode::StatementFailed, "the transaction is aborted; roll it back before anything else")
        .with_sqlstate(SqlState("25P02"))
}
