//! The question what became of a write, and the answer, in a header of the same name.

use http::{HeaderMap, HeaderName};
use uuid::Uuid;

use super::request_id;
use crate::error::Result;

/// The header: in a call the id of a write, in the answer what became of it.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-pintail-outcome");

/// The id of the write that a call asks about, if it does.
///
/// # Errors
/// `REQUEST_INVALID` when it is no UUID, or there are several.
pub(super) fn asked(headers: &HeaderMap) -> Result<Option<Uuid>> {
    request_id::in_header(headers, HEADER.as_str())
}
