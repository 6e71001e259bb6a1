//! Actions: which there are, and what each is answered with.
//!
//! Flight SQL wraps its actions in `Any`; Flight's own, about the session, come bare.

use arrow_flight::sql::{
    ActionBeginTransactionRequest, ActionCancelQueryRequest, ActionClosePreparedStatementRequest,
    ActionCreatePreparedStatementRequest, ActionEndTransactionRequest,
};
use arrow_flight::{Action, ActionType, CancelFlightInfoRequest, RenewFlightEndpointRequest};
use bytes::Bytes;
use prost::Message;

use super::call::Call;
use super::command::{bare, not_implemented, shown, unwrap_as, wrap};
use super::messages::{CloseSessionRequest, GetSessionOptionsRequest, SetSessionOptionsRequest};
use super::{options, prepared, queries, transactions};
use crate::error::{Error, ErrorCode, Result};

/// The actions there are, with what ListActions says of them.
const ACTIONS: [(&str, &str); 10] = [
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
];

/// Actions of the protocol that are not done: they are refused by name.
const KNOWN_ACTIONS: [&str; 3] = ["BeginSavepoint", "EndSavepoint", "CreatePreparedSubstraitPlan"];

/// What ListActions answers.
pub(super) fn list() -> impl Iterator<Item = ActionType> {
    ACTIONS
        .iter()
        .map(|(name, description)| ActionType { r#type: (*name).to_owned(), description: (*description).to_owned() })
}

/// Does an action; its result's body, if it has one.
///
/// # Errors
/// `REQUEST_MALFORMED` when its body is not the message it takes, `NOT_IMPLEMENTED` when there is no such action, and
/// its own.
pub(super) async fn act(call: &Call, action: Action) -> Result<Option<Bytes>> {
    let body = &action.body;
    Ok(match action.r#type.as_str() {
        "CreatePreparedStatement" => {
            let request: ActionCreatePreparedStatementRequest =
                unwrap_as(body, "ActionCreatePreparedStatementRequest")?;
            Some(wrap("ActionCreatePreparedStatementResult", &prepared::create(call, request).await?))
        }
        "ClosePreparedStatement" => {
            let request: ActionClosePreparedStatementRequest = unwrap_as(body, "ActionClosePreparedStatementRequest")?;
            call.session().close_prepared(&request.prepared_statement_handle).await?;
            None
        }
        "BeginTransaction" => {
            unwrap_as::<ActionBeginTransactionRequest>(body, "ActionBeginTransactionRequest")?;
            Some(wrap("ActionBeginTransactionResult", &transactions::begin(call).await?))
        }
        "EndTransaction" => {
            let request: ActionEndTransactionRequest = unwrap_as(body, "ActionEndTransactionRequest")?;
            transactions::end(call, request).await?;
            None
        }
        "SetSessionOptions" => {
            let request: SetSessionOptionsRequest = bare(body, "SetSessionOptionsRequest")?;
            Some(options::set(call, request).await?.encode_to_vec().into())
        }
        "GetSessionOptions" => {
            bare::<GetSessionOptionsRequest>(body, "GetSessionOptionsRequest")?;
            Some(options::get(call).await?.encode_to_vec().into())
        }
        "CloseSession" => {
            bare::<CloseSessionRequest>(body, "CloseSessionRequest")?;
            Some(options::close(call).await?.encode_to_vec().into())
        }
        "CancelFlightInfo" => {
            let request: CancelFlightInfoRequest = bare(body, "CancelFlightInfoRequest")?;
            Some(queries::cancel(call, request).await?.encode_to_vec().into())
        }
        "CancelQuery" => {
            let request: ActionCancelQueryRequest = unwrap_as(body, "ActionCancelQueryRequest")?;
            Some(wrap("ActionCancelQueryResult", &queries::cancel_by_query(call, request).await?))
        }
        "RenewFlightEndpoint" => {
            let request: RenewFlightEndpointRequest = bare(body, "RenewFlightEndpointRequest")?;
            Some(queries::renew(call, request)?.encode_to_vec().into())
        }
        known if KNOWN_ACTIONS.contains(&known) => return Err(not_implemented(&format!("action {known}"))),
        unknown => {
            let names = ACTIONS.map(|(name, _)| name).join(", ");
            let unknown = shown(unknown);
            return Err(Error::new(
                ErrorCode::NotImplemented,
                format!("there is no action {unknown}; there are {names}"),
            ));
        }
    })
}
