//! Rows become a stream of Flight messages: the schema first, then the batches in order, and nothing else.
//!
//! A message without schema or rows would silently end the result for some clients, so there is none.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::{IpcMessage, SchemaAsIpc};
use bytes::Bytes;
use futures::Stream;
use tonic::Status;

use super::encoding::Encoding;
use super::marks::Marks;
use super::row_message::{BatchEncoder, RowMessage};
use super::status::status;
use crate::engine::Rows;
use crate::error::{Error, ErrorCode, Result};
use crate::node::Compression;

/// A schema as an encapsulated IPC message, as FlightInfo and the metadata columns have it. No bytes mean no schema.
///
/// # Errors
/// `INTERNAL` when it cannot be written.
pub(super) fn schema_bytes(schema: &Schema) -> Result<Bytes> {
    IpcMessage::try_from(SchemaAsIpc::new(schema, &IpcWriteOptions::default()))
        .map(|message| message.0)
        .map_err(|error| Error::internal(format_args!("a schema cannot be written: {error}")))
}

/// Whether a schema can be sent.
///
/// # Errors
/// `TYPE_UNSUPPORTED`, naming the column, when it has a dictionary: drivers show their users its indices.
pub(super) fn check_schema(schema: &Schema) -> Result<()> {
    match schema.fields().iter().find(|field| has_dictionary(field)) {
        None => Ok(()),
        Some(field) => Err(Error::new(
            ErrorCode::TypeUnsupported,
            format!(
                "column {:?} is dictionary encoded, which is not sent to clients: cast it to VARCHAR",
                field.name()
            ),
        )),
    }
}

fn has_dictionary(field: &Field) -> bool {
    match field.data_type() {
        DataType::Dictionary(..) => true,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => has_dictionary(item),
        DataType::Struct(fields) => fields.iter().any(|field| has_dictionary(field)),
        DataType::Union(fields, _) => fields.iter().any(|(_, field)| has_dictionary(field)),
        DataType::RunEndEncoded(_, values) => has_dictionary(values),
        _ => false,
    }
}

/// The messages of a result. Dropping it drops the rows, and with them the statement that computes them.
///
/// While one batch is on its way to the client, the next is taken already; never more than that one.
pub(super) struct ResultMessages {
    header: Option<RowMessage>,
    encoding: Encoding,
    /// `None` once they are over, so that the statement is let go at once.
    rows: Option<Rows>,
    ahead: Option<Result<RecordBatch>>,
    marks: Option<Marks>,
}

impl ResultMessages {
    /// The messages of these rows.
    ///
    /// # Errors
    /// See [`check_schema`].
    pub(super) fn new(rows: Rows, compression: Compression, marks: Option<Marks>) -> Result<Self> {
        check_schema(&rows.schema)?;
        let encoder = BatchEncoder::new(rows.schema.clone(), compression)?;
        let header = Some(encoder.schema());
        Ok(Self { header, encoding: Encoding::new(encoder), rows: Some(rows), ahead: None, marks })
    }

    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        loop {
            let Some(rows) = &mut self.rows else { return Poll::Ready(None) };
            let next = ready!(rows.batches.as_mut().poll_next(cx));
            match &next {
                // A batch without rows says nothing.
                Some(Ok(batch)) if batch.num_rows() == 0 => continue,
                Some(Ok(_)) => {}
                _ => self.rows = None,
            }
            return Poll::Ready(next);
        }
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<RowMessage>>> {
        if self.encoding.is_idle() {
            let next = match self.ahead.take() {
                Some(next) => Some(next),
                None => ready!(self.poll_batch(cx)),
            };
            match next {
                Some(Ok(batch)) => self.encoding.put(batch),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        self.encoding.poll_message(cx).map(Some)
    }

    /// The message with its mark, if it is to be sent.
    fn marked(&mut self, mut message: RowMessage) -> Result<Option<RowMessage>> {
        let Some(marks) = &mut self.marks else { return Ok(Some(message)) };
        Ok(marks.next(message.body.segments())?.map(|mark| {
            message.metadata = mark.text().into();
            message
        }))
    }

    /// Lets the next batch be computed while the message at hand is sent.
    fn look_ahead(&mut self, cx: &mut Context<'_>) {
        if self.ahead.is_some() || !self.encoding.is_idle() {
            return;
        }
        let Poll::Ready(next) = self.poll_batch(cx) else { return };
        match next {
            Some(Ok(batch)) if self.encoding.goes_ahead() => self.encoding.put(batch),
            next => self.ahead = next,
        }
    }
}

impl Stream for ResultMessages {
    type Item = Result<RowMessage, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(header) = self.header.take() {
            self.look_ahead(cx);
            return Poll::Ready(Some(Ok(header)));
        }
        loop {
            let message = match ready!(self.poll_message(cx)) {
                None => match self.marks.as_mut().map_or(Ok(()), Marks::end) {
                    Ok(()) => return Poll::Ready(None),
                    Err(error) => Err(error),
                },
                Some(message) => message.and_then(|message| self.marked(message)),
            };
            return Poll::Ready(Some(match message {
                // Its client has it.
                Ok(None) => continue,
                Ok(Some(message)) => {
                    self.look_ahead(cx);
                    Ok(message)
                }
                Err(error) => {
                    self.rows = None;
                    Err(status(&error))
                }
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use arrow::array::{Array, ArrayRef, DictionaryArray, Int64Array, StringArray, StructArray};
    use arrow::datatypes::Int32Type;
    use arrow_flight::decode::FlightRecordBatchStream;
    use arrow_flight::error::FlightError;
    use futures::{FutureExt, StreamExt, TryStreamExt};
    use tokio::runtime::Builder;
    use tokio::task::spawn_blocking;
    use tonic::Code;

    fn batch(from: i64, rows: i64) -> RecordBatch {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + rows));
        let texts: ArrayRef =
            Arc::new(StringArray::from_iter((from..from + rows).map(|n| (n % 3 != 0).then(|| format!("text {n}")))));
        RecordBatch::try_from_iter_with_nullable([("n", numbers, false), ("t", texts, true)]).unwrap()
    }

    fn messages(rows: Rows) -> Result<ResultMessages> {
        ResultMessages::new(rows, Compression::None, None)
    }

    fn rows(batches: Vec<Result<RecordBatch>>) -> Rows {
        Rows { schema: batch(0, 0).schema(), batches: Box::pin(futures::stream::iter(batches)) }
    }

    #[tokio::test]
    async fn a_client_reads_back_the_same_rows_and_schema() {
        let whole = batch(0, 50);
        let sent = [batch(0, 10), batch(10, 0), batch(10, 5), whole.slice(15, 35)];
        for compression in [Compression::None, Compression::Lz4, Compression::Zstd] {
            let messages =
                ResultMessages::new(rows(sent.iter().cloned().map(Ok).collect()), compression, None).unwrap();
            let mut stream = FlightRecordBatchStream::new_from_flight_data(
                messages.map_ok(RowMessage::into_flight_data).map_err(FlightError::from),
            );
            let mut received = Vec::new();
            while let Some(batch) = stream.try_next().await.unwrap() {
                received.push(batch);
            }
            assert_eq!(stream.schema().unwrap(), &whole.schema());
            assert_eq!(received.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [10, 5, 35]);
            assert_eq!(arrow::compute::concat_batches(&whole.schema(), &received).unwrap(), whole);
        }
    }

    #[tokio::test]
    async fn compressed_rows_are_fewer_bytes_and_the_same_bytes_each_time() {
        let sizes = [Compression::None, Compression::Lz4, Compression::Zstd].map(async |compression| {
            let bodies = async || -> Vec<Bytes> {
                let messages = ResultMessages::new(rows(vec![Ok(batch(0, 20_000))]), compression, None).unwrap();
                messages.map_ok(|message| message.body.into_bytes()).try_collect().await.unwrap()
            };
            let bodies = [bodies().await, bodies().await];
            assert_eq!(bodies[0], bodies[1]);
            bodies[0].iter().map(Bytes::len).sum::<usize>()
        });
        let [none, lz4, zstd] = futures::future::join_all(sizes).await.try_into().unwrap();
        assert!(lz4 < none * 2 / 3 && zstd < lz4, "{none}, {lz4}, {zstd} bytes");
    }

    #[tokio::test]
    async fn an_empty_result_is_its_schema_alone() {
        let messages: Vec<_> = messages(rows(vec![])).unwrap().collect().await;
        assert_eq!(messages.len(), 1);
        assert!(!messages[0].as_ref().unwrap().header.is_empty());
    }

    #[tokio::test]
    async fn an_error_in_mid_stream_ends_it_with_a_typed_status() {
        let error =
            Error::new(ErrorCode::StatementFailed, "division by zero").with_sqlstate(crate::error::SqlState("22012"));
        let messages = messages(rows(vec![Ok(batch(0, 3)), Err(error), Ok(batch(3, 3))])).unwrap();
        let mut messages: Vec<_> = messages.collect().await;
        assert_eq!(messages.len(), 3);
        let status = messages.pop().unwrap().unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "[22012] division by zero");
    }

    #[tokio::test]
    async fn a_dictionary_is_refused() {
        let column: DictionaryArray<Int32Type> = vec!["a", "b"].into_iter().collect();
        let inside = Field::new("inside", column.data_type().clone(), true);
        let column = StructArray::from(vec![(Arc::new(inside), Arc::new(column) as ArrayRef)]);
        let batch = RecordBatch::try_from_iter([("d", Arc::new(column) as ArrayRef)]).unwrap();
        let rows = Rows { schema: batch.schema(), batches: Box::pin(futures::stream::iter([Ok(batch)])) };
        assert_eq!(messages(rows).err().unwrap().code, ErrorCode::TypeUnsupported);
    }

    #[tokio::test]
    async fn a_batch_of_another_schema_is_refused() {
        let odd = RecordBatch::try_from_iter([("n", Arc::new(StringArray::from(vec!["x"])) as ArrayRef)]).unwrap();
        let last = messages(rows(vec![Ok(odd)])).unwrap().collect::<Vec<_>>().await.pop().unwrap();
        assert_eq!(last.unwrap_err().code(), Code::Internal);
    }

    #[tokio::test]
    async fn one_batch_is_computed_ahead_and_dropping_stops_the_rest() {
        for compression in [Compression::None, Compression::Lz4, Compression::Zstd] {
            let computed = Arc::new(AtomicUsize::new(0));
            let count = computed.clone();
            let batches = futures::stream::iter(0..100).map(move |n| {
                count.fetch_add(1, Ordering::Relaxed);
                Ok(batch(n, 1))
            });
            let rows = Rows { schema: batch(0, 0).schema(), batches: Box::pin(batches) };
            let mut messages = ResultMessages::new(rows, compression, None).unwrap();
            for sent in 1..5 {
                messages.next().await.unwrap().unwrap();
                assert_eq!(computed.load(Ordering::Relaxed), sent);
            }
            drop(messages);
            assert_eq!(computed.load(Ordering::Relaxed), 4);
            assert_eq!(Arc::strong_count(&computed), 1, "the rows were dropped with the stream");
        }
    }

    #[test]
    fn a_thread_of_the_network_compresses_nothing() {
        for compression in [Compression::None, Compression::Lz4, Compression::Zstd] {
            let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
            runtime.block_on(async {
                let mut messages = ResultMessages::new(rows(vec![Ok(batch(0, 9))]), compression, None).unwrap();
                // The only thread for what takes long has something to do until it is told to end.
                let (end, ended) = std::sync::mpsc::channel::<()>();
                let busy = spawn_blocking(move || ended.recv());
                messages.next().await.unwrap().unwrap();
                let at_once = messages.next().now_or_never();
                assert_eq!(at_once.is_some(), compression == Compression::None, "{compression:?}");
                drop(end);
                busy.await.unwrap().unwrap_err();
                if at_once.is_none() {
                    messages.next().await.unwrap().unwrap();
                }
                assert!(messages.next().await.is_none());
            });
        }
    }
}
