//! One authenticated call: whose it is, and what every answer to it has in common.

use std::sync::Arc;
use std::time::SystemTime;

use arrow::datatypes::Schema;
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, Location, Ticket};
use bytes::Bytes;
use prost_types::Timestamp;
use uuid::Uuid;

use super::command::Transaction;
use super::encode::{check_schema, schema_bytes};
use super::marks::Mark;
use super::ticket::{self, Claim, Contents, Holder, MAX_SQL};
use super::trace_context::TraceId;
use crate::blocking::blocking;
use crate::engine::{Request, Statement, bytes_of_rows};
use crate::error::Result;
use crate::failpoint::failpoint;
use crate::node::{Caller, Delivery, Locations, Node, QueryId, Session, WriteOutcome};

/// Statements with parameters up to this size, in bytes, are hashed at once; it takes less than a millisecond.
const HASHED_AT_ONCE: usize = 256 << 10;

/// A call of a session's owner.
pub struct Call {
    pub(super) node: Arc<Node>,
    pub(super) caller: Caller,
    /// The trace that the client made the call in, if it told.
    pub(super) trace: Option<TraceId>,
    /// What the client knows the write by that it asks for, if it may send it again.
    pub(super) request: Option<Uuid>,
    /// What the statement it asks to run is known by.
    pub(super) query: QueryId,
    /// What became of the write that its client asks about.
    pub(super) asked: Option<WriteOutcome>,
    /// Whether its client comes again for rows that break off.
    pub(super) comes_again: bool,
    /// From where on it wants the rows that it asks for.
    pub(super) behind: Option<Mark>,
    /// Whether it is the first of a client's connection, which wants to know what it may rely on.
    pub(super) is_handshake: bool,
}

impl Call {
    /// The session the call is for.
    pub(super) fn session(&self) -> &Session {
        &self.caller.session
    }

    /// The same session for what goes on when the call was answered.
    pub(super) fn detached(&self) -> Self {
        let (node, session) = (Arc::clone(&self.node), Arc::clone(&self.caller.session));
        Self {
            node,
            caller: Caller { session, grant: None },
            trace: self.trace,
            request: self.request,
            query: self.query,
            asked: None,
            behind: None,
            comes_again: false,
            is_handshake: false,
        }
    }

    /// The same call for a statement whose client knows its id before it has run: the receipt of what it writes is kept by that id, if
    /// the client gave it none.
    pub(super) fn with_receipt(self) -> Self {
        if self.request.is_some() {
            return self;
        }
        let query = QueryId::of_request();
        Self { query, request: Some(query.uuid()), ..self }
    }

    /// The same statement, to be applied once however often the call is sent.
    ///
    /// # Errors
    /// When its parameters can't be written down.
    pub(super) async fn once(&self, statement: Statement) -> Result<Statement> {
        let query = Some(self.query.uuid());
        let Some(id) = self.request else { return Ok(Statement { request: None, query, ..statement }) };
        let size = statement.sql.len() + statement.parameters.iter().map(bytes_of_rows).sum::<usize>();
        let identified = move || {
            let request = Some(Request::of_statement(id, &statement.sql, &statement.parameters)?);
            Ok(Statement { request, query, ..statement })
        };
        if size > HASHED_AT_ONCE { blocking(identified).await } else { identified() }
    }

    /// Whether a statement was applied when it was sent before.
    ///
    /// # Errors
    /// `REQUEST_ID_REUSED` when the id was for something else; those of the engine and the session.
    pub(super) async fn was_applied(&self, statement: &Statement) -> Result<bool> {
        match &statement.request {
            Some(request) => self.session().was_applied(request).await,
            None => Ok(false),
        }
    }

    /// Whether the transaction a message names, if any, is the open one.
    ///
    /// # Errors
    /// Those of [`Session::check_transaction`].
    pub(super) fn check_transaction(&self, transaction: &Transaction) -> Result<()> {
        transaction.as_ref().map_or(Ok(()), |id| self.session().check_transaction(id))
    }

    /// The answer to GetFlightInfo: an endpoint for each claim, in the order of their rows, whose ticket gets what the claim
    /// says.
    ///
    /// # Errors
    /// When the schema cannot be sent.
    pub(super) fn flight_info(
        &self,
        descriptor: FlightDescriptor,
        schema: &Schema,
        claims: Vec<Claim>,
        records: Option<u64>,
    ) -> Result<FlightInfo> {
        check_schema(schema)?;
        let query = self.query;
        let Delivery { compression, locations, .. } = self.session().delivery();
        let location = match locations {
            // None: where the ticket came from. Some drivers use no other location than the first.
            Locations::None => Vec::new(),
            Locations::Own => vec![Location { uri: self.node.options().advertised_uri.clone() }],
        };
        let endpoint = claims.into_iter().map(|claim| {
            let (ticket, expiration) = self.issue(&Contents { claim, query, compression });
            FlightEndpoint {
                ticket: Some(Ticket { ticket }),
                location: location.clone(),
                expiration_time: Some(expiration),
                app_metadata: Bytes::new(),
            }
        });
        failpoint!("ticket.issued", crate::failpoint::error());
        Ok(FlightInfo {
            schema: schema_bytes(schema)?,
            flight_descriptor: Some(echo(descriptor)),
            endpoint: endpoint.collect(),
            total_records: count(records),
            total_bytes: -1,
            ordered: true,
            app_metadata: self.about(query),
        })
    }

    /// What a FlightInfo says of its query, as JSON.
    pub(super) fn about(&self, query: QueryId) -> Bytes {
        // Neither has a character that JSON escapes.
        match self.trace {
            None => format!("{{\"query_id\":\"{query}\"}}").into(),
            Some(trace) => format!("{{\"query_id\":\"{query}\",\"trace_id\":\"{trace}\"}}").into(),
        }
    }

    /// A ticket that says this, and until when it can be used.
    pub(super) fn issue(&self, contents: &Contents) -> (Bytes, Timestamp) {
        let now = SystemTime::now();
        let ticket = ticket::issue(self.node.ticket_key(), self.holder(), contents, now);
        (ticket, Timestamp { seconds: ticket::expiry(now).try_into().unwrap_or(i64::MAX), nanos: 0 })
    }

    /// What a ticket of this call's session is good for.
    ///
    /// # Errors
    /// Those of [`ticket::redeem`].
    pub(super) fn redeem(&self, ticket: &Ticket) -> Result<Contents> {
        self.redeem_bytes(&ticket.ticket)
    }

    /// The same, of a ticket's bytes.
    ///
    /// # Errors
    /// Those of [`ticket::redeem`].
    pub(super) fn redeem_bytes(&self, ticket: &Bytes) -> Result<Contents> {
        failpoint!("ticket.before", crate::failpoint::error());
        ticket::redeem(self.node.ticket_key(), self.holder(), ticket, SystemTime::now())
    }

    fn holder(&self) -> Holder<'_> {
        Holder { session: self.session().id().as_bytes(), principal: self.session().principal().as_str() }
    }
}

/// The descriptor as it goes back. A long one is emptied: with megabytes of SQL in it the answer would be larger than
/// the messages some clients take, and its client has it anyway. It keeps its type, without which some cannot read it.
fn echo(descriptor: FlightDescriptor) -> FlightDescriptor {
    if descriptor.cmd.len() <= MAX_SQL { descriptor } else { FlightDescriptor { cmd: Bytes::new(), ..descriptor } }
}

/// A number of rows as the protocol has it: -1 when it is not known.
pub(super) fn count(rows: Option<u64>) -> i64 {
    rows.and_then(|rows| i64::try_from(rows).ok()).unwrap_or(-1)
}
