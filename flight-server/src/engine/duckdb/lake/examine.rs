//! What a start would find of a lake, without changing anything.

use std::path::Path;

use super::super::extensions::Extensions;
use super::super::ffi::{Connection, Database};
use super::super::internal::{self, quoted_text};
use super::attach::{connection_string, unusable};
use super::failure::told_by_database;
use super::{LakeOptions, fence};
use crate::error::Result;

/// The name of the database while it is looked at.
const LOOKED_AT: &str = "looked_at";

/// What there is of a lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExaminedLake {
    /// The version of the database that holds its catalog, as that says it.
    pub server: String,
    /// Where its files are; `None` when there is no lake there yet.
    pub data_path: Option<String>,
    /// Whether the database checks commits, which the first start makes it do.
    pub checks_commits: bool,
}

/// Looks at a lake. It blocks.
///
/// # Errors
/// When the extension for PostgreSQL is missing, or the database does not answer.
pub fn examine_lake(options: &LakeOptions, extension_dir: Option<&Path>) -> Result<ExaminedLake> {
    let loading = Database::open(":memory:", &[("autoload_known_extensions", "false".to_owned())])?.connect()?;
    let extensions = Extensions::load(&loading, extension_dir)?;
    let connection = fence::connect(&options.catalog, &extensions)?;
    let place = quoted_text(&connection_string(&options.catalog, "-c statement_timeout=10s"));
    let attached = internal::run(&connection, &format!("ATTACH {place} AS {LOOKED_AT} (TYPE postgres, READ_ONLY)"));
    attached.map_err(|error| {
        unusable(&format!("{} can't be reached: {}", options.catalog, told_by_database(&error.message)))
    })?;
    let server = asked(&connection, "SELECT current_setting('server_version')")?.unwrap_or_default();
    let is_there = asked(&connection, "SELECT to_regclass('ducklake_metadata')::text")?.is_some();
    let data_path = match is_there {
        true => asked(&connection, "SELECT value FROM ducklake_metadata WHERE key = 'data_path'")?,
        false => None,
    };
    let trigger = "SELECT tgname::text FROM pg_trigger WHERE tgname = 'pintail_check_commit'";
    let checks_commits = asked(&connection, trigger)?.is_some();
    Ok(ExaminedLake { server, data_path, checks_commits })
}

/// The first value of a question to the database, unless it is NULL or there is none.
fn asked(connection: &Connection, sql: &str) -> Result<Option<String>> {
    let rows =
        internal::rows(connection, &format!("SELECT * FROM postgres_query('{LOOKED_AT}', {})", quoted_text(sql)), &[]);
    let rows = rows.map_err(|error| unusable(&format!("its database: {}", told_by_database(&error.message))))?;
    Ok(rows.into_iter().flatten().next().flatten())
}
