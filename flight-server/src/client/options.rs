//! Options of the session, set and read by their actions.

use std::collections::{BTreeMap, HashMap};

use prost::Message as _;

use super::error::ClientError;
use super::session::Session;
use crate::flight::messages::session_option_value::Value;
use crate::flight::messages::{
    GetSessionOptionsResult, SessionOptionValue, SetSessionOptionErrorValue, SetSessionOptionsRequest,
    SetSessionOptionsResult,
};

impl Session {
    /// Sets options of the session. An empty text puts one back to its default.
    ///
    /// # Errors
    /// `OPTION_INVALID`, which names those that the server did not take; it took the others.
    pub async fn set_options(&self, options: &BTreeMap<String, String>) -> Result<(), ClientError> {
        let value =
            |text: &String| SessionOptionValue { value: (!text.is_empty()).then(|| Value::String(text.clone())) };
        let session_options: HashMap<_, _> = options.iter().map(|(name, text)| (name.clone(), value(text))).collect();
        let body = SetSessionOptionsRequest { session_options }.encode_to_vec();
        let answer = self.act(&self.operation(), "SetSessionOptions", body.into()).await?;
        let result =
            SetSessionOptionsResult::decode(answer).map_err(|_| ClientError::malformed("SetSessionOptions"))?;
        let mut refused: Vec<String> = result
            .errors
            .iter()
            .map(|(name, error)| match error.value() {
                SetSessionOptionErrorValue::InvalidName => format!("{name}: there is no such option"),
                SetSessionOptionErrorValue::InvalidValue => format!("{name}: it does not take that value"),
                _ => format!("{name}: the engine refused it"),
            })
            .collect();
        if refused.is_empty() {
            return Ok(());
        }
        refused.sort();
        let message = format!("session options were not set: {}", refused.join("; "));
        Err(ClientError::new("OPTION_INVALID", "22023", message))
    }

    /// The options of the session that have a value, as texts.
    ///
    /// # Errors
    /// Those of the server.
    pub async fn options(&self) -> Result<BTreeMap<String, String>, ClientError> {
        let answer = self.act(&self.operation(), "GetSessionOptions", bytes::Bytes::new()).await?;
        let result =
            GetSessionOptionsResult::decode(answer).map_err(|_| ClientError::malformed("GetSessionOptions"))?;
        let text = |value: Value| match value {
            Value::String(text) => text,
            Value::Bool(on) => on.to_string(),
            Value::Int64(number) => number.to_string(),
            Value::Double(number) => number.to_string(),
            Value::StringList(list) => list.values.join(","),
        };
        let options = result.session_options.into_iter();
        Ok(options.filter_map(|(name, option)| Some((name, text(option.value?)))).collect())
    }
}
