//! Hands sessions back: all of them that nothing runs in, once the node drains.
//!
//! Any other node can take such a session at once, with the state the store has of it. One that is being worked in stays
//! until its statement has ended, or its transaction, or until its client has fetched what waits for it.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;

use super::core::Core;
use super::session::{Ended, Session};

/// How many sessions are handed back at a time.
const AT_ONCE: usize = 16;

/// How long a client is given to do the next step of what it has begun: to go on with a transaction, to fetch a result,
/// to run a statement whose values it has sent. Clients do these at once; one that does not is taken to be away.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked whether a client was away for that long.
const INTERVAL: Duration = Duration::from_millis(200);

/// Hands sessions back, as soon as the node drains, for as long as it is polled.
pub(super) async fn run(core: Arc<Core>) {
    loop {
        if core.is_draining() {
            tokio::select! {
                () = core.drain_wanted() => {}
                () = tokio::time::sleep(INTERVAL) => {}
            }
        } else {
            core.drain_wanted().await;
        }
        if core.is_draining() {
            round(&core).await;
        }
    }
}

/// Hands back what can be.
pub(super) async fn round(core: &Core) {
    let idle = core.live.all().into_iter().filter(|session| session.start_leaving(|| session.is_busy()));
    hand_back(core, idle.collect()).await;
}

/// Hands these sessions back, whatever runs in them.
pub(super) async fn hand_back(core: &Core, sessions: Vec<Arc<Session>>) {
    futures::stream::iter(sessions)
        .for_each_concurrent(AT_ONCE, |session| async move {
            if session.ended().is_none() {
                leave(core, &session).await;
            }
            session.gone();
        })
        .await;
}

async fn leave(core: &Core, session: &Arc<Session>) {
    if let Err(error) = session.carry_transaction().await {
        // Whoever takes the session says that its transaction is lost.
        tracing::warn!(session = %session.id(), %error, "the store could not be told of the session's transaction");
    }
    let Some(engine) = session.end(Ended::Leaving) else { return };
    // Only then: whoever claims it must not find this node still at work in it.
    if let Err(error) = engine.await {
        tracing::error!(session = %session.id(), %error, "closing the session ended early");
    }
    match core.store.release(&session.fence).await {
        Ok(()) => tracing::debug!(session = %session.id(), "the session was handed back"),
        Err(error) => {
            tracing::warn!(session = %session.id(), %error, "the session could not be handed back; it can be taken over when the lease is over");
        }
    }
    core.live.remove(&session.fence);
}
