//! What the operator asked for.
//!
//! Every setting stands once, in the table [`SETTINGS`]; flags, their help, environment variables, TOML keys and
//! `docs/configuration.md` are made from it. A flag beats an environment variable, which beats the TOML file, which
//! beats the default. Whatever nobody could have meant (an unknown key, a value that cannot be) is an error, and
//! never passed over.

mod error;
mod kind;
mod lake;
mod memory;
mod options;
mod reference;
mod secret;
mod setting;
mod size;
mod source;
mod store_url;
mod tables;
#[cfg(test)]
mod tests;

pub use error::ConfigError;
pub(crate) use error::nearest;
pub use kind::Kind;
pub use lake::LakeCatalog;
pub use memory::MemoryLimits;
pub use options::{Config, Database, LogFormat, LogLevel, Tls};
pub use reference::{arguments, arguments_of, reference};
pub use secret::{Secret, SecretKind, SecretOption, SecretSource, SecretText, SecretValue};
#[cfg(test)]
pub(crate) use setting::CLIENT_VARIABLES;
pub use setting::{SETTINGS, Setting, find};
pub use size::Size;
pub use source::{DEFAULT_FILE, Sources};
pub use store_url::StoreUrl;
