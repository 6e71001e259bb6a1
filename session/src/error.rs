//! What can go wrong between a node and the session table.

use std::fmt;

use crate::SessionId;

/// Result of a call on a [`SessionStore`](crate::SessionStore).
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why a store did not do what was asked.
///
/// A call that failed with [`Unavailable`](Self::Unavailable) may or may not have taken effect. Every other error
/// means that nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store can't be reached, or is too busy to answer within its time limit. It says nothing about the session:
    /// try again, and never treat it as a missing session or a wrong credential.
    #[error("the session store is not available, try again: {0}")]
    Unavailable(String),

    /// The writer doesn't hold the session any more. It must drop the session's engine state at once.
    #[error("session {session} is not held by this node under this epoch: {loss}; look the session up again")]
    Fenced {
        /// The session that was to be written.
        session: SessionId,
        /// What the writer lost it by.
        loss: FenceLoss,
    },

    /// The same owner made a later write to the session before this one arrived.
    #[error("a later write to session {session} was made before this one; write again what is still to be written")]
    Overtaken {
        /// The session that was to be written.
        session: SessionId,
    },

    /// The lease of the calling incarnation is over, or a newer incarnation took over its home. It never comes back:
    /// drop all sessions and register again as a fresh incarnation.
    #[error("this node's lease is over or its home has a newer incarnation; register again as a fresh incarnation")]
    NodeGone,

    /// The calling node is draining, and a draining node takes no sessions.
    #[error("this node is draining and takes no sessions; use another node")]
    NodeDraining,

    /// The calling node is a front, and a front owns no session.
    #[error("this node is a front and owns no session; let a node that has an engine take it")]
    NodeIsFront,

    /// A session with this id is already there. Ids are random, so the usual cause is a repeated call.
    #[error("session {session} exists already; generate a new token")]
    SessionExists {
        /// The id that is taken.
        session: SessionId,
    },

    /// A dataset of this name is already there, and was not to be replaced.
    #[error("there is a dataset {name} already; replace it, remove it, or use another name")]
    DatasetExists {
        /// The name that is taken.
        name: String,
    },

    /// The store answers, but not to this server as it is configured: a wrong password, a database that isn't there, a
    /// right that is missing. Trying again doesn't help; it needs an operator.
    #[error("the session store can't be used as it is configured: {0}")]
    Misconfigured(String),

    /// What the store holds can't be understood. It needs an operator: restore the store or start with an empty one.
    #[error("the session store is damaged, restore it or start with an empty one: {0}")]
    Corrupt(String),

    /// A newer version of the server wrote the store. An older one would misread it.
    #[error(
        "the session store has schema version {found}, this server knows up to {supported}: use a newer \
             server, or give it another store"
    )]
    SchemaTooNew {
        /// Schema version of the store.
        found: i64,
        /// Newest schema version that this build understands.
        supported: i64,
    },
}

/// What a writer that was fenced off had lost its session by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FenceLoss {
    /// There is no such session, or no longer.
    Unknown,
    /// The session was released, closed or expired.
    NotActive,
    /// Another incarnation claimed it, or this one did again under a later epoch.
    Claimed,
    /// The session is still in the writer's name, but the writer's lease is over and anyone may claim it.
    LeaseOver,
}

impl fmt::Display for FenceLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "there is no such session",
            Self::NotActive => "it was released, closed or expired",
            Self::Claimed => "it was claimed since",
            Self::LeaseOver => "the node's lease is over",
        })
    }
}
