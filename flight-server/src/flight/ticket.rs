//! Tickets: what GetFlightInfo hands out and DoGet takes back.
//!
//! A ticket says all that is needed to serve it, so that the server keeps nothing for the usual read. It is signed with
//! a key of the node: nobody can make one, or change one on its way. It is still no credential, because it only works
//! for the session it was made for. Tickets hold SQL texts and are never logged.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use bytes::{BufMut, Bytes, BytesMut};
use hmac::Mac as _;
use prost::Message;

use crate::auth::{SIGNATURE, mac};
use crate::engine::{Cut, Statement};
use crate::error::{Error, ErrorCode, Result};
use crate::node::{Compression, QueryId};

/// How long a ticket can be used.
pub(super) const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The longest SQL text a ticket holds, in bytes, with the values of its parameters; longer statements are kept by the session.
pub(super) const MAX_SQL: usize = 64 << 10;

/// The first byte of every ticket, for the day when their form changes.
const VERSION: u8 = 1;

/// Whose ticket it is.
#[derive(Clone, Copy)]
pub(super) struct Holder<'a> {
    /// The id of the session.
    pub(super) session: &'a [u8],
    /// The name of the user the session belongs to.
    pub(super) principal: &'a str,
}

/// What a ticket is good for.
#[derive(Clone)]
pub(super) enum Claim {
    /// The rows of a statement, which is run each time the ticket is used.
    Read {
        /// Its text.
        sql: Arc<str>,
        /// The values of its parameters as an IPC stream; empty when it has none.
        parameters: Bytes,
        /// Where its batches are cut.
        cut: Cut,
        /// Whether its rows keep the order that they are stored in.
        in_order: bool,
    },
    /// What the session keeps under this id.
    Kept(Bytes),
    /// One part, counted from 0, of the result that the session keeps under this id.
    Part(Bytes, u32),
    /// One part, counted from 0, of the result that the session has in the spool under this name.
    Spooled(Bytes, u32),
    /// The answer to a metadata command, which is this descriptor's command.
    Metadata(Bytes),
    /// To be told how far the query is.
    Polled,
}

impl Claim {
    /// The claim on a statement's rows, if it is small enough to travel in a ticket.
    pub(super) fn read(statement: &Statement) -> Option<Self> {
        let memory: usize = statement.parameters.iter().map(RecordBatch::get_array_memory_size).sum();
        if statement.sql.len() + memory > MAX_SQL {
            return None;
        }
        let parameters = encode(&statement.parameters)?;
        let fits = statement.sql.len() + parameters.len() <= MAX_SQL;
        fits.then(|| Self::Read {
            sql: statement.sql.clone(),
            parameters,
            cut: statement.cut,
            in_order: statement.in_order,
        })
    }
}

/// Batches as an IPC stream; `None` when they can't be written as one.
fn encode(batches: &[RecordBatch]) -> Option<Bytes> {
    let Some(first) = batches.first() else { return Some(Bytes::new()) };
    let mut writer = StreamWriter::try_new(Vec::new(), first.schema_ref()).ok()?;
    for batch in batches {
        writer.write(batch).ok()?;
    }
    writer.into_inner().ok().map(Bytes::from)
}

/// The values of a statement's parameters, as its ticket has them.
///
/// # Errors
/// `TICKET_INVALID` when they are none.
pub(super) fn parameters(encoded: &Bytes) -> Result<Vec<RecordBatch>> {
    if encoded.is_empty() {
        return Ok(Vec::new());
    }
    let reader = StreamReader::try_new(encoded.as_ref(), None).map_err(|_| invalid())?;
    reader.collect::<std::result::Result<_, _>>().map_err(|_| invalid())
}

/// What a ticket says.
#[derive(Clone)]
pub(super) struct Contents {
    /// What it is good for.
    pub(super) claim: Claim,
    /// The query that it belongs to.
    pub(super) query: QueryId,
    /// How the rows are compressed. It stands here and not in the session alone, so that a ticket gives the same bytes
    /// whatever is set meanwhile.
    pub(super) compression: Compression,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Payload {
    #[prost(bytes = "bytes", tag = "1")]
    session: Bytes,
    #[prost(string, tag = "2")]
    principal: String,
    /// In seconds since 1970.
    #[prost(uint64, tag = "3")]
    expires: u64,
    #[prost(oneof = "PayloadClaim", tags = "4, 5, 6, 8, 10, 11")]
    claim: Option<PayloadClaim>,
    #[prost(bytes = "bytes", tag = "7")]
    query: Bytes,
    #[prost(enumeration = "PayloadCompression", tag = "9")]
    compression: i32,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum PayloadClaim {
    #[prost(message, tag = "4")]
    Read(PayloadRead),
    #[prost(bytes = "bytes", tag = "5")]
    Kept(Bytes),
    #[prost(bytes = "bytes", tag = "6")]
    Metadata(Bytes),
    #[prost(bool, tag = "8")]
    Polled(bool),
    #[prost(message, tag = "10")]
    Part(PayloadPart),
    #[prost(message, tag = "11")]
    Spooled(PayloadPart),
}

#[derive(Clone, PartialEq, prost::Message)]
struct PayloadRead {
    #[prost(string, tag = "1")]
    sql: String,
    #[prost(uint64, tag = "2")]
    rows: u64,
    #[prost(uint64, tag = "3")]
    bytes: u64,
    #[prost(bytes = "bytes", tag = "4")]
    parameters: Bytes,
    #[prost(bool, tag = "5")]
    in_any_order: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PayloadPart {
    #[prost(bytes = "bytes", tag = "1")]
    kept: Bytes,
    #[prost(uint32, tag = "2")]
    part: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
enum PayloadCompression {
    None = 0,
    Lz4 = 1,
    Zstd = 2,
}

/// Makes a ticket that can be used for [`LIFETIME`] from `now`.
pub(super) fn issue(key: &[u8; 32], holder: Holder<'_>, contents: &Contents, now: SystemTime) -> Bytes {
    let claim = match &contents.claim {
        Claim::Read { sql, parameters, cut, in_order } => PayloadClaim::Read(PayloadRead {
            sql: sql.to_string(),
            parameters: parameters.clone(),
            rows: u64::try_from(cut.rows).unwrap_or(u64::MAX),
            bytes: u64::try_from(cut.bytes).unwrap_or(u64::MAX),
            in_any_order: !in_order,
        }),
        Claim::Kept(id) => PayloadClaim::Kept(id.clone()),
        Claim::Part(id, part) => PayloadClaim::Part(PayloadPart { kept: id.clone(), part: *part }),
        Claim::Spooled(name, part) => PayloadClaim::Spooled(PayloadPart { kept: name.clone(), part: *part }),
        Claim::Metadata(command) => PayloadClaim::Metadata(command.clone()),
        Claim::Polled => PayloadClaim::Polled(true),
    };
    let compression = match contents.compression {
        Compression::None => PayloadCompression::None,
        Compression::Lz4 => PayloadCompression::Lz4,
        Compression::Zstd => PayloadCompression::Zstd,
    };
    let payload = Payload {
        session: Bytes::copy_from_slice(holder.session),
        principal: holder.principal.to_owned(),
        expires: expiry(now),
        claim: Some(claim),
        query: Bytes::copy_from_slice(contents.query.as_bytes()),
        compression: compression.into(),
    };
    sign(key, &payload.encode_to_vec())
}

/// A ticket of these bytes.
pub(super) fn sign(key: &[u8; 32], payload: &[u8]) -> Bytes {
    let mut ticket = BytesMut::with_capacity(1 + payload.len() + SIGNATURE);
    ticket.put_u8(VERSION);
    ticket.put_slice(payload);
    let signature = mac(key, &[&ticket]).finalize().into_bytes();
    ticket.put_slice(&signature);
    ticket.freeze()
}

/// Whether bytes that came in the place of a command are a ticket: the first byte of a command is another.
pub(super) fn is_ticket(bytes: &[u8]) -> bool {
    bytes.first() == Some(&VERSION)
}

/// Reads a ticket.
///
/// # Errors
/// `TICKET_INVALID` when it is not exactly as [`issue`] made it with this key, `TICKET_EXPIRED` when its time is over,
/// `SESSION_FORBIDDEN` when it was made for another session or user.
pub(super) fn redeem(key: &[u8; 32], holder: Holder<'_>, ticket: &Bytes, now: SystemTime) -> Result<Contents> {
    let Some(signed) = ticket.len().checked_sub(SIGNATURE).filter(|signed| *signed > 0) else {
        return Err(invalid());
    };
    mac(key, &[&ticket[..signed]]).verify_slice(&ticket[signed..]).map_err(|_| invalid())?;
    if ticket[0] != VERSION {
        return Err(invalid());
    }
    let payload = Payload::decode(ticket.slice(1..signed)).map_err(|_| invalid())?;
    if seconds(now) >= payload.expires {
        return Err(Error::new(
            ErrorCode::TicketExpired,
            "the ticket's time is over: ask for a new one with GetFlightInfo",
        ));
    }
    if payload.principal != holder.principal || payload.session != holder.session {
        return Err(Error::new(
            ErrorCode::SessionForbidden,
            "the ticket was made for another session: use it with the credentials it was asked for with",
        ));
    }
    let query = QueryId::from_bytes(&payload.query).ok_or_else(invalid)?;
    let claim = match payload.claim {
        Some(PayloadClaim::Read(PayloadRead { sql, rows, bytes, parameters, in_any_order })) => Claim::Read {
            sql: sql.into(),
            parameters,
            cut: Cut {
                rows: usize::try_from(rows).unwrap_or(usize::MAX),
                bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            },
            in_order: !in_any_order,
        },
        Some(PayloadClaim::Kept(id)) => Claim::Kept(id),
        Some(PayloadClaim::Metadata(command)) => Claim::Metadata(command),
        Some(PayloadClaim::Polled(_)) => Claim::Polled,
        Some(PayloadClaim::Part(PayloadPart { kept, part })) => Claim::Part(kept, part),
        Some(PayloadClaim::Spooled(PayloadPart { kept, part })) => Claim::Spooled(kept, part),
        None => return Err(invalid()),
    };
    let compression = match PayloadCompression::try_from(payload.compression) {
        Ok(PayloadCompression::None) => Compression::None,
        Ok(PayloadCompression::Lz4) => Compression::Lz4,
        Ok(PayloadCompression::Zstd) => Compression::Zstd,
        Err(_) => return Err(invalid()),
    };
    Ok(Contents { claim, query, compression })
}

fn invalid() -> Error {
    Error::new(
        ErrorCode::TicketInvalid,
        "the ticket is not one this server made, or was changed on its way: ask for a new one with GetFlightInfo",
    )
}

/// Until when a ticket that is made now can be used, in seconds since 1970.
pub(super) fn expiry(now: SystemTime) -> u64 {
    seconds(now).saturating_add(LIFETIME.as_secs())
}

fn seconds(moment: SystemTime) -> u64 {
    moment.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array};
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 32] = [7; 32];
    const HOLDER: Holder<'static> = Holder { session: &[1; 16], principal: "ann" };

    fn moment(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn read_ticket() -> Bytes {
        let claim = Claim::read(&Statement::new("SELECT 1")).unwrap();
        issue(&KEY, HOLDER, &contents(claim), moment(1_000))
    }

    fn contents(claim: Claim) -> Contents {
        Contents { claim, query: QueryId::random(), compression: Compression::None }
    }

    fn code(result: Result<Contents>) -> ErrorCode {
        result.err().unwrap().code
    }

    #[test]
    fn a_ticket_gives_back_what_it_was_made_for() {
        for in_order in [true, false] {
            let statement = Statement { in_order, ..Statement::new("SELECT 1") };
            let ticket = issue(&KEY, HOLDER, &contents(Claim::read(&statement).unwrap()), moment(0));
            let Claim::Read { sql, cut, parameters, in_order: redeemed } =
                redeem(&KEY, HOLDER, &ticket, moment(0)).unwrap().claim
            else {
                panic!("another claim came back")
            };
            assert_eq!((&*sql, cut, parameters.len(), redeemed), ("SELECT 1", Cut::default(), 0, in_order));
        }

        let made = Contents { compression: Compression::Zstd, ..contents(Claim::Kept(Bytes::from_static(b"id"))) };
        let redeemed = redeem(&KEY, HOLDER, &issue(&KEY, HOLDER, &made, moment(0)), moment(0)).unwrap();
        assert!(matches!(redeemed.claim, Claim::Kept(id) if id == "id"));
        assert_eq!((redeemed.query, redeemed.compression), (made.query, Compression::Zstd));

        let made = Contents { compression: Compression::Lz4, ..contents(Claim::Part(Bytes::from_static(b"id"), 3)) };
        let redeemed = redeem(&KEY, HOLDER, &issue(&KEY, HOLDER, &made, moment(0)), moment(0)).unwrap();
        assert!(matches!(redeemed.claim, Claim::Part(id, 3) if id == "id"));
        assert_eq!(redeemed.compression, Compression::Lz4);

        let made = contents(Claim::Metadata(Bytes::from_static(b"any")));
        let redeemed = redeem(&KEY, HOLDER, &issue(&KEY, HOLDER, &made, moment(0)), moment(0)).unwrap();
        assert!(matches!(redeemed.claim, Claim::Metadata(command) if command == "any"));
    }

    #[test]
    fn a_ticket_ends_with_its_lifetime() {
        let ticket = read_ticket();
        assert!(redeem(&KEY, HOLDER, &ticket, moment(999 + LIFETIME.as_secs())).is_ok());
        let late = redeem(&KEY, HOLDER, &ticket, moment(1_000 + LIFETIME.as_secs()));
        assert_eq!(code(late), ErrorCode::TicketExpired);
    }

    #[test]
    fn a_ticket_works_for_its_own_session_and_user_only() {
        let other_session = Holder { session: &[2; 16], ..HOLDER };
        let other_user = Holder { principal: "bob", ..HOLDER };
        for holder in [other_session, other_user] {
            let result = redeem(&KEY, holder, &read_ticket(), moment(1_000));
            assert_eq!(code(result), ErrorCode::SessionForbidden);
        }
    }

    #[test]
    fn a_ticket_of_another_key_is_invalid() {
        assert_eq!(code(redeem(&[8; 32], HOLDER, &read_ticket(), moment(1_000))), ErrorCode::TicketInvalid);
    }

    #[test]
    fn a_long_statement_does_not_go_into_a_ticket() {
        assert!(Claim::read(&Statement::new("x".repeat(MAX_SQL))).is_some());
        assert!(Claim::read(&Statement::new("x".repeat(MAX_SQL + 1))).is_none());
    }

    #[test]
    fn the_values_of_parameters_travel_with_it_while_they_are_few() {
        let values = |rows: i64| {
            let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
            let batch = RecordBatch::try_from_iter([("1", column)]).unwrap();
            Statement { parameters: vec![batch.clone(), batch], ..Statement::new("SELECT ?") }
        };
        let statement = values(3);
        let ticket = issue(&KEY, HOLDER, &contents(Claim::read(&statement).unwrap()), moment(0));
        let Claim::Read { parameters: encoded, .. } = redeem(&KEY, HOLDER, &ticket, moment(0)).unwrap().claim else {
            panic!("another claim came back")
        };
        assert_eq!(parameters(&encoded).unwrap(), statement.parameters);
        assert!(Claim::read(&values(10_000)).is_none());
        assert_eq!(parameters(&Bytes::from_static(b"odd")).unwrap_err().code, ErrorCode::TicketInvalid);
    }

    proptest! {
        #[test]
        fn a_flipped_bit_makes_it_invalid(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let mut ticket = read_ticket().to_vec();
            let at = at.index(ticket.len());
            ticket[at] ^= 1 << bit;
            prop_assert_eq!(code(redeem(&KEY, HOLDER, &ticket.into(), moment(1_000))), ErrorCode::TicketInvalid);
        }

        #[test]
        fn a_cut_or_longer_ticket_is_invalid(cut in any::<prop::sample::Index>(), more in 1..40_usize) {
            let ticket = read_ticket();
            let short = ticket.slice(..cut.index(ticket.len()));
            prop_assert_eq!(code(redeem(&KEY, HOLDER, &short, moment(1_000))), ErrorCode::TicketInvalid);
            let mut long = ticket.to_vec();
            long.extend(vec![0; more]);
            prop_assert_eq!(code(redeem(&KEY, HOLDER, &long.into(), moment(1_000))), ErrorCode::TicketInvalid);
        }

        #[test]
        fn any_bytes_are_an_invalid_ticket(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            prop_assert_eq!(code(redeem(&KEY, HOLDER, &bytes.into(), moment(0))), ErrorCode::TicketInvalid);
        }
    }
}
