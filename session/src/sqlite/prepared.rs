//! Prepared statements. Stock drivers prepare every statement they run, so keeping one is a single statement here.

use sqlx::sqlite::SqlitePool;

use super::failure::failed;
use crate::{Fence, PreparedRecord, Result, SessionId};

/// Keeps a prepared statement if the fence holds, and says whether it did.
pub(super) async fn put(db: &SqlitePool, fence: &Fence, prepared: &PreparedRecord) -> Result<bool> {
    let done = sqlx::query(
        "INSERT INTO prepared (session, handle, sql)
         SELECT id, ?4, ?5 FROM held_sessions WHERE id = ?1 AND owner = ?2 AND epoch = ?3
         ON CONFLICT (session, handle) DO UPDATE SET sql = excluded.sql",
    )
    .bind(fence.session.to_string())
    .bind(fence.incarnation.to_string())
    .bind(fence.epoch.0)
    .bind(&prepared.handle)
    .bind(&prepared.sql)
    .execute(db)
    .await
    .map_err(failed)?;
    Ok(done.rows_affected() > 0)
}

/// The statement with this handle.
pub(super) async fn get(db: &SqlitePool, session: &SessionId, handle: &[u8]) -> Result<Option<PreparedRecord>> {
    let sql: Option<String> = sqlx::query_scalar("SELECT sql FROM prepared WHERE session = ?1 AND handle = ?2")
        .bind(session.to_string())
        .bind(handle)
        .fetch_optional(db)
        .await
        .map_err(failed)?;
    Ok(sql.map(|sql| PreparedRecord { handle: handle.to_vec(), sql }))
}

/// Forgets a statement if the fence holds, and says whether there was one to forget.
pub(super) async fn delete(db: &SqlitePool, fence: &Fence, handle: &[u8]) -> Result<bool> {
    let done = sqlx::query(
        "DELETE FROM prepared WHERE handle = ?4 AND session = (
             SELECT id FROM held_sessions WHERE id = ?1 AND owner = ?2 AND epoch = ?3)",
    )
    .bind(fence.session.to_string())
    .bind(fence.incarnation.to_string())
    .bind(fence.epoch.0)
    .bind(handle)
    .execute(db)
    .await
    .map_err(failed)?;
    Ok(done.rows_affected() > 0)
}
