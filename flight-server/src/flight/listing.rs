//! ListFlights: the tables and views there are, each with a ticket for its rows.

use arrow_flight::sql::{CommandStatementQuery, ProstMessageExt};
use arrow_flight::{Criteria, FlightDescriptor, FlightInfo};
use futures::stream::{self, BoxStream, StreamExt};
use prost::Message;
use tonic::Status;

use super::call::Call;
use super::ticket::Claim;
use crate::engine::{Statement, TableEntry, TableFilter, quoted_identifier};
use crate::error::{Error, ErrorCode, Result};

/// The tables whose names are like the criteria's expression, a SQL LIKE pattern with `\` as escape; all when it is empty.
/// One whose columns can't be told, such as a view of something that is gone, is left out.
///
/// # Errors
/// `REQUEST_INVALID` when the expression is no text; those of the engine.
pub(super) async fn list(call: &Call, criteria: Criteria) -> Result<BoxStream<'static, Result<FlightInfo, Status>>> {
    let pattern = String::from_utf8(criteria.expression.to_vec()).map_err(|_| {
        Error::new(
            ErrorCode::RequestInvalid,
            "the expression of the criteria is no text; send a LIKE pattern of table names, or nothing for all",
        )
    })?;
    let table_pattern = (!pattern.is_empty()).then_some(pattern);
    let tables = call.session().engine().tables(&TableFilter { table_pattern, ..TableFilter::default() }).await?;
    let call = call.detached();
    let infos = stream::unfold((call, tables.into_iter()), |(call, mut tables)| async {
        loop {
            let table = tables.next()?;
            match info(&call, &table).await {
                Ok(info) => return Some((Ok(info), (call, tables))),
                Err(error) => tracing::debug!(code = error.code.name(), "a table is not listed"),
            }
        }
    });
    Ok(infos.boxed())
}

async fn info(call: &Call, table: &TableEntry) -> Result<FlightInfo> {
    let parts = [&table.location.catalog, &table.location.schema, &table.name];
    let sql = format!("SELECT * FROM {}", parts.map(|part| quoted_identifier(part)).join("."));
    // Not by way of the session: to be listed is no statement of its own.
    let plan = call.session().engine().plan(&sql).await?;
    let schema = plan.schema.ok_or_else(|| Error::internal("the columns of a table are not known"))?;
    let command = CommandStatementQuery { query: sql.clone(), transaction_id: None };
    let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
    let claim = Claim::read(&Statement::new(sql)).ok_or_else(|| Error::internal("a table's name is too long"))?;
    call.flight_info(descriptor, &schema, vec![claim], None)
}
