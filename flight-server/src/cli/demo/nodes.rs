//! The three servers of the demonstration, which are peers: each serves any session.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use uuid::Uuid;

use super::error::DemoError;
use super::server::{LEASE, PASSWORD, Place, Ready, Server};

const NAMES: [&str; 3] = ["A", "B", "C"];

/// The nodes.
#[derive(Default)]
pub(in crate::cli) struct Nodes(Vec<Node>);

/// One of them; it has no server while it is dead.
struct Node {
    place: Place,
    ready: Ready,
    server: Option<Server>,
}

impl Nodes {
    /// How long a node is believed to be alive without a word from it.
    pub(in crate::cli) const LEASE: Duration = LEASE;

    /// Starts them, one after the other, into `self`, where the caller can end them at any moment.
    pub(in crate::cli) async fn start(&mut self, shared: &Path) -> Result<(), DemoError> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(shared.join(PASSWORD));
        let password = Uuid::new_v4().simple().to_string();
        let written = file.and_then(|mut file| file.write_all(password.as_bytes()));
        written.map_err(DemoError::io("write the password"))?;
        for name in NAMES {
            let mut place = Place::new(name, shared);
            let server = Server::start(&place).await?;
            let ready = Ready { password: password.clone(), ..server.ready.clone() };
            // Started again, it must be where clients expect it.
            place.listen = ready.flight.trim_start_matches("grpc://").to_owned();
            place.http = ready.http.trim_start_matches("http://").to_owned();
            self.0.push(Node { place, ready, server: Some(server) });
        }
        Ok(())
    }

    /// Where they are.
    pub(in crate::cli) fn all(&self) -> impl Iterator<Item = &Ready> {
        self.0.iter().map(|node| &node.ready)
    }

    /// The name of the node that listens there.
    pub(super) fn name_of(&self, uri: &str) -> &'static str {
        self.0.iter().find(|node| node.ready.flight == uri).map_or("?", |node| node.place.name)
    }

    /// Where a node is that lives, other than this.
    pub(super) fn other_than(&self, uri: &str) -> Option<&Ready> {
        self.0.iter().find(|node| node.server.is_some() && node.ready.flight != uri).map(|node| &node.ready)
    }

    /// Kills the node that listens there, with SIGKILL; the id that its process had.
    pub(in crate::cli) async fn kill(&mut self, uri: &str) -> Result<u32, DemoError> {
        let node = self.0.iter_mut().find(|node| node.ready.flight == uri);
        let Some(mut server) = node.and_then(|node| node.server.take()) else { return Ok(0) };
        let process = server.process().unwrap_or_default();
        server.kill().await?;
        Ok(process)
    }

    /// Starts those again that are dead.
    pub(in crate::cli) async fn revive(&mut self) -> Result<(), DemoError> {
        for node in self.0.iter_mut().filter(|node| node.server.is_none()) {
            node.server = Some(Server::start(&node.place).await?);
        }
        Ok(())
    }

    /// Resolves when one ends by itself.
    pub(super) async fn ended(&mut self) -> DemoError {
        let servers = self.0.iter_mut().filter_map(|node| node.server.as_mut());
        futures::future::select_all(servers.map(|server| Box::pin(server.ended()))).await.0
    }

    /// Asks all to end, and insists after a while.
    pub(in crate::cli) async fn stop(self) {
        let servers = self.0.into_iter().filter_map(|node| node.server);
        futures::future::join_all(servers.map(Server::stop)).await;
    }
}
