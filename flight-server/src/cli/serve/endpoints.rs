//! The sockets the server listens on, and the URIs by which they are reached.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;
use tokio::net::TcpListener;

use crate::config::Config;

/// An address that cannot be listened on.
#[derive(Debug, Error)]
#[error(
    "cannot listen on {address} (--{flag}): {source}; give another address, or port 0 for a free one, with --{flag}"
)]
pub(super) struct BindError {
    flag: &'static str,
    address: SocketAddr,
    source: io::Error,
}

/// Where the server listens, bound.
pub(super) struct Endpoints {
    /// What is listened on.
    pub(super) sockets: Sockets,
    /// How that is reached.
    pub(super) addresses: Addresses,
}

/// The bound sockets.
pub(super) struct Sockets {
    /// Of Flight SQL.
    pub(super) flight: TcpListener,
    /// Of health.
    pub(super) http: TcpListener,
    /// Of peers' calls, in a cluster.
    pub(super) peer: Option<TcpListener>,
}

/// How a server is reached, with the ports that were really bound.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    /// Flight SQL, from this machine.
    pub(super) flight: String,
    /// Health, from this machine.
    pub(super) http: String,
    /// How clients are told to reach this node.
    pub(super) advertised_uri: String,
    /// How peers reach it, in a cluster.
    pub(super) peer_uri: Option<String>,
    /// What the node is called.
    pub(super) node_name: String,
}

impl Endpoints {
    /// Binds all of them, so that whoever connects from now on waits instead of being refused.
    pub(super) async fn bind(config: &Config) -> Result<Self, BindError> {
        let (flight, flight_address) = bind("listen", config.listen).await?;
        let (http, http_address) = bind("http", config.http).await?;
        let peer = match config.peer_listen {
            Some(address) => Some(bind("peer-listen", address).await?),
            None => None,
        };
        let scheme = scheme(config.tls.is_some());
        let host = host_name();
        let from_elsewhere = |scheme: &str, address: SocketAddr| match address.ip().is_unspecified() {
            true => format!("{scheme}://{host}:{}", address.port()),
            false => format!("{scheme}://{address}"),
        };
        let derived = from_elsewhere(scheme, flight_address);
        let peer_scheme = self::scheme(config.peer_tls.is_some());
        let (peer, peer_address) = peer.unzip();
        let peer_uri = peer_address.map(|address| from_elsewhere(peer_scheme, address));
        let addresses = Addresses {
            flight: format!("{scheme}://{}", from_here(flight_address)),
            http: format!("http://{}", from_here(http_address)),
            advertised_uri: config.advertise.clone().unwrap_or(derived),
            peer_uri: peer_uri.map(|derived| config.peer_advertise.clone().unwrap_or(derived)),
            node_name: config.node_name.clone().unwrap_or_else(|| format!("{host}:{}", flight_address.port())),
        };
        Ok(Self { sockets: Sockets { flight, http, peer }, addresses })
    }
}

fn scheme(encrypted: bool) -> &'static str {
    if encrypted { "grpc+tls" } else { "grpc" }
}

async fn bind(flag: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), BindError> {
    let fail = |source| BindError { flag, address, source };
    let listener = TcpListener::bind(address).await.map_err(fail)?;
    let bound = listener.local_addr().map_err(fail)?;
    Ok((listener, bound))
}

/// Where a process on this machine reaches `bound`: "any address" is none to connect to.
fn from_here(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_address_is_reached_by_loopback() {
        for (bound, reached) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:2", "[::1]:2"),
            ("127.0.0.2:3", "127.0.0.2:3"),
            ("[::1]:4", "[::1]:4"),
        ] {
            assert_eq!(bound.parse().map(from_here).map(|address| address.to_string()).as_deref(), Ok(reached));
        }
    }

    #[tokio::test]
    async fn a_taken_address_is_an_error_that_names_its_flag() {
        let taken = bind("listen", SocketAddr::from(([127, 0, 0, 1], 0))).await;
        let address = taken.as_ref().map(|(_, address)| *address).unwrap_or_else(|error| error.address);
        let error = bind("http", address).await.map(|_| ()).map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("(--http)") && text.contains(&address.to_string())));
    }
}
