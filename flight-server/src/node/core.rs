//! What the sessions and the tasks of a node share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use session::{SessionId, SessionStore, TokenKey};
use tokio::sync::Notify;

use super::connections::Connections;
use super::failure;
use super::handle::Handles;
use super::lease::Lease;
use super::live::Live;
use super::options::NodeOptions;
use super::placing::Placing;
use super::routes::Routes;
use super::running::Running;
use super::session::Ended;
use crate::auth::Users;
use crate::engine::Engine;
use crate::error::Result;

/// What the sessions and the tasks of a node share.
pub(super) struct Core {
    pub(super) options: NodeOptions,
    pub(super) store: Arc<dyn SessionStore>,
    pub(super) engines: Vec<Arc<dyn Engine>>,
    /// The engine of new sessions: one of `engines`. A front has none.
    pub(super) engine: Option<Arc<dyn Engine>>,
    pub(super) users: Arc<Users>,
    pub(super) token_key: TokenKey,
    /// Of prepared statements.
    pub(super) handles: Handles,
    pub(super) live: Live,
    /// Where the sessions of other nodes are.
    pub(super) routes: Routes,
    pub(super) placing: Placing,
    pub(super) connections: Connections,
    pub(super) lease: Lease,
    pub(super) running: Running,
    /// Calls that are about to make a session here, or to have one taken over.
    pub(super) coming: Running,
    pub(super) draining: AtomicBool,
    /// The node ends: it answers no more calls.
    pub(super) stopping: AtomicBool,
    /// Engines have freed the memory of sessions since it was last given back.
    pub(super) has_freed: AtomicBool,
    beat: Notify,
    drain: Notify,
}

/// What a [`Core`] is made of, beside what it makes itself.
pub(super) struct CoreParts {
    pub(super) options: NodeOptions,
    pub(super) store: Arc<dyn SessionStore>,
    pub(super) engines: Vec<Arc<dyn Engine>>,
    pub(super) engine: Option<Arc<dyn Engine>>,
    pub(super) users: Arc<Users>,
    pub(super) token_key: TokenKey,
    pub(super) handles: Handles,
}

impl Core {
    pub(super) fn new(parts: CoreParts) -> Self {
        Self {
            lease: Lease::new(parts.options.lease),
            options: parts.options,
            store: parts.store,
            engines: parts.engines,
            engine: parts.engine,
            users: parts.users,
            token_key: parts.token_key,
            handles: parts.handles,
            live: Live::new(),
            routes: Routes::default(),
            placing: Placing::default(),
            connections: Connections::default(),
            running: Running::new(),
            coming: Running::new(),
            draining: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            has_freed: AtomicBool::new(false),
            beat: Notify::new(),
            drain: Notify::new(),
        }
    }

    /// The engine of this name, if the node has it.
    pub(super) fn engine_named(&self, name: &str) -> Option<&Arc<dyn Engine>> {
        self.engines.iter().find(|engine| engine.name() == name)
    }

    /// Removes what the spool has of a session that has ended for good, wherever it was last.
    pub(super) async fn forget_spooled(&self, session: &SessionId) {
        let Some(spool) = self.options.spool.clone() else { return };
        let session = session.to_string();
        // It fails only when the runtime ends.
        let _ = tokio::task::spawn_blocking(move || spool.remove_all(&session)).await;
    }

    /// Has the engines give the memory back of sessions that have ended since the last time.
    pub(super) async fn release_memory(&self) {
        if self.has_freed.swap(false, Ordering::AcqRel) {
            for engine in &self.engines {
                engine.release_memory().await;
            }
        }
    }

    /// Asks the heartbeat to look at the lease, and at whether the node drains, without waiting for its next time.
    pub(super) fn beat_now(&self) {
        self.beat.notify_one();
    }

    /// Resolves when [`Core::beat_now`] was called.
    pub(super) async fn beat_wanted(&self) {
        self.beat.notified().await;
    }

    /// Takes no new sessions from now on.
    pub(super) fn start_draining(&self) {
        if !self.draining.swap(true, Ordering::AcqRel) {
            tracing::info!(sessions = self.live.count(), "draining: no new sessions, and idle ones are handed back");
            self.beat_now();
            self.drain_on();
        }
    }

    /// Asks for sessions to be handed back that have become idle while the node drains.
    pub(super) fn drain_on(&self) {
        self.drain.notify_one();
    }

    /// Resolves when [`Core::drain_on`] was called.
    pub(super) async fn drain_wanted(&self) {
        self.drain.notified().await;
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Whether no session is here, and none can come any more: none is being rebuilt, and no call is about to bring one. Once a
    /// node that drains is empty, it stays so.
    pub(super) fn is_empty(&self) -> bool {
        // In this order: what a call has brought is live before the call is done.
        self.coming.count() == 0 && self.live.is_empty()
    }

    /// Whether the node still answers calls.
    pub(super) fn check_answering(&self) -> Result<()> {
        if self.stopping.load(Ordering::Acquire) { Err(failure::draining()) } else { Ok(()) }
    }

    /// This node may no longer act as the owner of anything: drops the engine state of all its sessions.
    pub(super) fn fence(&self) {
        self.lease.ended();
        let sessions = self.live.start_anew();
        if !sessions.is_empty() {
            tracing::warn!(sessions = sessions.len(), "the node's lease is over; dropping its sessions");
        }
        for session in sessions {
            session.end(Ended::Moved);
        }
    }
}
