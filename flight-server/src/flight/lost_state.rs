//! What of a session a takeover could not bring along, as its client is told: in a header of the answers after it, as a JSON array
//! of what was lost.

use http::{HeaderName, HeaderValue};
use serde::Serialize;

use crate::node::Lost;

/// The header.
pub(super) const LOST_HEADER: HeaderName = HeaderName::from_static("x-pintail-session-lost");

/// The most bytes that [`LOST_HEADER`] may have: clients give up on large headers.
const LOST_BYTES: usize = 2_000;

/// An element of the array.
#[derive(Serialize)]
#[serde(untagged)]
enum Told<'a> {
    Lost(&'a Lost),
    /// So many that there was no room for.
    More {
        more: usize,
    },
}

/// What was lost, as the value of a header; of a long list its beginning, and how many more there are.
pub(super) fn lost_state(lost: &[Lost]) -> Option<HeaderValue> {
    if lost.is_empty() {
        return None;
    }
    (0..=lost.len()).rev().find_map(|shown| {
        let more = (shown < lost.len()).then(|| Told::More { more: lost.len() - shown });
        let told: Vec<_> = lost[..shown].iter().map(Told::Lost).chain(more).collect();
        let json = serde_json::to_string(&told).ok()?;
        // A header has ASCII only, and JSON can say everything in it.
        let text: String = json.chars().flat_map(escaped).collect();
        if text.len() > LOST_BYTES {
            return None;
        }
        HeaderValue::from_str(&text).ok()
    })
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

    use serde_json::{Value, json};

    use super::*;

    fn lost(what: String) -> Lost {
        Lost { what, why: "too large".to_owned(), epoch: 2 }
    }

    #[test]
    fn what_was_lost_is_json_in_ascii_of_bounded_length() {
        let value = lost_state(&[lost("temporary table \"größe 🦆\"".to_owned())]).unwrap();
        assert_eq!(
            value,
            r#"[{"what":"temporary table \"gr\u00f6\u00dfe \ud83e\udd86\"","why":"too large","epoch":2}]"#
        );
        let read: Value = serde_json::from_slice(value.as_bytes()).unwrap();
        assert_eq!(read[0]["what"], "temporary table \"größe 🦆\"");
        assert!(lost_state(&[]).is_none());
    }

    #[test]
    fn of_more_than_there_is_room_for_the_number_is_told() {
        let all: Vec<_> = (0..500).map(|number| lost(format!("temporary table t{number}"))).collect();
        let value = lost_state(&all).unwrap();
        assert!(value.len() <= LOST_BYTES);
        let read: Vec<Value> = serde_json::from_slice(value.as_bytes()).unwrap();
        assert_eq!(read[0]["what"], "temporary table t0");
        assert_eq!(read.last().unwrap(), &json!({ "more": 500 - (read.len() - 1) }));
        // One alone can be too long.
        let value = lost_state(&[lost("x".repeat(LOST_BYTES))]).unwrap();
        assert_eq!(value, r#"[{"more":1}]"#);
    }
}
