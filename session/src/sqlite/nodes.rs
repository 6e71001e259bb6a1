//! Nodes and their leases.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;

use super::failure::failed;
use super::rows::{get, node_record, session_id};
use crate::period::seconds;
use crate::{Incarnation, NodeLoad, NodeRecord, NodeRegistration, NodeState, Renewal, Result, StoreError, words};

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
        "INSERT INTO nodes (incarnation, home, name, advertised_uri, peer_uri, state, lease_until, registered_at, version,
                            role)
         VALUES (?1, ?2, ?3, ?4, ?5, 'live', unixepoch('subsec') + ?6, unixepoch('subsec'), ?7, ?8)
         ON CONFLICT (incarnation) DO UPDATE SET
             home = excluded.home, name = excluded.name, advertised_uri = excluded.advertised_uri,
             peer_uri = excluded.peer_uri, state = excluded.state, lease_until = excluded.lease_until,
             version = excluded.version, role = excluded.role
         WHERE nodes.incarnation IN (SELECT incarnation FROM alive_nodes)",
    )
    .bind(node.incarnation.to_string())
    .bind(node.home.to_string())
    .bind(&node.name)
    .bind(&node.advertised_uri)
    .bind(&node.peer_uri)
    .bind(seconds(node.lease))
    .bind(&node.version)
    .bind(node.role.as_str())
    .execute(&mut *db)
    .await
    .map_err(failed)?;
    if done.rows_affected() == 0 { Err(StoreError::NodeGone) } else { Ok(()) }
}

/// Extends a lease that still runs, and reads what operators asked of the node: one statement.
pub(super) async fn renew(db: &SqlitePool, node: Incarnation, lease_seconds: f64, load: &NodeLoad) -> Result<Renewal> {
    let [sessions, running, memory_used, memory_limit] = load.numbers();
    let rows = sqlx::query(
        "UPDATE nodes SET lease_until = unixepoch('subsec') + ?2, load_sessions = ?3, load_running = ?4,
                          load_memory_used = ?5, load_memory_limit = ?6
         WHERE incarnation = (SELECT incarnation FROM alive_nodes WHERE incarnation = ?1)
         RETURNING drain_requested,
                   (SELECT group_concat(session) FROM revocations WHERE node = ?1) AS revoked",
    )
    .bind(node.to_string())
    .bind(lease_seconds)
    .bind(sessions)
    .bind(running)
    .bind(memory_used)
    .bind(memory_limit)
    .fetch_all(db)
    .await
    .map_err(failed)?;
    let row = rows.first().ok_or(StoreError::NodeGone)?;
    let revoked: Option<&str> = get(row, "revoked")?;
    let mut revoked = revoked.into_iter().flat_map(|ids| ids.split(',')).map(session_id).collect::<Result<Vec<_>>>()?;
    revoked.sort();
    Ok(Renewal { drain_requested: get(row, "drain_requested")?, revoked })
}

/// Asks the nodes of a name that are alive to drain, and says how many there are.
pub(super) async fn request_drain(db: &SqlitePool, name: &str) -> Result<u64> {
    let done = sqlx::query(
        "UPDATE nodes SET drain_requested = 1
         WHERE name = ?1 AND incarnation IN (SELECT incarnation FROM alive_nodes)",
    )
    .bind(name)
    .execute(db)
    .await
    .map_err(failed)?;
    Ok(done.rows_affected())
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
    .bind(words::of_node_state(state))
    .execute(db)
    .await
    .map_err(failed)?;
    if done.rows_affected() == 0 { Err(StoreError::NodeGone) } else { Ok(()) }
}

/// What is read of nodes.
const RECORDS: &str =
    "SELECT *, iif(state = 'gone', 0.0, max(lease_until - unixepoch('subsec'), 0.0)) AS lease_left FROM nodes";

/// All nodes.
pub(super) async fn all(db: &SqlitePool) -> Result<Vec<NodeRecord>> {
    let rows =
        sqlx::query(format!("{RECORDS} ORDER BY name, incarnation").as_str()).fetch_all(db).await.map_err(failed)?;
    rows.iter().map(node_record).collect()
}

/// One node.
pub(super) async fn one(db: &SqlitePool, incarnation: Incarnation) -> Result<Option<NodeRecord>> {
    let row = sqlx::query(format!("{RECORDS} WHERE incarnation = ?1").as_str())
        .bind(incarnation.to_string())
        .fetch_optional(db)
        .await
        .map_err(failed)?;
    row.as_ref().map(node_record).transpose()
}

/// Whether a node may take a session, as an error if not.
pub(super) async fn check_takes_sessions(db: &mut SqliteConnection, node: Incarnation) -> Result<()> {
    let found: Option<(bool, bool)> = sqlx::query_as(
        "SELECT role = 'front', state = 'draining' FROM nodes
         WHERE incarnation = (SELECT incarnation FROM alive_nodes WHERE incarnation = ?1)",
    )
    .bind(node.to_string())
    .fetch_optional(db)
    .await
    .map_err(failed)?;
    match found {
        None => Err(StoreError::NodeGone),
        Some((true, _)) => Err(StoreError::NodeIsFront),
        Some((false, true)) => Err(StoreError::NodeDraining),
        Some((false, false)) => Ok(()),
    }
}
