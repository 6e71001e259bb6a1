//! What clients send compressed, looked at before it is decompressed: the reader takes their word for how large it becomes,
//! and reserves that much memory at once.

use std::io::{self, Read};

use arrow::ipc::{self, CompressionType};
use lz4_flex::frame::FrameDecoder;

use super::command::malformed;
use crate::error::{Error, ErrorCode, Result};

/// How many bytes stand before each compressed buffer, and tell its length without compression.
const PREFIX: usize = 8;

/// In the place of that length: the buffer is not compressed.
const NOT_COMPRESSED: i64 = -1;

/// Whether a message has rows that are compressed.
pub(super) fn is_compressed(header: &[u8]) -> bool {
    let Ok(message) = ipc::root_as_message(header) else { return false };
    let of_dictionary = || message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data());
    message.header_as_record_batch().or_else(of_dictionary).is_some_and(|batch| batch.compression().is_some())
}

/// How many bytes the buffers of a batch take once they are decompressed; those of a batch that is not compressed count for
/// nothing, as they stay where they are. All buffers must lie in the body.
///
/// # Errors
/// `REQUEST_MALFORMED` when a buffer is not what it says of itself, `RESULT_TOO_LARGE` when they take more than `limit` bytes.
pub(super) fn decompressed_size(batch: ipc::RecordBatch<'_>, body: &[u8], limit: usize) -> Result<usize> {
    let Some(compression) = batch.compression() else { return Ok(0) };
    let mut total = 0_usize;
    for buffer in batch.buffers().into_iter().flatten() {
        let from = usize::try_from(buffer.offset()).unwrap_or(usize::MAX);
        let length = usize::try_from(buffer.length()).unwrap_or(usize::MAX);
        let bytes = body.get(from..from.saturating_add(length)).unwrap_or_default();
        // A buffer without bytes has no length before it either.
        if bytes.is_empty() {
            continue;
        }
        let (size, compressed) = bytes.split_first_chunk::<PREFIX>().ok_or_else(|| broken("is cut off"))?;
        let size = i64::from_le_bytes(*size);
        if size == NOT_COMPRESSED {
            continue;
        }
        let size = usize::try_from(size).map_err(|_| broken("has a length below zero"))?;
        total = total.saturating_add(size);
        if total > limit {
            return Err(Error::new(
                ErrorCode::ResultTooLarge,
                format!("a compressed message of the upload takes more than {} MiB: send smaller batches", limit >> 20),
            ));
        }
        // The reader of zstd stops at the length that was told; that of LZ4 does not.
        if compression.codec() == CompressionType::LZ4_FRAME && size > 0 {
            check_lz4(compressed, size)?;
        }
    }
    Ok(total)
}

/// Whether LZ4 frames become exactly as many bytes as they say. At most one byte more is ever decompressed.
fn check_lz4(compressed: &[u8], size: usize) -> Result<()> {
    let most = u64::try_from(size).unwrap_or(u64::MAX).saturating_add(1);
    let read = io::copy(&mut FrameDecoder::new(compressed).take(most), &mut io::sink());
    match read {
        Ok(read) if usize::try_from(read) == Ok(size) => Ok(()),
        Ok(_) => Err(broken("has another length than it says")),
        Err(_) => Err(broken("is no LZ4 frame")),
    }
}

fn broken(what: &str) -> Error {
    malformed(format!("a compressed buffer of the upload {what}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use arrow::ipc::root_as_message;
    use arrow::ipc::writer::{CompressionContext, DictionaryTracker, EncodedData, IpcDataGenerator, IpcWriteOptions};

    use super::*;

    const ROWS: usize = 10_000;
    const SIZE: usize = ROWS * size_of::<i64>();
    const LIMIT: usize = 1 << 20;

    fn encoded(codec: Option<CompressionType>) -> EncodedData {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![7; ROWS]));
        let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
        let options = IpcWriteOptions::default().try_with_compression(codec).unwrap();
        let (mut tracker, mut context) = (DictionaryTracker::new(false), CompressionContext::default());
        IpcDataGenerator::default().encode(&batch, &mut tracker, &options, &mut context).unwrap().1
    }

    fn size(data: &EncodedData, limit: usize) -> Result<usize> {
        let message = root_as_message(&data.ipc_message).unwrap();
        decompressed_size(message.header_as_record_batch().unwrap(), &data.arrow_data, limit)
    }

    /// The same batch whose first compressed buffer says that it has another length.
    fn saying(codec: CompressionType, length: i64) -> EncodedData {
        let mut data = encoded(Some(codec));
        let told = (SIZE as i64).to_le_bytes();
        let at = data.arrow_data.windows(told.len()).position(|bytes| *bytes == told).unwrap();
        data.arrow_data[at..at + told.len()].copy_from_slice(&length.to_le_bytes());
        data
    }

    #[test]
    fn what_is_compressed_has_the_size_it_tells_and_what_is_not_has_none() {
        assert_eq!(size(&encoded(None), LIMIT).unwrap(), 0);
        for codec in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
            assert_eq!(size(&encoded(Some(codec)), LIMIT).unwrap(), SIZE);
        }
    }

    #[test]
    fn a_buffer_that_says_it_is_too_large_is_refused_before_memory_is_reserved() {
        for codec in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
            for length in [LIMIT as i64 + 1, 1 << 46, i64::MAX] {
                assert_eq!(size(&saying(codec, length), LIMIT).unwrap_err().code, ErrorCode::ResultTooLarge);
            }
            for length in [-2, i64::MIN] {
                assert_eq!(size(&saying(codec, length), LIMIT).unwrap_err().code, ErrorCode::RequestMalformed);
            }
            assert!(size(&encoded(Some(codec)), SIZE - 1).is_err(), "all buffers count together");
        }
    }

    #[test]
    fn lz4_that_becomes_more_or_less_than_it_says_is_refused() {
        for length in [1, SIZE as i64 - 1, SIZE as i64 + 1] {
            assert!(size(&saying(CompressionType::LZ4_FRAME, length), LIMIT).is_err());
        }
    }
}
