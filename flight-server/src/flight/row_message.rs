//! The messages of a result, whose rows stay where they lie in memory until the network takes them.
//!
//! The libraries' own way copies every buffer into the body of its message, and the body into the bytes of the call. Here a
//! message is a list of buffers; measured with lineitem from memory that takes the server half of the processor time.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{CompressionContext, DictionaryTracker, IpcDataGenerator, IpcWriteOptions};
use arrow_flight::{FlightData, SchemaAsIpc};
use bytes::{BufMut, Bytes, BytesMut};

use super::batch_body::{Body, body_of};
use crate::error::{Error, Result};
use crate::node::Compression;

/// Messages up to this size are sent as one piece: they cost less to copy than to hand on in parts.
const ONE_PIECE: usize = 16 << 10;

/// The fields of `FlightData` as they begin on the wire: number and wire type.
const DATA_HEADER: u8 = 0x12;
const APP_METADATA: u8 = 0x1a;
const DATA_BODY: [u8; 2] = [0xc2, 0x3e];

/// A message of a result: its schema, or a batch.
#[derive(Debug, Clone, Default)]
pub(super) struct RowMessage {
    /// What it is, as IPC has it.
    pub(super) header: Bytes,
    /// What goes along with it: the mark of a batch.
    pub(super) metadata: Bytes,
    /// The rows.
    pub(super) body: Body,
}

impl RowMessage {
    /// As the library's type, for which the body is copied.
    pub(super) fn into_flight_data(self) -> FlightData {
        FlightData {
            data_header: self.header,
            app_metadata: self.metadata,
            data_body: self.body.into_bytes(),
            ..FlightData::default()
        }
    }

    /// The bytes of the call: what gRPC puts before a message, and the message.
    ///
    /// # Errors
    /// `INTERNAL` when it is larger than any message can be.
    pub(super) fn into_frames(self) -> Result<Vec<Bytes>> {
        let Self { header, metadata, body } = self;
        let mut fields = BytesMut::with_capacity(header.len() + metadata.len() + 32);
        put_field(&mut fields, &[DATA_HEADER], &header);
        put_field(&mut fields, &[APP_METADATA], &metadata);
        if body.len() > 0 {
            fields.put_slice(&DATA_BODY);
            put_varint(&mut fields, body.len());
        }
        let length = u32::try_from(fields.len() + body.len())
            .map_err(|_| Error::internal("a batch is larger than 4 GiB, which no message can be"))?;
        let mut first = BytesMut::with_capacity(5 + fields.len() + if body.len() > ONE_PIECE { 0 } else { body.len() });
        first.put_u8(0);
        first.put_u32(length);
        first.put_slice(&fields);
        if body.len() <= ONE_PIECE {
            body.segments().iter().for_each(|segment| first.put_slice(segment));
            return Ok(vec![first.freeze()]);
        }
        Ok(std::iter::once(first.freeze()).chain(body.into_segments()).collect())
    }
}

/// A field that is left out when there is nothing in it, as protobuf has it.
fn put_field(out: &mut BytesMut, tag: &[u8], value: &[u8]) {
    if !value.is_empty() {
        out.put_slice(tag);
        put_varint(out, value.len());
        out.put_slice(value);
    }
}

fn put_varint(out: &mut BytesMut, mut number: usize) {
    while number >= 0x80 {
        out.put_u8((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.put_u8(number as u8);
}

/// Writes batches of one schema as messages.
pub(super) struct BatchEncoder {
    schema: SchemaRef,
    options: IpcWriteOptions,
    compression: Compression,
    generator: IpcDataGenerator,
    dictionaries: DictionaryTracker,
    scratch: CompressionContext,
}

impl BatchEncoder {
    /// # Errors
    /// `INTERNAL` when the library was built without the codec.
    pub(super) fn new(schema: SchemaRef, compression: Compression) -> Result<Self> {
        let codec = match compression {
            Compression::None => None,
            Compression::Lz4 => Some(CompressionType::LZ4_FRAME),
            Compression::Zstd => Some(CompressionType::ZSTD),
        };
        let options = IpcWriteOptions::default().try_with_compression(codec).map_err(Error::internal)?;
        Ok(Self {
            schema,
            options,
            compression,
            generator: IpcDataGenerator::default(),
            dictionaries: DictionaryTracker::new(false),
            scratch: CompressionContext::default(),
        })
    }

    /// Whether it compresses them, which takes a while.
    pub(super) fn compresses(&self) -> bool {
        self.compression != Compression::None
    }

    pub(super) fn schema(&self) -> RowMessage {
        let message: FlightData = SchemaAsIpc::new(&self.schema, &self.options).into();
        RowMessage { header: message.data_header, ..RowMessage::default() }
    }

    /// # Errors
    /// `INTERNAL` when the batch is of another schema, or can't be written.
    pub(super) fn batch(&mut self, batch: &RecordBatch) -> Result<RowMessage> {
        if !are_alike(batch.schema_ref(), &self.schema) {
            return Err(Error::internal("a batch does not have the schema of its result"));
        }
        if !self.compresses()
            && let Some((header, body)) = body_of(batch)
        {
            return Ok(RowMessage { header, metadata: Bytes::new(), body });
        }
        // Without dictionaries in the schema there are none to be sent before the batch.
        let (_, message) = self
            .generator
            .encode(batch, &mut self.dictionaries, &self.options, &mut self.scratch)
            .map_err(|error| Error::internal(format_args!("a batch cannot be written: {error}")))?;
        let body = Body::from(Bytes::from(message.arrow_data));
        Ok(RowMessage { header: message.ipc_message.into(), metadata: Bytes::new(), body })
    }
}

fn are_alike(batch: &Schema, result: &Schema) -> bool {
    fn types(schema: &Schema) -> impl Iterator<Item = &DataType> {
        schema.fields().iter().map(|field| field.data_type())
    }
    std::ptr::eq(batch, result) || types(batch).eq(types(result))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use prost::Message as _;

    use super::*;

    fn encoded(rows: i64) -> RowMessage {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("row {row}"))));
        let batch = RecordBatch::try_from_iter([("n", numbers), ("t", texts)]).unwrap();
        BatchEncoder::new(batch.schema(), Compression::None).unwrap().batch(&batch).unwrap()
    }

    #[test]
    fn frames_are_what_the_library_would_have_sent() {
        for rows in [0, 1, 100, 100_000] {
            for metadata in ["", "12;0123456789abcdef"] {
                let message = RowMessage { metadata: metadata.into(), ..encoded(rows) };
                let frames = message.clone().into_frames().unwrap();
                assert_eq!(frames.len() > 1, rows == 100_000, "small ones are one piece");
                let bytes: Vec<u8> = frames.concat();
                assert_eq!(bytes[0], 0);
                assert_eq!(u32::from_be_bytes(bytes[1..5].try_into().unwrap()) as usize, bytes.len() - 5);
                let expected = message.into_flight_data();
                assert_eq!(bytes[5..], expected.encode_to_vec());
                assert_eq!(FlightData::decode(&bytes[5..]).unwrap(), expected);
            }
        }
    }

    #[test]
    fn a_schema_is_a_message_without_a_body() {
        let schema = BatchEncoder::new(Arc::new(Schema::empty()), Compression::None).unwrap().schema();
        assert!(!schema.header.is_empty() && schema.body.len() == 0);
        assert_eq!(schema.into_frames().unwrap().len(), 1);
    }
}
