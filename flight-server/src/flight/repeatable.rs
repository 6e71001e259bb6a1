//! Which calls may be served a second time when nobody knows whether they were served before.

use arrow_flight::sql::{ActionEndTransactionRequest, EndTransaction};
use arrow_flight::{Action, FlightDescriptor};
use bytes::Bytes;
use prost::Message;

use super::command::{Command, unwrap_as};

/// The length of what stands before a message on the wire: whether it is compressed, and how long it is.
const PREFIX: usize = 5;

/// Whether serving the call twice comes to the same as serving it once. `path` names its RPC, and `body` is all of it as
/// it came over the wire. Of what cannot be read, nobody knows.
pub(crate) fn is_repeatable(path: &str, body: &Bytes) -> bool {
    match path.rsplit('/').next() {
        // A session made for nobody expires; a ticket gives the same rows each time.
        Some("Handshake" | "GetSchema" | "DoGet" | "ListActions" | "ListFlights") => true,
        Some("GetFlightInfo") => message::<FlightDescriptor>(body)
            .and_then(|descriptor| Command::from_descriptor(&descriptor).ok())
            .is_some_and(|command| matches!(command, Command::Metadata(_))),
        Some("DoAction") => message::<Action>(body).is_some_and(|action| is_repeatable_action(&action)),
        // Uploads, and polls, which start statements.
        _ => false,
    }
}

fn is_repeatable_action(action: &Action) -> bool {
    match action.r#type.as_str() {
        "EndTransaction" => unwrap_as::<ActionEndTransactionRequest>(&action.body, "ActionEndTransactionRequest")
            .is_ok_and(|end| end.action() == EndTransaction::Rollback),
        // Each of the others leaves things as they are the second time, or makes something that nobody will name.
        _ => true,
    }
}

/// The only message of a body.
fn message<M: Message + Default>(body: &Bytes) -> Option<M> {
    let (prefix, message) = body.split_at_checked(PREFIX)?;
    let length = u32::from_be_bytes(prefix.get(1..)?.try_into().ok()?);
    let is_plain = prefix.first() == Some(&0) && usize::try_from(length) == Ok(message.len());
    if is_plain { M::decode(body.slice(PREFIX..)).ok() } else { None }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use arrow_flight::sql::{CommandGetCatalogs, CommandStatementQuery, ProstMessageExt};
    use bytes::{BufMut as _, BytesMut};

    use super::*;

    fn framed(message: &impl Message) -> Bytes {
        let mut bytes = BytesMut::new();
        bytes.put_u8(0);
        bytes.put_u32(u32::try_from(message.encoded_len()).unwrap());
        message.encode(&mut bytes).unwrap();
        bytes.freeze()
    }

    fn info(command: &impl ProstMessageExt) -> bool {
        let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
        is_repeatable("/arrow.flight.protocol.FlightService/GetFlightInfo", &framed(&descriptor))
    }

    fn end(action: EndTransaction) -> bool {
        let body = ActionEndTransactionRequest { transaction_id: "t".into(), action: action.into() }.as_any();
        let action = Action { r#type: "EndTransaction".to_owned(), body: body.encode_to_vec().into() };
        is_repeatable("/arrow.flight.protocol.FlightService/DoAction", &framed(&action))
    }

    #[test]
    fn questions_are_repeatable_and_statements_are_not_whatever_their_text() {
        assert!(info(&CommandGetCatalogs {}));
        let query = "INSERT INTO t VALUES ('CommandGetCatalogs')".to_owned();
        assert!(!info(&CommandStatementQuery { query, transaction_id: None }));
        assert!(is_repeatable("/arrow.flight.protocol.FlightService/DoGet", &Bytes::new()));
        assert!(!is_repeatable("/arrow.flight.protocol.FlightService/DoPut", &Bytes::new()));
    }

    #[test]
    fn a_rollback_is_repeatable_and_a_commit_is_not() {
        assert!(end(EndTransaction::Rollback));
        assert!(!end(EndTransaction::Commit));
    }

    #[test]
    fn what_cannot_be_read_is_not_repeatable() {
        let path = "/arrow.flight.protocol.FlightService/GetFlightInfo";
        let descriptor = FlightDescriptor::new_cmd(CommandGetCatalogs {}.as_any().encode_to_vec());
        let whole = framed(&descriptor);
        assert!(is_repeatable(path, &whole));
        assert!(!is_repeatable(path, &whole.slice(..whole.len() - 1)));
        let mut compressed = whole.to_vec();
        compressed[0] = 1;
        assert!(!is_repeatable(path, &compressed.into()));
    }
}
