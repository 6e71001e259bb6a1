//! What the table holds, as the rest of the server sees it.
//!
//! Moments are the store's. They are there to be shown; whether one has passed is answered by the store itself, in
//! [`SessionRecord::expired`], [`SessionRecord::owner_lease_over`] and [`NodeRecord::lease_left`], because the clock of
//! the node that reads may be wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use crate::{Epoch, Incarnation, Principal, SessionId, TokenHash};

/// Where a session is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// It has an owner, alive or not.
    Active,
    /// Its owner handed it back: any node may claim it at once.
    Released,
    /// It was ended by request. The row stays until swept, so that late calls can be told.
    Closed,
    /// It outlived its idle time or its greatest age. The row stays until swept, so that late calls can be told.
    Expired,
}

/// Where a node is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeState {
    /// It takes sessions.
    Live,
    /// It keeps what it has and takes nothing more.
    Draining,
    /// It ended, or its lease did. Its sessions can be claimed, and it never comes back as the same incarnation.
    Gone,
}

/// What a node is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NodeRole {
    /// It takes calls, and runs sessions.
    #[default]
    Both,
    /// It runs sessions. Whether it takes calls of clients too is the server's decision; to the store it is the same.
    Engine,
    /// It takes calls and passes them on. It never owns a session.
    Front,
}

/// The word is none of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the role of a node: it must be `both`, `engine` or `front`")]
pub struct RoleError;

impl NodeRole {
    /// The word for the role.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Engine => "engine",
            Self::Front => "front",
        }
    }
}

impl fmt::Display for NodeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for NodeRole {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        [Self::Both, Self::Engine, Self::Front].into_iter().find(|role| role.as_str() == text).ok_or(RoleError)
    }
}

/// What a node says of itself at each renewal; the fronts place sessions by it. All zero until the first renewal.
///
/// A store keeps numbers up to `i64::MAX`; a greater one is kept as that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NodeLoad {
    /// Sessions that it holds.
    pub sessions: u64,
    /// Statements that it runs.
    pub running: u64,
    /// Memory that its engines use, in bytes.
    pub memory_used: u64,
    /// Memory that its engines may use, in bytes.
    pub memory_limit: u64,
}

impl NodeLoad {
    /// The load with no number greater than a store keeps.
    pub(crate) fn storable(self) -> Self {
        let most = |n: u64| n.min(i64::MAX.unsigned_abs());
        Self {
            sessions: most(self.sessions),
            running: most(self.running),
            memory_used: most(self.memory_used),
            memory_limit: most(self.memory_limit),
        }
    }

    /// The four numbers, in the order of the fields, as a column of a database takes them.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn numbers(self) -> [i64; 4] {
        let Self { sessions, running, memory_used, memory_limit } = self;
        [sessions, running, memory_used, memory_limit].map(|n| i64::try_from(n).unwrap_or(i64::MAX))
    }
}

/// What the store tells a node whose lease it extended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Renewal {
    /// Whether an operator asked the node to drain. Once asked, it stays so for the life of the incarnation.
    pub drain_requested: bool,
    /// Sessions of the node that an operator ended, by their ids. The node drops them and
    /// [acknowledges](crate::SessionStore::acknowledge_revoked) it; until then it is told at each renewal.
    pub revoked: Vec<SessionId>,
}

/// What came of an operator's order to end a session.
#[derive(Debug, Clone)]
pub enum EndedSession {
    /// It was ended now. The record shows it as it was before.
    Ended(SessionRecord),
    /// It had ended before, as the record tells, and was left as it is.
    HadEnded(SessionRecord),
    /// There is no such session, or no longer.
    Unknown,
}

/// A session to be created.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its id, that of its token.
    pub id: SessionId,
    /// The keyed hash of its token.
    pub token_hash: TokenHash,
    /// Who it belongs to.
    pub principal: Principal,
    /// Name of the engine that runs its statements. The store gives it no meaning.
    pub engine: String,
    /// How long the session may go unused.
    pub idle_timeout: Duration,
    /// How long the session may live, however much it is used.
    pub max_age: Duration,
}

/// A session as the store has it.
#[derive(Clone)]
pub struct SessionRecord {
    /// Its id.
    pub id: SessionId,
    /// The keyed hash of its token.
    pub token_hash: TokenHash,
    /// Who it belongs to.
    pub principal: Principal,
    /// Name of the engine that runs its statements.
    pub engine: String,
    /// Where it is in its life.
    pub state: SessionState,
    /// Who holds it; of an ended session, who held it last. `None` when it was released.
    pub owner: Option<Incarnation>,
    /// How often it has changed hands.
    pub epoch: Epoch,
    /// Session options, whatever the server put there. Values may carry credentials and are left out of `Debug`.
    pub options: BTreeMap<String, String>,
    /// Why it ended, if it did.
    pub close_reason: Option<String>,
    /// When it was created.
    pub created_at: SystemTime,
    /// When it was last used, as far as the owner has written it.
    pub last_used_at: SystemTime,
    /// When it expires unless it is used.
    pub idle_expires_at: SystemTime,
    /// When it expires even if it is used.
    pub absolute_expires_at: SystemTime,
    /// Whether it had expired when it was read, by the store's clock. It is true from the moment of expiry on, also
    /// before the janitor has marked the row.
    pub expired: bool,
    /// Whether it has an owner that had lost its lease when it was read, by the store's clock.
    pub owner_lease_over: bool,
}

impl SessionRecord {
    /// Whether a claim under this epoch would have succeeded when the record was read.
    #[must_use]
    pub const fn claimable(&self) -> bool {
        let free = match self.state {
            SessionState::Active => self.owner_lease_over,
            SessionState::Released => true,
            SessionState::Closed | SessionState::Expired => false,
        };
        free && !self.expired
    }
}

impl fmt::Debug for SessionRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRecord")
            .field("id", &self.id)
            .field("principal", &self.principal)
            .field("engine", &self.engine)
            .field("state", &self.state)
            .field("owner", &self.owner)
            .field("epoch", &self.epoch)
            .field("options", &self.options.keys().collect::<Vec<_>>())
            .field("close_reason", &self.close_reason)
            .field("created_at", &self.created_at)
            .field("last_used_at", &self.last_used_at)
            .field("idle_expires_at", &self.idle_expires_at)
            .field("absolute_expires_at", &self.absolute_expires_at)
            .field("expired", &self.expired)
            .field("owner_lease_over", &self.owner_lease_over)
            .finish_non_exhaustive()
    }
}

/// A node that presents itself to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRegistration {
    /// This life of the node.
    pub incarnation: Incarnation,
    /// Identity of the node's data directory. The caller holds that directory's lock, so every earlier incarnation of
    /// the same home is dead.
    pub home: Uuid,
    /// Name for people.
    pub name: String,
    /// Where clients reach it.
    pub advertised_uri: String,
    /// Where its peers reach it, if they can.
    pub peer_uri: Option<String>,
    /// What it is there for.
    pub role: NodeRole,
    /// How long it is believed to be alive without a word from it.
    pub lease: Duration,
    /// Version of its software.
    pub version: String,
}

/// A node as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRecord {
    /// This life of the node.
    pub incarnation: Incarnation,
    /// Identity of its data directory.
    pub home: Uuid,
    /// Name for people.
    pub name: String,
    /// Where clients reach it.
    pub advertised_uri: String,
    /// Where its peers reach it, if they can.
    pub peer_uri: Option<String>,
    /// What it is there for.
    pub role: NodeRole,
    /// Where it is in its life, as last written. One whose lease ran out reads `Live` until a sweep marks it: go by
    /// [`lease_left`](Self::lease_left).
    pub state: NodeState,
    /// When its lease ends.
    pub lease_until: SystemTime,
    /// What was left of its lease when it was read, by the store's clock. Zero: its sessions can be claimed.
    pub lease_left: Duration,
    /// When it registered first.
    pub registered_at: SystemTime,
    /// Version of its software.
    pub version: String,
    /// What it said of itself at its last renewal.
    pub load: NodeLoad,
    /// Whether an operator asked it to drain.
    pub drain_requested: bool,
}

/// What an owner shows with every write: which session it means, who it is, and which epoch it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The session to be written.
    pub session: SessionId,
    /// Who writes.
    pub incarnation: Incarnation,
    /// The epoch under which the writer claimed or created the session.
    pub epoch: Epoch,
}

/// Orders the writes of one owner to a session: one that arrives after a later one is not made.
///
/// An owner that had no answer in time writes again, and goes on; what it gave up may still be on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WriteNumber(pub i64);

impl WriteNumber {
    /// A later one than all that this process has taken.
    #[must_use]
    pub fn next() -> Self {
        static LAST: AtomicI64 = AtomicI64::new(0);
        Self(LAST.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

/// One thing that a peer replays to rebuild a session. The last write of a key wins.
#[derive(Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// What it is about, such as a setting's or a view's name in a form of the caller's choice.
    pub key: String,
    /// What to replay; `None` forgets the key. It may carry credentials, so `Debug` shows only its length.
    pub statement: Option<String>,
}

impl fmt::Debug for JournalEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalEntry")
            .field("key", &self.key)
            .field("statement_bytes", &self.statement.as_ref().map(String::len))
            .finish()
    }
}

/// A prepared statement that outlives its node.
#[derive(Clone, PartialEq, Eq)]
pub struct PreparedRecord {
    /// The handle that the client holds.
    pub handle: Vec<u8>,
    /// The statement. It may carry credentials, so `Debug` shows only its length.
    pub sql: String,
}

impl fmt::Debug for PreparedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedRecord")
            .field("handle_bytes", &self.handle.len())
            .field("sql_bytes", &self.sql.len())
            .finish()
    }
}

/// What came of a claim.
#[derive(Debug, Clone)]
pub enum Claim {
    /// The session is the caller's, under the epoch in the record.
    Claimed(SessionRecord),
    /// It is not, and this is what there is instead, if anything. When the owner in it is the caller itself, an earlier
    /// claim of the caller's won: a concurrent one, or one whose answer was lost.
    Lost(Option<SessionRecord>),
}

/// A session that a sweep found expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiredSession {
    /// The session.
    pub id: SessionId,
    /// Who held it, and must drop its engine state. `None` when it had been released.
    pub owner: Option<Incarnation>,
}

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Sessions that this sweep marked expired. Each is reported by exactly one sweep, on whichever node it ran.
    pub expired: Vec<ExpiredSession>,
    /// How many sessions, ended long enough ago, were deleted for good.
    pub sessions_deleted: u64,
    /// How many nodes that are gone and hold no session were deleted.
    pub nodes_deleted: u64,
}
