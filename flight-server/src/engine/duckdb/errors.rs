//! DuckDB's failures as the errors clients get: message, position and SQLSTATE by class.

use std::collections::HashMap;

use super::dataset_io::{FAILURE, SCHEME};
use super::ffi::Failure;
use crate::error::{Error, ErrorCode, SqlState};

/// What stands before the places in the program at which DuckDB found a mistake of its own.
const TRACE: &str = "\nStack Trace:";

/// A failure, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Read {
    class: String,
    subtype: String,
    message: String,
    position: Option<u32>,
    catalog_entry: String,
}

impl Read {
    /// Reads a failure: the JSON that `errors_as_json` makes of it, or text that begins with the class.
    pub(super) fn of(failure: &Failure) -> Self {
        // Some paths put the class before the JSON, so the object is looked for.
        let json = failure.message.find('{').map_or("", |start| &failure.message[start..]);
        if let Ok(mut fields) = serde_json::from_str::<HashMap<String, String>>(json)
            && let Some(class) = fields.remove("exception_type")
        {
            return Self {
                class,
                subtype: fields.remove("error_subtype").unwrap_or_default(),
                message: without_trace(&fields.remove("exception_message").unwrap_or_default()),
                position: fields.get("position").and_then(|position| position.parse().ok()),
                catalog_entry: fields.remove("type").unwrap_or_default(),
            };
        }
        let (class, message) = failure.message.split_once(" Error: ").unwrap_or(("", &failure.message));
        Self {
            class: class.to_owned(),
            subtype: String::new(),
            message: without_trace(message),
            position: None,
            catalog_entry: String::new(),
        }
    }

    /// Whether the instance refuses it, as it refuses everything since a failure before.
    fn is_refused(&self) -> bool {
        self.class == "FATAL" && self.message.contains("database has been invalidated")
    }

    /// Whether the statement was interrupted.
    pub(super) fn is_interrupt(&self) -> bool {
        self.class.eq_ignore_ascii_case("INTERRUPT")
    }

    /// The SQLSTATE of the failure. DuckDB has none; its classes and subtypes are mapped.
    fn sql_state(&self) -> &'static str {
        let message = self.message.to_ascii_lowercase();
        match self.class.as_str() {
            "INTERRUPT" | "Interrupt" => "57014",
            "TransactionContext" => transaction_state(&message),
            "Parser" | "Syntax" => "42601",
            "Binder" => binder_state(&self.subtype, &message),
            "Catalog" => catalog_state(&self.subtype, &self.catalog_entry, &message),
            "Conversion" if message.contains("out of range") || message.contains("overflow") => "22003",
            "Conversion" | "Mismatch Type" | "Invalid type" => "22P02",
            // A value that was bound, and is none of the type it is said to be.
            "Invalid Input" if message.contains("failed to cast value") => "22P02",
            "Divide by Zero" => "22012",
            "Invalid Input" if message.contains("more than one row returned by a subquery") => "21000",
            "Out of Range" | "Decimal" => "22003",
            "Invalid Input"
            | "Parameter Not Resolved"
            | "Parameter Not Allowed"
            | "Settings"
            | "Invalid Configuration" => "22023",
            "Sequence" => "2200H",
            "Constraint" => constraint_state(&message),
            "Permission" => "42501",
            "Not implemented" | "Missing Extension" | "Extension Autoloading" => "0A000",
            "Dependency" => "2BP01",
            "Out of Memory" => "53200",
            "IO" => file_state(&message).unwrap_or("58030"),
            "HTTP" | "Network" => "58030",
            _ => "XX000",
        }
    }
}

/// What is said of a failure, without the places in the program that a mistake of DuckDB's own ends with. They are for the log.
fn without_trace(message: &str) -> String {
    match message.split_once(TRACE) {
        Some((message, trace)) => {
            tracing::error!(message, trace, "DuckDB failed by a mistake of its own");
            message.trim_end().to_owned()
        }
        None => message.to_owned(),
    }
}

/// The SQLSTATE of a file that can't be written, such as that of a commit.
fn file_state(message: &str) -> Option<&'static str> {
    match message {
        _ if message.contains("no space left on device") => Some("53100"),
        _ if message.contains("could not write file") => Some("58030"),
        _ => None,
    }
}

fn transaction_state(message: &str) -> &'static str {
    if let Some(state) = file_state(message) {
        state
    } else if message.contains("duplicate key") || message.contains("constraint") {
        constraint_state(message)
    } else if message.contains("conflict") || message.contains("has been altered") {
        "40001"
    } else if message.contains("aborted") {
        "25P02"
    } else if message.contains("within a transaction") {
        "25001"
    } else {
        "25000"
    }
}

fn binder_state(subtype: &str, message: &str) -> &'static str {
    match subtype {
        "COLUMN_NOT_FOUND" => "42703",
        "NO_MATCHING_FUNCTION" => "42883",
        "UNSUPPORTED" => "0A000",
        _ if message.contains("ambiguous") => "42702",
        _ if message.contains("referenced table") && message.contains("not found") => "42P01",
        _ if message.contains("not found") && message.contains("column") => "42703",
        _ if message.contains("no function matches") => "42883",
        _ => "42601",
    }
}

fn catalog_state(subtype: &str, entry: &str, message: &str) -> &'static str {
    if subtype == "ENTRY_ALREADY_EXISTS" || message.contains("already exists") {
        return match entry {
            "Schema" | "schema" => "42P06",
            _ => "42P07",
        };
    }
    match entry.to_ascii_lowercase().as_str() {
        "schema" => "3F000",
        "database" | "catalog" => "3D000",
        kind if kind.contains("function") || kind.contains("macro") => "42883",
        "table" | "view" => "42P01",
        "type" | "collation" | "sequence" | "index" | "setting" => "42704",
        _ if message.starts_with("schema") || message.contains("schema named") => "3F000",
        _ if message.starts_with("catalog") || message.contains("database") => "3D000",
        _ if message.contains("function") => "42883",
        _ if message.starts_with("table") || message.starts_with("view") => "42P01",
        _ => "42704",
    }
}

fn constraint_state(message: &str) -> &'static str {
    if message.contains("foreign key") {
        "23503"
    } else if message.contains("not null") {
        "23502"
    } else if message.contains("duplicate key") || message.contains("unique") || message.contains("primary key") {
        "23505"
    } else if message.contains("check constraint") {
        "23514"
    } else {
        "23000"
    }
}

impl Read {
    /// What a client is told of a dataset that can't be read: what the server itself has said of it, or what DuckDB says
    /// of the content of one of its files.
    fn unreadable_dataset(&self) -> Option<String> {
        if let Some((_, told)) = self.message.split_once(FAILURE).filter(|_| self.class == "IO") {
            return Some(told.trim_end().to_owned());
        }
        let names_file = match self.class.as_str() {
            "IO" | "Invalid Input" | "Serialization" | "Invalid" => self.message.contains(SCHEME),
            // Text that a statement converts may be anything.
            "Conversion" => IN_A_FILE.iter().any(|before| self.message.contains(&format!("{before}{SCHEME}"))),
            _ => false,
        };
        let (_, path) = self.message.split_once(SCHEME).filter(|_| names_file)?;
        let name = path.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
        let told = self.message.replace(&format!("{SCHEME}{name}/"), "");
        Some(format!("the dataset \"{name}\" can't be read: {}", told.trim_end()))
    }
}

/// What stands before the path of a file in which DuckDB could not convert a value.
const IN_A_FILE: [&str; 3] = ["In file \"", "file = ", "in file \""];

impl From<&Read> for Error {
    fn from(read: &Read) -> Self {
        if let Some(told) = read.unreadable_dataset() {
            return Error::new(ErrorCode::DatasetUnreadable, told);
        }
        if read.is_refused() {
            return reopening();
        }
        let code = if read.is_interrupt() { ErrorCode::StatementCancelled } else { ErrorCode::StatementFailed };
        let class = match read.class.as_str() {
            "" => "Error",
            class => class,
        };
        let error = Error::new(code, format!("{class} Error: {}", read.message).replacen("Error Error", "Error", 1))
            .with_sqlstate(SqlState(read.sql_state()));
        match read.position {
            Some(position) => {
                let mut error = error.at(position);
                error.message.push_str(&format!(" (at character {})", position + 1));
                error
            }
            None => error,
        }
    }
}

/// The error while an instance is to be opened anew.
pub(super) fn reopening() -> Error {
    let told = "the database is opened anew, after a failure of DuckDB's own in another statement; send the call again";
    Error::new(ErrorCode::EngineUnavailable, told)
}

/// The error of a statement that was told to stop before it could start.
pub(super) fn cancelled() -> Error {
    Error::new(ErrorCode::StatementCancelled, "the statement was cancelled")
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Error::from(&Read::of(&failure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state_of(message: &str) -> (&'static str, Option<u32>) {
        let error = Error::from(Failure { class: None, message: message.to_owned() });
        (error.sqlstate.0, error.position)
    }

    #[test]
    fn a_json_failure_gives_class_and_position() {
        let json = r#"{"exception_type":"Binder","exception_message":"Referenced column \"x\" not found in FROM clause!","error_subtype":"COLUMN_NOT_FOUND","name":"x","position":"7"}"#;
        assert_eq!(state_of(json), ("42703", Some(7)));
    }

    #[test]
    fn a_text_failure_gives_its_class() {
        assert_eq!(state_of("Parser Error: syntax error at or near \"x\""), ("42601", None));
        assert_eq!(state_of("Constraint Error: NOT NULL constraint failed: t.a"), ("23502", None));
        assert_eq!(state_of("Invalid Input Error: Failed to cast value: Malformed JSON at byte 0"), ("22P02", None));
        assert_eq!(state_of("something nobody has seen"), ("XX000", None));
    }

    #[test]
    fn a_dataset_that_cannot_be_read_is_told_from_what_statements_do_to_text() {
        let error = |message: &str| Error::from(Failure { class: None, message: message.to_owned() });
        for (message, told) in [
            ("IO Error: Dataset Error: the dataset \"d\" can't be read: gone", "the dataset \"d\" can't be read: gone"),
            (
                "Invalid Input Error: No magic bytes found at end of file 'dataset://d/y=1/a.parquet'",
                "the dataset \"d\" can't be read: No magic bytes found at end of file 'y=1/a.parquet'",
            ),
            (
                "Conversion Error: In file \"dataset://d/a.csv\" it is",
                "the dataset \"d\" can't be read: In file \"a.csv\" it is",
            ),
        ] {
            let error = error(message);
            assert_eq!((error.code, error.message.as_str()), (ErrorCode::DatasetUnreadable, told));
            assert_eq!(error.sqlstate.0, "58030");
        }
        for message in [
            "Invalid Input Error: Dataset Error: said a client",
            "Conversion Error: Could not convert string 'dataset://d/a' to INT32",
            "Binder Error: dataset://d/a",
        ] {
            assert_eq!(error(message).code, ErrorCode::StatementFailed, "{message}");
        }
    }

    #[test]
    fn conflicts_are_told_from_other_transaction_failures() {
        let state = |message: &str| state_of(&format!("TransactionContext Error: {message}")).0;
        assert_eq!(state("Catalog write-write conflict on create with \"t\""), "40001");
        assert_eq!(state("Current transaction is aborted (please ROLLBACK)"), "25P02");
        assert_eq!(state("cannot start a transaction within a transaction"), "25001");
        assert_eq!(state("Failed to commit: Could not write file \"x.wal\": File too large"), "58030");
        assert_eq!(state("Failed to commit: Could not write file \"x.wal\": No space left on device"), "53100");
    }

    #[test]
    fn places_in_the_program_are_not_told() {
        let told = |message: &str| Error::from(Failure { class: None, message: message.to_owned() }).message;
        assert_eq!(told("INTERNAL Error: it is so\n\nStack Trace:\n\n/a/b(+0x1)\n"), "INTERNAL Error: it is so");
        let json = r#"{"exception_type":"INTERNAL","exception_message":"it is so\n\nStack Trace:\n\n/a/b(+0x1)"}"#;
        assert_eq!(told(json), "INTERNAL Error: it is so");
    }
}
