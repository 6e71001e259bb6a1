//! The trace that a call is part of, as its client tells it by the header `traceparent` of W3C Trace Context.

use std::fmt;

use http::HeaderMap;

const HEADER: &str = "traceparent";

/// The length of version 00 of the header: the version, the ids of trace and caller, and the flags, between dashes.
const LENGTH: usize = 2 + 1 + 32 + 1 + 16 + 1 + 2;

/// The id of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TraceId([u8; 16]);

impl TraceId {
    /// The trace of a call. A header that is not valid says nothing, and nor do several that differ.
    pub(super) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(HEADER).iter();
        let value = values.next()?;
        if values.any(|other| other != value) {
            return None;
        }
        parse(value.as_bytes())
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

fn parse(text: &[u8]) -> Option<TraceId> {
    let known = text.get(..LENGTH)?;
    let [version, trace, parent, flags] = known.split(|byte| *byte == b'-').collect::<Vec<_>>().try_into().ok()?;
    let [version] = bytes(version)?;
    let trace: [u8; 16] = bytes(trace)?;
    let parent: [u8; 8] = bytes(parent)?;
    let [_flags] = bytes(flags)?;
    // A later version may say more, after another dash.
    let ends_well = match version {
        0 => text.len() == LENGTH,
        0xff => false,
        _ => matches!(text.get(LENGTH), None | Some(b'-')),
    };
    (ends_well && trace != [0; 16] && parent != [0; 8]).then_some(TraceId(trace))
}

/// Bytes in hexadecimal, whose digits must be lower case.
fn bytes<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    fn read(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, HeaderValue::from_str(value).unwrap());
        }
        TraceId::from_headers(&headers).map(|trace| trace.to_string())
    }

    #[test]
    fn a_valid_header_tells_the_trace() {
        let sampled = format!("00-{TRACE}-b7ad6b7169203331-01");
        assert_eq!(read(&[&sampled]).as_deref(), Some(TRACE));
        assert_eq!(read(&[&sampled, &sampled]).as_deref(), Some(TRACE));
        assert_eq!(
            read(&[&format!("cc-{TRACE}-b7ad6b7169203331-01-what-the-future-will-be-like")]).as_deref(),
            Some(TRACE)
        );
    }

    #[test]
    fn any_other_header_tells_nothing() {
        let upper = TRACE.to_uppercase();
        for value in [
            "",
            "00",
            &format!("ff-{TRACE}-b7ad6b7169203331-01"),
            &format!("00-{TRACE}-b7ad6b7169203331-01-more"),
            &format!("cc-{TRACE}-b7ad6b7169203331-01.more"),
            &format!("00-{upper}-b7ad6b7169203331-01"),
            &format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            &format!("00-{TRACE}-0000000000000000-01"),
            &format!("00-{TRACE}-b7ad6b7169203331-0x"),
            &format!("00-{TRACE}b7ad6b7169203331-01--"),
            &format!("00_{TRACE}_b7ad6b7169203331_01"),
            "x".repeat(4_000).as_str(),
        ] {
            assert_eq!(read(&[value]), None, "{value}");
        }
        let two = [format!("00-{TRACE}-b7ad6b7169203331-01"), format!("00-{TRACE}-b7ad6b7169203332-01")];
        assert_eq!(read(&[&two[0], &two[1]]), None, "nobody knows which of two is meant");
        assert_eq!(read(&[]), None);
    }
}
