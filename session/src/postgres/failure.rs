//! What PostgreSQL's failures mean to a caller.

use std::io::ErrorKind;

use sqlx::Error;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::StoreError;

/// Classes and codes (SQLSTATE) after which trying again can't help before an operator has looked at the configuration.
const MISCONFIGURED: [(&str, &str); 6] = [
    ("28P01", "check the password (in the URL, PGPASSWORD or ~/.pgpass)"),
    ("28", "check the user in the URL, and who may connect (pg_hba.conf)"),
    ("3D000", "create the database, or name another in the URL"),
    ("3F", "name a schema that is there, or let the user create one"),
    ("42501", "give the user in the URL the right, or make it the owner of the schema"),
    ("22P05", "use a database whose encoding is UTF8"),
];
/// Classes and codes that tell of rows, tables or functions that are not as this version left them: a constraint that
/// doesn't hold, a value that is none, a table, column or function that is missing, pages that are damaged.
const DAMAGED: [&str; 8] = ["22", "23", "42P01", "42703", "42883", "42P13", "XX001", "XX002"];
/// Codes of a statement that was refused before it ran, because this connection knew it in a form that is over.
const NEVER_RAN: [&str; 2] = ["0A000", "26000"];

/// Classifies the failure of a statement. The text never holds a value: every value is bound, and what the server says in
/// the detail of a message, where it repeats values, is left out.
pub(super) fn failed(place: &str, error: &Error) -> StoreError {
    let told = |text: &str| format!("PostgreSQL at {place}: {text}");
    match error {
        Error::Database(_) => {
            let (code, message) = code_and_message(error);
            let told = told(&format!("{message} (SQLSTATE {code})"));
            if let Some((_, advice)) = MISCONFIGURED.iter().find(|(start, _)| code.starts_with(start)) {
                StoreError::Misconfigured(format!("{told}; {advice}"))
            } else if DAMAGED.iter().any(|start| code.starts_with(start)) {
                StoreError::Corrupt(told)
            } else {
                StoreError::Unavailable(told)
            }
        }
        Error::RowNotFound
        | Error::TypeNotFound { .. }
        | Error::ColumnNotFound(_)
        | Error::ColumnIndexOutOfBounds { .. }
        | Error::ColumnDecode { .. }
        | Error::Decode(_) => StoreError::Corrupt(told(&error.to_string())),
        _ => StoreError::Unavailable(told(&error.to_string())),
    }
}

/// Classifies the failure of a connection attempt. Here more is a matter of configuration: certificates, TLS at all.
pub(super) fn not_connected(place: &str, error: &Error) -> StoreError {
    let misconfigured = |text: &str, advice: &str| {
        StoreError::Misconfigured(format!("PostgreSQL at {place}: no connection: {text}; {advice}"))
    };
    match error {
        Error::Tls(cause) => misconfigured(&cause.to_string(), "check sslmode and sslrootcert in the URL"),
        // So rustls tells of a certificate that it doesn't trust.
        Error::Io(cause) if cause.kind() == ErrorKind::InvalidData => {
            misconfigured(&cause.to_string(), "check sslmode and sslrootcert in the URL")
        }
        // A file named in the URL, or a socket's.
        Error::Io(cause) if cause.kind() == ErrorKind::PermissionDenied => {
            misconfigured(&cause.to_string(), "give this process the right to it")
        }
        Error::Io(cause) => StoreError::Unavailable(format!("PostgreSQL at {place}: no connection: {cause}")),
        _ => failed(place, error),
    }
}

/// Whether the connection can't be used any more.
pub(super) fn is_broken(error: &Error) -> bool {
    match error {
        Error::Database(cause) => {
            let severity = cause.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::severity);
            matches!(severity, None | Some(PgSeverity::Fatal | PgSeverity::Panic)) || never_ran(error)
        }
        Error::ColumnNotFound(_) | Error::ColumnDecode { .. } | Error::Decode(_) | Error::RowNotFound => false,
        _ => true,
    }
}

/// Whether the statement surely never ran and does on a fresh connection.
pub(super) fn never_ran(error: &Error) -> bool {
    matches!(error, Error::Database(_)) && NEVER_RAN.contains(&code_and_message(error).0.as_str())
}

/// Whether the schema, or the table of its versions, isn't there.
pub(super) fn is_absent(error: &Error) -> bool {
    matches!(code_and_message(error).0.as_str(), "42P01" | "3F000")
}

fn code_and_message(error: &Error) -> (String, String) {
    let Some(cause) = error.as_database_error() else { return (String::new(), String::new()) };
    (cause.code().map(|code| code.into_owned()).unwrap_or_default(), cause.message().to_owned())
}
