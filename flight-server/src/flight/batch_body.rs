//! The body of a batch's message as IPC has it, made of the batch's own buffers.
//!
//! It is, byte by byte, what arrow-rs writes, so that what was written by the one goes on with the other: the digest by which a
//! client resumes is that of the body.

use arrow::array::{Array, ArrayData, RecordBatch};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, UnionMode};
use arrow::ipc::{Buffer as Place, FieldNode, MessageBuilder, MessageHeader, MetadataVersion, RecordBatchBuilder};
use bytes::{Bytes, BytesMut};
use flatbuffers::FlatBufferBuilder;

/// Where buffers begin: at multiples of this many bytes.
const ALIGNMENT: usize = 64;

/// Buffers up to this size are copied together: each that is handed on by itself is a frame, and a write, of its own. With 4 KiB
/// batches of 100 columns took a tenth longer to be read.
const SMALL: usize = 32 << 10;

/// Bytes in pieces that follow each other.
#[derive(Debug, Clone, Default)]
pub(super) struct Body {
    segments: Vec<Bytes>,
    length: usize,
}

impl Body {
    /// How many bytes it has.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn segments(&self) -> &[Bytes] {
        &self.segments
    }

    pub(super) fn into_segments(self) -> Vec<Bytes> {
        self.segments
    }

    /// All of them in one piece.
    pub(super) fn into_bytes(mut self) -> Bytes {
        match self.segments.len() {
            0 => Bytes::new(),
            1 => self.segments.remove(0),
            _ => self.segments.concat().into(),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        let length = bytes.len();
        Self { segments: vec![bytes], length }
    }
}

/// A buffer of an array, kept as long as the network needs it.
struct Lent(Buffer);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The header and the body of a batch's message; nothing for a batch that has to be written by the library: one of slices, whose
/// buffers hold more than its rows, or of a type that is never sent.
pub(super) fn body_of(batch: &RecordBatch) -> Option<(Bytes, Body)> {
    let mut writing = Writing::default();
    for column in batch.columns() {
        writing.array(&column.to_data(), batch.num_rows())?;
    }
    Some(writing.finish(batch.num_rows()))
}

#[derive(Default)]
struct Writing {
    nodes: Vec<FieldNode>,
    places: Vec<Place>,
    segments: Vec<Bytes>,
    /// What is copied together, at the end of the segments.
    small: BytesMut,
    length: usize,
}

impl Writing {
    /// An array of which all `rows` are there, and no others.
    fn array(&mut self, array: &ArrayData, rows: usize) -> Option<()> {
        let data_type = array.data_type();
        if array.offset() != 0 || array.len() != rows {
            return None;
        }
        let nulls = if *data_type == DataType::Null { rows } else { array.null_count() };
        self.nodes.push(FieldNode::new(i64::try_from(rows).ok()?, i64::try_from(nulls).ok()?));
        match data_type {
            DataType::Null => return Some(()),
            DataType::Union(_, UnionMode::Sparse) => {
                self.buffer(array.buffers().first()?, rows)?;
                return array.child_data().iter().try_for_each(|child| self.array(child, rows));
            }
            _ => {}
        }
        match array.nulls().filter(|_| nulls > 0) {
            // Bits that do not begin with a byte have to be shifted.
            Some(bits) if bits.offset() % 8 != 0 => return None,
            Some(bits) => self.buffer(&bits.buffer().slice(bits.offset() / 8), rows.div_ceil(8))?,
            None => self.nothing(),
        }
        match data_type {
            DataType::Boolean => self.buffer(array.buffers().first()?, rows.div_ceil(8)),
            DataType::Utf8 | DataType::Binary => {
                let offsets = array.buffers().first()?;
                let end = self.offsets(offsets, rows)?;
                self.buffer(array.buffers().get(1)?, end)
            }
            DataType::List(_) | DataType::Map(..) => {
                let end = self.offsets(array.buffers().first()?, rows)?;
                self.array(array.child_data().first()?, end)
            }
            DataType::FixedSizeList(_, size) => {
                self.array(array.child_data().first()?, rows * usize::try_from(*size).ok()?)
            }
            DataType::Struct(_) => array.child_data().iter().try_for_each(|child| self.array(child, rows)),
            DataType::FixedSizeBinary(size) => {
                self.buffer(array.buffers().first()?, rows * usize::try_from(*size).ok()?)
            }
            fixed => self.buffer(array.buffers().first()?, rows * fixed.primitive_width()?),
        }
    }

    /// The offsets of lists or texts, which begin with 0; the last of them.
    fn offsets(&mut self, offsets: &Buffer, rows: usize) -> Option<usize> {
        // Without rows there may be none at all, where a reader wants one.
        if rows == 0 {
            self.buffer(&Buffer::from_vec(vec![0_i32]), size_of::<i32>())?;
            return Some(0);
        }
        let all = offsets.typed_data::<i32>().get(..=rows)?;
        if all.first() != Some(&0) {
            return None;
        }
        self.buffer(offsets, (rows + 1) * size_of::<i32>())?;
        usize::try_from(*all.last()?).ok()
    }

    /// A buffer without bytes.
    fn nothing(&mut self) {
        self.places.push(Place::new(self.length as i64, 0));
    }

    /// The first `length` bytes of a buffer, and what brings the next to where it may begin.
    fn buffer(&mut self, buffer: &Buffer, length: usize) -> Option<()> {
        let bytes = buffer.get(..length)?;
        self.places.push(Place::new(i64::try_from(self.length).ok()?, i64::try_from(length).ok()?));
        if length <= SMALL {
            self.small.extend_from_slice(bytes);
        } else {
            self.flush();
            self.segments.push(Bytes::from_owner(Lent(buffer.slice_with_length(0, length))));
        }
        let padding = length.next_multiple_of(ALIGNMENT) - length;
        self.small.extend_from_slice(&[0; ALIGNMENT][..padding]);
        self.length += length + padding;
        Some(())
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            self.segments.push(self.small.split().freeze());
        }
    }

    fn finish(mut self, rows: usize) -> (Bytes, Body) {
        self.flush();
        let mut builder = FlatBufferBuilder::new();
        let places = builder.create_vector(&self.places);
        let nodes = builder.create_vector(&self.nodes);
        let batch = {
            let mut batch = RecordBatchBuilder::new(&mut builder);
            batch.add_length(rows as i64);
            batch.add_nodes(nodes);
            batch.add_buffers(places);
            batch.finish().as_union_value()
        };
        let mut message = MessageBuilder::new(&mut builder);
        message.add_version(MetadataVersion::V5);
        message.add_header_type(MessageHeader::RecordBatch);
        message.add_bodyLength(self.length as i64);
        message.add_header(batch);
        let message = message.finish();
        builder.finish(message, None);
        let header = Bytes::copy_from_slice(builder.finished_data());
        (header, Body { segments: self.segments, length: self.length })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int32Array, StringArray};
    use arrow::ipc::writer::{CompressionContext, DictionaryTracker, IpcDataGenerator, IpcWriteOptions};
    use proptest::prelude::*;

    use super::*;

    /// What the library writes of a batch.
    fn theirs(batch: &RecordBatch) -> (Vec<u8>, Vec<u8>) {
        let (_, message) = IpcDataGenerator::default()
            .encode(
                batch,
                &mut DictionaryTracker::new(false),
                &IpcWriteOptions::default(),
                &mut CompressionContext::default(),
            )
            .unwrap();
        (message.ipc_message, message.arrow_data)
    }

    fn assert_same(batch: &RecordBatch) -> bool {
        let Some((header, body)) = body_of(batch) else { return false };
        let (their_header, their_body) = theirs(batch);
        assert!(header == their_header, "the header of {:?}", batch.schema());
        assert_eq!(body.len(), their_body.len());
        assert!(body.into_bytes() == their_body, "the body of {:?}", batch.schema());
        true
    }

    #[test]
    fn large_buffers_are_not_copied() {
        let numbers = Int32Array::from_iter_values(0..10_000);
        let at = numbers.values().inner().as_ptr();
        let batch = RecordBatch::try_from_iter([("n", Arc::new(numbers) as ArrayRef)]).unwrap();
        let (_, body) = body_of(&batch).unwrap();
        assert!(body.segments().iter().any(|segment| segment.as_ptr() == at));
        assert!(assert_same(&batch));
    }

    #[test]
    fn slices_are_left_to_the_library() {
        let texts = StringArray::from(vec!["a", "bc", "def"]);
        let batch = RecordBatch::try_from_iter([("t", Arc::new(texts) as ArrayRef)]).unwrap();
        assert!(assert_same(&batch));
        assert!(body_of(&batch.slice(1, 2)).is_none());
        assert!(assert_same(&batch.slice(0, 2)), "its beginning is as good as a whole");
        assert!(assert_same(&batch.slice(0, 0)));
    }

    #[test]
    fn a_batch_without_columns_has_rows_and_no_body() {
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(3));
        let schema = Arc::new(arrow::datatypes::Schema::empty());
        assert!(assert_same(&RecordBatch::try_new_with_options(schema, vec![], &options).unwrap()));
    }

    proptest! {
        #[test]
        fn every_type_is_written_as_the_library_writes_it(batch in super::super::tests::batches::any_batch()) {
            prop_assert!(assert_same(&batch), "{:?} was left to the library", batch.schema());
        }

        #[test]
        fn no_slice_is_written_wrong(
            batch in super::super::tests::batches::any_batch(),
            from in 0_usize..50,
            rows in 0_usize..50,
        ) {
            let from = from.min(batch.num_rows());
            let rows = rows.min(batch.num_rows() - from);
            assert_same(&batch.slice(from, rows));
        }
    }
}
