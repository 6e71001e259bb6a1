//! The session table as one node reaches it: late, not at all, or without an answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use parking_lot::Mutex;
use session::{
    Claim, DatasetHealth, DatasetRecord, DatasetState, DatasetVersion, EndedSession, Epoch, Fence, Generation,
    Incarnation, JournalEntry, ModelStore, NewDataset, NewSession, NodeLoad, NodeRecord, NodeRegistration, NodeState,
    PreparedRecord, Renewal, Result, SessionId, SessionRecord, SessionStore, StoreError, Swept, WriteNumber,
};
use tokio::time::sleep;

use super::history::{History, Invariant};
use super::random::Random;

/// How long a node waits for an answer of the store.
const PATIENCE: Duration = Duration::from_millis(250);

/// How a store is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It answers.
    Open,
    /// It is known at once that it can't be reached.
    Refused,
    /// It is silent.
    Silent,
}

type Late = Box<dyn FnOnce(&ModelStore) + Send>;

/// The session table, and what is still on its way to it.
pub(super) struct Tables {
    pub(super) model: ModelStore,
    history: Arc<History>,
    late: Mutex<Vec<(Duration, Late)>>,
    /// The owner of each epoch of a session.
    owners: Mutex<BTreeMap<(SessionId, Epoch), Incarnation>>,
    /// Claims look at nothing: what an invariant must find.
    pub(super) claims_are_blind: bool,
}

impl Tables {
    pub(super) fn new(model: ModelStore, history: Arc<History>, claims_are_blind: bool) -> Self {
        Self { model, history, late: Mutex::default(), owners: Mutex::default(), claims_are_blind }
    }

    /// Does what was on its way and has arrived.
    pub(super) fn deliver(&self) {
        let now = self.history.now();
        let due: Vec<_> = self.late.lock().extract_if(.., |(at, _)| *at <= now).map(|(_, late)| late).collect();
        for late in due {
            late(&self.model);
        }
    }

    fn claim(&self, id: &SessionId, expected: Epoch, me: Incarnation) -> Result<Claim> {
        let mut expected = expected;
        if self.claims_are_blind
            && let Some(record) = answer(self.model.session(id))?
            && let Some(owner) = record.owner.filter(|owner| *owner != me)
        {
            let fence = Fence { session: id.clone(), incarnation: owner, epoch: record.epoch };
            let _ = answer(self.model.release(&fence));
            expected = record.epoch;
        }
        let claim = answer(self.model.claim(id, expected, me))?;
        if let Claim::Claimed(record) = &claim {
            self.owned(record);
        }
        Ok(claim)
    }

    fn owned(&self, record: &SessionRecord) {
        let Some(owner) = record.owner else { return };
        let mut owners = self.owners.lock();
        let newest =
            owners.range((record.id.clone(), Epoch::FIRST)..).take_while(|((id, _), _)| *id == record.id).last();
        if newest.is_some_and(|((_, newest), _)| record.epoch <= *newest) {
            let how = format!("session {} got epoch {} a second time, of {owner}", record.id, record.epoch);
            self.history.violated(Invariant::EpochsHaveOneOwner, how);
        }
        owners.insert((record.id.clone(), record.epoch), owner);
    }
}

/// What the model answers: it never waits.
fn answer<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    call.now_or_never().unwrap_or_else(|| Err(silent()))
}

fn silent() -> StoreError {
    StoreError::Unavailable("it does not answer".to_owned())
}

/// The session table as one node reaches it.
pub(super) struct Reach {
    tables: Arc<Tables>,
    random: Random,
    way: Mutex<Way>,
    /// Of how many calls, in a hundred, the answer is lost although the store is there.
    lossy: Arc<AtomicU32>,
}

impl Reach {
    pub(super) fn new(tables: Arc<Tables>, random: Random, lossy: Arc<AtomicU32>) -> Self {
        Self { tables, random, way: Mutex::new(Way::Open), lossy }
    }

    pub(super) fn set_way(&self, way: Way) {
        *self.way.lock() = way;
    }

    async fn call<T, F>(&self, call: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tables) -> Result<T> + Send + 'static,
    {
        sleep(self.random.milliseconds(0..3)).await;
        let way = *self.way.lock();
        match way {
            Way::Refused => return Err(silent()),
            Way::Silent => {
                sleep(PATIENCE).await;
                return Err(silent());
            }
            Way::Open if self.random.chance(self.lossy.load(Ordering::SeqCst)) => {
                if self.random.chance(50) {
                    // It has effect, now or later, and nobody is told.
                    let tables = Arc::clone(&self.tables);
                    let at = self.tables.history.now() + self.random.milliseconds(0..400);
                    let late: Late = Box::new(move |_| drop(call(&tables)));
                    self.tables.late.lock().push((at, late));
                }
                sleep(PATIENCE).await;
                return Err(silent());
            }
            Way::Open => {}
        }
        let answer = call(&self.tables);
        sleep(self.random.milliseconds(0..3)).await;
        answer
    }
}

#[async_trait]
impl SessionStore for Reach {
    async fn register_node(&self, node: &NodeRegistration) -> Result<()> {
        let node = node.clone();
        self.call(move |tables| answer(tables.model.register_node(&node))).await
    }

    async fn renew_node(&self, node: Incarnation, lease: Duration, load: &NodeLoad) -> Result<Renewal> {
        let load = *load;
        self.call(move |tables| answer(tables.model.renew_node(node, lease, &load))).await
    }

    async fn set_node_state(&self, node: Incarnation, state: NodeState) -> Result<()> {
        self.call(move |tables| answer(tables.model.set_node_state(node, state))).await
    }

    async fn request_drain(&self, name: &str) -> Result<u64> {
        let name = name.to_owned();
        self.call(move |tables| answer(tables.model.request_drain(&name))).await
    }

    async fn nodes(&self) -> Result<Vec<NodeRecord>> {
        self.call(|tables| answer(tables.model.nodes())).await
    }

    async fn node(&self, incarnation: Incarnation) -> Result<Option<NodeRecord>> {
        self.call(move |tables| answer(tables.model.node(incarnation))).await
    }

    async fn create_session(&self, session: &NewSession, owner: Incarnation) -> Result<SessionRecord> {
        let session = session.clone();
        self.call(move |tables| {
            let record = answer(tables.model.create_session(&session, owner))?;
            tables.owned(&record);
            Ok(record)
        })
        .await
    }

    async fn session(&self, id: &SessionId) -> Result<Option<SessionRecord>> {
        let id = id.clone();
        self.call(move |tables| answer(tables.model.session(&id))).await
    }

    async fn sessions(&self) -> Result<Vec<SessionRecord>> {
        self.call(|tables| answer(tables.model.sessions())).await
    }

    async fn claim(&self, id: &SessionId, expected: Epoch, me: Incarnation) -> Result<Claim> {
        let id = id.clone();
        if self.tables.claims_are_blind {
            // What is wrong with them shows when several are under way.
            sleep(self.random.milliseconds(0..150)).await;
        }
        self.call(move |tables| tables.claim(&id, expected, me)).await
    }

    async fn release(&self, fence: &Fence) -> Result<()> {
        let fence = fence.clone();
        self.call(move |tables| answer(tables.model.release(&fence))).await
    }

    async fn close(&self, fence: &Fence, reason: &str) -> Result<()> {
        let (fence, reason) = (fence.clone(), reason.to_owned());
        self.call(move |tables| answer(tables.model.close(&fence, &reason))).await
    }

    async fn end_session(&self, id: &SessionId, reason: &str) -> Result<EndedSession> {
        let (id, reason) = (id.clone(), reason.to_owned());
        self.call(move |tables| answer(tables.model.end_session(&id, &reason))).await
    }

    async fn acknowledge_revoked(&self, node: Incarnation, sessions: &[SessionId]) -> Result<()> {
        let sessions = sessions.to_vec();
        self.call(move |tables| answer(tables.model.acknowledge_revoked(node, &sessions))).await
    }

    async fn revocation_pending(&self, id: &SessionId) -> Result<bool> {
        let id = id.clone();
        self.call(move |tables| answer(tables.model.revocation_pending(&id))).await
    }

    async fn touch(&self, sessions: &[SessionId], me: Incarnation) -> Result<()> {
        let sessions = sessions.to_vec();
        self.call(move |tables| answer(tables.model.touch(&sessions, me))).await
    }

    async fn set_options_as(
        &self,
        fence: &Fence,
        number: WriteNumber,
        options: &BTreeMap<String, String>,
    ) -> Result<()> {
        let (fence, options) = (fence.clone(), options.clone());
        self.call(move |tables| answer(tables.model.set_options_as(&fence, number, &options))).await
    }

    async fn write_journal_as(&self, fence: &Fence, number: WriteNumber, entries: &[JournalEntry]) -> Result<()> {
        let (fence, entries) = (fence.clone(), entries.to_vec());
        self.call(move |tables| answer(tables.model.write_journal_as(&fence, number, &entries))).await
    }

    async fn journal(&self, session: &SessionId) -> Result<Vec<JournalEntry>> {
        let session = session.clone();
        self.call(move |tables| answer(tables.model.journal(&session))).await
    }

    async fn put_prepared(&self, fence: &Fence, prepared: &PreparedRecord) -> Result<()> {
        let (fence, prepared) = (fence.clone(), prepared.clone());
        self.call(move |tables| answer(tables.model.put_prepared(&fence, &prepared))).await
    }

    async fn prepared(&self, session: &SessionId, handle: &[u8]) -> Result<Option<PreparedRecord>> {
        let (session, handle) = (session.clone(), handle.to_vec());
        self.call(move |tables| answer(tables.model.prepared(&session, &handle))).await
    }

    async fn delete_prepared(&self, fence: &Fence, handle: &[u8]) -> Result<()> {
        let (fence, handle) = (fence.clone(), handle.to_vec());
        self.call(move |tables| answer(tables.model.delete_prepared(&fence, &handle))).await
    }

    async fn put_dataset(&self, dataset: &NewDataset) -> Result<()> {
        let dataset = dataset.clone();
        self.call(move |tables| answer(tables.model.put_dataset(&dataset))).await
    }

    async fn remove_dataset(&self, name: &str) -> Result<bool> {
        let name = name.to_owned();
        self.call(move |tables| answer(tables.model.remove_dataset(&name))).await
    }

    async fn datasets(&self) -> Result<Vec<DatasetRecord>> {
        self.call(|tables| answer(tables.model.datasets())).await
    }

    async fn configured_dataset_health(&self) -> Result<Vec<DatasetHealth>> {
        self.call(|tables| answer(tables.model.configured_dataset_health())).await
    }

    async fn dataset_version(&self) -> Result<DatasetVersion> {
        self.call(|tables| answer(tables.model.dataset_version())).await
    }

    async fn set_dataset_columns(&self, name: &str, generation: Generation, columns: &str) -> Result<Option<String>> {
        let (name, columns) = (name.to_owned(), columns.to_owned());
        self.call(move |tables| answer(tables.model.set_dataset_columns(&name, generation, &columns))).await
    }

    async fn request_dataset_refresh(&self, name: Option<&str>) -> Result<bool> {
        let name = name.map(ToOwned::to_owned);
        self.call(move |tables| answer(tables.model.request_dataset_refresh(name.as_deref()))).await
    }

    async fn report_dataset(
        &self,
        name: &str,
        generation: Generation,
        node: Incarnation,
        state: &DatasetState,
    ) -> Result<()> {
        let (name, state) = (name.to_owned(), state.clone());
        self.call(move |tables| answer(tables.model.report_dataset(&name, generation, node, &state))).await
    }

    async fn sweep(&self, keep_ended: Duration) -> Result<Swept> {
        self.call(move |tables| answer(tables.model.sweep(keep_ended))).await
    }
}
