//! A Flight SQL client whose session goes on by itself.
//!
//! The session is named by a token, which any node takes. When a connection breaks, the token is presented to the next URI,
//! and what failed is asked for again where that can do no harm: what only reads is, and so are writes, which carry an id by
//! which the server knows them again. A result goes on behind the last batch that came. Another session is never begun in
//! place of one that is refused.
//!
//! [`Session`] is the entrance: [`Session::begin`] or [`Session::resume`], then [`Session::run`].

mod budget;
mod channel;
mod error;
mod lost;
mod mark;
mod metadata;
mod operation;
mod options;
mod rows;
mod scanner;
mod session;
mod sql_text;
mod statement;
mod uri;

pub use channel::ClientTls;
pub(crate) use channel::channel_to;
pub(crate) use error::with_causes;
pub use error::{ClientError, code};
pub use lost::Lost;
pub use metadata::Table;
pub use operation::{Canceller, Operation};
pub use rows::Rows;
pub use scanner::{Piece, PieceKind, Scanner};
pub use session::{Credentials, Patience, Session};
pub use sql_text::{StatementKind, kind};
pub use statement::{Outcome, Progress};
pub use uri::{ServerUri, UriError};
