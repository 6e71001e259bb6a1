//! Which node had a session when it was last looked up.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;
use session::SessionId;

use super::route::Peer;

/// The most sessions remembered. One that is forgotten costs its next call a look into the store.
const MOST: usize = 65_536;

/// Where sessions of other nodes were last found, never more than [`MOST`] of them.
#[derive(Default)]
pub(super) struct Routes(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    peers: HashMap<SessionId, Peer>,
    /// In the order in which they were first found, for dropping the oldest. May name some that are gone.
    order: VecDeque<SessionId>,
}

impl Routes {
    pub(super) fn get(&self, id: &SessionId) -> Option<Peer> {
        self.0.lock().peers.get(id).cloned()
    }

    pub(super) fn put(&self, id: &SessionId, peer: &Peer) {
        let mut inner = self.0.lock();
        if inner.peers.insert(id.clone(), peer.clone()).is_none() {
            inner.order.push_back(id.clone());
        }
        while inner.order.len() > MOST {
            let Some(oldest) = inner.order.pop_front() else { return };
            inner.peers.remove(&oldest);
        }
    }

    pub(super) fn forget(&self, id: &SessionId) {
        let mut inner = self.0.lock();
        if inner.peers.remove(id).is_some() {
            inner.order.retain(|other| other != id);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use session::Incarnation;

    use super::*;

    fn id(number: usize) -> SessionId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
        SessionId::from_bytes(bytes)
    }

    #[test]
    fn routes_do_not_pile_up_and_the_oldest_goes_first() {
        let routes = Routes::default();
        let peer = Peer { incarnation: Incarnation::random(), name: "heron".into(), uri: "grpc://heron:1".into() };
        for number in 0..MOST + 3 {
            routes.put(&id(number), &peer);
        }
        assert!(routes.get(&id(2)).is_none());
        assert_eq!(routes.get(&id(3)).unwrap().uri, peer.uri);
        routes.forget(&id(3));
        assert!(routes.get(&id(3)).is_none());
        let inner = routes.0.lock();
        assert_eq!((inner.peers.len(), inner.order.len()), (MOST - 1, MOST - 1));
    }
}
