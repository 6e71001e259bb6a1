//! Rows to records and back. A value that no version of this store writes is reported as damage.

use std::collections::BTreeMap;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::failure::failed;
use crate::period::{duration, moment};
use crate::{
    Epoch, Incarnation, NodeLoad, NodeRecord, Principal, Result, SessionId, SessionRecord, StoreError, TokenHash, words,
};

pub(super) fn session_record(row: &SqliteRow) -> Result<SessionRecord> {
    let owner: Option<&str> = get(row, "owner")?;
    let token_hash: [u8; 32] = get::<&[u8]>(row, "token_hash")?.try_into().map_err(|_| damaged("a token hash"))?;
    Ok(SessionRecord {
        id: session_id(get(row, "id")?)?,
        token_hash: TokenHash::from_bytes(token_hash),
        principal: Principal(get(row, "principal")?),
        engine: get(row, "engine")?,
        state: words::session_state(get(row, "state")?).ok_or_else(|| damaged("the state of a session"))?,
        owner: owner.map(incarnation).transpose()?,
        epoch: Epoch(get(row, "epoch")?),
        options: serde_json::from_str(get(row, "options")?).map_err(|_| damaged("the options of a session"))?,
        close_reason: get(row, "close_reason")?,
        created_at: moment(get(row, "created_at")?),
        last_used_at: moment(get(row, "last_used_at")?),
        idle_expires_at: moment(get(row, "idle_expires_at")?),
        absolute_expires_at: moment(get(row, "absolute_expires_at")?),
        expired: get(row, "expired")?,
        owner_lease_over: get(row, "owner_lease_over")?,
    })
}

pub(super) fn node_record(row: &SqliteRow) -> Result<NodeRecord> {
    Ok(NodeRecord {
        incarnation: incarnation(get(row, "incarnation")?)?,
        home: uuid(get(row, "home")?)?,
        name: get(row, "name")?,
        advertised_uri: get(row, "advertised_uri")?,
        peer_uri: get(row, "peer_uri")?,
        state: words::node_state(get(row, "state")?).ok_or_else(|| damaged("the state of a node"))?,
        lease_until: moment(get(row, "lease_until")?),
        lease_left: duration(get(row, "lease_left")?),
        registered_at: moment(get(row, "registered_at")?),
        version: get(row, "version")?,
        role: get::<&str>(row, "role")?.parse().map_err(|_| damaged("the role of a node"))?,
        load: NodeLoad {
            sessions: number(row, "load_sessions")?,
            running: number(row, "load_running")?,
            memory_used: number(row, "load_memory_used")?,
            memory_limit: number(row, "load_memory_limit")?,
        },
        drain_requested: get(row, "drain_requested")?,
    })
}

pub(super) fn session_id(text: &str) -> Result<SessionId> {
    text.parse().map_err(|_| damaged("a session id"))
}

pub(super) fn incarnation(text: &str) -> Result<Incarnation> {
    uuid(text).map(Incarnation)
}

pub(super) fn options_text(options: &BTreeMap<String, String>) -> Result<String> {
    serde_json::to_string(options)
        .map_err(|error| StoreError::Unavailable(format!("options can't be written: {error}")))
}

fn uuid(text: &str) -> Result<Uuid> {
    text.parse().map_err(|_| damaged("a node's identity"))
}

fn number(row: &SqliteRow, column: &str) -> Result<u64> {
    u64::try_from(get::<i64>(row, column)?).map_err(|_| damaged("the load of a node"))
}

pub(super) fn get<'r, T>(row: &'r SqliteRow, column: &str) -> Result<T>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(column).map_err(failed)
}

fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt(format!("{what} can't be read"))
}
