//! What the text of a statement says of what it does: as much as the client has to know before it is sent.
//!
//! What is not recognised is taken for a write. That does no harm: a write is only repeated less freely.

use super::scanner::{PieceKind, Scanner};

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementKind {
    /// It only reads, so that it can be run again.
    Read,
    /// It sets something of the session.
    Session,
    /// It begins a transaction.
    Begin,
    /// It ends a transaction, and what was done in it stays.
    Commit,
    /// It ends a transaction, and what was done in it is undone.
    RollBack,
    /// It may change data.
    Write,
}

const READS: [&str; 11] =
    ["select", "from", "values", "table", "describe", "desc", "show", "summarize", "with", "explain", "pivot"];
const MAY_CHANGE: [&str; 2] = ["with", "explain"];
const CHANGES: [&str; 9] = ["insert", "update", "delete", "merge", "truncate", "create", "drop", "alter", "analyze"];
const SETS: [&str; 12] = [
    "set",
    "reset",
    "use",
    "pragma",
    "load",
    "install",
    "attach",
    "detach",
    "checkpoint",
    "prepare",
    "deallocate",
    "savepoint",
];

/// What a statement's text says that it does.
pub fn kind(sql: &str) -> StatementKind {
    let mut scanner = Scanner::default();
    let mut first = None;
    let (mut ended, mut several, mut changes, mut begun) = (false, false, false, false);
    while let Some(piece) = scanner.next(sql) {
        let text = &sql[piece.start..piece.end];
        match piece.kind {
            PieceKind::Blank => continue,
            PieceKind::Semicolon => ended |= begun,
            // What stands before the first word: parentheses of a query.
            PieceKind::Other if !begun && text == "(" => continue,
            PieceKind::Word | PieceKind::Other => {
                several |= ended;
                let word = text.to_ascii_lowercase();
                changes |= piece.kind == PieceKind::Word && CHANGES.contains(&word.as_str());
                if !begun && piece.kind == PieceKind::Word {
                    first = Some(word);
                }
                begun = true;
            }
        }
    }
    let first = first.as_deref().unwrap_or_default();
    if several {
        return StatementKind::Write;
    }
    match first {
        "begin" | "start" => StatementKind::Begin,
        "commit" | "end" => StatementKind::Commit,
        "rollback" | "abort" => StatementKind::RollBack,
        word if SETS.contains(&word) => StatementKind::Session,
        word if MAY_CHANGE.contains(&word) && changes => StatementKind::Write,
        word if READS.contains(&word) => StatementKind::Read,
        _ => StatementKind::Write,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_says_what_a_statement_does() {
        use StatementKind::{Begin, Commit, Read, RollBack, Session, Write};
        for (sql, expected) in [
            ("SELECT 1", Read),
            ("  -- insert\n /* update */ ( ( select 1 ) )", Read),
            ("FROM t;", Read),
            ("WITH x AS (SELECT 'insert') SELECT * FROM x", Read),
            ("WITH x AS (SELECT 1) INSERT INTO t FROM x", Write),
            ("EXPLAIN SELECT 1", Read),
            ("EXPLAIN ANALYZE SELECT 1", Write),
            ("SELECT 1; DROP TABLE t", Write),
            ("SELECT 1; -- done", Read),
            ("SET x = 1", Session),
            ("BEGIN", Begin),
            ("start transaction", Begin),
            ("COMMIT;", Commit),
            ("rollback", RollBack),
            ("INSERT INTO t VALUES (1)", Write),
            ("SELEKT", Write),
            ("", Write),
            ("'select'", Write),
        ] {
            assert_eq!(kind(sql), expected, "{sql}");
        }
    }
}
