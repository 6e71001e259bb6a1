//! Session options: set and read over the wire. What they mean is the session's business.

use std::collections::HashMap;

use super::call::Call;
use super::messages::session_option_value::{StringList, Value};
use super::messages::{
    CloseSessionResult, CloseSessionStatus, GetSessionOptionsResult, SessionOptionValue, SetSessionOptionError,
    SetSessionOptionErrorValue, SetSessionOptionsRequest, SetSessionOptionsResult,
};
use super::status::log;
use crate::error::{Error, Result};
use crate::node::{ENGINE_OPTION, OptionError, OptionValue};

/// Sets session options. What is not listed in the result was set.
///
/// # Errors
/// When a catalog or schema does not exist, because drivers look for that in the status of the call; and when nothing
/// more can be said of the session, such as that it has ended.
pub(super) async fn set(call: &Call, request: SetSessionOptionsRequest) -> Result<SetSessionOptionsResult> {
    let mut errors = HashMap::new();
    // In one order, so that the same request always does the same: the engine before what is set in it, then by name, which
    // puts a catalog before its schema.
    let mut options: Vec<_> = request.session_options.into_iter().collect();
    options.sort_by(|(one, _), (other, _)| (one != ENGINE_OPTION, one).cmp(&(other != ENGINE_OPTION, other)));
    for (name, value) in options {
        let reason = match call.session().set_option(&name, from_wire(value)).await {
            Ok(()) => continue,
            Err(OptionError::InvalidName) => SetSessionOptionErrorValue::InvalidName,
            Err(OptionError::InvalidValue) => SetSessionOptionErrorValue::InvalidValue,
            Err(OptionError::Error(error)) if is_of_option(&error) => {
                log(&error);
                SetSessionOptionErrorValue::Error
            }
            Err(OptionError::Error(error)) => return Err(error),
        };
        errors.insert(name, SetSessionOptionError { value: reason.into() });
    }
    Ok(SetSessionOptionsResult { errors })
}

/// Whether an error is about one option alone: the engine refused it, and not for want of a catalog or schema.
fn is_of_option(error: &Error) -> bool {
    use crate::error::ErrorCode::{OptionInvalid, StatementFailed, StatementForbidden};
    matches!(error.code, OptionInvalid | StatementFailed | StatementForbidden)
        && !matches!(error.sqlstate.0, "3D000" | "3F000")
}

/// All session options.
///
/// # Errors
/// Those of the session.
pub(super) async fn get(call: &Call) -> Result<GetSessionOptionsResult> {
    let options = call.session().options().await?;
    let session_options = options.into_iter().map(|(name, value)| (name, to_wire(value))).collect();
    Ok(GetSessionOptionsResult { session_options })
}

/// Ends the session.
///
/// # Errors
/// Those of the session; it goes on then.
pub(super) async fn close(call: &Call) -> Result<CloseSessionResult> {
    call.node.close_session(&call.caller).await?;
    Ok(CloseSessionResult { status: CloseSessionStatus::Closed.into() })
}

fn from_wire(value: SessionOptionValue) -> OptionValue {
    match value.value {
        Some(Value::String(text)) => OptionValue::String(text),
        Some(Value::Bool(flag)) => OptionValue::Bool(flag),
        Some(Value::Int64(number)) => OptionValue::Int64(number),
        Some(Value::Double(number)) => OptionValue::Double(number),
        Some(Value::StringList(StringList { values })) => OptionValue::StringList(values),
        None => OptionValue::Empty,
    }
}

fn to_wire(value: OptionValue) -> SessionOptionValue {
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
