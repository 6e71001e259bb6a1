//! What clients may rely on, beyond what the protocol says.

use http::{HeaderName, HeaderValue};

/// The header that says it, in the answer to a handshake and in the first of a new session.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-pintail-features");

/// A write that carries an id is applied once (`request_id`), and a result goes on behind a mark (`marks`).
pub(super) const ALL: HeaderValue = HeaderValue::from_static("request-id,resume");
