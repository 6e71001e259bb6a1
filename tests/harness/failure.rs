//! What every failure carries: a gRPC status, a stable code and a SQLSTATE.

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// The value of a header or trailer of a status.
pub fn trailer<'a>(status: &'a Status, name: &str) -> Option<&'a str> {
    status.metadata().get(name)?.to_str().ok()
}

/// Checks that `status` has this gRPC code, this `x-pintail-code` and this `x-pintail-sqlstate`.
#[track_caller]
pub fn assert_failure(status: &Status, grpc: Code, code: &str, sqlstate: &str) {
    let told = (status.code(), trailer(status, "x-pintail-code"), trailer(status, "x-pintail-sqlstate"));
    assert_eq!(told, (grpc, Some(code), Some(sqlstate)), "the message was: {}", status.message());
    assert!(!status.message().is_empty(), "{code} says what happened");
    // A message may say what a token looks like, in words between angle brackets.
    assert!(!status.message().replace("pt1.<", "").contains("pt1."), "{code} repeats a token: {}", status.message());
}

/// Where in the SQL text the error is, in characters from 0, where its details say so.
pub fn position(status: &Status) -> Option<u32> {
    status.get_error_details().error_info()?.metadata.get("position")?.parse().ok()
}
