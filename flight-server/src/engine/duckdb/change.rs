//! Statements that change something: executed to their end, once a row of parameters.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, Schema};

use super::bind::ParameterRows;
use super::commit::Commit;
use super::convert::{Assembler, ResultShape};
use super::ffi::{Connection, Prepared, Returned};
use super::internal;
use super::interrupt::Run;
use super::lane::{Executed, Form};
use super::statement;
use crate::engine::StatementKind;
use crate::error::Result;

/// Runs `work`, of which no receipt is wanted, as a transaction, and commits it as `commit` says of what it did.
pub(super) fn as_one_transaction<R>(
    connection: &Connection,
    work: impl FnOnce() -> Result<R>,
    commit: impl FnOnce(&R) -> Commit,
) -> Result<R> {
    internal::run(connection, "BEGIN TRANSACTION")?;
    let done = work().and_then(|done| commit(&done).run(connection).map(|_| done));
    if done.is_err()
        && let Err(error) = internal::run(connection, "ROLLBACK")
    {
        tracing::debug!(%error, "the transaction was over already");
    }
    done
}

/// Executes a statement that changes something, once a row of parameters.
pub(super) fn change(
    prepared: &Prepared,
    mut parameters: ParameterRows,
    kind: StatementKind,
    is_update: bool,
    form: Form,
    run: &Run,
) -> Result<Executed> {
    let mut executed = Executed {
        kind,
        schema: Arc::new(Schema::empty()),
        batches: Vec::new(),
        cursor: None,
        changed: None,
        is_update,
        state: Vec::new(),
    };
    parameters.bind_first(prepared)?;
    loop {
        run.interruptible(|| execute_once_bound(prepared, form, &mut executed))?;
        if !parameters.bind_next(prepared)? {
            return Ok(executed);
        }
    }
}

fn execute_once_bound(prepared: &Prepared, form: Form, executed: &mut Executed) -> Result<()> {
    let mut result = prepared.execute()?;
    let returned = result.returned();
    let columns = result.columns();
    // DuckDB reports the rows of a CREATE TABLE AS, but doesn't say that it does.
    let is_report = returned == Returned::ChangedRows
        || executed.kind == StatementKind::Definition && statement::is_report(&columns);
    let shape = ResultShape::of(&columns, &form.options)?;
    executed.schema = Arc::clone(&shape.schema);
    let mut assembler = Assembler::new(shape, form.cut)?;
    let mut batches = Vec::new();
    while let Some(chunk) = result.fetch()? {
        assembler.fill_all(&assembler.readable(chunk)?, &mut batches)?;
    }
    batches.extend(assembler.finish()?);
    if is_report {
        let changed = batches.iter().map(counted).sum::<u64>();
        executed.changed = Some(executed.changed.unwrap_or(0) + changed);
    } else if executed.kind == StatementKind::Write {
        let rows = batches.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
        executed.changed = Some(executed.changed.unwrap_or(0) + rows);
    }
    executed.batches.extend(batches);
    Ok(())
}

/// The number that DuckDB's own report of changed rows holds.
fn counted(batch: &RecordBatch) -> u64 {
    let column = batch.columns().first().and_then(|column| column.as_primitive_opt::<Int64Type>());
    column.map_or(0, |counts| counts.values().iter().map(|count| count.unsigned_abs()).sum())
}
