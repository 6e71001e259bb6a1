//! A node: it resolves each call to a session that lives here, takes sessions over whose owner is gone, and gives its
//! own up before anybody else may take them.
//!
//! Ownership is decided by the [`SessionStore`] alone. What is kept here beside the engine sessions is a copy of what
//! the store said, together with how long it may be relied on.
//!
//! | file | what it is about |
//! |---|---|
//! | `caller` | who calls, and which session the call names |
//! | `route`, `routes`, `placing` | where a call is to be served: here, by the owner of its session, or by the node with most room |
//! | `resolve` | from a session's id to the session: here, taken over, or the exact reason why not |
//! | `live` | the sessions that live here; one rebuild however many calls wait |
//! | `carried`, `resumable` | what of a session goes with it, and what its client is told that does not |
//! | `session` | one of them; `execute`, `transaction`, `transaction_mark`, `ending`, `prepared`, `handle`, `kept`, `split`, `spooled`, `delivery`, `queries`, `receipts`, `write_outcome`, `statement_log`, `polled`, `session_options`, `engine_choice` are what it does |
//! | `heartbeat`, `lease`, `load` | until when this node may act as an owner, and how loaded it is |
//! | `drain`, `presence` | sessions are handed back when nobody is in them |
//! | `datasets` | engines show the datasets of the store and the configuration |
//! | `mending` | engines are opened anew that can serve nobody any more |
//! | `toucher`, `janitor` | uses are written, and what has expired is ended |

mod caller;
mod carried;
mod connections;
mod core;
mod datasets;
mod deadline;
mod delivery;
mod drain;
mod ending;
mod engine_choice;
mod execute;
mod failure;
mod handle;
mod heartbeat;
mod janitor;
mod kept;
mod lease;
mod live;
mod load;
mod lost_state;
mod mending;
mod opened;
mod options;
mod own_options;
mod placing;
mod polled;
mod prepared;
mod presence;
mod queries;
mod receipts;
mod resolve;
mod resumable;
mod route;
mod routes;
mod running;
mod session;
mod session_options;
mod split;
mod spooled;
mod statement_log;
#[cfg(test)]
mod tests;
mod toucher;
mod transaction;
mod transaction_mark;
mod usage;
mod write_outcome;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ::session::{NodeRole, NodeState, SessionStore, TokenKey};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

pub use self::caller::{Caller, Grant, Origin, SESSION_COOKIE, SESSION_HEADER};
pub(crate) use self::carried::told;
use self::core::{Core, CoreParts};
pub use self::datasets::DatasetOptions;
use self::datasets::Datasets;
pub(crate) use self::datasets::count_columns;
pub use self::delivery::{Compression, Delivery, Locations, Results};
use self::handle::Handles;
use self::heartbeat::Heartbeat;
pub use self::kept::{Kept, StatementId};
pub use self::lost_state::Lost;
pub use self::options::NodeOptions;
pub use self::own_options::ENGINE as ENGINE_OPTION;
pub use self::polled::PollState;
pub use self::prepared::Prepared;
pub(crate) use self::presence::Presence;
pub use self::queries::QueryId;
pub(crate) use self::route::{Forwarded, Peer, Route, Wanted};
pub use self::session::Session;
pub use self::session_options::{OptionError, OptionValue};
pub use self::split::SplitResult;
pub use self::spooled::SpooledResult;
pub use self::transaction::TransactionId;
pub use self::write_outcome::WriteOutcome;
use crate::auth::{ClusterSecret, Purpose, Users};
use crate::engine::Engine;
use crate::error::{Error, Result};

/// How long a node that starts waits for its datasets: those of this machine are there by then, and one far away that
/// does not answer keeps no node from serving.
const DATASETS_AT_START: Duration = Duration::from_secs(5);

/// How often it is looked whether a node that drains is empty.
const EMPTY_INTERVAL: Duration = Duration::from_millis(20);

/// A running node.
///
/// It ends with [`Node::shutdown`]. One that is merely dropped leaves its sessions as a killed process does.
pub struct Node {
    core: Arc<Core>,
    ticket_key: Zeroizing<[u8; 32]>,
    tasks: Mutex<JoinSet<()>>,
}

impl Node {
    /// Registers with the store, starts the tasks that keep the node alive there, and brings up its datasets as far as
    /// they are to be had within a few seconds.
    ///
    /// Sessions that an earlier process held in the same home are not touched until they are called for.
    ///
    /// # Errors
    /// `STORE_UNAVAILABLE` when the store does not take the registration, `INTERNAL` when the default engine is not
    /// among `engines`.
    pub async fn start(
        options: NodeOptions,
        store: Arc<dyn SessionStore>,
        engines: Vec<Arc<dyn Engine>>,
        users: Arc<Users>,
        secret: &ClusterSecret,
    ) -> Result<Arc<Self>> {
        let engine = engines.iter().find(|engine| engine.name() == options.default_engine).cloned();
        if engine.is_none() && options.role != NodeRole::Front {
            return Err(Error::internal(format_args!(
                "the default engine {:?} is not part of this server",
                options.default_engine
            )));
        }
        let token_key = TokenKey::derive(secret.derive(Purpose::Token).as_ref());
        let handles = Handles::new(secret);
        let core = Arc::new(Core::new(CoreParts { options, store, engines, engine, users, token_key, handles }));

        let mut heartbeat = Heartbeat::new(Arc::clone(&core));
        heartbeat.start().await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(heartbeat.run());
        tasks.spawn(toucher::run(Arc::clone(&core)));
        tasks.spawn(janitor::run(Arc::clone(&core)));
        tasks.spawn(mending::run(Arc::clone(&core)));
        tasks.spawn(drain::run(Arc::clone(&core)));
        let mut datasets = Datasets::new(Arc::clone(&core));
        datasets.start(DATASETS_AT_START).await;
        tasks.spawn(datasets.run());
        Ok(Arc::new(Self { core, ticket_key: secret.derive(Purpose::Ticket), tasks: Mutex::new(tasks) }))
    }

    /// What the node was started with.
    pub fn options(&self) -> &NodeOptions {
        &self.core.options
    }

    /// The key that tickets are signed with: the same on all nodes of the cluster.
    pub fn ticket_key(&self) -> &[u8; 32] {
        &self.ticket_key
    }

    /// How many sessions live on this node.
    pub fn live_sessions(&self) -> usize {
        self.core.live.count()
    }

    /// How many statements run on this node; one whose rows are being read still runs.
    pub fn running_statements(&self) -> usize {
        self.core.running.count()
    }

    /// Whether the node may act as the owner of sessions: it has renewed its lease in time.
    pub fn holds_lease(&self) -> bool {
        self.core.lease.check().is_ok()
    }

    /// Takes no new sessions from now on, and hands those that live here back, each when nothing runs in it any more.
    pub fn drain(&self) {
        self.core.start_draining();
    }

    /// Whether the node drains.
    pub fn is_draining(&self) -> bool {
        self.core.is_draining()
    }

    /// Resolves at a moment at which no statement runs, and no call is passed on to another node.
    pub async fn idle(&self) {
        self.core.running.none().await;
    }

    /// Resolves when a node that drains has handed all its sessions back, and none can come any more.
    pub async fn empty(&self) {
        while !self.core.is_empty() {
            tokio::time::sleep(EMPTY_INTERVAL).await;
        }
    }

    /// Ends the node: its sessions are handed back, so that they can be taken over at once, its engines are ended,
    /// and it says that it is gone. Statements that still run are interrupted; see [`Node::idle`] to wait for them.
    pub async fn shutdown(&self) {
        self.core.stopping.store(true, Ordering::Release);
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        tasks.shutdown().await;

        // Whatever is still being rebuilt comes to nothing by this, and finds out when it is done.
        let me = self.core.live.incarnation();
        drain::hand_back(&self.core, self.core.live.start_anew()).await;
        for engine in &self.core.engines {
            engine.shutdown().await;
        }
        self.core.lease.ended();
        if let Err(error) = self.core.store.set_node_state(me, NodeState::Gone).await {
            tracing::warn!(%error, "the store could not be told that the node is gone; its lease will run out");
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("options", &self.core.options).finish_non_exhaustive()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Sessions and core hold each other; the list of sessions is where that is undone.
        self.core.live.start_anew();
    }
}
