//! What the operator asked for.
//!
//! Every setting stands once, in the table [`SETTINGS`]; flags, their help, environment variables, TOML keys and
//! `docs/configuration.md` are made from it. A flag beats an environment variable, which beats the TOML file, which
//! beats the default. Whatever nobody could have meant (an unknown key, a value that cannot be) is an error, and
//! never passed over.

mod error;
mod kind;
mod memory;
mod options;
mod reference;
mod setting;
mod size;
mod source;
#[cfg(test)]
mod tests;

pub use error::ConfigError;
pub use kind::Kind;
pub use memory::MemoryLimits;
pub use options::{Config, Database, LogFormat, LogLevel, StoreUrl, Tls};
pub use reference::{arguments, reference};
pub use setting::{SETTINGS, Setting, find};
pub use size::Size;
pub use source::{DEFAULT_FILE, Sources};
