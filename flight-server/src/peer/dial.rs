//! How the bytes for a peer reach it.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use http::Uri;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::tls::PeerTls;

/// What a peer is spoken to by.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Opens the connections to peers. Simulations have one that needs no network.
#[async_trait]
pub(crate) trait Dial: Send + Sync + 'static {
    /// A new connection to where a peer takes the calls of its peers.
    ///
    /// # Errors
    /// When nobody can be reached there.
    async fn dial(&self, uri: &Uri) -> io::Result<Box<dyn Stream>>;
}

/// The network, with TLS for peers that want it.
pub(super) struct Network {
    tls: Option<Arc<ClientConfig>>,
}

impl Network {
    pub(super) fn new(tls: Option<&PeerTls>) -> Self {
        Self { tls: tls.map(|tls| Arc::clone(&tls.client)) }
    }
}

#[async_trait]
impl Dial for Network {
    async fn dial(&self, uri: &Uri) -> io::Result<Box<dyn Stream>> {
        let (Some(host), Some(port)) = (uri.host(), uri.port_u16()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{uri} names no host and port")));
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        match (is_encrypted(uri), &self.tls) {
            (false, _) => Ok(Box::new(stream)),
            (true, Some(tls)) => {
                let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
                Ok(Box::new(TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?))
            }
            (true, None) => Err(io::Error::other("it takes TLS only, and this node has no --peer-tls-ca")),
        }
    }
}

/// Whether a peer takes TLS only.
pub(super) fn is_encrypted(uri: &Uri) -> bool {
    uri.scheme_str() == Some("grpc+tls")
}
