//! What Tab completes: keywords, the names of tables and of their columns, and the shell's own commands.

use std::time::Duration;

use parking_lot::Mutex;
use std::sync::Arc;
use tokio::runtime::Handle;

use super::commands::COMMANDS;
use crate::client::{Operation, PieceKind, Scanner, Session, Table};

/// How long somebody who presses Tab waits for the server.
const PATIENCE: Duration = Duration::from_secs(2);

const KEYWORDS: [&str; 92] = [
    "ALTER",
    "ANALYZE",
    "AND",
    "ANTI",
    "AS",
    "ASC",
    "ASOF",
    "ATTACH",
    "BEGIN",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CHECKPOINT",
    "COLUMN",
    "COMMIT",
    "COPY",
    "CREATE",
    "CROSS",
    "DATABASE",
    "DEFAULT",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DETACH",
    "DISTINCT",
    "DROP",
    "ELSE",
    "END",
    "EXCEPT",
    "EXCLUDE",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FILTER",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "IF",
    "ILIKE",
    "IN",
    "INDEX",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "MACRO",
    "NATURAL",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "PIVOT",
    "PRAGMA",
    "QUALIFY",
    "REPLACE",
    "RETURNING",
    "RIGHT",
    "ROLLBACK",
    "SAMPLE",
    "SCHEMA",
    "SELECT",
    "SEMI",
    "SEQUENCE",
    "SET",
    "SHOW",
    "SUMMARIZE",
    "TABLE",
    "TEMP",
    "THEN",
    "TRUE",
    "TYPE",
    "UNION",
    "UPDATE",
    "USE",
    "USING",
    "VALUES",
    "VIEW",
    "WHERE",
    "WITH",
];

/// Knows the names there are.
pub(super) struct Completion {
    session: Arc<Session>,
    runtime: Handle,
    tables: Mutex<Option<Vec<Table>>>,
}

impl Completion {
    pub(super) fn new(session: Arc<Session>, runtime: Handle) -> Self {
        Self { session, runtime, tables: Mutex::new(None) }
    }

    /// The tables may be others now.
    pub(super) fn forget(&mut self, session: &Arc<Session>) {
        self.session = Arc::clone(session);
        *self.tables.lock() = None;
    }

    /// What may stand at the end of `text`, and where it begins.
    pub(super) fn complete(&self, text: &str) -> (usize, Vec<String>) {
        if text.starts_with('\\') && !text.contains(char::is_whitespace) {
            let names = COMMANDS.iter().filter_map(|(usage, _)| usage.split(' ').next());
            return (0, names.filter(|name| name.starts_with(text)).map(str::to_owned).collect());
        }
        let Some(start) = word(text) else { return (text.len(), Vec::new()) };
        let tables = self.tables();
        (start, candidates(text, start, &tables))
    }

    /// The tables, asked for if they are not known. Without them there is less to complete, and nothing to complain of.
    fn tables(&self) -> Vec<Table> {
        if let Some(tables) = self.tables.lock().clone() {
            return tables;
        }
        let operation = Operation::new(PATIENCE);
        let asked = async { tokio::time::timeout(PATIENCE, self.session.tables(&operation)).await };
        let Ok(Ok(tables)) = self.runtime.block_on(asked) else { return Vec::new() };
        *self.tables.lock() = Some(tables.clone());
        tables
    }
}

/// Where the word at the end of a text begins; nothing within quotes and comments.
fn word(text: &str) -> Option<usize> {
    let mut scanner = Scanner::default();
    let mut last = None;
    while let Some(piece) = scanner.next(text) {
        last = Some(piece);
    }
    if scanner.is_within() || !scanner.is_between() {
        return None;
    }
    // Parts of a qualified name are completed together.
    let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    match last {
        Some(piece) if piece.kind == PieceKind::Word || text[piece.start..].starts_with('.') => {
            Some(text.trim_end_matches(is_of_name).len())
        }
        _ => Some(text.len()),
    }
}

fn candidates(text: &str, start: usize, tables: &[Table]) -> Vec<String> {
    let typed = &text[start..];
    let is_typed = |name: &str| {
        name.get(..typed.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(typed))
            && name.len() > typed.len()
    };
    let mut found: Vec<String> = Vec::new();
    if let Some((qualifier, _)) = typed.rsplit_once('.') {
        for table in tables {
            let names = [&table.catalog, &table.schema, &table.name].map(|name| quoted(name));
            let qualified = [format!("{}.{}", names[1], names[2]), format!("{}.{}.{}", names[0], names[1], names[2])];
            found.extend(qualified.into_iter().filter(|name| is_typed(name)));
            if names[2].eq_ignore_ascii_case(qualifier) {
                let columns = table.columns.iter().map(|(column, _)| format!("{}.{}", qualifier, quoted(column)));
                found.extend(columns.filter(|name| is_typed(name)));
            }
        }
    } else {
        found.extend(tables.iter().map(|table| quoted(&table.name)).filter(|name| is_typed(name)));
        let lower = text[..start].to_lowercase();
        let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        for table in tables.iter().filter(|table| words.contains(&table.name.to_lowercase().as_str())) {
            found.extend(table.columns.iter().map(|(column, _)| quoted(column)).filter(|name| is_typed(name)));
        }
        if !typed.is_empty() {
            // Keywords as they are being typed.
            let is_lower = typed.chars().all(|c| !c.is_uppercase());
            let keyword = |word: &&str| if is_lower { word.to_lowercase() } else { (*word).to_owned() };
            found.extend(KEYWORDS.iter().filter(|word| is_typed(word)).map(keyword));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// A name as SQL wants it.
fn quoted(name: &str) -> String {
    let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !KEYWORDS.iter().any(|word| word.eq_ignore_ascii_case(name))
        && !name.is_empty();
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(text: &str) -> Vec<String> {
        let table = |name: &str, columns: &[&str]| Table {
            catalog: "pintail".into(),
            schema: "main".into(),
            name: name.into(),
            kind: "BASE TABLE".into(),
            columns: columns.iter().map(|column| ((*column).to_owned(), None)).collect(),
        };
        let tables = [table("flights", &["carrier", "Dest City"]), table("order", &["id"])];
        word(text).map(|start| candidates(text, start, &tables)).unwrap_or_default()
    }

    #[test]
    fn keywords_follow_what_is_typed() {
        assert_eq!(completed("SEL"), ["SELECT"]);
        assert_eq!(completed("sel"), ["select"]);
        assert_eq!(completed("SELECT 1 FR"), ["FROM"]);
    }

    #[test]
    fn names_are_those_that_fit_the_place() {
        assert_eq!(completed("FROM fl"), ["flights"]);
        assert_eq!(completed("FROM flights WHERE car"), ["carrier"]);
        assert!(completed("WHERE car").is_empty(), "no table with such a column is in the statement");
        assert_eq!(completed("FROM flights WHERE flights.ca"), ["flights.carrier"]);
        assert_eq!(completed("FROM flights WHERE flights."), ["flights.\"Dest City\"", "flights.carrier"]);
        assert_eq!(completed("FROM main."), ["main.\"order\"", "main.flights"]);
    }

    #[test]
    fn nothing_is_completed_in_quotes_and_comments() {
        for text in ["'fl", "\"fl", "-- fl", "/* fl"] {
            assert!(completed(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn keywords_are_in_order_and_once() {
        assert!(KEYWORDS.is_sorted_by(|one, next| one < next));
    }
}
