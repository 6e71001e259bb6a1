//! The gRPC server: a listener, TLS if wanted, Flight, and the services of health and reflection.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use tokio::net::TcpListener;
use tonic::codec::CompressionEncoding;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server, ServerTlsConfig};
use tonic_health::pb::health_server::HealthServer;

use super::handlers::Handlers;
use super::health::ServerHealth;
use super::message_encoding::PlainRowsLayer;
use super::node_handlers::NodeHandlers;
use super::reflection;
use super::service::Service;
use super::untyped::TypedLayer;
use crate::node::Node;

/// The largest message that is read, in bytes. Clients upload a batch as one message whatever its size, and the default
/// of 4 MiB is soon reached; beyond 1 GiB a single message is more likely a mistake, and it is held in memory whole.
const MAX_MESSAGE: usize = 1 << 30;

/// How much of one upload may be under way, in bytes, before the client waits. With the default of 64 KiB every upload
/// is as slow as the network's round trip.
const UPLOAD_WINDOW: u32 = 1 << 20;

/// The same for all uploads of a connection.
const CONNECTION_WINDOW: u32 = 4 << 20;

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

/// A Flight server that has its address, but takes no calls yet.
pub struct FlightServer<H = NodeHandlers> {
    listener: TcpListener,
    tls: Option<ServerTlsConfig>,
    handlers: Arc<H>,
}

impl FlightServer {
    /// A server for `node` on `listener`, with TLS when there is a configuration for it.
    pub fn new(listener: TcpListener, tls: Option<ServerTlsConfig>, node: Arc<Node>) -> Self {
        Self::with_handlers(listener, tls, NodeHandlers::new(node))
    }
}

impl<H: Handlers> FlightServer<H> {
    /// The same server, before other handlers.
    pub fn with_handlers(listener: TcpListener, tls: Option<ServerTlsConfig>, handlers: H) -> Self {
        Self { listener, tls, handlers: Arc::new(handlers) }
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
            .initial_connection_window_size(CONNECTION_WINDOW);
        if let Some(tls) = self.tls {
            builder = builder.tls_config(tls).map_err(ServerError::Tls)?;
        }
        let health = HealthServer::new(ServerHealth::new(self.handlers.clone()));
        let mut flight = FlightServiceServer::new(Service::new(self.handlers)).max_decoding_message_size(MAX_MESSAGE);
        for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
            flight = flight.accept_compressed(encoding).send_compressed(encoding);
        }
        builder
            .layer(TypedLayer)
            .layer(PlainRowsLayer)
            .add_service(health)
            .add_service(reflection::v1().map_err(ServerError::Reflection)?)
            .add_service(reflection::v1alpha().map_err(ServerError::Reflection)?)
            .add_service(flight)
            .serve_with_incoming_shutdown(TcpIncoming::from(self.listener).with_nodelay(Some(true)), shutdown)
            .await
            .map_err(ServerError::Transport)
    }
}
