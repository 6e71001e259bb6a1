//! Work that takes long, or waits for the disk, on a thread that may: few threads serve the network.

use crate::error::{Error, Result};

/// Does it on a thread of its own.
///
/// # Errors
/// Those of the work; `INTERNAL` when it panics.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::internal(format_args!("a thread that worked for a call ended: {error}"))))
}
