//! What has a name of the operator's choice: the tables `[datasets.NAME]` and `[secrets.NAME]`, and `--dataset`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use figment::value::{Dict, Value};

use super::error::{ConfigError, nearest};
use super::kind::listed;
use super::secret::{Secret, SecretKind, SecretOption, SecretSource, SecretText, SecretValue};
use super::source::{Sources, scalar};
use crate::dataset::Definition;

/// The tables that the configuration file may have beside the settings.
pub(super) const TABLES: [&str; 2] = [DATASETS, SECRETS];
const DATASETS: &str = "datasets";
const SECRETS: &str = "secrets";
/// What the key of a credential ends with when its value is the path of a file.
const FILE: &str = "_file";

/// All secrets, by name.
///
/// # Errors
/// The first thing that is wrong with one, without its value.
pub(super) fn secrets(sources: &Sources) -> Result<Vec<SecretSource>, ConfigError> {
    entries(sources, SECRETS)?.into_iter().map(|entry| secret(&entry)).collect()
}

/// All datasets of the configuration: those of flag or variable, then those of the file that are not among them.
///
/// # Errors
/// The first thing that is wrong with one, or a secret that none of `secrets` is.
pub(super) fn datasets(sources: &Sources, secrets: &[SecretSource]) -> Result<Vec<Definition>, ConfigError> {
    let origin = sources.origin("dataset");
    let mut datasets = Vec::new();
    let mut names = BTreeSet::new();
    for text in sources.list("dataset")? {
        let wrong = |reason: String| ConfigError::Dataset { origin: origin.clone(), reason };
        let Some((name, url)) = text.split_once('=') else {
            return Err(wrong("write it as NAME=URL".to_owned()));
        };
        let dataset = Definition::new(name, url, None, None).map_err(|error| wrong(error.message))?;
        if !names.insert(dataset.key()) {
            return Err(wrong(format!("dataset {name} is given twice")));
        }
        datasets.push(dataset);
    }
    let mut in_file = BTreeSet::new();
    for entry in entries(sources, DATASETS)? {
        let dataset = dataset(&entry, secrets)?;
        if !in_file.insert(dataset.key()) {
            return Err(entry.wrong_dataset("it is there twice: names are compared without case".to_owned()));
        }
        if names.insert(dataset.key()) {
            datasets.push(dataset);
        }
    }
    Ok(datasets)
}

/// One table of the file: `[datasets.flights]`.
struct Entry<'a> {
    sources: &'a Sources,
    table: &'static str,
    name: String,
    values: Dict,
}

fn entries<'a>(sources: &'a Sources, table: &'static str) -> Result<Vec<Entry<'a>>, ConfigError> {
    let Some(value) = sources.table(table) else { return Ok(Vec::new()) };
    let not_a_table = |key: &str| ConfigError::Invalid {
        origin: sources.in_file(key),
        value: "no table".to_owned(),
        expected: format!("a table `[{table}.NAME]`"),
        nearest: None,
    };
    let Value::Dict(_, entries) = value else { return Err(not_a_table(table)) };
    entries
        .into_iter()
        .map(|(name, value)| match value {
            Value::Dict(_, values) => Ok(Entry { sources, table, name, values }),
            _ => Err(not_a_table(&format!("{table}.{name}"))),
        })
        .collect()
}

impl Entry<'_> {
    /// A key, for messages: ``key `datasets.flights.url` in pintail.toml``.
    fn origin(&self, key: &str) -> String {
        self.sources.in_file(&format!("{}.{}.{key}", self.table, self.name))
    }

    fn text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        let Some(value) = self.values.get(key) else { return Ok(None) };
        scalar(value).map(Some).ok_or_else(|| self.invalid(key, "a list or table", "a text"))
    }

    fn check_keys<'k>(&self, known: impl Iterator<Item = &'k str> + Clone) -> Result<(), ConfigError> {
        match self.values.keys().find(|key| !known.clone().any(|known| known == key.as_str())) {
            None => Ok(()),
            Some(key) => Err(ConfigError::Unknown { what: self.origin(key), nearest: nearest(key, known) }),
        }
    }

    fn invalid(&self, key: &str, value: &str, expected: &str) -> ConfigError {
        ConfigError::Invalid {
            origin: self.origin(key),
            value: value.to_owned(),
            expected: expected.to_owned(),
            nearest: None,
        }
    }

    fn missing(&self, key: &str, expected: &str) -> ConfigError {
        self.invalid(key, "missing", expected)
    }

    fn wrong_dataset(&self, reason: String) -> ConfigError {
        ConfigError::Dataset { origin: self.sources.in_file(&format!("{}.{}", self.table, self.name)), reason }
    }
}

fn dataset(entry: &Entry<'_>, secrets: &[SecretSource]) -> Result<Definition, ConfigError> {
    entry.check_keys(["url", "format", "secret"].into_iter())?;
    let wrong = |reason: String| entry.wrong_dataset(reason);
    let url = entry.text("url")?.ok_or_else(|| entry.missing("url", "where the files are"))?;
    let format = match entry.text("format")? {
        Some(text) => Some(text.parse().map_err(|error: crate::error::Error| wrong(error.message))?),
        None => None,
    };
    let name = entry.text("secret")?;
    let dataset = Definition::new(&entry.name, &url, format, name.clone()).map_err(|error| wrong(error.message))?;
    if let Some(name) = name {
        let Some(secret) = secrets.iter().find(|secret| secret.name() == name) else {
            return Err(ConfigError::Unknown {
                what: format!("secret `{}` of {}", name.escape_debug(), entry.origin("secret")),
                nearest: nearest(&name, secrets.iter().map(SecretSource::name)),
            });
        };
        dataset.check_secret_kind(secret.name(), secret.kind()).map_err(|error| wrong(error.message))?;
    }
    Ok(dataset)
}

fn secret(entry: &Entry<'_>) -> Result<SecretSource, ConfigError> {
    let kinds = SecretKind::ALL.map(SecretKind::name);
    let expected = || format!("one of {}", listed(&kinds));
    let Some(text) = entry.text("type")? else { return Err(entry.missing("type", &expected())) };
    let Some(kind) = SecretKind::ALL.into_iter().find(|kind| kind.name() == text) else {
        return Err(ConfigError::Invalid {
            origin: entry.origin("type"),
            value: format!("`{}`", text.escape_debug()),
            expected: expected(),
            nearest: nearest(&text, kinds),
        });
    };
    let files: Vec<String> = kind
        .options()
        .iter()
        .filter(|option| option.is_credential())
        .map(|option| format!("{}{FILE}", option.key))
        .collect();
    let keys = kind.options().iter().map(|option| option.key).chain(files.iter().map(String::as_str));
    entry.check_keys(keys.chain(["type"]))?;

    let mut options = BTreeMap::new();
    let mut paths = BTreeMap::new();
    for option in kind.options() {
        let given = entry.text(option.key)?.map(SecretText::from);
        let file = if option.is_credential() { entry.text(&format!("{}{FILE}", option.key))? } else { None };
        match (given, file) {
            (Some(_), Some(_)) => {
                return Err(ConfigError::Conflict(format!(
                    "{} is given in a file too; give one of the two",
                    entry.origin(option.key)
                )));
            }
            (Some(text), None) => {
                check_value(entry, option, text.expose())?;
                options.insert(option.key.to_owned(), text);
            }
            (None, Some(path)) if path.is_empty() => {
                return Err(entry.invalid(&format!("{}{FILE}", option.key), "empty", "the path of a file"));
            }
            (None, Some(path)) => {
                paths.insert(option.key.to_owned(), PathBuf::from(path));
            }
            (None, None) => {}
        }
    }
    Ok(SecretSource { secret: Secret::new(&entry.name, kind, options), files: paths })
}

/// Checks a value; the error does not show it, because what stands in the wrong place may be the credential.
fn check_value(entry: &Entry<'_>, option: &SecretOption, text: &str) -> Result<(), ConfigError> {
    let wrong = |expected: &str| Err(entry.invalid(option.key, "something else", expected));
    match option.value {
        _ if text.trim().is_empty() => Err(entry.invalid(option.key, "empty", "a text")),
        SecretValue::Switch if text.parse::<bool>().is_err() => wrong("`true` or `false`"),
        SecretValue::Choice(words) if !words.contains(&text) => wrong(&format!("one of {}", listed(words))),
        _ => Ok(()),
    }
}
