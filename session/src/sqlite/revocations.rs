//! Sessions that operators end, and what their owners have yet to acknowledge.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;

use super::failure::failed;
use super::sessions;
use crate::{EndedSession, Incarnation, Result, SessionId, SessionState};

/// Ends a session, whoever holds it. In a transaction of the caller.
pub(super) async fn end(db: &mut SqliteConnection, id: &SessionId, reason: &str) -> Result<EndedSession> {
    let Some(before) = sessions::one(&mut *db, id).await? else { return Ok(EndedSession::Unknown) };
    if matches!(before.state, SessionState::Closed | SessionState::Expired) {
        return Ok(EndedSession::HadEnded(before));
    }
    sqlx::query(
        "UPDATE sessions SET state = 'closed', close_reason = ?2, ended_at = unixepoch('subsec') WHERE id = ?1",
    )
    .bind(id.to_string())
    .bind(reason)
    .execute(&mut *db)
    .await
    .map_err(failed)?;
    // A released session has no owner, and one that isn't alive has lost it without being told.
    sqlx::query(
        "INSERT OR IGNORE INTO revocations (node, session)
         SELECT owner, id FROM sessions WHERE id = ?1 AND owner IN (SELECT incarnation FROM alive_nodes)",
    )
    .bind(id.to_string())
    .execute(db)
    .await
    .map_err(failed)?;
    Ok(EndedSession::Ended(before))
}

/// Forgets what the owner has dropped.
pub(super) async fn acknowledge(db: &SqlitePool, node: Incarnation, ids: &[SessionId]) -> Result<()> {
    // One statement whatever the number: ids are hexadecimal digits, so this is JSON as it stands.
    let ids: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
    sqlx::query("DELETE FROM revocations WHERE node = ?1 AND session IN (SELECT value FROM json_each(?2))")
        .bind(node.to_string())
        .bind(format!("[{}]", ids.join(",")))
        .execute(db)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Whether a node that is alive has yet to acknowledge that the session was ended.
pub(super) async fn pending(db: &SqlitePool, id: &SessionId) -> Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM revocations
                        WHERE session = ?1 AND node IN (SELECT incarnation FROM alive_nodes))",
    )
    .bind(id.to_string())
    .fetch_one(db)
    .await
    .map_err(failed)
}

/// Forgets what nodes that are not alive had yet to acknowledge. In a transaction of the caller.
pub(super) async fn forget_dead_nodes(db: &mut SqliteConnection) -> Result<()> {
    sqlx::query("DELETE FROM revocations WHERE node NOT IN (SELECT incarnation FROM alive_nodes)")
        .execute(db)
        .await
        .map_err(failed)?;
    Ok(())
}
