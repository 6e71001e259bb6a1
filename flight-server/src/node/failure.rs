//! What a client is told when the session table, or the state of a session, does not allow its call.

use session::{SessionId, SessionRecord, SessionState, StoreError};

use crate::engine::StatementKind;
use crate::error::{Error, ErrorCode};

/// What a failure of the store means to a client. Never anything about its credentials: a store that is down knows
/// nothing about them.
///
/// [`StoreError::Fenced`] of a live session is dealt with where the session is, since its state must be dropped.
pub(super) fn of_store(error: &StoreError) -> Error {
    match error {
        StoreError::Unavailable(_)
        | StoreError::Overtaken { .. }
        | StoreError::Misconfigured(_)
        | StoreError::Corrupt(_)
        | StoreError::SchemaTooNew { .. } => Error::new(ErrorCode::StoreUnavailable, error.to_string()),
        StoreError::NodeGone => lease_over(),
        StoreError::NodeDraining => draining(),
        StoreError::Fenced { session, .. } => moved(session, "another node"),
        StoreError::NodeIsFront | StoreError::SessionExists { .. } | StoreError::DatasetExists { .. } => {
            Error::internal(error)
        }
    }
}

/// This node's lease may be over.
pub(super) fn lease_over() -> Error {
    Error::new(
        ErrorCode::StoreUnavailable,
        "this node could not renew its lease in the session store in time, so nothing was run; try again shortly",
    )
}

/// The node takes no new sessions.
pub(super) fn draining() -> Error {
    Error::new(
        ErrorCode::Draining,
        "this node is shutting down and takes no new sessions; connect to another node, or again later",
    )
}

/// The session is with another node.
pub(super) fn moved(session: &SessionId, owner: &str) -> Error {
    Error::new(
        ErrorCode::SessionMoved,
        format!("session {session} is held by {owner}, not by this node; send the call again, or to that node"),
    )
}

/// What is told of a statement of this kind that was applied, after which the session's state could not be written.
pub(super) fn after_statement(kind: StatementKind, error: Error) -> Error {
    let what = match (error.code, kind) {
        // Nothing was changed, or the same call finds out what was.
        (_, StatementKind::Read | StatementKind::Transaction) => return error,
        (ErrorCode::StoreUnavailable, _) => "this node keeps it, and writes it before the session's next statement",
        // What is set goes with the session's state, all of which is lost here.
        (ErrorCode::SessionMoved, StatementKind::Setting) => return error,
        (ErrorCode::SessionMoved, _) => {
            "the session is with another node now, which has neither that nor what was in an open transaction"
        }
        _ => return error,
    };
    Error::new(
        ErrorCode::StateUnsaved,
        format!("the statement was applied, but not what it changed of its session: {what} ({})", error.message),
    )
}

/// The session expired.
pub(super) fn expired(session: &SessionId, reason: Option<&str>) -> Error {
    let reason = reason.unwrap_or("it was idle, or open, for longer than it may be");
    Error::new(ErrorCode::SessionExpired, format!("session {session} has expired: {reason}; connect again"))
}

/// The session was closed.
pub(super) fn closed(session: &SessionId, reason: Option<&str>) -> Error {
    let reason = reason.unwrap_or("by request");
    Error::new(ErrorCode::SessionClosed, format!("session {session} was closed: {reason}; connect again"))
}

/// No session has that token. The same whether the id or the secret is wrong.
pub(super) fn unknown_token() -> Error {
    Error::new(
        ErrorCode::TokenUnknown,
        "no session has this token: it never existed, or ended long ago; connect again with user name and password",
    )
}

/// The session is not for this caller.
pub(super) fn forbidden(what: &str) -> Error {
    Error::new(ErrorCode::SessionForbidden, format!("{what}; connect with your own credentials"))
}

/// The error of a session that has ended, if the record says it has.
pub(super) fn of_ended(record: &SessionRecord) -> Option<Error> {
    let reason = record.close_reason.as_deref();
    match record.state {
        SessionState::Closed => Some(closed(&record.id, reason)),
        SessionState::Expired => Some(expired(&record.id, reason)),
        SessionState::Active | SessionState::Released if record.expired => Some(expired(&record.id, None)),
        SessionState::Active | SessionState::Released => None,
    }
}
