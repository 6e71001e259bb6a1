//! Reads a type from its SQL name.

use std::str::FromStr;

use crate::token::{Token, TokenKind, tokens};
use crate::type_name::{self, TypeName};
use crate::{MAX_ARRAY_SIZE, MAX_DECIMAL_PRECISION, MAX_DEPTH, SqlType};

/// How much of the text the message shows, in characters.
const EXCERPT: usize = 24;

/// A text that is not a type, and where that shows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a SQL type: {problem}, at character {position}, {place}")]
pub struct ParseError {
    /// Offset of the offending character, in characters from zero.
    pub position: usize,
    problem: String,
    place: String,
}

impl ParseError {
    /// An error at the byte offset `at` of `text`, which must lie on a character boundary.
    pub(crate) fn new(text: &str, at: usize, problem: String) -> ParseError {
        let rest = &text[at..];
        let place = if rest.is_empty() {
            "where the text ends".to_owned()
        } else {
            let shown: String = rest.chars().take(EXCERPT).collect();
            let more = if shown.len() < rest.len() { "…" } else { "" };
            format!("where it says `{shown}{more}`")
        };
        ParseError { position: text[..at].chars().count(), problem, place }
    }
}

impl FromStr for SqlType {
    type Err = ParseError;

    /// Reads any name DuckDB reads for a built-in type, in any case, and a bare `NULL`. Takes time linear in the text.
    ///
    /// # Errors
    ///
    /// The text is not a type, names one that is not built in, has parameters out of range, or nests deeper than
    /// [`MAX_DEPTH`].
    fn from_str(text: &str) -> Result<SqlType, ParseError> {
        let mut parser = Parser { text, tokens: tokens(text)?, next: 0 };
        let (ty, _) = parser.sql_type(0)?;
        match parser.peek() {
            TokenKind::End => Ok(ty),
            _ => Err(parser.error("there is more after the type")),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    /// Ends with [`TokenKind::End`], which is never stepped over.
    tokens: Vec<Token<'a>>,
    next: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> &TokenKind<'a> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &TokenKind<'a> {
        self.tokens.get(self.next + ahead).map_or(&TokenKind::End, |token| &token.kind)
    }

    fn here(&self) -> usize {
        self.tokens.get(self.next).map_or(self.text.len(), |token| token.at)
    }

    fn step(&mut self) {
        if *self.peek() != TokenKind::End {
            self.next += 1;
        }
    }

    fn error(&self, problem: impl Into<String>) -> ParseError {
        self.error_at(self.here(), problem)
    }

    fn error_at(&self, at: usize, problem: impl Into<String>) -> ParseError {
        ParseError::new(self.text, at, problem.into())
    }

    fn eat(&mut self, c: char) -> bool {
        let found = *self.peek() == TokenKind::Punctuation(c);
        if found {
            self.step();
        }
        found
    }

    fn expect(&mut self, c: char) -> Result<(), ParseError> {
        if self.eat(c) { Ok(()) } else { Err(self.error(format!("expected `{c}`"))) }
    }

    fn at_word(&self, ahead: usize, word: &str) -> bool {
        matches!(self.peek_at(ahead), TokenKind::Word(found) if found.eq_ignore_ascii_case(word))
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.at_word(0, word);
        if found {
            self.step();
        }
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<(), ParseError> {
        if self.eat_word(word) { Ok(()) } else { Err(self.error(format!("expected {word}"))) }
    }

    /// Reads a type that stands inside `outer` others, and tells how many levels it has itself.
    fn sql_type(&mut self, outer: usize) -> Result<(SqlType, usize), ParseError> {
        if outer >= MAX_DEPTH {
            return Err(self.error(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let (mut ty, mut levels) = self.base_type(outer)?;
        let array_word = self.at_word(0, "ARRAY");
        if array_word {
            self.step();
            if *self.peek() != TokenKind::Punctuation('[') {
                self.check_levels(outer + levels + 1)?;
                return Ok((SqlType::List(Box::new(ty)), levels + 1));
            }
        }
        while *self.peek() == TokenKind::Punctuation('[') {
            levels += 1;
            self.check_levels(outer + levels)?;
            self.step();
            ty = if self.eat(']') {
                SqlType::List(Box::new(ty))
            } else {
                let size = self.number(1, MAX_ARRAY_SIZE)?;
                self.expect(']')?;
                SqlType::Array(Box::new(ty), size)
            };
            if array_word {
                break;
            }
        }
        Ok((ty, levels))
    }

    fn check_levels(&self, levels: usize) -> Result<(), ParseError> {
        if levels > MAX_DEPTH { Err(self.error(format!("nested deeper than {MAX_DEPTH} levels"))) } else { Ok(()) }
    }

    /// Reads a type up to where `[]` could follow.
    fn base_type(&mut self, outer: usize) -> Result<(SqlType, usize), ParseError> {
        let found = match self.peek() {
            TokenKind::Word(name) => type_name::find(name),
            TokenKind::Quoted(name) => type_name::find(name),
            _ => return Err(self.error("expected a type")),
        };
        let Some(name) = found else {
            return Err(self.error("no built-in type has this name"));
        };
        self.step();
        let scalar = match name {
            TypeName::Enum => SqlType::Enum(self.enum_values()?),
            TypeName::Geometry => SqlType::Geometry { crs: self.geometry_crs()? },
            TypeName::Decimal => self.decimal()?,
            TypeName::Struct => return self.struct_fields(outer),
            TypeName::Map => return self.map(outer),
            TypeName::Union => {
                self.expect('(')?;
                let (members, levels) = self.named_members(outer)?;
                return Ok((SqlType::Union(members), levels + 1));
            }
            other => self.scalar(other)?,
        };
        if *self.peek() == TokenKind::Punctuation('(') {
            return Err(self.error("this type takes no parameters, or not here"));
        }
        Ok((scalar, 1))
    }

    /// Reads what may follow the name of a type without children, bar the ones with a reader of their own.
    fn scalar(&mut self, name: TypeName) -> Result<SqlType, ParseError> {
        Ok(match name {
            TypeName::Plain(plain) => plain.into(),
            TypeName::Bit => {
                self.optional_number(0, u32::MAX)?;
                SqlType::Bit
            }
            TypeName::National => {
                if !self.eat_word("CHARACTER") {
                    self.expect_word("CHAR")?;
                }
                self.scalar(TypeName::Character)?
            }
            TypeName::Character => {
                self.eat_word("VARYING");
                self.scalar(TypeName::Text)?
            }
            TypeName::Double => {
                self.eat_word("PRECISION");
                SqlType::Double
            }
            TypeName::Float => match self.optional_number(1, 53)? {
                Some(bits) if bits > 24 => SqlType::Double,
                _ => SqlType::Float,
            },
            TypeName::Time => {
                if self.time_zone()? {
                    SqlType::TimeTz
                } else {
                    SqlType::Time
                }
            }
            TypeName::Timestamp => {
                let precision = self.optional_number(0, 9)?;
                let zone = self.here();
                match (self.time_zone()?, precision) {
                    (true, None) => SqlType::TimestampTz,
                    (true, Some(_)) => return Err(self.error_at(zone, "a TIMESTAMP with a precision has no zone")),
                    (false, precision) => timestamp(precision),
                }
            }
            TypeName::Datetime => timestamp(self.optional_number(0, 9)?),
            TypeName::Interval => {
                self.interval_units()?;
                SqlType::Interval
            }
            // What is left is text, or has a reader of its own and does not come here.
            _ => {
                self.optional_number(0, u32::MAX)?;
                SqlType::Varchar
            }
        })
    }

    /// Reads `WITH TIME ZONE` or `WITHOUT TIME ZONE` if either is there, and whether it was the first.
    fn time_zone(&mut self) -> Result<bool, ParseError> {
        let with = self.eat_word("WITH");
        if with || self.eat_word("WITHOUT") {
            self.expect_word("TIME")?;
            self.expect_word("ZONE")?;
        }
        Ok(with)
    }

    fn interval_units(&mut self) -> Result<(), ParseError> {
        let is_unit = |kind: &TokenKind| matches!(kind, TokenKind::Word(word) if type_name::is_interval_unit(word));
        if is_unit(self.peek()) {
            self.step();
            if self.eat_word("TO") {
                if !is_unit(self.peek()) {
                    return Err(self.error("expected a unit of time"));
                }
                self.step();
            }
        }
        Ok(())
    }

    fn number(&mut self, least: u32, most: u32) -> Result<u32, ParseError> {
        let TokenKind::Number(digits) = self.peek() else {
            return Err(self.error("expected a number"));
        };
        match digits.parse::<u32>() {
            Ok(number) if (least..=most).contains(&number) => {
                self.step();
                Ok(number)
            }
            _ => Err(self.error(format!("expected a number from {least} to {most}"))),
        }
    }

    fn optional_number(&mut self, least: u32, most: u32) -> Result<Option<u32>, ParseError> {
        if !self.eat('(') {
            return Ok(None);
        }
        let number = self.number(least, most)?;
        self.expect(')')?;
        Ok(Some(number))
    }

    fn decimal(&mut self) -> Result<SqlType, ParseError> {
        if !self.eat('(') || self.eat(')') {
            return Ok(SqlType::Decimal { precision: 18, scale: 3 });
        }
        let precision = self.number(1, u32::from(MAX_DECIMAL_PRECISION))?;
        let scale = if self.eat(',') { self.number(0, precision)? } else { 0 };
        self.expect(')')?;
        // Both are at most MAX_DECIMAL_PRECISION, so neither cast can cut.
        Ok(SqlType::Decimal { precision: precision as u8, scale: scale as u8 })
    }

    fn enum_values(&mut self) -> Result<Vec<String>, ParseError> {
        self.expect('(')?;
        let mut values = Vec::new();
        loop {
            values.push(self.quoted_text()?);
            if !self.eat(',') {
                self.expect(')')?;
                return Ok(values);
            }
        }
    }

    fn geometry_crs(&mut self) -> Result<Option<String>, ParseError> {
        if !self.eat('(') || self.eat(')') {
            return Ok(None);
        }
        let crs = self.quoted_text()?;
        self.expect(')')?;
        Ok(Some(crs))
    }

    fn quoted_text(&mut self) -> Result<String, ParseError> {
        let TokenKind::Text(text) = self.peek() else {
            return Err(self.error("expected a text in single quotes"));
        };
        let text = text.clone();
        self.step();
        Ok(text)
    }

    fn map(&mut self, outer: usize) -> Result<(SqlType, usize), ParseError> {
        self.expect('(')?;
        let (key, key_levels) = self.sql_type(outer + 1)?;
        self.expect(',')?;
        let (value, value_levels) = self.sql_type(outer + 1)?;
        self.expect(')')?;
        Ok((SqlType::Map(Box::new(key), Box::new(value)), key_levels.max(value_levels) + 1))
    }

    fn struct_fields(&mut self, outer: usize) -> Result<(SqlType, usize), ParseError> {
        self.expect('(')?;
        let (fields, levels) =
            if self.at_unnamed_field() { self.unnamed_fields(outer)? } else { self.named_members(outer)? };
        Ok((SqlType::Struct(fields), levels + 1))
    }

    /// Whether a type comes next, and not a name and its type: a name is followed by a word, a type is not, except
    /// that `TIME` and `TIMESTAMP` may be followed by a zone.
    fn at_unnamed_field(&self) -> bool {
        match (self.peek(), self.peek_at(1)) {
            (TokenKind::Word(first), TokenKind::Word(second)) => {
                matches!(type_name::find(first), Some(TypeName::Time | TypeName::Timestamp))
                    && (second.eq_ignore_ascii_case("WITH") || second.eq_ignore_ascii_case("WITHOUT"))
            }
            (TokenKind::Word(_) | TokenKind::Quoted(_), second) => matches!(second, TokenKind::Punctuation(_)),
            _ => false,
        }
    }

    /// Reads the fields of the type of `row(1, 2)`, which are types alone; each gets the empty name.
    fn unnamed_fields(&mut self, outer: usize) -> Result<(Vec<(String, SqlType)>, usize), ParseError> {
        let mut fields = Vec::new();
        let mut most_levels = 0;
        loop {
            let (ty, levels) = self.sql_type(outer + 1)?;
            most_levels = most_levels.max(levels);
            fields.push((String::new(), ty));
            if !self.eat(',') {
                self.expect(')')?;
                return Ok((fields, most_levels));
            }
        }
    }

    fn named_members(&mut self, outer: usize) -> Result<(Vec<(String, SqlType)>, usize), ParseError> {
        let mut members = Vec::new();
        let mut most_levels = 0;
        loop {
            let name = match self.peek() {
                TokenKind::Word(name) => (*name).to_owned(),
                TokenKind::Quoted(name) => name.clone(),
                _ => return Err(self.error("expected a name")),
            };
            self.step();
            let (ty, levels) = self.sql_type(outer + 1)?;
            most_levels = most_levels.max(levels);
            members.push((name, ty));
            if !self.eat(',') {
                self.expect(')')?;
                return Ok((members, most_levels));
            }
        }
    }
}

/// The timestamp type that holds `precision` digits after the second.
fn timestamp(precision: Option<u32>) -> SqlType {
    match precision {
        Some(0) => SqlType::TimestampS,
        Some(1..=3) => SqlType::TimestampMs,
        Some(7..) => SqlType::TimestampNs,
        _ => SqlType::Timestamp,
    }
}
