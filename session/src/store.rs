//! The contract of a session table.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use crate::{
    Claim, DatasetHealth, DatasetRecord, DatasetState, DatasetVersion, EndedSession, Epoch, Fence, Generation,
    Incarnation, JournalEntry, NewDataset, NewSession, NodeLoad, NodeRecord, NodeRegistration, NodeState,
    PreparedRecord, Renewal, Result, SessionId, SessionRecord, Swept, WriteNumber,
};

/// The durable table of sessions and nodes.
///
/// A node is **alive** while it isn't gone and its lease runs, by the store's clock. A session is **held** by a fence
/// when it is active, its owner and epoch are those of the fence, and its owner is alive. Every method that takes a
/// [`Fence`] checks that in the statement that writes, and otherwise changes nothing and fails with
/// [`StoreError::Fenced`](crate::StoreError::Fenced).
///
/// Every method may fail with [`StoreError::Unavailable`](crate::StoreError::Unavailable),
/// [`StoreError::Misconfigured`](crate::StoreError::Misconfigured) or
/// [`StoreError::Corrupt`](crate::StoreError::Corrupt); the sections on errors name the others.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Makes a node known, alive for the length of its lease from now on.
    ///
    /// Earlier incarnations of the same home are marked gone, so their sessions can be claimed at once. An incarnation
    /// that is alive may register again, which updates what is known of it.
    ///
    /// # Errors
    /// [`StoreError::NodeGone`](crate::StoreError::NodeGone) when the store remembers this very incarnation as one
    /// whose lease is over.
    async fn register_node(&self, node: &NodeRegistration) -> Result<()>;

    /// Extends the lease of a node to `lease` from now on, notes how loaded it is, and tells it what operators asked of
    /// it.
    ///
    /// # Errors
    /// [`StoreError::NodeGone`](crate::StoreError::NodeGone) when the node isn't alive: its lease ran out, however
    /// shortly ago, or it was retired by a newer incarnation of its home.
    async fn renew_node(&self, node: Incarnation, lease: Duration, load: &NodeLoad) -> Result<Renewal>;

    /// Says that a node drains, takes sessions again, or ends. [`NodeState::Gone`] ends its lease at once, and may be
    /// said of a node that is gone or unknown already.
    ///
    /// # Errors
    /// [`StoreError::NodeGone`](crate::StoreError::NodeGone) when any other state is to be set and the node isn't
    /// alive.
    async fn set_node_state(&self, node: Incarnation, state: NodeState) -> Result<()>;

    /// Asks every node of this name that is alive to drain, and tells how many there were. They learn it at their next
    /// renewal, and decide themselves how they drain.
    async fn request_drain(&self, name: &str) -> Result<u64>;

    /// All nodes that the store remembers, by name, then by incarnation.
    async fn nodes(&self) -> Result<Vec<NodeRecord>>;

    /// The node of this incarnation, alive or not, or `None` when the store remembers none.
    async fn node(&self, incarnation: Incarnation) -> Result<Option<NodeRecord>>;

    /// Creates a session under [`Epoch::FIRST`], held by `owner`.
    ///
    /// # Errors
    /// [`StoreError::NodeGone`](crate::StoreError::NodeGone) when the owner isn't alive,
    /// [`StoreError::NodeIsFront`](crate::StoreError::NodeIsFront) when it is a front,
    /// [`StoreError::NodeDraining`](crate::StoreError::NodeDraining) when it drains, and
    /// [`StoreError::SessionExists`](crate::StoreError::SessionExists) when the id is taken.
    async fn create_session(&self, session: &NewSession, owner: Incarnation) -> Result<SessionRecord>;

    /// The session with this id, ended or not, or `None` when there is none or no longer.
    async fn session(&self, id: &SessionId) -> Result<Option<SessionRecord>>;

    /// All sessions, ended ones included, oldest first.
    async fn sessions(&self) -> Result<Vec<SessionRecord>>;

    /// Takes a session over: one compare-and-swap.
    ///
    /// It succeeds when the epoch is `expected`, the session has not expired, and it is released, or active with an
    /// owner that isn't alive. Then `me` is the owner and the epoch is one higher. Of any number of claimants at most
    /// one succeeds.
    ///
    /// # Errors
    /// [`StoreError::NodeGone`](crate::StoreError::NodeGone) when `me` isn't alive,
    /// [`StoreError::NodeIsFront`](crate::StoreError::NodeIsFront) when it is a front,
    /// [`StoreError::NodeDraining`](crate::StoreError::NodeDraining) when it drains.
    async fn claim(&self, id: &SessionId, expected: Epoch, me: Incarnation) -> Result<Claim>;

    /// Hands a session back, so that any node may claim it at once. The epoch stays; what was written for it stays.
    ///
    /// # Errors
    /// [`StoreError::Fenced`](crate::StoreError::Fenced).
    async fn release(&self, fence: &Fence) -> Result<()>;

    /// Ends a session. Its journal and prepared statements are deleted; its row stays until it is swept.
    ///
    /// # Errors
    /// [`StoreError::Fenced`](crate::StoreError::Fenced).
    async fn close(&self, fence: &Fence, reason: &str) -> Result<()>;

    /// An operator ends a session, whoever holds it: no fence is needed. It is closed for this reason, and its journal
    /// and prepared statements are deleted; its row stays until it is swept. One that was closed or marked expired
    /// before is left as it is.
    ///
    /// When it was active and its owner is alive, the owner is told at its next renewal ([`Renewal::revoked`]), and at
    /// each after it until it [acknowledges](Self::acknowledge_revoked).
    async fn end_session(&self, id: &SessionId, reason: &str) -> Result<EndedSession>;

    /// Notes that the owner has dropped these sessions, which operators ended. Those that it was not told of are passed
    /// over.
    async fn acknowledge_revoked(&self, node: Incarnation, sessions: &[SessionId]) -> Result<()>;

    /// Whether a node that is alive has yet to acknowledge that this session was ended by an operator.
    async fn revocation_pending(&self, id: &SessionId) -> Result<bool>;

    /// Notes that sessions were used just now, which moves their idle expiry. Meant to be called in batches, after the
    /// fact. Sessions that `me` doesn't hold, and those that have expired, are passed over: expiry is final.
    async fn touch(&self, sessions: &[SessionId], me: Incarnation) -> Result<()>;

    /// Replaces all options of a session.
    ///
    /// # Errors
    /// [`StoreError::Fenced`](crate::StoreError::Fenced), [`StoreError::Overtaken`](crate::StoreError::Overtaken).
    async fn set_options(&self, fence: &Fence, options: &BTreeMap<String, String>) -> Result<()> {
        self.set_options_as(fence, WriteNumber::next(), options).await
    }

    /// The same by a number: it is not made when the owner has made a later write of the options or the journal. It may be made
    /// again by the same number.
    ///
    /// # Errors
    /// As [`set_options`](Self::set_options).
    async fn set_options_as(
        &self,
        fence: &Fence,
        number: WriteNumber,
        options: &BTreeMap<String, String>,
    ) -> Result<()>;

    /// Writes entries to the journal of a session, all or none, in their order. A key that is written again moves to
    /// the end.
    ///
    /// # Errors
    /// [`StoreError::Fenced`](crate::StoreError::Fenced), [`StoreError::Overtaken`](crate::StoreError::Overtaken).
    async fn write_journal(&self, fence: &Fence, entries: &[JournalEntry]) -> Result<()> {
        self.write_journal_as(fence, WriteNumber::next(), entries).await
    }

    /// The same by a number: it is not made when the owner has made a later write of the options or the journal. It may be made
    /// again by the same number.
    ///
    /// # Errors
    /// As [`write_journal`](Self::write_journal).
    async fn write_journal_as(&self, fence: &Fence, number: WriteNumber, entries: &[JournalEntry]) -> Result<()>;

    /// The journal of a session: one entry for each key that has a statement, in the order of their last writes. Empty
    /// for a session that has none, has ended, or doesn't exist.
    async fn journal(&self, session: &SessionId) -> Result<Vec<JournalEntry>>;

    /// Keeps a prepared statement; one with the same handle is replaced.
    ///
    /// # Errors
    /// [`StoreError::Fenced`](crate::StoreError::Fenced).
    async fn put_prepared(&self, fence: &Fence, prepared: &PreparedRecord) -> Result<()>;

    /// The prepared statement with this handle, if the session has it.
    async fn prepared(&self, session: &SessionId, handle: &[u8]) -> Result<Option<PreparedRecord>>;

    /// Forgets a prepared statement. One that is not there is no error.
    ///
    /// # Errors
    /// [`StoreError::Fenced`](crate::StoreError::Fenced).
    async fn delete_prepared(&self, fence: &Fence, handle: &[u8]) -> Result<()>;

    /// Puts a dataset here, or replaces the one of its name: a generation without columns, of which no node has said how
    /// it fares.
    ///
    /// # Errors
    /// [`StoreError::DatasetExists`](crate::StoreError::DatasetExists) when the name is taken and is not to be replaced.
    async fn put_dataset(&self, dataset: &NewDataset) -> Result<()>;

    /// Removes a dataset, with what nodes said of it, and tells whether there was one.
    async fn remove_dataset(&self, name: &str) -> Result<bool>;

    /// All datasets, by name.
    async fn datasets(&self) -> Result<Vec<DatasetRecord>>;

    /// How the datasets of the nodes' own configurations fare, as far as nodes that are alive said so; by dataset, then by
    /// the name of the node.
    async fn configured_dataset_health(&self) -> Result<Vec<DatasetHealth>>;

    /// Whether there is something to do about datasets: one cheap read, meant to be asked every second.
    async fn dataset_version(&self) -> Result<DatasetVersion>;

    /// Fixes the columns of a generation, unless another node did before, and tells which they are. `None` when the
    /// generation is over: the dataset was replaced, removed, or is to be described anew.
    async fn set_dataset_columns(&self, name: &str, generation: Generation, columns: &str) -> Result<Option<String>>;

    /// Asks for a dataset, or for all of them, to be described anew: it gets a new generation without columns. Tells whether
    /// any is here. For all, and for a name that is not here, nodes are asked to describe those of their configuration too.
    async fn request_dataset_refresh(&self, name: Option<&str>) -> Result<bool>;

    /// Notes how a generation of a dataset fares on a node, instead of what the node said of it before. Said of a
    /// generation that is over, it is passed over; [`Generation::CONFIGURED`] never is.
    ///
    /// # Errors
    /// [`StoreError::NodeGone`](crate::StoreError::NodeGone) when the node isn't alive.
    async fn report_dataset(
        &self,
        name: &str,
        generation: Generation,
        node: Incarnation,
        state: &DatasetState,
    ) -> Result<()>;

    /// The janitor's round; any node may run it at any time.
    ///
    /// Sessions past their idle or absolute expiry are marked expired and lose their journal and prepared statements.
    /// Sessions that ended `keep_ended` ago or earlier are deleted. Nodes whose lease is over are marked gone, and
    /// deleted when no session names them; what they said of datasets, and what they had yet to acknowledge, is
    /// forgotten. What a dead node left behind is otherwise not touched: it waits for a peer until it expires.
    ///
    /// Nodes may sweep at the same time. A row that another call is writing at this moment may be left to the next
    /// round.
    async fn sweep(&self, keep_ended: Duration) -> Result<Swept>;
}
