//! What a statement is, by DuckDB's parser, and whether a client may run it.

use duckdb::ffi as c;

use super::ffi::{Prepared, StatementType};
use crate::engine::StatementKind;
use crate::error::{Error, ErrorCode, Result};

/// How the server treats a statement of this type.
pub(super) fn kind(ty: StatementType) -> StatementKind {
    match ty.0 {
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_SELECT => StatementKind::Read,
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_INSERT
        | c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_UPDATE
        | c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_DELETE
        | c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_MERGE_INTO
        | c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_COPY => StatementKind::Write,
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_CREATE
        | c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_CREATE_FUNC
        | c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_ALTER
        | c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_DROP => StatementKind::Definition,
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_TRANSACTION => StatementKind::Transaction,
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_SET
        | c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_VARIABLE_SET => StatementKind::Setting,
        _ => StatementKind::Other,
    }
}

/// Refuses statements that reach beyond the session's own data: other files, code, or the whole instance.
///
/// DuckDB's lockdown does not cover these. The type is the parser's; where a type is allowed only in part, the words of
/// `sql` decide, skipping comments and quoted text.
pub(super) fn check_allowed(ty: StatementType, sql: &str) -> Result<()> {
    let refused = match ty.0 {
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_ATTACH => "ATTACH",
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_DETACH => "DETACH",
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_LOAD => "INSTALL and LOAD",
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_UPDATE_EXTENSIONS => "UPDATE EXTENSIONS",
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_EXPORT => "EXPORT DATABASE",
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_COPY_DATABASE => "COPY FROM DATABASE",
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_PRAGMA => "this PRAGMA",
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_CREATE if mentions_secret(sql) => "CREATE SECRET",
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_DROP if mentions_secret(sql) => "DROP SECRET",
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_SET if sets_globally(sql) => "SET GLOBAL",
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_COPY if copies_to_file(sql) => "COPY TO a file of the server",
        _ => return Ok(()),
    };
    Err(Error::new(
        ErrorCode::StatementForbidden,
        format!("{refused} is not allowed here: it would reach beyond this session. The operator configures it"),
    ))
}

/// Whether one of the statements in `sql` creates or drops a secret: the word comes before any name does.
fn mentions_secret(sql: &str) -> bool {
    const BEFORE: [&str; 9] = ["CREATE", "DROP", "OR", "REPLACE", "PERSISTENT", "TEMPORARY", "TEMP", "IF", "EXISTS"];
    statements(sql).iter().any(|words| {
        let mut words = words.iter().skip_while(|word| BEFORE.contains(&word.as_str()));
        words.next().is_some_and(|word| word == "SECRET")
    })
}

/// Whether one of the statements in `sql` changes a setting for all sessions.
fn sets_globally(sql: &str) -> bool {
    statements(sql).iter().any(|words| {
        let mut words = words.iter().map(String::as_str);
        matches!(words.next(), Some("SET" | "RESET")) && words.next() == Some("GLOBAL")
    })
}

/// Whether one of the statements in `sql` copies into a file: TO comes before FROM, outside of parentheses.
fn copies_to_file(sql: &str) -> bool {
    statements(sql).iter().any(|words| {
        let mut words = words.iter().map(String::as_str);
        words.next() == Some("COPY") && words.find(|word| ["TO", "FROM"].contains(word)) == Some("TO")
    })
}

/// The most words of a statement that are looked at.
const WORDS: usize = 64;

/// The first words of each statement outside of parentheses, in upper case. Comments are skipped; quoted text and quoted
/// names count as empty words.
fn statements(sql: &str) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    let mut depth = 0_usize;
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let (length, word) = if rest.starts_with("--") {
            (rest.find('\n').unwrap_or(rest.len()), None)
        } else if rest.starts_with("/*") {
            (rest.find("*/").map_or(rest.len(), |end| end + 2), None)
        } else if first == '\'' || first == '"' {
            (rest[1..].find(first).map_or(rest.len(), |end| end + 2), Some(String::new()))
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            (length, Some(rest[..length].to_ascii_uppercase()))
        } else {
            match first {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                ';' => all.push(Vec::new()),
                _ => {}
            }
            (first.len_utf8(), None)
        };
        if let (Some(word), Some(words), 0) = (word, all.last_mut(), depth)
            && words.len() < WORDS
        {
            words.push(word);
        }
        rest = &rest[length..];
    }
    all
}

/// Whether a statement answers with a number of changed rows, or nothing, rather than with rows of its own.
///
/// DuckDB tells it only after execution. Before, a statement that changes something has a single column `Count`, unless
/// it RETURNs rows; one that returns a column of that name and type cannot be told by the columns, so its text is asked.
pub(super) fn is_update(prepared: &Prepared, sql: &str) -> bool {
    let ty = prepared.statement_type();
    match kind(ty) {
        StatementKind::Read => false,
        StatementKind::Definition | StatementKind::Transaction | StatementKind::Setting => true,
        StatementKind::Write => {
            let columns = prepared.columns();
            let only_count = matches!(&columns[..], [(name, ty)]
                if name == "Count" && ty.sql_type() == Some(typemap::SqlType::BigInt));
            only_count && !sql.to_ascii_uppercase().contains("RETURNING")
        }
        StatementKind::Other => matches!(
            ty.0,
            c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_ANALYZE
                | c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_VACUUM
                | c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_PREPARE
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_wherever_their_word_stands_before_a_name() {
        for sql in [
            "CREATE SECRET s (TYPE s3)",
            "/* x */ create or replace -- y\n persistent secret if not exists s (TYPE s3)",
            "SELECT 1; DROP SECRET s",
            "drop temporary secret if exists s",
        ] {
            assert!(mentions_secret(sql), "{sql}");
        }
        for sql in ["CREATE TABLE secret (a INT)", "DROP TABLE \"SECRET\"", "CREATE VIEW v AS SELECT 'SECRET'"] {
            assert!(!mentions_secret(sql), "{sql}");
        }
    }

    #[test]
    fn global_settings_are_told_from_those_of_the_session() {
        assert!(sets_globally("set /* */ global TimeZone = 'UTC'"));
        assert!(sets_globally("SELECT 1; RESET GLOBAL TimeZone"));
        assert!(!sets_globally("SET TimeZone = 'GLOBAL'"));
        assert!(!sets_globally("SET VARIABLE global = 1"));
    }

    #[test]
    fn copies_into_files_are_told_from_copies_out_of_them() {
        for sql in
            ["COPY t TO 'x.csv'", "copy (select a from t) to 'x' (format parquet)", "SELECT 1; COPY \"from\" TO 'x'"]
        {
            assert!(copies_to_file(sql), "{sql}");
        }
        for sql in ["COPY t FROM 'to.csv'", "COPY t (\"to\", b) FROM 'x'"] {
            assert!(!copies_to_file(sql), "{sql}");
        }
    }

    #[test]
    fn unfinished_quotes_and_comments_end_with_the_text() {
        for sql in ["'", "\"abc", "/* ", "--", "é'é"] {
            assert!(!mentions_secret(sql));
        }
    }
}
