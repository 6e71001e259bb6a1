//! The messages of `Flight.proto` and `FlightSql.proto` that `arrow-flight` does not have: the session options, and
//! `is_update` in the result of preparing a statement.

use std::collections::HashMap;

use bytes::Bytes;

/// The value of a session option. Without a value it asks for the option to be put back to its default.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SessionOptionValue {
    #[prost(oneof = "session_option_value::Value", tags = "1, 2, 3, 4, 5")]
    pub(crate) value: Option<session_option_value::Value>,
}

/// What a session option may hold.
pub(crate) mod session_option_value {
    /// One of the types a value can have.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub(crate) enum Value {
        #[prost(string, tag = "1")]
        String(String),
        #[prost(bool, tag = "2")]
        Bool(bool),
        #[prost(sfixed64, tag = "3")]
        Int64(i64),
        #[prost(double, tag = "4")]
        Double(f64),
        #[prost(message, tag = "5")]
        StringList(StringList),
    }

    /// A list of texts.
    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct StringList {
        #[prost(string, repeated, tag = "1")]
        pub(crate) values: Vec<String>,
    }
}

/// The body of the action `SetSessionOptions`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SetSessionOptionsRequest {
    #[prost(map = "string, message", tag = "1")]
    pub(crate) session_options: HashMap<String, SessionOptionValue>,
}

/// The answer to `SetSessionOptions`: what could not be set, and why. Whatever is not listed was set.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SetSessionOptionsResult {
    #[prost(map = "string, message", tag = "1")]
    pub(crate) errors: HashMap<String, SetSessionOptionError>,
}

/// Why one option was not set.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct SetSessionOptionError {
    #[prost(enumeration = "SetSessionOptionErrorValue", tag = "1")]
    pub(crate) value: i32,
}

/// The reasons for which an option is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum SetSessionOptionErrorValue {
    /// Not given.
    Unspecified = 0,
    /// There is no such option.
    InvalidName = 1,
    /// The option does not take that value.
    InvalidValue = 2,
    /// Something else went wrong.
    Error = 3,
}

/// The body of the action `GetSessionOptions`.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct GetSessionOptionsRequest {}

/// The answer to `GetSessionOptions`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetSessionOptionsResult {
    #[prost(map = "string, message", tag = "1")]
    pub(crate) session_options: HashMap<String, SessionOptionValue>,
}

/// The body of the action `CloseSession`.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct CloseSessionRequest {}

/// The answer to `CloseSession`.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct CloseSessionResult {
    #[prost(enumeration = "CloseSessionStatus", tag = "1")]
    pub(crate) status: i32,
}

/// What became of a session that was to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum CloseSessionStatus {
    /// Not given.
    Unspecified = 0,
    /// It is closed.
    Closed = 1,
    /// It is being closed.
    Closing = 2,
    /// It can't be closed.
    NotCloseable = 3,
}

/// The answer to `CreatePreparedStatement`, with the field that tells drivers which way to run the statement.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CreatePreparedStatementResult {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) prepared_statement_handle: Bytes,
    /// The schema of its rows as an encapsulated IPC message; empty when it has none of its own.
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) dataset_schema: Bytes,
    /// The schema of its parameters as an encapsulated IPC message; empty when it takes none.
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) parameter_schema: Bytes,
    /// Whether it is to be run as an update.
    #[prost(bool, optional, tag = "4")]
    pub(crate) is_update: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_flight::sql::ActionCreatePreparedStatementResult;
    use prost::Message;

    #[test]
    fn a_client_that_does_not_know_is_update_reads_the_rest() {
        let ours = CreatePreparedStatementResult {
            prepared_statement_handle: Bytes::from_static(b"handle"),
            dataset_schema: Bytes::from_static(b"rows"),
            parameter_schema: Bytes::from_static(b"parameters"),
            is_update: Some(true),
        };
        let theirs = ActionCreatePreparedStatementResult::decode(ours.encode_to_vec().as_slice()).unwrap();
        assert_eq!(theirs.prepared_statement_handle, ours.prepared_statement_handle);
        assert_eq!(theirs.dataset_schema, ours.dataset_schema);
        assert_eq!(theirs.parameter_schema, ours.parameter_schema);
    }

    #[test]
    fn is_update_is_field_four_and_is_sent_even_when_false() {
        let result = CreatePreparedStatementResult { is_update: Some(false), ..Default::default() };
        assert_eq!(result.encode_to_vec(), [4 << 3, 0]);
    }

    #[test]
    fn a_whole_number_is_eight_fixed_bytes() {
        let value = SessionOptionValue { value: Some(session_option_value::Value::Int64(-2)) };
        assert_eq!(value.encode_to_vec(), [3 << 3 | 1, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    }
}
