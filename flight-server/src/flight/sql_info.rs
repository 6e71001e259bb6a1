//! What drivers may ask about the server (`GetSqlInfo`), answered from what the engine says of itself and from what
//! this server does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, UnionArray};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow_flight::sql::metadata::SqlInfoDataBuilder;
use arrow_flight::sql::{
    SqlInfo, SqlNullOrdering, SqlOuterJoinsSupportLevel, SqlSupportedCaseSensitivity, SqlSupportedElementActions,
    SqlSupportedGroupBy, SqlSupportedResultSetConcurrency, SqlSupportedResultSetType, SqlSupportedSubqueries,
    SqlSupportedTransaction, SqlSupportedUnions, SqlTransactionIsolationLevel, SupportedSqlGrammar,
};

use crate::engine::EngineFacts;
use crate::error::{Error, Result};

/// A value, by the member of the protocol's union it travels in.
enum Value {
    Text(String),
    Flag(bool),
    Long(i64),
    /// A bit mask, or the number of one choice.
    Int(i32),
    Texts(Vec<String>),
    Conversions(BTreeMap<i32, Vec<i32>>),
}

/// The limits drivers can ask for. None of them is fixed: 0 says that there is none, or none that is known.
const LIMITS: [SqlInfo; 20] = [
    SqlInfo::SqlMaxBinaryLiteralLength,
    SqlInfo::SqlMaxCharLiteralLength,
    SqlInfo::SqlMaxColumnNameLength,
    SqlInfo::SqlMaxColumnsInGroupBy,
    SqlInfo::SqlMaxColumnsInIndex,
    SqlInfo::SqlMaxColumnsInOrderBy,
    SqlInfo::SqlMaxColumnsInSelect,
    SqlInfo::SqlMaxColumnsInTable,
    SqlInfo::SqlMaxConnections,
    SqlInfo::SqlMaxCursorNameLength,
    SqlInfo::SqlMaxIndexLength,
    SqlInfo::SqlDbSchemaNameLength,
    SqlInfo::SqlMaxProcedureNameLength,
    SqlInfo::SqlMaxCatalogNameLength,
    SqlInfo::SqlMaxRowSize,
    SqlInfo::SqlMaxStatementLength,
    SqlInfo::SqlMaxStatements,
    SqlInfo::SqlMaxTableNameLength,
    SqlInfo::SqlMaxTablesInSelect,
    SqlInfo::SqlMaxUsernameLength,
];

/// The answer to `GetSqlInfo`: the codes asked for, or all of them when none is named.
///
/// A code that is not known is left out, as drivers of a later version of the protocol expect.
///
/// # Errors
/// `INTERNAL` when the answer cannot be built.
pub(super) fn answer(facts: &EngineFacts, asked: &[u32]) -> Result<RecordBatch> {
    let asked: BTreeSet<u32> = asked.iter().copied().collect();
    let mut builder = SqlInfoDataBuilder::new();
    for (info, value) in values(facts) {
        let code = info as u32;
        if !asked.is_empty() && !asked.contains(&code) {
            continue;
        }
        match value {
            Value::Text(text) => builder.append(code, text.as_str()),
            Value::Flag(flag) => builder.append(code, flag),
            Value::Long(number) => builder.append(code, number),
            Value::Int(number) => builder.append(code, number),
            Value::Texts(texts) => builder.append(code, texts),
            Value::Conversions(map) => builder.append(code, map),
        }
    }
    sql_info_batch(builder)
}

/// The schema of the answer. The protocol's other implementations have no member of the union nullable, and their clients
/// compare it strictly; the builder has two.
pub(super) fn schema() -> SchemaRef {
    let fields = SqlInfoDataBuilder::schema().fields().iter().map(|field| match field.data_type() {
        DataType::Union(members, mode) => {
            let members =
                members.iter().map(|(id, member)| (id, Arc::new(member.as_ref().clone().with_nullable(false))));
            let union = DataType::Union(members.collect(), *mode);
            Arc::new(field.as_ref().clone().with_data_type(union))
        }
        _ => Arc::clone(field),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// What was put into the builder, in the schema of the answer.
///
/// # Errors
/// `INTERNAL` when it cannot be built.
pub fn sql_info_batch(builder: SqlInfoDataBuilder) -> Result<RecordBatch> {
    fn failed(error: impl std::fmt::Display) -> Error {
        Error::internal(format_args!("SqlInfo cannot be built: {error}"))
    }
    let batch = builder.build().and_then(|data| data.record_batch([])).map_err(failed)?;
    let schema = schema();
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
        let (DataType::Union(members, _), Some(union)) =
            (field.data_type(), column.as_any().downcast_ref::<UnionArray>())
        else {
            return Ok(Arc::clone(column));
        };
        let (_, ids, offsets, children) = union.clone().into_parts();
        UnionArray::try_new(members.clone(), ids, offsets, children).map(|union| Arc::new(union) as ArrayRef)
    });
    let columns = columns.collect::<std::result::Result<_, _>>().map_err(failed)?;
    RecordBatch::try_new(Arc::clone(&schema), columns).map_err(failed)
}

fn values(facts: &EngineFacts) -> Vec<(SqlInfo, Value)> {
    let mut values = server(facts);
    values.extend(language(facts));
    values.extend(transactions(facts));
    values.extend(LIMITS.map(|info| (info, Value::Long(0))));
    values
}

/// The server itself.
fn server(facts: &EngineFacts) -> Vec<(SqlInfo, Value)> {
    use SqlInfo as I;
    let transaction =
        if facts.transactions { SqlSupportedTransaction::Transaction } else { SqlSupportedTransaction::None };
    vec![
        (I::FlightSqlServerName, text("Pintail")),
        (I::FlightSqlServerVersion, text(env!("CARGO_PKG_VERSION"))),
        (I::FlightSqlServerArrowVersion, text(arrow::ARROW_VERSION)),
        (I::FlightSqlServerReadOnly, Value::Flag(facts.read_only)),
        (I::FlightSqlServerSql, Value::Flag(true)),
        (I::FlightSqlServerSubstrait, Value::Flag(false)),
        (I::FlightSqlServerSubstraitMinVersion, text("")),
        (I::FlightSqlServerSubstraitMaxVersion, text("")),
        // Drivers look for this one in the union's member for 32-bit numbers and for nothing else.
        (I::FlightSqlServerTransaction, Value::Int(transaction as i32)),
        (I::FlightSqlServerCancel, Value::Flag(true)),
        (I::FlightSqlServerBulkIngestion, Value::Flag(true)),
        (I::FlightSqlServerIngestTransactionsSupported, Value::Flag(facts.transactions)),
        // Neither handles of prepared statements nor transactions end by themselves before their session does.
        (I::FlightSqlServerStatementTimeout, Value::Int(0)),
        (I::FlightSqlServerTransactionTimeout, Value::Int(0)),
    ]
}

/// The SQL it understands.
fn language(facts: &EngineFacts) -> Vec<(SqlInfo, Value)> {
    use SqlInfo as I;
    let case = SqlSupportedCaseSensitivity::SqlCaseSensitivityCaseInsensitive as i32;
    let in_indexes = || bits(&[SqlSupportedElementActions::SqlElementInIndexDefinitions as i32]);
    vec![
        (I::SqlDdlCatalog, Value::Flag(false)),
        (I::SqlDdlSchema, Value::Flag(!facts.read_only)),
        (I::SqlDdlTable, Value::Flag(!facts.read_only)),
        (I::SqlIdentifierCase, Value::Int(case)),
        (I::SqlIdentifierQuoteChar, text("\"")),
        (I::SqlQuotedIdentifierCase, Value::Int(case)),
        (I::SqlAllTablesAreSelectable, Value::Flag(true)),
        (I::SqlNullOrdering, Value::Int(SqlNullOrdering::SqlNullsSortedAtEnd as i32)),
        (I::SqlKeywords, Value::Texts(facts.keywords.clone())),
        (I::SqlNumericFunctions, Value::Texts(facts.numeric_functions.clone())),
        (I::SqlStringFunctions, Value::Texts(facts.string_functions.clone())),
        (I::SqlSystemFunctions, Value::Texts(facts.system_functions.clone())),
        (I::SqlDatetimeFunctions, Value::Texts(facts.datetime_functions.clone())),
        (I::SqlSearchStringEscape, text("\\")),
        (I::SqlExtraNameCharacters, text("")),
        (I::SqlSupportsColumnAliasing, Value::Flag(true)),
        (I::SqlNullPlusNullIsNull, Value::Flag(true)),
        // It is about the function CONVERT, which there is not; CAST is what converts.
        (I::SqlSupportsConvert, Value::Conversions(BTreeMap::new())),
        (I::SqlSupportsTableCorrelationNames, Value::Flag(true)),
        (I::SqlSupportsDifferentTableCorrelationNames, Value::Flag(false)),
        (I::SqlSupportsExpressionsInOrderBy, Value::Flag(true)),
        (I::SqlSupportsOrderByUnrelated, Value::Flag(true)),
        (
            I::SqlSupportedGroupBy,
            bits(&[
                SqlSupportedGroupBy::SqlGroupByUnrelated as i32,
                SqlSupportedGroupBy::SqlGroupByBeyondSelect as i32,
            ]),
        ),
        (I::SqlSupportsLikeEscapeClause, Value::Flag(true)),
        (I::SqlSupportsNonNullableColumns, Value::Flag(true)),
        (
            I::SqlSupportedGrammar,
            bits(&[SupportedSqlGrammar::SqlMinimumGrammar as i32, SupportedSqlGrammar::SqlCoreGrammar as i32]),
        ),
        // Bit 0 is the entry level.
        (I::SqlAnsi92SupportedLevel, bits(&[0])),
        (I::SqlSupportsIntegrityEnhancementFacility, Value::Flag(true)),
        (I::SqlOuterJoinsSupportLevel, Value::Int(SqlOuterJoinsSupportLevel::SqlFullOuterJoins as i32)),
        (I::SqlSchemaTerm, text("schema")),
        (I::SqlProcedureTerm, text("")),
        (I::SqlCatalogTerm, text("database")),
        (I::SqlCatalogAtStart, Value::Flag(true)),
        (I::SqlSchemasSupportedActions, in_indexes()),
        (I::SqlCatalogsSupportedActions, in_indexes()),
        (I::SqlSupportedPositionedCommands, bits(&[])),
        (I::SqlSelectForUpdateSupported, Value::Flag(false)),
        (I::SqlStoredProceduresSupported, Value::Flag(false)),
        (
            I::SqlSupportedSubqueries,
            bits(&[
                SqlSupportedSubqueries::SqlSubqueriesInComparisons as i32,
                SqlSupportedSubqueries::SqlSubqueriesInExists as i32,
                SqlSupportedSubqueries::SqlSubqueriesInIns as i32,
                SqlSupportedSubqueries::SqlSubqueriesInQuantifieds as i32,
            ]),
        ),
        (I::SqlCorrelatedSubqueriesSupported, Value::Flag(true)),
        (I::SqlSupportedUnions, bits(&[SqlSupportedUnions::SqlUnion as i32, SqlSupportedUnions::SqlUnionAll as i32])),
        (I::SqlMaxRowSizeIncludesBlobs, Value::Flag(true)),
    ]
}

/// Its transactions and result sets.
fn transactions(facts: &EngineFacts) -> Vec<(SqlInfo, Value)> {
    use SqlInfo as I;
    use SqlTransactionIsolationLevel::{SqlTransactionNone, SqlTransactionRepeatableRead};
    // What is called snapshot isolation is more than repeatable read and less than serializable.
    let level = if facts.transactions { SqlTransactionRepeatableRead } else { SqlTransactionNone } as i32;
    let read_only = bits(&[SqlSupportedResultSetConcurrency::SqlResultSetConcurrencyReadOnly as i32]);
    vec![
        // JDBC reads this one as a 64-bit number.
        (I::SqlDefaultTransactionIsolation, Value::Long(i64::from(level))),
        (I::SqlTransactionsSupported, Value::Flag(facts.transactions)),
        (I::SqlSupportedTransactionsIsolationLevels, bits(&[level])),
        (I::SqlDataDefinitionCausesTransactionCommit, Value::Flag(false)),
        (I::SqlDataDefinitionsInTransactionsIgnored, Value::Flag(false)),
        (I::SqlSupportedResultSetTypes, bits(&[SqlSupportedResultSetType::SqlResultSetTypeForwardOnly as i32])),
        (I::SqlSupportedConcurrenciesForResultSetUnspecified, bits(&[])),
        (I::SqlSupportedConcurrenciesForResultSetForwardOnly, read_only),
        (I::SqlSupportedConcurrenciesForResultSetScrollSensitive, bits(&[])),
        (I::SqlSupportedConcurrenciesForResultSetScrollInsensitive, bits(&[])),
        (I::SqlBatchUpdatesSupported, Value::Flag(true)),
        (I::SqlSavepointsSupported, Value::Flag(false)),
        (I::SqlNamedParametersSupported, Value::Flag(false)),
        (I::SqlLocatorsUpdateCopy, Value::Flag(false)),
        (I::SqlStoredFunctionsUsingCallSyntaxSupported, Value::Flag(false)),
    ]
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn bits(choices: &[i32]) -> Value {
    Value::Int(choices.iter().fold(0, |mask, choice| mask | 1 << choice))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Int32Array, Int64Array};
    use arrow::datatypes::UInt32Type;

    fn facts() -> EngineFacts {
        EngineFacts {
            version: "1.2.3".into(),
            keywords: vec!["QUALIFY".into(), "SUMMARIZE".into()],
            transactions: true,
            ..Default::default()
        }
    }

    /// The value of `code` and the member of the union it is in.
    fn value(batch: &RecordBatch, code: u32) -> (i8, arrow::array::ArrayRef) {
        let names = batch.column(0).as_primitive::<UInt32Type>();
        let row = names.values().iter().position(|name| *name == code).unwrap();
        let union = batch.column(1).as_any().downcast_ref::<UnionArray>().unwrap();
        (union.type_id(row), union.value(row))
    }

    fn names(batch: &RecordBatch) -> Vec<u32> {
        batch.column(0).as_primitive::<UInt32Type>().values().to_vec()
    }

    #[test]
    fn transactions_are_a_32_bit_number_in_member_three() {
        let batch = answer(&facts(), &[8]).unwrap();
        assert_eq!(names(&batch), [8]);
        let (member, value) = value(&batch, 8);
        assert_eq!(member, 3);
        assert_eq!(value.as_any().downcast_ref::<Int32Array>().unwrap().value(0), 1);
    }

    #[test]
    fn savepoints_are_told_to_be_none_and_transactions_as_the_engine_has_them() {
        for (transactions, kind, level) in [(true, 1, 3), (false, 0, 0)] {
            let batch = answer(&EngineFacts { transactions, ..facts() }, &[]).unwrap();
            let number = |code| value(&batch, code).1.as_any().downcast_ref::<Int32Array>().unwrap().value(0);
            let flag = |code| value(&batch, code).1.as_boolean().value(0);
            assert_eq!(number(SqlInfo::FlightSqlServerTransaction as u32), kind, "2 would be savepoints");
            assert!(!flag(SqlInfo::SqlSavepointsSupported as u32));
            assert_eq!(flag(SqlInfo::SqlTransactionsSupported as u32), transactions);
            assert_eq!(number(SqlInfo::SqlSupportedTransactionsIsolationLevels as u32), 1 << level);
            assert!(!flag(SqlInfo::FlightSqlServerSubstrait as u32));
        }
    }

    #[test]
    fn the_default_isolation_is_a_64_bit_number_in_member_two() {
        let (member, value) = value(&answer(&facts(), &[562]).unwrap(), 562);
        assert_eq!(member, 2);
        assert_eq!(value.as_any().downcast_ref::<Int64Array>().unwrap().value(0), 3);
    }

    #[test]
    fn no_codes_means_all_that_the_protocol_has_and_none_of_our_own() {
        let all = names(&answer(&facts(), &[]).unwrap());
        let known: Vec<u32> = (0..1_000_000).filter(|code| SqlInfo::try_from(*code as i32).is_ok()).collect();
        assert_eq!(all, known);
    }

    #[test]
    fn unknown_codes_are_left_out() {
        let batch = answer(&facts(), &[u32::MAX, 99_999, 0]).unwrap();
        assert_eq!(names(&batch), [0]);
        assert_eq!(answer(&facts(), &[99_999]).unwrap().num_rows(), 0);
    }

    #[test]
    fn the_schema_is_that_of_the_protocol() {
        let batch = answer(&facts(), &[]).unwrap();
        assert_eq!(batch.schema(), schema());
        assert_eq!(batch.schema().field(0), SqlInfoDataBuilder::schema().field(0));
        let DataType::Union(members, _) = batch.schema().field(1).data_type().clone() else { panic!("not a union") };
        assert!(members.iter().all(|(_, member)| !member.is_nullable()));
        let members: Vec<_> = members.iter().map(|(id, field)| (id, field.name().clone())).collect();
        let expected =
            ["string_value", "bool_value", "bigint_value", "int32_bitmask", "string_list", "int32_to_int32_list_map"];
        assert_eq!(members, (0..).zip(expected.map(String::from)).collect::<Vec<_>>());
    }

    #[test]
    fn keywords_are_the_engines() {
        let (member, value) = value(&answer(&facts(), &[508]).unwrap(), 508);
        assert_eq!(member, 4);
        let words = value.as_list::<i32>().value(0);
        assert_eq!(words.as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["QUALIFY", "SUMMARIZE"]);
    }
}
