//! DoExchange: the values of a statement's parameters go in, and its rows come out, on one stream.

use arrow_flight::FlightDescriptor;
use futures::stream::{self, StreamExt};

use super::call::Call;
use super::command::{Command, not_implemented};
use super::handlers::{Delivered, Exchanged};
use super::parameters::{Upload, are_for_no_run};
use super::statements;
use crate::engine::{Plan, Rows, Statement};
use crate::error::Result;
use crate::node::Delivery;

/// Runs the statement of the first message's descriptor once for each row of values that follows, or once when it has no
/// parameters, and answers with the rows, one run's after the other's. A descriptor with an empty command gets back what
/// comes, message for message.
///
/// # Errors
/// `REQUEST_MALFORMED` when the messages cannot be read, `NOT_IMPLEMENTED` for other commands, `REQUEST_INVALID` when the
/// values are not as many as the statement has parameters; those of the engine, the session and the transaction.
pub(super) async fn exchange(call: &Call, upload: &mut Upload) -> Result<Exchanged> {
    let descriptor = upload.descriptor()?;
    if is_echo(descriptor) {
        return Ok(Exchanged::Echo);
    }
    let (sql, plan) = match Command::from_descriptor(descriptor)? {
        Command::StatementQuery { sql, transaction } => {
            call.check_transaction(&transaction)?;
            let plan = call.session().plan(&sql).await?;
            (sql.into(), plan)
        }
        Command::PreparedQuery { handle } => {
            let prepared = call.session().prepared(&handle).await?;
            let plan = call.session().plan(&prepared.sql).await?;
            (prepared.sql.clone(), plan)
        }
        other => return Err(not_implemented(&format!("DoExchange of {}", other.name()))),
    };
    let Delivery { compression, in_order, .. } = call.session().delivery();
    let rows = rows(call, upload, Statement { in_order, ..Statement::new(sql) }, &plan).await?;
    Ok(Exchanged::Rows(Delivered { rows, compression, marks: None }))
}

fn is_echo(descriptor: &FlightDescriptor) -> bool {
    descriptor.cmd.is_empty() && descriptor.path.is_empty()
}

async fn rows(call: &Call, upload: &mut Upload, statement: Statement, plan: &Plan) -> Result<Rows> {
    if plan.parameters.fields().is_empty() {
        return statements::read(call, call.once(statement).await?).await;
    }
    let values = upload.values().await?;
    statements::check_parameters(plan, values.columns())?;
    let statement = Statement { parameters: values.into_batches(), ..statement };
    if are_for_no_run(&statement.parameters) {
        let schema = statements::schema_of_no_run(call, &statement, plan).await?;
        return Ok(Rows { schema, batches: stream::empty().boxed() });
    }
    statements::read(call, call.once(statement).await?).await
}
