//! Prepared statements: made, bound, run and closed.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow_flight::{FlightDescriptor, FlightInfo};
use bytes::Bytes;

use super::call::Call;
use super::command::Transaction;
use super::handlers::PreparedStatement;
use super::parameters::{Values, are_for_no_run};
use super::{driver, statements};
use crate::engine::{Plan, Statement};
use crate::error::Result;
use crate::node::Prepared;

/// Prepares a statement.
///
/// # Errors
/// Those of the engine, the session and the transaction.
pub(super) async fn create(call: &Call, sql: &str, transaction: &Transaction) -> Result<PreparedStatement> {
    call.check_transaction(transaction)?;
    let prepared = call.session().prepare(sql).await?;
    let plan = &prepared.plan;
    let (dataset, parameters) = match driver::is_java() {
        // It takes a statement without columns for an update.
        true => (
            plan.schema.clone().or_else(|| Some(Arc::new(driver::unknown_columns()))),
            driver::in_milliseconds(&plan.parameters),
        ),
        false => (plan.schema.clone(), plan.parameters.clone()),
    };
    Ok(PreparedStatement {
        handle: handle(&prepared),
        // Drivers that do not know `is_update` take a statement with a schema for a query.
        dataset: dataset.filter(|_| !plan.is_update),
        parameters: (!parameters.fields().is_empty()).then(|| Arc::new(parameters)),
        is_update: Some(plan.is_update),
    })
}

/// DoPut of a prepared query: keeps the values for its next run, which is asked for by the handle that comes back.
///
/// # Errors
/// `REQUEST_INVALID` when they are not as many as the statement has parameters; those of the session.
pub(super) async fn bind(call: &Call, handle: &[u8], values: Values) -> Result<Bytes> {
    let prepared = call.session().prepared(handle).await?;
    statements::check_parameters(&prepared.plan, values.columns())?;
    let handle = self::handle(&prepared);
    prepared.bind(values.into_batches());
    Ok(handle)
}

/// GetFlightInfo of a prepared query, with the values that are bound now.
///
/// # Errors
/// `REQUEST_INVALID` when none are bound and the statement has parameters; those of the engine and the session.
pub(super) async fn info(call: &Call, descriptor: FlightDescriptor, handle: &[u8]) -> Result<FlightInfo> {
    // What was applied may not be planned again: the table that it dropped is gone.
    if call.request.is_some() {
        let (statement, _) = with_values(call, handle).await?;
        let statement = call.once(statement).await?;
        if call.was_applied(&statement).await? {
            return statements::info_of_run(call, descriptor, statement).await;
        }
    }
    match bound(call, handle).await? {
        (Some(statement), plan) => statements::info_of(call, descriptor, statement, &plan).await,
        (None, plan) => statements::info_of_no_run(call, descriptor, &plan),
    }
}

/// The statement with the values that are bound now, and its plan; `None` when it is to run for none of no rows.
///
/// It is planned anew: what it reads may have got other columns since it was prepared.
///
/// # Errors
/// `REQUEST_INVALID` when none are bound and the statement has parameters; those of the engine and the session.
pub(super) async fn bound(call: &Call, handle: &[u8]) -> Result<(Option<Statement>, Plan)> {
    let (statement, prepared) = with_values(call, handle).await?;
    let mut plan = call.session().plan(&prepared.sql).await?;
    if are_for_no_run(&statement.parameters) {
        plan.schema = Some(statements::schema_of_no_run(call, &statement, &plan).await?);
        return Ok((None, plan));
    }
    Ok((Some(statement), plan))
}

/// A prepared statement with the values that are bound now.
async fn with_values(call: &Call, handle: &[u8]) -> Result<(Statement, Arc<Prepared>)> {
    let prepared = call.session().prepared(handle).await?;
    let parameters = prepared.parameters();
    statements::check_parameters(&prepared.plan, parameters.first().map_or(0, |batch| batch.num_columns()))?;
    Ok((Statement { parameters, ..Statement::new(prepared.sql.clone()) }, prepared))
}

/// GetSchema of a prepared query.
///
/// # Errors
/// Those of [`statements::schema_of`] and the session.
pub(super) async fn schema(call: &Call, handle: &[u8]) -> Result<SchemaRef> {
    let prepared = call.session().prepared(handle).await?;
    statements::schema_of(&call.session().plan(&prepared.sql).await?)
}

/// DoPut of a prepared update: runs it once for each row of values, or once when it has no parameters.
///
/// # Errors
/// `REQUEST_INVALID` when the values are not as many as the statement has parameters; those of the engine and the
/// session.
pub(super) async fn update(call: &Call, handle: &[u8], values: Values) -> Result<i64> {
    let prepared = call.session().prepared(handle).await?;
    statements::check_parameters(&prepared.plan, values.columns())?;
    let parameters = values.into_batches();
    if are_for_no_run(&parameters) {
        return Ok(0);
    }
    let statement = Statement { parameters, ..Statement::new(prepared.sql.clone()) };
    statements::run(call, call.once(statement).await?).await
}

fn handle(prepared: &Prepared) -> Bytes {
    Bytes::copy_from_slice(&prepared.handle)
}
