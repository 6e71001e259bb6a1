//! What a lake's failures are in words for clients. DuckLake tells those of the catalog's database with all the statements that
//! it had sent there, values included.

use super::fence::{APPLIED, OVERTAKEN, UNMARKED};
use crate::error::{Error, ErrorCode, SqlState};

/// What DuckLake's failures at a commit begin with.
const NOT_COMMITTED: &str = "Failed to commit DuckLake transaction";
/// What it begins them with that the database has refused.
const NOT_FLUSHED: &str = "Failed to flush changes into DuckLake";
/// What the database's own words begin with.
const DATABASE_SAYS: [&str; 2] = ["ERROR:  ", "FATAL:  "];
/// What is told of connections to it.
const UNREACHABLE: [&str; 5] = [
    "Unable to connect to Postgres",
    "connection to server",
    "server closed the connection unexpectedly",
    "terminating connection",
    "no connection to the server",
];

/// What a failure is, if it is a lake's.
pub(super) fn explain(error: Error) -> Error {
    // What the server has put into words itself is not the engine's.
    if error.code != ErrorCode::StatementFailed {
        return error;
    }
    let message = &error.message;
    if message.contains(OVERTAKEN) {
        return Error::new(
            ErrorCode::SessionMoved,
            "another node has taken the session over, and nothing of this was written; send the call again, and it reaches \
             the new owner",
        );
    }
    if message.contains(APPLIED) {
        return Error::new(
            ErrorCode::LakeUnavailable,
            "an earlier try of the write came through at this moment, and nothing was written again; send it once more, with \
             the same request id, for its answer",
        );
    }
    if message.contains(UNMARKED) {
        return Error::new(
            ErrorCode::StatementForbidden,
            "a commit to the lake that does not say which session makes it is refused; run functions that change the lake \
             by CALL, one in a text",
        );
    }
    let is_commit = message.contains(NOT_COMMITTED);
    let is_databases = message.contains("__ducklake_metadata") || message.contains(NOT_FLUSHED);
    if UNREACHABLE.iter().any(|what| message.contains(what)) {
        let what = format!("the database of the lake's catalog did not answer: {}", told_by_database(message));
        let code = if is_commit { ErrorCode::CommitUnknown } else { ErrorCode::LakeUnavailable };
        return Error::new(code, what);
    }
    if is_databases {
        let told = told_by_database(message);
        let sqlstate = if told.contains("could not serialize access") { SqlState("40001") } else { SqlState("58030") };
        let what = format!("the database of the lake's catalog refused it: {told}");
        return Error::new(ErrorCode::StatementFailed, what).with_sqlstate(sqlstate);
    }
    error
}

/// The database's own words, without what was sent to it; the first line where it is not quoted.
pub(super) fn told_by_database(message: &str) -> String {
    let at = DATABASE_SAYS.iter().filter_map(|start| message.rfind(start).map(|at| at + start.len())).max();
    let told = match at {
        Some(at) => &message[at..],
        None => message,
    };
    let end = told.find("\\n").into_iter().chain(told.find('\n')).min().unwrap_or(told.len());
    told[..end].trim_end_matches(['"', '}', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_to_the_database_is_not_told() {
        let message = "TransactionContext Error: Failed to commit: Failed to commit DuckLake transaction.\nFailed to flush \
                       changes into DuckLake: {\"exception_type\":\"Invalid\",\"exception_message\":\"Failed to execute \
                       query \\\"INSERT INTO x VALUES ('hunter2');\\\": ERROR:  permission denied for table \
                       x\\nCONTEXT:  PL/pgSQL function\\n\"}";
        let error = explain(Error::new(ErrorCode::StatementFailed, message));
        assert_eq!(error.message, "the database of the lake's catalog refused it: permission denied for table x");
        assert_eq!(error.sqlstate.0, "58030");
    }

    #[test]
    fn an_owner_that_was_overtaken_is_told_so() {
        let message = format!("{NOT_COMMITTED}.\n{NOT_FLUSHED}: ERROR:  {OVERTAKEN}: session x");
        assert_eq!(explain(Error::new(ErrorCode::StatementFailed, message)).code, ErrorCode::SessionMoved);
    }

    #[test]
    fn a_conflict_stays_what_it_is() {
        let conflict = Error::new(ErrorCode::StatementFailed, format!("{NOT_COMMITTED}.\nTransaction conflict - x"))
            .with_sqlstate(SqlState("40001"));
        assert_eq!(explain(conflict.clone()), conflict);
    }
}
