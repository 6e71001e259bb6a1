//! Texts as PostgreSQL can hold them, and what it looks them up by.

use sha2::{Digest as _, Sha256};

use crate::{Result, StoreError};

/// Stands before the one character that no PostgreSQL text may have, U+0000, and before itself.
const ESCAPE: char = '\u{1}';

/// The text in a form without U+0000. Nearly every text is its own. The order by bytes stays the same.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\0' => escaped.extend([ESCAPE, '0']),
            ESCAPE => escaped.extend([ESCAPE, '1']),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The text that was escaped.
pub(super) fn plain(escaped: &str) -> Result<String> {
    let mut plain = String::with_capacity(escaped.len());
    let mut characters = escaped.chars();
    while let Some(character) = characters.next() {
        plain.push(match (character, if character == ESCAPE { characters.next() } else { None }) {
            (ESCAPE, Some('0')) => '\0',
            (ESCAPE, Some('1')) => ESCAPE,
            (ESCAPE, _) => return Err(StoreError::Corrupt("a text has an escape that none writes".to_owned())),
            (other, _) => other,
        });
    }
    Ok(plain)
}

/// What something of any length is looked up by.
pub(super) fn digest(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_text_reads_back_and_has_no_nul(text in "[\u{0}-\u{3}01a\u{1F980}]{0,12}") {
            prop_assert!(!escaped(&text).contains('\0'));
            prop_assert_eq!(plain(&escaped(&text)).unwrap(), text);
        }

        #[test]
        fn the_order_stays_the_same(left in "[\u{0}-\u{3}01a]{0,6}", right in "[\u{0}-\u{3}01a]{0,6}") {
            prop_assert_eq!(escaped(&left).cmp(&escaped(&right)), left.cmp(&right));
        }
    }

    #[test]
    fn an_escape_that_none_writes_is_damage() {
        for wrong in ["\u{1}", "a\u{1}2"] {
            assert!(matches!(plain(wrong), Err(StoreError::Corrupt(_))));
        }
    }
}
