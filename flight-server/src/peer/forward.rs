//! Passes calls on to the nodes that have their sessions.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Request, Response};
use session::{Incarnation, SessionId, Token};
use tokio::time::Instant;
use tonic::body::Body;
use tower::Service;

use super::badge::{self, Badges};
use super::dial::{Dial, Network};
use super::edge::{connection, is_handshake};
use super::link::Sent;
use super::links::Links;
use super::relay::{Hold, Relay};
use super::replay::Replay;
use super::tls::PeerTls;
use crate::error::{Error, ErrorCode, Result};
use crate::flight::connection::Connection;
use crate::flight::marks::comes_again;
use crate::flight::repeatable::is_repeatable;
use crate::flight::status::{CODE_HEADER, status};
use crate::node::{Node, Peer, Presence, Route, Wanted};

/// The shortest and the longest wait before a node is looked for again.
const SHORTEST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(100);

/// Passes calls on.
pub struct Forwarder {
    pub(super) node: Arc<Node>,
    pub(super) badges: Badges,
    links: Arc<Links>,
}

/// Whose session a call is for.
enum Target {
    Session(SessionId),
    New,
}

/// What came of passing a call on once.
enum Passed {
    Answered(Response<Body>),
    /// The node did not look at it: it cannot be reached, or does not have the session.
    NotServed(String),
    /// It may have served it.
    Lost(Error),
}

impl Forwarder {
    /// One for the calls that reach `node`.
    pub fn new(node: Arc<Node>, badges: Badges, tls: Option<&PeerTls>) -> Self {
        Self::with_dial(node, badges, Arc::new(Network::new(tls)))
    }

    /// One that reaches other nodes by these means.
    pub(crate) fn with_dial(node: Arc<Node>, badges: Badges, dial: Arc<dyn Dial>) -> Self {
        let links = Arc::new(Links::new(Arc::clone(&node), dial));
        Self { node, badges, links }
    }

    /// Serves a client's call, here or elsewhere.
    pub(super) async fn serve<S>(&self, mut inner: S, mut request: Request<Body>) -> Result<Response<Body>, S::Error>
    where
        S: Service<Request<Body>, Response = Response<Body>>,
    {
        badge::take_off(request.headers_mut());
        let wanted = self.node.wanted(request.headers(), connection(&request), is_handshake(&request));
        let target = match wanted {
            Wanted::Nothing => return inner.call(request).await,
            Wanted::New => Target::New,
            Wanted::Session(id) => Target::Session(id),
            Wanted::Connection(of) => {
                let mut current = of.lock().await;
                match current.clone() {
                    Some(id) => {
                        drop(current);
                        return self.find_and_serve(inner, request, &Target::Session(id.clone()), Some(&id)).await;
                    }
                    None if self.node.takes_sessions() => {
                        drop(current);
                        return inner.call(request).await;
                    }
                    None => {
                        // Held, so that calls that come at once over one connection share one session.
                        let response = self.find_and_serve(inner, request, &Target::New, None).await?;
                        match granted(&response) {
                            Some(id) => {
                                self.node.connection_has(&of, &id);
                                *current = Some(id);
                            }
                            None => self.node.connection_has_none(&of),
                        }
                        return Ok(response);
                    }
                }
            }
        };
        self.find_and_serve(inner, request, &target, None).await
    }

    /// Serves a call wherever its session is. `connection_session` is that of its connection, when it names none.
    async fn find_and_serve<S>(
        &self,
        mut inner: S,
        request: Request<Body>,
        target: &Target,
        connection_session: Option<&SessionId>,
    ) -> Result<Response<Body>, S::Error>
    where
        S: Service<Request<Body>, Response = Response<Body>>,
    {
        let mut route = match self.route(target, false, &[]).await {
            // Nearly every call: it needs no copy of anything.
            Ok(Route::Here(Some(_presence @ Presence::In { .. }))) => return inner.call(request).await,
            Ok(route) => route,
            Err(error) => return Ok(status(&error).into_http()),
        };
        let (parts, body) = request.into_parts();
        let replay = Replay::new(body);
        let mut search = Search::new(self.node.options().lease);
        loop {
            let Some(body) = replay.send() else {
                return Ok(status(&cannot_repeat()).into_http());
            };
            let why = match route {
                Route::Here(presence) => {
                    let response = inner.call(repeat(&parts, Body::new(body))).await?;
                    drop(presence);
                    // Another node took it, or this one may not keep it, between the look and the call.
                    if !is_moved(&response) || search.is_over() {
                        return Ok(response);
                    }
                    "another node took the session".to_owned()
                }
                Route::Owner(peer) | Route::Elsewhere(peer) => {
                    let request = repeat(&parts, Body::new(body));
                    let why = match self.pass(&peer, request, connection_session).await {
                        Passed::Answered(response) => return Ok(response),
                        Passed::NotServed(why) => why,
                        Passed::Lost(error) => {
                            if !replay.all().is_some_and(|body| is_repeatable(parts.uri.path(), &body)) {
                                return Ok(status(&error).into_http());
                            }
                            error.message
                        }
                    };
                    search.failed(&peer);
                    if search.is_over() {
                        return Ok(status(&unreachable(&peer, &why)).into_http());
                    }
                    why
                }
            };
            tracing::debug!(why, "looking again for the node that serves a call");
            if let Target::Session(id) = target {
                self.node.forget_route(id);
            }
            route = loop {
                search.pause().await;
                match self.route(target, true, &search.failed).await {
                    Ok(route) => break route,
                    Err(error) if search.is_over() => return Ok(status(&error).into_http()),
                    // The store may answer again, and a node may come back, while the call is held.
                    Err(_) => search.failed.clear(),
                }
            };
        }
    }

    async fn route(&self, target: &Target, fresh: bool, avoid: &[Incarnation]) -> Result<Route> {
        match target {
            Target::Session(id) => self.node.route(id, fresh, avoid).await,
            Target::New => self.node.route_new(avoid).await,
        }
    }

    /// Whether the answer is held when the connection of its client breaks.
    fn hold(&self, request: &Request<Body>) -> Option<Hold> {
        let grace = self.node.options().stream_grace;
        let connection = Connection::of(request.extensions()).filter(|_| comes_again(request.headers()))?;
        Some(Hold { end: connection.end.clone(), grace })
    }

    /// Passes a call on to a peer, once.
    async fn pass(&self, peer: &Peer, mut request: Request<Body>, connection_session: Option<&SessionId>) -> Passed {
        let forwarded = self.node.forwarding();
        let held = self.hold(&request);
        let link = match self.links.to(peer).await {
            Ok(link) => link,
            Err(error) => return Passed::NotServed(format!("node {} cannot be reached: {error}", peer.name)),
        };
        self.badges.put_on(request.headers_mut(), self.node.incarnation(), peer.incarnation, connection_session);
        match link.send(request).await {
            // It may have taken the session for this call, and handed it back before the call was in it.
            Sent::Answered(response) if badge::says_moved(response.headers()) || is_moved(&response) => {
                Passed::NotServed(format!("node {} does not have the session", peer.name))
            }
            Sent::Answered(response) => Passed::Answered(
                response.map(|body| Body::new(Relay::new(body, peer.name.clone(), link, held, forwarded))),
            ),
            Sent::Unsent => Passed::NotServed(format!("the connection to node {} broke", peer.name)),
            Sent::Lost(error) => Passed::Lost(lost(&peer.name, &error)),
        }
    }
}

impl fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarder").finish_non_exhaustive()
    }
}

/// How long a call has been held while its node is looked for.
struct Search {
    over_at: Instant,
    pause: Duration,
    failed: Vec<Incarnation>,
}

impl Search {
    /// A node that died is given up when its lease is over, which takes a whole lease at most; the rest is for taking
    /// the session over.
    fn new(lease: Duration) -> Self {
        Self {
            over_at: Instant::now() + lease + lease / 2 + Duration::from_secs(1),
            pause: SHORTEST,
            failed: Vec::new(),
        }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.over_at
    }

    fn failed(&mut self, peer: &Peer) {
        self.failed.push(peer.incarnation);
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST);
    }
}

/// The call once more, with another copy of its body.
fn repeat(parts: &Parts, body: Body) -> Request<Body> {
    let mut request = Request::new(body);
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = parts.uri.clone();
    *request.version_mut() = parts.version;
    *request.headers_mut() = parts.headers.clone();
    *request.extensions_mut() = parts.extensions.clone();
    request
}

/// The session that an answer grants.
fn granted(response: &Response<Body>) -> Option<SessionId> {
    let text = response.headers().get(AUTHORIZATION)?.to_str().ok()?;
    Token::parse(text.strip_prefix("Bearer ")?).ok().map(|token| token.id().clone())
}

/// Whether this node answered that it may not serve the session, before it did anything.
fn is_moved<B>(response: &Response<B>) -> bool {
    let code = response.headers().get(CODE_HEADER);
    code.is_some_and(|code| code == ErrorCode::SessionMoved.name() || code == ErrorCode::Draining.name())
}

/// A peer was lost while it served a call.
pub(super) fn lost(peer: &str, error: &hyper::Error) -> Error {
    Error::new(
        ErrorCode::PeerLost,
        format!(
            "node {peer}, which has the session, was lost while it served the call ({error}): whether the call took \
             effect is not known; the session goes on, so look, and send the call again if it did not"
        ),
    )
}

fn unreachable(peer: &Peer, why: &str) -> Error {
    Error::new(
        ErrorCode::PeerUnreachable,
        format!(
            "node {} has the session and is alive, but this node cannot reach it at {}: {why}; nothing was run: send the \
             call again, or to that node",
            peer.name, peer.uri
        ),
    )
}

fn cannot_repeat() -> Error {
    Error::new(
        ErrorCode::SessionMoved,
        "the session moved to another node while the call was sent; nothing of it was run: send it again",
    )
}
