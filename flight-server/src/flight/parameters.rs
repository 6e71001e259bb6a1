//! What a client uploads with DoPut: a descriptor, then, as IPC messages, the values of a statement's parameters.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::buffer::Buffer;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::{read_dictionary, read_record_batch};
use arrow::ipc::{self, MessageHeader, root_as_message};
use arrow_flight::{FlightData, FlightDescriptor};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use tonic::Status;

use super::broken_off::BROKEN_OFF;
use super::command::malformed;
use super::decompression::{decompressed_size, is_compressed};
use super::uploaded_types;
use crate::blocking::blocking;
use crate::error::{Error, ErrorCode, Result};

/// The most bytes of parameters one statement takes: they are held in memory until it has run.
const MAX_BYTES: usize = 256 << 20;

/// The most rows of parameters one statement takes. Columns without values take no bytes, so these are counted too.
const MAX_ROWS: usize = 1 << 24;

/// The values a client sent.
#[derive(Debug, Default, PartialEq)]
pub struct Values {
    schema: Option<SchemaRef>,
    /// None when there are no columns or no rows.
    batches: Vec<RecordBatch>,
}

impl Values {
    /// Their schema: one column a parameter. `None` when the client sent none.
    pub fn schema(&self) -> Option<&SchemaRef> {
        self.schema.as_ref()
    }

    /// For how many parameters they are.
    pub(super) fn columns(&self) -> usize {
        self.schema.as_ref().map_or(0, |schema| schema.fields().len())
    }

    /// The batches a statement is run with. Without any it is run once; with columns and no rows there is one batch
    /// without rows, for which it is not run at all: see [`are_for_no_run`].
    pub(super) fn into_batches(self) -> Vec<RecordBatch> {
        match self.schema {
            Some(schema) if self.batches.is_empty() && !schema.fields().is_empty() => {
                vec![RecordBatch::new_empty(schema)]
            }
            _ => self.batches,
        }
    }
}

/// Whether there are parameters, but no row of them.
pub(super) fn are_for_no_run(batches: &[RecordBatch]) -> bool {
    !batches.is_empty() && batches.iter().all(|batch| batch.num_rows() == 0)
}

/// A DoPut or DoExchange call whose first message has been read.
pub struct Upload {
    /// What it is for; `None` when the call ended without any message.
    descriptor: Option<FlightDescriptor>,
    first: Option<FlightData>,
    rest: BoxStream<'static, Result<FlightData, Status>>,
    decoder: Decoder,
}

impl Upload {
    /// Waits for the first message, or for the end.
    ///
    /// # Errors
    /// `REQUEST_MALFORMED` when the first message has no descriptor.
    pub(super) async fn open(
        messages: impl Stream<Item = Result<FlightData, Status>> + Send + 'static,
    ) -> Result<Self> {
        let (mut messages, decoder) = (messages.boxed(), Decoder::default());
        let Some(first) = messages.next().await else {
            return Ok(Self { descriptor: None, first: None, rest: messages, decoder });
        };
        let mut first = first.map_err(unreadable)?;
        let descriptor = first.flight_descriptor.take().ok_or_else(|| {
            malformed("the first message of the call has no descriptor: it must carry a Flight SQL command")
        })?;
        Ok(Self { descriptor: Some(descriptor), first: Some(first), rest: messages, decoder })
    }

    /// Whether the call ended without any message.
    pub(super) fn is_nothing(&self) -> bool {
        self.descriptor.is_none()
    }

    /// What the upload is for.
    ///
    /// # Errors
    /// `REQUEST_MALFORMED` when the call ended without any message.
    pub fn descriptor(&self) -> Result<&FlightDescriptor> {
        self.descriptor.as_ref().ok_or_else(|| {
            malformed(
                "the call ended without any message: the first one must carry a Flight SQL command as its descriptor",
            )
        })
    }

    /// Reads the values up to the end of the upload; none when its schema has no columns.
    ///
    /// An upload without columns is not waited for: some clients end theirs only after they have their answer.
    ///
    /// # Errors
    /// `REQUEST_MALFORMED` when the messages are not a schema and batches of it, `RESULT_TOO_LARGE` when there are more
    /// than the server holds.
    pub async fn values(&mut self) -> Result<Values> {
        while let Some(message) = self.next().await? {
            self.decode(message).await?;
            if self.decoder.schema.as_ref().is_some_and(|schema| schema.fields().is_empty()) {
                break;
            }
        }
        let decoder = std::mem::take(&mut self.decoder);
        Ok(Values { schema: decoder.schema, batches: decoder.batches })
    }

    /// Reads up to the schema of the rows that are uploaded.
    ///
    /// # Errors
    /// `REQUEST_MALFORMED` when the messages do not begin with a schema.
    pub async fn schema(&mut self) -> Result<SchemaRef> {
        loop {
            let message = self.next().await?;
            let message = message.ok_or_else(|| malformed("the upload ended without a schema of its rows"))?;
            self.decode(message).await?;
            if let Some(schema) = &self.decoder.schema {
                return Ok(Arc::clone(schema));
            }
        }
    }

    /// The next batch after the schema, each held only until it is taken; `None` at the end of the upload.
    ///
    /// # Errors
    /// `REQUEST_MALFORMED` when a message is not a batch of the schema.
    pub async fn batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.decoder.batches.pop() {
                return Ok(Some(batch));
            }
            let Some(message) = self.next().await? else { return Ok(None) };
            // What was taken does not count towards what is held.
            (self.decoder.bytes, self.decoder.rows) = (0, 0);
            self.decode(message).await?;
        }
    }

    /// Reads a message; where it is to be decompressed, on a thread that may take its time.
    async fn decode(&mut self, message: FlightData) -> Result<()> {
        if !is_compressed(&message.data_header) {
            return self.decoder.push(message);
        }
        let mut decoder = std::mem::take(&mut self.decoder);
        let read = move || {
            let read = decoder.push(message);
            Ok((decoder, read))
        };
        let (decoder, read) = blocking(read).await?;
        self.decoder = decoder;
        read
    }

    /// The messages as they come; not the first where it is no more than its descriptor, as an empty message ends what
    /// some clients read.
    pub(super) fn into_messages(self) -> impl Stream<Item = Result<FlightData, Status>> {
        let first = self.first.filter(|first| *first != FlightData::default());
        stream::iter(first.map(Ok)).chain(self.rest)
    }

    /// Reads on to the end of the upload and forgets what comes, so that its client is not cut off in mid-sentence.
    pub(super) async fn finish(mut self) {
        while let Ok(Some(_)) = self.next().await {}
    }

    async fn next(&mut self) -> Result<Option<FlightData>> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        self.rest.next().await.transpose().map_err(unreadable)
    }
}

/// The client's own messages could not be read from the connection.
fn unreadable(status: Status) -> Error {
    if status.code() == BROKEN_OFF {
        return Error::new(ErrorCode::StatementCancelled, "the upload broke off before its end");
    }
    malformed(format!("a message of the upload cannot be read: {}", status.message()))
}

#[derive(Default)]
struct Decoder {
    schema: Option<SchemaRef>,
    dictionaries: HashMap<i64, ArrayRef>,
    batches: Vec<RecordBatch>,
    bytes: usize,
    rows: usize,
}

impl Decoder {
    fn push(&mut self, message: FlightData) -> Result<()> {
        if message.data_header.is_empty() {
            return if message.data_body.is_empty() {
                Ok(())
            } else {
                Err(malformed("a message of the upload has a body and no header"))
            };
        }
        self.bytes = self.bytes.saturating_add(message.data_header.len()).saturating_add(message.data_body.len());
        if self.bytes > MAX_BYTES {
            return Err(too_large(format_args!("{} MiB", MAX_BYTES >> 20)));
        }
        // The reader takes some malformed messages for bugs of its caller and panics. They come from a client here.
        catch_unwind(AssertUnwindSafe(|| self.read(&message)))
            .unwrap_or_else(|_| Err(malformed("a message of the upload is not valid Arrow IPC")))
    }

    fn read(&mut self, data: &FlightData) -> Result<()> {
        let message = root_as_message(&data.data_header)
            .map_err(|error| malformed(format!("a message of the upload is not Arrow IPC: {error}")))?;
        match message.header_type() {
            MessageHeader::Schema if self.schema.is_some() => Err(malformed("the upload has a second schema")),
            MessageHeader::Schema => {
                let schema = Arc::new(Schema::try_from(data).map_err(|error| broken("schema", &error))?);
                uploaded_types::check(schema.fields())?;
                // What is left that makes no array is found here, and not where the rows are wanted.
                for column in RecordBatch::new_empty(Arc::clone(&schema)).columns() {
                    column.to_data().validate_full().map_err(|error| broken("schema", &error))?;
                }
                self.schema = Some(schema);
                Ok(())
            }
            MessageHeader::DictionaryBatch => {
                let (schema, batch) = self
                    .schema
                    .clone()
                    .zip(message.header_as_dictionary_batch())
                    .ok_or_else(|| malformed("the upload has a dictionary before its schema"))?;
                self.check_buffers(batch.data(), &data.data_body)?;
                let body = Buffer::from(data.data_body.clone());
                read_dictionary(&body, batch, &schema, &mut self.dictionaries, &message.version())
                    .map_err(|error| broken("dictionary", &error))
            }
            MessageHeader::RecordBatch => {
                let (schema, batch) = self
                    .schema
                    .clone()
                    .zip(message.header_as_record_batch())
                    .ok_or_else(|| malformed("the upload has a batch before its schema"))?;
                self.check_buffers(Some(batch), &data.data_body)?;
                let body = Buffer::from(data.data_body.clone());
                let batch = read_record_batch(&body, batch, schema, &self.dictionaries, None, &message.version())
                    .map_err(|error| broken("batch", &error))?;
                self.rows = self.rows.saturating_add(batch.num_rows());
                if self.rows > MAX_ROWS {
                    return Err(too_large(format_args!("{MAX_ROWS} rows")));
                }
                if batch.num_columns() > 0 && batch.num_rows() > 0 {
                    self.batches.push(batch);
                }
                Ok(())
            }
            other => {
                let name = other.variant_name().unwrap_or("unknown");
                Err(malformed(format!("the upload has a message of type {name}, which is neither a schema nor rows")))
            }
        }
    }

    /// Whether all buffers of a batch lie in its body, for which the reader would panic, and take no more memory than an
    /// upload may.
    fn check_buffers(&mut self, batch: Option<ipc::RecordBatch<'_>>, body: &[u8]) -> Result<()> {
        let Some(batch) = batch else { return Ok(()) };
        let length = i64::try_from(body.len()).unwrap_or(i64::MAX);
        let lies_in_body = |buffer: &ipc::Buffer| {
            let end = buffer.offset().checked_add(buffer.length());
            buffer.offset() >= 0 && buffer.length() >= 0 && end.is_some_and(|end| end <= length)
        };
        if !batch.buffers().into_iter().flatten().all(lies_in_body) {
            return Err(malformed(
                "a message of the upload is cut off: not all buffers that its header names are in its body",
            ));
        }
        self.bytes += decompressed_size(batch, body, MAX_BYTES.saturating_sub(self.bytes))?;
        Ok(())
    }
}

fn broken(what: &str, error: &ArrowError) -> Error {
    malformed(format!("a {what} of the upload cannot be read: {error}"))
}

fn too_large(limit: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorCode::ResultTooLarge,
        format!("the parameters are more than the {limit} one statement takes: send them in several statements"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{DictionaryArray, Int64Array, NullArray, RecordBatchOptions};
    use arrow::datatypes::{DataType, Field, Int32Type};
    use arrow::ipc::CompressionType;
    use arrow::ipc::writer::IpcWriteOptions;
    use arrow_flight::SchemaAsIpc;
    use arrow_flight::encode::{DictionaryHandling, FlightDataEncoderBuilder};
    use arrow_flight::utils::batches_to_flight_data;
    use futures::TryStreamExt;
    use proptest::prelude::*;

    fn batch(rows: i64) -> RecordBatch {
        RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from_iter_values(0..rows)) as ArrayRef)]).unwrap()
    }

    fn messages(batch: &RecordBatch) -> Vec<FlightData> {
        let mut messages = batches_to_flight_data(&batch.schema(), vec![batch.clone()]).unwrap();
        messages[0].flight_descriptor = Some(FlightDescriptor::new_cmd("command"));
        messages
    }

    async fn read(messages: Vec<FlightData>) -> Result<Vec<RecordBatch>> {
        let mut upload = Upload::open(futures::stream::iter(messages.into_iter().map(Ok))).await?;
        upload.descriptor()?;
        Ok(upload.values().await?.batches)
    }

    fn code(result: Result<Vec<RecordBatch>>) -> ErrorCode {
        result.unwrap_err().code
    }

    #[tokio::test]
    async fn values_are_read_to_the_end() {
        let mut sent = messages(&batch(3));
        sent.push(sent[1].clone());
        assert_eq!(read(sent).await.unwrap(), [batch(3), batch(3)]);
    }

    #[tokio::test]
    async fn dictionaries_are_read() {
        let column: DictionaryArray<Int32Type> = vec!["x", "y", "x"].into_iter().collect();
        let batch = RecordBatch::try_from_iter([("d", Arc::new(column) as ArrayRef)]).unwrap();
        let sent = FlightDataEncoderBuilder::new()
            .with_dictionary_handling(DictionaryHandling::Resend)
            .with_flight_descriptor(Some(FlightDescriptor::new_cmd("command")))
            .build(futures::stream::iter([Ok(batch.clone())]))
            .try_collect()
            .await
            .unwrap();
        assert_eq!(read(sent).await.unwrap(), [batch]);
    }

    #[tokio::test]
    async fn compressed_values_are_those_that_were_sent() {
        for codec in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
            let options = IpcWriteOptions::default().try_with_compression(Some(codec)).unwrap();
            let encoder = FlightDataEncoderBuilder::new().with_options(options);
            let encoder = encoder.with_flight_descriptor(Some(FlightDescriptor::new_cmd("command")));
            let batches = [batch(10_000), batch(3)];
            let sent: Vec<FlightData> =
                encoder.build(futures::stream::iter(batches.clone().map(Ok))).try_collect().await.unwrap();
            assert!(sent.iter().skip(1).all(|message| is_compressed(&message.data_header)));
            assert!(sent[1].data_body.len() < 8 * 10_000);
            assert_eq!(read(sent.clone()).await.unwrap(), batches);
            let mut upload = Upload::open(futures::stream::iter(sent.into_iter().map(Ok))).await.unwrap();
            assert_eq!(upload.schema().await.unwrap(), batches[0].schema());
            for batch in batches {
                assert_eq!(upload.batch().await.unwrap(), Some(batch));
            }
            assert_eq!(upload.batch().await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn no_message_and_no_descriptor_are_malformed() {
        assert_eq!(code(read(vec![]).await), ErrorCode::RequestMalformed);
        assert_eq!(code(read(vec![FlightData::default()]).await), ErrorCode::RequestMalformed);
    }

    #[tokio::test]
    async fn a_descriptor_alone_has_no_values() {
        let only = FlightData::default().with_descriptor(FlightDescriptor::new_cmd("command"));
        assert_eq!(read(vec![only]).await.unwrap(), []);
    }

    #[tokio::test]
    async fn an_upload_without_columns_is_not_waited_for() {
        let options = RecordBatchOptions::new().with_row_count(Some(0));
        let empty = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
        let open_end = futures::stream::iter(messages(&empty).into_iter().map(Ok)).chain(futures::stream::pending());
        let mut upload = Upload::open(open_end).await.unwrap();
        let values = upload.values().await.unwrap();
        assert_eq!(values.columns(), 0);
        assert_eq!(values.into_batches(), []);
    }

    #[tokio::test]
    async fn columns_without_rows_are_told_from_no_columns() {
        let mut upload = Upload::open(futures::stream::iter(messages(&batch(0)).into_iter().map(Ok))).await.unwrap();
        let batches = upload.values().await.unwrap().into_batches();
        assert!(are_for_no_run(&batches));
        assert!(!are_for_no_run(&[]));
        assert!(!are_for_no_run(&[batch(1), batch(0)]));
    }

    #[tokio::test]
    async fn values_without_bytes_are_counted() {
        let nulls = RecordBatch::try_from_iter([("n", Arc::new(NullArray::new(MAX_ROWS + 1)) as ArrayRef)]).unwrap();
        assert_eq!(code(read(messages(&nulls)).await), ErrorCode::ResultTooLarge);
    }

    #[tokio::test]
    async fn a_batch_of_another_schema_is_malformed() {
        let mut sent = messages(&batch(3));
        let wide = Schema::new((0..9).map(|n| Field::new(format!("c{n}"), DataType::Utf8, true)).collect::<Vec<_>>());
        let header: FlightData = SchemaAsIpc::new(&wide, &IpcWriteOptions::default()).into();
        sent[0].data_header = header.data_header;
        assert_eq!(code(read(sent).await), ErrorCode::RequestMalformed);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn damaged_messages_give_values_or_an_error(
            in_body in any::<bool>(), nth in 0..2_usize, at in any::<prop::sample::Index>(), to in any::<u8>(),
        ) {
            let mut sent = messages(&batch(3));
            let message = &mut sent[nth];
            let part = if in_body { &mut message.data_body } else { &mut message.data_header };
            if !part.is_empty() {
                let mut bytes = part.to_vec();
                let at = at.index(bytes.len());
                bytes[at] = to;
                *part = bytes.into();
            }
            let mut decoder = Decoder::default();
            let _ = sent.into_iter().try_for_each(|message| decoder.push(message));
        }
    }
}
