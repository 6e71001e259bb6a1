//! The engine, and the extensions that it would load.

use super::report::Check;
use crate::config::Config;

#[cfg(feature = "duckdb")]
pub(super) async fn duckdb(config: &Config) -> Vec<Check> {
    use crate::engine::duckdb::{ExtensionState, examine_extensions, extension_of_lakes};

    let directory = config.extension_dir.clone();
    let is_lake = matches!(config.database, crate::config::Database::Lake(_));
    let examined = tokio::task::spawn_blocking(move || examine_extensions(directory.as_deref(), is_lake)).await;
    let examined = match examined {
        Ok(Ok(examined)) => examined,
        Ok(Err(error)) => return vec![Check::fail("extensions", error.message)],
        Err(error) => return vec![Check::fail("engine duckdb", error.to_string())],
    };
    let mut checks =
        vec![Check::ok("engine duckdb", format!("version {} for {}", examined.version, examined.platform))];
    for (extension, state) in examined.extensions {
        let name = format!("extension {extension}");
        checks.push(match state {
            ExtensionState::Loads(path) => Check::ok(name, format!("loads from {}", path.display())),
            ExtensionState::Fails(message) => Check::fail(
                name,
                format!("{message}; remove the file, or get the right one by `{}`", remedy(&extension)),
            ),
            ExtensionState::Missing if is_lake && extension_of_lakes(&extension) => Check::fail(
                name,
                format!(
                    "is not there, and the tables that --database names need it; get it by `{}`, and start with \
                         `--extension-dir DIR`",
                    remedy(&extension)
                ),
            ),
            ExtensionState::Missing => Check::warn(
                name,
                format!("is not there; get it by `{}`, and start with `--extension-dir DIR`", remedy(&extension)),
            ),
        });
    }
    checks
}

#[cfg(feature = "duckdb")]
fn remedy(name: &str) -> String {
    crate::engine::duckdb::extension_command(name)
}

#[cfg(not(feature = "duckdb"))]
pub(super) async fn duckdb(config: &Config) -> Vec<Check> {
    match config.engine.as_str() {
        "duckdb" => {
            vec![Check::fail("engine duckdb", "this build does not have it; build it with the feature `duckdb`")]
        }
        _ => Vec::new(),
    }
}
