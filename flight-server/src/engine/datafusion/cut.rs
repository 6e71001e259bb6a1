//! Where batches are cut: a function of the rows alone, however DataFusion batches them.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;

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
            return Ok(Some(first));
        }
        concat_batches(&self.schema, std::iter::once(&first).chain(&rest)).map(Some).map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, StringArray};
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
    }
}
