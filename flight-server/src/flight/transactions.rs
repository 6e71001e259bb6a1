//! Transactions begun and ended by action.

use arrow_flight::sql::{ActionBeginTransactionResult, ActionEndTransactionRequest, EndTransaction};
use bytes::Bytes;

use super::call::Call;
use crate::error::{Error, ErrorCode, Result};

/// Begins a transaction, or joins the one that is open.
///
/// # Errors
/// Those of the session.
pub(super) async fn begin(call: &Call) -> Result<ActionBeginTransactionResult> {
    let id = call.session().begin().await?;
    Ok(ActionBeginTransactionResult { transaction_id: Bytes::copy_from_slice(id.as_bytes()) })
}

/// Commits a transaction or rolls it back.
///
/// # Errors
/// `REQUEST_INVALID` when it says neither; `TRANSACTION_UNKNOWN`, `TRANSACTION_LOST` and the engine's for a commit.
pub(super) async fn end(call: &Call, request: ActionEndTransactionRequest) -> Result<()> {
    match EndTransaction::try_from(request.action) {
        Ok(EndTransaction::Commit) => call.session().commit(&request.transaction_id).await,
        Ok(EndTransaction::Rollback) => call.session().rollback(&request.transaction_id).await,
        Ok(EndTransaction::Unspecified) | Err(_) => Err(Error::new(
            ErrorCode::RequestInvalid,
            format!("EndTransaction has action {}: it must be 1 to commit or 2 to roll back", request.action),
        )),
    }
}
