//! What benchmarks measure of this layer. Not part of the server.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;

use super::command::Command;
use super::encode::schema_bytes;
use super::marks::Marks;
use super::row_message::BatchEncoder;
use super::ticket::{self, Claim, Contents, Holder};
use crate::engine::Statement;
use crate::error::{Error, Result};
use crate::node::{Compression, QueryId};

const KEY: [u8; 32] = [7; 32];
const HOLDER: Holder<'static> = Holder { session: &[9; 16], principal: "analyst" };
const NOW: SystemTime = UNIX_EPOCH;
const SOON: Duration = Duration::from_secs(1);

/// A result on its way to a client.
pub struct Sending {
    encoder: BatchEncoder,
    marks: Marks,
}

impl Sending {
    /// A result of this schema.
    ///
    /// # Errors
    /// `INTERNAL` when the library was built without the codec.
    pub fn new(schema: SchemaRef, compression: Compression) -> Result<Self> {
        Ok(Self { encoder: BatchEncoder::new(schema, compression)?, marks: Marks::new(None) })
    }

    /// Makes the next batch what the network is given, with its mark; how many bytes that is.
    ///
    /// # Errors
    /// `INTERNAL` when it can't be written.
    pub fn batch(&mut self, batch: &RecordBatch) -> Result<usize> {
        let mut message = self.encoder.batch(batch)?;
        if let Some(mark) = self.marks.next(message.body.segments())? {
            message.metadata = mark.text().into();
        }
        Ok(message.into_frames()?.iter().map(Bytes::len).sum())
    }
}

/// A ticket for a statement's rows.
///
/// # Errors
/// `INTERNAL` when the statement does not fit into one.
pub fn issue(sql: &str) -> Result<Bytes> {
    let claim = Claim::read(&Statement::new(sql)).ok_or_else(|| Error::internal("the statement is too long"))?;
    let query = QueryId::from_bytes(&[5; 16]).ok_or_else(|| Error::internal("no query has this id"))?;
    Ok(ticket::issue(&KEY, HOLDER, &Contents { claim, query, compression: Compression::None }, NOW))
}

/// Reads a ticket of [`issue`].
///
/// # Errors
/// Those of a ticket that is none.
pub fn redeem(ticket: &Bytes) -> Result<()> {
    ticket::redeem(&KEY, HOLDER, ticket, NOW + SOON).map(drop)
}

/// All that this layer does for a short statement besides its calls: the command is read, its schema is told, a ticket is issued and
/// redeemed, and its rows are written. How many bytes these are.
///
/// # Errors
/// Those of the command.
pub fn short_statement(command: &Bytes, rows: &RecordBatch) -> Result<usize> {
    let Command::StatementQuery { sql, .. } = Command::decode(command)? else {
        return Err(Error::internal("it is another command"));
    };
    let schema = schema_bytes(rows.schema_ref())?;
    redeem(&issue(&sql)?)?;
    Ok(schema.len() + Sending::new(rows.schema(), Compression::None)?.batch(rows)?)
}
