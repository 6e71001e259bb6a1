//! How the text files of a dataset are laid out: what separates values, and whether the first line names the columns.

use arrow::compute::kernels::cast_utils::Parser;
use arrow::datatypes::{Date32Type, TimestampMicrosecondType};

/// What may stand between values, the likelier first.
const DELIMITERS: [u8; 4] = [b',', b'|', b';', b'\t'];

/// The layout of a text file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) delimiter: u8,
    pub(super) has_header: bool,
}

/// The layout of a file that begins with `head` and is known to have columns of these names.
pub(super) fn layout(head: &str, names: &[&str]) -> Layout {
    let line = head.lines().next().unwrap_or_default();
    let are_names = |delimiter: &u8| {
        let first = values(line, *delimiter);
        first.len() == names.len() && first.iter().zip(names).all(|(value, name)| value.trim() == name.trim())
    };
    if let Some(delimiter) = DELIMITERS.into_iter().find(are_names) {
        return Layout { delimiter, has_header: true };
    }
    let delimiter = DELIMITERS
        .into_iter()
        .find(|delimiter| values(line, *delimiter).len() == names.len())
        .unwrap_or_else(|| likeliest(line));
    Layout { delimiter, has_header: false }
}

/// The layout of a file of which nothing is known but that it begins with `head`: the first line names the columns when it
/// could, and values that are no text follow it or it is the only one.
pub(super) fn guessed(head: &str) -> Layout {
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let delimiter = likeliest(first);
    let names = values(first, delimiter);
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    let could_be_names =
        sorted.len() == names.len() && names.iter().all(|name| !name.trim().is_empty() && is_text(name));
    let all_text_below = lines
        .clone()
        .filter(|line| !line.is_empty())
        .all(|line| values(line, delimiter).iter().all(|value| is_text(value)));
    let has_header = could_be_names && (!all_text_below || lines.next().is_none() || looks_like_names(&names));
    Layout { delimiter, has_header }
}

/// Whether these are words such as programs use for names.
fn looks_like_names(names: &[String]) -> bool {
    let is_name = |name: &String| name.chars().all(|c| c.is_alphanumeric() || "_-. ".contains(c));
    names.iter().all(is_name)
}

fn is_text(value: &str) -> bool {
    let value = value.trim();
    let is_boolean = value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false");
    !is_boolean
        && value.parse::<f64>().is_err()
        && Date32Type::parse(value).is_none()
        && TimestampMicrosecondType::parse(value).is_none()
}

fn likeliest(line: &str) -> u8 {
    let count = |delimiter: &u8| values(line, *delimiter).len();
    DELIMITERS.into_iter().rev().max_by_key(count).unwrap_or(b',')
}

/// The values of a line, without their quotes.
fn values(line: &str, delimiter: u8) -> Vec<String> {
    let (mut all, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c == char::from(delimiter) && !quoted => all.push(String::new()),
            c => {
                if let Some(value) = all.last_mut() {
                    value.push(c);
                }
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_columns_tell_delimiter_and_header() {
        assert_eq!(layout("a|b,c\n1|2", &["a", "b,c"]), Layout { delimiter: b'|', has_header: true });
        assert_eq!(layout("1,x\n2,y", &["column0", "column1"]), Layout { delimiter: b',', has_header: false });
        assert_eq!(layout("\"a;b\";c\r\n", &["a;b", "c"]), Layout { delimiter: b';', has_header: true });
    }

    #[test]
    fn a_first_line_that_could_name_columns_of_other_types_is_a_header() {
        assert!(guessed("id,name\n1,x\n").has_header);
        assert!(!guessed("1,x\n2,y\n").has_header);
        assert!(!guessed("a,a\n1,2\n").has_header);
        assert_eq!(guessed("id;name\n1;x,y\n").delimiter, b';');
    }
}
