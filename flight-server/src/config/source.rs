//! Where values come from, and which of them counts.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use clap::parser::ValueSource;
use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};

use super::error::{ConfigError, nearest};
use super::kind::Kind;
use super::setting::{CLIENT_VARIABLES, SETTINGS, Setting, VARIABLE_PREFIX, find};
use super::tables::TABLES;

/// The configuration file that is read when it exists and no other is named.
pub const DEFAULT_FILE: &str = "pintail.toml";

/// All sources, the stronger over the weaker.
pub struct Sources {
    merged: Figment,
    file: Option<PathBuf>,
}

/// One source: flags, environment or file.
struct Layer {
    metadata: Metadata,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

const FLAGS: &str = "flags";
const ENVIRONMENT: &str = "environment";
const FILE: &str = "file";

impl Sources {
    /// Reads flags, environment and file of this process.
    ///
    /// # Errors
    /// When a key is unknown, or the file cannot be read.
    pub fn read(flags: &ArgMatches) -> Result<Self, ConfigError> {
        Self::from_parts(flag_values(flags), std::env::vars_os(), Path::new(DEFAULT_FILE))
    }

    /// The same from what was given: flags by name, the environment, and the file to read where none is named.
    pub(super) fn from_parts(
        flags: Dict,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        default_file: &Path,
    ) -> Result<Self, ConfigError> {
        let layer = |name, values| Layer { metadata: Metadata::named(name), values };
        let strong = Figment::new().merge(layer(ENVIRONMENT, variable_values(environment)?)).merge(layer(FLAGS, flags));

        let mut sources = Self { merged: strong, file: None };
        let named = sources.parsed("config", |text| (!text.is_empty()).then(|| PathBuf::from(text)))?;
        if let Some(file) = named.or_else(|| default_file.exists().then(|| default_file.to_owned())) {
            let metadata = Metadata::named(FILE).source(Source::File(file.clone()));
            sources.merged =
                Figment::new().merge(Layer { metadata, values: file_values(&file)? }).merge(sources.merged);
            sources.file = Some(file);
        }
        Ok(sources)
    }

    /// The text of a setting as `read` understands it; `None` when it is not set.
    ///
    /// # Errors
    /// When `read` does not understand it.
    pub(super) fn parsed<T>(&self, name: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, ConfigError> {
        let Some((setting, value)) = self.value(name) else { return Ok(None) };
        let Some(text) = scalar(&value) else {
            return Err(self.invalid(setting, &value, "a list or table"));
        };
        match read(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(self.invalid(setting, &value, &text)),
        }
    }

    /// The texts of a setting that takes several; none when it is not set.
    ///
    /// # Errors
    /// When it is not a list of texts, or one of them is empty.
    pub(super) fn list(&self, name: &str) -> Result<Vec<String>, ConfigError> {
        let Some((setting, value)) = self.value(name) else { return Ok(Vec::new()) };
        let texts = match &value {
            Value::Array(_, items) => items.iter().map(scalar).collect::<Option<Vec<_>>>(),
            // A single text stands for a list of one, except in the environment, where it is all there is.
            _ => scalar(&value).map(|text| match (self.is_from(&value, ENVIRONMENT), setting.kind) {
                // The URL of a dataset has colons itself.
                (true, Kind::Datasets) => text.split_ascii_whitespace().map(str::to_owned).collect(),
                (true, _) => text.split(':').map(str::to_owned).collect(),
                (false, _) => vec![text],
            }),
        };
        match texts {
            Some(texts) if texts.iter().all(|text| !text.is_empty()) => Ok(texts),
            _ => Err(self.invalid(
                setting,
                &value,
                &scalar(&value).unwrap_or_else(|| "a list with an empty entry".into()),
            )),
        }
    }

    /// A table of the file that is no setting.
    pub(super) fn table(&self, name: &str) -> Option<Value> {
        debug_assert!(TABLES.contains(&name), "`{name}` is no table of the file");
        self.merged.find_value(name).ok()
    }

    /// A key of the file, for messages about it.
    pub(super) fn in_file(&self, key: &str) -> String {
        match &self.file {
            Some(file) => format!("key `{key}` in {}", file.display()),
            None => format!("key `{key}`"),
        }
    }

    /// How a setting was given, for messages about it; its flag when it was not.
    pub(super) fn origin(&self, name: &str) -> String {
        match self.value(name) {
            Some((setting, value)) => self.origin_of(setting, &value),
            None => format!("--{name}"),
        }
    }

    /// Whether any source sets it.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    fn value(&self, name: &str) -> Option<(&'static Setting, Value)> {
        let setting = find(name);
        debug_assert!(setting.is_some(), "`{name}` is not in the table of settings");
        Some((setting?, self.merged.find_value(name).ok()?))
    }

    fn is_from(&self, value: &Value, layer: &str) -> bool {
        self.merged.get_metadata(value.tag()).is_some_and(|metadata| metadata.name == layer)
    }

    fn origin_of(&self, setting: &Setting, value: &Value) -> String {
        let metadata = self.merged.get_metadata(value.tag());
        match metadata.and_then(|metadata| metadata.source.as_ref()).and_then(Source::file_path) {
            Some(file) => format!("key `{}` in {}", setting.name, file.display()),
            None if self.is_from(value, ENVIRONMENT) => setting.variable(),
            None => setting.flag(),
        }
    }

    /// That `setting` cannot be `text`.
    fn invalid(&self, setting: &Setting, value: &Value, text: &str) -> ConfigError {
        // The URL of a store or a dataset may carry a password.
        let shown = match (setting.kind, text.split_once("://")) {
            (Kind::Datasets, _) => "something else".to_owned(),
            (Kind::Store, Some((scheme, _))) => format!("`{scheme}://…`"),
            _ if text.is_empty() => "empty".to_owned(),
            _ => format!("`{}`", text.escape_debug()),
        };
        ConfigError::Invalid {
            origin: self.origin_of(setting, value),
            value: shown,
            expected: setting.kind.expected(),
            nearest: setting.kind.nearest(text),
        }
    }
}

/// A value as the text a flag would have.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Char(_, c) => Some(c.to_string()),
        Value::Bool(_, on) => Some(on.to_string()),
        Value::Num(_, number) => {
            let whole = number.to_i128().map(|n| n.to_string()).or_else(|| number.to_u128().map(|n| n.to_string()));
            whole.or_else(|| number.to_f64().map(|n| n.to_string()))
        }
        Value::Empty(..) | Value::Dict(..) | Value::Array(..) => None,
    }
}

pub(super) fn flag_values(flags: &ArgMatches) -> Dict {
    // A command may have the flags of a few settings only.
    let given = |setting: &&Setting| {
        flags.try_contains_id(setting.name).is_ok()
            && flags.value_source(setting.name) == Some(ValueSource::CommandLine)
    };
    SETTINGS
        .iter()
        .filter(given)
        .filter_map(|setting| {
            let mut texts = flags.get_many::<String>(setting.name)?.map(|text| Value::from(text.as_str()));
            let value = match setting.kind {
                Kind::Paths | Kind::Datasets => Value::from(texts.collect::<Vec<_>>()),
                _ => texts.next_back()?,
            };
            Some((setting.name.to_owned(), value))
        })
        .collect()
}

fn variable_values(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Dict, ConfigError> {
    let known: BTreeMap<String, &Setting> = SETTINGS.iter().map(|setting| (setting.variable(), setting)).collect();
    let mut values = Dict::new();
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with(VARIABLE_PREFIX)) else { continue };
        let Some(setting) = known.get(name) else {
            if CLIENT_VARIABLES.contains(&name) {
                continue;
            }
            return Err(ConfigError::Unknown {
                what: format!("environment variable {name}"),
                nearest: nearest_after(VARIABLE_PREFIX, name, known.keys().map(String::as_str)),
            });
        };
        let Some(value) = value.to_str() else {
            return Err(ConfigError::Invalid {
                origin: name.to_owned(),
                value: "not UTF-8".to_owned(),
                expected: setting.kind.expected(),
                nearest: None,
            });
        };
        values.insert(setting.name.to_owned(), Value::from(value));
    }
    Ok(values)
}

/// Like [`nearest`], but likened without the prefix that all candidates have, which would make all of them alike.
fn nearest_after<'a>(prefix: &str, word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let strip = |name: &'a str| name.strip_prefix(prefix).unwrap_or(name);
    nearest(word.strip_prefix(prefix).unwrap_or(word), candidates.map(strip)).map(|name| format!("{prefix}{name}"))
}

fn file_values(file: &Path) -> Result<Dict, ConfigError> {
    let fail = |reason: String| ConfigError::File { path: file.to_owned(), reason };
    let text = std::fs::read_to_string(file).map_err(|error| fail(error.to_string()))?;
    let values: Dict = Toml::from_str(&text).map_err(|error| {
        // The error's own text quotes the line, in which a secret may stand.
        let line = error.span().map(|span| text[..span.start.min(text.len())].lines().count().max(1));
        match line {
            Some(line) => fail(format!("line {line}: {}", error.message())),
            None => fail(error.message().to_owned()),
        }
    })?;
    let is_known = |key: &str| TABLES.contains(&key) || find(key).is_some_and(Setting::in_file);
    match values.keys().find(|key| !is_known(key)) {
        None => Ok(values),
        Some(key) => Err(ConfigError::Unknown {
            what: format!("key `{key}` in {}", file.display()),
            nearest: nearest(
                key,
                SETTINGS.iter().filter(|setting| setting.in_file()).map(|setting| setting.name).chain(TABLES),
            ),
        }),
    }
}
