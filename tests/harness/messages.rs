//! The session messages of `Flight.proto`, which `arrow-flight` does not have.

use std::collections::HashMap;

use prost::{Message, Oneof};

/// The value of a session option; none unsets it.
#[derive(Clone, PartialEq, Message)]
pub struct SessionOptionValue {
    /// The value in its type.
    #[prost(oneof = "OptionValue", tags = "1, 2, 3, 4, 5")]
    pub option_value: Option<OptionValue>,
}

/// The types a session option can have.
#[derive(Clone, PartialEq, Oneof)]
pub enum OptionValue {
    /// Text.
    #[prost(string, tag = "1")]
    Text(String),
    /// True or false.
    #[prost(bool, tag = "2")]
    Bool(bool),
    /// A whole number.
    #[prost(sfixed64, tag = "3")]
    Int(i64),
    /// A number.
    #[prost(double, tag = "4")]
    Double(f64),
    /// Several texts.
    #[prost(message, tag = "5")]
    Texts(Texts),
}

/// Several texts.
#[derive(Clone, PartialEq, Message)]
pub struct Texts {
    /// The texts.
    #[prost(string, repeated, tag = "1")]
    pub values: Vec<String>,
}

/// The body of the action `SetSessionOptions`.
#[derive(Clone, PartialEq, Message)]
pub struct SetSessionOptionsRequest {
    /// What is set.
    #[prost(map = "string, message", tag = "1")]
    pub session_options: HashMap<String, SessionOptionValue>,
}

/// What `SetSessionOptions` answers: the options that were not set, and why.
#[derive(Clone, PartialEq, Message)]
pub struct SetSessionOptionsResult {
    /// One error an option.
    #[prost(map = "string, message", tag = "1")]
    pub errors: HashMap<String, SetSessionOptionError>,
}

/// Why an option was not set.
#[derive(Clone, PartialEq, Message)]
pub struct SetSessionOptionError {
    /// 1: no such name, 2: no such value, 3: another reason.
    #[prost(int32, tag = "1")]
    pub value: i32,
}

/// What `GetSessionOptions` answers.
#[derive(Clone, PartialEq, Message)]
pub struct GetSessionOptionsResult {
    /// What is set.
    #[prost(map = "string, message", tag = "1")]
    pub session_options: HashMap<String, SessionOptionValue>,
}

/// What `CloseSession` answers.
#[derive(Clone, PartialEq, Message)]
pub struct CloseSessionResult {
    /// 1: closed, 2: closing, 3: not closeable.
    #[prost(int32, tag = "1")]
    pub status: i32,
}

/// Text as the value of a session option.
pub fn text(value: &str) -> SessionOptionValue {
    SessionOptionValue { option_value: Some(OptionValue::Text(value.to_owned())) }
}
