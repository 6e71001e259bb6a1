//! Where a store is: what its URL says, and how it may be shown.

use std::fmt;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use super::{LOCK_TIMEOUT, STATEMENT_TIMEOUT};
use crate::{Result, StoreError};

/// The schema that holds the tables, unless the URL names another.
const SCHEMA: &str = "pintail";
/// What may stand after the `?`: the names that `psql` knows too, and `schema`.
const PARAMETERS: [&str; 12] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];
/// The server closes a connection whose client has been silent for longer than this while something was sent to it.
const CLIENT_SILENCE_MILLISECONDS: u32 = 15_000;

/// Where a store is. Shown, it is host, port, database and schema: nothing of it is a secret.
pub(super) struct Address {
    pub(super) options: PgConnectOptions,
    pub(super) schema: String,
}

impl Address {
    /// Reads a URL `postgres://user:password@host:port/database?parameters`. What it doesn't say is taken from where
    /// `psql` takes it: `PGHOST`, `PGPASSWORD`, `~/.pgpass` and so on.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut url = Url::parse(text).map_err(|error| wrong(format!("its URL can't be read: {error}")))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(wrong("its URL must begin with postgres:// or postgresql://"));
        }
        let mut schema = SCHEMA.to_owned();
        let mut others: Vec<(String, String)> = Vec::new();
        for (name, value) in url.query_pairs() {
            match &*name {
                "schema" | "options[search_path]" => schema = value.into_owned(),
                known if PARAMETERS.contains(&known) || known.starts_with("options[") => {
                    others.push((name.into_owned(), value.into_owned()));
                }
                // The value may be a secret; the name is none.
                unknown => {
                    return Err(wrong(format!(
                        "its URL has the parameter `{unknown}`, which is none of schema, {}",
                        PARAMETERS.join(", ")
                    )));
                }
            }
        }
        let is_simple = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !schema.chars().all(is_simple) || !(1..=63).contains(&schema.len()) || schema.starts_with("pg_") {
            return Err(wrong(
                "the schema in its URL must be a name of up to 63 lower-case letters, digits and underscores, not \
                 beginning with pg_",
            ));
        }
        url.set_query(None);
        if !others.is_empty() {
            url.query_pairs_mut().extend_pairs(others);
        }
        let options = PgConnectOptions::from_url(&url)
            // The cause is one of the values, and is not repeated.
            .map_err(|_| wrong("a parameter of its URL has a value that can't be understood"))?;
        let options = match options.get_application_name() {
            None => options.application_name("pintail"),
            Some(_) => options,
        };
        Ok(Self { options: settings(options, &schema).disable_statement_logging(), schema })
    }
}

/// The settings of every session on the server. Nothing else of a connection is changed, ever.
fn settings(options: PgConnectOptions, schema: &str) -> PgConnectOptions {
    options.options([
        // Tables and functions are found here and nowhere else.
        ("search_path", format!("{schema},pg_temp")),
        // What was given up by the caller is given up by the server, and a little sooner, so that the answer is known.
        ("statement_timeout", STATEMENT_TIMEOUT.as_millis().to_string()),
        ("lock_timeout", LOCK_TIMEOUT.as_millis().to_string()),
        // What is said beside an answer, such as that a table was there already, is for nobody here.
        ("client_min_messages", "warning".to_owned()),
        ("tcp_user_timeout", CLIENT_SILENCE_MILLISECONDS.to_string()),
        // The functions look again after each lock they waited for; a snapshot of the whole transaction would hide what they
        // wait for.
        ("default_transaction_isolation", "read\\ committed".to_owned()),
    ])
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.options;
        match options.get_socket() {
            Some(socket) => write!(f, "{} port {}", socket.display(), options.get_port())?,
            None => write!(f, "{}:{}", options.get_host(), options.get_port())?,
        }
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        write!(f, ", database {database}, schema {}", self.schema)
    }
}

fn wrong(what: impl Into<String>) -> StoreError {
    StoreError::Misconfigured(what.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn refused(url: &str) -> String {
        let error = Address::parse(url).err().unwrap();
        assert!(matches!(error, StoreError::Misconfigured(_)), "{error:?}");
        error.to_string()
    }

    #[test]
    fn an_address_is_shown_without_user_and_password() {
        let address = Address::parse("postgres://me:hunter2@db:5433/x?sslmode=require&schema=other").unwrap();
        assert_eq!(address.to_string(), "db:5433, database x, schema other");
        let address = Address::parse("postgresql://me:hunter2@db/x").unwrap();
        assert_eq!(address.to_string(), "db:5432, database x, schema pintail");
        let address = Address::parse("postgres:///x?user=me&host=/run/pg&options[search_path]=s").unwrap();
        assert_eq!(address.to_string(), "/run/pg port 5432, database x, schema s");
    }

    #[test]
    fn a_url_that_can_not_be_used_is_refused_without_being_repeated() {
        for url in [
            "postgres://me:hunter2@db:notaport/x",
            "mysql://me:hunter2@db/x",
            "postgres://me:hunter2@db/x?schema=a;drop",
            "postgres://me:hunter2@db/x?schema=",
            "postgres://me:hunter2@db/x?schema=pg_catalog",
            "postgres://me:hunter2@db/x?sslmode=hunter2",
            "postgres://me@db/x?passwort=hunter2",
            "hunter2",
        ] {
            assert!(!refused(url).contains("hunter2"), "{url}: {}", refused(url));
        }
        assert!(refused("postgres://me@db/x?passwort=hunter2").contains("`passwort`"));
    }
}
