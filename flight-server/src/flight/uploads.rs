//! DoPut: an upload's descriptor says what it is for, and the answer is a single message.

use arrow_flight::sql::DoPutUpdateResult;
use arrow_flight::{FlightData, PutResult};
use futures::Stream;
use prost::Message;
use tonic::Status;

use super::call::Call;
use super::command::{Command, not_implemented};
use super::parameters::Upload;
use super::{driver, ingest, prepared, statements};
use crate::error::Result;

/// Does what an upload is for.
///
/// # Errors
/// `REQUEST_MALFORMED` when the upload cannot be read, `NOT_IMPLEMENTED` when it is for something that is not done, and
/// those of what it is for.
pub(super) async fn put<S>(call: &Call, upload: &mut Upload<S>) -> Result<PutResult>
where
    S: Stream<Item = Result<FlightData, Status>> + Send + Unpin,
{
    // That is how the client for Go, which is ADBC's too, ingests no rows: neither table nor columns are told, so there is nothing to be done.
    if upload.is_nothing() && driver::is_go() {
        return Ok(PutResult { app_metadata: updated(0).into() });
    }
    let app_metadata = match Command::from_descriptor(upload.descriptor()?)? {
        Command::StatementUpdate { sql, transaction } => {
            // Its upload has nothing to say, and may end only after the answer.
            updated(statements::update(call, sql, &transaction).await?)
        }
        Command::PreparedUpdate { handle } => {
            let values = upload.values().await?;
            updated(prepared::update(call, &handle, values).await?)
        }
        Command::PreparedQuery { handle } => {
            let values = upload.values().await?;
            prepared::bind(call, &handle, values).await?.encode_to_vec()
        }
        Command::Ingest(command) => updated(ingest::ingest(call, command, upload).await?),
        other @ (Command::StatementQuery { .. } | Command::Metadata(_)) => {
            return Err(not_implemented(&format!("DoPut of {}", other.name())));
        }
    };
    Ok(PutResult { app_metadata: app_metadata.into() })
}

fn updated(record_count: i64) -> Vec<u8> {
    DoPutUpdateResult { record_count }.encode_to_vec()
}
