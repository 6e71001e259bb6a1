//! What a peer replays: the journal and prepared statements.

use std::collections::HashSet;

use sqlx::query;

use super::connections::Again::Harmless;
use super::connections::Connections;
use super::rows::{fenced, text};
use super::sessions::under;
use super::text::{digest, escaped};
use crate::{Fence, JournalEntry, PreparedRecord, Result, SessionId, WriteNumber};

/// Writes entries in order, all or none. Of a key that comes twice the last entry stands, so the others are not sent.
pub(super) async fn write_journal(
    db: &Connections,
    fence: &Fence,
    number: WriteNumber,
    entries: &[JournalEntry],
) -> Result<()> {
    let mut seen = HashSet::new();
    let mut last: Vec<&JournalEntry> = entries.iter().rev().filter(|entry| seen.insert(&entry.key)).collect();
    last.reverse();
    let digests: Vec<_> = last.iter().map(|entry| digest(entry.key.as_bytes())).collect();
    let keys: Vec<_> = last.iter().map(|entry| escaped(&entry.key)).collect();
    let statements: Vec<_> = last.iter().map(|entry| entry.statement.as_deref().map(escaped)).collect();
    let written = db.row(Harmless, || {
        under(fence, "SELECT write_journal_in_order($1, $2, $3, $4, $5, $6, $7) AS loss")
            .bind(number.0)
            .bind(&digests)
            .bind(&keys)
            .bind(&statements)
    });
    fenced(written.await?.as_ref(), fence)
}

/// All entries of a session, in the order of their last writes.
pub(super) async fn journal(db: &Connections, session: &SessionId) -> Result<Vec<JournalEntry>> {
    let rows = db.rows(Harmless, || {
        query("SELECT key, statement FROM journal WHERE session = $1 ORDER BY seq").bind(session.to_string())
    });
    let entry = |row| Ok(JournalEntry { key: text(row, "key")?, statement: Some(text(row, "statement")?) });
    rows.await?.iter().map(entry).collect()
}

/// Keeps a prepared statement.
pub(super) async fn put_prepared(db: &Connections, fence: &Fence, prepared: &PreparedRecord) -> Result<()> {
    let put = db.row(Harmless, || {
        under(fence, "SELECT put_prepared($1, $2, $3, $4, $5, $6) AS loss")
            .bind(digest(&prepared.handle))
            .bind(&prepared.handle)
            .bind(escaped(&prepared.sql))
    });
    fenced(put.await?.as_ref(), fence)
}

/// The statement with this handle.
pub(super) async fn prepared(db: &Connections, session: &SessionId, handle: &[u8]) -> Result<Option<PreparedRecord>> {
    let found = db.row(Harmless, || {
        query("SELECT sql FROM prepared WHERE session = $1 AND handle_digest = $2")
            .bind(session.to_string())
            .bind(digest(handle))
    });
    let record = |row| Ok(PreparedRecord { handle: handle.to_vec(), sql: text(row, "sql")? });
    found.await?.as_ref().map(record).transpose()
}

/// Forgets a prepared statement.
pub(super) async fn delete_prepared(db: &Connections, fence: &Fence, handle: &[u8]) -> Result<()> {
    let deleted =
        db.row(Harmless, || under(fence, "SELECT delete_prepared($1, $2, $3, $4) AS loss").bind(digest(handle)));
    fenced(deleted.await?.as_ref(), fence)
}
