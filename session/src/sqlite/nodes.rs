//! Nodes and their leases.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;

use super::failure::failed;
use super::rows::{node_record, node_state_text};
use crate::period::seconds;
use crate::{Incarnation, NodeRecord, NodeRegistration, NodeState, Result, StoreError};

/// Inserts or refreshes a node, and retires the earlier incarnations of its home.
pub(super) async fn register(db: &mut SqliteConnection, node: &NodeRegistration) -> Result<()> {
    sqlx::query(
        "UPDATE nodes SET state = 'gone', lease_until = min(lease_until, unixepoch('subsec'))
         WHERE home = ?1 AND incarnation <> ?2",
    )
    .bind(node.home.to_string())
    .bind(node.incarnation.to_string())
    .execute(&mut *db)
    .await
    .map_err(failed)?;

    let done = sqlx::query(
        "INSERT INTO nodes (incarnation, home, name, advertised_uri, peer_uri, state, lease_until, registered_at, version)
         VALUES (?1, ?2, ?3, ?4, ?5, 'live', unixepoch('subsec') + ?6, unixepoch('subsec'), ?7)
         ON CONFLICT (incarnation) DO UPDATE SET
             home = excluded.home, name = excluded.name, advertised_uri = excluded.advertised_uri,
             peer_uri = excluded.peer_uri, state = excluded.state, lease_until = excluded.lease_until,
             version = excluded.version
         WHERE nodes.incarnation IN (SELECT incarnation FROM alive_nodes)",
    )
    .bind(node.incarnation.to_string())
    .bind(node.home.to_string())
    .bind(&node.name)
    .bind(&node.advertised_uri)
    .bind(&node.peer_uri)
    .bind(seconds(node.lease))
    .bind(&node.version)
    .execute(&mut *db)
    .await
    .map_err(failed)?;
    if done.rows_affected() == 0 { Err(StoreError::NodeGone) } else { Ok(()) }
}

/// Extends a lease that still runs.
pub(super) async fn renew(db: &SqlitePool, node: Incarnation, lease_seconds: f64) -> Result<()> {
    let done = sqlx::query(
        "UPDATE nodes SET lease_until = unixepoch('subsec') + ?2
         WHERE incarnation = (SELECT incarnation FROM alive_nodes WHERE incarnation = ?1)",
    )
    .bind(node.to_string())
    .bind(lease_seconds)
    .execute(db)
    .await
    .map_err(failed)?;
    if done.rows_affected() == 0 { Err(StoreError::NodeGone) } else { Ok(()) }
}

/// Changes the state of a node that is alive, or retires one in any case.
pub(super) async fn set_state(db: &SqlitePool, node: Incarnation, state: NodeState) -> Result<()> {
    if state == NodeState::Gone {
        sqlx::query(
            "UPDATE nodes SET state = 'gone', lease_until = min(lease_until, unixepoch('subsec')) WHERE incarnation = ?1",
        )
        .bind(node.to_string())
        .execute(db)
        .await
        .map_err(failed)?;
        return Ok(());
    }
    let done = sqlx::query(
        "UPDATE nodes SET state = ?2
         WHERE incarnation = (SELECT incarnation FROM alive_nodes WHERE incarnation = ?1)",
    )
    .bind(node.to_string())
    .bind(node_state_text(state))
    .execute(db)
    .await
    .map_err(failed)?;
    if done.rows_affected() == 0 { Err(StoreError::NodeGone) } else { Ok(()) }
}

/// All nodes.
pub(super) async fn all(db: &SqlitePool) -> Result<Vec<NodeRecord>> {
    let rows = sqlx::query(
        "SELECT *, iif(state = 'gone', 0.0, max(lease_until - unixepoch('subsec'), 0.0)) AS lease_left
         FROM nodes ORDER BY name, incarnation",
    )
    .fetch_all(db)
    .await
    .map_err(failed)?;
    rows.iter().map(node_record).collect()
}

/// Whether a node may take a session, as an error if not.
pub(super) async fn check_takes_sessions(db: &mut SqliteConnection, node: Incarnation) -> Result<()> {
    let draining: Option<bool> =
        sqlx::query_scalar("SELECT state = 'draining' FROM alive_nodes WHERE incarnation = ?1")
            .bind(node.to_string())
            .fetch_optional(db)
            .await
            .map_err(failed)?;
    match draining {
        Some(false) => Ok(()),
        Some(true) => Err(StoreError::NodeDraining),
        None => Err(StoreError::NodeGone),
    }
}
