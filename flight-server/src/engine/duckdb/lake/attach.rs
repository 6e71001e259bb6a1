//! How a lake is attached.

use super::super::ffi::Connection;
use super::super::internal::{self, quoted_text};
use super::{CATALOG, LakeOptions, data_path};
use crate::config::{LakeCatalog, Secret};
use crate::error::{Error, ErrorCode, Result};

/// The secret that DuckDB takes for every PostgreSQL database. There has to be one, because DuckDB otherwise looks for it in
/// the storage of persistent secrets, which is off.
const DATABASE_SECRET: &str = "__default_postgres";
/// The secret that opens the files.
const DATA_SECRET: &str = "pintail_lake_files";

/// What the operator need not say of the connections to the catalog's database: they notice a network that is cut, and stay
/// bounded by it. In seconds, but for the last.
const CONNECTION: [(&str, &str); 6] = [
    ("application_name", "pintail"),
    ("connect_timeout", "10"),
    ("keepalives_idle", "5"),
    ("keepalives_interval", "2"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "15000"),
];

/// The extensions that a lake needs.
pub(super) fn needed(is_remote: bool) -> &'static [&'static str] {
    if is_remote { &["ducklake", "postgres_scanner", "httpfs"] } else { &["ducklake", "postgres_scanner"] }
}

/// How a node connects to the catalog's database, in which its settings are `settings`.
pub(super) fn connection_string(catalog: &LakeCatalog, settings: &str) -> String {
    let mut more = CONNECTION.to_vec();
    more.push(("options", settings));
    catalog.connection_string(&more)
}

/// Makes what DuckDB needs to reach the catalog and the files known to the instance, and to nobody who asks it.
pub(super) fn create_secrets(connection: &Connection, options: &LakeOptions, data_path: Option<&str>) -> Result<()> {
    create_database_secret(connection, &options.catalog)?;
    match (&options.secret, data_path) {
        (Some(secret), Some(path)) => create_data_secret(connection, secret, path),
        _ => Ok(()),
    }
}

/// The password of the catalog's database.
pub(super) fn create_database_secret(connection: &Connection, catalog: &LakeCatalog) -> Result<()> {
    let password = catalog.password().map(|password| format!(", PASSWORD {}", quoted_text(password)));
    let sql = format!("CREATE SECRET {DATABASE_SECRET} (TYPE postgres{})", password.unwrap_or_default());
    internal::run(connection, &sql).map_err(|_| unusable("its password can't be used"))
}

fn create_data_secret(connection: &Connection, secret: &Secret, path: &str) -> Result<()> {
    if !data_path::is_remote(path) {
        return Err(unusable("its files are in a directory, which no secret opens; leave --data-path-secret out"));
    }
    let mut words = vec![format!("TYPE s3, SCOPE {}", quoted_text(path))];
    for (key, name) in [
        ("access_key_id", "KEY_ID"),
        ("secret_access_key", "SECRET"),
        ("session_token", "SESSION_TOKEN"),
        ("region", "REGION"),
        ("url_style", "URL_STYLE"),
    ] {
        if let Some(value) = secret.option(key) {
            words.push(format!("{name} {}", quoted_text(value)));
        }
    }
    if let Some(endpoint) = secret.option("endpoint") {
        // DuckDB takes the host alone, and whether it is spoken to by TLS.
        let (scheme, host) = endpoint.split_once("://").unwrap_or(("https", endpoint));
        words.push(format!("ENDPOINT {}, USE_SSL {}", quoted_text(host.trim_end_matches('/')), scheme != "http"));
        if secret.option("url_style").is_none() {
            // What speaks S3 and is not Amazon's seldom has a host name for each bucket.
            words.push("URL_STYLE 'path'".to_owned());
        }
    }
    let sql = format!("CREATE SECRET {DATA_SECRET} ({})", words.join(", "));
    // What DuckDB says of it may repeat it.
    internal::run(connection, &sql).map_err(|_| unusable(&format!("the secret {} can't be used", secret.name())))
}

/// Attaches it, and makes it when there is none.
pub(super) fn attach(connection: &Connection, options: &LakeOptions, data_path: Option<&str>) -> Result<()> {
    let place = format!("ducklake:postgres:{}", connection_string(&options.catalog, super::fence::FENCED));
    let path = data_path.map(|path| format!(" (DATA_PATH {})", quoted_text(path)));
    let sql = format!("ATTACH {} AS {CATALOG}{}", quoted_text(&place), path.unwrap_or_default());
    internal::run(connection, &sql).map_err(|error| not_attached(options, data_path, &error))
}

/// Where the catalog says the files are.
pub(super) fn data_path(connection: &Connection) -> Result<String> {
    let rows = internal::rows(connection, &format!("SELECT data_path FROM ducklake_settings('{CATALOG}')"), &[])?;
    rows.into_iter().flatten().flatten().next().ok_or_else(|| unusable("its catalog does not say where its files are"))
}

fn not_attached(options: &LakeOptions, data_path: Option<&str>, error: &Error) -> Error {
    // Below the first line are DuckDB's own words on how to go on, and the connection string.
    let told = super::failure::told_by_database(&error.message);
    let advice = match data_path {
        None if error.message.contains("DATA_PATH") || error.message.contains("data path") => {
            "; there is no lake in that database yet: give --data-path, so that one is made"
        }
        Some(_) if error.message.contains("DATA_PATH") => {
            "; the files of a lake are where they were first said to be: leave --data-path out, or give that place"
        }
        _ => "",
    };
    unusable(&format!("{} can't be attached: {told}{advice}", options.catalog))
}

pub(super) fn unusable(what: &str) -> Error {
    Error::new(ErrorCode::Internal, format!("the lake can't be used: {what}"))
        .with_sqlstate(crate::error::SqlState("58030"))
}
