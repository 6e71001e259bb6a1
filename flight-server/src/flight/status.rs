//! How an [`Error`] reaches its client: as a gRPC status whose code drivers understand, a message that carries the
//! SQLSTATE (drivers drop it otherwise), typed details, and two trailers.
//!
//! This is where errors end, so it is also where they are logged: once, ours as errors and users' as information.

use std::collections::HashMap;

use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::error::{Error, ErrorCode, SqlState};

/// The domain of the error details.
pub(super) const DOMAIN: &str = "pintail";

/// The trailer with the stable name of the failure.
pub(crate) const CODE_HEADER: &str = "x-pintail-code";

/// The trailer with its SQLSTATE.
pub(super) const SQLSTATE_HEADER: &str = "x-pintail-sqlstate";

/// The most bytes a message may have in its header, where a byte that must be escaped counts three.
///
/// The same message stands once more, in base64, in the details, and clients give up on headers of more than 8 KB in
/// all: 2,400 and 3,200 bytes leave room for a new token, a cookie and the transport's own headers.
const MESSAGE_BUDGET: usize = 2_400;

/// The most characters of a lost thing's name in the details.
const LOST_CHARACTERS: usize = 100;

/// What a message that was cut ends with.
const CUT_MARK: &str = " [...]";

/// The status a client is told of this error by; logs it.
pub(crate) fn status(error: &Error) -> Status {
    log(error);
    convert(error)
}

/// The status of an error, without logging it.
pub(super) fn convert(error: &Error) -> Status {
    let message = cut(&format!("[{}] {}", error.sqlstate, error.message));
    let mut info = HashMap::from([("sqlstate".to_owned(), error.sqlstate.0.to_owned())]);
    if let Some(position) = error.position {
        info.insert("position".to_owned(), position.to_string());
    }
    if let Some(lost) = &error.lost {
        info.insert("lost".to_owned(), lost.chars().take(LOST_CHARACTERS).collect());
    }
    let details = ErrorDetails::with_error_info(error.code.name(), DOMAIN, info);
    let mut trailers = MetadataMap::new();
    trailers.insert(CODE_HEADER, AsciiMetadataValue::from_static(error.code.name()));
    trailers.insert(SQLSTATE_HEADER, AsciiMetadataValue::from_static(error.sqlstate.0));
    Status::with_error_details_and_metadata(grpc_code(error), message, details, trailers)
}

/// Logs an error that ends here: nobody above will see them. The texts of users' errors may quote their data, so they are
/// left to the debug level.
pub(super) fn log(error: &Error) {
    let code = error.code.name();
    let sqlstate = error.sqlstate.0;
    if is_users(error) {
        tracing::info!(code, sqlstate, "a call failed");
        tracing::debug!(code, sqlstate, message = error.message, "the failed call's message");
    } else {
        tracing::error!(code, sqlstate, message = error.message, "a call failed through the server's fault");
    }
}

/// Whether the client or the operator brought the failure about, rather than the server: that goes by the SQLSTATE, but
/// limits that were reached and a server that is told to end are nobody's fault, and a store that is down is ours.
fn is_users(error: &Error) -> bool {
    match error.code {
        ErrorCode::Draining | ErrorCode::PeerLost | ErrorCode::ResultGone | ErrorCode::ResultTooLarge => true,
        ErrorCode::StoreUnavailable
        | ErrorCode::StateUnsaved
        | ErrorCode::EngineUnavailable
        | ErrorCode::LakeUnavailable
        | ErrorCode::SpoolUnavailable => false,
        _ => error.sqlstate.is_users(),
    }
}

/// The gRPC code that drivers make the best of.
///
/// FAILED_PRECONDITION and OUT_OF_RANGE are avoided: drivers turn them into an unknown failure.
fn grpc_code(error: &Error) -> Code {
    match error.code {
        ErrorCode::CredentialsMissing
        | ErrorCode::CredentialsWrong
        | ErrorCode::CredentialsMalformed
        | ErrorCode::TokenMalformed
        | ErrorCode::TokenUnknown
        | ErrorCode::SessionExpired
        | ErrorCode::SessionClosed
        | ErrorCode::SessionUnreclaimable => Code::Unauthenticated,
        ErrorCode::SessionForbidden | ErrorCode::StatementForbidden => Code::PermissionDenied,
        ErrorCode::SessionMoved
        | ErrorCode::PeerUnreachable
        | ErrorCode::PeerLost
        | ErrorCode::NoNode
        | ErrorCode::StoreUnavailable
        | ErrorCode::EngineUnavailable
        | ErrorCode::LakeUnavailable
        | ErrorCode::SpoolUnavailable
        | ErrorCode::Draining
        | ErrorCode::DatasetUnreadable => Code::Unavailable,
        ErrorCode::RequestMalformed
        | ErrorCode::RequestInvalid
        | ErrorCode::RequestIdReused
        | ErrorCode::TicketInvalid
        | ErrorCode::ValueOutOfRange => Code::InvalidArgument,
        ErrorCode::OptionInvalid => location_code(error.sqlstate).unwrap_or(Code::InvalidArgument),
        ErrorCode::NotImplemented | ErrorCode::TypeUnsupported | ErrorCode::ExtensionMissing => Code::Unimplemented,
        ErrorCode::TicketExpired
        | ErrorCode::ResultGone
        | ErrorCode::PreparedStatementUnknown
        | ErrorCode::TransactionUnknown => Code::NotFound,
        ErrorCode::TransactionLost | ErrorCode::CommitUnknown | ErrorCode::StateUnsaved | ErrorCode::ResultChanged => {
            Code::Aborted
        }
        ErrorCode::StatementFailed => statement_code(error.sqlstate),
        ErrorCode::StatementCancelled => Code::Cancelled,
        ErrorCode::DeadlineExceeded => Code::DeadlineExceeded,
        ErrorCode::ResultTooLarge => Code::ResourceExhausted,
        ErrorCode::EngineFailed | ErrorCode::Internal => Code::Internal,
    }
}

/// Drivers want to be told with NOT_FOUND that a catalog or schema does not exist.
fn location_code(sqlstate: SqlState) -> Option<Code> {
    matches!(sqlstate.0, "3D000" | "3F000").then_some(Code::NotFound)
}

/// The code for a failure of the engine, by what its SQLSTATE says of it.
fn statement_code(sqlstate: SqlState) -> Code {
    match sqlstate.0 {
        "57014" => Code::Cancelled,
        "42501" => Code::PermissionDenied,
        // A table, schema, database or other object exists already.
        "42P04" | "42P06" | "42P07" | "42710" | "42723" => Code::AlreadyExists,
        // A table, schema or catalog does not exist.
        "42P01" | "3D000" | "3F000" => Code::NotFound,
        other => match other.get(..2) {
            Some("40") => Code::Aborted,
            Some("0A") => Code::Unimplemented,
            Some("08" | "57") => Code::Unavailable,
            Some("53" | "54") => Code::ResourceExhausted,
            Some("21" | "22" | "23" | "24" | "25" | "26" | "28" | "2B" | "42" | "44") => Code::InvalidArgument,
            _ => Code::Internal,
        },
    }
}

/// The message, or as much of its beginning as fits in [`MESSAGE_BUDGET`].
fn cut(message: &str) -> String {
    let mut spent = 0;
    // The last place at which the mark would still fit.
    let mut fits_marked = 0;
    for (at, character) in message.char_indices() {
        if spent + 3 * CUT_MARK.len() <= MESSAGE_BUDGET {
            fits_marked = at;
        }
        spent += header_bytes(character);
        if spent > MESSAGE_BUDGET {
            return format!("{}{CUT_MARK}", &message[..fits_marked]);
        }
    }
    message.to_owned()
}

/// How long a character becomes in the header, at most: what is no letter, digit or plain punctuation is escaped.
fn header_bytes(character: char) -> usize {
    let plain = character.is_ascii_alphanumeric() || matches!(character, '.' | ',' | '-' | '_' | ':' | '/' | '(' | ')');
    if plain { 1 } else { 3 * character.len_utf8() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header_size(status: &Status) -> usize {
        let mut headers = http::HeaderMap::new();
        status.add_header(&mut headers).unwrap();
        headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
    }

    #[test]
    fn every_code_has_a_status_that_carries_its_name_and_sqlstate() {
        for code in ErrorCode::ALL {
            let status = convert(&Error::new(*code, "what happened"));
            assert_ne!(status.code(), Code::Ok);
            assert_ne!(status.code(), Code::FailedPrecondition);
            assert_ne!(status.code(), Code::OutOfRange);
            assert_eq!(status.message(), format!("[{}] what happened", code.sqlstate()));
            assert_eq!(status.metadata().get(CODE_HEADER).unwrap(), code.name());
            assert_eq!(status.metadata().get(SQLSTATE_HEADER).unwrap(), code.sqlstate().0);
            let details = status.get_error_details();
            let info = details.error_info().unwrap();
            assert_eq!((info.reason.as_str(), info.domain.as_str()), (code.name(), "pintail"));
            assert_eq!(info.metadata["sqlstate"], code.sqlstate().0);
        }
    }

    #[test]
    fn a_failed_statement_gets_its_code_by_sqlstate() {
        let code = |state| grpc_code(&Error::new(ErrorCode::StatementFailed, "x").with_sqlstate(SqlState(state)));
        assert_eq!(code("40001"), Code::Aborted);
        assert_eq!(code("57014"), Code::Cancelled);
        assert_eq!(code("42P07"), Code::AlreadyExists);
        assert_eq!(code("42P01"), Code::NotFound);
        assert_eq!(code("3F000"), Code::NotFound);
        assert_eq!(code("42601"), Code::InvalidArgument);
        assert_eq!(code("22012"), Code::InvalidArgument);
        assert_eq!(code("21000"), Code::InvalidArgument);
        assert_eq!(code("0A000"), Code::Unimplemented);
        assert_eq!(code("53200"), Code::ResourceExhausted);
        assert_eq!(code("XX000"), Code::Internal);
        assert_eq!(code(""), Code::Internal);
    }

    #[test]
    fn an_unknown_schema_in_an_option_is_not_found() {
        let error = Error::new(ErrorCode::OptionInvalid, "no such schema").with_sqlstate(SqlState("3F000"));
        assert_eq!(grpc_code(&error), Code::NotFound);
    }

    #[test]
    fn the_position_travels_in_the_details() {
        let status = convert(&Error::new(ErrorCode::StatementFailed, "syntax error").at(7));
        assert_eq!(status.get_error_details().error_info().unwrap().metadata["position"], "7");
    }

    #[test]
    fn what_was_lost_travels_in_the_details() {
        let mut error = Error::new(ErrorCode::StatementFailed, "no such table");
        assert!(!convert(&error).get_error_details().error_info().unwrap().metadata.contains_key("lost"));
        error.lost = Some("temporary table \"t\"".to_owned());
        assert_eq!(convert(&error).get_error_details().error_info().unwrap().metadata["lost"], "temporary table \"t\"");
    }

    #[test]
    fn a_short_message_is_not_cut() {
        let text = "a".repeat(MESSAGE_BUDGET);
        assert_eq!(cut(&text), text);
        assert!(cut(&format!("{text}a")).ends_with(CUT_MARK));
    }

    proptest! {
        #[test]
        fn headers_stay_under_eight_kilobytes(message in "\\PC{0,4000}", lost in "\\PC{0,400}", position in any::<u32>()) {
            let mut error = Error::new(ErrorCode::PreparedStatementUnknown, message).at(position);
            error.lost = Some(lost);
            prop_assert!(header_size(&convert(&error)) < 7_000);
        }
    }
}
