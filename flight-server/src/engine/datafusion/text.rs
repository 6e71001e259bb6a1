//! A text cut into its statements, each parsed by itself.

use std::ops::Range;

use datafusion::common::DataFusionError;
use datafusion::config::ConfigOptions;
use datafusion::sql::parser::{DFParserBuilder, Statement as Parsed};
use datafusion::sql::sqlparser::ast::Statement as Sql;
use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::dialect::{DuckDbSyntax, write_as_meant};
use super::errors::failed;
use crate::error::{Error, Result};

/// One statement of a text.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// What it is. Its `?` are numbered.
    pub(super) parsed: Parsed,
    /// Its own part of the text.
    pub(super) text: String,
    /// The parameters it has, as it names them: `$1`, `$2`, … or `$name` in the order they come in.
    pub(super) parameters: Vec<String>,
}

/// The statements of `sql`, in order.
///
/// # Errors
/// 42601 where one can't be parsed, or there is none.
pub(super) fn pieces(sql: &str, options: &ConfigOptions) -> Result<Vec<Piece>> {
    let dialect = DuckDbSyntax;
    let tokens = Tokenizer::new(&dialect, sql)
        .tokenize_with_location()
        .map_err(|error| syntax(sql, &error.message, Some(error.location)))?;
    let mut pieces = Vec::new();
    for tokens in tokens.split(|token| token.token == Token::SemiColon) {
        let is_empty = tokens.iter().all(|token| matches!(token.token, Token::Whitespace(_) | Token::EOF));
        if !is_empty {
            pieces.push(piece(sql, tokens, &dialect, options.sql_parser.recursion_limit)?);
        }
    }
    if pieces.is_empty() {
        return Err(failed("42601", "the text holds no statement; send one"));
    }
    Ok(pieces)
}

fn piece(sql: &str, tokens: &[TokenWithSpan], dialect: &dyn Dialect, recursion_limit: usize) -> Result<Piece> {
    let text = sql.get(extent(sql, tokens)).unwrap_or_default().trim().to_owned();
    let mut tokens = tokens.to_vec();
    let parameters = number_parameters(&mut tokens)?;
    let mut parser = DFParserBuilder::new(tokens)
        .with_dialect(dialect)
        .with_recursion_limit(recursion_limit)
        .build()
        .map_err(Error::from)?;
    let mut parsed = parser.parse_statements().map_err(|error| match error.find_root() {
        DataFusionError::SQL(parser, _) => parse_failure(sql, parser),
        _ => Error::from(error),
    })?;
    match (parsed.pop_front(), parsed.is_empty()) {
        (Some(mut parsed), true) => {
            write_as_meant(&mut parsed)?;
            // Those of a statement that is prepared are bound when that is executed.
            let prepares = matches!(&parsed, Parsed::Statement(sql) if matches!(&**sql, Sql::Prepare { .. }));
            Ok(Piece { parsed, text, parameters: if prepares { Vec::new() } else { parameters } })
        }
        _ => Err(failed("42601", format!("\"{text}\" is no single statement"))),
    }
}

fn extent(sql: &str, tokens: &[TokenWithSpan]) -> Range<usize> {
    let start = tokens.first().and_then(|token| offset(sql, token.span.start)).unwrap_or(0);
    let end = tokens.last().and_then(|token| offset(sql, token.span.end)).unwrap_or(sql.len());
    start..end
}

/// Gives every `?` its number, and tells the parameters.
fn number_parameters(tokens: &mut [TokenWithSpan]) -> Result<Vec<String>> {
    let mut named: Vec<String> = Vec::new();
    let (mut unnumbered, mut highest) = (0_usize, 0_usize);
    for token in tokens {
        let Token::Placeholder(name) = &mut token.token else { continue };
        if name == "?" {
            unnumbered += 1;
            *name = format!("${unnumbered}");
        } else if let Some(number) = name.get(1..).and_then(|digits| digits.parse::<usize>().ok()) {
            highest = highest.max(number);
        } else if !named.contains(name) {
            named.push(name.clone());
        }
    }
    let kinds = [unnumbered > 0, highest > 0, !named.is_empty()];
    if kinds.iter().filter(|kind| **kind).count() > 1 {
        return Err(failed("42601", "a statement has parameters of one kind only: ?, $1 or $name"));
    }
    if highest > MOST_PARAMETERS {
        return Err(failed("42601", format!("a statement has at most {MOST_PARAMETERS} parameters")));
    }
    Ok(match kinds {
        [_, _, true] => named,
        _ => (1..=unnumbered.max(highest)).map(|number| format!("${number}")).collect(),
    })
}

/// As many as DuckDB and PostgreSQL take.
const MOST_PARAMETERS: usize = 65_535;

fn parse_failure(sql: &str, error: &ParserError) -> Error {
    let (ParserError::ParserError(message) | ParserError::TokenizerError(message)) = error else {
        return failed("54001", "the statement nests deeper than the parser goes; simplify it");
    };
    // The place is in the message only.
    let (what, place) = match message.rsplit_once(" at Line: ") {
        Some((what, place)) => (what, location(place)),
        None => (message.as_str(), None),
    };
    syntax(sql, what, place)
}

fn location(place: &str) -> Option<Location> {
    let (line, column) = place.split_once(", Column: ")?;
    Some(Location { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? })
}

fn syntax(sql: &str, what: &str, place: Option<Location>) -> Error {
    let error = failed("42601", format!("syntax error: {what}"));
    match place.and_then(|place| position(sql, place)) {
        Some(position) => error.at(position),
        None => error,
    }
}

/// A failure to plan a statement of `sql`, with its place there.
pub(super) fn located(error: DataFusionError, sql: &str) -> Error {
    let start = error.diagnostic().and_then(|told| told.span).map(|span| span.start);
    let position = start.and_then(|start| position(sql, Location { line: start.line, column: start.column }));
    let error = Error::from(error);
    match position {
        Some(position) => error.at(position),
        None => error,
    }
}

/// How many characters stand before a place.
fn position(sql: &str, place: Location) -> Option<u32> {
    let offset = offset(sql, place)?;
    u32::try_from(sql.get(..offset)?.chars().count()).ok()
}

/// How many bytes stand before a place; `None` for the place that stands for none.
fn offset(sql: &str, place: Location) -> Option<usize> {
    let line = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(place.column).ok()?.checked_sub(1)?;
    let start = match line {
        0 => 0,
        line => sql.match_indices('\n').nth(line - 1)?.0 + 1,
    };
    let rest = sql.get(start..)?;
    let within = rest.char_indices().nth(column).map_or(rest.len(), |(index, _)| index);
    Some(start + within)
}
