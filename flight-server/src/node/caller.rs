//! Who is calling, and which session the call is for.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use session::{Principal, SessionId, StoreError, Token};
use zeroize::Zeroizing;

use super::Node;
use super::failure;
use super::resolve::Proof;
use super::session::{Ended, Session};
use crate::auth::Credentials;
use crate::error::{Error, ErrorCode, Result};

/// The header in which a caller that identifies itself otherwise names its session, by its token.
pub const SESSION_HEADER: &str = "x-pintail-session";

/// The cookie that does the same.
pub const SESSION_COOKIE: &str = "pintail_session";

/// A call whose session is known and lives here.
#[derive(Debug)]
pub struct Caller {
    /// The session the call is for.
    pub session: Arc<Session>,
    /// What its client is to be told, when the session is new.
    pub grant: Option<Grant>,
}

/// The token of a new session, on its way to its client.
pub struct Grant {
    token: Zeroizing<String>,
}

impl Grant {
    fn new(token: &Token) -> Self {
        Self { token: Zeroizing::new(token.expose()) }
    }

    /// The token, to be handed to the client and to no one else.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The response headers that hand the token out: as a Bearer token, and as a cookie for clients that keep those.
    /// They are marked as sensitive.
    pub fn headers(&self) -> HeaderMap {
        let bearer = Zeroizing::new(format!("Bearer {}", self.token.as_str()));
        let cookie =
            Zeroizing::new(format!("{SESSION_COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", self.token.as_str()));
        let mut headers = HeaderMap::with_capacity(2);
        for (name, text) in [(AUTHORIZATION, bearer), (SET_COOKIE, cookie)] {
            // A token is letters, digits, `.`, `-` and `_`, so it is a valid header value always.
            if let Ok(mut value) = HeaderValue::from_str(&text) {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
        headers
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Grant(..)")
    }
}

/// By which way a call reached this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// From a client, over the connection with this other end, if it has one.
    Client(Option<SocketAddr>),
    /// From a peer, which passed it on; with the session of the connection by which it reached the peer, if it has one.
    Peer(Option<SessionId>),
}

impl Node {
    /// Who is calling, and which session the call is for.
    ///
    /// A Bearer token is the session's own. With Basic, the session is the one whose token comes in the header
    /// `x-pintail-session` or the cookie `pintail_session`; without either it is that of the connection, which is
    /// created with the connection's first call and granted in its answer.
    ///
    /// # Errors
    /// What is wrong with the credentials, the token or the session, each by its own code; `DRAINING` for a new
    /// session while the node drains; `STORE_UNAVAILABLE` whenever the store did not say.
    pub async fn caller(self: &Arc<Self>, headers: &HeaderMap, origin: Origin) -> Result<Caller> {
        self.core.check_answering()?;
        match Credentials::from_headers(headers)? {
            Credentials::Bearer(text) => self.bearer(&text, None).await,
            Credentials::Basic { user, password } => {
                let principal = self.core.users.verify(&user, &password).await?;
                if let Some(text) = named_session(headers)? {
                    return self.bearer(&text, Some(&principal)).await;
                }
                match origin {
                    Origin::Client(Some(connection)) => self.of_connection(connection, principal).await,
                    Origin::Peer(Some(id)) => self.of_peers_connection(&id, principal).await,
                    Origin::Client(None) | Origin::Peer(None) => self.open(&principal).await,
                }
            }
        }
    }

    /// A handshake: with Basic it always makes a new session, with Bearer it returns the token's own.
    ///
    /// # Errors
    /// See [`Node::caller`].
    pub async fn handshake(self: &Arc<Self>, headers: &HeaderMap) -> Result<Caller> {
        self.core.check_answering()?;
        match Credentials::from_headers(headers)? {
            Credentials::Bearer(text) => self.bearer(&text, None).await,
            Credentials::Basic { user, password } => {
                let principal = self.core.users.verify(&user, &password).await?;
                self.open(&principal).await
            }
        }
    }

    /// Ends the caller's session, and no other: what runs in it is interrupted, and late calls are told.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE`; the session goes on then. What ended it, when it had ended already.
    pub async fn close_session(&self, caller: &Caller) -> Result<()> {
        let session = &caller.session;
        session.check()?;
        match self.core.store.close(&session.fence, "its client closed it").await {
            Ok(()) => {}
            Err(error @ StoreError::Fenced { .. }) => {
                let error = session.store_failed(error).await;
                // Closed by another call at the same time, or by an earlier one whose answer was lost.
                return if error.code == ErrorCode::SessionClosed { Ok(()) } else { Err(error) };
            }
            Err(error) => return Err(failure::of_store(&error)),
        }
        if let Some(engine) = session.end(Ended::Closed) {
            engine.await.map_err(|error| Error::internal(format_args!("closing the session ended early: {error}")))?;
        }
        Ok(())
    }

    async fn bearer(&self, text: &str, caller: Option<&Principal>) -> Result<Caller> {
        let token = Token::parse(text).map_err(|error| Error::new(ErrorCode::TokenMalformed, error.to_string()))?;
        let hash = self.core.token_key.hash(&token);
        let session = self.core.resolve(token.id(), Proof::Token(&hash), caller).await?;
        Ok(Caller { session, grant: None })
    }

    async fn open(&self, principal: &Principal) -> Result<Caller> {
        let (session, token) = self.core.create(principal).await?;
        Ok(Caller { session, grant: Some(Grant::new(&token)) })
    }

    /// The session that the connection of a peer's client has. When it has ended, the client is told the token of
    /// another, as it would be on the connection itself.
    async fn of_peers_connection(&self, id: &SessionId, principal: Principal) -> Result<Caller> {
        match self.core.resolve(id, Proof::Connection, Some(&principal)).await {
            Ok(session) => Ok(Caller { session, grant: None }),
            Err(error) if has_ended(error.code) => self.open(&principal).await,
            Err(error) => Err(error),
        }
    }

    async fn of_connection(&self, peer: SocketAddr, principal: Principal) -> Result<Caller> {
        let connection = (peer, principal);
        let implicit = self.core.connections.of(&connection);
        let mut current = implicit.lock().await;
        if let Some(id) = &*current {
            match self.core.resolve(id, Proof::Connection, Some(&connection.1)).await {
                Ok(session) => return Ok(Caller { session, grant: None }),
                // It has ended. Nobody named it, so the connection may have another, and is told its token.
                Err(error) if has_ended(error.code) => *current = None,
                Err(error) => return Err(error),
            }
        }
        match self.open(&connection.1).await {
            Ok(caller) => {
                let id = caller.session.id().clone();
                self.core.connections.opened(&connection, &implicit, id.clone());
                *current = Some(id);
                Ok(caller)
            }
            Err(error) => {
                self.core.connections.failed(&connection);
                Err(error)
            }
        }
    }
}

fn has_ended(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::SessionClosed | ErrorCode::SessionExpired | ErrorCode::TokenUnknown)
}

/// The token of the session that the headers name beside the credentials. The header goes before the cookie, since a
/// client sets it on purpose.
pub(super) fn named_session(headers: &HeaderMap) -> Result<Option<Zeroizing<String>>> {
    let unreadable = || {
        Error::new(
            ErrorCode::TokenMalformed,
            "the session token in the header or cookie has characters no token has; send it as it was handed out",
        )
    };
    if let Some(value) = headers.get(SESSION_HEADER) {
        return Ok(Some(Zeroizing::new(value.to_str().map_err(|_| unreadable())?.trim().to_owned())));
    }
    for line in headers.get_all(COOKIE) {
        // Other cookies of the line are nobody's business here, whatever they hold.
        for cookie in line.as_bytes().split(|byte| *byte == b';') {
            let cookie = cookie.trim_ascii();
            if let Some(value) = cookie.strip_prefix(SESSION_COOKIE.as_bytes())
                && let Some(value) = value.strip_prefix(b"=")
            {
                let text = std::str::from_utf8(value).map_err(|_| unreadable())?;
                return Ok(Some(Zeroizing::new(text.trim_matches('"').to_owned())));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn named(headers: &[(&'static str, &'static str)]) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        named_session(&map).unwrap().map(|text| text.to_string())
    }

    #[test]
    fn a_session_is_named_by_header_or_cookie_and_the_header_goes_first() {
        assert_eq!(named(&[]), None);
        assert_eq!(named(&[("cookie", "a=b; pintail_sessions=x; xpintail_session=y")]), None);
        assert_eq!(named(&[("cookie", "a=b;  pintail_session=pt1.a.b ; c=d")]).as_deref(), Some("pt1.a.b"));
        assert_eq!(named(&[("cookie", "a=b"), ("cookie", "pintail_session=\"t\"")]).as_deref(), Some("t"));
        let both = [("cookie", "pintail_session=c"), ("x-pintail-session", " h ")];
        assert_eq!(named(&both).as_deref(), Some("h"));
    }

    #[test]
    fn a_grant_is_a_bearer_token_and_a_session_cookie_and_is_never_shown() {
        let token = Token::generate().unwrap();
        let grant = Grant::new(&token);
        let headers = grant.headers();
        assert_eq!(headers[AUTHORIZATION], format!("Bearer {}", token.expose()).as_str());
        let cookie = headers[SET_COOKIE].to_str().unwrap();
        assert_eq!(cookie, format!("pintail_session={}; Path=/; HttpOnly; SameSite=Strict", token.expose()));
        assert!(headers.values().all(HeaderValue::is_sensitive));
        assert_eq!(format!("{grant:?}"), "Grant(..)");
    }
}
