//! DoPut: an upload's descriptor says what it is for, and the answer is a single message.

use super::call::Call;
use super::command::{Command, not_implemented};
use super::handlers::Put;
use super::parameters::Upload;
use super::{driver, ingest, prepared, statements};
use crate::error::Result;

/// Does what an upload is for.
///
/// # Errors
/// `REQUEST_MALFORMED` when the upload cannot be read, `NOT_IMPLEMENTED` when it is for something that is not done, and
/// those of what it is for.
pub(super) async fn put(call: &Call, upload: &mut Upload) -> Result<Put> {
    // That is how the client for Go, which is ADBC's too, ingests no rows: neither table nor columns are told, so there is
    // nothing to be done.
    if upload.is_nothing() && driver::is_go() {
        return Ok(Put::Updated(0));
    }
    Ok(match Command::from_descriptor(upload.descriptor()?)? {
        Command::StatementUpdate { sql, transaction } => {
            // Its upload has nothing to say, and may end only after the answer.
            Put::Updated(statements::update(call, sql, &transaction).await?)
        }
        Command::PreparedUpdate { handle } => {
            let values = upload.values().await?;
            Put::Updated(prepared::update(call, &handle, values).await?)
        }
        Command::PreparedQuery { handle } => {
            let values = upload.values().await?;
            Put::Bound(prepared::bind(call, &handle, values).await?)
        }
        Command::Ingest(command) => Put::Updated(ingest::ingest(call, command, upload).await?),
        other @ (Command::StatementQuery { .. } | Command::Metadata(_)) => {
            return Err(not_implemented(&format!("DoPut of {}", other.name())));
        }
        other @ Command::Substrait { .. } => return Err(not_implemented(other.name())),
    })
}
