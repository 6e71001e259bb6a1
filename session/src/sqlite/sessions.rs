//! Sessions: creation, claims, and the fenced writes to their rows.

use std::collections::BTreeMap;

use sqlx::sqlite::SqlitePool;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::failure::failed;
use super::rows::{options_text, session_record};
use crate::period::seconds;
use crate::{Claim, Epoch, Fence, Incarnation, NewSession, Result, SessionId, SessionRecord, StoreError};

/// Inserts a session. The caller's transaction has found its owner to take sessions.
pub(super) async fn create(
    db: &mut SqliteConnection,
    session: &NewSession,
    owner: Incarnation,
) -> Result<SessionRecord> {
    let inserted = sqlx::query(
        "INSERT INTO sessions (id, token_hash, principal, engine, state, owner, epoch, idle_timeout,
                               created_at, last_used_at, idle_expires_at, absolute_expires_at)
         SELECT ?1, ?2, ?3, ?4, 'active', ?5, ?6, ?7, now, now, now + ?7, now + ?8
         FROM (SELECT unixepoch('subsec') AS now)",
    )
    .bind(session.id.to_string())
    .bind(session.token_hash.as_bytes().as_slice())
    .bind(&session.principal.0)
    .bind(&session.engine)
    .bind(owner.to_string())
    .bind(Epoch::FIRST.0)
    .bind(seconds(session.idle_timeout))
    .bind(seconds(session.max_age))
    .execute(&mut *db)
    .await;
    inserted.map_err(|error| match error.as_database_error() {
        Some(cause) if cause.is_unique_violation() => StoreError::SessionExists { session: session.id.clone() },
        _ => failed(error),
    })?;
    one(db, &session.id)
        .await?
        .ok_or_else(|| StoreError::Corrupt(format!("session {} is gone right after its creation", session.id)))
}

/// One session.
pub(super) async fn one(db: impl SqliteExecutor<'_>, id: &SessionId) -> Result<Option<SessionRecord>> {
    let row = sqlx::query("SELECT * FROM session_records WHERE id = ?1")
        .bind(id.to_string())
        .fetch_optional(db)
        .await
        .map_err(failed)?;
    row.as_ref().map(session_record).transpose()
}

/// All sessions, oldest first.
pub(super) async fn all(db: &SqlitePool) -> Result<Vec<SessionRecord>> {
    let rows = sqlx::query("SELECT * FROM session_records ORDER BY number").fetch_all(db).await.map_err(failed)?;
    rows.iter().map(session_record).collect()
}

/// The compare-and-swap of ownership. The caller's transaction has found `me` to take sessions.
pub(super) async fn claim(
    db: &mut SqliteConnection,
    id: &SessionId,
    expected: Epoch,
    me: Incarnation,
) -> Result<Claim> {
    let done = sqlx::query(
        "UPDATE sessions SET state = 'active', owner = ?3, epoch = epoch + 1
         WHERE id = (SELECT id FROM session_records
                     WHERE id = ?1 AND epoch = ?2 AND NOT expired
                       AND (state = 'released' OR state = 'active' AND owner_lease_over))",
    )
    .bind(id.to_string())
    .bind(expected.0)
    .bind(me.to_string())
    .execute(&mut *db)
    .await
    .map_err(failed)?;
    let current = one(db, id).await?;
    Ok(match current {
        Some(record) if done.rows_affected() == 1 => Claim::Claimed(record),
        current => Claim::Lost(current),
    })
}

/// Hands a session back if the fence holds, and says whether it did.
pub(super) async fn release(db: &SqlitePool, fence: &Fence) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE sessions SET state = 'released', owner = NULL
         WHERE id = (SELECT id FROM held_sessions WHERE id = ?1 AND owner = ?2 AND epoch = ?3)",
    )
    .bind(fence.session.to_string())
    .bind(fence.incarnation.to_string())
    .bind(fence.epoch.0)
    .execute(db)
    .await
    .map_err(failed)?;
    Ok(done.rows_affected() == 1)
}

/// Ends a session if the fence holds, and says whether it did.
pub(super) async fn close(db: &SqlitePool, fence: &Fence, reason: &str) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE sessions SET state = 'closed', close_reason = ?4, ended_at = unixepoch('subsec')
         WHERE id = (SELECT id FROM held_sessions WHERE id = ?1 AND owner = ?2 AND epoch = ?3)",
    )
    .bind(fence.session.to_string())
    .bind(fence.incarnation.to_string())
    .bind(fence.epoch.0)
    .bind(reason)
    .execute(db)
    .await
    .map_err(failed)?;
    Ok(done.rows_affected() == 1)
}

/// Replaces the options of a session. The caller's transaction has found its fence to hold.
pub(super) async fn set_options(
    db: &mut SqliteConnection,
    session: &SessionId,
    options: &BTreeMap<String, String>,
) -> Result<()> {
    let set = sqlx::query("UPDATE sessions SET options = ?2 WHERE id = ?1")
        .bind(session.to_string())
        .bind(options_text(options)?)
        .execute(db);
    set.await.map_err(failed).map(drop)
}

/// Slides the idle expiry of those of the sessions that `me` holds and that have not expired.
pub(super) async fn touch(db: &SqlitePool, ids: &[SessionId], me: Incarnation) -> Result<()> {
    // One statement whatever the size of the batch: ids are hexadecimal digits, so this is JSON as it stands.
    let ids: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
    sqlx::query(
        "UPDATE sessions SET last_used_at = unixepoch('subsec'), idle_expires_at = unixepoch('subsec') + idle_timeout
         WHERE id IN (SELECT value FROM json_each(?2))
           AND id IN (SELECT id FROM held_sessions WHERE owner = ?1)
           AND min(idle_expires_at, absolute_expires_at) > unixepoch('subsec')",
    )
    .bind(me.to_string())
    .bind(format!("[{}]", ids.join(",")))
    .execute(db)
    .await
    .map_err(failed)?;
    Ok(())
}
