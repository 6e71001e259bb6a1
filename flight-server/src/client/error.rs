//! What went wrong, and what a failed call may have done.

use std::error::Error as _;
use std::fmt;
use std::io;

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// The codes of the client's own. All others are the server's: `docs/errors.md`.
pub mod code {
    /// No server could be reached.
    pub const CONNECTION_FAILED: &str = "CONNECTION_FAILED";
    /// The connection ended in the middle of a call.
    pub const CONNECTION_BROKEN: &str = "CONNECTION_BROKEN";
    /// The answer to a write was lost, and it can't be sent again.
    pub const OUTCOME_UNKNOWN: &str = "OUTCOME_UNKNOWN";
    /// A result broke off and can't go on.
    pub const RESULT_BROKEN: &str = "RESULT_BROKEN";
    /// What the server answered is not what the protocol has.
    pub const ANSWER_MALFORMED: &str = "ANSWER_MALFORMED";
}

/// A failure, with the code and the SQLSTATE that say which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientError {
    /// Its stable code: the server's, or one of [`code`].
    pub code: String,
    /// Its SQLSTATE.
    pub sqlstate: String,
    /// What happened, to which thing, and what to do next.
    pub message: String,
    /// Where in the SQL text the error is, in characters from 0, where the server told.
    pub position: Option<usize>,
    pub(super) effect: Effect,
    /// Whether another try should go to another server, or to the same by another connection.
    pub(super) elsewhere: bool,
}

/// What a call that failed may have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing, and another try may succeed.
    Nothing,
    /// Nobody knows: its answer was lost.
    Unknown,
    /// The server has answered with the error; another try would be answered alike.
    Final,
}

/// What the node that answers has not begun, and another try may: by code, with whether to try elsewhere.
const NOT_APPLIED: [(&str, bool); 6] = [
    ("SESSION_MOVED", false),
    ("STORE_UNAVAILABLE", false),
    ("LAKE_UNAVAILABLE", false),
    ("PEER_UNREACHABLE", true),
    ("NO_NODE", true),
    ("DRAINING", true),
];

/// What may have been applied, or was.
const MAY_BE_APPLIED: [&str; 3] = ["PEER_LOST", "STATE_UNSAVED", "ENGINE_UNAVAILABLE"];

/// What says that the session has ended.
const SESSION_OVER: [&str; 6] = [
    "TOKEN_MALFORMED",
    "TOKEN_UNKNOWN",
    "SESSION_EXPIRED",
    "SESSION_CLOSED",
    "SESSION_FORBIDDEN",
    "SESSION_UNRECLAIMABLE",
];

impl ClientError {
    /// An error of the client's own, or one that the server answered with for good.
    pub(super) fn new(code: &str, sqlstate: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            sqlstate: sqlstate.to_owned(),
            message: message.into(),
            position: None,
            effect: Effect::Final,
            elsewhere: false,
        }
    }

    /// What a call's status says.
    pub(super) fn of_status(status: &Status) -> Self {
        let header = |name| status.metadata().get(name).and_then(|value| value.to_str().ok());
        if let Some(code) = header("x-pintail-code") {
            return Self::told(code, header("x-pintail-sqlstate").unwrap_or("XX000"), status);
        }
        match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => Self::new("CREDENTIALS_WRONG", "28000", status.message()),
            Code::DeadlineExceeded => Self::new("DEADLINE_EXCEEDED", "57014", status.message()),
            Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled | Code::Aborted | Code::DataLoss => {
                Self::broken(status)
            }
            // Nothing of Pintail's says it without its code: it is another server, or the library.
            other => Self::new("INTERNAL", "XX000", format!("{other:?}: {}", status.message())),
        }
    }

    fn told(code: &str, sqlstate: &str, status: &Status) -> Self {
        let message = status.message();
        let message = message.strip_prefix(&format!("[{sqlstate}] ")).unwrap_or(message);
        let mut error = Self::new(code, sqlstate, message);
        let details = status.get_error_details();
        let info = details.error_info();
        error.position = info.and_then(|info| info.metadata.get("position")?.parse().ok());
        if let Some((_, elsewhere)) = NOT_APPLIED.iter().find(|(known, _)| *known == code) {
            error.effect = Effect::Nothing;
            error.elsewhere = *elsewhere;
        } else if MAY_BE_APPLIED.contains(&code) {
            error.effect = Effect::Unknown;
        }
        error
    }

    /// The connection ended; between a server that dies and its client stand libraries and load balancers, and each has its
    /// own way to say so.
    fn broken(status: &Status) -> Self {
        let text = with_causes(status.source().unwrap_or(status));
        let (code, sqlstate, effect, message) = match is_unreached(status) {
            true => (code::CONNECTION_FAILED, "08001", Effect::Nothing, text),
            false => {
                let message = format!("the connection ended in the middle of a call: {text}");
                (code::CONNECTION_BROKEN, "08006", Effect::Unknown, message)
            }
        };
        Self { effect, elsewhere: true, ..Self::new(code, sqlstate, message) }
    }

    /// That the server at `uri` can't be reached.
    pub(super) fn unreachable(uri: &impl fmt::Display, why: &str) -> Self {
        let message = format!("{uri} can't be reached: {why}");
        Self { effect: Effect::Nothing, elsewhere: true, ..Self::new(code::CONNECTION_FAILED, "08001", message) }
    }

    /// That it was cancelled.
    pub(super) fn cancelled() -> Self {
        Self::new("STATEMENT_CANCELLED", "57014", "the statement was cancelled")
    }

    /// That the answer to a write was lost.
    pub(super) fn outcome_unknown(why: &Self) -> Self {
        let message = format!(
            "the answer was lost, so that nobody knows whether the statement has taken effect: look before it is run again \
             ({})",
            why.message
        );
        Self::new(code::OUTCOME_UNKNOWN, "08007", message)
    }

    /// That an answer is none.
    pub(super) fn malformed(what: &str) -> Self {
        Self::new(
            code::ANSWER_MALFORMED,
            "08P01",
            format!("the server's answer can't be read ({what}); is it a Flight SQL server?"),
        )
    }

    /// Whether the connection is the cause, rather than what was asked for.
    pub fn is_connection(&self) -> bool {
        self.code == code::CONNECTION_BROKEN || self.code == code::CONNECTION_FAILED
    }

    /// Whether the session has ended, so that nothing more can be done with it.
    pub fn is_session_over(&self) -> bool {
        SESSION_OVER.contains(&self.code.as_str())
    }

    /// Whether somebody cancelled it.
    pub fn is_cancelled(&self) -> bool {
        self.code == "STATEMENT_CANCELLED"
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ClientError {}

/// Whether no connection was made, so that nothing was sent.
fn is_unreached(status: &Status) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>()
            && matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound)
        {
            return true;
        }
        source = error.source();
    }
    false
}

/// An error and its causes, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Many errors tell their cause in their own text already.
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::metadata::{MetadataMap, MetadataValue};

    fn status(code: &'static str) -> Status {
        let mut metadata = MetadataMap::new();
        metadata.insert("x-pintail-code", MetadataValue::from_static(code));
        metadata.insert("x-pintail-sqlstate", MetadataValue::from_static("42601"));
        Status::with_metadata(Code::InvalidArgument, "[42601] no such thing", metadata)
    }

    #[test]
    fn what_the_server_told_is_taken_as_it_is() {
        let error = ClientError::of_status(&status("STATEMENT_FAILED"));
        assert_eq!((error.code.as_str(), error.sqlstate.as_str()), ("STATEMENT_FAILED", "42601"));
        assert_eq!(error.message, "no such thing");
        assert_eq!((error.effect, error.elsewhere), (Effect::Final, false));
        let draining = ClientError::of_status(&status("DRAINING"));
        assert_eq!((draining.effect, draining.elsewhere), (Effect::Nothing, true));
        assert_eq!(ClientError::of_status(&status("PEER_LOST")).effect, Effect::Unknown);
        assert!(ClientError::of_status(&status("SESSION_EXPIRED")).is_session_over());
    }

    #[test]
    fn what_nobody_told_is_a_broken_connection() {
        for code in [Code::Unavailable, Code::Unknown, Code::Internal, Code::Cancelled] {
            let error = ClientError::of_status(&Status::new(code, "transport error"));
            assert!(error.is_connection() && error.elsewhere && error.effect == Effect::Unknown, "{code:?}");
        }
        let error = ClientError::of_status(&Status::new(Code::Unimplemented, "no such call"));
        assert_eq!((error.effect, error.is_connection()), (Effect::Final, false));
    }
}
