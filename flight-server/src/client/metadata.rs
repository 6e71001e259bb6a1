//! The tables that the server has, by the calls of Flight SQL for that.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Schema;
use arrow_flight::sql::{CommandGetTables, ProstMessageExt};
use arrow_flight::{FlightDescriptor, IpcMessage};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use prost::Message as _;

use super::error::ClientError;
use super::operation::Operation;
use super::session::{Link, Repeat, Session};

/// A table, or what looks like one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The catalog that it is in.
    pub catalog: String,
    /// The schema that it is in.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What it is: `BASE TABLE`, `VIEW` or another word of the engine's.
    pub kind: String,
    /// Its columns: their names, and their types if the server tells them.
    pub columns: Vec<(String, Option<String>)>,
}

impl Session {
    /// The tables of which the session may see something, with their columns.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn tables(&self, operation: &Operation) -> Result<Vec<Table>, ClientError> {
        let command = CommandGetTables { include_schema: true, ..Default::default() };
        let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
        let batches = self.perform(operation, Repeat::Always, async |mut link: Link| {
            let request = self.request(descriptor.clone(), &[])?;
            let info = self.heard(link.calls.get_flight_info(request).await)?.into_inner();
            let mut batches = Vec::new();
            for ticket in info.endpoint.into_iter().filter_map(|endpoint| endpoint.ticket) {
                let answer = self.heard(link.calls.do_get(self.request(ticket, &[])?).await)?.into_inner();
                let answer = answer.map_err(|status| arrow_flight::error::FlightError::Tonic(Box::new(status)));
                let stream = arrow_flight::decode::FlightRecordBatchStream::new_from_flight_data(answer.boxed());
                let more: Vec<RecordBatch> = stream.try_collect().await.map_err(|error| match error {
                    arrow_flight::error::FlightError::Tonic(status) => self.failure(&status),
                    other => ClientError::malformed(&other.to_string()),
                })?;
                batches.extend(more);
            }
            Ok(batches)
        });
        let batches = batches.await?;
        batches.iter().map(tables_of).try_fold(Vec::new(), |mut all, tables| {
            all.extend(tables?);
            Ok(all)
        })
    }
}

fn tables_of(batch: &RecordBatch) -> Result<Vec<Table>, ClientError> {
    let texts = |name: &str| {
        let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>().cloned());
        column.ok_or_else(|| ClientError::malformed(name))
    };
    let (catalogs, schemas) = (texts("catalog_name")?, texts("db_schema_name")?);
    let (names, kinds) = (texts("table_name")?, texts("table_type")?);
    let columns = batch.column_by_name("table_schema").and_then(|column| column.as_binary_opt::<i32>());
    let text = |array: &arrow::array::StringArray, row| {
        if array.is_null(row) { String::new() } else { array.value(row).to_owned() }
    };
    let table = |row| Table {
        catalog: text(&catalogs, row),
        schema: text(&schemas, row),
        name: text(&names, row),
        kind: text(&kinds, row),
        columns: columns
            .filter(|columns| columns.is_valid(row))
            .map_or_else(Vec::new, |columns| columns_of(columns.value(row))),
    };
    Ok((0..batch.num_rows()).map(table).collect())
}

/// The columns of a table whose schema is written down as IPC has it. Nothing where that can't be read: they are wanted for
/// show alone.
fn columns_of(schema: &[u8]) -> Vec<(String, Option<String>)> {
    let Ok(schema) = Schema::try_from(IpcMessage(Bytes::copy_from_slice(schema))) else { return Vec::new() };
    let column = |field: &arrow::datatypes::FieldRef| {
        (field.name().clone(), field.metadata().get("ARROW:FLIGHT:SQL:TYPE_NAME").cloned())
    };
    schema.fields().iter().map(column).collect()
}
