//! The journal: what a peer replays.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;

use super::failure::failed;
use crate::{JournalEntry, Result, SessionId};

/// Writes entries in order. The caller's transaction has found its fence to hold.
pub(super) async fn write(db: &mut SqliteConnection, session: &SessionId, entries: &[JournalEntry]) -> Result<()> {
    let session = session.to_string();
    for entry in entries {
        let query = match &entry.statement {
            Some(statement) => {
                sqlx::query("INSERT OR REPLACE INTO journal (session, key, statement) VALUES (?1, ?2, ?3)")
                    .bind(&session)
                    .bind(&entry.key)
                    .bind(statement)
            }
            None => sqlx::query("DELETE FROM journal WHERE session = ?1 AND key = ?2").bind(&session).bind(&entry.key),
        };
        query.execute(&mut *db).await.map_err(failed)?;
    }
    Ok(())
}

/// All entries of a session, in the order of their last writes.
pub(super) async fn read(db: &SqlitePool, session: &SessionId) -> Result<Vec<JournalEntry>> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT key, statement FROM journal WHERE session = ?1 ORDER BY seq")
            .bind(session.to_string())
            .fetch_all(db)
            .await
            .map_err(failed)?;
    Ok(rows.into_iter().map(|(key, statement)| JournalEntry { key, statement: Some(statement) }).collect())
}
