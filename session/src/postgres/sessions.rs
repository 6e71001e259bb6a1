//! Sessions: creation, claims, their ends, and the fenced writes to their rows.

use std::collections::BTreeMap;

use sqlx::query;

use super::connections::Again::{Harmless, Never};
use super::connections::{Connections, Statement};
use super::rows::{answered, damaged, fenced, get, optional_session_record, refusal, session_record};
use super::text::escaped;
use crate::period::seconds;
use crate::{
    Claim, EndedSession, Epoch, Fence, Incarnation, NewSession, Result, SessionId, SessionRecord, StoreError,
    WriteNumber,
};

/// A fenced call: its text, and its first three values.
pub(super) fn under<'q>(fence: &Fence, sql: &'q str) -> Statement<'q> {
    query(sql).bind(fence.session.to_string()).bind(fence.incarnation.to_string()).bind(fence.epoch.0)
}

/// Inserts a session for a node that takes sessions.
pub(super) async fn create(db: &Connections, session: &NewSession, owner: Incarnation) -> Result<SessionRecord> {
    let created = db.row(Never, || {
        query("SELECT outcome, (seen).* FROM create_session($1, $2, $3, $4, $5, $6, $7)")
            .bind(session.id.to_string())
            .bind(session.token_hash.as_bytes().to_vec())
            .bind(escaped(&session.principal.0))
            .bind(escaped(&session.engine))
            .bind(owner.to_string())
            .bind(seconds(session.idle_timeout))
            .bind(seconds(session.max_age))
    });
    let row = created.await?;
    let row = answered(row.as_ref())?;
    let outcome: &str = get(row, "outcome")?;
    refusal(outcome)?;
    match outcome {
        "created" => session_record(row),
        "exists" => Err(StoreError::SessionExists { session: session.id.clone() }),
        _ => Err(damaged("what came of a creation")),
    }
}

/// One session.
pub(super) async fn one(db: &Connections, id: &SessionId) -> Result<Option<SessionRecord>> {
    let found = db.row(Harmless, || query("SELECT * FROM session_records WHERE id = $1").bind(id.to_string()));
    found.await?.as_ref().map(session_record).transpose()
}

/// All sessions, oldest first.
pub(super) async fn all(db: &Connections) -> Result<Vec<SessionRecord>> {
    let rows = db.rows(Harmless, || query("SELECT * FROM session_records ORDER BY number")).await?;
    rows.iter().map(session_record).collect()
}

/// The compare-and-swap of ownership.
pub(super) async fn claim(db: &Connections, id: &SessionId, expected: Epoch, me: Incarnation) -> Result<Claim> {
    let claimed = db.row(Never, || {
        query("SELECT outcome, (seen).* FROM claim_session($1, $2, $3)")
            .bind(id.to_string())
            .bind(expected.0)
            .bind(me.to_string())
    });
    let row = claimed.await?;
    let row = answered(row.as_ref())?;
    let outcome: &str = get(row, "outcome")?;
    refusal(outcome)?;
    match outcome {
        "claimed" => session_record(row).map(Claim::Claimed),
        "lost" => optional_session_record(row).map(Claim::Lost),
        _ => Err(damaged("what came of a claim")),
    }
}

/// Hands a session back.
pub(super) async fn release(db: &Connections, fence: &Fence) -> Result<()> {
    let row = db.row(Never, || under(fence, "SELECT release_session($1, $2, $3) AS loss")).await?;
    fenced(row.as_ref(), fence)
}

/// Ends a session for its owner.
pub(super) async fn close(db: &Connections, fence: &Fence, reason: &str) -> Result<()> {
    let closed = db.row(Never, || under(fence, "SELECT close_session($1, $2, $3, $4) AS loss").bind(escaped(reason)));
    fenced(closed.await?.as_ref(), fence)
}

/// Ends a session, whoever holds it.
pub(super) async fn end(db: &Connections, id: &SessionId, reason: &str) -> Result<EndedSession> {
    let ended = db.row(Never, || {
        query("SELECT outcome, (seen).* FROM end_session($1, $2)").bind(id.to_string()).bind(escaped(reason))
    });
    let row = ended.await?;
    let row = answered(row.as_ref())?;
    match get(row, "outcome")? {
        "ended" => session_record(row).map(EndedSession::Ended),
        "had_ended" => session_record(row).map(EndedSession::HadEnded),
        "unknown" => Ok(EndedSession::Unknown),
        _ => Err(damaged("what came of ending a session")),
    }
}

/// Forgets revocations that the owner has dropped.
pub(super) async fn acknowledge_revoked(db: &Connections, node: Incarnation, ids: &[SessionId]) -> Result<()> {
    let acknowledged =
        db.row(Harmless, || query("SELECT acknowledge_revoked($1, $2)").bind(node.to_string()).bind(texts(ids)));
    acknowledged.await.map(drop)
}

/// Whether a node that is alive has yet to acknowledge that the session was ended.
pub(super) async fn revocation_pending(db: &Connections, id: &SessionId) -> Result<bool> {
    let found = db.row(Harmless, || {
        query(
            "SELECT EXISTS (SELECT 1 FROM revocations r JOIN alive_nodes n ON n.incarnation = r.node
                            WHERE r.session = $1) AS pending",
        )
        .bind(id.to_string())
    });
    get(answered(found.await?.as_ref())?, "pending")
}

/// Replaces the options of a session.
pub(super) async fn set_options(
    db: &Connections,
    fence: &Fence,
    number: WriteNumber,
    options: &BTreeMap<String, String>,
) -> Result<()> {
    // JSON has an escape of its own for the character that no PostgreSQL text may have.
    let options = serde_json::to_string(options)
        .map_err(|error| StoreError::Unavailable(format!("options can't be written: {error}")))?;
    let set = db.row(Harmless, || {
        under(fence, "SELECT set_options_in_order($1, $2, $3, $4, $5) AS loss").bind(number.0).bind(options.clone())
    });
    fenced(set.await?.as_ref(), fence)
}

/// Slides the idle expiry of those of the sessions that `me` holds and that have not expired.
pub(super) async fn touch(db: &Connections, ids: &[SessionId], me: Incarnation) -> Result<()> {
    let touched = db.row(Harmless, || query("SELECT touch_sessions($1, $2)").bind(texts(ids)).bind(me.to_string()));
    touched.await.map(drop)
}

fn texts(ids: &[SessionId]) -> Vec<String> {
    ids.iter().map(SessionId::to_string).collect()
}
