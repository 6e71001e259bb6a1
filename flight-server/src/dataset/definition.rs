//! What a dataset is: its name, where its files are, and what they hold.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use url::Url;

use super::location;
use crate::config::SecretKind;
use crate::error::{Error, ErrorCode, Result};

/// The most characters of a dataset's name: those that PostgreSQL's clients and tools take.
const LONGEST_NAME: usize = 63;

/// What a dataset is said to be.
///
/// One made by [`Definition::new`] has a name that needs no quotes, and a URL without any credential.
#[derive(Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its name, which is that of its table. Names are compared without case.
    pub name: String,
    /// Where its files are: one file, a pattern (`*`, `**`), or everything below a directory.
    pub url: Url,
    /// What its files hold.
    pub format: Format,
    /// The name of the secret that opens it; the environment's credentials when `None`.
    pub secret: Option<String>,
}

/// What the files of a dataset hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values, with a header or without.
    Csv,
    /// JSON objects, one a line.
    Json,
}

impl Definition {
    /// A dataset of this name over the files at `url`: a path on this machine (a relative one is made absolute), or a
    /// URL of one of the schemes `file`, `s3`, `gs`, `az`, `abfs`, `abfss`, `http` and `https`. Without `format` the
    /// extension of the files tells it: `.parquet`, `.csv`, `.json`, `.ndjson`, `.jsonl`, the texts also with `.gz`.
    ///
    /// # Errors
    /// `OPTION_INVALID` telling what is wrong with which of them. A URL that carries a credential is refused, because
    /// URLs are stored and shown; the message does not repeat it.
    pub fn new(name: &str, url: &str, format: Option<Format>, secret: Option<String>) -> Result<Self> {
        check_name(name)?;
        let url = location::parse(url).map_err(|reason| invalid(name, &reason))?;
        let format = match format.or_else(|| Format::of_path(url.path())) {
            Some(format) => format,
            None => {
                return Err(invalid(
                    name,
                    &format!(
                        "the extension of {} does not tell its format; say it with --format parquet, csv or json (`format` in TOML)",
                        location::shown(&url)
                    ),
                ));
            }
        };
        if secret.is_some() && url.scheme() == "file" {
            return Err(invalid(name, "files of this machine are opened without a secret; leave the secret out"));
        }
        Ok(Self { name: name.to_owned(), url, format, secret })
    }

    /// Whether a secret of this name and kind opens URLs like this one's.
    ///
    /// # Errors
    /// `OPTION_INVALID` when it does not.
    pub fn check_secret_kind(&self, secret: &str, kind: SecretKind) -> Result<()> {
        if kind.schemes().contains(&self.url.scheme()) {
            return Ok(());
        }
        let reason = format!(
            "the secret {secret} is of type {}, which does not open {} URLs; use another secret",
            kind.name(),
            self.url.scheme()
        );
        Err(invalid(&self.name, &reason))
    }

    /// Where its files are, for logs, messages and people: without the query.
    pub fn shown_url(&self) -> String {
        location::shown(&self.url)
    }

    /// The name by which it is told from others, whatever its case.
    pub fn key(&self) -> String {
        self.name.to_ascii_lowercase()
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition")
            .field("name", &self.name)
            .field("url", &self.shown_url())
            .field("format", &self.format)
            .field("secret", &self.secret)
            .finish()
    }
}

/// Names need no quotes in SQL, and are the same in every engine.
fn check_name(name: &str) -> Result<()> {
    let starts = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let is_plain = starts && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_plain && name.len() <= LONGEST_NAME {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::OptionInvalid,
        format!(
            "\"{}\" is no name of a dataset: it must be a letter or `_`, then letters, digits and `_`, at most {LONGEST_NAME} in all",
            name.escape_debug()
        ),
    ))
}

fn invalid(name: &str, reason: &str) -> Error {
    Error::new(ErrorCode::OptionInvalid, format!("dataset {name}: {reason}"))
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Parquet, Self::Csv, Self::Json];

    /// The name by which it is chosen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }

    /// What the extension of the last part of a path says, where it says anything.
    fn of_path(path: &str) -> Option<Self> {
        let last = path.trim_end_matches('/').rsplit('/').next()?.to_ascii_lowercase();
        let (text, is_packed) = match last.strip_suffix(".gz") {
            Some(text) => (text, true),
            None => (last.as_str(), false),
        };
        match Path::new(text).extension()?.to_str()? {
            "parquet" if !is_packed => Some(Self::Parquet),
            "csv" => Some(Self::Csv),
            "json" | "ndjson" | "jsonl" => Some(Self::Json),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| {
            Error::new(
                ErrorCode::OptionInvalid,
                format!("\"{}\" is no format of a dataset; use parquet, csv or json", name.escape_debug()),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn define(url: &str) -> Result<Definition> {
        Definition::new("d", url, None, None)
    }

    #[test]
    fn a_name_needs_no_quotes_in_any_engine() {
        for name in ["a", "_", "Flights_2024", &"x".repeat(63)] {
            assert!(Definition::new(name, "/a.csv", None, None).is_ok(), "{name}");
        }
        for name in ["", "1a", "a-b", "a b", "é", "a.b", "a\"b", &"x".repeat(64)] {
            let error = Definition::new(name, "/a.csv", None, None).unwrap_err();
            assert_eq!(error.code, ErrorCode::OptionInvalid, "{name}");
        }
        assert_eq!(Definition::new("Flights", "/a.csv", None, None).unwrap().key(), "flights");
    }

    #[test]
    fn the_extension_tells_the_format() {
        let told = [
            ("/a/b.parquet", Format::Parquet),
            ("/a/*.PARQUET", Format::Parquet),
            ("/a/b.parquet/", Format::Parquet),
            ("/a/b.csv", Format::Csv),
            ("/a/b.csv.gz", Format::Csv),
            ("/a/b.json", Format::Json),
            ("/a/b.json.gz", Format::Json),
            ("/a/b.ndjson", Format::Json),
            ("/a/b.jsonl.gz", Format::Json),
            ("https://h/a.csv?version=2", Format::Csv),
        ];
        for (url, format) in told {
            assert_eq!(define(url).unwrap().format, format, "{url}");
        }
        for url in ["/a/b", "/a/b/", "s3://bucket", "/a/**/part-*", "/a/b.parquet.gz", "/a/b.txt", "/a/.csv"] {
            let error = define(url).unwrap_err();
            assert!(error.message.contains("--format"), "{url}: {error}");
            assert_eq!(Definition::new("d", url, Some(Format::Json), None).unwrap().format, Format::Json, "{url}");
        }
    }

    #[test]
    fn a_format_is_named_as_it_is_shown() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse::<Format>().unwrap(), format);
        }
        assert!("Parquet".parse::<Format>().is_err());
    }

    #[test]
    fn files_of_this_machine_take_no_secret() {
        let error = Definition::new("d", "/a.csv", None, Some("s".to_owned())).unwrap_err();
        assert!(error.message.contains("leave the secret out"), "{error}");
        assert!(Definition::new("d", "s3://b/a.csv", None, Some("s".to_owned())).is_ok());
    }

    #[test]
    fn no_query_is_shown() {
        let definition = define("https://h/a.csv?version=hunter2").unwrap();
        assert_eq!(definition.shown_url(), "https://h/a.csv?…");
        assert!(!format!("{definition:?}").contains("hunter2"));
        assert!(definition.url.as_str().contains("hunter2"));
    }
}
