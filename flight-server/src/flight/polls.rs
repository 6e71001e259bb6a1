//! PollFlightInfo: a statement that runs at once, because it changes something, its columns are not known before, or its
//! result is split, runs while its client asks how far it is. Any other read is ready at the first poll: it is computed while
//! its rows are fetched, and meanwhile its ticket can be polled for how far it is.

use std::time::Duration;

use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, PollInfo};
use bytes::Bytes;
use prost::Message;
use prost_types::Timestamp;

use super::call::Call;
use super::command::{Command, malformed};
use super::node_handlers::no_query;
use super::ticket::{Claim, Contents, is_ticket};
use super::{actions, metadata, prepared, statements};
use crate::engine::{Plan, Statement, StatementKind};
use crate::error::{Error, ErrorCode, Result};
use crate::node::{Compression, PollState, QueryId};

/// How long a poll waits for the end of a statement before it tells how far it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// Starts what a command asks for, or tells how far it is.
///
/// # Errors
/// Those of GetFlightInfo, and of the statement when it failed; `RESULT_GONE` for one that is not known any more.
pub(super) async fn poll(call: &Call, descriptor: FlightDescriptor) -> Result<PollInfo> {
    if is_ticket(&descriptor.cmd) {
        let Contents { claim, query, .. } = call.redeem_bytes(&descriptor.cmd)?;
        return match claim {
            Claim::Polled => answer(call, query).await,
            Claim::Read { .. } => {
                let progress = call.session().progress_of(query);
                Ok(running(call, query, descriptor.cmd, None, progress))
            }
            _ => Err(Error::new(
                ErrorCode::RequestInvalid,
                "the descriptor is none that PollFlightInfo answered with, and no ticket of a read; send that, or a Flight SQL \
                 command",
            )),
        };
    }
    let (statement, plan) = match Command::from_descriptor(&descriptor)? {
        Command::StatementQuery { sql, transaction } => {
            // What was applied may not be planned again: the table that it dropped is gone.
            let again = call.once(Statement::new(sql.clone())).await?;
            if call.was_applied(&again).await? {
                return Ok(finished(statements::info_of_run(call, descriptor, again).await?));
            }
            statements::planned(call, sql, &transaction).await.map(|(statement, plan)| (Some(statement), plan))?
        }
        Command::PreparedQuery { handle } => prepared::bound(call, &handle).await?,
        Command::Metadata(command) => {
            let claim = Claim::Metadata(descriptor.cmd.clone());
            return Ok(finished(call.flight_info(descriptor, &metadata::schema(&command), vec![claim], None)?));
        }
        other => return Err(no_query(&other)),
    };
    match statement {
        Some(statement) if !statements::is_ready(call, &plan) => {
            let query = start(call, descriptor, statement, plan);
            answer(call, query).await
        }
        Some(statement) => Ok(finished(statements::info_of(call, descriptor, statement, &plan).await?)),
        None => Ok(finished(statements::info_of_no_run(call, descriptor, &plan)?)),
    }
}

/// How far the statement of the session is that runs, whatever it is, as the body of a [`PollInfo`] of nothing else.
///
/// # Errors
/// `REQUEST_MALFORMED` when the request has a body: none is known.
pub(super) fn progress(call: &Call, body: &[u8]) -> Result<Bytes> {
    if !body.is_empty() {
        return Err(malformed(format!("action {} takes no body", actions::PROGRESS)));
    }
    let told = PollInfo {
        info: None,
        flight_descriptor: None,
        progress: told(call.session().progress()),
        expiration_time: None,
    };
    Ok(told.encode_to_vec().into())
}

fn told(progress: Option<f64>) -> Option<f64> {
    progress.map(|progress| progress.clamp(0.0, 1.0))
}

fn finished(info: FlightInfo) -> PollInfo {
    PollInfo { info: Some(info), flight_descriptor: None, progress: Some(1.0), expiration_time: None }
}

/// Runs a statement without a caller; what comes of it is its FlightInfo.
fn start(call: &Call, descriptor: FlightDescriptor, statement: Statement, plan: Plan) -> QueryId {
    let running = match plan.kind {
        StatementKind::Write | StatementKind::Definition => call.detached().with_receipt(),
        // With an id of its own a text of several statements would be one transaction.
        _ => call.detached(),
    };
    let query = running.query;
    call.caller.session.start_polled(query, async move {
        let info = statements::info_of(&running, descriptor, statement, &plan).await?;
        Ok(info.encode_to_vec())
    });
    query
}

async fn answer(call: &Call, query: QueryId) -> Result<PollInfo> {
    match call.session().poll(query, PATIENCE).await? {
        PollState::Finished(info) => {
            let info = FlightInfo::decode(&*info).map_err(Error::internal)?;
            Ok(finished(info))
        }
        PollState::Running(progress) => {
            let compression = Compression::None;
            let (ticket, expiration) = call.issue(&Contents { claim: Claim::Polled, query, compression });
            Ok(running(call, query, ticket, Some(expiration), progress))
        }
    }
}

/// How far a statement is that runs, and by what it is asked after next.
fn running(
    call: &Call,
    query: QueryId,
    next: Bytes,
    expiration_time: Option<Timestamp>,
    progress: Option<f64>,
) -> PollInfo {
    let next = FlightDescriptor::new_cmd(next);
    let info = FlightInfo {
        // None is there yet: it says by what the query is cancelled.
        endpoint: Vec::<FlightEndpoint>::new(),
        flight_descriptor: Some(next.clone()),
        total_records: -1,
        total_bytes: -1,
        ordered: true,
        app_metadata: call.about(query),
        schema: Bytes::new(),
    };
    PollInfo { info: Some(info), flight_descriptor: Some(next), progress: told(progress), expiration_time }
}
