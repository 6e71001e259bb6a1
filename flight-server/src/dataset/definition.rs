//! What a dataset is: its name, where its files are, and what they hold.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::error::{Error, ErrorCode};

/// What a dataset is said to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its name, which is that of its table.
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

impl Format {
    /// The name by which it is chosen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Json => "json",
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
        [Self::Parquet, Self::Csv, Self::Json].into_iter().find(|format| format.name() == name).ok_or_else(|| {
            Error::new(
                ErrorCode::OptionInvalid,
                format!("\"{name}\" is no format of a dataset; use parquet, csv or json"),
            )
        })
    }
}
