//! A session's temporary objects, and what of them goes with it to another node.
//!
//! Views, sequences, types and macros are statements, and are journaled as such; a sequence with its position. The rows of tables
//! are in the spool. A table that is not kept there ends with the node, with the views that read it; all of them are told.

use std::collections::BTreeMap;

use super::ffi::{Connection, TemporaryObject};
use super::internal;
use super::lane::{KeptTables, Spool};
use crate::engine::{RECEIPT, StateEntry, UNKEPT, mentions, quoted_identifier};
use crate::error::{Error, Result};
use crate::snapshots::NotHad;

/// What begins the keys of these objects.
const KEY: &str = "temporary ";

/// What begins those of tables, with the quote before their name: `temporary table macro` is another kind.
const TABLE: &str = "temporary table \"";

/// What a position of changes outside of the statements that define it.
const SEQUENCE: &str = "temporary sequence ";

/// Why a view is not kept.
const READS_ONE: &str = "it may read a table that is not kept";

/// The temporary objects of a connection, as entries of its state.
pub(super) fn noted(connection: &Connection, kept: &KeptTables) -> Result<BTreeMap<String, Option<String>>> {
    let mut objects = connection.temporary_objects()?;
    // They go with their tables.
    objects.retain(|object| object.kind != "index");
    let (ending, mut entries) = (ending(&objects, kept), BTreeMap::new());
    for object in &objects {
        let key = format!("{KEY}{} {}", object.kind, quoted_identifier(&object.name));
        let statement = match object.kind.as_str() {
            "table" | "view" if ending.iter().any(|name| *name == object.name) => None,
            "table" => kept.entry(&object.name),
            _ => Some(object.sql.clone()),
        };
        match statement {
            Some(statement) => entries.insert(key, Some(statement)),
            None => {
                let why = if object.kind == "table" { kept.why_not(&object.name) } else { READS_ONE };
                entries.insert(format!("{UNKEPT}{key}"), Some(why.to_owned()))
            }
        };
    }
    Ok(entries)
}

/// Whether a key is that of a temporary object.
pub(super) fn is_object(key: &str) -> bool {
    key.strip_prefix(UNKEPT).unwrap_or(key).starts_with(KEY)
}

/// Whether a key is that of a sequence.
pub(super) fn is_sequence(key: &str) -> bool {
    key.starts_with(SEQUENCE)
}

/// The names of the tables that are not kept, of the views that read them, and so on. A view whose text has such a name in it is
/// taken to read it.
fn ending<'a>(objects: &'a [TemporaryObject], kept: &KeptTables) -> Vec<&'a str> {
    let tables = objects.iter().filter(|object| object.kind == "table" && !kept.has(&object.name));
    let mut ending: Vec<&str> = tables.map(|object| object.name.as_str()).collect();
    loop {
        let also = objects.iter().find(|object| {
            object.kind == "view"
                && !ending.contains(&object.name.as_str())
                && ending.iter().any(|name| mentions(&object.sql, name))
        });
        match also {
            Some(object) => ending.push(&object.name),
            None => return ending,
        }
    }
}

/// The name in an identifier that was quoted, of which the first quote is gone.
fn unquoted(rest: &str) -> String {
    rest.strip_suffix('"').unwrap_or(rest).replace("\"\"", "\"")
}

/// Brings a connection to the state that `replay` describes: first its settings and its place, then its temporary objects, of
/// which one may need another. The keys of those that could not be made.
///
/// # Errors
/// When something else than a temporary object can't be brought about, with its key; and when the spool can't be reached, so that a
/// table may be had later.
pub(super) fn restore<'a>(
    connection: &Connection,
    replay: &'a [StateEntry],
    spool: Option<&Spool>,
    kept: &mut KeptTables,
    failed: impl Fn(&str, Error) -> Error,
) -> Result<Vec<&'a str>> {
    let statements = replay.iter().filter(|entry| !entry.key.starts_with(RECEIPT));
    let entries = || statements.clone().filter_map(|entry| entry.sql.as_ref().map(|sql| (entry.key.as_str(), sql)));
    for (key, sql) in entries().filter(|(key, _)| !key.starts_with(KEY)) {
        internal::run(connection, sql).map_err(|error| failed(key, error))?;
    }
    let mut left: Vec<_> = entries().filter(|(key, _)| key.starts_with(KEY)).collect();
    loop {
        let (before, mut away) = (left.len(), None);
        left.retain(|(key, entry)| {
            if away.is_some() {
                return true;
            }
            let made = match key.strip_prefix(TABLE) {
                Some(name) => match spool {
                    Some(spool) => kept.restore(connection, spool, &unquoted(name), entry),
                    None => Err(NotHad::ForGood(Error::internal("there is no spool"))),
                },
                None => internal::run(connection, entry).map_err(NotHad::ForGood),
            };
            match made {
                Ok(()) => return false,
                Err(NotHad::ForGood(error)) => tracing::debug!(key, %error, "not brought about yet"),
                Err(NotHad::ForNow(error)) => away = Some(error),
            }
            true
        });
        if let Some(error) = away {
            return Err(error);
        }
        if left.is_empty() || left.len() == before {
            return Ok(left.into_iter().map(|(key, _)| key).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: &str, name: &str, sql: &str) -> TemporaryObject {
        TemporaryObject { kind: kind.to_owned(), name: name.to_owned(), sql: sql.to_owned() }
    }

    #[test]
    fn what_reads_a_table_ends_with_it_however_far_away() {
        let objects = [
            object("view", "c", "CREATE TEMP VIEW c AS SELECT * FROM b"),
            object("view", "b", "CREATE TEMP VIEW b AS SELECT * FROM \"T\" WHERE x = 1"),
            object("view", "a", "CREATE TEMP VIEW a AS SELECT 1 AS tt, t_2 FROM ts"),
            object("table", "t", ""),
            object("macro", "m", "CREATE TEMP MACRO m() AS TABLE FROM t"),
        ];
        let mut found = ending(&objects, &KeptTables::default());
        found.sort_unstable();
        assert_eq!(found, ["b", "c", "t"]);
    }
}
