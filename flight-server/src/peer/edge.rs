//! What stands in front of the RPCs of a port.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::badge::{self, Checked};
use super::forward::Forwarder;
use super::outliving::Outliving;
use crate::flight::connection::Connection;
use crate::flight::status::status;
use crate::node::{Route, Wanted};

/// Where Flight's RPCs are; those of other services are about the node itself.
const FLIGHT: &str = "/arrow.flight.protocol.FlightService/";

/// The RPC that makes sessions.
const HANDSHAKE: &str = "/arrow.flight.protocol.FlightService/Handshake";

/// Who calls at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Callers {
    /// Clients: what is not to be served here is passed on.
    Clients,
    /// Peers, which show that they are: what is not to be served here is refused, for its sender to look again.
    Peers,
}

/// Puts [`Edge`] around a service.
#[derive(Clone)]
pub(crate) struct EdgeLayer {
    callers: Callers,
    forwarder: Arc<Forwarder>,
}

impl EdgeLayer {
    pub(crate) fn new(callers: Callers, forwarder: Arc<Forwarder>) -> Self {
        Self { callers, forwarder }
    }
}

impl<S> Layer<S> for EdgeLayer {
    type Service = Edge<S>;

    fn layer(&self, inner: S) -> Edge<S> {
        Edge { inner, callers: self.callers, forwarder: Arc::clone(&self.forwarder) }
    }
}

/// Sees to it that each call is served by the node that has its session.
#[derive(Clone)]
pub(crate) struct Edge<S> {
    inner: S,
    callers: Callers,
    forwarder: Arc<Forwarder>,
}

impl<S> Service<Request<Body>> for Edge<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The one that was made ready is to be called.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        if !request.uri().path().starts_with(FLIGHT) {
            return Box::pin(inner.call(request));
        }
        let forwarder = Arc::clone(&self.forwarder);
        match self.callers {
            Callers::Clients => Box::pin(async move { forwarder.serve(inner, request).await }),
            Callers::Peers => {
                let end = Connection::of(request.extensions()).map(|connection| connection.end.clone());
                let call = async move { serve_peer(&forwarder, inner, request).await };
                Box::pin(Outliving::new(call, end))
            }
        }
    }
}

/// Serves a peer's call if its session is here, or may come here.
async fn serve_peer<S>(
    forwarder: &Forwarder,
    mut inner: S,
    mut request: Request<Body>,
) -> Result<Response<Body>, S::Error>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    let node = &forwarder.node;
    let from = match forwarder.badges.check(request.headers_mut(), node.incarnation()) {
        Ok(Checked::Peer(from)) => from,
        Ok(Checked::Stale) => return Ok(moved()),
        Err(error) => return Ok(status(&error).into_http()),
    };
    let wanted = match &from.connection_session {
        Some(id) => Wanted::Session(id.clone()),
        None => node.wanted(request.headers(), None, is_handshake(&request)),
    };
    let route = match &wanted {
        // What this node remembers of other nodes is not asked: the call would go in circles.
        Wanted::Session(id) => node.route(id, true, &[]).await,
        Wanted::Connection(_) | Wanted::New => node.route_new(&[]).await,
        Wanted::Nothing => Ok(Route::Here(None)),
    };
    let _presence = match route {
        Ok(Route::Here(presence)) => presence,
        Ok(Route::Owner(_) | Route::Elsewhere(_)) => return Ok(moved()),
        Err(error) => return Ok(status(&error).into_http()),
    };
    request.extensions_mut().insert(from);
    inner.call(request).await
}

/// Tells a peer to look again where the session is.
fn moved() -> Response<Body> {
    let mut response = Status::new(Code::Unavailable, "the session is not here").into_http::<Body>();
    badge::say_moved(response.headers_mut());
    response
}

/// Whether a call is to make a session.
pub(super) fn is_handshake(request: &Request<Body>) -> bool {
    request.uri().path() == HANDSHAKE
}

/// The connection by which a client's call came.
pub(super) fn connection(request: &Request<Body>) -> Option<SocketAddr> {
    Connection::of(request.extensions()).and_then(|connection| connection.remote)
}
