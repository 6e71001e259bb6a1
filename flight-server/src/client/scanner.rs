//! Reads SQL as a series of pieces: what is a word, what stands in quotes or comments, and where a statement ends.
//!
//! It knows what both engines have: texts (`'…'`, `E'…'`), names (`"…"`), dollar quotes (`$tag$…$tag$`), comments to the end of
//! a line and nested ones. It can stop in the middle of each and go on with more text.

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceKind {
    /// A word outside of quotes: a keyword or a name.
    Word,
    /// White space or a comment, or a part of one.
    Blank,
    /// The end of a statement.
    Semicolon,
    /// Anything else: quoted texts and names, numbers, operators.
    Other,
}

/// A piece of a text, from `start` to `end` in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub kind: PieceKind,
    /// Where it begins.
    pub start: usize,
    /// Where it has ended.
    pub end: usize,
}

/// Where the scanner is: between pieces, or within something that has not ended yet.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Between,
    /// In quotes of this kind, in which a backslash escapes or does not.
    Quoted {
        quote: char,
        escapes: bool,
    },
    /// In a dollar quote that ends with this.
    Dollar(String),
    LineComment,
    /// In comments, so many deep.
    BlockComment(usize),
}

/// Reads a text piece by piece. The same text, with more at its end, is given to each call.
#[derive(Debug, Clone)]
pub struct Scanner {
    at: usize,
    state: State,
    /// Whether the piece before was the word `E`, after which quotes have escapes.
    after_e: bool,
}

impl Default for Scanner {
    fn default() -> Self {
        Self { at: 0, state: State::Between, after_e: false }
    }
}

impl Scanner {
    /// Whether something that was begun has not ended: a text, a name or a comment of several lines.
    pub fn is_within(&self) -> bool {
        !matches!(self.state, State::Between | State::LineComment)
    }

    /// Whether it stands between two pieces, at the end of what it has read.
    pub fn is_between(&self) -> bool {
        self.state == State::Between
    }

    /// How much of the text it has read, in bytes.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Takes note that the text's first `bytes` are gone.
    pub fn forget(&mut self, bytes: usize) {
        self.at = self.at.saturating_sub(bytes);
    }

    /// The next piece; none when there is no more of `text` than was read.
    pub fn next(&mut self, text: &str) -> Option<Piece> {
        let rest = text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let start = self.at;
        let after_e = std::mem::take(&mut self.after_e);
        let (kind, length) = match self.state.clone() {
            State::Between => self.begin(rest, text[..start].chars().next_back(), after_e),
            State::Quoted { quote, escapes } => (PieceKind::Other, self.quoted(rest, quote, escapes)),
            State::Dollar(end) => (PieceKind::Other, self.until(rest, &end)),
            State::LineComment => (PieceKind::Blank, self.until(rest, "\n")),
            State::BlockComment(depth) => (PieceKind::Blank, self.comment(rest, depth)),
        };
        self.at += length;
        Some(Piece { kind, start, end: self.at })
    }

    fn begin(&mut self, rest: &str, before: Option<char>, after_e: bool) -> (PieceKind, usize) {
        let first = rest.chars().next().unwrap_or_default();
        if first.is_whitespace() {
            return (PieceKind::Blank, rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len()));
        }
        if let Some(comment) = rest.strip_prefix("--") {
            self.state = State::LineComment;
            return (PieceKind::Blank, 2 + self.until(comment, "\n"));
        }
        if let Some(comment) = rest.strip_prefix("/*") {
            self.state = State::BlockComment(1);
            return (PieceKind::Blank, 2 + self.comment(comment, 1));
        }
        if matches!(first, '\'' | '"') {
            let escapes = first == '\'' && after_e;
            self.state = State::Quoted { quote: first, escapes };
            return (PieceKind::Other, 1 + self.quoted(&rest[1..], first, escapes));
        }
        if first == '$'
            && !before.is_some_and(is_of_word)
            && let Some(tag) = dollar_tag(rest)
        {
            self.state = State::Dollar(tag.to_owned());
            return (PieceKind::Other, tag.len() + self.until(&rest[tag.len()..], tag));
        }
        if first == ';' {
            return (PieceKind::Semicolon, 1);
        }
        if first.is_alphabetic() || first == '_' {
            let length = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
            self.after_e = rest[..length].eq_ignore_ascii_case("e");
            return (PieceKind::Word, length);
        }
        (PieceKind::Other, first.len_utf8())
    }

    /// How much of `rest` belongs to what ends with `end`, which may not be there yet.
    fn until(&mut self, rest: &str, end: &str) -> usize {
        match rest.find(end) {
            Some(at) => {
                self.state = State::Between;
                at + end.len()
            }
            None => rest.len(),
        }
    }

    /// The same of what is quoted. A quote twice is a quote; that works by itself, since the second begins a new text.
    fn quoted(&mut self, rest: &str, quote: char, escapes: bool) -> usize {
        let mut characters = rest.char_indices();
        while let Some((at, character)) = characters.next() {
            if escapes && character == '\\' {
                characters.next();
            } else if character == quote {
                self.state = State::Between;
                // The text goes on behind a doubled quote as it began.
                self.after_e = escapes && rest[at + 1..].starts_with(quote);
                return at + 1;
            }
        }
        rest.len()
    }

    /// The same of comments, which nest.
    fn comment(&mut self, rest: &str, mut depth: usize) -> usize {
        let bytes = rest.as_bytes();
        let mut at = 0;
        while let Some(pair) = bytes.get(at..at + 2) {
            match pair {
                b"/*" => depth += 1,
                b"*/" => depth -= 1,
                _ => {
                    at += 1;
                    continue;
                }
            }
            at += 2;
            if depth == 0 {
                self.state = State::Between;
                return at;
            }
        }
        self.state = State::BlockComment(depth);
        rest.len()
    }
}

/// What a dollar quote begins with, and ends with.
fn dollar_tag(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('$')?;
    let length = inner.find('$')?;
    let tag = &inner[..length];
    let is_tag = !tag.starts_with(|c: char| c.is_ascii_digit()) && tag.chars().all(|c| c.is_alphanumeric() || c == '_');
    is_tag.then(|| &text[..length + 2])
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The texts of all pieces that are no blanks.
    fn pieces(text: &str) -> Vec<&str> {
        let mut scanner = Scanner::default();
        let mut found = Vec::new();
        while let Some(piece) = scanner.next(text) {
            if piece.kind != PieceKind::Blank {
                found.push(&text[piece.start..piece.end]);
            }
        }
        found
    }

    fn within(text: &str) -> bool {
        let mut scanner = Scanner::default();
        while scanner.next(text).is_some() {}
        scanner.is_within()
    }

    #[test]
    fn quotes_and_comments_hide_what_stands_in_them() {
        assert_eq!(pieces("SELECT 'a;b';"), ["SELECT", "'a;b'", ";"]);
        assert_eq!(pieces("'it''s;'"), ["'it'", "'s;'"]);
        assert_eq!(pieces("\"a;\"\"b\""), ["\"a;\"", "\"b\""]);
        assert_eq!(pieces("x -- ; '\ny"), ["x", "y"]);
        assert_eq!(pieces("x /* ; /* ' */ ; */ y"), ["x", "y"]);
        assert_eq!(pieces("$$;'$$ $a$ $$ ; $b$ $a$"), ["$$;'$$", "$a$ $$ ; $b$ $a$"]);
        assert_eq!(pieces("E'\\';' e'''\\';' x"), ["E", "'\\';'", "e", "''", "'\\';'", "x"]);
        assert_eq!(pieces("'\\' x"), ["'\\'", "x"]);
    }

    #[test]
    fn dollars_in_names_and_parameters_quote_nothing() {
        assert_eq!(pieces("a$b$ ;"), ["a$b$", ";"]);
        assert_eq!(pieces("$1 + $2;"), ["$", "1", "+", "$", "2", ";"]);
    }

    #[test]
    fn what_has_not_ended_goes_on_in_more_text() {
        for open in ["'a", "\"a", "$$ a", "/* /* */", "E'\\'"] {
            assert!(within(open), "{open}");
        }
        for closed in ["'a'", "-- a", "a", "/* */", ""] {
            assert!(!within(closed), "{closed}");
        }
        let mut scanner = Scanner::default();
        while scanner.next("'a;\n").is_some() {}
        let rest = scanner.next("'a;\nb' ;").unwrap();
        assert_eq!((rest.kind, rest.start, rest.end), (PieceKind::Other, 4, 6));
    }

    proptest! {
        #[test]
        fn pieces_cover_the_text_without_gaps(text in "[a-eE'\"$;/*\\-\n é1]{0,40}") {
            let mut scanner = Scanner::default();
            let mut at = 0;
            while let Some(piece) = scanner.next(&text) {
                prop_assert!(piece.start == at && piece.end > at);
                prop_assert!(text.is_char_boundary(piece.end));
                at = piece.end;
            }
            prop_assert_eq!(at, text.len());
        }

        #[test]
        fn statements_end_at_the_same_places_when_the_text_comes_line_by_line(text in "[aE'\"$;/*\\-\n ]{0,40}") {
            let ends = |chunks: Vec<String>| {
                let (mut scanner, mut text, mut found) = (Scanner::default(), String::new(), Vec::new());
                for chunk in chunks {
                    text.push_str(&chunk);
                    while let Some(piece) = scanner.next(&text) {
                        if piece.kind == PieceKind::Semicolon {
                            found.push(piece.start);
                        }
                    }
                }
                found
            };
            // A dollar quote's tag is on one line.
            prop_assume!(!text.contains('$'));
            let lines = text.split_inclusive('\n').map(str::to_owned).collect();
            prop_assert_eq!(ends(vec![text.clone()]), ends(lines));
        }
    }
}
