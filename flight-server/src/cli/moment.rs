//! Moments, as commands print them.

use std::time::SystemTime;

/// In UTC, to the second (RFC 3339).
pub(super) fn moment(moment: SystemTime) -> String {
    humantime::format_rfc3339_seconds(moment).to_string()
}
