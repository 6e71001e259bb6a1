//! What can be wrong with a configuration.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// A configuration that cannot be used. The process ends with status 2.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// A key that no setting has.
    #[error("unknown {what}{}", DidYouMean(nearest.as_deref()))]
    Unknown {
        /// The key and where it stands: ``key `lisen` in pintail.toml``.
        what: String,
        /// The known key that is most like it.
        nearest: Option<String>,
    },
    /// A value that its setting cannot take.
    #[error("{origin} is {value}, but must be {expected}{}", DidYouMean(nearest.as_deref()))]
    Invalid {
        /// The setting, as it was given: `--listen`, `PINTAIL_LISTEN`, ``key `listen` in pintail.toml``.
        origin: String,
        /// The value, in quotes, without any secret it may carry.
        value: String,
        /// What the setting may be.
        expected: String,
        /// The right value that is most like it, where there is one.
        nearest: Option<String>,
    },
    /// A dataset that cannot be one.
    #[error("{origin}: {reason}")]
    Dataset {
        /// Where it stands: `--dataset`, ``key `datasets.flights` in pintail.toml``.
        origin: String,
        /// What is wrong with it, without any credential.
        reason: String,
    },
    /// A file with a credential that cannot be had.
    #[error("cannot read {} ({key}): {reason}", path.display())]
    SecretFile {
        /// The key that names it: `secrets.lake.secret_access_key_file`.
        key: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Two settings that do not go together.
    #[error("{0}")]
    Conflict(String),
    /// A configuration file that cannot be read.
    #[error("cannot read the configuration file {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, with the line where that is known.
        reason: String,
    },
}

/// Ends a message with a suggestion, where there is one.
struct DidYouMean<'a>(Option<&'a str>);

impl fmt::Display for DidYouMean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None => Ok(()),
        }
    }
}

/// The candidate most like `word`, if any is like it at all.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // Below this, suggestions are more often puzzling than helpful.
    const ALIKE: f64 = 0.7;
    let folded = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&folded, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate.to_owned())
}
