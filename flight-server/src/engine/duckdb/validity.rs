//! Whether an instance can still be used. After a failure by a mistake of its own, DuckDB refuses everything in all of its
//! connections, until the database is opened anew.

use tokio::sync::watch;

use super::ffi::Connection;
use super::internal;
use crate::error::{Error, ErrorCode, Result};

/// The SQLSTATE of what is nobody else's mistake.
const OWN_MISTAKE: &str = "XX000";

/// Whether an instance can still be used.
pub(super) struct Validity(watch::Sender<Option<String>>);

impl Validity {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Whether it can't be used any more.
    pub(super) fn is_lost(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Resolves when it can't be used any more, and tells by what.
    pub(super) async fn lost(&self) -> String {
        let mut lost = self.0.subscribe();
        // The sender lives as long as `self`, so waiting does not fail.
        let why = lost.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        why.unwrap_or_default()
    }

    /// A statement's error, with a code of its own if it is what the instance can't be used for any more. `connect` opens a
    /// connection to find out.
    pub(super) fn judge(&self, error: Error, connect: impl FnOnce() -> Result<Connection>) -> Error {
        if error.sqlstate.0 != OWN_MISTAKE || self.is_lost() {
            return error;
        }
        let probed = connect().and_then(|connection| internal::run(&connection, "SELECT 1"));
        if !probed.is_err_and(|refused| refused.code == ErrorCode::EngineUnavailable) {
            return error;
        }
        self.0.send_replace(Some(error.message.clone()));
        Error { code: ErrorCode::EngineFailed, ..error }
    }
}
