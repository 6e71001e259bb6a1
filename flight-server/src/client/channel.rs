//! One connection to one server.

use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use arrow_flight::flight_service_client::FlightServiceClient;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::error::{ClientError, with_causes};
use super::uri::ServerUri;

/// The calls of Flight on a connection.
pub(super) type Calls = FlightServiceClient<Channel>;

/// How long the connection itself may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// How much of a result may be under way: enough for fast networks, little beside what a batch takes.
const STREAM_WINDOW: u32 = 4 << 20;

/// The same for all calls of a connection.
const CONNECTION_WINDOW: u32 = 8 << 20;

/// What TLS needs beside the URI, as PEM texts.
#[derive(Clone, Default)]
pub struct ClientTls {
    /// The authorities that the server's certificate is checked with; those of the system without.
    pub authorities: Option<Vec<u8>>,
    /// The client's own certificate and its key, for servers that want one.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// The name that the server's certificate has to have, if not that of the URI.
    pub server_name: Option<String>,
}

impl ClientTls {
    /// What to add when the server ends a connection before it has answered anything. One that asks for certificates may do
    /// so in a way that drops its reason: with TLS 1.3 the client has sent more before it is told.
    pub(super) fn hint(&self, uri: &ServerUri) -> &'static str {
        match uri.is_encrypted && self.identity.is_none() {
            true => {
                " (servers that ask for a client's certificate refuse those without one like this, and none was given)"
            }
            false => "",
        }
    }

    fn config(&self) -> ClientTlsConfig {
        let mut config = match &self.authorities {
            Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
            None => ClientTlsConfig::new().ca_certificates([Certificate::from_pem(authorities_of_the_system())]),
        };
        if let Some((certificate, key)) = &self.identity {
            config = config.identity(Identity::from_pem(certificate, key));
        }
        match &self.server_name {
            Some(name) => config.domain_name(name),
            None => config,
        }
    }
}

/// The authorities that the system trusts, as PEM. Empty where it has none: then no certificate is good.
fn authorities_of_the_system() -> &'static str {
    static PEM: OnceLock<String> = OnceLock::new();
    PEM.get_or_init(|| {
        let mut text = String::new();
        for certificate in rustls_native_certs::load_native_certs().certs {
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
                STANDARD.encode(&certificate)
            );
        }
        text
    })
}

/// Connects to a server. One that is frozen, or cut off, answers no ping: it is asked after `keepalive` of silence, and given
/// as much time again.
///
/// # Errors
/// `CONNECTION_FAILED`.
pub(super) async fn connect(uri: &ServerUri, tls: &ClientTls, keepalive: Duration) -> Result<Calls, ClientError> {
    let channel = channel_to(uri, tls, keepalive).await?;
    Ok(FlightServiceClient::new(channel).max_decoding_message_size(usize::MAX).max_encoding_message_size(usize::MAX))
}

/// A connection to any server of gRPC.
///
/// # Errors
/// `CONNECTION_FAILED`.
pub(crate) async fn channel_to(uri: &ServerUri, tls: &ClientTls, keepalive: Duration) -> Result<Channel, ClientError> {
    let unreachable = |error: tonic::transport::Error| ClientError::unreachable(uri, &why(&error));
    let mut endpoint = Endpoint::from_shared(uri.transport.clone())
        .map_err(unreachable)?
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(keepalive)
        .keep_alive_timeout(keepalive)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    if uri.is_encrypted {
        endpoint = endpoint.tls_config(tls.config()).map_err(unreachable)?;
    }
    endpoint.connect().await.map_err(unreachable)
}

/// The causes alone: the library's own words for it say only that it is an error of the transport.
fn why(error: &tonic::transport::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), with_causes)
}
