//! `flight_sql` and `flight_sql:extension`: every command and action of Flight SQL, in and out of a transaction, with the
//! arguments and answers that are agreed on.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::sql::metadata::SqlInfoDataBuilder;
use arrow_flight::sql::{
    CommandGetDbSchemas, CommandGetTables, EndTransaction, SqlInfo, SqlSupportedTransaction, SubstraitPlan,
};
use arrow_flight::{CancelStatus, FlightDescriptor, FlightInfo, Ticket};
use async_trait::async_trait;
use bytes::Bytes;
use flight_server::error::Result;
use flight_server::flight::{
    Command, Delivered, EndSavepoint, Handlers, Keys, Metadata, PreparedStatement, Put, Transaction, Upload,
    sql_info_batch,
};
use flight_server::node::Origin;
use http::HeaderMap;

use crate::script::{delivered, endpoint, expect, info, unexpected};

const SELECT: &str = "SELECT STATEMENT";
const UPDATE: &str = "UPDATE STATEMENT";
const SELECT_PREPARED: &str = "SELECT PREPARED STATEMENT";
const UPDATE_PREPARED: &str = "UPDATE PREPARED STATEMENT";
const TRANSACTION: &[u8] = b"transaction_id";
const SAVEPOINT: &[u8] = b"savepoint_id";
const SAVEPOINT_NAME: &str = "savepoint_name";

/// What stands at the end of the tickets and handles of a transaction.
const INSIDE: &str = " in a transaction";
/// The ticket of a statement, and the ticket and handle of a plan.
const STATEMENT: &str = "statement";
const PLAN: &str = "plan";

/// The number of rows each kind of update changes, outside of a transaction and inside.
const UPDATED: [i64; 2] = [10_000, 15_000];
const PREPARED_UPDATED: [i64; 2] = [20_000, 25_000];

pub(crate) struct FlightSql;

/// The schema of a query's rows: `id`, or `pkey` in a transaction.
fn schema(inside: bool) -> SchemaRef {
    let (name, data_type) = if inside { ("pkey", DataType::Int32) } else { ("id", DataType::Int64) };
    let described = [
        ("CATALOG_NAME", "catalog_test"),
        ("SCHEMA_NAME", "schema_test"),
        ("TABLE_NAME", "test"),
        ("TYPE_NAME", "type_test"),
        ("PRECISION", "100"),
        ("IS_AUTO_INCREMENT", "1"),
        ("IS_CASE_SENSITIVE", "0"),
        ("IS_SEARCHABLE", "1"),
        ("REMARKS", "test column"),
    ];
    let described = described.map(|(key, value)| (format!("ARROW:FLIGHT:SQL:{key}"), value.to_owned()));
    Arc::new(Schema::new(vec![Field::new(name, data_type, true).with_metadata(described.into())]))
}

fn is_inside(transaction: &Transaction) -> Result<bool> {
    match transaction.as_deref() {
        None => Ok(false),
        Some(TRANSACTION) => Ok(true),
        Some(other) => Err(unexpected(other)),
    }
}

fn named(name: &str, inside: bool) -> Bytes {
    format!("{name}{}", if inside { INSIDE } else { "" }).into()
}

/// The name in a ticket or handle, and whether it is of a transaction.
fn name(bytes: &[u8]) -> Result<(&str, bool)> {
    let text = std::str::from_utf8(bytes).map_err(|_| unexpected(bytes))?;
    Ok(text.strip_suffix(INSIDE).map_or((text, false), |name| (name, true)))
}

fn check_plan(plan: &SubstraitPlan) -> Result<()> {
    expect((&*plan.plan, plan.version.as_str()), (&b"plan"[..], "version"))
}

/// The schema of the rows of a query, and the ticket they are to be had by.
fn query(descriptor: &FlightDescriptor) -> Result<(SchemaRef, Bytes)> {
    match Command::from_descriptor(descriptor)? {
        Command::StatementQuery { sql, transaction } => {
            expect(sql.as_str(), SELECT)?;
            let inside = is_inside(&transaction)?;
            Ok((schema(inside), named(STATEMENT, inside)))
        }
        Command::Substrait { plan, transaction } => {
            check_plan(&plan)?;
            let inside = is_inside(&transaction)?;
            Ok((schema(inside), named(PLAN, inside)))
        }
        Command::PreparedQuery { handle } => match name(&handle)? {
            (SELECT_PREPARED | PLAN, inside) => Ok((schema(inside), descriptor.cmd.clone())),
            other => Err(unexpected(other)),
        },
        Command::Metadata(metadata) => Ok((metadata.schema(), descriptor.cmd.clone())),
        other => Err(unexpected(other)),
    }
}

/// Whether a question about the database is one the script asks. A schema is asked for without its arguments.
fn check(metadata: &Metadata) -> Result<()> {
    let text = |text: &str| Some(text.to_owned());
    match metadata {
        Metadata::Schemas(asked) => expect(
            asked,
            &CommandGetDbSchemas {
                catalog: text("catalog"),
                db_schema_filter_pattern: text("db_schema_filter_pattern"),
            },
        ),
        Metadata::Tables(asked) => expect(
            asked,
            &CommandGetTables {
                catalog: text("catalog"),
                db_schema_filter_pattern: text("db_schema_filter_pattern"),
                table_name_filter_pattern: text("table_filter_pattern"),
                table_types: vec!["table".to_owned(), "view".to_owned()],
                include_schema: true,
            },
        ),
        Metadata::Keys(Keys::CrossReference(asked)) => {
            let primary = (asked.pk_catalog.as_deref(), asked.pk_db_schema.as_deref(), asked.pk_table.as_str());
            expect(primary, (Some("pk_catalog"), Some("pk_db_schema"), "pk_table"))?;
            let foreign = (asked.fk_catalog.as_deref(), asked.fk_db_schema.as_deref(), asked.fk_table.as_str());
            expect(foreign, (Some("fk_catalog"), Some("fk_db_schema"), "fk_table"))
        }
        Metadata::Keys(keys) => {
            let (catalog, db_schema, table) = match keys {
                Keys::Primary(asked) => (&asked.catalog, &asked.db_schema, &asked.table),
                Keys::Exported(asked) => (&asked.catalog, &asked.db_schema, &asked.table),
                Keys::Imported(asked) => (&asked.catalog, &asked.db_schema, &asked.table),
                Keys::CrossReference(_) => return Ok(()),
            };
            let asked = (catalog.as_deref(), db_schema.as_deref(), table.as_str());
            expect(asked, (Some("catalog"), Some("db_schema"), "table"))
        }
        Metadata::Catalogs | Metadata::TableTypes | Metadata::SqlInfo(_) | Metadata::TypeInfo(_) => Ok(()),
    }
}

/// What the extension asks of the server, and nothing for the two codes that the other scenario asks for.
fn sql_info(codes: &[u32]) -> Result<Delivered> {
    let mut builder = SqlInfoDataBuilder::new();
    if codes.len() > 2 {
        builder.append(SqlInfo::FlightSqlServerSql, false);
        builder.append(SqlInfo::FlightSqlServerSubstrait, true);
        builder.append(SqlInfo::FlightSqlServerSubstraitMinVersion, "min_version");
        builder.append(SqlInfo::FlightSqlServerSubstraitMaxVersion, "max_version");
        builder.append(SqlInfo::FlightSqlServerTransaction, SqlSupportedTransaction::Savepoint as i32);
        builder.append(SqlInfo::FlightSqlServerCancel, true);
        builder.append(SqlInfo::FlightSqlServerStatementTimeout, 42);
        builder.append(SqlInfo::FlightSqlServerTransactionTimeout, 7);
    }
    let batch = sql_info_batch(builder)?;
    Ok(delivered(batch.schema(), vec![batch]))
}

#[async_trait]
impl Handlers for FlightSql {
    type Call = ();

    async fn enter(&self, _: &HeaderMap, _: Origin) -> Result<()> {
        Ok(())
    }

    async fn flight_info(&self, (): &(), descriptor: FlightDescriptor) -> Result<FlightInfo> {
        if let Ok(Command::Metadata(metadata)) = Command::from_descriptor(&descriptor) {
            check(&metadata)?;
        }
        let (schema, ticket) = query(&descriptor)?;
        info(descriptor, &schema, vec![endpoint(ticket)])
    }

    async fn schema(&self, (): &(), descriptor: FlightDescriptor) -> Result<SchemaRef> {
        Ok(query(&descriptor)?.0)
    }

    async fn rows(&self, (): &(), ticket: Ticket) -> Result<Delivered> {
        let schema = match name(&ticket.ticket) {
            Ok((STATEMENT | PLAN, inside)) => schema(inside),
            _ => {
                let descriptor = FlightDescriptor::new_cmd(ticket.ticket);
                if let Command::Metadata(Metadata::SqlInfo(codes)) = Command::from_descriptor(&descriptor)? {
                    return sql_info(&codes);
                }
                query(&descriptor)?.0
            }
        };
        Ok(delivered(schema, Vec::new()))
    }

    async fn put(&self, (): &(), upload: &mut Upload) -> Result<Put> {
        match Command::from_descriptor(upload.descriptor()?)? {
            Command::StatementUpdate { sql, transaction } => {
                expect(sql.as_str(), UPDATE)?;
                Ok(Put::Updated(UPDATED[usize::from(is_inside(&transaction)?)]))
            }
            Command::Substrait { plan, transaction } => {
                check_plan(&plan)?;
                Ok(Put::Updated(UPDATED[usize::from(is_inside(&transaction)?)]))
            }
            Command::PreparedQuery { handle } => {
                let (SELECT_PREPARED | PLAN, _) = name(&handle)? else { return Err(unexpected(handle)) };
                // The parameters are those of no transaction in both.
                let values = upload.values().await?;
                expect(values.schema(), Some(&schema(false)))?;
                Ok(Put::Bound(handle))
            }
            Command::PreparedUpdate { handle } => {
                let (UPDATE_PREPARED | PLAN, inside) = name(&handle)? else { return Err(unexpected(handle)) };
                Ok(Put::Updated(PREPARED_UPDATED[usize::from(inside)]))
            }
            other => Err(unexpected(other)),
        }
    }

    async fn prepare(&self, (): &(), sql: String, transaction: Transaction) -> Result<PreparedStatement> {
        let (SELECT_PREPARED | UPDATE_PREPARED) = sql.as_str() else { return Err(unexpected(sql)) };
        let handle = named(&sql, is_inside(&transaction)?);
        Ok(PreparedStatement { handle, dataset: None, parameters: None, is_update: None })
    }

    async fn prepare_plan(&self, (): &(), plan: SubstraitPlan, transaction: Transaction) -> Result<PreparedStatement> {
        check_plan(&plan)?;
        let handle = named(PLAN, is_inside(&transaction)?);
        Ok(PreparedStatement { handle, dataset: None, parameters: None, is_update: None })
    }

    async fn close_prepared(&self, (): &(), handle: Bytes) -> Result<()> {
        match name(&handle)? {
            (SELECT_PREPARED | UPDATE_PREPARED | PLAN, _) => Ok(()),
            other => Err(unexpected(other)),
        }
    }

    async fn begin(&self, (): &()) -> Result<Bytes> {
        Ok(Bytes::from_static(TRANSACTION))
    }

    async fn end(&self, (): &(), transaction: Bytes, _: EndTransaction) -> Result<()> {
        expect(&*transaction, TRANSACTION)
    }

    async fn begin_savepoint(&self, (): &(), transaction: Bytes, name: String) -> Result<Bytes> {
        expect((&*transaction, name.as_str()), (TRANSACTION, SAVEPOINT_NAME))?;
        Ok(Bytes::from_static(SAVEPOINT))
    }

    async fn end_savepoint(&self, (): &(), savepoint: Bytes, _: EndSavepoint) -> Result<()> {
        expect(&*savepoint, SAVEPOINT)
    }

    async fn cancel(&self, (): &(), info: FlightInfo) -> Result<CancelStatus> {
        let tickets: Vec<_> = info.endpoint.into_iter().filter_map(|endpoint| endpoint.ticket).collect();
        expect(tickets, vec![Ticket { ticket: named(PLAN, false) }])?;
        Ok(CancelStatus::Cancelled)
    }
}
