//! Mutual TLS between nodes.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

/// How the nodes of a cluster prove to each other who they are, beside the cluster secret, and keep to themselves what
/// they say.
#[derive(Clone)]
pub struct PeerTls {
    pub(super) client: Arc<ClientConfig>,
    pub(crate) server: ServerTlsConfig,
}

/// Why TLS between nodes cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum PeerTlsError {
    /// A file could not be read.
    #[error("cannot read {}: {source}; it is needed for TLS between nodes", .path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is no PEM.
    #[error("{} holds nothing that can be read as PEM: {source}", .path.display())]
    Pem {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The files do not belong together.
    #[error("TLS between nodes cannot be set up; check that certificate and key belong together: {0}")]
    Tls(#[from] rustls::Error),
}

impl PeerTls {
    /// A node with this certificate and key, among nodes whose certificates this CA has signed.
    ///
    /// # Errors
    /// See [`PeerTlsError`].
    pub fn read(certificate: &Path, key: &Path, ca: &Path) -> Result<Self, PeerTlsError> {
        let bytes = |path: &Path| fs::read(path).map_err(|source| PeerTlsError::File { path: path.to_owned(), source });
        let (certificate_pem, key_pem, ca_pem) = (bytes(certificate)?, bytes(key)?, bytes(ca)?);
        let no_pem = |path: &Path| {
            let path = path.to_owned();
            move |source| PeerTlsError::Pem { path, source }
        };
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(&ca_pem) {
            roots.add(root.map_err(no_pem(ca))?)?;
        }
        let chain = CertificateDer::pem_slice_iter(&certificate_pem).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(no_pem(certificate))?;
        let own = PrivateKeyDer::from_pem_slice(&key_pem).map_err(no_pem(key))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, own)?;
        client.alpn_protocols = vec![b"h2".to_vec()];
        let server = ServerTlsConfig::new()
            .identity(Identity::from_pem(&certificate_pem, &key_pem))
            .client_ca_root(Certificate::from_pem(&ca_pem));
        Ok(Self { client: Arc::new(client), server })
    }
}

impl fmt::Debug for PeerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerTls(..)")
    }
}
