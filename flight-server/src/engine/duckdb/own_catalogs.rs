//! Catalogs that are the server's own, and what statements may do with them.

use super::ffi::Prepared;
use super::lake;
use crate::engine::DATASET_CATALOG;
use crate::error::{Error, ErrorCode, Result};

/// DuckDB's own catalog, in which the names of the others stand.
const SYSTEM_CATALOG: &str = "system";

/// Refuses a statement that would change the catalog of the datasets, or the names of catalogs, or that names the database of
/// a lake's catalog.
pub(super) fn check_untouched(prepared: &Prepared) -> Result<()> {
    for catalog in [DATASET_CATALOG, SYSTEM_CATALOG] {
        if prepared.changes(catalog) {
            return Err(Error::new(
                ErrorCode::StatementForbidden,
                format!(
                    "the statement would change the catalog \"{catalog}\", which is the server's; datasets are added and \
                     removed by the operator (`pintail dataset`)"
                ),
            ));
        }
    }
    lake::check_untouched(prepared)
}
