//! What scripts are made of.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, Ticket};
use bytes::Bytes;
use flight_server::engine::Rows;
use flight_server::error::{Error, ErrorCode, Result};
use flight_server::flight::Delivered;
use futures::StreamExt;

/// The client did not keep to the script.
pub(crate) fn unexpected(what: impl std::fmt::Debug) -> Error {
    Error::new(ErrorCode::RequestInvalid, format!("the script does not expect {what:?}"))
}

/// Fails unless the client sent what the script expects.
pub(crate) fn expect<T: PartialEq + std::fmt::Debug>(sent: T, expected: T) -> Result<()> {
    if sent == expected { Ok(()) } else { Err(unexpected(sent)) }
}

/// A schema of one column, `number`.
pub(crate) fn numbers(data_type: DataType) -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("number", data_type, false)]))
}

/// An endpoint with this ticket and nothing else.
pub(crate) fn endpoint(ticket: impl Into<Bytes>) -> FlightEndpoint {
    FlightEndpoint { ticket: Some(Ticket { ticket: ticket.into() }), ..Default::default() }
}

/// What is told of a flight.
pub(crate) fn info(
    descriptor: FlightDescriptor,
    schema: &Schema,
    endpoints: Vec<FlightEndpoint>,
) -> Result<FlightInfo> {
    let info = FlightInfo { endpoint: endpoints, total_records: -1, total_bytes: -1, ..Default::default() };
    let info = info.try_with_schema(schema).map_err(Error::internal)?;
    Ok(info.with_descriptor(descriptor))
}

/// One batch of one column, in its schema.
pub(crate) fn column(schema: SchemaRef, column: ArrayRef) -> Result<Delivered> {
    let batch = RecordBatch::try_new(schema.clone(), vec![column]).map_err(Error::internal)?;
    Ok(delivered(schema, vec![batch]))
}

/// These batches.
pub(crate) fn delivered(schema: SchemaRef, batches: Vec<RecordBatch>) -> Delivered {
    let batches = futures::stream::iter(batches.into_iter().map(Ok)).boxed();
    Delivered::plain(Rows { schema, batches })
}
