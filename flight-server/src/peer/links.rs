//! The connections of a node to its peers.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use session::Incarnation;

use super::dial::Dial;
use super::link::Link;
use crate::node::{Node, Peer};

/// How long a connection to a peer stays that nobody uses.
const IDLE: Duration = Duration::from_secs(300);

/// One connection for each peer that calls were sent to.
pub(super) struct Links {
    node: Arc<Node>,
    dial: Arc<dyn Dial>,
    /// How long a peer may be silent.
    patience: Duration,
    links: Mutex<HashMap<Incarnation, Place>>,
}

/// The place of a connection, locked while it is being made, so that calls that come at once share one.
type Place = Arc<tokio::sync::Mutex<Option<Link>>>;

impl Links {
    pub(super) fn new(node: Arc<Node>, dial: Arc<dyn Dial>) -> Self {
        let patience = (node.options().lease / 3).max(Duration::from_millis(100));
        Self { node, dial, patience, links: Mutex::default() }
    }

    /// A connection to the peer.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub(super) async fn to(self: &Arc<Self>, peer: &Peer) -> io::Result<Link> {
        let place = Arc::clone(self.links.lock().entry(peer.incarnation).or_default());
        let mut link = place.lock().await;
        match &*link {
            Some(link) if !link.is_closed() => return Ok(link.clone()),
            _ => {}
        }
        match Link::connect(peer, &*self.dial, self.patience).await {
            Ok(new) => {
                *link = Some(new.clone());
                tracing::debug!(peer = peer.name, uri = peer.uri, "connected to a peer");
                tokio::spawn(watch(Arc::downgrade(self), peer.clone(), new.clone()));
                Ok(new)
            }
            Err(error) => {
                *link = None;
                drop(link);
                self.drop_place(peer.incarnation, &place);
                Err(error)
            }
        }
    }

    fn drop_place(&self, peer: Incarnation, place: &Place) {
        let mut links = self.links.lock();
        if links.get(&peer).is_some_and(|held| Arc::ptr_eq(held, place)) {
            links.remove(&peer);
        }
    }
}

/// Cuts a connection when its peer's lease is over: a peer that was stopped keeps its connections, and would keep the
/// calls on them waiting for ever.
async fn watch(links: std::sync::Weak<Links>, peer: Peer, link: Link) {
    let mut unused = Duration::ZERO;
    loop {
        let Some(patience) = links.upgrade().map(|links| links.patience) else { return };
        tokio::time::sleep(patience).await;
        let Some(links) = links.upgrade() else { return };
        if link.is_closed() {
            break;
        }
        unused = if link.is_unused() { unused + patience } else { Duration::ZERO };
        // While the store does not say, the peer may well be alive.
        let gone = links.node.lease_left(peer.incarnation).await.is_ok_and(|left| left.is_zero());
        if gone || unused >= IDLE {
            tracing::debug!(peer = peer.name, gone, "the connection to a peer ends");
            link.cut();
            break;
        }
    }
    if let Some(links) = links.upgrade() {
        let place = links.links.lock().get(&peer.incarnation).cloned();
        if let Some(place) = place
            && place.lock().await.as_ref().is_none_or(Link::is_closed)
        {
            links.drop_place(peer.incarnation, &place);
        }
    }
}
