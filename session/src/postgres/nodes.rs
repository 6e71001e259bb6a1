//! Nodes and their leases.

use sqlx::query;

use super::connections::Again::Harmless;
use super::connections::Connections;
use super::rows::{answered, get, node_record, session_id};
use super::text::escaped;
use crate::period::seconds;
use crate::{Incarnation, NodeLoad, NodeRecord, NodeRegistration, NodeState, Renewal, Result, StoreError, words};

/// Inserts or refreshes a node, and retires the earlier incarnations of its home.
pub(super) async fn register(db: &Connections, node: &NodeRegistration) -> Result<()> {
    let registered = db.row(Harmless, || {
        query("SELECT register_node($1, $2, $3, $4, $5, $6, $7, $8) AS done")
            .bind(node.incarnation.to_string())
            .bind(node.home.to_string())
            .bind(escaped(&node.name))
            .bind(escaped(&node.advertised_uri))
            .bind(node.peer_uri.as_deref().map(escaped))
            .bind(node.role.as_str())
            .bind(seconds(node.lease))
            .bind(escaped(&node.version))
    });
    alive(get(answered(registered.await?.as_ref())?, "done")?)
}

/// Extends a lease that still runs, and reads what operators asked of the node.
pub(super) async fn renew(db: &Connections, node: Incarnation, lease: f64, load: &NodeLoad) -> Result<Renewal> {
    let [sessions, running, memory_used, memory_limit] = load.numbers();
    let row = db
        .row(Harmless, || {
            query("SELECT drain, revoked FROM renew_node($1, $2, $3, $4, $5, $6)")
                .bind(node.to_string())
                .bind(lease)
                .bind(sessions)
                .bind(running)
                .bind(memory_used)
                .bind(memory_limit)
        })
        .await?;
    let row = answered(row.as_ref())?;
    let drain_requested = get::<Option<bool>>(row, "drain")?.ok_or(StoreError::NodeGone)?;
    let revoked = get::<Vec<String>>(row, "revoked")?.iter().map(|id| session_id(id)).collect::<Result<_>>()?;
    Ok(Renewal { drain_requested, revoked })
}

/// Changes the state of a node that is alive, or retires one in any case.
pub(super) async fn set_state(db: &Connections, node: Incarnation, state: NodeState) -> Result<()> {
    let set = db.row(Harmless, || {
        query("SELECT set_node_state($1, $2) AS done").bind(node.to_string()).bind(words::of_node_state(state))
    });
    alive(get(answered(set.await?.as_ref())?, "done")?)
}

/// Asks the nodes of a name that are alive to drain, and says how many there are.
pub(super) async fn request_drain(db: &Connections, name: &str) -> Result<u64> {
    let asked = db.row(Harmless, || query("SELECT request_drain($1) AS asked").bind(escaped(name)));
    super::rows::number(answered(asked.await?.as_ref())?, "asked")
}

/// All nodes.
pub(super) async fn all(db: &Connections) -> Result<Vec<NodeRecord>> {
    let rows = db.rows(Harmless, || query("SELECT * FROM node_records ORDER BY name, incarnation")).await?;
    rows.iter().map(node_record).collect()
}

/// One node.
pub(super) async fn one(db: &Connections, node: Incarnation) -> Result<Option<NodeRecord>> {
    let found = db.row(Harmless, || query("SELECT * FROM node_records WHERE incarnation = $1").bind(node.to_string()));
    found.await?.as_ref().map(node_record).transpose()
}

fn alive(is_alive: bool) -> Result<()> {
    if is_alive { Ok(()) } else { Err(StoreError::NodeGone) }
}
