//! The bytes of a descriptor, decoded once, into what the client wants.

use arrow_flight::sql::{
    Any, CommandGetCatalogs, CommandGetDbSchemas, CommandGetSqlInfo, CommandGetTableTypes, CommandGetTables,
    CommandGetXdbcTypeInfo, CommandPreparedStatementQuery, CommandPreparedStatementUpdate, CommandStatementIngest,
    CommandStatementQuery, CommandStatementSubstraitPlan, CommandStatementUpdate, SubstraitPlan,
};
use arrow_flight::{FlightDescriptor, flight_descriptor::DescriptorType};
use bytes::Bytes;
use prost::Message;

use super::keys::Keys;
use crate::error::{Error, ErrorCode, Result};

/// What stands before the names of all Flight SQL messages.
const PACKAGE: &str = "arrow.flight.protocol.sql.";

/// What a descriptor asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// The rows of a statement.
    StatementQuery {
        /// Its text.
        sql: String,
        /// The transaction it is to be run in.
        transaction: Transaction,
    },
    /// The rows of a prepared statement; on DoPut, the values of its parameters.
    PreparedQuery {
        /// What it is known by.
        handle: Bytes,
    },
    /// To run a statement for its effect.
    StatementUpdate {
        /// Its text.
        sql: String,
        /// The transaction it is to be run in.
        transaction: Transaction,
    },
    /// To run a prepared statement for its effect, once a row of parameters.
    PreparedUpdate {
        /// What it is known by.
        handle: Bytes,
    },
    /// The rows of a Substrait plan; on DoPut, its effect.
    Substrait {
        /// The plan.
        plan: SubstraitPlan,
        /// The transaction it is to be run in.
        transaction: Transaction,
    },
    /// To write rows into a table.
    Ingest(CommandStatementIngest),
    /// To be told about the server or its tables.
    Metadata(Metadata),
}

/// A question about the server or its tables.
#[derive(Debug, Clone, PartialEq)]
pub enum Metadata {
    /// The catalogs there are.
    Catalogs,
    /// The schemas there are.
    Schemas(CommandGetDbSchemas),
    /// The tables there are.
    Tables(CommandGetTables),
    /// The types of table there are.
    TableTypes,
    /// What the server can do; all of it when no codes are given.
    SqlInfo(Vec<u32>),
    /// The SQL types there are; those with this code alone, if one is given.
    TypeInfo(Option<i32>),
    /// The keys of tables.
    Keys(Keys),
}

/// The transaction a message asks to be run in; `None` for whichever the session is in.
pub type Transaction = Option<Bytes>;

impl Command {
    /// Reads a descriptor.
    ///
    /// # Errors
    /// `REQUEST_MALFORMED` when its bytes are no Flight SQL message, `NOT_IMPLEMENTED` when it asks for something that
    /// is not done here. Both name what was found.
    pub fn from_descriptor(descriptor: &FlightDescriptor) -> Result<Self> {
        match descriptor.r#type() {
            DescriptorType::Cmd => Self::decode(&descriptor.cmd),
            DescriptorType::Path => Err(Error::new(
                ErrorCode::NotImplemented,
                "descriptors with a path are not supported: send a Flight SQL command",
            )),
            DescriptorType::Unknown => {
                Err(malformed("the descriptor is neither a command nor a path: set its type to CMD"))
            }
        }
    }

    /// Reads the command bytes of a descriptor. See [`Self::from_descriptor`].
    pub(super) fn decode(bytes: &Bytes) -> Result<Self> {
        let any = unwrap_any(bytes, "the descriptor's command")?;
        let name = message_name(&any.type_url);
        Ok(match name {
            "CommandStatementQuery" => {
                let CommandStatementQuery { query, transaction_id } = body(name, &any)?;
                Self::StatementQuery { sql: query, transaction: transaction(transaction_id) }
            }
            "CommandPreparedStatementQuery" => {
                let CommandPreparedStatementQuery { prepared_statement_handle } = body(name, &any)?;
                Self::PreparedQuery { handle: prepared_statement_handle }
            }
            "CommandStatementUpdate" => {
                let CommandStatementUpdate { query, transaction_id } = body(name, &any)?;
                Self::StatementUpdate { sql: query, transaction: transaction(transaction_id) }
            }
            "CommandPreparedStatementUpdate" => {
                let CommandPreparedStatementUpdate { prepared_statement_handle } = body(name, &any)?;
                Self::PreparedUpdate { handle: prepared_statement_handle }
            }
            "CommandStatementIngest" => Self::Ingest(body(name, &any)?),
            "CommandGetCatalogs" => {
                body::<CommandGetCatalogs>(name, &any)?;
                Self::Metadata(Metadata::Catalogs)
            }
            "CommandGetDbSchemas" => Self::Metadata(Metadata::Schemas(body(name, &any)?)),
            "CommandGetTables" => Self::Metadata(Metadata::Tables(body(name, &any)?)),
            "CommandGetTableTypes" => {
                body::<CommandGetTableTypes>(name, &any)?;
                Self::Metadata(Metadata::TableTypes)
            }
            "CommandGetSqlInfo" => {
                let CommandGetSqlInfo { info } = body(name, &any)?;
                Self::Metadata(Metadata::SqlInfo(info))
            }
            "CommandGetXdbcTypeInfo" => {
                let CommandGetXdbcTypeInfo { data_type } = body(name, &any)?;
                Self::Metadata(Metadata::TypeInfo(data_type))
            }
            "CommandGetPrimaryKeys" => Self::Metadata(Metadata::Keys(Keys::Primary(body(name, &any)?))),
            "CommandGetExportedKeys" => Self::Metadata(Metadata::Keys(Keys::Exported(body(name, &any)?))),
            "CommandGetImportedKeys" => Self::Metadata(Metadata::Keys(Keys::Imported(body(name, &any)?))),
            "CommandGetCrossReference" => Self::Metadata(Metadata::Keys(Keys::CrossReference(body(name, &any)?))),
            "CommandStatementSubstraitPlan" => {
                let CommandStatementSubstraitPlan { plan, transaction_id } = body(name, &any)?;
                Self::Substrait { plan: plan.unwrap_or_default(), transaction: transaction(transaction_id) }
            }
            _ => {
                return Err(malformed(format!(
                    "a message of type {} is not a Flight SQL command",
                    shown(&any.type_url)
                )));
            }
        })
    }

    /// The name of its message.
    pub fn name(&self) -> &'static str {
        match self {
            Self::StatementQuery { .. } => "CommandStatementQuery",
            Self::PreparedQuery { .. } => "CommandPreparedStatementQuery",
            Self::StatementUpdate { .. } => "CommandStatementUpdate",
            Self::PreparedUpdate { .. } => "CommandPreparedStatementUpdate",
            Self::Substrait { .. } => "CommandStatementSubstraitPlan",
            Self::Ingest(_) => "CommandStatementIngest",
            Self::Metadata(Metadata::Catalogs) => "CommandGetCatalogs",
            Self::Metadata(Metadata::Schemas(_)) => "CommandGetDbSchemas",
            Self::Metadata(Metadata::Tables(_)) => "CommandGetTables",
            Self::Metadata(Metadata::TableTypes) => "CommandGetTableTypes",
            Self::Metadata(Metadata::SqlInfo(_)) => "CommandGetSqlInfo",
            Self::Metadata(Metadata::TypeInfo(_)) => "CommandGetXdbcTypeInfo",
            Self::Metadata(Metadata::Keys(keys)) => keys.name(),
        }
    }
}

/// Reads bytes that must be one message of type `name`, wrapped in `Any` as Flight SQL's are.
pub(super) fn unwrap_as<M: Message + Default>(bytes: &Bytes, name: &'static str) -> Result<M> {
    let any = unwrap_any(bytes, name)?;
    if message_name(&any.type_url) != name {
        let found = shown(&any.type_url);
        return Err(malformed(format!("expected a message of type {PACKAGE}{name}, found {found}")));
    }
    body(name, &any)
}

/// Wraps a message of type `name` in `Any`.
pub(super) fn wrap(name: &str, message: &impl Message) -> Bytes {
    let any = Any { type_url: format!("type.googleapis.com/{PACKAGE}{name}"), value: message.encode_to_vec().into() };
    any.encode_to_vec().into()
}

/// Reads bytes that must be one message of type `name`, not wrapped: so Flight's own actions come.
pub(super) fn bare<M: Message + Default>(bytes: &Bytes, name: &str) -> Result<M> {
    M::decode(bytes.clone()).map_err(|error| malformed(format!("{name} cannot be read: {error}")))
}

/// The transaction a message names. An empty id is how some clients say that they name none.
pub(super) fn transaction(id: Option<Bytes>) -> Transaction {
    id.filter(|id| !id.is_empty())
}

fn unwrap_any(bytes: &Bytes, what: &str) -> Result<Any> {
    if bytes.is_empty() {
        return Err(malformed(format!(
            "{what} is empty: it must be a Flight SQL message wrapped in google.protobuf.Any"
        )));
    }
    Any::decode(bytes.clone())
        .map_err(|error| malformed(format!("{what} is not a message wrapped in google.protobuf.Any: {error}")))
}

fn body<M: Message + Default>(name: &str, any: &Any) -> Result<M> {
    M::decode(any.value.clone()).map_err(|error| malformed(format!("{name} cannot be read: {error}")))
}

/// The name of a message by its type URL, whatever prefix stands before the last slash; empty when it is none of
/// Flight SQL's.
fn message_name(type_url: &str) -> &str {
    let full = type_url.rsplit('/').next().unwrap_or(type_url);
    full.strip_prefix(PACKAGE).unwrap_or_default()
}

/// What a client sent, fit to be shown in an error: printable and short.
pub(super) fn shown(text: &str) -> String {
    let start: String = text.chars().take(80).collect();
    format!("{start:?}")
}

pub(super) fn malformed(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::RequestMalformed, message)
}

/// The error for something Flight or Flight SQL has and this server has not.
pub(super) fn not_implemented(name: &str) -> Error {
    Error::new(ErrorCode::NotImplemented, format!("{name} is not supported by this server"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_flight::sql::{ActionBeginTransactionRequest, ProstMessageExt};
    use proptest::prelude::*;

    fn bytes(message: &impl ProstMessageExt) -> Bytes {
        message.as_any().encode_to_vec().into()
    }

    fn code(result: Result<Command>) -> ErrorCode {
        result.unwrap_err().code
    }

    #[test]
    fn a_query_is_read_whatever_prefix_its_type_has() {
        let query = CommandStatementQuery { query: "SELECT 1".into(), transaction_id: Some(Bytes::new()) };
        let expected = Command::StatementQuery { sql: "SELECT 1".into(), transaction: None };
        assert_eq!(Command::decode(&bytes(&query)).unwrap(), expected);
        let mut any = query.as_any();
        any.type_url = format!("example.org/{PACKAGE}CommandStatementQuery");
        assert_eq!(Command::decode(&any.encode_to_vec().into()).unwrap(), expected);
    }

    #[test]
    fn every_command_reads_back_under_its_own_name() {
        let commands = [
            bytes(&CommandStatementQuery::default()),
            bytes(&CommandPreparedStatementQuery::default()),
            bytes(&CommandStatementUpdate::default()),
            bytes(&CommandPreparedStatementUpdate::default()),
            bytes(&CommandGetCatalogs::default()),
            bytes(&CommandGetDbSchemas::default()),
            bytes(&CommandGetTables::default()),
            bytes(&CommandGetTableTypes::default()),
            bytes(&CommandGetSqlInfo::default()),
            bytes(&CommandStatementSubstraitPlan::default()),
        ];
        for command in commands {
            let any = Any::decode(command.clone()).unwrap();
            assert_eq!(Command::decode(&command).unwrap().name(), message_name(&any.type_url));
        }
    }

    #[test]
    fn bytes_that_are_no_command_are_malformed() {
        assert_eq!(code(Command::decode(&Bytes::new())), ErrorCode::RequestMalformed);
        assert_eq!(code(Command::decode(&Bytes::from_static(b"SELECT 1"))), ErrorCode::RequestMalformed);
        assert_eq!(code(Command::decode(&bytes(&ActionBeginTransactionRequest {}))), ErrorCode::RequestMalformed);
        let query = CommandStatementQuery { query: "SELECT 1".into(), transaction_id: None };
        let whole = query.as_any();
        let mut cut = whole.clone();
        cut.value.truncate(4);
        assert_eq!(code(Command::decode(&cut.encode_to_vec().into())), ErrorCode::RequestMalformed);
        let outer = whole.encode_to_vec();
        assert_eq!(code(Command::decode(&outer[..outer.len() - 2].to_vec().into())), ErrorCode::RequestMalformed);
    }

    #[test]
    fn a_descriptor_must_be_a_command() {
        let path = FlightDescriptor::new_path(vec!["flights".into()]);
        assert_eq!(code(Command::from_descriptor(&path)), ErrorCode::NotImplemented);
        assert_eq!(code(Command::from_descriptor(&FlightDescriptor::default())), ErrorCode::RequestMalformed);
        let odd = FlightDescriptor { r#type: 99, ..Default::default() };
        assert_eq!(code(Command::from_descriptor(&odd)), ErrorCode::RequestMalformed);
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_command_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Command::decode(&bytes.into());
        }

        #[test]
        fn any_body_gives_a_command_or_an_error(
            name in "Command(StatementQuery|GetTables|GetPrimaryKeys|GetCrossReference|GetSqlInfo|GetDbSchemas|StatementUpdate)",
            value in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let any = Any { type_url: format!("/{PACKAGE}{name}"), value: value.into() };
            let _ = Command::decode(&any.encode_to_vec().into());
        }
    }
}
