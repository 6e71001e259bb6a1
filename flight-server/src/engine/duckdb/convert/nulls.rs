//! Which values of a column are NULL.

use std::ops::Range;

use arrow::array::BooleanBufferBuilder;
use arrow::buffer::NullBuffer;

/// Whether the value at `row` is not NULL, by DuckDB's mask.
pub(super) fn is_valid(validity: Option<&[u8]>, row: usize) -> bool {
    validity.is_none_or(|mask| mask[row / 8] & (1 << (row % 8)) != 0)
}

/// Gathers the validity of a column. A column without a NULL has no buffer for it, whatever DuckDB's masks looked like,
/// so that equal rows always give equal bytes.
#[derive(Default)]
pub(super) struct Nulls {
    /// Made at the first mask; until then every value is valid.
    bits: Option<BooleanBufferBuilder>,
    len: usize,
}

impl Nulls {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn append(&mut self, validity: Option<&[u8]>, rows: Range<usize>) {
        let count = rows.len();
        match validity {
            None => {
                if let Some(bits) = &mut self.bits {
                    bits.append_n(count, true);
                }
            }
            Some(mask) => self.bits().append_packed_range(rows, mask),
        }
        self.len += count;
    }

    /// The validity of these rows of an array.
    pub(super) fn append_made(&mut self, nulls: Option<&NullBuffer>, rows: Range<usize>) {
        let count = rows.len();
        match nulls {
            None => {
                if let Some(bits) = &mut self.bits {
                    bits.append_n(count, true);
                }
            }
            Some(nulls) => self.bits().append_buffer(&nulls.inner().slice(rows.start, count)),
        }
        self.len += count;
    }

    /// So many NULLs more.
    pub(super) fn append_nulls(&mut self, count: usize) {
        self.bits().append_n(count, false);
        self.len += count;
    }

    /// Makes the value at `index` of those gathered so far NULL.
    pub(super) fn clear(&mut self, index: usize) {
        self.bits().set_bit(index, false);
    }

    fn bits(&mut self) -> &mut BooleanBufferBuilder {
        let len = self.len;
        self.bits.get_or_insert_with(|| {
            let mut bits = BooleanBufferBuilder::new(len.max(1024));
            bits.append_n(len, true);
            bits
        })
    }

    pub(super) fn finish(&mut self) -> Option<NullBuffer> {
        self.len = 0;
        let nulls = NullBuffer::new(self.bits.take()?.finish());
        (nulls.null_count() > 0).then_some(nulls)
    }
}
