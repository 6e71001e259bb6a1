//! Where the session store is.

use std::fmt;
use std::path::PathBuf;

use url::Url;

/// Where the session store is. Shown, also by `Debug`, it has no password.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// The embedded store, in this file.
    Sqlite(PathBuf),
    /// The store of a cluster, in a PostgreSQL database at this URL. It may hold a password.
    Postgres(String),
}

impl StoreUrl {
    /// The store that a text names, if it names one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(file) = text.strip_prefix("sqlite:") {
            return (!file.is_empty() && !file.starts_with("//")).then(|| Self::Sqlite(file.into()));
        }
        let is_postgres = text.starts_with("postgres://") || text.starts_with("postgresql://");
        (is_postgres && Url::parse(text).is_ok()).then(|| Self::Postgres(text.to_owned()))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(f, "sqlite:{}", file.display()),
            Self::Postgres(url) => match Url::parse(url) {
                // Host, port and database; the user, the password and the parameters stay away.
                Ok(url) => {
                    write!(f, "{}://{}", url.scheme(), url.host_str().unwrap_or_default())?;
                    url.port().map_or(Ok(()), |port| write!(f, ":{port}"))?;
                    f.write_str(url.path())
                }
                Err(_) => f.write_str("postgres://…"),
            },
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_store_is_shown_without_user_password_and_parameters() {
        let url = StoreUrl::parse("postgres://me:hunter2@db:5433/x?password=hunter2&schema=s").unwrap();
        assert_eq!(url.to_string(), "postgres://db:5433/x");
        assert_eq!(format!("{url:?}"), "StoreUrl(postgres://db:5433/x)");
        assert_eq!(StoreUrl::parse("sqlite:/s/a.db").unwrap().to_string(), "sqlite:/s/a.db");
    }

    #[test]
    fn what_names_no_store_is_none() {
        for text in ["", "sqlite:", "sqlite://x", "postgres:x", "postgres://me:p@h:port/x", "mysql://h/x", "x.db"] {
            assert_eq!(StoreUrl::parse(text), None, "{text}");
        }
    }
}
