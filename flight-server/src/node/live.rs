//! The sessions that live on this node, and those that are being rebuilt here.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use session::{Fence, Incarnation, SessionId};

use super::core::Core;
use super::failure;
use super::session::{Ended, Session};
use crate::error::{Error, Result};

/// What all who wait for one rebuild get.
type Rebuild = Shared<BoxFuture<'static, Result<Arc<Session>>>>;

/// The sessions of a node, by id.
///
/// All of them are held under one incarnation: who changes it takes them out in the same moment.
pub(super) struct Live(Mutex<Inner>);

struct Inner {
    incarnation: Incarnation,
    slots: HashMap<SessionId, Slot>,
    /// Numbers rebuilds, so that a late end of one is not taken for the end of the next.
    rebuilds: u64,
}

#[derive(Clone)]
enum Slot {
    Live(Arc<Session>),
    Rebuilding { number: u64, outcome: Rebuild },
}

impl Live {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Inner { incarnation: Incarnation::random(), slots: HashMap::new(), rebuilds: 0 }))
    }

    /// Under which incarnation this node holds its sessions.
    pub(super) fn incarnation(&self) -> Incarnation {
        self.0.lock().incarnation
    }

    /// Takes all sessions out and goes on as a fresh incarnation. Rebuilds under way come to nothing.
    pub(super) fn start_anew(&self) -> Vec<Arc<Session>> {
        let mut inner = self.0.lock();
        inner.incarnation = Incarnation::random();
        inner.slots.drain().filter_map(|(_, slot)| slot.session()).collect()
    }

    /// The session, if it lives here; expired ones included, until the store has marked them.
    pub(super) fn get(&self, id: &SessionId) -> Option<Arc<Session>> {
        match self.0.lock().slots.get(id) {
            Some(Slot::Live(session)) => Some(Arc::clone(session)),
            Some(Slot::Rebuilding { .. }) | None => None,
        }
    }

    /// All sessions that live here; expired ones included, until the store has marked them.
    pub(super) fn all(&self) -> Vec<Arc<Session>> {
        self.0.lock().slots.values().filter_map(|slot| slot.clone().session()).collect()
    }

    /// How many sessions live here.
    pub(super) fn count(&self) -> usize {
        let is_live = |slot: &&Slot| matches!(slot, Slot::Live(session) if is_here(session));
        self.0.lock().slots.values().filter(is_live).count()
    }

    /// Whether none lives here, and none is being rebuilt.
    pub(super) fn is_empty(&self) -> bool {
        let inner = self.0.lock();
        !inner.slots.values().any(|slot| match slot {
            Slot::Live(session) => is_here(session),
            Slot::Rebuilding { .. } => true,
        })
    }

    /// Takes in a session that was just created.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE` when the node's lease ended while it was created: then it may not be used.
    pub(super) fn insert(&self, session: Arc<Session>) -> Result<Arc<Session>> {
        let mut inner = self.0.lock();
        if inner.incarnation == session.fence.incarnation {
            inner.slots.insert(session.id().clone(), Slot::Live(Arc::clone(&session)));
            return Ok(session);
        }
        drop(inner);
        session.end(Ended::Moved);
        Err(failure::lease_over())
    }

    /// Takes out the session held under this fence, and no later one of the same id.
    pub(super) fn remove(&self, fence: &Fence) {
        let mut inner = self.0.lock();
        if let Entry::Occupied(entry) = inner.slots.entry(fence.session.clone())
            && matches!(entry.get(), Slot::Live(session) if session.fence == *fence)
        {
            entry.remove();
        }
    }

    /// The session, rebuilt by `rebuild` when it does not live here.
    ///
    /// However many callers wait, there is one rebuild. It runs in a task of its own, so a caller that goes away does
    /// not end it, and when it fails or panics the next caller starts another.
    pub(super) async fn get_or_rebuild<F, R>(core: &Arc<Core>, id: &SessionId, rebuild: R) -> Result<Arc<Session>>
    where
        F: Future<Output = Result<Session>> + Send + 'static,
        R: FnOnce(Arc<Core>, Incarnation) -> F,
    {
        let outcome = {
            let mut inner = core.live.0.lock();
            match inner.slots.get(id) {
                Some(Slot::Live(session)) => return Ok(Arc::clone(session)),
                Some(Slot::Rebuilding { outcome, .. }) => outcome.clone(),
                None => {
                    inner.rebuilds += 1;
                    let number = inner.rebuilds;
                    let place = Place { core: Arc::clone(core), id: id.clone(), number };
                    let rebuild = rebuild(Arc::clone(core), inner.incarnation);
                    let task = tokio::spawn(async move { place.fill(rebuild.await?) });
                    let outcome = async move {
                        task.await.unwrap_or_else(|ended| {
                            Err(Error::internal(format_args!("rebuilding the session ended early: {ended}")))
                        })
                    };
                    let outcome = outcome.boxed().shared();
                    inner.slots.insert(id.clone(), Slot::Rebuilding { number, outcome: outcome.clone() });
                    outcome
                }
            }
        };
        outcome.await
    }
}

/// Whether a session lives here still. One that is handed back does until it has been.
fn is_here(session: &Session) -> bool {
    matches!(session.ended(), None | Some(Ended::Leaving))
}

impl Slot {
    fn session(self) -> Option<Arc<Session>> {
        match self {
            Self::Live(session) => Some(session),
            Self::Rebuilding { .. } => None,
        }
    }
}

/// The place a session is being rebuilt for. It is free again when this is dropped without having been filled, by an
/// error or a panic.
struct Place {
    core: Arc<Core>,
    id: SessionId,
    number: u64,
}

impl Place {
    fn fill(self, session: Session) -> Result<Arc<Session>> {
        let session = Arc::new(session);
        {
            // In a block of its own: dropping `self` takes the lock again.
            let mut inner = self.core.live.0.lock();
            if inner.incarnation == session.fence.incarnation && self.is_mine(&inner) {
                inner.slots.insert(self.id.clone(), Slot::Live(Arc::clone(&session)));
                return Ok(session);
            }
        }
        session.end(Ended::Moved);
        Err(failure::lease_over())
    }

    fn is_mine(&self, inner: &Inner) -> bool {
        matches!(inner.slots.get(&self.id), Some(Slot::Rebuilding { number, .. }) if *number == self.number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = self.core.live.0.lock();
        if self.is_mine(&inner) {
            inner.slots.remove(&self.id);
        }
    }
}
