//! Session options: set and read over the wire. What they mean is the session's business.

use std::collections::{BTreeMap, HashMap};

use super::call::Call;
use super::handlers::OptionProblem;
use super::messages::session_option_value::{StringList, Value};
use super::messages::{SessionOptionValue, SetSessionOptionError, SetSessionOptionErrorValue};
use super::status::log;
use crate::error::{Error, Result};
use crate::node::{ENGINE_OPTION, OptionError, OptionValue};

/// Sets session options; those that were not set, and why.
///
/// # Errors
/// When a catalog or schema does not exist, because drivers look for that in the status of the call; and when nothing
/// more can be said of the session, such as that it has ended.
pub(super) async fn set(call: &Call, options: BTreeMap<String, OptionValue>) -> Result<HashMap<String, OptionProblem>> {
    let mut problems = HashMap::new();
    // In one order, so that the same request always does the same: the engine before what is set in it, then by name, which
    // puts a catalog before its schema.
    let mut options: Vec<_> = options.into_iter().collect();
    options.sort_by_key(|(name, _)| name != ENGINE_OPTION);
    for (name, value) in options {
        let problem = match call.session().set_option(&name, value).await {
            Ok(()) => continue,
            Err(OptionError::InvalidName) => OptionProblem::InvalidName,
            Err(OptionError::InvalidValue) => OptionProblem::InvalidValue,
            Err(OptionError::Error(error)) if is_of_option(&error) => {
                log(&error);
                OptionProblem::Error
            }
            Err(OptionError::Error(error)) => return Err(error),
        };
        problems.insert(name, problem);
    }
    Ok(problems)
}

/// Whether an error is about one option alone: the engine refused it, and not for want of a catalog or schema.
fn is_of_option(error: &Error) -> bool {
    use crate::error::ErrorCode::{OptionInvalid, StatementFailed, StatementForbidden};
    matches!(error.code, OptionInvalid | StatementFailed | StatementForbidden)
        && !matches!(error.sqlstate.0, "3D000" | "3F000")
}

/// The value of an option as a client sent it.
pub(super) fn from_wire(value: SessionOptionValue) -> OptionValue {
    match value.value {
        Some(Value::String(text)) => OptionValue::String(text),
        Some(Value::Bool(flag)) => OptionValue::Bool(flag),
        Some(Value::Int64(number)) => OptionValue::Int64(number),
        Some(Value::Double(number)) => OptionValue::Double(number),
        Some(Value::StringList(StringList { values })) => OptionValue::StringList(values),
        None => OptionValue::Empty,
    }
}

/// The value of an option as it is sent.
pub(super) fn to_wire(value: OptionValue) -> SessionOptionValue {
    let value = match value {
        OptionValue::String(text) => Some(Value::String(text)),
        OptionValue::Bool(flag) => Some(Value::Bool(flag)),
        OptionValue::Int64(number) => Some(Value::Int64(number)),
        OptionValue::Double(number) => Some(Value::Double(number)),
        OptionValue::StringList(values) => Some(Value::StringList(StringList { values })),
        OptionValue::Empty => None,
    };
    SessionOptionValue { value }
}

/// Why an option was not set, as it is sent.
pub(super) fn problem_to_wire(problem: OptionProblem) -> SetSessionOptionError {
    let value = match problem {
        OptionProblem::InvalidName => SetSessionOptionErrorValue::InvalidName,
        OptionProblem::InvalidValue => SetSessionOptionErrorValue::InvalidValue,
        OptionProblem::Error => SetSessionOptionErrorValue::Error,
    };
    SetSessionOptionError { value: value.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_comes_back_as_it_was() {
        let values = [
            OptionValue::String("x".into()),
            OptionValue::Bool(true),
            OptionValue::Int64(-7),
            OptionValue::Double(0.5),
            OptionValue::StringList(vec!["a".into(), "b".into()]),
            OptionValue::Empty,
        ];
        for value in values {
            assert_eq!(from_wire(to_wire(value.clone())), value);
        }
    }
}
