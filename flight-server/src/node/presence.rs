//! Calls that are about to use a session, and sessions that are about to be handed back: never both at a time. And calls that are
//! about to bring a session, which a node that drains is not empty of before they are done.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::running::RunningGuard;
use super::session::Session;

/// Who is present in a session, and whether it is on its way out.
pub(super) struct Presences {
    state: Mutex<State>,
    left: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    present: usize,
    leaving: bool,
}

impl Presences {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default(), left: watch::Sender::new(false) }
    }
}

/// Keeps what a call is on its way to, or in, while it lives.
pub(crate) enum Presence {
    /// The session, on this node.
    In { _session: InSession },
    /// The node itself: the call makes a session, or has one taken over.
    Coming { _call: RunningGuard },
}

/// Keeps a session on this node while it lives.
pub(crate) struct InSession(Arc<Session>);

impl Drop for InSession {
    fn drop(&mut self) {
        self.0.presences.state.lock().present -= 1;
        if self.0.core.is_draining() {
            self.0.core.drain_on();
        }
    }
}

impl Session {
    /// Keeps the session here for a call; `None` when it is being handed back.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Presence> {
        let mut state = self.presences.state.lock();
        if state.leaving {
            return None;
        }
        state.present += 1;
        drop(state);
        Some(Presence::In { _session: InSession(Arc::clone(self)) })
    }

    /// Lets nobody in any more, unless somebody is in it, or `busy` says that something else keeps it here. Whether that
    /// came about; then [`Session::gone`] is to be called when it has been handed back.
    pub(super) fn start_leaving(&self, busy: impl FnOnce() -> bool) -> bool {
        let mut state = self.presences.state.lock();
        if state.present > 0 || state.leaving || busy() {
            return false;
        }
        state.leaving = true;
        true
    }

    /// It has been handed back, or could not be: either way the store says whose it is.
    pub(super) fn gone(&self) {
        self.presences.left.send_replace(true);
    }

    /// Resolves when a session that is leaving has been handed back.
    pub(super) async fn has_left(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.presences.left.subscribe().wait_for(|left| *left).await;
    }
}
