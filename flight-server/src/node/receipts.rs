//! Writes that may be sent again, as the session knows them: the engine keeps their receipts with what they write to; of one
//! that can't, whose tables are the session's own, the session remembers them.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use futures::stream;
use uuid::Uuid;

use super::ending::Ending;
use super::session::Session;
use crate::engine::{Outcome, Receipt, Request, Returned, Rows, StatementKind};
use crate::error::{Error, Result};

/// How many receipts a session remembers. The oldest is forgotten first.
const MOST: usize = 1_024;

/// The receipts of one session in an engine that keeps none.
#[derive(Default)]
pub(super) struct Remembered(VecDeque<Receipt>);

impl Session {
    /// Whether a write was applied.
    ///
    /// # Errors
    /// `REQUEST_ID_REUSED` when the id was for something else; the engine's.
    pub async fn was_applied(&self, request: &Request) -> Result<bool> {
        if self.remembered(request)?.is_some() {
            return Ok(true);
        }
        let found = self.fix_engine().receipt(request.id).await.map_err(|error| self.explain(error))?;
        Ok(found.map(|receipt| receipt.checked(request)).transpose()?.is_some())
    }

    /// The receipt that the session itself remembers.
    pub(super) fn remembered(&self, request: &Request) -> Result<Option<Receipt>> {
        let remembered = self.receipts.lock();
        let found = remembered.0.iter().find(|receipt| receipt.request.id == request.id).cloned();
        found.map(|receipt| receipt.checked(request)).transpose()
    }

    /// Whether the session itself remembers this one.
    pub(super) fn remembers(&self, id: Uuid) -> bool {
        self.receipts.lock().0.iter().any(|receipt| receipt.request.id == id)
    }

    /// Remembers what came of a request, where the engine does not.
    pub(super) fn keep_receipt<T>(&self, request: Option<&Request>, done: &Result<T>, changed: Option<u64>) {
        let (Some(request), Ok(_), false) = (request, done, self.engine_of().facts().receipts) else { return };
        if request.is_own {
            return;
        }
        let mut remembered = self.receipts.lock();
        if remembered.0.len() >= MOST {
            remembered.0.pop_front();
        }
        remembered.0.push_back(Receipt { request: request.clone(), changed, returned: Returned::Nothing });
    }

    /// Whether a transaction was committed whose end was cut off when its node ended.
    pub(super) async fn outcome(&self, ending: &Ending) -> Result<Decided> {
        let Some(id) = ending.id else { return Ok(Decided::Unknown) };
        if self.fix_engine().receipt(id).await.map_err(|error| self.explain(error))?.is_some() {
            return Ok(Decided::Committed);
        }
        // Without a receipt where it would be, it was not committed, and can't be any more: the owner that was to do it is gone, or
        // shut out.
        let is_told = ending.is_told_by(&self.engine_of().facts().database);
        Ok(if is_told { Decided::NotCommitted } else { Decided::Unknown })
    }
}

/// What is known of a transaction whose end was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decided {
    Committed,
    NotCommitted,
    Unknown,
}

/// The first answer, once more: as many changed rows.
pub(super) fn again(changed: Option<u64>) -> Result<Outcome> {
    let counts = Int64Array::from_iter(changed.map(|changed| i64::try_from(changed).ok()));
    let report = RecordBatch::try_from_iter([("Count", Arc::new(counts) as ArrayRef)]).map_err(Error::internal)?;
    Ok(Outcome {
        kind: StatementKind::Write,
        changed,
        is_update: true,
        is_held: false,
        state: Vec::new(),
        rows: Rows { schema: report.schema(), batches: Box::pin(stream::iter([Ok(report)])) },
    })
}
