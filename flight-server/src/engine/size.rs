//! How much memory rows take.

use arrow::array::{Array, ArrayRef, RecordBatch};

/// The bytes of a batch's own rows. Its arrays may be parts of larger ones, or share the buffer of a message, and each would count all
/// of that.
pub fn bytes_of_rows(batch: &RecordBatch) -> usize {
    let of = |column: &ArrayRef| {
        column.to_data().get_slice_memory_size().unwrap_or_else(|_unknown| column.get_array_memory_size())
    };
    batch.columns().iter().map(of).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int32Array, StringArray};

    use super::*;

    #[test]
    fn a_part_takes_its_part() {
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..1000).map(|n| format!("{n:04}"))));
        let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..1000));
        let batch = RecordBatch::try_from_iter([("t", texts), ("n", numbers)]).unwrap();
        // An offset, four letters and a number each.
        assert_eq!(bytes_of_rows(&batch), 1000 * 12);
        assert_eq!(bytes_of_rows(&batch.slice(500, 10)), 10 * 12);
    }
}
