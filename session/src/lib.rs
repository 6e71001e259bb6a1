//! The durable session table: who owns which session, and what a peer needs to carry on when that owner dies.
//!
//! The crate is the ground that takeover stands on. It holds [`NodeRecord`]s with their leases, [`SessionRecord`]s
//! with their owners and epochs, the journal of what a peer replays, and prepared statements; and, beside the sessions,
//! the [`DatasetRecord`]s that all nodes show alike. It runs nothing itself: when to renew, claim, release or sweep is the
//! caller's decision.
//!
//! # Invariants
//!
//! - **No Arrow Flight, no engine.** The crate builds without either and could serve any protocol.
//! - **One owner.** Ownership changes only by [`SessionStore::claim`], one compare-and-swap on the epoch.
//! - **Every write of an owner is fenced.** A [`Fence`] names session, incarnation and epoch; the store compares all
//!   three, and the owner's lease, in the same statement that writes. A stale owner changes nothing and is told so.
//! - **The writes of an owner stay in order.** Each has a [`WriteNumber`]. An owner that had no answer in time goes on; what it gave
//!   up may arrive later, and is then not made.
//! - **Every clock is the store's.** No call takes a time; durations only. A node whose clock is wrong can't expire or
//!   keep a session.
//! - **A lease that is over stays over.** An incarnation that lost its lease never gets it back: a process that slept
//!   through it must start anew, as a fresh [`Incarnation`] with fresh claims.
//! - **No secret is stored or shown.** Tokens are kept as keyed hashes ([`TokenHash`]); `Debug` of whatever may carry a
//!   credential (tokens, keys, SQL text, option values, the queries of URLs) leaves it out.
//! - **A dataset has one set of columns.** Whoever describes a [`Generation`] of it first fixes them for all nodes.
//!
//! # Stores
//!
//! `SqliteStore` (feature `sqlite`) is the embedded default: one machine, several processes. `PostgresStore` (feature
//! `postgres`) is shared by the nodes of a cluster. [`ModelStore`] is the same contract in memory with a clock that
//! tests move. One conformance suite runs against all three.

#![forbid(unsafe_code)]

mod dataset;
mod error;
mod id;
mod model;
mod period;
#[cfg(feature = "postgres")]
mod postgres;
mod record;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod token;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod words;

pub use dataset::{DatasetHealth, DatasetRecord, DatasetState, DatasetVersion, Generation, NewDataset};
pub use error::{FenceLoss, Result, StoreError};
pub use id::{Epoch, IdError, Incarnation, Principal, SessionId};
pub use model::{Clock, ManualClock, ModelStore};
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
pub use record::{
    Claim, EndedSession, ExpiredSession, Fence, JournalEntry, NewSession, NodeLoad, NodeRecord, NodeRegistration,
    NodeRole, NodeState, PreparedRecord, Renewal, RoleError, SessionRecord, SessionState, Swept, WriteNumber,
};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use store::SessionStore;
pub use token::{Token, TokenError, TokenHash, TokenKey};
