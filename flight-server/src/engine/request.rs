//! Writes that are applied once, however often they are sent.

use std::fmt::Write as _;

use arrow::array::RecordBatch;
use arrow::ipc::writer::StreamWriter;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{IngestMode, IngestTable, Returned};
use crate::error::{Error, ErrorCode, Result};

/// A write that its client may send again: what it knows it by, and what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The client's own id for it.
    pub id: Uuid,
    /// What it asks for, as a hash: an id that comes again with something else is an error.
    pub digest: String,
    /// Whether the server itself asks for it, to find out later whether a commit was made. It keeps no receipt of one that
    /// changed nothing.
    pub is_own: bool,
}

/// What is kept of a write that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// What was asked for.
    pub request: Request,
    /// How many rows it changed, where that can be said.
    pub changed: Option<u64>,
    /// The rows that it answered with.
    pub returned: Returned,
}

impl Request {
    /// To run a statement with these parameters.
    ///
    /// # Errors
    /// When the parameters can't be written down.
    pub fn of_statement(id: Uuid, sql: &str, parameters: &[RecordBatch]) -> Result<Self> {
        let mut hash = Sha256::new();
        hash.update("statement\0");
        hash.update(sql);
        if let Some(first) = parameters.first() {
            let mut writer = StreamWriter::try_new(Vec::new(), first.schema_ref()).map_err(Error::internal)?;
            for batch in parameters {
                writer.write(batch).map_err(Error::internal)?;
            }
            hash.update("\0");
            hash.update(writer.into_inner().map_err(Error::internal)?);
        }
        Ok(Self::new(id, hash))
    }

    /// To write rows into a table. Which rows is known only when all have come.
    pub fn of_ingest(id: Uuid, table: &IngestTable, mode: IngestMode) -> Self {
        let mut hash = Sha256::new();
        hash.update(format!("ingest\0{table:?}\0{mode:?}"));
        Self::new(id, hash)
    }

    /// To commit a transaction.
    pub fn of_commit(id: Uuid, transaction: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update("commit\0");
        hash.update(transaction);
        Self::new(id, hash)
    }

    /// To commit a transaction whose client has given it no id.
    pub fn of_own_commit() -> Self {
        Self { is_own: true, ..Self::of_commit(Uuid::new_v4(), &[]) }
    }

    fn new(id: Uuid, hash: Sha256) -> Self {
        let mut digest = String::new();
        for byte in &hash.finalize()[..16] {
            // Writing into a text does not fail.
            let _ = write!(digest, "{byte:02x}");
        }
        Self { id, digest, is_own: false }
    }
}

impl Receipt {
    /// The receipt, when it is for this request.
    ///
    /// # Errors
    /// `REQUEST_ID_REUSED` when it is for something else.
    pub fn checked(self, request: &Request) -> Result<Self> {
        if self.request.digest == request.digest {
            return Ok(self);
        }
        Err(Error::new(
            ErrorCode::RequestIdReused,
            format!(
                "the request id {} was used for another write of this session, and this one was not run; give every write an \
                 id of its own",
                request.id
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int32Array;

    use super::*;

    #[test]
    fn what_is_asked_for_tells_requests_apart() {
        let id = Uuid::from_u128(1);
        let rows = |values: Vec<i32>| {
            vec![RecordBatch::try_from_iter([("a", Arc::new(Int32Array::from(values)) as _)]).unwrap()]
        };
        let of = |sql: &str, parameters: &[RecordBatch]| Request::of_statement(id, sql, parameters).unwrap();
        let first = of("INSERT INTO t VALUES (?)", &rows(vec![1]));
        assert_eq!(first, of("INSERT INTO t VALUES (?)", &rows(vec![1])));
        for other in [
            of("INSERT INTO t VALUES (?)", &rows(vec![2])),
            of("INSERT INTO u VALUES (?)", &rows(vec![1])),
            of("INSERT INTO t VALUES (?)", &[]),
            Request::of_commit(id, b"INSERT INTO t VALUES (?)"),
        ] {
            assert_ne!(first.digest, other.digest);
            let receipt = Receipt { request: first.clone(), changed: Some(1), returned: Returned::Nothing };
            assert_eq!(receipt.checked(&other).unwrap_err().code, ErrorCode::RequestIdReused);
        }
    }
}
