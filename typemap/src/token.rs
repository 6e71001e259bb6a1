//! Cuts the text of a type into tokens.

use crate::parse::ParseError;

/// One token and where it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind<'a>,
    /// Byte offset of its first character.
    pub(crate) at: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenKind<'a> {
    /// An identifier without quotes.
    Word(&'a str),
    /// An identifier that stood in double quotes, unescaped.
    Quoted(String),
    /// A text that stood in single quotes, unescaped.
    Text(String),
    /// Digits.
    Number(&'a str),
    /// One of `( ) [ ] ,`.
    Punctuation(char),
    /// After the last character.
    End,
}

/// Cuts all of `text`, in time linear in its length. The last token is always [`TokenKind::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<Token<'_>>, ParseError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (kind, length) = match first {
            c if c.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            '(' | ')' | '[' | ']' | ',' => (TokenKind::Punctuation(first), 1),
            '"' => {
                let (name, length) = quoted(rest, '"')
                    .ok_or_else(|| ParseError::new(text, at, "a quoted name that is never closed".to_owned()))?;
                if name.is_empty() {
                    return Err(ParseError::new(text, at, "an empty name".to_owned()));
                }
                (TokenKind::Quoted(name), length)
            }
            '\'' => {
                let (value, length) = quoted(rest, '\'')
                    .ok_or_else(|| ParseError::new(text, at, "a quoted text that is never closed".to_owned()))?;
                (TokenKind::Text(value), length)
            }
            c if c.is_ascii_digit() => {
                let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                (TokenKind::Number(&rest[..length]), length)
            }
            c if starts_word(c) => {
                let length = rest.find(|c: char| !continues_word(c)).unwrap_or(rest.len());
                (TokenKind::Word(&rest[..length]), length)
            }
            c => return Err(ParseError::new(text, at, format!("the character {c:?} has no meaning in a type"))),
        };
        tokens.push(Token { kind, at });
        at += length;
    }
    tokens.push(Token { kind: TokenKind::End, at });
    Ok(tokens)
}

fn starts_word(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn continues_word(c: char) -> bool {
    starts_word(c) || c.is_ascii_digit() || c == '$'
}

/// Reads what stands between quotes, a doubled quote meaning one, and how many bytes it took with them.
fn quoted(rest: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut at = 1;
    loop {
        let end = at + rest[at..].find(quote)?;
        value.push_str(&rest[at..end]);
        at = end + 1;
        if !rest[at..].starts_with(quote) {
            return Some((value, at));
        }
        value.push(quote);
        at += 1;
    }
}
