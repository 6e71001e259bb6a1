//! The node's lease: renewed while it can be, and given up before it is over.

use std::sync::Arc;
use std::time::Duration;

use session::{NodeRegistration, NodeState, Renewal, StoreError};
use tokio::time::Instant;

use super::core::Core;
use super::session::Ended;
use super::{failure, load};
use crate::error::Result;

/// The longest wait between attempts to register again.
const REGISTER_AGAIN: Duration = Duration::from_secs(1);

/// What the heartbeat remembers from one beat to the next.
pub(super) struct Heartbeat {
    core: Arc<Core>,
    /// Whether the store was told that this incarnation drains.
    told_draining: bool,
    /// Whether the store failed at the last beat, so that an outage is logged once and not at every beat.
    failing: bool,
}

impl Heartbeat {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core, told_draining: false, failing: false }
    }

    /// Registers the node for the first time.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE` when the store does not take it.
    pub(super) async fn start(&mut self) -> Result<()> {
        match self.try_register().await {
            Ok(()) => Ok(()),
            Err(error) => Err(failure::of_store(&error)),
        }
    }

    /// Beats for as long as it is polled.
    pub(super) async fn run(mut self) {
        loop {
            let wait = self.wait();
            tokio::select! {
                () = self.core.beat_wanted() => {}
                () = tokio::time::sleep(wait) => {}
            }
            self.beat().await;
        }
    }

    /// How long until the next beat: at the latest when the lease is no longer safe, to give it up on time.
    fn wait(&self) -> Duration {
        let third = self.core.lease.length() / 3;
        match self.core.lease.safe_until() {
            None => third.min(REGISTER_AGAIN),
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                // After a failure sooner, so that a short outage does not cost the lease.
                let next = if self.failing { third / 3 } else { third };
                next.min(left)
            }
        }
    }

    /// One beat: gives the lease up if it may be over, renews it if not, and registers anew if there is none.
    pub(super) async fn beat(&mut self) {
        let core = Arc::clone(&self.core);
        if core.lease.safe_until().is_some() && core.lease.check().is_err() {
            // Also the way back of a process that was stopped: it must not ask whether it could still go on.
            core.fence();
        }
        let Some(until) = core.lease.safe_until() else {
            self.register().await;
            return;
        };

        let asked = Instant::now();
        let load = load::of(&core);
        let renewal = core.store.renew_node(core.live.incarnation(), core.lease.length(), &load);
        match tokio::time::timeout_at(until, renewal).await {
            Ok(Ok(renewal)) => {
                core.lease.granted(asked);
                self.recovered();
                self.obey(renewal).await;
                self.tell_draining().await;
            }
            Ok(Err(StoreError::NodeGone)) => {
                core.fence();
                self.register().await;
            }
            Ok(Err(error)) => self.failed("the node's lease could not be renewed", &error),
            Err(_) => {
                core.fence();
                let silent = StoreError::Unavailable("it did not answer in time".to_owned());
                self.failed("the node's lease could not be renewed", &silent);
            }
        }
    }

    /// Does what operators asked for.
    async fn obey(&mut self, renewal: Renewal) {
        if renewal.drain_requested && !self.core.is_draining() {
            tracing::info!("an operator asked this node to drain");
            self.core.start_draining();
        }
        if renewal.revoked.is_empty() {
            return;
        }
        for id in &renewal.revoked {
            if let Some(session) = self.core.live.get(id) {
                tracing::info!(session = %id, "an operator ended the session");
                session.end(Ended::Closed);
            }
        }
        let acknowledged = self.core.store.acknowledge_revoked(self.core.live.incarnation(), &renewal.revoked).await;
        if let Err(error) = acknowledged {
            // It is told again with the next renewal.
            tracing::debug!(%error, "the store could not be told that sessions were dropped");
        }
    }

    /// Registers as the incarnation that the node goes on as.
    async fn register(&mut self) {
        match self.try_register().await {
            Ok(()) => {
                self.recovered();
                self.tell_draining().await;
            }
            // An earlier attempt took effect without an answer, and its lease has run out since: on to the next.
            Err(StoreError::NodeGone) => self.core.fence(),
            Err(error) => self.failed("the node could not be registered", &error),
        }
    }

    async fn try_register(&mut self) -> Result<(), StoreError> {
        let core = Arc::clone(&self.core);
        let asked = Instant::now();
        let registration = registration(&core);
        let registered = tokio::time::timeout(core.lease.length(), core.store.register_node(&registration)).await;
        registered.map_err(|_| StoreError::Unavailable("it did not answer in time".to_owned()))??;
        core.lease.granted(asked);
        self.told_draining = false;
        tracing::info!(incarnation = %registration.incarnation, "node registered");
        Ok(())
    }

    async fn tell_draining(&mut self) {
        if self.told_draining || !self.core.is_draining() {
            return;
        }
        match self.core.store.set_node_state(self.core.live.incarnation(), NodeState::Draining).await {
            Ok(()) => self.told_draining = true,
            Err(error) => self.failed("the store could not be told that the node drains", &error),
        }
    }

    fn failed(&mut self, what: &str, error: &StoreError) {
        if !self.failing {
            tracing::warn!(%error, "{what}; trying again");
        }
        self.failing = true;
    }

    fn recovered(&mut self) {
        if std::mem::take(&mut self.failing) {
            tracing::info!("the session store answers again");
        }
    }
}

/// How this node presents itself to the store.
fn registration(core: &Core) -> NodeRegistration {
    NodeRegistration {
        incarnation: core.live.incarnation(),
        home: core.options.home,
        name: core.options.name.clone(),
        advertised_uri: core.options.advertised_uri.clone(),
        peer_uri: core.options.peer_uri.clone(),
        role: core.options.role,
        lease: core.lease.length(),
        version: core.options.version.clone(),
    }
}
