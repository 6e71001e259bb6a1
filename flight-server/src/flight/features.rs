//! What clients may rely on, beyond what the protocol says.

use http::{HeaderName, HeaderValue};

/// The header that says it, in the answer to a handshake and in the first of a new session.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-pintail-features");

/// A write that carries an id is applied once (`request_id`), a result goes on behind a mark (`marks`), and what runs can be asked
/// how far it is ([`PROGRESS`](super::actions::PROGRESS)).
pub(super) const ALL: HeaderValue = HeaderValue::from_static("request-id,resume,progress");
