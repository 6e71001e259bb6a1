//! The catalog of tables that nodes share: where the PostgreSQL database is that holds it.

use std::fmt;
use std::time::Duration;

use url::Url;
use zeroize::Zeroizing;

/// Where the catalog of shared tables is: a DuckLake in a PostgreSQL database, named as libpq names databases. Shown, also by
/// `Debug`, it has no password.
#[derive(Clone, PartialEq, Eq)]
pub struct LakeCatalog {
    /// The parameters of libpq but for the password, in the order in which they were given.
    parameters: Vec<(String, String)>,
    password: Option<Zeroizing<String>>,
}

/// The longest time for which the catalog remembers writes and owners of sessions, less a day for clocks that differ: `fence.sql`
/// has it.
pub(super) const RECEIPT_AGE: Duration = Duration::from_secs(59 * 86_400);

/// What stands before the database.
const PREFIX: &str = "ducklake:";

impl LakeCatalog {
    /// The catalog that a text names, if it names one: `ducklake:postgres:` and either a URL's rest, as in
    /// `ducklake:postgres://user@host/database`, or what libpq calls a connection string, as in
    /// `ducklake:postgres:dbname=lake host=db`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        let mut parameters = if rest.starts_with("postgres://") || rest.starts_with("postgresql://") {
            of_url(rest)?
        } else {
            let rest = rest.strip_prefix("postgres:")?;
            if rest.starts_with("postgres://") || rest.starts_with("postgresql://") {
                of_url(rest)?
            } else {
                pairs(rest)?
            }
        };
        let is_name =
            |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if parameters.iter().any(|(name, value)| !is_name(name) || value.contains('\0')) {
            return None;
        }
        let mut password = None;
        parameters.retain_mut(|(name, value)| {
            let is_password = name == "password";
            if is_password {
                password = Some(Zeroizing::new(std::mem::take(value)));
            }
            !is_password
        });
        Some(Self { parameters, password })
    }

    /// The connection string, without the password. A parameter of `more` counts where the operator did not give it; what both
    /// have of `options` is joined.
    pub fn connection_string(&self, more: &[(&str, &str)]) -> String {
        let mut all = self.parameters.clone();
        for (name, value) in more {
            match all.iter_mut().find(|(known, _)| known == name) {
                Some((known, given)) if known == "options" => given.extend([" ", value]),
                Some(_) => {}
                None => all.push(((*name).to_owned(), (*value).to_owned())),
            }
        }
        let quoted = |value: &str| value.replace('\\', "\\\\").replace('\'', "\\'");
        all.iter().map(|(name, value)| format!("{name}='{}'", quoted(value))).collect::<Vec<_>>().join(" ")
    }

    /// The password, where it was given here rather than where libpq looks for it.
    pub fn password(&self) -> Option<&str> {
        self.password.as_ref().map(|password| password.as_str())
    }
}

impl fmt::Display for LakeCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = ["host", "hostaddr", "port", "dbname", "service"];
        let known = self.parameters.iter().filter(|(name, _)| shown.contains(&name.as_str()));
        let known: Vec<_> = known.map(|(name, value)| format!("{name}={value}")).collect();
        write!(f, "{PREFIX}postgres:{}", known.join(" "))
    }
}

impl fmt::Debug for LakeCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LakeCatalog({self})")
    }
}

/// The parameters that a URL stands for.
fn of_url(text: &str) -> Option<Vec<(String, String)>> {
    let url = Url::parse(text).ok()?;
    let decoded =
        |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned());
    let mut all = Vec::new();
    let mut add = |name: &str, value: Option<String>| match value {
        Some(value) if !value.is_empty() => all.push((name.to_owned(), value)),
        _ => {}
    };
    add("host", decoded(url.host_str().unwrap_or_default()));
    add("port", url.port().map(|port| port.to_string()));
    add("dbname", decoded(url.path().trim_start_matches('/')));
    add("user", decoded(url.username()));
    add("password", decoded(url.password().unwrap_or_default()));
    for (name, value) in url.query_pairs() {
        add(&name, Some(value.into_owned()));
    }
    Some(all)
}

/// The parameters of a connection string: `name = value`, separated by white space; a value in quotes may hold anything, and a
/// backslash takes the next character as it is.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let mut all = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, value) = rest.split_once('=')?;
        let value = value.trim_start();
        let is_quoted = value.starts_with('\'');
        let mut read = String::new();
        let mut characters = value.char_indices().skip(usize::from(is_quoted));
        let mut end = None;
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => read.push(characters.next()?.1),
                '\'' if is_quoted => {
                    end = Some(at + 1);
                    break;
                }
                character if character.is_whitespace() && !is_quoted => {
                    end = Some(at);
                    break;
                }
                character => read.push(character),
            }
        }
        if is_quoted && end.is_none() {
            return None;
        }
        all.push((name.trim().to_owned(), read));
        rest = value[end.unwrap_or(value.len())..].trim_start();
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn every_form_names_the_same_database() {
        for text in [
            "ducklake:postgres:host=db port=5433 dbname=lake user=me password='hunter 2'",
            "ducklake:postgres: host = db  port= 5433 dbname ='lake' user=me password=hunter\\ 2 ",
            "ducklake:postgres://me:hunter%202@db:5433/lake",
            "ducklake:postgresql://me:hunter%202@db:5433/lake",
            "ducklake:postgres:postgres://me:hunter%202@db:5433/lake",
        ] {
            let catalog = LakeCatalog::parse(text).unwrap();
            assert_eq!(catalog.password(), Some("hunter 2"), "{text}");
            assert_eq!(catalog.connection_string(&[]), "host='db' port='5433' dbname='lake' user='me'", "{text}");
            assert_eq!(catalog.to_string(), "ducklake:postgres:host=db port=5433 dbname=lake", "{text}");
            assert!(!format!("{catalog:?}").contains("hunter"));
        }
    }

    #[test]
    fn what_the_server_adds_counts_where_it_was_not_given() {
        let catalog = LakeCatalog::parse("ducklake:postgres:dbname='a''s' options='-c x=1' sslmode=require");
        assert_eq!(catalog, None, "two values without space between them");
        let catalog = LakeCatalog::parse("ducklake:postgres:dbname='a\\'s' options='-c x=1' sslmode=require").unwrap();
        assert_eq!(
            catalog.connection_string(&[("options", "-c y=2"), ("sslmode", "prefer"), ("connect_timeout", "5")]),
            "dbname='a\\'s' options='-c x=1 -c y=2' sslmode='require' connect_timeout='5'"
        );
    }

    #[test]
    fn what_names_no_catalog_is_none() {
        for text in [
            "",
            "ducklake:",
            "ducklake:metadata.ducklake",
            "ducklake:sqlite:metadata.db",
            "ducklake:postgres:lake",
            "ducklake:postgres:dbname='lake",
            "ducklake:postgres:DB NAME=lake",
            "ducklake:postgres://me@db:port/lake",
            "postgres://me@db/lake",
        ] {
            assert_eq!(LakeCatalog::parse(text), None, "{text}");
        }
    }
}
