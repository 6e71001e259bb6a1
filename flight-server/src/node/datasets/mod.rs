//! Keeps the datasets that engines show in step with the session store and the configuration.
//!
//! The store's version is read every second, and its datasets only when that has changed. Each dataset is brought up in a
//! task of its own, so that one that hangs or fails costs the others nothing; one that is healthy costs nothing until it
//! changes. What is to go has gone before what is to come comes.

mod bringing;
mod columns;
mod ledger;
mod options;
mod wanted;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use session::{DatasetState, DatasetVersion, StoreError};
use tokio::sync::oneshot;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};

use self::bringing::{Bringing, End, Progress, take_away};
pub(crate) use self::columns::count as count_columns;
use self::ledger::Ledger;
pub use self::options::DatasetOptions;
use self::wanted::{Plan, Wanted, plan};
use super::core::Core;

/// How often the store is asked whether something has changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the store may take for an answer.
const STORE_PATIENCE: Duration = Duration::from_secs(5);
/// How long an engine may take to forget a dataset: it only changes its own catalog.
const REMOVE_PATIENCE: Duration = Duration::from_secs(10);

/// The datasets of a node.
pub(super) struct Datasets {
    core: Arc<Core>,
    entries: BTreeMap<String, Entry>,
    /// Those of the store that one of the configuration hides, so that it is logged once.
    hidden: BTreeSet<String>,
    tasks: JoinSet<Done>,
    /// Which entry a task works for.
    keys: HashMap<Id, String>,
    ledger: Ledger,
    /// The version of the store that `entries` are of.
    seen: Option<DatasetVersion>,
    refresh_at: Instant,
    /// Whether the store failed the last time, so that an outage is logged once.
    failing: bool,
}

/// One dataset, by its key. One task at a time works for it.
struct Entry {
    /// What is to be shown; nothing once it was removed.
    wanted: Option<Wanted>,
    /// The table that engines must forget before anything else.
    leaving: Option<String>,
    /// Whether an engine failed to forget it: then it is tried again with the next refresh.
    is_stuck: bool,
    progress: Progress,
    /// Whether it is to be brought up, or what is missing of that to be tried again.
    is_due: bool,
    work: Work,
    /// How the last attempt ended.
    outcome: Option<Result<(), String>>,
}

enum Work {
    Nothing,
    /// Dropping the sender tells the task that it is superseded.
    Bringing(Option<oneshot::Sender<()>>),
    TakingAway,
}

/// What a task has done.
enum Done {
    Brought { wanted: Box<Wanted>, progress: Progress, end: End },
    TakenAway(Result<(), String>),
}

impl Entry {
    fn new(wanted: Wanted) -> Self {
        Self {
            wanted: Some(wanted),
            leaving: None,
            is_stuck: false,
            progress: Progress::default(),
            is_due: true,
            work: Work::Nothing,
            outcome: None,
        }
    }

    fn is_idle(&self) -> bool {
        matches!(self.work, Work::Nothing)
    }

    /// Whether engines are to forget a table, or just do.
    fn is_leaving(&self) -> bool {
        match self.work {
            Work::Nothing => self.leaving.is_some() && !self.is_stuck,
            Work::TakingAway => true,
            // What is being brought up goes when that has ended; nobody waits for it.
            Work::Bringing(_) => false,
        }
    }

    /// What is wanted from now on.
    fn want(&mut self, wanted: Option<Wanted>) {
        match (&self.wanted, &wanted) {
            (None, None) => return,
            (Some(before), Some(after)) if before.is_same(after) => {
                // Another node described it meanwhile.
                let is_described = before.columns.is_none() && after.columns.is_some() && !self.progress.is_described();
                self.is_due |= is_described && self.is_idle();
                self.wanted = wanted;
                return;
            }
            // The same table over the same files stays while it is described anew.
            (Some(before), Some(after)) if before.is_alike(after) => {}
            (Some(before), _) => {
                self.leaving = Some(before.name.clone());
                self.outcome = None;
            }
            (None, Some(_)) => {}
        }
        self.start_over(wanted);
    }

    fn start_over(&mut self, wanted: Option<Wanted>) {
        self.is_due = wanted.is_some();
        self.wanted = wanted;
        self.progress = Progress::default();
        self.is_stuck = false;
        if let Work::Bringing(superseded) = &mut self.work {
            *superseded = None;
        }
    }
}

impl Datasets {
    pub(super) fn new(core: Arc<Core>) -> Self {
        let refresh_at = Instant::now() + core.options.datasets.refresh;
        Self {
            core,
            entries: BTreeMap::new(),
            hidden: BTreeSet::new(),
            tasks: JoinSet::new(),
            keys: HashMap::new(),
            ledger: Ledger::default(),
            seen: None,
            refresh_at,
            failing: false,
        }
    }

    /// Brings up what there is when the node starts, and waits for it no longer than `most`.
    pub(super) async fn start(&mut self, most: Duration) {
        let all = async {
            self.tick(Instant::now()).await;
            self.settle().await;
        };
        if timeout(most, all).await.is_err() {
            tracing::info!(
                waiting = self.tasks.len(),
                "datasets are still being opened; the node does not wait for them"
            );
        }
    }

    /// Keeps them in step for as long as it is polled.
    pub(super) async fn run(mut self) {
        let mut clock = interval(LOOK_EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = clock.tick() => self.tick(Instant::now()).await,
                Some(done) = self.tasks.join_next_with_id() => self.finished(done).await,
            }
        }
    }

    /// Waits until no task works.
    pub(super) async fn settle(&mut self) {
        while let Some(done) = self.tasks.join_next_with_id().await {
            self.finished(done).await;
        }
    }

    /// Looks once whether there is something to do at `now`.
    pub(super) async fn tick(&mut self, now: Instant) {
        match timeout(STORE_PATIENCE, self.look()).await {
            Ok(Ok(())) => self.store_answered(),
            Ok(Err(error)) => self.store_failed(&error),
            Err(_) => self.store_failed(&StoreError::Unavailable("it did not answer in time".to_owned())),
        }
        if now >= self.refresh_at {
            self.refresh_at = now + self.core.options.datasets.refresh;
            for entry in self.entries.values_mut().filter(|entry| entry.is_idle()) {
                entry.is_due |= matches!(entry.outcome, Some(Err(_)));
                entry.is_stuck = false;
            }
        }
        self.work();
        if !self.failing {
            self.tell().await;
        }
    }

    /// Reads what has changed in the store.
    async fn look(&mut self) -> Result<(), StoreError> {
        let version = self.core.store.dataset_version().await?;
        if self.seen == Some(version) {
            return Ok(());
        }
        let records = self.core.store.datasets().await?;
        self.want(plan(&self.core.options.datasets.configured, records, version));
        self.seen = Some(version);
        Ok(())
    }

    fn want(&mut self, mut plan: Plan) {
        let hidden: BTreeMap<String, session::Generation> =
            plan.hidden.iter().map(|(name, generation)| (name.to_ascii_lowercase(), *generation)).collect();
        let generations: HashMap<&str, session::Generation> =
            plan.wanted.iter().map(|(key, wanted)| (key.as_str(), wanted.generation)).collect();
        self.ledger
            .keep(|key, generation| generations.get(key) == Some(&generation) || hidden.get(key) == Some(&generation));
        for (name, generation) in &plan.hidden {
            if !self.hidden.contains(&name.to_ascii_lowercase()) {
                tracing::warn!(
                    dataset = name,
                    "the configuration has a dataset of the same name as the session store; the store's is not shown on this node"
                );
            }
            let reason = "the configuration of this node has a dataset of the same name".to_owned();
            self.ledger.set(name, *generation, DatasetState::Failed(reason));
        }
        self.hidden = hidden.into_keys().collect();
        for (key, entry) in &mut self.entries {
            entry.want(plan.wanted.remove(key));
        }
        self.entries.extend(plan.wanted.into_iter().map(|(key, wanted)| (key, Entry::new(wanted))));
    }

    /// Starts what can be started: first what is to go, and when that is done, what is to come.
    fn work(&mut self) {
        self.entries.retain(|_, entry| entry.wanted.is_some() || entry.leaving.is_some() || !entry.is_idle());
        for (key, entry) in &mut self.entries {
            if !entry.is_idle() || entry.is_stuck {
                continue;
            }
            let Some(name) = entry.leaving.clone() else { continue };
            let engines = self.core.engines.clone();
            let task = async move { Done::TakenAway(take_away(&engines, &name, REMOVE_PATIENCE).await) };
            self.keys.insert(self.tasks.spawn(task).id(), key.clone());
            entry.work = Work::TakingAway;
        }
        if self.entries.values().any(Entry::is_leaving) {
            return;
        }
        for (key, entry) in &mut self.entries {
            let Some(wanted) = entry.wanted.clone().filter(|_| entry.is_due && entry.is_idle()) else { continue };
            let (sender, superseded) = oneshot::channel();
            let progress = std::mem::take(&mut entry.progress);
            let bringing = Bringing { core: Arc::clone(&self.core), wanted: wanted.clone(), progress, superseded };
            let task = async move {
                let (progress, end) = bringing.run().await;
                Done::Brought { wanted: Box::new(wanted), progress, end }
            };
            self.keys.insert(self.tasks.spawn(task).id(), key.clone());
            entry.work = Work::Bringing(Some(sender));
            entry.is_due = false;
        }
    }

    async fn finished(&mut self, done: Result<(Id, Done), JoinError>) {
        let (id, done) = match done {
            Ok((id, done)) => (id, Ok(done)),
            Err(error) => (error.id(), Err(error)),
        };
        if let Some(key) = self.keys.remove(&id)
            && let Some(entry) = self.entries.get_mut(&key)
        {
            let was = std::mem::replace(&mut entry.work, Work::Nothing);
            match done {
                Ok(Done::TakenAway(result)) => taken_away(entry, result),
                Ok(Done::Brought { wanted, progress, end }) => brought(entry, &mut self.ledger, &wanted, progress, end),
                Err(error) => {
                    tracing::error!(dataset = key, %error, "work for a dataset ended before its time");
                    broken_off(entry, &mut self.ledger, &was);
                }
            }
        }
        self.work();
        if !self.failing {
            self.tell().await;
        }
    }

    async fn tell(&mut self) {
        let me = self.core.live.incarnation();
        match self.ledger.tell(&*self.core.store, me, STORE_PATIENCE).await {
            // A node that has no lease any more gets another, under which it says all this again.
            Ok(()) | Err(StoreError::NodeGone) => {}
            Err(error) => self.store_failed(&error),
        }
    }

    fn store_answered(&mut self) {
        if std::mem::take(&mut self.failing) {
            tracing::info!("the datasets of the session store can be read again");
        }
    }

    fn store_failed(&mut self, error: &StoreError) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(%error, "the datasets of the session store can't be read; those that are shown stay");
        }
    }
}

fn taken_away(entry: &mut Entry, result: Result<(), String>) {
    let name = entry.leaving.as_deref().unwrap_or_default();
    match result {
        Ok(()) => {
            tracing::info!(dataset = name, "dataset removed");
            entry.leaving = None;
        }
        Err(reason) => {
            tracing::warn!(dataset = name, reason, "a dataset could not be removed; it is tried again");
            entry.is_stuck = true;
        }
    }
}

fn brought(entry: &mut Entry, ledger: &mut Ledger, did: &Wanted, progress: Progress, end: End) {
    // What is wanted now was put on its way when it was wanted.
    if !entry.wanted.as_ref().is_some_and(|wanted| wanted.is_same(did)) {
        return;
    }
    entry.progress = progress;
    let result = match end {
        End::Shown => Ok(()),
        End::Failed(reason) => Err(reason),
        // The store has another one by now, which the next look will find.
        End::Superseded => return,
    };
    if result.is_ok() {
        // The new table took the place of one that an engine failed to forget.
        entry.leaving = None;
    }
    log(did, &entry.progress, entry.outcome.as_ref(), &result);
    let state = match &result {
        Ok(()) => DatasetState::Ok,
        Err(reason) => DatasetState::Failed(reason.clone()),
    };
    ledger.set(&did.name, did.generation, state);
    entry.outcome = Some(result);
}

/// A task panicked: the engine did, and what it has done is not known.
fn broken_off(entry: &mut Entry, ledger: &mut Ledger, was: &Work) {
    entry.is_stuck = matches!(was, Work::TakingAway);
    if let (Work::Bringing(_), Some(wanted)) = (was, &entry.wanted) {
        let reason = "internal error: the work for it ended before its time; see the server's log".to_owned();
        ledger.set(&wanted.name, wanted.generation, DatasetState::Failed(reason.clone()));
        entry.progress = Progress::default();
        entry.outcome = Some(Err(reason));
    }
}

fn log(wanted: &Wanted, progress: &Progress, before: Option<&Result<(), String>>, now: &Result<(), String>) {
    let (dataset, columns) = (wanted.name.as_str(), progress.columns());
    let url = wanted.definition.as_ref().map(crate::dataset::Definition::shown_url).unwrap_or_default();
    match (before, now) {
        (Some(Err(_)), Ok(())) => tracing::info!(dataset, url, columns, "dataset healed"),
        (Some(Ok(())), Ok(())) => tracing::info!(dataset, url, columns, "dataset refreshed"),
        (None, Ok(())) => tracing::info!(dataset, url, columns, "dataset added"),
        (Some(Err(known)), Err(reason)) if known == reason => {}
        (_, Err(reason)) => tracing::info!(dataset, url, reason, "dataset can't be used; it is tried again"),
    }
}
