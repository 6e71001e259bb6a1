//! Where a call is to be served: here, or by the node that holds its session.
//!
//! A route is looked up before the call is read, from its headers alone. It may be out of date the moment it is known,
//! so whoever is given a call looks again: the store decides who owns a session, never a route.

use std::net::SocketAddr;
use std::time::Duration;

use http::HeaderMap;
use session::{Incarnation, NodeRecord, NodeRole, NodeState, Principal, SessionId, SessionState, Token};

use super::caller::named_session;
use super::connections::{Connection, Implicit};
use super::core::Core;
use super::failure;
use super::presence::Presence;
use super::running::RunningGuard;
use super::{Node, placing};
use crate::auth::Credentials;
use crate::error::{Error, ErrorCode, Result};

/// Where a call is to be served.
pub(crate) enum Route {
    /// By this node. While the guard lives, a session that is here stays, and the node does not end if the call brings one.
    Here(Option<Presence>),
    /// By the node that holds the session.
    Owner(Peer),
    /// By a node that takes sessions, since this one does not.
    Elsewhere(Peer),
}

/// Another node, as far as it takes to reach it.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// Which life of it.
    pub(crate) incarnation: Incarnation,
    /// What people call it.
    pub(crate) name: String,
    /// Where it takes the calls of its peers.
    pub(crate) uri: String,
}

/// A call that is passed on: the node does not end while it is.
pub(crate) struct Forwarded {
    _running: RunningGuard,
}

/// What a call's headers say of its session.
pub(crate) enum Wanted {
    /// The one with this id.
    Session(SessionId),
    /// That of its connection, whether there is one yet or not.
    Connection(OfConnection),
    /// A new one.
    New,
    /// Nothing that can be served: whoever reads the call says what is wrong with it.
    Nothing,
}

/// The session of a connection: held while a call may have to make it.
pub(crate) struct OfConnection {
    connection: Connection,
    implicit: Implicit,
}

impl OfConnection {
    /// Waits for the calls that are making the session, and locks the rest out.
    pub(crate) async fn lock(&self) -> tokio::sync::MutexGuard<'_, Option<SessionId>> {
        self.implicit.lock().await
    }
}

impl Node {
    /// What a call's headers say of its session. `connection` is the connection it came by; a handshake makes a new
    /// session whatever the connection has.
    pub(crate) fn wanted(&self, headers: &HeaderMap, connection: Option<SocketAddr>, handshake: bool) -> Wanted {
        let id = |text: &str| Token::parse(text).map_or(Wanted::Nothing, |token| Wanted::Session(token.id().clone()));
        match Credentials::from_headers(headers) {
            Ok(Credentials::Bearer(text)) => id(&text),
            Ok(Credentials::Basic { .. }) if handshake => Wanted::New,
            Ok(Credentials::Basic { user, .. }) => match (named_session(headers), connection) {
                (Ok(Some(text)), _) => id(&text),
                (Ok(None), Some(address)) => {
                    let connection = (address, Principal(user));
                    let implicit = self.core.connections.of(&connection);
                    Wanted::Connection(OfConnection { connection, implicit })
                }
                (Ok(None), None) => Wanted::New,
                (Err(_), _) => Wanted::Nothing,
            },
            // Its credentials may be in its message.
            Err(_) if handshake => Wanted::New,
            Err(_) => Wanted::Nothing,
        }
    }

    /// Where the session with this id is served. With `fresh` the store is asked whatever this node remembers. One that
    /// must be taken over is not left to the nodes in `avoid`.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`; `NO_NODE` when nobody takes it.
    pub(crate) async fn route(&self, id: &SessionId, fresh: bool, avoid: &[Incarnation]) -> Result<Route> {
        self.core.route(id, fresh, avoid).await
    }

    /// Where a new session is made; not by one of `avoid`.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`; `NO_NODE` when nobody takes it.
    pub(crate) async fn route_new(&self, avoid: &[Incarnation]) -> Result<Route> {
        match self.core.take_session() {
            Some(coming) => Ok(Route::Here(Some(coming))),
            None => self.core.elsewhere(avoid).await,
        }
    }

    /// Whether this node makes sessions and takes them over.
    pub(crate) fn takes_sessions(&self) -> bool {
        self.core.takes_sessions()
    }

    /// Counts a call that is passed on among the statements that run, until the guard is dropped.
    pub(crate) fn forwarding(&self) -> Forwarded {
        Forwarded { _running: self.core.running.start() }
    }

    /// Notes that the session of a connection was made by another node.
    pub(crate) fn connection_has(&self, of: &OfConnection, id: &SessionId) {
        self.core.connections.opened(&of.connection, &of.implicit, id.clone());
    }

    /// Gives a connection's place up whose session could not be made.
    pub(crate) fn connection_has_none(&self, of: &OfConnection) {
        self.core.connections.failed(&of.connection);
    }

    /// Forgets where a session was: the node there does not have it, or cannot be reached.
    pub(crate) fn forget_route(&self, id: &SessionId) {
        self.core.routes.forget(id);
    }

    /// How long the lease of a node still runs, by the store's clock; nothing when the node is gone.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`.
    pub(crate) async fn lease_left(&self, node: Incarnation) -> Result<Duration> {
        let record = self.core.store.node(node).await.map_err(|error| failure::of_store(&error))?;
        Ok(record.filter(|node| node.state != NodeState::Gone).map_or(Duration::ZERO, |node| node.lease_left))
    }

    /// Which life of this node it is: what peers address it by.
    pub(crate) fn incarnation(&self) -> Incarnation {
        self.core.live.incarnation()
    }
}

impl Core {
    /// Whether this node may make and take over sessions.
    pub(super) fn takes_sessions(&self) -> bool {
        self.options.role != NodeRole::Front && !self.is_draining()
    }

    /// Keeps the node from ending while a call brings a session; `None` when it takes none.
    fn take_session(&self) -> Option<Presence> {
        // Before the look: a node that begins to drain after it counts the call.
        let coming = self.coming.start();
        self.takes_sessions().then_some(Presence::Coming { _call: coming })
    }

    async fn route(&self, id: &SessionId, fresh: bool, avoid: &[Incarnation]) -> Result<Route> {
        if let Some(session) = self.live.get(id) {
            if let Some(presence) = session.enter() {
                return Ok(Route::Here(Some(presence)));
            }
            // Where it goes shows in the store when it has gone.
            session.has_left().await;
        } else if !fresh && let Some(peer) = self.routes.get(id) {
            return Ok(Route::Owner(peer));
        }

        let record = self.store.session(id).await.map_err(|error| failure::of_store(&error))?;
        let Some(record) = record.filter(|record| failure::of_ended(record).is_none()) else {
            return Ok(Route::Here(None));
        };
        if record.claimable() {
            return match self.take_session() {
                Some(coming) => Ok(Route::Here(Some(coming))),
                None => self.elsewhere(avoid).await,
            };
        }
        match record.owner.filter(|owner| record.state == SessionState::Active && *owner != self.live.incarnation()) {
            // It was claimed and not built, or could not be handed back.
            None => Ok(Route::Here(Some(Presence::Coming { _call: self.coming.start() }))),
            Some(owner) => match self.store.node(owner).await.map_err(|error| failure::of_store(&error))? {
                Some(node) => match peer(&node) {
                    Some(peer) => {
                        self.routes.put(id, &peer);
                        Ok(Route::Owner(peer))
                    }
                    // It is told from here who has it.
                    None => Ok(Route::Here(None)),
                },
                None => Ok(Route::Here(None)),
            },
        }
    }

    /// The node with the most room for one more session.
    async fn elsewhere(&self, avoid: &[Incarnation]) -> Result<Route> {
        let nodes = self.store.nodes().await.map_err(|error| failure::of_store(&error))?;
        let me = self.live.incarnation();
        let other = |node: &&NodeRecord| node.incarnation != me && !avoid.contains(&node.incarnation);
        let chosen = self.placing.choose(nodes.iter().filter(other).filter(|node| placing::takes(node)));
        match chosen.and_then(peer) {
            Some(peer) => Ok(Route::Elsewhere(peer)),
            None if self.options.role != NodeRole::Front => Err(failure::draining()),
            None => Err(Error::new(
                ErrorCode::NoNode,
                "no node that takes sessions can be reached: this one is a front and has no engine; look at `pintail nodes \
                 ls`, and start a node with --role both or engine, and --peer-listen, on the same session store",
            )),
        }
    }
}

fn peer(node: &NodeRecord) -> Option<Peer> {
    let uri = node.peer_uri.clone()?;
    Some(Peer { incarnation: node.incarnation, name: node.name.clone(), uri })
}
