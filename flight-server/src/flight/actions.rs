//! Actions: which there are, and how each is read and its result written.
//!
//! Flight SQL wraps its actions in `Any`; Flight's own, about the session and queries, come bare. So does what is beyond both.

use std::collections::BTreeMap;

use arrow_flight::sql::{
    ActionBeginSavepointRequest, ActionBeginSavepointResult, ActionBeginTransactionRequest,
    ActionBeginTransactionResult, ActionCancelQueryRequest, ActionCancelQueryResult,
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
    ActionCreatePreparedSubstraitPlanRequest, ActionEndSavepointRequest, ActionEndTransactionRequest, EndTransaction,
};
use arrow_flight::{
    Action, ActionType, CancelFlightInfoRequest, CancelFlightInfoResult, FlightInfo, RenewFlightEndpointRequest,
};
use bytes::Bytes;
use prost::Message;

use super::command::{bare, malformed, shown, transaction, unwrap_as, wrap};
use super::encode::{check_schema, schema_bytes};
use super::handlers::{EndSavepoint, Handlers, PreparedStatement};
use super::messages::{
    CloseSessionRequest, CloseSessionResult, CloseSessionStatus, CreatePreparedStatementResult,
    GetSessionOptionsRequest, GetSessionOptionsResult, SetSessionOptionsRequest, SetSessionOptionsResult,
};
use super::options::{from_wire, problem_to_wire, to_wire};
use crate::error::{Error, ErrorCode, Result};

/// How far the statement of the session is that runs: for clients that have no PollFlightInfo.
pub(super) const PROGRESS: &str = "pintail.Progress";

/// The actions there are, with what ListActions says of them.
const ACTIONS: [(&str, &str); 11] = [
    ("CreatePreparedStatement", "Prepares a statement. Takes ActionCreatePreparedStatementRequest."),
    ("ClosePreparedStatement", "Forgets a prepared statement. Takes ActionClosePreparedStatementRequest."),
    ("BeginTransaction", "Begins a transaction. Takes ActionBeginTransactionRequest."),
    ("EndTransaction", "Commits a transaction or rolls it back. Takes ActionEndTransactionRequest."),
    ("SetSessionOptions", "Sets options of the session. Takes SetSessionOptionsRequest."),
    ("GetSessionOptions", "Reads all options of the session. Takes GetSessionOptionsRequest."),
    ("CloseSession", "Ends the session. Takes CloseSessionRequest."),
    ("CancelFlightInfo", "Cancels the query of a FlightInfo. Takes CancelFlightInfoRequest."),
    (
        "CancelQuery",
        "Cancels the query of a FlightInfo. Takes ActionCancelQueryRequest; CancelFlightInfo is its successor.",
    ),
    ("RenewFlightEndpoint", "Gives an endpoint its whole time again. Takes RenewFlightEndpointRequest."),
    (PROGRESS, "Tells how far the session's running statement is. Takes nothing, and answers with a PollInfo."),
];

/// What ListActions of a node answers.
pub(super) fn there_are() -> Vec<ActionType> {
    let described =
        |(name, description): (&str, &str)| ActionType { r#type: name.to_owned(), description: description.to_owned() };
    ACTIONS.map(described).into()
}

/// The error for an action that a node does not have.
pub(super) fn unknown(name: &str) -> Error {
    let names = ACTIONS.map(|(name, _)| name).join(", ");
    Error::new(ErrorCode::NotImplemented, format!("there is no action {}; there are {names}", shown(name)))
}

/// Does an action; its result's body, if it has one.
///
/// # Errors
/// `REQUEST_MALFORMED` when its body is not the message it takes, and those of its handler.
pub(super) async fn act<H: Handlers>(handlers: &H, call: &H::Call, action: Action) -> Result<Option<Bytes>> {
    let body = &action.body;
    Ok(match action.r#type.as_str() {
        "CreatePreparedStatement" => {
            let request: ActionCreatePreparedStatementRequest =
                unwrap_as(body, "ActionCreatePreparedStatementRequest")?;
            let transaction = transaction(request.transaction_id);
            Some(prepared(handlers.prepare(call, request.query, transaction).await?)?)
        }
        "CreatePreparedSubstraitPlan" => {
            let request: ActionCreatePreparedSubstraitPlanRequest =
                unwrap_as(body, "ActionCreatePreparedSubstraitPlanRequest")?;
            let plan = request.plan.unwrap_or_default();
            let transaction = transaction(request.transaction_id);
            Some(prepared(handlers.prepare_plan(call, plan, transaction).await?)?)
        }
        "ClosePreparedStatement" => {
            let request: ActionClosePreparedStatementRequest = unwrap_as(body, "ActionClosePreparedStatementRequest")?;
            handlers.close_prepared(call, request.prepared_statement_handle).await?;
            None
        }
        "BeginTransaction" => {
            unwrap_as::<ActionBeginTransactionRequest>(body, "ActionBeginTransactionRequest")?;
            let transaction_id = handlers.begin(call).await?;
            Some(wrap("ActionBeginTransactionResult", &ActionBeginTransactionResult { transaction_id }))
        }
        "EndTransaction" => {
            let request: ActionEndTransactionRequest = unwrap_as(body, "ActionEndTransactionRequest")?;
            handlers.end(call, request.transaction_id, end_of_transaction(request.action)?).await?;
            None
        }
        "BeginSavepoint" => {
            let request: ActionBeginSavepointRequest = unwrap_as(body, "ActionBeginSavepointRequest")?;
            let savepoint_id = handlers.begin_savepoint(call, request.transaction_id, request.name).await?;
            Some(wrap("ActionBeginSavepointResult", &ActionBeginSavepointResult { savepoint_id }))
        }
        "EndSavepoint" => {
            let request: ActionEndSavepointRequest = unwrap_as(body, "ActionEndSavepointRequest")?;
            handlers.end_savepoint(call, request.savepoint_id, end_of_savepoint(request.action)?).await?;
            None
        }
        "SetSessionOptions" => {
            let request: SetSessionOptionsRequest = bare(body, "SetSessionOptionsRequest")?;
            let options: BTreeMap<_, _> =
                request.session_options.into_iter().map(|(name, value)| (name, from_wire(value))).collect();
            let problems = handlers.set_options(call, options).await?;
            let errors = problems.into_iter().map(|(name, problem)| (name, problem_to_wire(problem))).collect();
            Some(SetSessionOptionsResult { errors }.encode_to_vec().into())
        }
        "GetSessionOptions" => {
            bare::<GetSessionOptionsRequest>(body, "GetSessionOptionsRequest")?;
            let options = handlers.options(call).await?;
            let session_options = options.into_iter().map(|(name, value)| (name, to_wire(value))).collect();
            Some(GetSessionOptionsResult { session_options }.encode_to_vec().into())
        }
        "CloseSession" => {
            bare::<CloseSessionRequest>(body, "CloseSessionRequest")?;
            handlers.close_session(call).await?;
            Some(CloseSessionResult { status: CloseSessionStatus::Closed.into() }.encode_to_vec().into())
        }
        "CancelFlightInfo" => {
            let request: CancelFlightInfoRequest = bare(body, "CancelFlightInfoRequest")?;
            let status = handlers.cancel(call, request.info.unwrap_or_default()).await?;
            Some(CancelFlightInfoResult { status: status.into() }.encode_to_vec().into())
        }
        "CancelQuery" => {
            let request: ActionCancelQueryRequest = unwrap_as(body, "ActionCancelQueryRequest")?;
            let info = FlightInfo::decode(request.info).map_err(|error| {
                malformed(format!("the FlightInfo of ActionCancelQueryRequest cannot be read: {error}"))
            })?;
            // The numbers of its results are those of `CancelStatus`.
            let result = handlers.cancel(call, info).await?.into();
            Some(wrap("ActionCancelQueryResult", &ActionCancelQueryResult { result }))
        }
        "RenewFlightEndpoint" => {
            let request: RenewFlightEndpointRequest = bare(body, "RenewFlightEndpointRequest")?;
            Some(handlers.renew(call, request.endpoint.unwrap_or_default()).await?.encode_to_vec().into())
        }
        _ => handlers.other(call, action).await?,
    })
}

/// The answer to preparing something.
fn prepared(statement: PreparedStatement) -> Result<Bytes> {
    let dataset_schema = match &statement.dataset {
        Some(schema) => {
            check_schema(schema)?;
            schema_bytes(schema)?
        }
        None => Bytes::new(),
    };
    let result = CreatePreparedStatementResult {
        prepared_statement_handle: statement.handle,
        dataset_schema,
        parameter_schema: statement.parameters.map(|schema| schema_bytes(&schema)).transpose()?.unwrap_or_default(),
        is_update: statement.is_update,
    };
    Ok(wrap("ActionCreatePreparedStatementResult", &result))
}

fn end_of_transaction(action: i32) -> Result<EndTransaction> {
    match EndTransaction::try_from(action) {
        Ok(end @ (EndTransaction::Commit | EndTransaction::Rollback)) => Ok(end),
        Ok(EndTransaction::Unspecified) | Err(_) => Err(Error::new(
            ErrorCode::RequestInvalid,
            format!("EndTransaction has action {action}: it must be 1 to commit or 2 to roll back"),
        )),
    }
}

fn end_of_savepoint(action: i32) -> Result<EndSavepoint> {
    match action {
        1 => Ok(EndSavepoint::Release),
        2 => Ok(EndSavepoint::Rollback),
        _ => Err(Error::new(
            ErrorCode::RequestInvalid,
            format!("EndSavepoint has action {action}: it must be 1 to release or 2 to roll back"),
        )),
    }
}
