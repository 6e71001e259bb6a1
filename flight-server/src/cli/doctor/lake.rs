//! The tables that nodes share: whether their catalog and their files can be reached.

use crate::config::{Config, Database};

use super::report::Check;

#[cfg(feature = "duckdb")]
pub(super) async fn lake(config: &Config) -> Vec<Check> {
    use crate::engine::duckdb::examine_lake;

    let (catalog, files) = ("lake catalog", "lake files");
    let Database::Lake(shown) = &config.database else { return Vec::new() };
    let options = match crate::cli::lake::options(config) {
        Ok(Some(options)) => options,
        Ok(None) => return Vec::new(),
        Err(error) => return vec![Check::fail(files, crate::cli::with_causes(&error))],
    };
    let directory = config.extension_dir.clone();
    let (looked, given) = (options.clone(), options.data_path.clone());
    let examined = tokio::task::spawn_blocking(move || examine_lake(&looked, directory.as_deref())).await;
    let examined = match examined {
        Ok(Ok(examined)) => examined,
        Ok(Err(error)) => {
            return vec![Check::fail(catalog, format!("{}; see --database", error.message))];
        }
        Err(error) => return vec![Check::fail(catalog, error.to_string())],
    };
    let server = format!("{shown} answers (PostgreSQL {})", examined.server);
    let Some(path) = examined.data_path else {
        let told = format!("{server}, and the lake is made there at the first start");
        return match given {
            Some(path) => vec![Check::ok(catalog, told), place(files, &path, &options, true).await],
            None => vec![Check::ok(catalog, told), Check::fail(files, "a new lake needs --data-path")],
        };
    };
    let told = match examined.checks_commits {
        true => format!("{server}, and checks the commits of nodes"),
        false => format!("{server}; the next start makes it check the commits of nodes"),
    };
    vec![Check::ok(catalog, told), known_place(files, &path, given.as_deref(), &options).await]
}

#[cfg(not(feature = "duckdb"))]
pub(super) async fn lake(config: &Config) -> Vec<Check> {
    match &config.database {
        Database::Lake(_) => {
            vec![Check::fail("lake catalog", "this build has no DuckDB; build it with the feature `duckdb`")]
        }
        _ => Vec::new(),
    }
}

/// The place that the catalog names, which the one that was given must not contradict.
#[cfg(feature = "duckdb")]
async fn known_place(
    name: &str,
    path: &str,
    given: Option<&str>,
    options: &crate::engine::duckdb::LakeOptions,
) -> Check {
    let real = |path: &str| match std::fs::canonicalize(path) {
        Ok(real) => real.to_string_lossy().into_owned(),
        Err(_) => path.trim_end_matches('/').to_owned(),
    };
    match given {
        Some(given) if real(given) != real(path) => Check::fail(
            name,
            format!(
                "the files are in {path}, as the catalog says, and --data-path is {given}: leave it out, or give the place \
                 that the catalog names"
            ),
        ),
        _ => place(name, path, options, false).await,
    }
}

/// Whether files can be written and removed there.
#[cfg(feature = "duckdb")]
async fn place(name: &str, path: &str, options: &crate::engine::duckdb::LakeOptions, is_made: bool) -> Check {
    if path.contains("://") {
        return match write_object(path, options).await {
            Ok(()) => Check::ok(name, format!("{path} can be written")),
            Err(what) => Check::fail(name, format!("{path} can't be written: {what}; see --data-path-secret")),
        };
    }
    let directory = std::path::Path::new(path);
    if is_made
        && !directory.exists()
        && directory.parent().is_some_and(|parent| parent.is_dir() || parent.as_os_str().is_empty())
    {
        return Check::ok(name, format!("{path} is made at the first start"));
    }
    match tempfile::tempfile_in(directory) {
        Ok(_) => Check::ok(name, format!("{path} can be written")),
        Err(error) => Check::fail(
            name,
            format!("{path} can't be written: {error}; every node has to reach the files there, by this path"),
        ),
    }
}

/// Writes a small object to a place in an object store, and removes it.
#[cfg(feature = "duckdb")]
async fn write_object(path: &str, options: &crate::engine::duckdb::LakeOptions) -> Result<(), String> {
    use object_store::ObjectStoreExt as _;

    let opened = crate::dataset::open_place(path, options.secret.as_ref()).map_err(|error| error.message)?;
    let (store, prefix) = opened;
    let object = prefix.join(format!("pintail-doctor-{}", uuid::Uuid::new_v4()));
    // What the store says may repeat what it was sent.
    let told = |error: object_store::Error| match error {
        object_store::Error::Unauthenticated { .. } | object_store::Error::PermissionDenied { .. } => {
            "the credentials are refused"
        }
        object_store::Error::NotFound { .. } => "there is no such bucket",
        _ => "the store did not take an object",
    };
    store.put(&object, "x".into()).await.map_err(told)?;
    store.delete(&object).await.map_err(told)?;
    Ok(())
}
