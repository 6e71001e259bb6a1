//! What a statement is, by DuckDB's parser, and whether a client may run it.

use std::path::{Path, PathBuf};

use duckdb::ffi as c;

use super::ffi::{CopyTarget, LogicalType, Reach, StatementType};
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

/// Refuses statements that reach beyond the session's own data: other files, code, or the whole instance. Files may be
/// written below the directories `writable`.
///
/// DuckDB's lockdown does not cover these. What the statement would do is the parser's word; where a type is allowed only in
/// part, the words of `sql` decide, skipping comments and quoted text.
pub(super) fn check_allowed(reach: &Reach, sql: &str, writable: &[PathBuf]) -> Result<()> {
    let refused = match reach.ty.0 {
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_ATTACH => "ATTACH",
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_DETACH => "DETACH",
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_LOAD => "INSTALL and LOAD",
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_UPDATE_EXTENSIONS => "UPDATE EXTENSIONS",
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_EXPORT => "EXPORT DATABASE",
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_COPY_DATABASE => "COPY FROM DATABASE",
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_PRAGMA => "this PRAGMA",
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_CREATE if mentions_secret(sql, reach.is_wrapped) => {
            "CREATE SECRET"
        }
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_DROP if mentions_secret(sql, reach.is_wrapped) => "DROP SECRET",
        c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_SET if reach.is_wrapped || sets_globally(sql) => "SET GLOBAL",
        _ => return check_target(&reach.writes, writable),
    };
    Err(Error::new(
        ErrorCode::StatementForbidden,
        format!("{refused} is not allowed here: it would reach beyond this session. The operator configures it"),
    ))
}

/// Refuses to write files anywhere but below the directories `writable`.
fn check_target(target: &CopyTarget, writable: &[PathBuf]) -> Result<()> {
    let path = match target {
        CopyTarget::None => return Ok(()),
        CopyTarget::Path(path) => path,
        CopyTarget::Computed => {
            return Err(not_writable(
                "COPY TO takes the name of its file, or FILENAME_PATTERN, only as plain text here",
            ));
        }
    };
    match real_target(path) {
        Some(real) if writable.iter().any(|directory| real.starts_with(directory)) => Ok(()),
        _ => Err(not_writable(&format!("COPY TO may not write to {path:?}"))),
    }
}

fn not_writable(what: &str) -> Error {
    Error::new(
        ErrorCode::StatementForbidden,
        format!("{what}; it may write below the directories that the operator opens with --allow-writes"),
    )
}

/// Where a file of that name would really be, as DuckDB reads the name; `None` where it can't be told, or is elsewhere than
/// in the file system.
fn real_target(path: &str) -> Option<PathBuf> {
    // DuckDB reads these as the home directory, and as URLs.
    if path.starts_with('~') || path.contains("://") || path.to_ascii_lowercase().starts_with("file:") {
        return None;
    }
    let path = Path::new(path);
    // What is there already may be a link to elsewhere.
    if path.symlink_metadata().is_ok() {
        return path.canonicalize().ok();
    }
    let parent = match path.parent()? {
        here if here.as_os_str().is_empty() => Path::new("."),
        parent => parent,
    };
    Some(parent.canonicalize().ok()?.join(path.file_name()?))
}

/// Whether one of the statements in `sql` creates or drops a secret: the word comes before any name does. Within what wraps
/// them, it may come anywhere.
fn mentions_secret(sql: &str, is_wrapped: bool) -> bool {
    const BEFORE: [&str; 9] = ["CREATE", "DROP", "OR", "REPLACE", "PERSISTENT", "TEMPORARY", "TEMP", "IF", "EXISTS"];
    statements(sql).iter().any(|words| {
        if is_wrapped {
            return words.iter().any(|word| word == "SECRET");
        }
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
/// it RETURNs rows; one that returns a column of that name and type cannot be told by the columns, so its text is asked. The
/// text alone is asked where no `columns` are known.
pub(super) fn is_update(ty: StatementType, columns: Option<&[(String, LogicalType)]>, sql: &str) -> bool {
    match kind(ty) {
        StatementKind::Read => false,
        StatementKind::Definition | StatementKind::Transaction | StatementKind::Setting => true,
        StatementKind::Write => columns.is_none_or(is_report) && !sql.to_ascii_uppercase().contains("RETURNING"),
        StatementKind::Other => matches!(
            ty.0,
            c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_ANALYZE
                | c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_VACUUM
                | c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_PREPARE
        ),
    }
}

/// Whether it inserts rows.
pub(super) fn is_insert(ty: StatementType) -> bool {
    ty.0 == c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_INSERT
}

/// Whether it calls a function by CALL.
pub(super) fn is_call(ty: StatementType) -> bool {
    ty.0 == c::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_CALL
}

/// Whether these are the columns of DuckDB's own report of changed rows.
pub(super) fn is_report(columns: &[(String, LogicalType)]) -> bool {
    matches!(columns, [(name, ty)] if name == "Count" && ty.sql_type() == Some(typemap::SqlType::BigInt))
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
            assert!(mentions_secret(sql, false), "{sql}");
        }
        for sql in ["CREATE TABLE secret (a INT)", "DROP TABLE \"SECRET\"", "CREATE VIEW v AS SELECT 'SECRET'"] {
            assert!(!mentions_secret(sql, false), "{sql}");
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
    fn unfinished_quotes_and_comments_end_with_the_text() {
        for sql in ["'", "\"abc", "/* ", "--", "é'é"] {
            assert!(!mentions_secret(sql, false));
        }
    }
}
