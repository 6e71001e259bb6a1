//! The contract in memory: what simulations run on, and what the durable stores are compared with.

mod clock;
mod datasets;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};

pub use clock::{Clock, ManualClock};
use table::{Now, Table};

use crate::period::seconds;
use crate::{
    Claim, DatasetHealth, DatasetRecord, DatasetState, DatasetVersion, EndedSession, Epoch, Fence, Generation,
    Incarnation, JournalEntry, NewDataset, NewSession, NodeLoad, NodeRecord, NodeRegistration, NodeState,
    PreparedRecord, Renewal, Result, SessionId, SessionRecord, SessionStore, StoreError, Swept, WriteNumber,
};

/// A session table in memory.
///
/// It keeps the whole contract of [`SessionStore`] except durability. Several simulated nodes share one behind an
/// `Arc`. Time passes only as its [`Clock`] says.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use session::{ManualClock, ModelStore};
///
/// let clock = Arc::new(ManualClock::default());
/// let store = Arc::new(ModelStore::new(clock.clone()));
/// clock.advance(Duration::from_secs(10)); // every shorter lease in `store` is over now
/// # drop(store);
/// ```
pub struct ModelStore {
    clock: Arc<dyn Clock>,
    table: Mutex<Table>,
}

impl ModelStore {
    /// An empty table that goes by `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, table: Mutex::default() }
    }

    /// The table, locked, and the one moment that the whole call goes by.
    fn at(&self) -> (MutexGuard<'_, Table>, Now) {
        let table = self.table.lock();
        // Read under the lock: a call that comes later must never see an earlier moment.
        let now = Now(self.clock.now().as_secs_f64());
        (table, now)
    }
}

#[async_trait]
impl SessionStore for ModelStore {
    async fn register_node(&self, node: &NodeRegistration) -> Result<()> {
        let (mut table, now) = self.at();
        table.register_node(now, node)
    }

    async fn renew_node(&self, node: Incarnation, lease: Duration, load: &NodeLoad) -> Result<Renewal> {
        let (mut table, now) = self.at();
        table.renew_node(now, node, seconds(lease), load)
    }

    async fn request_drain(&self, name: &str) -> Result<u64> {
        let (mut table, now) = self.at();
        Ok(table.request_drain(now, name))
    }

    async fn node(&self, incarnation: Incarnation) -> Result<Option<NodeRecord>> {
        let (table, now) = self.at();
        Ok(table.node(now, incarnation))
    }

    async fn set_node_state(&self, node: Incarnation, state: NodeState) -> Result<()> {
        let (mut table, now) = self.at();
        table.set_node_state(now, node, state)
    }

    async fn nodes(&self) -> Result<Vec<NodeRecord>> {
        let (table, now) = self.at();
        Ok(table.nodes(now))
    }

    async fn create_session(&self, session: &NewSession, owner: Incarnation) -> Result<SessionRecord> {
        let (mut table, now) = self.at();
        table.create_session(now, session, owner)
    }

    async fn session(&self, id: &SessionId) -> Result<Option<SessionRecord>> {
        let (table, now) = self.at();
        Ok(table.session(now, id))
    }

    async fn sessions(&self) -> Result<Vec<SessionRecord>> {
        let (table, now) = self.at();
        Ok(table.sessions(now))
    }

    async fn claim(&self, id: &SessionId, expected: Epoch, me: Incarnation) -> Result<Claim> {
        let (mut table, now) = self.at();
        table.claim(now, id, expected, me)
    }

    async fn release(&self, fence: &Fence) -> Result<()> {
        let (mut table, now) = self.at();
        table.release(now, fence)
    }

    async fn close(&self, fence: &Fence, reason: &str) -> Result<()> {
        let (mut table, now) = self.at();
        table.close(now, fence, reason)
    }

    async fn end_session(&self, id: &SessionId, reason: &str) -> Result<EndedSession> {
        let (mut table, now) = self.at();
        Ok(table.end_session(now, id, reason))
    }

    async fn acknowledge_revoked(&self, node: Incarnation, sessions: &[SessionId]) -> Result<()> {
        let (mut table, _) = self.at();
        table.acknowledge_revoked(node, sessions);
        Ok(())
    }

    async fn revocation_pending(&self, id: &SessionId) -> Result<bool> {
        let (table, now) = self.at();
        Ok(table.revocation_pending(now, id))
    }

    async fn touch(&self, sessions: &[SessionId], me: Incarnation) -> Result<()> {
        let (mut table, now) = self.at();
        table.touch(now, sessions, me);
        Ok(())
    }

    async fn set_options_as(
        &self,
        fence: &Fence,
        number: WriteNumber,
        options: &BTreeMap<String, String>,
    ) -> Result<()> {
        let (mut table, now) = self.at();
        table.written(now, fence, number)?.options.clone_from(options);
        Ok(())
    }

    async fn write_journal_as(&self, fence: &Fence, number: WriteNumber, entries: &[JournalEntry]) -> Result<()> {
        let (mut table, now) = self.at();
        table.written(now, fence, number)?.write_journal(entries);
        Ok(())
    }

    async fn journal(&self, session: &SessionId) -> Result<Vec<JournalEntry>> {
        let (table, _) = self.at();
        Ok(table.journal(session))
    }

    async fn put_prepared(&self, fence: &Fence, prepared: &PreparedRecord) -> Result<()> {
        let (mut table, now) = self.at();
        table.held(now, fence)?.prepared.insert(prepared.handle.clone(), prepared.sql.clone());
        Ok(())
    }

    async fn prepared(&self, session: &SessionId, handle: &[u8]) -> Result<Option<PreparedRecord>> {
        let (table, _) = self.at();
        Ok(table.prepared(session, handle))
    }

    async fn delete_prepared(&self, fence: &Fence, handle: &[u8]) -> Result<()> {
        let (mut table, now) = self.at();
        table.held(now, fence)?.prepared.remove(handle);
        Ok(())
    }

    async fn put_dataset(&self, dataset: &NewDataset) -> Result<()> {
        let (mut table, now) = self.at();
        table.datasets.put(now, dataset)
    }

    async fn remove_dataset(&self, name: &str) -> Result<bool> {
        let (mut table, _) = self.at();
        Ok(table.datasets.remove(name))
    }

    async fn datasets(&self) -> Result<Vec<DatasetRecord>> {
        let (table, now) = self.at();
        Ok(table.datasets.all(&table.alive_nodes(now)))
    }

    async fn configured_dataset_health(&self) -> Result<Vec<DatasetHealth>> {
        let (table, now) = self.at();
        Ok(table.datasets.configured(&table.alive_nodes(now)))
    }

    async fn dataset_version(&self) -> Result<DatasetVersion> {
        let (table, _) = self.at();
        Ok(table.datasets.version())
    }

    async fn set_dataset_columns(&self, name: &str, generation: Generation, columns: &str) -> Result<Option<String>> {
        let (mut table, _) = self.at();
        Ok(table.datasets.set_columns(name, generation, columns))
    }

    async fn request_dataset_refresh(&self, name: Option<&str>) -> Result<bool> {
        let (mut table, _) = self.at();
        Ok(table.datasets.refresh(name))
    }

    async fn report_dataset(
        &self,
        name: &str,
        generation: Generation,
        node: Incarnation,
        state: &DatasetState,
    ) -> Result<()> {
        let (mut table, now) = self.at();
        if !table.alive_nodes(now).contains_key(&node) {
            return Err(StoreError::NodeGone);
        }
        table.datasets.report(now, name, generation, node, state);
        Ok(())
    }

    async fn sweep(&self, keep_ended: Duration) -> Result<Swept> {
        let (mut table, now) = self.at();
        Ok(table.sweep(now, seconds(keep_ended)))
    }
}
