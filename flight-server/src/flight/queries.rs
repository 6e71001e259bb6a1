//! Queries after their FlightInfo was given out: they can be cancelled, and their endpoints renewed.

use std::time::Duration;

use arrow_flight::{CancelStatus, FlightEndpoint, FlightInfo, Ticket};
use uuid::Uuid;

use super::call::Call;
use super::ticket::{Claim, Contents, is_ticket};
use crate::error::{Error, ErrorCode, Result};
use crate::node::{Kept, PollState, QueryId, StatementId};

/// How long the end of a statement that was cancelled is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Cancels the query that a FlightInfo was given out for.
///
/// # Errors
/// `REQUEST_INVALID` when it holds no ticket, or those of several queries; those of the ticket and the session.
pub(super) async fn cancel(call: &Call, info: FlightInfo) -> Result<CancelStatus> {
    // That of a statement which is being polled has no endpoint yet.
    let polled = info.flight_descriptor.map(|descriptor| descriptor.cmd).filter(|command| is_ticket(command));
    let tickets = info.endpoint.into_iter().filter_map(|endpoint| endpoint.ticket).map(|ticket| ticket.ticket);
    let tickets = tickets.chain(polled);
    let redeemed = tickets.map(|ticket| call.redeem_bytes(&ticket)).collect::<Result<Vec<_>>>()?;
    let Some(Contents { query, claim, .. }) = redeemed.first() else {
        return Err(invalid("there is no ticket in the FlightInfo; send the one that GetFlightInfo answered with"));
    };
    if redeemed.iter().any(|other| other.query != *query) {
        return Err(invalid("the tickets in the FlightInfo are of several queries; cancel them one by one"));
    }
    cancelled_query(call, *query, claim).await
}

async fn cancelled_query(call: &Call, query: QueryId, claim: &Claim) -> Result<CancelStatus> {
    let is_done = match claim {
        Claim::Read { .. } => false,
        // What is kept has been done, unless it waits to be fetched.
        Claim::Kept(id) | Claim::Part(id, _) => {
            !matches!(*call.session().kept(&StatementId::from_bytes(id)?)?, Kept::Deferred(_))
        }
        Claim::Spooled(..) | Claim::Metadata(_) => true,
        Claim::Polled => return cancelled_poll(call, query).await,
    };
    if is_done {
        return Ok(CancelStatus::NotCancellable);
    }
    call.session().cancel_query(query)?;
    Ok(CancelStatus::Cancelled)
}

/// A statement that is polled can be cancelled while it runs; whether it was is told when it has ended.
async fn cancelled_poll(call: &Call, query: QueryId) -> Result<CancelStatus> {
    if let Ok(PollState::Running(_)) = call.session().poll(query, Duration::ZERO).await {
        call.session().cancel_query(query)?;
    }
    match call.session().poll(query, PATIENCE).await {
        Ok(PollState::Running(_)) => Ok(CancelStatus::Cancelling),
        Ok(PollState::Finished(_)) => Ok(CancelStatus::NotCancellable),
        Err(error) if error.code == ErrorCode::StatementCancelled => Ok(CancelStatus::Cancelled),
        // It failed by itself, or is not known any more.
        Err(error) => Err(error),
    }
}

/// The same endpoint with a ticket that can be used for its whole time again.
///
/// # Errors
/// `REQUEST_INVALID` when it has no ticket; those of the ticket; `RESULT_GONE` when what it is for is not kept any more.
pub(super) fn renew(call: &Call, endpoint: FlightEndpoint) -> Result<FlightEndpoint> {
    let Some(ticket) = &endpoint.ticket else {
        return Err(invalid("there is no ticket in the endpoint; send one of those that GetFlightInfo answered with"));
    };
    let contents = call.redeem(ticket)?;
    if let Claim::Kept(id) | Claim::Part(id, _) = &contents.claim {
        call.session().kept(&StatementId::from_bytes(id)?)?;
    }
    if let Claim::Spooled(name, _) = &contents.claim {
        call.session().check_spooled(Uuid::from_slice(name).map_err(Error::internal)?)?;
    }
    let (ticket, expiration) = call.issue(&contents);
    Ok(FlightEndpoint { ticket: Some(Ticket { ticket }), expiration_time: Some(expiration), ..endpoint })
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorCode::RequestInvalid, message)
}
