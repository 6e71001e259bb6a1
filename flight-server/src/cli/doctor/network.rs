//! The ports that a server would listen on.

use std::io::ErrorKind;

use tokio::net::TcpListener;

use super::directories::RunningServer;
use super::report::Check;
use crate::config::Config;

pub(super) async fn ports(config: &Config, server: Option<RunningServer>) -> Vec<Check> {
    let mut checks = Vec::new();
    for (flag, address) in [("--listen", config.listen), ("--http", config.http)] {
        let name = format!("{flag} {address}");
        checks.push(match TcpListener::bind(address).await {
            Ok(_) => Check::ok(name, "is free"),
            Err(error) if error.kind() == ErrorKind::AddrInUse && server.is_some() => {
                Check::ok(name, "is in use, and a server runs on the data directory: it may be that server")
            }
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                Check::fail(name, format!("is in use by another process; end that, or give another with {flag}"))
            }
            Err(error) => Check::fail(name, format!("can't be listened on: {error}; give another with {flag}")),
        });
    }
    checks
}
