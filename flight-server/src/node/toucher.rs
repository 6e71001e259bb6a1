//! Tells the store which sessions were used, in batches, so that no statement waits for it.

use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use super::failure;
use crate::error::Result;

/// The longest time between batches.
const LONGEST: Duration = Duration::from_secs(10);

/// Writes batches for as long as it is polled.
pub(super) async fn run(core: Arc<Core>) {
    // Well within the idle time: a session that is used must not expire in the store for want of a word.
    let pause = (core.options.idle_timeout / 8).clamp(Duration::from_millis(20), LONGEST);
    loop {
        tokio::time::sleep(pause).await;
        if let Err(error) = touch(&core).await {
            // The heartbeat says so when the store is down, and the batch is written with the next one.
            tracing::debug!(%error, "uses of sessions could not be written");
        }
    }
}

/// Writes one batch.
pub(super) async fn touch(core: &Core) -> Result<()> {
    let mut used = core.live.all();
    used.retain(|session| session.ended().is_none() && session.usage.take_unwritten());
    if used.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = used.iter().map(|session| session.id().clone()).collect();
    core.store.touch(&ids, core.live.incarnation()).await.map_err(|error| {
        used.iter().for_each(|session| session.usage.not_written());
        failure::of_store(&error)
    })
}
