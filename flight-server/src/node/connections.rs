//! The sessions of connections that send Basic with every call and name no session.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use session::{Principal, SessionId};

/// The most connections remembered. One that is forgotten gets a new session with its next call, and its client is
/// told the new token; the old session stays until it expires.
const MOST: usize = 8192;

/// A connection and who calls over it: one connection may carry the calls of several users.
pub(super) type Connection = (SocketAddr, Principal);

/// The session of a connection. Locked while it is being made, so that calls that come at once share one.
pub(super) type Implicit = Arc<tokio::sync::Mutex<Option<SessionId>>>;

/// The sessions of connections, never more than [`MOST`].
#[derive(Default)]
pub(super) struct Connections(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    sessions: HashMap<Connection, Implicit>,
    /// Connections in the order in which they were first seen, for dropping the oldest. May name some that are gone.
    order: VecDeque<Connection>,
    by_session: HashMap<SessionId, Connection>,
}

impl Connections {
    /// The place of this connection's session.
    pub(super) fn of(&self, connection: &Connection) -> Implicit {
        let mut inner = self.0.lock();
        if let Some(implicit) = inner.sessions.get(connection) {
            return Arc::clone(implicit);
        }
        let implicit = Implicit::default();
        inner.put(connection, &implicit);
        implicit
    }

    /// The connection has this session now.
    pub(super) fn opened(&self, connection: &Connection, implicit: &Implicit, session: SessionId) {
        let mut inner = self.0.lock();
        inner.put(connection, implicit);
        inner.by_session.insert(session, connection.clone());
    }

    /// No session could be opened for the connection.
    pub(super) fn failed(&self, connection: &Connection) {
        self.0.lock().take(connection);
    }

    /// The session has ended; the next call of its connection gets a new one.
    pub(super) fn forget(&self, session: &SessionId) {
        let mut inner = self.0.lock();
        if let Some(connection) = inner.by_session.remove(session) {
            inner.take(&connection);
        }
    }
}

impl Inner {
    fn put(&mut self, connection: &Connection, implicit: &Implicit) {
        if self.sessions.insert(connection.clone(), Arc::clone(implicit)).is_none() {
            self.order.push_back(connection.clone());
        }
        while self.sessions.len() > MOST {
            let Some(oldest) = self.order.pop_front() else { return };
            self.sessions.remove(&oldest);
            self.by_session.retain(|_, connection| *connection != oldest);
        }
    }

    fn take(&mut self, connection: &Connection) {
        if self.sessions.remove(connection).is_some() {
            self.order.retain(|other| other != connection);
            self.by_session.retain(|_, other| other != connection);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn connection(number: usize) -> Connection {
        let port = u16::try_from(number % 50_000).unwrap();
        let host = u8::try_from(number / 50_000).unwrap();
        (SocketAddr::from(([10, 0, 0, host], port)), Principal("ada".to_owned()))
    }

    #[test]
    fn a_connection_keeps_its_place_until_its_session_ends() {
        let connections = Connections::default();
        let session = SessionId::from_bytes([7; 16]);
        let place = connections.of(&connection(1));
        connections.opened(&connection(1), &place, session.clone());
        assert!(Arc::ptr_eq(&place, &connections.of(&connection(1))));
        let other_user = (connection(1).0, Principal("bob".to_owned()));
        assert!(!Arc::ptr_eq(&place, &connections.of(&other_user)));
        connections.forget(&session);
        assert!(!Arc::ptr_eq(&place, &connections.of(&connection(1))));
    }

    #[test]
    fn connections_do_not_pile_up() {
        let connections = Connections::default();
        let first = connections.of(&connection(0));
        for number in 1..MOST + 10 {
            let place = connections.of(&connection(number));
            let mut id = [0; 16];
            id[..8].copy_from_slice(&(number as u64).to_be_bytes());
            connections.opened(&connection(number), &place, SessionId::from_bytes(id));
        }
        let inner = connections.0.lock();
        assert_eq!(inner.sessions.len(), MOST);
        assert_eq!(inner.order.len(), MOST);
        assert_eq!(inner.by_session.len(), MOST);
        drop(inner);
        assert!(!Arc::ptr_eq(&first, &connections.of(&connection(0))));
    }

    #[test]
    fn a_place_that_stayed_empty_is_given_up() {
        let connections = Connections::default();
        connections.of(&connection(0));
        connections.failed(&connection(0));
        let inner = connections.0.lock();
        assert!(inner.sessions.is_empty() && inner.order.is_empty());
    }
}
