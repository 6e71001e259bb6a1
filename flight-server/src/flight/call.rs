//! One authenticated call: whose it is, and what every answer to it has in common.

use std::sync::Arc;
use std::time::SystemTime;

use arrow::datatypes::Schema;
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, Ticket};
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use prost_types::Timestamp;
use tonic::metadata::MetadataMap;
use tonic::{Response, Status};

use super::command::Transaction;
use super::encode::{check_schema, schema_bytes};
use super::status::status;
use super::ticket::{self, Claim, Holder, MAX_SQL, Redeemed};
use crate::error::Result;
use crate::node::{Caller, Node, QueryId, Session};

/// In the first answer after a session was taken over: what of it could not be brought along, as a JSON array of texts.
const LOST_HEADER: HeaderName = HeaderName::from_static("x-pintail-session-lost");

/// The most bytes that [`LOST_HEADER`] may have: clients give up on large headers.
const LOST_BYTES: usize = 2_000;

/// A call of a session's owner.
pub(super) struct Call {
    pub(super) node: Arc<Node>,
    pub(super) caller: Caller,
}

impl Call {
    /// The session the call is for.
    pub(super) fn session(&self) -> &Session {
        &self.caller.session
    }

    /// The same session for what goes on when the call was answered.
    pub(super) fn detached(&self) -> Self {
        let (node, session) = (Arc::clone(&self.node), Arc::clone(&self.caller.session));
        Self { node, caller: Caller { session, grant: None } }
    }

    /// What the client gets, be it an answer or an error: with the token of its session when that is new.
    pub(super) fn answer<T>(self, result: Result<T>) -> Result<Response<T>, Status> {
        let mut grant = self.caller.grant.map(|grant| grant.headers());
        if let Some(lost) = lost_state(self.caller.session.take_lost_state()) {
            grant.get_or_insert_default().insert(LOST_HEADER, lost);
        }
        let extend = |metadata: &mut MetadataMap| {
            if let Some(grant) = grant {
                let mut headers = std::mem::take(metadata).into_headers();
                headers.extend(grant);
                *metadata = MetadataMap::from_headers(headers);
            }
        };
        match result {
            Ok(message) => {
                let mut response = Response::new(message);
                extend(response.metadata_mut());
                Ok(response)
            }
            Err(error) => {
                let mut status = status(&error);
                extend(status.metadata_mut());
                Err(status)
            }
        }
    }

    /// Whether the transaction a message names, if any, is the open one.
    ///
    /// # Errors
    /// Those of [`Session::check_transaction`].
    pub(super) fn check_transaction(&self, transaction: &Transaction) -> Result<()> {
        transaction.as_ref().map_or(Ok(()), |id| self.session().check_transaction(id))
    }

    /// The answer to GetFlightInfo: one endpoint, here, whose ticket gets what `claim` says.
    ///
    /// # Errors
    /// When the schema cannot be sent.
    pub(super) fn flight_info(
        &self,
        descriptor: FlightDescriptor,
        schema: &Schema,
        claim: &Claim,
        records: Option<u64>,
    ) -> Result<FlightInfo> {
        check_schema(schema)?;
        let query = QueryId::random();
        let (ticket, expiration) = self.issue(query, claim);
        let endpoint = FlightEndpoint {
            ticket: Some(Ticket { ticket }),
            // None: where the ticket came from. Some drivers use no other location than the first.
            location: Vec::new(),
            expiration_time: Some(expiration),
            app_metadata: Bytes::new(),
        };
        Ok(FlightInfo {
            schema: schema_bytes(schema)?,
            flight_descriptor: Some(echo(descriptor)),
            endpoint: vec![endpoint],
            total_records: count(records),
            total_bytes: -1,
            ordered: true,
            app_metadata: self.about(query),
        })
    }

    /// What a FlightInfo says of its query, as JSON.
    pub(super) fn about(&self, query: QueryId) -> Bytes {
        format!("{{\"query_id\":\"{query}\"}}").into()
    }

    /// A ticket for what `claim` says, and until when it can be used.
    pub(super) fn issue(&self, query: QueryId, claim: &Claim) -> (Bytes, Timestamp) {
        let now = SystemTime::now();
        let ticket = ticket::issue(self.node.ticket_key(), self.holder(), query, claim, now);
        (ticket, Timestamp { seconds: ticket::expiry(now).try_into().unwrap_or(i64::MAX), nanos: 0 })
    }

    /// What a ticket of this call's session is good for.
    ///
    /// # Errors
    /// Those of [`ticket::redeem`].
    pub(super) fn redeem(&self, ticket: &Ticket) -> Result<Redeemed> {
        self.redeem_bytes(&ticket.ticket)
    }

    /// The same, of a ticket's bytes.
    ///
    /// # Errors
    /// Those of [`ticket::redeem`].
    pub(super) fn redeem_bytes(&self, ticket: &Bytes) -> Result<Redeemed> {
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

/// What was lost, as the value of a header; of a long list its beginning.
fn lost_state(mut lost: Vec<String>) -> Option<HeaderValue> {
    loop {
        if lost.is_empty() {
            return None;
        }
        let json = serde_json::to_string(&lost).ok()?;
        // A header has ASCII only, and JSON can say everything in it.
        let text: String = json.chars().flat_map(escaped).collect();
        if text.len() <= LOST_BYTES {
            return HeaderValue::from_str(&text).ok();
        }
        lost.pop();
    }
}

fn escaped(character: char) -> Vec<char> {
    if character.is_ascii_graphic() || character == ' ' {
        return vec![character];
    }
    let mut units = [0; 2];
    let units = character.encode_utf16(&mut units);
    units.iter().flat_map(|unit| format!("\\u{unit:04x}").chars().collect::<Vec<_>>()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_is_json_in_ascii_of_bounded_length() {
        let value = lost_state(vec!["temporary table \"größe 🦆\"".to_owned()]).unwrap();
        assert_eq!(value, r#"["temporary table \"gr\u00f6\u00dfe \ud83e\udd86\""]"#);
        let read: Vec<String> = serde_json::from_slice(value.as_bytes()).unwrap();
        assert_eq!(read, ["temporary table \"größe 🦆\""]);
        assert!(lost_state(Vec::new()).is_none());
        let long = lost_state((0..500).map(|number| format!("temporary table t{number}")).collect()).unwrap();
        let read: Vec<String> = serde_json::from_slice(long.as_bytes()).unwrap();
        assert!(long.len() <= LOST_BYTES && read[0] == "temporary table t0");
    }
}
