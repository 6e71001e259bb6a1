//! The janitor's round.

use sqlx::SqliteConnection;

use super::failure::failed;
use super::rows::{incarnation, session_id};
use super::{datasets, revocations};
use crate::{ExpiredSession, Result, Swept};

/// Expires, forgets, retires, in one transaction of the caller.
pub(super) async fn run(db: &mut SqliteConnection, keep_ended_seconds: f64) -> Result<Swept> {
    let rows: Vec<(String, Option<String>)> = sqlx::query_as(
        "UPDATE sessions SET
             state = 'expired', ended_at = unixepoch('subsec'),
             close_reason = iif(absolute_expires_at <= unixepoch('subsec'), 'maximum age reached', 'idle for too long')
         WHERE state IN ('active', 'released') AND min(idle_expires_at, absolute_expires_at) <= unixepoch('subsec')
         RETURNING id, owner",
    )
    .fetch_all(&mut *db)
    .await
    .map_err(failed)?;
    let mut expired = Vec::with_capacity(rows.len());
    for (id, owner) in rows {
        expired.push(ExpiredSession { id: session_id(&id)?, owner: owner.as_deref().map(incarnation).transpose()? });
    }
    expired.sort_by(|a, b| a.id.cmp(&b.id));

    let sessions = sqlx::query("DELETE FROM sessions WHERE ended_at <= unixepoch('subsec') - ?1")
        .bind(keep_ended_seconds)
        .execute(&mut *db)
        .await
        .map_err(failed)?;

    sqlx::query("UPDATE nodes SET state = 'gone' WHERE state <> 'gone' AND lease_until <= unixepoch('subsec')")
        .execute(&mut *db)
        .await
        .map_err(failed)?;
    let nodes = sqlx::query(
        "DELETE FROM nodes WHERE state = 'gone'
           AND NOT EXISTS (SELECT 1 FROM sessions WHERE owner = nodes.incarnation)",
    )
    .execute(&mut *db)
    .await
    .map_err(failed)?;
    datasets::forget_dead_nodes(&mut *db).await?;
    revocations::forget_dead_nodes(db).await?;

    Ok(Swept { expired, sessions_deleted: sessions.rows_affected(), nodes_deleted: nodes.rows_affected() })
}
