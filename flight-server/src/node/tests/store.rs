//! A session table that can be made to fail.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::session::{
    Claim, DatasetHealth, DatasetRecord, DatasetState, DatasetVersion, EndedSession, Epoch, Fence, Generation,
    Incarnation, JournalEntry, ModelStore, NewDataset, NewSession, NodeLoad, NodeRecord, NodeRegistration, NodeState,
    PreparedRecord, Renewal, Result, SessionId, SessionRecord, SessionStore, StoreError, Swept, WriteNumber,
};
use async_trait::async_trait;

/// A model that does not answer while it is down.
pub(super) struct FaultyStore {
    model: ModelStore,
    down: AtomicBool,
    lose_next_claim: AtomicBool,
    end_before_next_journal: AtomicBool,
}

impl FaultyStore {
    pub(super) fn new(model: ModelStore) -> Self {
        Self {
            model,
            down: AtomicBool::new(false),
            lose_next_claim: AtomicBool::new(false),
            end_before_next_journal: AtomicBool::new(false),
        }
    }

    pub(super) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// The next claim takes effect, but its answer is lost.
    pub(super) fn lose_next_claim(&self) {
        self.lose_next_claim.store(true, Ordering::SeqCst);
    }

    /// An operator ends the session just before its journal is read.
    pub(super) fn end_before_next_journal(&self) {
        self.end_before_next_journal.store(true, Ordering::SeqCst);
    }

    /// The model itself, which always answers.
    pub(super) fn model(&self) -> &ModelStore {
        &self.model
    }

    fn up(&self) -> Result<&ModelStore> {
        if self.down.load(Ordering::SeqCst) { Err(lost()) } else { Ok(&self.model) }
    }
}

fn lost() -> StoreError {
    StoreError::Unavailable("made so by a test".to_owned())
}

#[async_trait]
impl SessionStore for FaultyStore {
    async fn register_node(&self, node: &NodeRegistration) -> Result<()> {
        self.up()?.register_node(node).await
    }

    async fn renew_node(&self, node: Incarnation, lease: Duration, load: &NodeLoad) -> Result<Renewal> {
        self.up()?.renew_node(node, lease, load).await
    }

    async fn node(&self, incarnation: Incarnation) -> Result<Option<NodeRecord>> {
        self.up()?.node(incarnation).await
    }

    async fn request_drain(&self, name: &str) -> Result<u64> {
        self.up()?.request_drain(name).await
    }

    async fn end_session(&self, id: &SessionId, reason: &str) -> Result<EndedSession> {
        self.up()?.end_session(id, reason).await
    }

    async fn acknowledge_revoked(&self, node: Incarnation, sessions: &[SessionId]) -> Result<()> {
        self.up()?.acknowledge_revoked(node, sessions).await
    }

    async fn revocation_pending(&self, id: &SessionId) -> Result<bool> {
        self.up()?.revocation_pending(id).await
    }

    async fn set_node_state(&self, node: Incarnation, state: NodeState) -> Result<()> {
        self.up()?.set_node_state(node, state).await
    }

    async fn nodes(&self) -> Result<Vec<NodeRecord>> {
        self.up()?.nodes().await
    }

    async fn create_session(&self, session: &NewSession, owner: Incarnation) -> Result<SessionRecord> {
        self.up()?.create_session(session, owner).await
    }

    async fn session(&self, id: &SessionId) -> Result<Option<SessionRecord>> {
        self.up()?.session(id).await
    }

    async fn sessions(&self) -> Result<Vec<SessionRecord>> {
        self.up()?.sessions().await
    }

    async fn claim(&self, id: &SessionId, expected: Epoch, me: Incarnation) -> Result<Claim> {
        let claim = self.up()?.claim(id, expected, me).await;
        if self.lose_next_claim.swap(false, Ordering::SeqCst) { Err(lost()) } else { claim }
    }

    async fn release(&self, fence: &Fence) -> Result<()> {
        self.up()?.release(fence).await
    }

    async fn close(&self, fence: &Fence, reason: &str) -> Result<()> {
        self.up()?.close(fence, reason).await
    }

    async fn touch(&self, sessions: &[SessionId], me: Incarnation) -> Result<()> {
        self.up()?.touch(sessions, me).await
    }

    async fn set_options_as(
        &self,
        fence: &Fence,
        number: WriteNumber,
        options: &BTreeMap<String, String>,
    ) -> Result<()> {
        self.up()?.set_options_as(fence, number, options).await
    }

    async fn write_journal_as(&self, fence: &Fence, number: WriteNumber, entries: &[JournalEntry]) -> Result<()> {
        self.up()?.write_journal_as(fence, number, entries).await
    }

    async fn journal(&self, session: &SessionId) -> Result<Vec<JournalEntry>> {
        if self.end_before_next_journal.swap(false, Ordering::SeqCst) {
            self.up()?.end_session(session, "an operator ended it").await?;
        }
        self.up()?.journal(session).await
    }

    async fn put_prepared(&self, fence: &Fence, prepared: &PreparedRecord) -> Result<()> {
        self.up()?.put_prepared(fence, prepared).await
    }

    async fn prepared(&self, session: &SessionId, handle: &[u8]) -> Result<Option<PreparedRecord>> {
        self.up()?.prepared(session, handle).await
    }

    async fn delete_prepared(&self, fence: &Fence, handle: &[u8]) -> Result<()> {
        self.up()?.delete_prepared(fence, handle).await
    }

    async fn put_dataset(&self, dataset: &NewDataset) -> Result<()> {
        self.up()?.put_dataset(dataset).await
    }

    async fn remove_dataset(&self, name: &str) -> Result<bool> {
        self.up()?.remove_dataset(name).await
    }

    async fn datasets(&self) -> Result<Vec<DatasetRecord>> {
        self.up()?.datasets().await
    }

    async fn configured_dataset_health(&self) -> Result<Vec<DatasetHealth>> {
        self.up()?.configured_dataset_health().await
    }

    async fn dataset_version(&self) -> Result<DatasetVersion> {
        self.up()?.dataset_version().await
    }

    async fn set_dataset_columns(&self, name: &str, generation: Generation, columns: &str) -> Result<Option<String>> {
        self.up()?.set_dataset_columns(name, generation, columns).await
    }

    async fn request_dataset_refresh(&self, name: Option<&str>) -> Result<bool> {
        self.up()?.request_dataset_refresh(name).await
    }

    async fn report_dataset(
        &self,
        name: &str,
        generation: Generation,
        node: Incarnation,
        state: &DatasetState,
    ) -> Result<()> {
        self.up()?.report_dataset(name, generation, node, state).await
    }

    async fn sweep(&self, keep_ended: Duration) -> Result<Swept> {
        self.up()?.sweep(keep_ended).await
    }
}
