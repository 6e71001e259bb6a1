//! Statements that change rows: INSERT, UPDATE, DELETE, TRUNCATE and COPY TO.
//!
//! UPDATE and DELETE compute what the table will hold and put it in place as a whole. DataFusion's own tables change their
//! rows while the statement is still being planned, where an interrupt or a failure leaves them half-changed.

use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch, UInt64Array};
use arrow::compute::{CastOptions, cast_with_options, filter_record_batch, not};
use datafusion::catalog::default_table_source::DefaultTableSource;
use datafusion::common::{Column, DataFusionError};
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::execution::SessionState;
use datafusion::logical_expr::dml::DmlStatement;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, WriteOp, lit, when};
use datafusion::physical_plan::execute_stream;
use object_store::ObjectStoreExt as _;

use super::giving_up::ending;
use super::lane::Execution;
use super::table::{Gathered, MemoryTable, TableRows};
use crate::engine::cannot;
use crate::error::{Error, Result};

/// The column that says whether a row is one to be changed.
const MATCHED: &str = "__pintail_matched";

/// Changes rows, and tells how many.
///
/// # Errors
/// `0A000` for what the table can't do; those of computing the rows.
pub(super) async fn change(execution: &Execution<'_>, plan: &LogicalPlan) -> Result<Option<u64>> {
    let state = &execution.state;
    match plan {
        LogicalPlan::Dml(DmlStatement { op: WriteOp::Update | WriteOp::Delete, .. }) => {
            update_or_delete(execution, plan).await.map(Some)
        }
        LogicalPlan::Dml(DmlStatement { op: WriteOp::Truncate, target, .. }) => {
            let table = memory_table(target, "TRUNCATE a table that is not in memory")?;
            let rows = table.contents().iter().map(|batch| batch.num_rows() as u64).sum();
            table.replace(Vec::new())?;
            Ok(Some(rows))
        }
        plan => {
            if let LogicalPlan::Copy(copy) = plan {
                check_writable(state, &copy.output_url).await?;
            }
            let plan = ending(state.create_physical_plan(plan).await?)?;
            execution.running.set(&plan);
            let mut counted = Gathered::new(&state.runtime_env().memory_pool);
            counted.take(execute_stream(plan, state.task_ctx())?).await?;
            Ok(count(&counted.batches))
        }
    }
}

/// Whether files may be written there. The failure of a write does not say so any more: DataFusion reports its own.
async fn check_writable(state: &SessionState, url: &str) -> Result<()> {
    let url = ListingTableUrl::parse(url)?;
    let store = state.runtime_env().object_store(&url)?;
    let probe = store.put_multipart(url.prefix()).await.map_err(DataFusionError::from);
    probe?.abort().await.map_err(DataFusionError::from)?;
    Ok(())
}

/// The number in DataFusion's own report of changed rows.
fn count(batches: &[RecordBatch]) -> Option<u64> {
    let counts = batches.iter().filter_map(|batch| batch.columns().first()?.as_any().downcast_ref::<UInt64Array>());
    let counts: Vec<_> = counts.flat_map(|counts| counts.values().iter().copied()).collect();
    (!counts.is_empty()).then(|| counts.iter().sum())
}

fn memory_table(target: &Arc<dyn datafusion::logical_expr::TableSource>, operation: &str) -> Result<Arc<TableRows>> {
    let provider = target.downcast_ref::<DefaultTableSource>().map(|source| &source.table_provider);
    match provider.and_then(|provider| provider.downcast_ref::<MemoryTable>()) {
        Some(table) => Ok(Arc::clone(table.rows())),
        None => Err(cannot(super::NAME, operation)),
    }
}

async fn update_or_delete(execution: &Execution<'_>, plan: &LogicalPlan) -> Result<u64> {
    let LogicalPlan::Dml(DmlStatement { op, target, input, .. }) = plan else {
        return Err(Error::internal("a statement that changes no rows was run as one that does"));
    };
    let deletes = matches!(op, WriteOp::Delete);
    let table = memory_table(target, &format!("{op} rows of a table that is not in memory"))?;
    let computed = if deletes { marked(input)?.build()? } else { updated(input)? };

    // One partition keeps the rows in their order.
    let mut state = execution.state.clone();
    state.config_mut().options_mut().execution.target_partitions = 1;
    let plan = ending(state.create_physical_plan(&computed).await?)?;
    execution.running.set(&plan);
    let mut gathered = Gathered::new(&state.runtime_env().memory_pool);
    gathered.take(execute_stream(plan, state.task_ctx())?).await?;

    let (mut changed, mut batches) = (0, Vec::new());
    for batch in std::mem::take(&mut gathered.batches) {
        let (batch, matched) = split(&batch)?;
        changed += matched.true_count() as u64;
        let batch = if deletes {
            filter_record_batch(&batch, &not(&matched).map_err(of_arrow)?).map_err(of_arrow)?
        } else {
            batch
        };
        if batch.num_rows() > 0 {
            batches.push(in_schema(&batch, &table)?);
        }
    }
    drop(gathered);
    table.replace(batches)?;
    Ok(changed)
}

/// The columns of a table, and whether each row is one to be changed.
fn marked(input: &LogicalPlan) -> Result<LogicalPlanBuilder> {
    let (predicate, rows) = match input {
        LogicalPlan::Filter(filter) => (filter.predicate.clone().is_true(), filter.input.as_ref()),
        rows => (lit(true), rows),
    };
    let is_table = match rows {
        LogicalPlan::TableScan(_) => true,
        LogicalPlan::SubqueryAlias(alias) => matches!(*alias.input, LogicalPlan::TableScan(_)),
        _ => false,
    };
    if !is_table {
        return Err(cannot(super::NAME, "change rows by those of another table (UPDATE … FROM, DELETE … USING)"));
    }
    let columns = rows.schema().columns().into_iter().map(Expr::Column);
    Ok(LogicalPlanBuilder::from(rows.clone()).project(columns.chain([predicate.alias(MATCHED)]))?)
}

/// The rows of a table after an UPDATE, and whether each was one to be changed.
fn updated(input: &LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Projection(projection) = input else {
        return Err(cannot(super::NAME, "change rows in this way"));
    };
    let marked = marked(&projection.input)?;
    let matched = Expr::Column(Column::new_unqualified(MATCHED));
    let before = projection.input.schema().columns();
    let mut after = Vec::with_capacity(before.len() + 1);
    for (old, new) in before.into_iter().zip(&projection.expr) {
        let name = old.name.clone();
        let new = new.clone().unalias();
        after.push(when(matched.clone(), new).otherwise(Expr::Column(old))?.alias(name));
    }
    after.push(matched);
    Ok(marked.project(after)?.build()?)
}

/// The rows, and which of them matched.
fn split(batch: &RecordBatch) -> Result<(RecordBatch, BooleanArray)> {
    let last = batch.num_columns().saturating_sub(1);
    let columns: Vec<_> = (0..last).collect();
    let matched = batch.columns().get(last).and_then(|column| column.as_boolean_opt());
    let matched = matched.ok_or_else(|| Error::internal("the engine did not say which rows to change"))?;
    Ok((batch.project(&columns).map_err(of_arrow)?, matched.clone()))
}

/// The rows as the table has them.
fn in_schema(batch: &RecordBatch, table: &TableRows) -> Result<RecordBatch> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let columns = batch.columns().iter().zip(table.schema().fields());
    let columns = columns.map(|(column, field)| cast_with_options(column, field.data_type(), &options));
    let columns = columns.collect::<Result<Vec<_>, _>>().map_err(of_arrow)?;
    RecordBatch::try_new(Arc::clone(table.schema()), columns).map_err(of_arrow)
}

fn of_arrow(error: arrow::error::ArrowError) -> Error {
    Error::from(datafusion::common::DataFusionError::from(error))
}
