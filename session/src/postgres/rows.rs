//! Rows to records. A value that no version of this store writes is reported as damage.

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::text::plain;
use crate::period::{duration, moment};
use crate::{
    Epoch, Fence, FenceLoss, Incarnation, NodeLoad, NodeRecord, Principal, Result, SessionId, SessionRecord,
    StoreError, TokenHash, words,
};

pub(super) fn session_record(row: &PgRow) -> Result<SessionRecord> {
    let owner: Option<&str> = get(row, "owner")?;
    let token_hash: [u8; 32] = get::<&[u8]>(row, "token_hash")?.try_into().map_err(|_| damaged("a token hash"))?;
    Ok(SessionRecord {
        id: session_id(get(row, "id")?)?,
        token_hash: TokenHash::from_bytes(token_hash),
        principal: Principal(text(row, "principal")?),
        engine: text(row, "engine")?,
        state: words::session_state(get(row, "state")?).ok_or_else(|| damaged("the state of a session"))?,
        owner: owner.map(incarnation).transpose()?,
        epoch: Epoch(get(row, "epoch")?),
        options: serde_json::from_str(get(row, "options")?).map_err(|_| damaged("the options of a session"))?,
        close_reason: optional_text(row, "close_reason")?,
        created_at: moment(get(row, "created_at")?),
        last_used_at: moment(get(row, "last_used_at")?),
        idle_expires_at: moment(get(row, "idle_expires_at")?),
        absolute_expires_at: moment(get(row, "absolute_expires_at")?),
        expired: get(row, "expired")?,
        owner_lease_over: get(row, "owner_lease_over")?,
    })
}

/// The session that a call answers with, if it answers with one: columns that are all null else.
pub(super) fn optional_session_record(row: &PgRow) -> Result<Option<SessionRecord>> {
    let id: Option<&str> = get(row, "id")?;
    id.map(|_| session_record(row)).transpose()
}

pub(super) fn node_record(row: &PgRow) -> Result<NodeRecord> {
    Ok(NodeRecord {
        incarnation: incarnation(get(row, "incarnation")?)?,
        home: uuid(get(row, "home")?)?,
        name: text(row, "name")?,
        advertised_uri: text(row, "advertised_uri")?,
        peer_uri: optional_text(row, "peer_uri")?,
        role: get::<&str>(row, "role")?.parse().map_err(|_| damaged("the role of a node"))?,
        state: words::node_state(get(row, "state")?).ok_or_else(|| damaged("the state of a node"))?,
        lease_until: moment(get(row, "lease_until")?),
        lease_left: duration(get(row, "lease_left")?),
        registered_at: moment(get(row, "registered_at")?),
        version: text(row, "version")?,
        load: NodeLoad {
            sessions: number(row, "load_sessions")?,
            running: number(row, "load_running")?,
            memory_used: number(row, "load_memory_used")?,
            memory_limit: number(row, "load_memory_limit")?,
        },
        drain_requested: get(row, "drain_requested")?,
    })
}

/// What a fenced call answers: nothing when the fence held, else what it was lost by, or that a later write came before it.
pub(super) fn fenced(row: Option<&PgRow>, fence: &Fence) -> Result<()> {
    let loss = match get::<Option<&str>>(answered(row)?, "loss")? {
        None => return Ok(()),
        Some("unknown") => FenceLoss::Unknown,
        Some("not_active") => FenceLoss::NotActive,
        Some("claimed") => FenceLoss::Claimed,
        Some("lease_over") => FenceLoss::LeaseOver,
        Some("overtaken") => return Err(StoreError::Overtaken { session: fence.session.clone() }),
        Some(_) => return Err(damaged("what a fence was lost by")),
    };
    Err(StoreError::Fenced { session: fence.session.clone(), loss })
}

/// Why a node may take no session, if that is what the call answers.
pub(super) fn refusal(outcome: &str) -> Result<()> {
    match outcome {
        "gone" => Err(StoreError::NodeGone),
        "front" => Err(StoreError::NodeIsFront),
        "draining" => Err(StoreError::NodeDraining),
        _ => Ok(()),
    }
}

/// The row of a call that answers with one.
pub(super) fn answered(row: Option<&PgRow>) -> Result<&PgRow> {
    row.ok_or_else(|| damaged("the answer of a function"))
}

pub(super) fn session_id(text: &str) -> Result<SessionId> {
    text.parse().map_err(|_| damaged("a session id"))
}

pub(super) fn incarnation(text: &str) -> Result<Incarnation> {
    uuid(text).map(Incarnation)
}

/// A text that may hold any character.
pub(super) fn text(row: &PgRow, column: &str) -> Result<String> {
    plain(get(row, column)?)
}

pub(super) fn optional_text(row: &PgRow, column: &str) -> Result<Option<String>> {
    get::<Option<&str>>(row, column)?.map(plain).transpose()
}

/// A count.
pub(super) fn number(row: &PgRow, column: &str) -> Result<u64> {
    u64::try_from(get::<i64>(row, column)?).map_err(|_| damaged("a count"))
}

pub(super) fn get<'r, T>(row: &'r PgRow, column: &str) -> Result<T>
where
    T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    // The text of such an error names the column and types, never the value.
    row.try_get(column).map_err(|error| StoreError::Corrupt(error.to_string()))
}

pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt(format!("{what} can't be read"))
}

fn uuid(text: &str) -> Result<Uuid> {
    text.parse().map_err(|_| damaged("a node's identity"))
}
