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
        if is_refusal(&error) {
            // What was before may have been anything, such as a commit.
            self.lose(&error);
            return error;
        }
        if error.code != ErrorCode::StatementFailed || error.sqlstate.0 != OWN_MISTAKE {
            return error;
        }
        // Another statement may have been refused before this one was asked about.
        if !self.is_lost() {
            let probed = connect().and_then(|connection| internal::run(&connection, "SELECT 1"));
            if !probed.is_err_and(|probed| is_refusal(&probed)) {
                return error;
            }
            self.lose(&error);
        }
        Error { code: ErrorCode::EngineFailed, ..error }
    }

    fn lose(&self, by: &Error) {
        self.0.send_if_modified(|lost| {
            let is_new = lost.is_none();
            lost.get_or_insert_with(|| by.message.clone());
            is_new
        });
    }
}

/// Whether DuckDB refuses everything.
fn is_refusal(error: &Error) -> bool {
    error.code == ErrorCode::EngineUnavailable
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::duckdb::errors::reopening;
    use crate::engine::duckdb::ffi::Database;

    #[tokio::test]
    async fn only_what_duckdb_refuses_everything_after_makes_it_lost() {
        let database = Database::open(":memory:", &[]).unwrap();
        let validity = Validity::new();
        let connect = || database.connect().map_err(Error::from);
        let mistake = Error::new(ErrorCode::StatementFailed, "INTERNAL Error: it should not be");
        assert_eq!(validity.judge(mistake.clone(), connect), mistake, "everything else goes on");
        assert!(!validity.is_lost());

        let refused = || Err(reopening());
        let told = validity.judge(mistake.clone(), refused);
        assert_eq!((told.code, told.message), (ErrorCode::EngineFailed, mistake.message.clone()));
        assert_eq!(validity.lost().await, mistake.message);

        let validity = Validity::new();
        assert_eq!(validity.judge(reopening(), refused), reopening());
        assert!(validity.is_lost(), "whatever it was by");
        assert_eq!(validity.judge(mistake, connect).code, ErrorCode::EngineFailed, "it may have been this");
    }
}
