//! The gRPC server: a listener, TLS if wanted, Flight, and the services of health and reflection.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

#[cfg(test)]
use arrow_flight::flight_service_server::FlightServiceServer;
use futures::TryStreamExt as _;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server, ServerTlsConfig};
use tonic_health::pb::health_server::HealthServer;
use tower::util::{MapRequestLayer, MapResponseLayer, option_layer};

use super::connection::Noticed;
use super::deadline::DeadlineLayer;
use super::driver::DriverLayer;
use super::handlers::Handlers;
use super::health::ServerHealth;
use super::message_limits::Limited;
use super::node_handlers::NodeHandlers;
use super::service::Service;
use super::untyped::TypedLayer;
use super::{broken_off, handshake, message_encoding, reflection, uncopied};
use crate::node::Node;
use crate::peer::{self, Callers, EdgeLayer, Forwarder, PeerTls};

/// How much of one upload may be under way, in bytes, before the client waits. With the default of 64 KiB every upload
/// is as slow as the network's round trip.
const UPLOAD_WINDOW: u32 = 1 << 20;

/// The same for all uploads of a connection.
const CONNECTION_WINDOW: u32 = 4 << 20;

/// The largest frame that is read, in bytes.
const FRAME: u32 = 16 << 10;

/// How many calls one connection may have under way: a pool of many clients' sessions may share one.
const MAX_CALLS: u32 = 10_000;

/// How often a connection is asked whether its client is still there. What runs for a client that vanished without a
/// word is stopped [`KEEPALIVE_TIMEOUT`] after that.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// How long the answer may take.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Why the server ended, or did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// TLS cannot be set up.
    #[error("TLS cannot be set up; check that certificate, key and client CA are PEM and belong together: {}", causes(.0))]
    Tls(#[source] tonic::transport::Error),
    /// It failed while serving.
    #[error("the Flight server failed: {}", causes(.0))]
    Transport(#[source] tonic::transport::Error),
    /// The descriptions of its services, which are part of the program, cannot be read.
    #[error("the reflection service cannot describe the server: {0}; this is a bug, please report it")]
    Reflection(#[source] Box<reflection::Unreadable>),
}

/// The transport's errors say next to nothing themselves; what led to them does.
fn causes(error: &tonic::transport::Error) -> String {
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What a port of `node` serves, for callers in the same process.
#[cfg(test)]
pub(crate) fn in_process(
    node: &Arc<Node>,
    callers: Callers,
    forwarder: &Arc<Forwarder>,
) -> impl tower::Service<
    http::Request<tonic::body::Body>,
    Response = http::Response<tonic::body::Body>,
    Error = std::convert::Infallible,
    Future: Send,
> + Clone
+ Send
+ Sync
+ use<> {
    use tower::Layer as _;

    let handlers = Arc::new(NodeHandlers::new(Arc::clone(node)));
    let flight = FlightServiceServer::new(Service::new(handlers));
    let flight = MapResponseLayer::new(uncopied::with_rows).layer(flight);
    let flight = TypedLayer.layer(MapRequestLayer::new(broken_off::with_broken_end).layer(flight));
    EdgeLayer::new(callers, Arc::clone(forwarder)).layer(flight)
}

/// A Flight server that has its address, but takes no calls yet.
pub struct FlightServer<H = NodeHandlers> {
    listener: TcpListener,
    tls: Option<ServerTlsConfig>,
    handlers: Arc<H>,
    edge: Option<EdgeLayer>,
    connection_window: u32,
    frame: u32,
}

impl FlightServer {
    /// A server for the clients of `node` on `listener`, with TLS when there is a configuration for it.
    pub fn new(
        listener: TcpListener,
        tls: Option<ServerTlsConfig>,
        node: Arc<Node>,
        forwarder: &Arc<Forwarder>,
    ) -> Self {
        let edge = EdgeLayer::new(Callers::Clients, Arc::clone(forwarder));
        Self { edge: Some(edge), ..Self::with_handlers(listener, tls, NodeHandlers::new(node)) }
    }

    /// A server for the peers of `node` on `listener`, which pass the calls of their clients on.
    pub fn for_peers(
        listener: TcpListener,
        tls: Option<&PeerTls>,
        node: Arc<Node>,
        forwarder: &Arc<Forwarder>,
    ) -> Self {
        let edge = EdgeLayer::new(Callers::Peers, Arc::clone(forwarder));
        let tls = tls.map(|tls| tls.server.clone());
        Self {
            edge: Some(edge),
            // All of a peer's clients share a connection: none of them may keep the others from uploading.
            connection_window: peer::CONNECTION_WINDOW,
            frame: peer::FRAME,
            ..Self::with_handlers(listener, tls, NodeHandlers::new(node))
        }
    }
}

impl<H: Handlers> FlightServer<H> {
    /// The same server before any handlers, with nobody to pass calls on to.
    pub fn with_handlers(listener: TcpListener, tls: Option<ServerTlsConfig>, handlers: H) -> Self {
        let (connection_window, frame) = (CONNECTION_WINDOW, FRAME);
        Self { listener, tls, handlers: Arc::new(handlers), edge: None, connection_window, frame }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` resolves; then takes no more connections, lets the calls that run come to their end, and
    /// returns.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), ServerError> {
        let mut builder = Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .initial_stream_window_size(UPLOAD_WINDOW)
            .initial_connection_window_size(self.connection_window)
            .max_frame_size(self.frame)
            .max_concurrent_streams(MAX_CALLS);
        if let Some(tls) = self.tls {
            builder = builder.tls_config(tls).map_err(ServerError::Tls)?;
        }
        let health = HealthServer::new(ServerHealth::new(self.handlers.clone()));
        let incoming = TcpIncoming::from(self.listener).with_nodelay(Some(true));
        let router = builder
            .layer(MapRequestLayer::new(handshake::with_token_where_it_is_looked_for))
            // Around the edge: a call that is passed on has the same time.
            .layer(DeadlineLayer)
            .layer(option_layer(self.edge))
            .layer(TypedLayer)
            .layer(DriverLayer)
            .layer(MapRequestLayer::new(message_encoding::as_the_client_does))
            .layer(MapRequestLayer::new(broken_off::with_broken_end))
            .layer(MapResponseLayer::new(uncopied::with_rows))
            .add_service(health)
            .add_service(reflection::v1().map_err(ServerError::Reflection)?)
            .add_service(reflection::v1alpha().map_err(ServerError::Reflection)?)
            .add_service(Limited::new(Service::new(self.handlers)));
        let served = router.serve_with_incoming_shutdown(incoming.map_ok(Noticed::new), shutdown).await;
        served.map_err(ServerError::Transport)
    }
}
