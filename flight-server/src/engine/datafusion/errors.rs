//! DataFusion's failures as the errors clients get: message, position and SQLSTATE.

use std::error::Error as StdError;

use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};
use typemap::normalise::NormaliseError;

use crate::error::{Error, ErrorCode, SqlState};

/// The statement was interrupted.
pub(super) fn cancelled() -> Error {
    Error::new(ErrorCode::StatementCancelled, "the statement was interrupted")
}

/// The session is closed.
pub(super) fn closed() -> Error {
    Error::new(ErrorCode::SessionClosed, "the session is closed; connect again")
}

/// A failure of the statement with this SQLSTATE.
pub(super) fn failed(sqlstate: &'static str, message: impl Into<String>) -> Error {
    Error::new(ErrorCode::StatementFailed, message).with_sqlstate(SqlState(sqlstate))
}

/// An error of ours on its way through DataFusion, out of which [`Error::from`] takes it again.
pub(super) fn carried(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// A column or a value of it that can't be carried.
pub(super) fn not_carried(error: &NormaliseError) -> Error {
    let code = if error.is_type() { ErrorCode::TypeUnsupported } else { ErrorCode::ValueOutOfRange };
    Error::new(code, error.to_string())
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        if let Some(ours) = ours(&error) {
            return ours.clone();
        }
        let root = root(&error);
        let message = message(root);
        failed(sql_state(root, &message), message)
    }
}

/// An error of ours that came through DataFusion or a store.
fn ours<'error>(error: &'error (dyn StdError + 'static)) -> Option<&'error Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(ours) = error.downcast_ref::<Error>() {
            return Some(ours);
        }
        if let Some(DataFusionError::Shared(shared)) = error.downcast_ref::<DataFusionError>() {
            return ours_of(shared);
        }
        next = error.source();
    }
    None
}

fn ours_of(error: &DataFusionError) -> Option<&Error> {
    ours(error)
}

/// What is at the bottom of a chain of contexts.
fn root(error: &DataFusionError) -> &DataFusionError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => root(inner),
        DataFusionError::Shared(inner) => root(inner),
        DataFusionError::Collection(errors) => errors.first().map_or(error, root),
        DataFusionError::ArrowError(inner, _) => match &**inner {
            ArrowError::ExternalError(source) => source.downcast_ref::<DataFusionError>().map_or(error, root),
            _ => error,
        },
        DataFusionError::External(source) => source.downcast_ref::<DataFusionError>().map_or(error, root),
        _ => error,
    }
}

/// The message of a failure, without what only developers of the engine can use.
fn message(error: &DataFusionError) -> String {
    let text = match error {
        DataFusionError::ArrowError(inner, _) => arrow_message(inner),
        DataFusionError::SQL(inner, _) => inner.to_string().trim_start_matches("sql parser error: ").to_owned(),
        DataFusionError::NotImplemented(text)
        | DataFusionError::Internal(text)
        | DataFusionError::Plan(text)
        | DataFusionError::Configuration(text)
        | DataFusionError::Execution(text)
        | DataFusionError::ResourcesExhausted(text) => text.clone(),
        other => other.strip_backtrace(),
    };
    let text = text.split("\n\nbacktrace:").next().unwrap_or_default().trim();
    let text = text.split(".\nThis issue was likely caused by a bug").next().unwrap_or_default();
    let noise = ["Error during planning: ", "Execution error: ", "External error: ", "DataFusion error: "];
    let text = noise.iter().fold(text, |text, prefix| text.trim_start_matches(prefix));
    let advice = "consider passing a higher memory limit";
    match error {
        DataFusionError::ResourcesExhausted(_) if !text.contains(advice) => {
            format!("out of memory (--memory-limit): {text}")
        }
        DataFusionError::Internal(_) => format!("the engine failed: {text}"),
        _ => text.to_owned(),
    }
}

fn arrow_message(error: &ArrowError) -> String {
    match error {
        ArrowError::CastError(text)
        | ArrowError::ParseError(text)
        | ArrowError::ComputeError(text)
        | ArrowError::InvalidArgumentError(text)
        | ArrowError::ArithmeticOverflow(text)
        | ArrowError::SchemaError(text)
        | ArrowError::MemoryError(text)
        | ArrowError::JsonError(text)
        | ArrowError::NotYetImplemented(text) => text.clone(),
        ArrowError::CsvError(text) => format!("CSV: {text}"),
        ArrowError::DivideByZero => "division by zero".to_owned(),
        other => other.to_string(),
    }
}

/// The SQLSTATE of a failure. DataFusion has none; its variants are mapped, and its texts where one variant means much.
fn sql_state(error: &DataFusionError, message: &str) -> &'static str {
    let text = message.to_ascii_lowercase();
    match error {
        DataFusionError::SQL(..) => "42601",
        DataFusionError::SchemaError(inner, _) => schema_state(inner),
        DataFusionError::NotImplemented(_) => "0A000",
        DataFusionError::Plan(_) => plan_state(&text),
        DataFusionError::Configuration(_) => "22023",
        DataFusionError::ResourcesExhausted(_) => "53200",
        DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) | DataFusionError::ParquetError(_) => "58030",
        DataFusionError::ArrowError(inner, _) => arrow_state(inner, &text),
        DataFusionError::Execution(_) => execution_state(&text),
        DataFusionError::Internal(_) if text.contains("unsupported") => "0A000",
        _ => "XX000",
    }
}

fn schema_state(error: &SchemaError) -> &'static str {
    match error {
        SchemaError::AmbiguousReference { .. } => "42702",
        SchemaError::DuplicateQualifiedField { .. } | SchemaError::DuplicateUnqualifiedField { .. } => "42701",
        SchemaError::FieldNotFound { .. } => "42703",
    }
}

fn plan_state(text: &str) -> &'static str {
    match text {
        _ if text.contains("invalid function") || text.contains("table function") && text.contains("not found") => {
            "42883"
        }
        _ if text.contains("no function matches") || text.contains("does not support") && text.contains("function") => {
            "42883"
        }
        _ if text.contains("table") && text.contains("not found") => "42P01",
        _ if text.contains("doesn't exist") || text.contains("failed to resolve") => "42P01",
        _ if text.contains("already exists") => "42P07",
        _ if text.contains("ambiguous") => "42702",
        _ if text.contains("no field named") || text.contains("column") && text.contains("not exist") => "42703",
        _ if text.contains("in group by clause or must be part of an aggregate") => "42803",
        _ if text.contains("unique expression names") || text.contains("duplicate") => "42701",
        _ if text.contains("cannot coerce")
            || text.contains("cannot infer common")
            || text.contains("type mismatch") =>
        {
            "42804"
        }
        _ if text.contains("placeholder") || text.contains("parameter") => "42P18",
        _ if text.contains("not support") || text.contains("unsupported") || text.contains("not implemented") => {
            "0A000"
        }
        _ => "42601",
    }
}

fn arrow_state(error: &ArrowError, text: &str) -> &'static str {
    match error {
        ArrowError::DivideByZero => "22012",
        ArrowError::ArithmeticOverflow(_) => "22003",
        ArrowError::CastError(_) | ArrowError::ParseError(_) | ArrowError::ComputeError(_)
            if text.contains("overflow") || text.contains("out of range") || text.contains("can't cast value") =>
        {
            "22003"
        }
        ArrowError::CastError(_) | ArrowError::ParseError(_) => "22P02",
        ArrowError::InvalidArgumentError(_) if text.contains("too large to store") || text.contains("precision") => {
            "22003"
        }
        ArrowError::InvalidArgumentError(_) if text.contains("non-nullable") => "23502",
        ArrowError::InvalidArgumentError(_) => "22023",
        ArrowError::IoError(..) | ArrowError::CsvError(_) | ArrowError::JsonError(_) | ArrowError::ParquetError(_) => {
            "58030"
        }
        ArrowError::MemoryError(_) => "53200",
        ArrowError::NotYetImplemented(_) => "0A000",
        _ => execution_state(text),
    }
}

fn execution_state(text: &str) -> &'static str {
    match text {
        _ if text.contains("divide by zero") || text.contains("division by zero") => "22012",
        _ if text.contains("overflow") || text.contains("out of range") => "22003",
        _ if text.contains("has null but schema specifies non-nullable") || text.contains("non-nullable") => "23502",
        _ if text.contains("cannot cast") || text.contains("error parsing") || text.contains("could not convert") => {
            "22P02"
        }
        _ if text.contains("more than one row") => "21000",
        _ if text.contains("already exists") => "42P07",
        _ if text.contains("no table named") || text.contains("doesn't exist") => "42P01",
        _ if text.contains("not support") || text.contains("unsupported") => "0A000",
        _ => "XX000",
    }
}
