//! Names in SQL texts.

/// A name as SQL text, quoted.
pub(crate) fn quoted_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Whether a text has a name in it, by itself and in whatever case.
pub(crate) fn mentions(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_lowercase(), name.to_lowercase());
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    !name.is_empty()
        && text.match_indices(&name).any(|(at, _)| {
            !text[..at].chars().next_back().is_some_and(is_part)
                && !text[at + name.len()..].chars().next().is_some_and(is_part)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_by_itself() {
        for text in ["T", "SELECT t.i", "\"t\"", "FROM T WHERE", "größe t"] {
            assert!(mentions(text, "t"), "{text}");
        }
        for text in ["", "tt", "t_2", "at", "tä"] {
            assert!(!mentions(text, "t"), "{text}");
        }
        assert!(!mentions("anything", ""));
        assert_eq!(quoted_identifier("a \"b\""), "\"a \"\"b\"\"\"");
    }
}
