//! A session's settings, variables and place, as statements that bring them about again.
//!
//! What a `SET` changed is not read from its text: the session's state is compared with what it was, so that `USE`,
//! `PRAGMA` and every other way to change it are found alike, and the last value of a setting is the one kept.

use std::collections::BTreeMap;

use super::datasets;
use super::ffi::{Connection, Value};
use super::internal::{self, quoted_text};
use super::lane::KeptTables;
use super::temporary;
use crate::engine::{StateEntry, quoted_identifier};
use crate::error::Result;

/// The settings that say where the session is: journaled together, as its location.
const PLACE: [&str; 2] = ["schema", "search_path"];

/// The state of a session that statements can set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SessionState {
    /// Statement by key; `None` for a value that is not set.
    entries: BTreeMap<String, Option<String>>,
}

impl SessionState {
    /// The state that `connection` is in. `settings` are the names of those that clients may change.
    pub(super) fn of(connection: &Connection, settings: &[String], kept: &KeptTables) -> Result<Self> {
        let mut entries = BTreeMap::new();
        for row in internal::rows(connection, "SELECT name, value FROM duckdb_settings()", &[])? {
            let [Some(name), value] = &row[..] else { continue };
            if settings.contains(name) && !PLACE.contains(&name.as_str()) {
                let sql = value
                    .as_ref()
                    .map(|value| format!("SET SESSION {} = {}", quoted_identifier(name), quoted_text(value)));
                entries.insert(format!("setting:{name}"), sql);
            }
        }
        for row in internal::rows(connection, "SELECT name, CAST(value AS VARCHAR), type FROM duckdb_variables()", &[])?
        {
            let [Some(name), value, Some(ty)] = &row[..] else { continue };
            let value = value.as_ref().map_or_else(|| "NULL".to_owned(), |value| quoted_text(value));
            let sql = format!("SET VARIABLE {} = CAST({value} AS {ty})", quoted_identifier(name));
            entries.insert(format!("variable:{name}"), Some(sql));
        }
        entries.extend(temporary::noted(connection, kept)?);
        let place = internal::rows(connection, "SELECT current_setting('search_path')", &[])?;
        if let Some(path) = place.into_iter().next().and_then(|row| row.into_iter().next()).flatten() {
            entries.insert("location".to_owned(), Some(format!("SET search_path = {}", quoted_text(&path))));
        }
        Ok(Self { entries })
    }

    /// The same, with the positions that the connection's temporary sequences have by now; none when it has no sequence.
    pub(super) fn with_sequences(&self, connection: &Connection, kept: &KeptTables) -> Result<Option<Self>> {
        if !self.has_sequences() {
            return Ok(None);
        }
        let mut now = self.clone();
        now.move_sequences(&temporary::noted(connection, kept)?);
        Ok(Some(now))
    }

    /// Gives the sequences that both have the positions of the others.
    fn move_sequences(&mut self, others: &BTreeMap<String, Option<String>>) {
        for (key, sql) in self.entries.iter_mut().filter(|(key, _)| temporary::is_sequence(key)) {
            if let Some(other) = others.get(key) {
                sql.clone_from(other);
            }
        }
    }

    /// Puts the temporary objects of another state in the place of its own; whether they were others. Positions of sequences stay:
    /// no transaction takes them back.
    pub(super) fn take_objects_of(&mut self, other: &Self) -> bool {
        let objects = |entries: &BTreeMap<String, Option<String>>| -> BTreeMap<_, _> {
            let of = entries.iter().filter(|(key, _)| temporary::is_object(key));
            of.map(|(key, sql)| (key.clone(), sql.clone())).collect()
        };
        let own = objects(&self.entries);
        self.entries.retain(|key, _| !temporary::is_object(key));
        self.entries.extend(objects(&other.entries));
        self.move_sequences(&own);
        own != objects(&self.entries)
    }

    /// Whether the session has temporary sequences, which move on in statements that change nothing else.
    pub(super) fn has_sequences(&self) -> bool {
        self.entries.keys().any(|key| temporary::is_sequence(key))
    }

    /// What has changed since `before`; a key that is back as it was in `fresh` can be forgotten.
    pub(super) fn changes_since(&self, before: &Self, fresh: &Self) -> Vec<StateEntry> {
        let keys = self.entries.keys().chain(before.entries.keys()).collect::<std::collections::BTreeSet<_>>();
        keys.into_iter()
            .filter(|key| self.entries.get(*key) != before.entries.get(*key))
            .map(|key| {
                let now = self.entries.get(key);
                let sql = if now == fresh.entries.get(key) { None } else { now.cloned().flatten() };
                StateEntry { key: key.clone(), sql }
            })
            .collect()
    }
}

/// The names and values of the settings that clients may change.
pub(super) fn settings(connection: &Connection, allowed: &[String]) -> Result<Vec<(String, String)>> {
    let rows = internal::rows(connection, "SELECT name, value FROM duckdb_settings() ORDER BY name", &[])?;
    Ok(rows
        .into_iter()
        .filter_map(|row| match <[Option<String>; 2]>::try_from(row) {
            Ok([Some(name), value]) if allowed.contains(&name) => Some((name, value.unwrap_or_default())),
            _ => None,
        })
        .collect())
}

/// The statement that moves to a catalog and schema. Without a schema it is the catalog's own default. Datasets are found
/// by their bare names there too.
pub(super) fn move_to(connection: &Connection, catalog: Option<&str>, schema: Option<&str>) -> Result<String> {
    let here = internal::rows(connection, "SELECT current_database()", &[])?;
    let current = here.into_iter().next().and_then(|row| row.into_iter().next()).flatten().unwrap_or_default();
    let catalog = catalog.unwrap_or(&current);
    let name = Value::text(catalog);
    let exists =
        internal::rows(connection, "SELECT database_name FROM duckdb_databases() WHERE database_name = $1", &[&name])?;
    if exists.is_empty() {
        return Err(missing("catalog", catalog, "3D000"));
    }
    let schema = schema.unwrap_or("main");
    let exists = internal::rows(
        connection,
        "SELECT schema_name FROM duckdb_schemas() WHERE database_name = $1 AND schema_name = $2",
        &[&name, &Value::text(schema)],
    )?;
    if exists.is_empty() {
        return Err(missing("schema", schema, "3F000"));
    }
    Ok(format!("SET search_path = {}", quoted_text(&datasets::search_path(catalog, schema))))
}

fn missing(what: &str, name: &str, state: &'static str) -> crate::error::Error {
    crate::error::Error::new(
        crate::error::ErrorCode::OptionInvalid,
        format!("there is no {what} \"{name}\"; GetCatalogs and GetDbSchemas list those there are"),
    )
    .with_sqlstate(crate::error::SqlState(state))
}
