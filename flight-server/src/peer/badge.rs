//! What shows that a call is a peer's.
//!
//! A badge is made for one receiver and one sender, each by its incarnation, which is drawn anew when a process starts:
//! it is of no use to anybody at another node or after a restart, and needs no clock. Only who has the cluster secret
//! can make one.

use std::fmt;
use std::str::FromStr as _;

use hmac::{Hmac, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use session::{Incarnation, SessionId};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::auth::{ClusterSecret, Purpose, mac};
use crate::error::{Error, ErrorCode, Result};

/// Shows that a call is a peer's: `<receiver>.<sender>.<proof>`.
const PEER: HeaderName = HeaderName::from_static("x-pintail-peer");

/// The session of the connection by which the call reached the sender.
const SESSION: HeaderName = HeaderName::from_static("x-pintail-peer-session");

/// In an answer: the receiver has not looked at the call, since its session is not there.
const MOVED: HeaderName = HeaderName::from_static("x-pintail-peer-moved");

/// Makes badges, and checks them.
#[derive(Clone)]
pub struct Badges {
    key: Zeroizing<[u8; 32]>,
}

/// In a request: it came from a peer.
#[derive(Debug, Clone)]
pub(crate) struct FromPeer {
    /// The session of the connection by which it reached the peer, when it has one and the call names none.
    pub(crate) connection_session: Option<SessionId>,
}

/// What a badge says.
pub(super) enum Checked {
    /// The call is a peer's, and meant for this node.
    Peer(FromPeer),
    /// The call is a peer's, but meant for another life of this node.
    Stale,
}

impl Badges {
    /// Those of the cluster with this secret.
    pub fn new(secret: &ClusterSecret) -> Self {
        Self { key: secret.derive(Purpose::Peer) }
    }

    /// Puts a badge for `receiver` on a call.
    pub(super) fn put_on(
        &self,
        headers: &mut HeaderMap,
        sender: Incarnation,
        receiver: Incarnation,
        connection_session: Option<&SessionId>,
    ) {
        take_off(headers);
        let proof = self.mac(receiver, sender, connection_session).finalize().into_bytes();
        let badge = format!("{receiver}.{sender}.{}", hex::encode(proof));
        // Both are letters, digits, dots and hyphens.
        if let Ok(mut value) = HeaderValue::from_str(&badge) {
            value.set_sensitive(true);
            headers.insert(PEER, value);
        }
        if let Some(Ok(value)) = connection_session.map(|id| HeaderValue::from_str(&id.to_string())) {
            headers.insert(SESSION, value);
        }
    }

    /// Takes the badge off a call that came to the port of peers.
    ///
    /// # Errors
    /// `CREDENTIALS_WRONG` when it has none that this cluster's secret has made.
    pub(super) fn check(&self, headers: &mut HeaderMap, me: Incarnation) -> Result<Checked> {
        let badge = headers.get(PEER).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        let session = headers.get(SESSION).map(|value| value.to_str().ok().and_then(|text| text.parse().ok()));
        take_off(headers);
        let (Some(badge), Some(session)) = (badge, session.map_or(Some(None), |session| session.map(Some))) else {
            return Err(no_peer());
        };
        let mut parts = badge.split('.');
        let (Some(receiver), Some(sender), Some(proof), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(no_peer());
        };
        let incarnation = |text| Uuid::from_str(text).map(Incarnation).map_err(|_| no_peer());
        let (receiver, sender) = (incarnation(receiver)?, incarnation(sender)?);
        let proof = hex::decode(proof).map_err(|_| no_peer())?;
        self.mac(receiver, sender, session.as_ref()).verify_slice(&proof).map_err(|_| no_peer())?;
        if receiver != me {
            return Ok(Checked::Stale);
        }
        Ok(Checked::Peer(FromPeer { connection_session: session }))
    }

    fn mac(&self, receiver: Incarnation, sender: Incarnation, session: Option<&SessionId>) -> Hmac<Sha256> {
        let session = session.map(|session| session.as_bytes().as_slice()).unwrap_or_default();
        mac(&self.key, &[receiver.0.as_bytes(), sender.0.as_bytes(), session])
    }
}

impl fmt::Debug for Badges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Badges(..)")
    }
}

/// Removes whatever only a peer may say: a client that says it is not believed.
pub(super) fn take_off(headers: &mut HeaderMap) {
    headers.remove(PEER);
    headers.remove(SESSION);
}

/// Says in an answer that the session is not here.
pub(super) fn say_moved(headers: &mut HeaderMap) {
    headers.insert(MOVED, HeaderValue::from_static("1"));
}

/// Whether a peer said so.
pub(super) fn says_moved(headers: &HeaderMap) -> bool {
    headers.contains_key(MOVED)
}

fn no_peer() -> Error {
    Error::new(
        ErrorCode::CredentialsWrong,
        "this port is for the other nodes of the cluster, and the call shows no proof of the cluster's secret: clients \
         connect to the address of --listen; nodes need the same --cluster-secret-file",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn badges(seed: u8) -> Badges {
        Badges::new(&ClusterSecret::new([seed; 32]).unwrap())
    }

    #[test]
    fn a_badge_holds_for_its_receiver_and_what_it_says_of_the_session() {
        let (sender, receiver) = (Incarnation::random(), Incarnation::random());
        let session = SessionId::from_bytes([3; 16]);
        let mut headers = HeaderMap::new();
        badges(1).put_on(&mut headers, sender, receiver, Some(&session));
        assert!(matches!(badges(1).check(&mut headers.clone(), Incarnation::random()), Ok(Checked::Stale)));
        assert!(badges(2).check(&mut headers.clone(), receiver).is_err(), "another cluster's");
        let mut other = headers.clone();
        other.insert(SESSION, HeaderValue::from_str(&SessionId::from_bytes([4; 16]).to_string()).unwrap());
        assert!(badges(1).check(&mut other, receiver).is_err(), "the session is part of what is proven");
        other.remove(SESSION);
        assert!(badges(1).check(&mut other, receiver).is_err());
        let Ok(Checked::Peer(from)) = badges(1).check(&mut headers, receiver) else { panic!("it is a peer's") };
        assert_eq!(from.connection_session, Some(session));
        assert!(headers.is_empty(), "it goes no further");
    }

    #[test]
    fn what_is_no_badge_is_refused() {
        let me = Incarnation::random();
        for text in ["", ".", "a.b.c", &format!("{me}.{me}.00"), &format!("{me}.{me}"), &format!("{me}.{me}.00.1")] {
            let mut headers = HeaderMap::new();
            headers.insert(PEER, HeaderValue::from_str(text).unwrap());
            assert!(badges(1).check(&mut headers, me).is_err(), "{text}");
        }
        assert!(badges(1).check(&mut HeaderMap::new(), me).is_err());
    }
}
