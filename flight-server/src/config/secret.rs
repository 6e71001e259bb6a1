//! Credentials of object stores, by the names under which datasets use them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::ConfigError;

/// A credential of an object store, under a name. `Debug` shows which options it has, and of none the value.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    name: String,
    kind: SecretKind,
    options: BTreeMap<String, SecretText>,
}

/// A text that is wiped from memory when it is dropped, and that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

/// What a secret opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// Amazon S3 and what speaks its protocol: `s3:` URLs.
    S3,
    /// Google Cloud Storage: `gs:` URLs.
    Gcs,
    /// Azure Blob Storage: `az:`, `abfs:` and `abfss:` URLs.
    Azure,
    /// A web server: `http:` and `https:` URLs.
    Http,
}

/// An option that a kind of secret has.
#[derive(Debug, Clone, Copy)]
pub struct SecretOption {
    /// Its key. One that [is a credential](Self::is_credential) can be given as `<key>_file` too, with the path of a file
    /// that holds it.
    pub key: &'static str,
    /// What it may be.
    pub value: SecretValue,
    /// What it means.
    pub help: &'static str,
}

/// What an option of a secret may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretValue {
    /// Any text; a credential.
    Credential,
    /// Any text that may be known.
    Text,
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl SecretOption {
    /// Whether its value is nobody's business.
    pub fn is_credential(&self) -> bool {
        self.value == SecretValue::Credential
    }
}

const fn option(key: &'static str, value: SecretValue, help: &'static str) -> SecretOption {
    SecretOption { key, value, help }
}

const S3: &[SecretOption] = &[
    option("access_key_id", SecretValue::Text, "The id of the access key."),
    option("secret_access_key", SecretValue::Credential, "The access key."),
    option("session_token", SecretValue::Credential, "The token of temporary credentials."),
    option("region", SecretValue::Text, "The region of the bucket, such as `eu-central-1`."),
    option("endpoint", SecretValue::Text, "The URL of a server that speaks S3, where it is not Amazon's."),
    option("allow_http", SecretValue::Switch, "Allows an `endpoint` without TLS."),
    option(
        "url_style",
        SecretValue::Choice(&["path", "vhost"]),
        "Whether the bucket stands in the path or in the host name of requests.",
    ),
];
const GCS: &[SecretOption] =
    &[option("service_account", SecretValue::Credential, "The key of a service account, as JSON.")];
const AZURE: &[SecretOption] = &[
    option("account", SecretValue::Text, "The storage account."),
    option("access_key", SecretValue::Credential, "An access key of the account."),
    option("sas_token", SecretValue::Credential, "A shared access signature, as the query of a URL."),
];
const HTTP: &[SecretOption] = &[option("bearer_token", SecretValue::Credential, "Sent as `Authorization: Bearer`.")];

impl SecretKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::S3, Self::Gcs, Self::Azure, Self::Http];

    /// The name by which it is chosen.
    pub fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gcs",
            Self::Azure => "azure",
            Self::Http => "http",
        }
    }

    /// The schemes of the URLs that it opens.
    pub fn schemes(self) -> &'static [&'static str] {
        match self {
            Self::S3 => &["s3"],
            Self::Gcs => &["gs"],
            Self::Azure => &["az", "abfs", "abfss"],
            Self::Http => &["http", "https"],
        }
    }

    /// The options that it has.
    pub fn options(self) -> &'static [SecretOption] {
        match self {
            Self::S3 => S3,
            Self::Gcs => GCS,
            Self::Azure => AZURE,
            Self::Http => HTTP,
        }
    }
}

impl Secret {
    /// A secret with these options.
    pub fn new(name: &str, kind: SecretKind, options: impl IntoIterator<Item = (String, SecretText)>) -> Self {
        Self { name: name.to_owned(), kind, options: options.into_iter().collect() }
    }

    /// The name by which datasets use it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it opens.
    pub fn kind(&self) -> SecretKind {
        self.kind
    }

    /// The value of one of the [options](SecretKind::options) of its kind, where it is given. What was given in a file is
    /// found under the key without `_file`.
    pub fn option(&self, key: &str) -> Option<&str> {
        debug_assert!(self.kind.options().iter().any(|option| option.key == key), "`{key}` is in no table of options");
        self.options.get(key).map(SecretText::expose)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("options", &self.options.keys().collect::<Vec<_>>())
            .finish()
    }
}

impl SecretText {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A secret as the configuration has it: some of its credentials may be in files that have not been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSource {
    pub(super) secret: Secret,
    /// The files, by the keys of the options that they hold.
    pub(super) files: BTreeMap<String, PathBuf>,
}

impl SecretSource {
    /// The name by which datasets use it.
    pub fn name(&self) -> &str {
        self.secret.name()
    }

    /// What it opens.
    pub fn kind(&self) -> SecretKind {
        self.secret.kind()
    }

    /// The secret, with what is in its files. White space around the content of a file does not count.
    ///
    /// # Errors
    /// When a file can't be read, is empty, or is not text.
    pub fn read(&self) -> Result<Secret, ConfigError> {
        let mut secret = self.secret.clone();
        for (key, file) in &self.files {
            let text = read_credential(file).map_err(|reason| ConfigError::SecretFile {
                key: format!("secrets.{}.{key}_file", self.name()),
                path: file.clone(),
                reason,
            })?;
            secret.options.insert(key.clone(), text);
        }
        Ok(secret)
    }
}

fn read_credential(file: &Path) -> Result<SecretText, String> {
    let text = Zeroizing::new(std::fs::read_to_string(file).map_err(|error| error.to_string())?);
    match text.trim() {
        "" => Err("it is empty".to_owned()),
        text => Ok(text.to_owned().into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn source(file: &Path) -> SecretSource {
        let options = [("access_key_id".to_owned(), SecretText::from("hunter1".to_owned()))];
        SecretSource {
            secret: Secret::new("lake", SecretKind::S3, options),
            files: BTreeMap::from([("secret_access_key".to_owned(), file.to_owned())]),
        }
    }

    #[test]
    fn a_credential_in_a_file_is_found_under_its_own_key() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        std::fs::write(&file, " hunter2\n").unwrap();
        let secret = source(&file).read().unwrap();
        assert_eq!(secret.option("access_key_id"), Some("hunter1"));
        assert_eq!(secret.option("secret_access_key"), Some("hunter2"));
        assert_eq!(secret.option("region"), None);
    }

    #[test]
    fn a_file_without_a_credential_is_an_error_that_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        let text = source(&file).read().unwrap_err().to_string();
        assert!(text.contains("secrets.lake.secret_access_key_file") && text.contains("key"), "{text}");
        std::fs::write(&file, "\n").unwrap();
        assert!(source(&file).read().unwrap_err().to_string().ends_with("it is empty"));
    }

    #[test]
    fn no_value_of_a_secret_is_shown() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        std::fs::write(&file, "hunter2").unwrap();
        let shown = format!("{:?} {:?}", source(&file), source(&file).read().unwrap());
        assert!(shown.contains("access_key_id") && !shown.contains("hunter"), "{shown}");
    }
}
