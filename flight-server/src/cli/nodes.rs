//! `pintail nodes`: the nodes that the store knows.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};
use session::{NodeRecord, NodeState, SessionStore};
use thiserror::Error;

use super::moment::moment;
use super::rows::{Cell, RowFormat, Rows};
use super::store::OpenStoreError;
use super::{USAGE, store, wait_for};
use crate::config::{Config, ConfigError, arguments_of, nearest};

/// Why a command did not do what it was asked for.
#[derive(Debug, Error)]
enum NodesError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(
        "no node named {} is alive{}", .name.escape_debug(),
        nearest(name, known.iter().map(String::as_str)).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
    )]
    Unknown { name: String, known: Vec<String> },
    #[error(transparent)]
    OpenStore(#[from] OpenStoreError),
    #[error(transparent)]
    Store(#[from] session::StoreError),
    #[error("cannot print: {0}")]
    Output(io::Error),
}

impl NodesError {
    /// 2 when what was asked for is wrong, 1 when doing it failed.
    fn exit_code(&self) -> ExitCode {
        if matches!(self, Self::Config(_)) { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
    }
}

/// The subcommands.
pub(super) fn command() -> Command {
    // What tells which store is meant, the same as for `serve`.
    let place = || arguments_of(&["config", "data-dir", "store"]);
    let ls =
        Command::new("ls").about("Lists the nodes, and how loaded they are").arg(RowFormat::argument()).args(place());
    let drain = Command::new("drain")
        .about("Has a node take no more sessions, and hand those it has to its peers; it goes on running")
        .arg(Arg::new("name").value_name("NAME").required(true).help("The node's name, as `pintail nodes ls` shows it"))
        .args(place());
    Command::new("nodes")
        .about("The nodes of the cluster")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([ls, drain])
}

/// Runs the subcommand that was chosen.
pub(super) fn run(chosen: &ArgMatches) -> ExitCode {
    wait_for(dispatch(chosen), NodesError::exit_code)
}

async fn dispatch(chosen: &ArgMatches) -> Result<(), NodesError> {
    let Some((_, flags)) = chosen.subcommand() else { return Ok(()) };
    let config = Config::load(flags)?;
    let store = store::open_existing(&config).await?;
    match flags.try_get_one::<String>("name").ok().flatten() {
        Some(name) => drain(&*store, name).await,
        None => list(&store.nodes().await?)
            .write(RowFormat::chosen(flags), &mut io::stdout().lock())
            .map_err(NodesError::Output),
    }
}

async fn drain(store: &dyn SessionStore, name: &str) -> Result<(), NodesError> {
    if store.request_drain(name).await? == 0 {
        let alive = store.nodes().await?.into_iter().filter(|node| !node.lease_left.is_zero());
        return Err(NodesError::Unknown { name: name.to_owned(), known: alive.map(|node| node.name).collect() });
    }
    // When standard error is closed, nobody wants to know.
    let _ = writeln!(
        io::stderr().lock(),
        "node {name} drains: `pintail nodes ls` tells when it has no sessions any more; then it can be ended"
    );
    Ok(())
}

fn list(nodes: &[NodeRecord]) -> Rows<10> {
    let number = |number: u64| usize::try_from(number).map_or(Cell::Nothing, Cell::Number);
    let rows = nodes.iter().map(|node| {
        [
            Cell::Text(node.name.clone()),
            Cell::Text(node.role.to_string()),
            Cell::Text(state(node).to_owned()),
            number(node.load.sessions),
            number(node.load.running),
            Cell::Number(usize::try_from(node.load.memory_used >> 20).unwrap_or(usize::MAX)),
            Cell::Text(node.advertised_uri.clone()),
            node.peer_uri.clone().into(),
            Cell::Text(moment(node.registered_at)),
            Cell::Text(node.version.clone()),
        ]
    });
    let names = ["name", "role", "state", "sessions", "running", "memory_mib", "flight", "peer", "since", "version"];
    Rows { names, rows: rows.collect() }
}

/// Where it is in its life, as it would be found to be.
fn state(node: &NodeRecord) -> &'static str {
    match node.state {
        NodeState::Gone => "gone",
        NodeState::Live | NodeState::Draining if node.lease_left.is_zero() => "dead",
        NodeState::Live if node.drain_requested => "draining",
        NodeState::Live => "live",
        NodeState::Draining => "draining",
    }
}
