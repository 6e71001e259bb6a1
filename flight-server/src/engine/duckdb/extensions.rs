//! DuckDB's extensions: which are loaded at start, and what a statement is told that needs one that is not.
//!
//! They are native code, so nothing is loaded later, and nothing that its directory does not hold: the operator puts it there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::ffi::{Connection, Database};
use super::internal::{self, quoted_text};
use crate::error::{Error, ErrorCode, Result};

/// How the names of all of them end.
const SUFFIX: &str = ".duckdb_extension";

/// What is loaded from DuckDB's own directory, when no other is named: what sessions and datasets need.
const USUAL: [&str; 2] = ["httpfs", "icu"];

/// What a lake needs besides, and is loaded from there when it can be.
const OF_LAKES: [&str; 2] = ["ducklake", "postgres_scanner"];

/// Functions of extensions that would let clients reach beyond the instance: to PostgreSQL servers, with the credentials of this
/// one's operator.
const NOT_FOR_CLIENTS: [&str; 7] = [
    "pg_clear_cache",
    "postgres_attach",
    "postgres_configure_pool",
    "postgres_execute",
    "postgres_query",
    "postgres_scan",
    "postgres_scan_pushdown",
];

/// An extension that was found, by name and file.
type Found = BTreeMap<String, PathBuf>;

/// The extensions in `directory`, as DuckDB's own directories, files alone, or wheels unpacked by `pip install --target` lay
/// them out; the first of one name counts.
///
/// # Errors
/// When the directory can't be read.
fn find(directory: &Path, platform: &str) -> std::io::Result<Found> {
    let version = Database::library_version();
    let mut found = Found::new();
    // The directory itself must be there; what is in it need not.
    add_all(&mut found, directory)?;
    let own = directory.join(&version).join(platform);
    if own.is_dir() {
        add_all(&mut found, &own)?;
    }
    for package in entries(directory)? {
        let name = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let versions = package.join("extensions");
        if !name.starts_with("duckdb_extension_") || !versions.is_dir() {
            continue;
        }
        // One for another version is found too, so that its file is told to be that.
        let right = versions.join(&version);
        let folders = if right.is_dir() { vec![right] } else { entries(&versions)? };
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            add_all(&mut found, folder)?;
        }
    }
    Ok(found)
}

fn entries(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = std::fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn add_all(found: &mut Found, directory: &Path) -> std::io::Result<()> {
    for path in entries(directory)? {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(name) = file.strip_suffix(SUFFIX) {
            found.entry(name.to_owned()).or_insert(path);
        }
    }
    Ok(())
}

/// Where DuckDB itself puts extensions, and what of it is loaded when no other directory is named.
fn usual(platform: &str) -> Found {
    let Some(home) = std::env::var_os("HOME") else { return Found::new() };
    let folder = Path::new(&home).join(".duckdb/extensions").join(Database::library_version()).join(platform);
    let names = USUAL.iter().chain(&OF_LAKES);
    let files = names.map(|name| ((*name).to_owned(), folder.join(format!("{name}{SUFFIX}"))));
    files.filter(|(_, path)| path.is_file()).collect()
}

/// The platform that extensions have to be made for, such as `linux_amd64`.
fn platform(connection: &Connection) -> Result<String> {
    let rows = internal::rows(connection, "SELECT platform FROM pragma_platform()", &[])?;
    Ok(rows.into_iter().flatten().flatten().next().unwrap_or_default())
}

/// The extensions that are loaded.
#[derive(Debug, Clone, Default)]
pub(super) struct Extensions {
    loaded: Found,
}

impl Extensions {
    /// Loads the extensions of `directory`, or of DuckDB's own.
    ///
    /// # Errors
    /// When the directory can't be read, or a file in it can't be loaded: it is damaged, unsigned, or for another version.
    pub(super) fn load(connection: &Connection, directory: Option<&Path>) -> Result<Self> {
        let platform = platform(connection)?;
        let loaded = found(directory, &platform)?;
        for path in loaded.values() {
            load(connection, path)?;
        }
        for function in NOT_FOR_CLIENTS {
            connection.keep_from_clients(function)?;
        }
        if loaded.contains_key("icu") {
            // It would take the machine's zone, and sessions move between machines.
            internal::run(connection, "SET GLOBAL TimeZone = 'UTC'")?;
        }
        Ok(Self { loaded })
    }

    /// Loads one of them into another instance.
    ///
    /// # Errors
    /// When it is not among them, or can't be loaded.
    pub(super) fn load_again(&self, connection: &Connection, name: &str) -> Result<()> {
        match self.loaded.get(name) {
            Some(path) => load(connection, path),
            None => self.check_has(&[name], "this"),
        }
    }

    /// Sees that extensions are there.
    ///
    /// # Errors
    /// EXTENSION_MISSING, saying what `needs` them, and how to get them.
    pub(super) fn check_has(&self, needed: &[&str], needs: &str) -> Result<()> {
        let missing: Vec<_> = needed.iter().filter(|name| !self.has(name)).copied().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let commands: Vec<_> = missing.iter().map(|name| format!("`{}`", extension_command(name))).collect();
        Err(Error::new(
            ErrorCode::ExtensionMissing,
            format!(
                "the extension{} {} {} not loaded, and {needs} can't be had without; get what is missing by {}, and start the \
                 server with `--extension-dir DIR`",
                if missing.len() > 1 { "s" } else { "" },
                missing.join(" and "),
                if missing.len() > 1 { "are" } else { "is" },
                commands.join(" and "),
            ),
        ))
    }

    /// Whether one of that name is loaded.
    pub(super) fn has(&self, name: &str) -> bool {
        self.loaded.contains_key(name)
    }

    /// The error as it is, or, when an extension would have helped that is not loaded, one that says how to get it.
    pub(super) fn explain(&self, error: Error) -> Error {
        match needed(&error.message) {
            Some(name) if !self.has(name) => missing(name, &error),
            _ => error,
        }
    }
}

/// What an extension is found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExtensionState {
    /// It is in this file, and can be loaded.
    Loads(PathBuf),
    /// It is there, and can't be loaded; why, naming the file.
    Fails(String),
    /// It is not there, though sessions or datasets may need it.
    Missing,
}

/// What a start with some directory would find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// DuckDB's version, such as `1.5.5`.
    pub version: String,
    /// The platform that extensions have to be made for, such as `linux_amd64`.
    pub platform: String,
    /// Extensions by name: all that were found, and those that are usually needed.
    pub extensions: BTreeMap<String, ExtensionState>,
}

/// Whether an extension is one that every lake needs.
pub fn extension_of_lakes(name: &str) -> bool {
    OF_LAKES.contains(&name)
}

/// Tries the extensions of a directory (of DuckDB's own when `None`) in an instance of their own, for a server whose tables
/// are in a lake or not. It blocks.
///
/// # Errors
/// When the directory can't be read, or DuckDB can't be opened at all.
pub fn examine_extensions(directory: Option<&Path>, is_lake: bool) -> Result<Examined> {
    let options =
        [("autoload_known_extensions", "false".to_owned()), ("autoinstall_known_extensions", "false".to_owned())];
    let connection = Database::open(":memory:", &options)?.connect()?;
    let platform = platform(&connection)?;
    let needed = USUAL.iter().chain(OF_LAKES.iter().filter(|_| is_lake));
    let mut extensions: BTreeMap<_, _> = needed.map(|name| ((*name).to_owned(), ExtensionState::Missing)).collect();
    for (name, path) in found(directory, &platform)? {
        let state = match load(&connection, &path) {
            Ok(()) => ExtensionState::Loads(path),
            Err(error) => ExtensionState::Fails(error.message),
        };
        extensions.insert(name, state);
    }
    Ok(Examined { version: Database::library_version().trim_start_matches('v').to_owned(), platform, extensions })
}

/// The extensions of `directory`, or of DuckDB's own.
fn found(directory: Option<&Path>, platform: &str) -> Result<Found> {
    let Some(directory) = directory else { return Ok(usual(platform)) };
    find(directory, platform).map_err(|source| {
        let shown = directory.display();
        let what = format!("the directory of extensions {shown} (--extension-dir) can't be read: {source}");
        Error::new(ErrorCode::ExtensionMissing, what)
    })
}

/// Loads the extension in that file.
///
/// # Errors
/// EXTENSION_MISSING, naming the file and what is wrong with it.
fn load(connection: &Connection, path: &Path) -> Result<()> {
    internal::run(connection, &format!("LOAD {}", quoted_text(&path.to_string_lossy()))).map_err(|error| {
        Error::new(
            ErrorCode::ExtensionMissing,
            format!("the extension {} can't be loaded: {}", path.display(), error.message),
        )
    })
}

/// The extension that a failed statement needed, by DuckDB's message.
fn needed(message: &str) -> Option<&str> {
    let word_after = |start: &str, end: &str| {
        let (_, rest) = message.split_once(start)?;
        let (name, _) = rest.split_once(end)?;
        (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')).then_some(name)
    };
    if let Some(name) = word_after("but it exists in the ", " extension")
        .or_else(|| word_after("requires the extension ", " to be loaded"))
        .or_else(|| word_after("Please try installing and loading the ", " extension"))
    {
        return Some(name);
    }
    if message.contains("with the ICU extension loaded") {
        return Some("icu");
    }
    let remote = ["http://", "https://", "s3://", "s3a://", "s3n://", "gcs://", "gs://", "r2://", "hf://"];
    let is_remote = remote.iter().any(|scheme| message.contains(&format!("\"{scheme}")));
    (message.contains("file system operations are disabled") && is_remote).then_some("httpfs")
}

/// The command that gets an extension.
pub fn extension_command(name: &str) -> String {
    let version = Database::library_version();
    format!("pip install --target DIR duckdb-extension-{}=={}", name.replace('_', "-"), version.trim_start_matches('v'))
}

/// The error of a statement that needs an extension. DuckDB's own advice is left out: nobody can install or load here.
fn missing(name: &str, error: &Error) -> Error {
    let what = error.message.split("\n\n").next().unwrap_or_default().trim_end();
    let message = format!(
        "{what}\nThe extension {name} is not loaded. Get it by `{}`, and start the server with `--extension-dir DIR`",
        extension_command(name)
    );
    let explained = Error::new(ErrorCode::ExtensionMissing, message);
    match error.position {
        Some(position) => explained.at(position),
        None => explained,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_needed_extension_is_read_from_the_message() {
        for (message, name) in [
            (
                "Setting with name \"TimeZone\" is not in the catalog, but it exists in the icu extension.\n\nPlease",
                "icu",
            ),
            ("File s3://b/x requires the extension httpfs to be loaded", "httpfs"),
            ("Cannot access file \"https://x/y\" - file system operations are disabled by configuration", "httpfs"),
        ] {
            assert_eq!(needed(message), Some(name), "{message}");
        }
        for message in [
            "Cannot access file \"/etc/passwd\" - file system operations are disabled by configuration",
            "it exists in the ; DROP extension",
            "nothing of the kind",
        ] {
            assert_eq!(needed(message), None, "{message}");
        }
    }

    #[test]
    fn a_loaded_extension_is_not_missed() {
        let error = Error::new(ErrorCode::StatementFailed, "File s3://b/x requires the extension httpfs to be loaded");
        let loaded = Extensions { loaded: Found::from([("httpfs".to_owned(), PathBuf::new())]) };
        assert_eq!(loaded.explain(error.clone()), error);
        let explained = Extensions::default().explain(error);
        assert_eq!(explained.code, ErrorCode::ExtensionMissing);
        assert!(explained.message.contains("duckdb-extension-httpfs=="), "{explained}");
    }

    #[test]
    fn every_layout_of_a_directory_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let version = Database::library_version();
        let put = |path: String| {
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "x").unwrap();
        };
        put("plain.duckdb_extension".to_owned());
        put(format!("{version}/linux_amd64/own.duckdb_extension"));
        put("v0.0.1/linux_amd64/old.duckdb_extension".to_owned());
        put(format!("duckdb_extension_icu/extensions/{version}/icu.duckdb_extension"));
        put("duckdb_extension_fts/extensions/v0.0.1/fts.duckdb_extension".to_owned());
        let found = find(directory.path(), "linux_amd64").unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["fts", "icu", "own", "plain"]);
        assert!(find(&directory.path().join("nowhere"), "linux_amd64").is_err());
    }
}
