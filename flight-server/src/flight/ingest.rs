//! Rows that a client writes into a table, as they come: a few batches are in memory at a time, however many there are.

use arrow::array::RecordBatch;
use arrow_flight::sql::{CommandStatementIngest, TableDefinitionOptions, TableExistsOption, TableNotExistOption};
use futures::channel::mpsc;
use futures::{SinkExt, Stream, StreamExt, stream};

use super::call::{Call, count};
use super::command::transaction;
use super::parameters::Upload;
use crate::engine::{Ingest, IngestMode, IngestTable, Request};
use crate::error::{Error, ErrorCode, Result};

/// How many batches wait for the engine.
const AHEAD: usize = 2;

/// Writes the rows of an upload into a table: all of them, or none when it fails or breaks off. How many they were.
///
/// # Errors
/// `REQUEST_INVALID` when what is to be done with the table is not said, or makes no sense; those of the upload, the
/// transaction, the session and the engine.
pub(super) async fn ingest(call: &Call, command: CommandStatementIngest, upload: &mut Upload) -> Result<i64> {
    call.check_transaction(&transaction(command.transaction_id))?;
    let mode = mode(command.table_definition_options)?;
    if let Some(option) = command.options.keys().min() {
        return Err(invalid(format!("{option:?} is no option of an ingest here; send none")));
    }
    if command.table.is_empty() {
        return Err(invalid("the ingest names no table"));
    }
    let table = IngestTable {
        catalog: command.catalog.filter(|name| !name.is_empty()),
        schema: command.schema.filter(|name| !name.is_empty()),
        name: command.table,
        temporary: command.temporary,
    };
    let request = call.request.map(|id| Request::of_ingest(id, &table, mode));
    let schema = upload.schema().await?;
    let (mut sender, batches) = mpsc::channel(AHEAD);
    let reading = async move {
        loop {
            let next = upload.batch().await;
            let is_last = !matches!(next, Ok(Some(_)));
            // The engine needs no more of them when it has failed.
            if sender.send(next).await.is_err() || is_last {
                return;
            }
        }
    };
    let rows = Ingest { table, mode, schema, request, batches: whole(batches).boxed() };
    let (written, ()) = futures::join!(call.session().ingest(rows), reading);
    Ok(count(Some(written?)))
}

/// The batches up to the end of the upload. The engine works on threads of its own: when the call is dropped it finds no
/// more batches, which must not look like the end.
fn whole(next: mpsc::Receiver<Result<Option<RecordBatch>>>) -> impl Stream<Item = Result<RecordBatch>> {
    stream::unfold(Some(next), |next| async {
        let mut next = next?;
        match next.next().await {
            Some(Ok(Some(batch))) => Some((Ok(batch), Some(next))),
            Some(Ok(None)) => None,
            Some(Err(error)) => Some((Err(error), None)),
            None => {
                let error =
                    Error::new(ErrorCode::StatementCancelled, "the upload broke off; none of its rows are written");
                Some((Err(error), None))
            }
        }
    })
}

fn mode(options: Option<TableDefinitionOptions>) -> Result<IngestMode> {
    let options = options.unwrap_or_default();
    match (options.if_not_exist(), options.if_exists()) {
        (TableNotExistOption::Create, TableExistsOption::Fail) => Ok(IngestMode::Create),
        (TableNotExistOption::Create, TableExistsOption::Append) => Ok(IngestMode::CreateAppend),
        (TableNotExistOption::Create, TableExistsOption::Replace) => Ok(IngestMode::Replace),
        (TableNotExistOption::Fail, TableExistsOption::Append) => Ok(IngestMode::Append),
        (TableNotExistOption::Fail, _) => {
            Err(invalid("an ingest that fails when there is no table can only append to the one there is"))
        }
        (TableNotExistOption::Unspecified, _) | (_, TableExistsOption::Unspecified) => {
            Err(invalid("the ingest must say what is done when the table exists, and when it does not"))
        }
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::RequestInvalid, message)
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::*;

    #[tokio::test]
    async fn an_upload_that_breaks_off_is_not_taken_for_a_whole_one() {
        let batch = || RecordBatch::new_empty(arrow::datatypes::Schema::empty().into());
        let (mut sender, batches) = mpsc::channel(8);
        sender.try_send(Ok(Some(batch()))).unwrap();
        sender.try_send(Ok(None)).unwrap();
        assert_eq!(whole(batches).try_collect::<Vec<_>>().await.unwrap(), [batch()]);

        let (mut sender, batches) = mpsc::channel(8);
        sender.try_send(Ok(Some(batch()))).unwrap();
        drop(sender);
        let read = whole(batches).collect::<Vec<_>>().await;
        assert_eq!(read.len(), 2);
        assert_eq!(read[1].as_ref().unwrap_err().code, ErrorCode::StatementCancelled);
    }
}
