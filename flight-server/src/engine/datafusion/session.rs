//! A session's side of the engine's trait: takes each call onto the engine's threads, one after the other.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;
use typemap::wire::WireOptions;

use super::catalog::SessionCatalogs;
use super::errors::closed;
use super::instance::Instance;
use super::lane::{Executed, Lane};
use super::progress::Running;
use super::runtime::Stop;
use super::{ingest, listing, query, settings};
use crate::engine::{
    EngineSession, Ingest, Ingested, Location, Outcome, Plan, Request, Rows, StateEntry, Statement, TableEntry,
    TableFilter, TransactionStatus, UNKEPT, cannot,
};
use crate::error::{Error, ErrorCode, Result, SqlState};

/// A session.
pub(super) struct DataFusionSession {
    instance: Arc<Instance>,
    lane: Arc<tokio::sync::Mutex<Lane>>,
    wire: Mutex<WireOptions>,
    running: Arc<Running>,
    /// What ends whatever runs, open results included.
    tasks: Mutex<Vec<Stop>>,
    closed: AtomicBool,
    /// What could not be brought along from an earlier node.
    lost: Mutex<Vec<String>>,
}

impl DataFusionSession {
    /// Opens a session and brings it to the state that `replay` describes.
    pub(super) async fn open(instance: Arc<Instance>, replay: Vec<StateEntry>) -> Result<Arc<Self>> {
        let runtime = Arc::clone(&instance.runtime);
        let running = Arc::new(Running::default());
        let catalogs = SessionCatalogs::new(&instance.datasets);
        let context = instance.context(Arc::clone(&catalogs) as _);
        let fresh = settings::settings(&context.state_ref().read());
        let inside = Arc::clone(&running);
        let owner = Arc::clone(&instance);
        let mut opening = runtime.spawn(async move {
            let mut lane = Lane { instance: owner, context, catalogs, running: inside, fresh, noted: Vec::new() };
            let lost = restore(&mut lane, &replay).await?;
            Ok((lane, lost))
        });
        let (lane, lost) = opening.join().await?;
        Ok(Arc::new(Self {
            instance,
            lane: Arc::new(tokio::sync::Mutex::new(lane)),
            wire: Mutex::default(),
            running,
            tasks: Mutex::default(),
            closed: AtomicBool::new(false),
            lost: Mutex::new(lost),
        }))
    }

    /// Waits for the lane, and runs `work` on the engine's threads. Dropping the future stops it.
    async fn on_lane<R, F>(&self, work: impl FnOnce(OwnedMutexGuard<Lane>) -> F + Send + 'static) -> Result<R>
    where
        R: Send + 'static,
        F: Future<Output = Result<R>> + Send + 'static,
    {
        let lane = Arc::clone(&self.lane).lock_owned().await;
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        let mut task = self.instance.runtime.spawn(work(lane));
        self.watch(task.stop_handle())?;
        task.join().await
    }

    /// Ends this task too when the session is closed.
    fn watch(&self, handle: Stop) -> Result<()> {
        let mut tasks = self.tasks.lock();
        tasks.retain(|task| !task.has_ended());
        if self.closed.load(Ordering::Acquire) {
            handle.stop();
            return Err(closed());
        }
        tasks.push(handle);
        Ok(())
    }
}

/// Brings a new session to the state that a journal describes: what is found by name first, then what was defined, in an
/// order in which each finds what it stands upon, and its place last. What stands upon a table that is not there any more ends with
/// it, and is returned in the words of people.
async fn restore(lane: &mut Lane, replay: &[StateEntry]) -> Result<Vec<String>> {
    let mut lost = Vec::new();
    let rank = |entry: &StateEntry| match entry.key.split(':').next() {
        Some("setting") => 0,
        Some("schema") => 1,
        Some("relation") => 2,
        _ => 3,
    };
    let is_statement = |entry: &&StateEntry| entry.sql.is_some() && !entry.key.starts_with(UNKEPT);
    let mut entries: Vec<_> = replay.iter().filter(is_statement).collect();
    entries.sort_by_key(|entry| rank(entry));
    for level in 0..=3 {
        let mut open: Vec<_> = entries.iter().filter(|entry| rank(entry) == level).collect();
        while !open.is_empty() {
            let mut failures = Vec::new();
            let before = open.len();
            let mut left = Vec::new();
            for entry in open {
                if let Some(sql) = &entry.sql
                    && let Err(error) = lane.execute(&Statement::new(sql.as_str()), WireOptions::default()).await
                {
                    failures.push((&entry.key, error));
                    left.push(entry);
                }
                if level < 3 {
                    // The statement moved to where it was first run.
                    settings::move_to(&lane.context, Some(super::CATALOG), Some(super::SCHEMA))?;
                }
            }
            if level == 2
                && left.len() == before
                && failures.iter().all(|(_, error)| error.sqlstate == SqlState("42P01"))
            {
                lost.extend(left.iter().map(|entry| entry.key.clone()));
                break;
            }
            if let Some((key, error)) = failures.first().filter(|_| left.len() == before) {
                let what = format!("the session's {key} could not be made again: {error}");
                return Err(Error::new(ErrorCode::SessionUnreclaimable, what));
            }
            open = left;
        }
    }
    // Nobody is to try them again.
    lane.noted = lost.iter().map(|key| StateEntry { key: key.clone(), sql: None }).collect();
    Ok(lost.iter().map(|key| key.replacen(':', " ", 1)).collect())
}

#[async_trait]
impl EngineSession for DataFusionSession {
    fn engine_name(&self) -> &'static str {
        super::NAME
    }

    fn take_lost(&self) -> Vec<String> {
        std::mem::take(&mut *self.lost.lock())
    }

    fn set_wire_options(&self, options: WireOptions) {
        *self.wire.lock() = options;
    }

    fn progress(&self) -> Option<f64> {
        self.running.progress()
    }

    async fn ingest(&self, rows: Ingest) -> Result<Ingested> {
        self.on_lane(async |mut lane| ingest::ingest(&mut lane, rows).await).await
    }

    async fn plan(&self, sql: &str) -> Result<Plan> {
        let (sql, wire) = (sql.to_owned(), *self.wire.lock());
        self.on_lane(async move |lane| lane.plan(&sql, &wire).await).await
    }

    async fn execute(&self, statement: Statement) -> Result<Outcome> {
        let wire = *self.wire.lock();
        let executed = self.on_lane(async move |mut lane| lane.execute(&statement, wire).await).await?;
        let Executed { kind, schema, batches, reader, changed, is_update, state } = executed;
        let ready = stream::iter(batches.into_iter().map(Ok));
        let batches = match reader {
            None => ready.boxed(),
            Some(reader) => {
                self.watch(reader.stop_handle())?;
                ready.chain(reader.into_stream()).boxed()
            }
        };
        Ok(Outcome { kind, rows: Rows { schema, batches }, changed, is_update, is_held: false, state })
    }

    async fn begin(&self) -> Result<()> {
        Err(cannot(super::NAME, "BEGIN a transaction"))
    }

    async fn commit(&self, _: Option<&Request>) -> Result<()> {
        Ok(())
    }

    async fn rollback(&self) -> Result<()> {
        Ok(())
    }

    fn transaction(&self) -> TransactionStatus {
        TransactionStatus::Autocommit
    }

    async fn location(&self) -> Result<Location> {
        self.on_lane(async |lane| Ok(query::location(&lane.context.state_ref().read()))).await
    }

    async fn set_location(&self, catalog: Option<&str>, schema: Option<&str>) -> Result<Vec<StateEntry>> {
        let (catalog, schema) = (catalog.map(str::to_owned), schema.map(str::to_owned));
        self.on_lane(async move |lane| settings::move_to(&lane.context, catalog.as_deref(), schema.as_deref())).await
    }

    async fn settings(&self) -> Result<Vec<(String, String)>> {
        self.on_lane(async |lane| Ok(settings::settings(&lane.context.state_ref().read()))).await
    }

    async fn set_setting(&self, name: &str, value: Option<&str>) -> Result<Vec<StateEntry>> {
        let (name, value) = (name.to_owned(), value.map(str::to_owned));
        self.on_lane(async move |lane| settings::set(&lane.context, &lane.fresh, &name, value.as_deref())).await
    }

    async fn catalogs(&self) -> Result<Vec<String>> {
        self.on_lane(async |lane| Ok(listing::catalogs(&lane))).await
    }

    async fn schemas(&self, catalog: Option<&str>, schema_pattern: Option<&str>) -> Result<Vec<Location>> {
        let (catalog, pattern) = (catalog.map(str::to_owned), schema_pattern.map(str::to_owned));
        self.on_lane(async move |lane| Ok(listing::schemas(&lane, catalog.as_deref(), pattern.as_deref()))).await
    }

    async fn tables(&self, filter: &TableFilter) -> Result<Vec<TableEntry>> {
        let filter = filter.clone();
        self.on_lane(async move |lane| listing::tables(&lane, &filter).await).await
    }

    async fn table_types(&self) -> Result<Vec<String>> {
        Ok(listing::TABLE_TYPES.map(str::to_owned).to_vec())
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for task in self.tasks.lock().drain(..) {
            task.stop();
        }
        // What it held is freed when nobody runs on the lane any more.
        let lane = self.lane.lock().await;
        lane.catalogs.own().clear();
    }
}
