//! Where batches are cut: a function of the rows alone, however DataFusion batches them.

use std::sync::Arc;

use arrow::array::{Array, ArrayData, MutableArrayData, RecordBatch, RecordBatchOptions, make_array};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, SchemaRef};

use super::sizes;
use crate::engine::Cut;
use crate::error::{Error, Result};

/// Gathers rows into batches.
pub(super) struct Cutter {
    schema: SchemaRef,
    cut: Cut,
    width: usize,
    gathered: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl Cutter {
    pub(super) fn new(schema: SchemaRef, cut: Cut) -> Self {
        let width = sizes::width(&schema);
        Self { schema, cut, width, gathered: Vec::new(), rows: 0, bytes: 0 }
    }

    /// Takes all rows of `batch`, and gives the batches that are full.
    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<Vec<RecordBatch>> {
        let mut full = Vec::new();
        let mut start = 0;
        for (row, length) in sizes::lengths(batch).into_iter().enumerate() {
            let bytes = self.width + length;
            // A row that is larger than a whole batch gets one of its own.
            let is_full = self.rows > 0 && (self.rows >= self.cut.rows || self.bytes + bytes > self.cut.bytes);
            if is_full {
                self.gathered.push(batch.slice(start, row - start));
                start = row;
                full.extend(self.finish()?);
            }
            self.rows += 1;
            self.bytes += bytes;
        }
        if start < batch.num_rows() {
            self.gathered.push(batch.slice(start, batch.num_rows() - start));
        }
        Ok(full)
    }

    /// The rows gathered so far, or `None` when there are none.
    pub(super) fn finish(&mut self) -> Result<Option<RecordBatch>> {
        let gathered = std::mem::take(&mut self.gathered);
        (self.rows, self.bytes) = (0, 0);
        let mut gathered = gathered.into_iter().filter(|batch| batch.num_rows() > 0);
        let Some(first) = gathered.next() else { return Ok(None) };
        let rest: Vec<_> = gathered.collect();
        if rest.is_empty() {
            return by_itself(&first).map(Some);
        }
        concat_batches(&self.schema, std::iter::once(&first).chain(&rest)).map(Some).map_err(Error::internal)
    }
}

/// The same batch, as if it had been made of its rows alone. Behind the last of its bits there may be those of other rows, or what a
/// kernel left there; they are sent with the byte that they are in, and the digest of the same rows would not be the same.
fn by_itself(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(|column| {
        let data = column.to_data();
        if !has_bits(&data) {
            return Arc::clone(column);
        }
        let mut own = MutableArrayData::new(vec![&data], false, data.len());
        own.extend(0, 0, data.len());
        make_array(own.freeze())
    });
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns.collect(), &options).map_err(Error::internal)
}

/// Whether anything of an array is written down in bits.
fn has_bits(data: &ArrayData) -> bool {
    data.nulls().is_some() || *data.data_type() == DataType::Boolean || data.child_data().iter().any(has_bits)
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, BooleanArray, ListArray, StringArray};
    use arrow::datatypes::Int32Type;
    use arrow::ipc::writer::StreamWriter;
    use proptest::prelude::*;

    use super::*;

    fn batch(texts: &[String]) -> RecordBatch {
        let column: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
        RecordBatch::try_from_iter([("t", column)]).unwrap()
    }

    fn cut(pieces: &[&[String]], cut: Cut) -> Vec<usize> {
        let mut cutter = Cutter::new(batch(&[]).schema(), cut);
        let mut out: Vec<_> = pieces.iter().flat_map(|piece| cutter.push(&batch(piece)).unwrap()).collect();
        out.extend(cutter.finish().unwrap());
        out.iter().map(RecordBatch::num_rows).collect()
    }

    proptest! {
        #[test]
        fn the_same_rows_are_cut_alike_however_they_come(
            lengths in prop::collection::vec(0..60_usize, 1..80), at in any::<prop::sample::Index>(),
            rows in 1..20_usize, bytes in 1..200_usize,
        ) {
            let texts: Vec<_> = lengths.iter().map(|length| "x".repeat(*length)).collect();
            let limits = Cut { rows, bytes };
            let (left, right) = texts.split_at(at.index(texts.len()));
            let whole = cut(&[&texts], limits);
            prop_assert_eq!(&whole, &cut(&[left, right], limits));
            let mut start = 0;
            for count in whole {
                let size: usize = texts[start..start + count].iter().map(|text| text.len() + 4).sum();
                prop_assert!(count <= rows && (size <= bytes || count == 1));
                start += count;
            }
            prop_assert_eq!(start, texts.len());
        }

        #[test]
        fn the_same_rows_are_the_same_bytes_however_they_come(
            rows in prop::collection::vec(prop::option::of(prop::option::of(any::<bool>())), 1..80),
            at in any::<prop::sample::Index>(), most in 1..40_usize,
        ) {
            let bits: ArrayRef = Arc::new(rows.iter().map(|row| row.flatten()).collect::<BooleanArray>());
            let texts: ArrayRef = Arc::new(rows.iter().map(|row| row.map(|_| "text")).collect::<StringArray>());
            let items = rows.iter().map(|row| row.map(|bit| [bit.map(i32::from), None]));
            let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(items));
            let all = RecordBatch::try_from_iter([("b", bits), ("t", texts), ("l", lists)]).unwrap();
            let at = at.index(rows.len());
            let written = |pieces: &[RecordBatch]| {
                let mut cutter = Cutter::new(all.schema(), Cut { rows: most, bytes: 1 << 20 });
                let mut out: Vec<_> = pieces.iter().flat_map(|piece| cutter.push(piece).unwrap()).collect();
                out.extend(cutter.finish().unwrap());
                let mut writer = StreamWriter::try_new(Vec::new(), &all.schema()).unwrap();
                out.iter().for_each(|batch| writer.write(batch).unwrap());
                writer.into_inner().unwrap()
            };
            let apart = [all.slice(0, at), all.slice(at, rows.len() - at)];
            prop_assert!(written(std::slice::from_ref(&all)) == written(&apart));
        }
    }
}
