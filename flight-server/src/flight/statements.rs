//! Running statements, with or without parameters.
//!
//! What only reads is planned when its FlightInfo is asked for and runs when its rows are fetched, each time they are.
//! Everything else comes on the same path too, because drivers do not look at SQL texts: it runs exactly once, when its
//! FlightInfo is asked for, and its small result is kept for however often it is fetched. So does a read whose result is to
//! be split over several endpoints, or kept in the spool; that one may be large.

use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow::array::{RecordBatch, new_null_array};
use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use arrow_flight::{FlightDescriptor, FlightInfo};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use uuid::Uuid;

use super::call::{Call, count};
use super::command::Transaction;
use super::encode::check_schema;
use super::ticket::Claim;
use crate::engine::{Outcome, Plan, Rows, Statement, StatementKind, bytes_of_rows};
use crate::error::{Error, ErrorCode, Result};
use crate::node::{Delivery, Kept, Results, SplitResult, StatementId};

/// The most bytes of a result that is kept: the result of a statement that runs exactly once, or whose schema is not
/// known before it has run.
const MAX_KEPT: usize = 64 << 20;

/// GetFlightInfo of a statement's text.
///
/// # Errors
/// Those of the engine, the session and the transaction.
pub(super) async fn info(
    call: &Call,
    descriptor: FlightDescriptor,
    sql: String,
    transaction: Transaction,
) -> Result<FlightInfo> {
    // What was applied may not be planned again: the table that it dropped is gone.
    let again = call.once(Statement::new(sql.clone())).await?;
    if call.was_applied(&again).await? {
        return info_of_run(call, descriptor, again).await;
    }
    let (statement, plan) = planned(call, sql, &transaction).await?;
    info_of(call, descriptor, statement, &plan).await
}

/// A statement without parameters, with its plan.
///
/// # Errors
/// Those of the engine, the session and the transaction.
pub(super) async fn planned(call: &Call, sql: String, transaction: &Transaction) -> Result<(Statement, Plan)> {
    call.check_transaction(transaction)?;
    let plan = call.session().plan(&sql).await?;
    check_parameters(&plan, 0)?;
    Ok((Statement::new(sql), plan))
}

/// Whether the FlightInfo of a statement is to be had without running it.
pub(super) fn is_ready(call: &Call, plan: &Plan) -> bool {
    plan.kind == StatementKind::Read && plan.schema.is_some() && !is_collected(call)
}

/// Whether the whole result of a read is computed before it is fetched.
fn is_collected(call: &Call) -> bool {
    let delivery = call.session().delivery();
    delivery.endpoints > NonZeroUsize::MIN || delivery.results == Results::Spool
}

/// GetSchema of a statement's text. Nothing is executed.
///
/// # Errors
/// Those of the engine and the transaction, and `NOT_IMPLEMENTED` when the schema is known only after a run.
pub(super) async fn schema(call: &Call, sql: &str, transaction: &Transaction) -> Result<SchemaRef> {
    call.check_transaction(transaction)?;
    schema_of(&call.session().plan(sql).await?)
}

/// The schema of a planned statement's rows.
///
/// # Errors
/// `NOT_IMPLEMENTED` when it is known only after a run.
pub(super) fn schema_of(plan: &Plan) -> Result<SchemaRef> {
    plan.schema.clone().ok_or_else(|| {
        Error::new(
            ErrorCode::NotImplemented,
            "the schema of this statement is known only after it has run: use GetFlightInfo, which runs it",
        )
    })
}

/// FlightInfo of a statement that was planned as `plan`, run now unless it only reads.
///
/// # Errors
/// Those of the engine and the session; `RESULT_TOO_LARGE` when a result has to be kept and cannot be.
pub(super) async fn info_of(
    call: &Call,
    descriptor: FlightDescriptor,
    statement: Statement,
    plan: &Plan,
) -> Result<FlightInfo> {
    let statement = Statement { in_order: call.session().delivery().in_order, ..statement };
    if plan.kind == StatementKind::Read && is_collected(call) {
        return collected_info(call, descriptor, statement).await;
    }
    if let (StatementKind::Read, Some(schema)) = (plan.kind, &plan.schema) {
        let claim = Claim::read(&statement).unwrap_or_else(|| keep(call, Kept::Deferred(statement)));
        return call.flight_info(descriptor, schema, vec![claim], None);
    }
    info_of_run(call, descriptor, call.once(statement).await?).await
}

/// FlightInfo of a statement that runs now, and whose small result is kept.
///
/// # Errors
/// Those of the engine and the session; `RESULT_TOO_LARGE` when the result can't be kept.
pub(super) async fn info_of_run(call: &Call, descriptor: FlightDescriptor, statement: Statement) -> Result<FlightInfo> {
    let outcome = call.session().execute(statement).await?;
    let (is_update, changed) = (outcome.is_update, outcome.changed);
    let (schema, batches) = collect(outcome).await?;
    let rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
    let records = if is_update { changed } else { changed.or(Some(rows)) };
    let claim = keep(call, Kept::Finished { schema: schema.clone(), batches, changed });
    call.flight_info(descriptor, &schema, vec![claim], records)
}

/// FlightInfo of a read that runs now, and whose result is kept in parts, or in the spool.
async fn collected_info(call: &Call, descriptor: FlightDescriptor, statement: Statement) -> Result<FlightInfo> {
    let rows = read(call, statement).await?;
    check_schema(&rows.schema)?;
    let Delivery { endpoints, results, .. } = call.session().delivery();
    let wanted = endpoints.get();
    if results == Results::Spool {
        let result = call.session().spool_result(rows, wanted).await?;
        let name = Bytes::copy_from_slice(result.name.as_bytes());
        let claims = (0..).take(result.parts).map(|part| Claim::Spooled(name.clone(), part)).collect();
        return call.flight_info(descriptor, &result.schema, claims, Some(result.rows));
    }
    let result = Arc::new(SplitResult::collect(rows, &call.node.options().data_dir, wanted).await?);
    let id = Bytes::copy_from_slice(call.session().keep(Kept::Split(Arc::clone(&result))).as_bytes());
    let claims = (0..).take(result.parts()).map(|part| Claim::Part(id.clone(), part)).collect();
    call.flight_info(descriptor, result.schema(), claims, Some(result.rows()))
}

/// The schema of the rows of a statement that is to be run for each of no rows of parameters.
///
/// Where it is known only after a run, it is that of a run with NULLs of the parameters' types, whose rows are not read.
///
/// # Errors
/// `NOT_IMPLEMENTED` when it is known only after a run and the statement does more than to read.
pub(super) async fn schema_of_no_run(call: &Call, statement: &Statement, plan: &Plan) -> Result<SchemaRef> {
    let Some(parameters) = statement.parameters.first().filter(|_| plan.schema.is_none()) else {
        return schema_of(plan);
    };
    if plan.kind != StatementKind::Read {
        return Err(Error::new(
            ErrorCode::NotImplemented,
            "the columns of this statement are known only after it has run, and no row of parameters was bound to run it \
             with: bind at least one",
        ));
    }
    let nullable = |field: &FieldRef| field.as_ref().clone().with_nullable(true);
    let fields: Vec<Field> = parameters.schema().fields().iter().map(nullable).collect();
    let nulls = fields.iter().map(|field| new_null_array(field.data_type(), 1)).collect();
    let nulls = RecordBatch::try_new(Arc::new(Schema::new(fields)), nulls).map_err(Error::internal)?;
    let statement = Statement { parameters: vec![nulls], ..statement.clone() };
    Ok(call.session().execute(statement).await?.rows.schema)
}

/// FlightInfo of a statement that was to be run for each row of parameters, when there is no row.
///
/// # Errors
/// `NOT_IMPLEMENTED` when its schema is not known without a run.
pub(super) fn info_of_no_run(call: &Call, descriptor: FlightDescriptor, plan: &Plan) -> Result<FlightInfo> {
    let schema = schema_of(plan)?;
    let claim = keep(call, Kept::Finished { schema: schema.clone(), batches: Vec::new(), changed: Some(0) });
    call.flight_info(descriptor, &schema, vec![claim], Some(0))
}

/// The rows of a statement whose text stands in the ticket.
///
/// # Errors
/// Those of the engine and the session.
pub(super) async fn read(call: &Call, statement: Statement) -> Result<Rows> {
    Ok(call.session().execute(statement).await?.rows)
}

/// The rows of what the session keeps.
///
/// # Errors
/// `RESULT_GONE` when it is not kept any more; those of the engine and the session.
pub(super) async fn fetch_kept(call: &Call, id: &Bytes) -> Result<Rows> {
    let kept = call.session().kept(&StatementId::from_bytes(id)?)?;
    match &*kept {
        Kept::Deferred(statement) => read(call, statement.clone()).await,
        Kept::Finished { schema, batches, .. } => {
            let batches = futures::stream::iter(batches.clone()).map(Ok);
            Ok(Rows { schema: schema.clone(), batches: Box::pin(batches) })
        }
        Kept::Split(_) => Err(Error::internal("a ticket for the whole of a result holds one that is kept in parts")),
    }
}

/// The rows of a part of what the session keeps.
///
/// # Errors
/// `RESULT_GONE` when it is not kept any more.
pub(super) fn fetch_part(call: &Call, id: &Bytes, part: u32) -> Result<Rows> {
    let kept = call.session().kept(&StatementId::from_bytes(id)?)?;
    let part = usize::try_from(part).ok();
    let rows = match &*kept {
        Kept::Split(result) => part.and_then(|part| result.part(part)),
        Kept::Deferred(_) | Kept::Finished { .. } => None,
    };
    rows.ok_or_else(|| Error::internal("a ticket for a part of a result holds one that has no such part"))
}

/// The rows of a part of what the session has in the spool.
///
/// # Errors
/// `RESULT_GONE` when it is not there any more; `SPOOL_UNAVAILABLE` when it can't be read, or is not what was written.
pub(super) async fn fetch_spooled(call: &Call, name: &Bytes, part: u32) -> Result<Rows> {
    let name = Uuid::from_slice(name).map_err(Error::internal)?;
    call.session().spooled_part(name, usize::try_from(part).unwrap_or(usize::MAX)).await
}

/// Runs a statement's text for its effect: DoPut.
///
/// # Errors
/// Those of the engine, the session and the transaction.
pub(super) async fn update(call: &Call, sql: String, transaction: &Transaction) -> Result<i64> {
    call.check_transaction(transaction)?;
    run(call, call.once(Statement::new(sql)).await?).await
}

/// Runs a statement for its effect; how many rows it changed.
///
/// A definition that can't say how many changed none: the JDBC driver takes -1 for a sign that there are rows to be had, and
/// runs the statement again to get them.
///
/// # Errors
/// Those of the engine and the session.
pub(super) async fn run(call: &Call, statement: Statement) -> Result<i64> {
    let Outcome { kind, mut rows, changed, .. } = call.session().execute(statement).await?;
    if kind == StatementKind::Read {
        // Nobody wants its rows, but whoever runs it wants to know whether it fails.
        while rows.batches.try_next().await?.is_some() {}
        return Ok(count(changed));
    }
    Ok(count(changed.or(Some(0))))
}

/// Whether a statement gets as many parameters as it has.
///
/// # Errors
/// `REQUEST_INVALID` with both numbers.
pub(super) fn check_parameters(plan: &Plan, given: usize) -> Result<()> {
    let wanted = plan.parameters.fields().len();
    if wanted == given {
        return Ok(());
    }
    let advice = match (wanted, given) {
        (_, 0) => "prepare the statement and bind a value for each",
        (0, _) => "bind none; parameters in a text of several statements count for none, so run those one by one",
        _ => "bind one value for each",
    };
    Err(Error::new(
        ErrorCode::RequestInvalid,
        format!("the statement has {wanted} parameters and was given {given}: {advice}"),
    ))
}

fn keep(call: &Call, kept: Kept) -> Claim {
    Claim::Kept(Bytes::copy_from_slice(call.session().keep(kept).as_bytes()))
}

/// All rows of a result, if they are few enough to be kept.
async fn collect(outcome: Outcome) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let Outcome { kind, mut rows, .. } = outcome;
    let mut batches = Vec::new();
    let mut bytes = 0_usize;
    while let Some(batch) = rows.batches.try_next().await? {
        bytes = bytes.saturating_add(bytes_of_rows(&batch));
        if bytes > MAX_KEPT {
            return Err(too_large(kind));
        }
        batches.push(batch);
    }
    Ok((rows.schema, batches))
}

fn too_large(kind: StatementKind) -> Error {
    let limit = MAX_KEPT >> 20;
    let message = match kind {
        StatementKind::Read => format!(
            "the schema of this statement is known only after it has run, and its result is larger than the {limit} \
             MiB the server keeps: limit it, or store it in a table and read that"
        ),
        _ => format!(
            "the statement was executed, but its result is larger than the {limit} MiB the server keeps: read the \
             rows with a statement of their own, and do not run this one again"
        ),
    };
    Error::new(ErrorCode::ResultTooLarge, message)
}
