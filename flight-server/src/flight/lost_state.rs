//! What of a session a takeover could not bring along, as its client is told: in a header of the first answer after it, as a
//! JSON array of texts.

use http::{HeaderName, HeaderValue};

/// The header.
pub(super) const LOST_HEADER: HeaderName = HeaderName::from_static("x-pintail-session-lost");

/// The most bytes that [`LOST_HEADER`] may have: clients give up on large headers.
const LOST_BYTES: usize = 2_000;

/// What was lost, as the value of a header; of a long list its beginning.
pub(super) fn lost_state(mut lost: Vec<String>) -> Option<HeaderValue> {
    loop {
        if lost.is_empty() {
            return None;
        }
        let json = serde_json::to_string(&lost).ok()?;
        // A header has ASCII only, and JSON can say everything in it.
        let text: String = json.chars().flat_map(escaped).collect();
        if text.len() <= LOST_BYTES {
            return HeaderValue::from_str(&text).ok();
        }
        lost.pop();
    }
}

fn escaped(character: char) -> Vec<char> {
    if character.is_ascii_graphic() || character == ' ' {
        return vec![character];
    }
    let mut units = [0; 2];
    let units = character.encode_utf16(&mut units);
    units.iter().flat_map(|unit| format!("\\u{unit:04x}").chars().collect::<Vec<_>>()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn what_was_lost_is_json_in_ascii_of_bounded_length() {
        let value = lost_state(vec!["temporary table \"größe 🦆\"".to_owned()]).unwrap();
        assert_eq!(value, r#"["temporary table \"gr\u00f6\u00dfe \ud83e\udd86\""]"#);
        let read: Vec<String> = serde_json::from_slice(value.as_bytes()).unwrap();
        assert_eq!(read, ["temporary table \"größe 🦆\""]);
        assert!(lost_state(Vec::new()).is_none());
        let long = lost_state((0..500).map(|number| format!("temporary table t{number}")).collect()).unwrap();
        let read: Vec<String> = serde_json::from_slice(long.as_bytes()).unwrap();
        assert!(long.len() <= LOST_BYTES && read[0] == "temporary table t0");
    }
}
