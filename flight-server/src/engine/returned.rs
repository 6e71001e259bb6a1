//! The rows that a write answered with, as its receipt keeps them: whoever sends the write again gets them again.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::size::bytes_of_rows;
use crate::error::{Error, Result};

/// The most bytes of rows, as an Arrow IPC stream, that are kept with a receipt: a thousand rows of a few short columns.
const MOST_BYTES: usize = 64 << 10;

/// The rows that a write answered with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Returned {
    /// None of its own.
    #[default]
    Nothing,
    /// Some, which are not kept: there were too many.
    Unkept,
    /// These: an Arrow IPC stream, in base64.
    Kept(Arc<str>),
}

impl Returned {
    /// These rows, unless they are too many to be kept.
    pub fn rows(schema: &SchemaRef, batches: &[RecordBatch]) -> Self {
        // What is far too much is not written only to be thrown away.
        let bytes: usize = batches.iter().map(bytes_of_rows).sum();
        if bytes > 16 * MOST_BYTES {
            return Self::Unkept;
        }
        match written(schema, batches) {
            Ok(stream) if stream.len() <= MOST_BYTES => Self::Kept(BASE64_STANDARD.encode(stream).into()),
            Ok(_) => Self::Unkept,
            Err(error) => {
                tracing::warn!(%error, "the rows that a write returned can't be kept with its receipt");
                Self::Unkept
            }
        }
    }

    /// What stands in a receipt: whether there were rows, and those that were kept.
    pub fn read(returned: bool, kept: Option<&str>) -> Self {
        match kept {
            _ if !returned => Self::Nothing,
            None => Self::Unkept,
            Some(kept) => Self::Kept(kept.into()),
        }
    }

    /// Whether there were rows.
    pub fn is_any(&self) -> bool {
        *self != Self::Nothing
    }

    /// Those that are kept, as they stand in a receipt.
    pub fn kept(&self) -> Option<&str> {
        match self {
            Self::Kept(kept) => Some(kept),
            Self::Nothing | Self::Unkept => None,
        }
    }

    /// Those that are kept.
    ///
    /// # Errors
    /// When the receipt is damaged.
    pub fn batches(&self) -> Result<Option<(SchemaRef, Vec<RecordBatch>)>> {
        let Some(kept) = self.kept() else { return Ok(None) };
        let stream = BASE64_STANDARD.decode(kept).map_err(Error::internal)?;
        let reader = StreamReader::try_new(stream.as_slice(), None).map_err(Error::internal)?;
        let schema = reader.schema();
        let batches = reader.collect::<Result<_, _>>().map_err(Error::internal)?;
        Ok(Some((schema, batches)))
    }
}

fn written(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>, arrow::error::ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), schema)?;
    batches.iter().try_for_each(|batch| writer.write(batch))?;
    writer.into_inner()
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, StringArray};

    use super::*;

    fn texts(length: usize) -> RecordBatch {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("x".repeat(length)), None]));
        RecordBatch::try_from_iter([("text", texts)]).unwrap()
    }

    #[test]
    fn rows_are_read_as_they_were_kept() {
        let (first, second) = (texts(3), texts(1_000));
        let schema = first.schema();
        let returned = Returned::rows(&schema, &[first.clone(), second.clone()]);
        assert_eq!(Returned::read(true, returned.kept()), returned);
        assert_eq!(returned.batches().unwrap(), Some((Arc::clone(&schema), vec![first, second])));
        let none = Returned::rows(&schema, &[]);
        assert!(none.is_any(), "no rows, but columns");
        assert_eq!(none.batches().unwrap(), Some((schema, Vec::new())));
    }

    #[test]
    fn what_is_not_there_is_not_read() {
        for returned in [Returned::Nothing, Returned::Unkept] {
            assert_eq!(Returned::read(returned.is_any(), returned.kept()), returned);
            assert_eq!(returned.batches().unwrap(), None);
        }
        for damaged in ["", "not base64", "AAAA"] {
            assert!(Returned::read(true, Some(damaged)).batches().is_err(), "{damaged}");
        }
    }

    #[test]
    fn too_many_rows_are_not_kept() {
        for length in [MOST_BYTES, 100 * MOST_BYTES] {
            let batch = texts(length);
            assert_eq!(Returned::rows(&batch.schema(), &[batch]), Returned::Unkept);
        }
    }
}
