//! Who is calling: credentials as they come in, the users there are, and the secret from which every key is derived.
//!
//! No other module compares a secret. What is compared here is compared in constant time or through a keyed hash, and
//! no password, token or key appears in an error, a log line or a `Debug` output.

pub mod credentials;
mod mac;
pub mod secret;
pub mod users;

pub use credentials::Credentials;
pub(crate) use mac::{SIGNATURE, mac};
pub use secret::{ClusterSecret, Purpose, SecretError};
pub use users::{Users, UsersError};
