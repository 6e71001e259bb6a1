//! Ends what has expired, in the store and on this node.

use std::sync::Arc;
use std::time::Duration;

use session::{NodeRole, SessionId, SessionState};
use tokio::time::Instant;

use super::core::Core;
use super::failure;
use super::session::Ended;
use crate::error::{Error, Result};

/// How long the row of an ended session stays, so that late calls can be told what became of it.
const KEEP_ENDED: Duration = Duration::from_secs(24 * 60 * 60);

/// How often it looks through the spool. The rows of ended sessions stay for longer than that.
const TIDY_EVERY: Duration = Duration::from_secs(60 * 60);

/// The shortest and the longest time between rounds.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);

/// Makes rounds for as long as it is polled.
pub(super) async fn run(core: Arc<Core>) {
    let pause = (core.options.idle_timeout.min(core.options.max_age) / 4).clamp(SHORTEST, LONGEST);
    let mut tidied = None;
    loop {
        // Before the rows are gone of sessions that ended while no node was there.
        if tidied.is_none_or(|at: Instant| at.elapsed() >= TIDY_EVERY) {
            if let Err(error) = tidy_spool(&core).await {
                tracing::debug!(%error, "the spool could not be looked through");
            }
            tidied = Some(Instant::now());
        }
        tokio::time::sleep(pause).await;
        if let Err(error) = round(&core).await {
            // The heartbeat says so when the store is down, and the next round does what this one could not.
            tracing::debug!(%error, "the janitor's round could not be finished");
        }
        // Here and not where each session ends: with many that end at once, it would take long each time.
        core.release_memory().await;
    }
}

/// Removes what is in the spool of sessions that have ended: their node may not have lived to do it, or not have reached the spool.
pub(super) async fn tidy_spool(core: &Core) -> Result<()> {
    let Some(spool) = core.options.spool.clone() else { return Ok(()) };
    let names = tokio::task::spawn_blocking(move || spool.sessions()).await.map_err(Error::internal)??;
    for id in names.iter().filter_map(|name| name.parse::<SessionId>().ok()) {
        if core.live.get(&id).is_some() {
            continue;
        }
        let record = core.store.session(&id).await.map_err(|error| failure::of_store(&error))?;
        // One of which the store knows nothing may be that of another cluster.
        if record.is_some_and(|record| matches!(record.state, SessionState::Closed | SessionState::Expired)) {
            core.forget_spooled(&id).await;
        }
    }
    Ok(())
}

/// One round.
pub(super) async fn round(core: &Core) -> Result<()> {
    // By this node's clock first: it must free the memory of idle sessions even while the store is down.
    for session in core.live.all() {
        // What is wrong with a session is told to its callers; here it is only made to end.
        let _ = session.check();
    }

    // What is left of a session in the spool is removed by whoever sweeps it, and a front has no spool.
    if core.options.role == NodeRole::Front {
        return Ok(());
    }
    let swept = core.store.sweep(KEEP_ENDED).await.map_err(|error| failure::of_store(&error))?;
    let me = core.live.incarnation();
    for expired in swept.expired.iter().filter(|expired| expired.owner == Some(me)) {
        if let Some(session) = core.live.get(&expired.id) {
            session.end(Ended::Expired);
        }
    }

    // A session of nobody's, or of a node that is gone, has nobody else to tidy up after it.
    for expired in swept.expired.iter().filter(|expired| expired.owner != Some(me)) {
        core.forget_spooled(&expired.id).await;
    }

    // Tombstones whose rows say it themselves by now, whichever node's sweep has marked them.
    for session in core.live.all() {
        if session.ended() != Some(Ended::Expired) {
            continue;
        }
        let record = core.store.session(session.id()).await.map_err(|error| failure::of_store(&error))?;
        let told = record.is_none_or(|record| matches!(record.state, SessionState::Closed | SessionState::Expired));
        if told {
            core.live.remove(&session.fence);
        }
    }
    Ok(())
}
