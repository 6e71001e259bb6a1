//! A session's side of the engine's trait: takes each call off the async threads and onto the session's lane.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use futures::{Stream, StreamExt, stream};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use typemap::wire::WireOptions;
use uuid::Uuid;

use super::ahead::Ahead;
use super::catalog;
use super::cursor::{Cursor, Step};
use super::errors;
use super::ingest::{self, Order, RowSender};
use super::instance::Instance;
use super::internal::{self, quoted_text};
use super::interrupt::{CancelOnDrop, Run, Turnstile};
use super::keys;
use super::lane::{Executed, Lane, SharedStatus};
use super::state;
use super::validity::Validity;
use crate::engine::priority;
use crate::engine::quoted_identifier;
use crate::engine::{
    EngineSession, ForeignKeyColumn, Holder, Ingest, Ingested, Location, Outcome, Plan, PrimaryKeyColumn, Receipt,
    Request, Rows, StateEntry, Statement, TableEntry, TableFilter, TableName, TransactionStatus,
};
use crate::error::{Error, ErrorCode, Result};

/// How long a fetch whose reader has gone may go on inside a transaction before it is interrupted: an interrupt aborts the
/// transaction, and a reader that merely closes a result early does not mean that. It ends by itself with the task at hand.
const GRACE: Duration = Duration::from_secs(2);

/// A session.
pub(super) struct DuckDbSession {
    shared: Arc<Shared>,
}

/// What the session and its open results share.
struct Shared {
    turnstile: Arc<Turnstile>,
    lane: Arc<Mutex<Lane>>,
    status: Arc<SharedStatus>,
    /// How rows are written from the next statement on.
    wire: parking_lot::Mutex<WireOptions>,
    /// What could not be brought along from an earlier node, until it is asked for.
    lost: parking_lot::Mutex<Vec<String>>,
    /// Whether the instance can still be used.
    validity: Arc<Validity>,
    /// Whether the session is being closed: rows that are still to come are then not waited for.
    closing: watch::Sender<bool>,
}

impl DuckDbSession {
    /// Opens a session and brings it to the state that `replay` describes.
    pub(super) async fn open(instance: Arc<Instance>, holder: Holder, replay: Vec<StateEntry>) -> Result<Arc<Self>> {
        blocking(move || {
            if let Some(lake) = &instance.lake {
                lake.shut_out_others(&holder)?;
            }
            let connection = instance.connect()?;
            let validity = Arc::clone(&instance.validity);
            let turnstile = Turnstile::new(connection.interrupter());
            let mut lane = Lane::open(instance, connection, holder, &replay)?;
            let lost = parking_lot::Mutex::new(lane.take_lost());
            let status = Arc::clone(&lane.status);
            let shared = Shared {
                turnstile,
                lane: Arc::new(Mutex::new(lane)),
                status,
                wire: parking_lot::Mutex::default(),
                lost,
                validity,
                closing: watch::Sender::new(false),
            };
            Ok(Arc::new(Self { shared: Arc::new(shared) }))
        })
        .await
    }

    /// Keeps everything else off the lane.
    #[cfg(test)]
    pub(super) async fn hold(&self) -> tokio::sync::OwnedMutexGuard<Lane> {
        Arc::clone(&self.shared.lane).lock_owned().await
    }

    /// Runs `work` on the lane with the connection free.
    async fn with_connection<R: Send + 'static>(
        &self,
        work: impl FnOnce(&super::ffi::Connection) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        self.shared.on_lane(Duration::ZERO, |lane, run| work(lane.connection(run)?)).await
    }
}

impl Shared {
    /// Waits for the lane, and runs `work` on a blocking thread. Dropping the future interrupts what runs, after `grace`.
    async fn on_lane<R: Send + 'static>(
        &self,
        grace: Duration,
        work: impl FnOnce(&mut Lane, &Run) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let mut lane = Arc::clone(&self.lane).lock_owned().await;
        let run = self.turnstile.run();
        let _cancel = CancelOnDrop::new(Arc::clone(&run), grace);
        blocking(move || {
            let _end = EndOnDrop(&run);
            if run.is_cancelled() {
                return Err(errors::cancelled());
            }
            work(&mut lane, &run).map_err(|error| lane.instance.explain(error))
        })
        .await
    }
}

/// Says that a run has ended, however it does.
struct EndOnDrop<'run>(&'run Run);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Runs `work` on a blocking thread, which gives way to the server's own.
pub(super) async fn blocking<R: Send + 'static>(work: impl FnOnce() -> Result<R> + Send + 'static) -> Result<R> {
    let work = || {
        priority::give_way();
        work()
    };
    crate::blocking::blocking(work).await
}

#[async_trait]
impl EngineSession for DuckDbSession {
    fn engine_name(&self) -> &'static str {
        super::NAME
    }

    fn set_wire_options(&self, options: WireOptions) {
        *self.shared.wire.lock() = options;
    }

    fn is_broken(&self) -> bool {
        self.shared.validity.is_lost()
    }

    fn take_lost(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.lost.lock())
    }

    fn progress(&self) -> Option<f64> {
        self.shared.turnstile.progress()
    }

    async fn ingest(&self, rows: Ingest) -> Result<Ingested> {
        let Ingest { table, mode, schema, request, batches } = rows;
        let order = Order { table, mode, schema, request };
        let (sender, receiver) = ingest::channel();
        let written = self.shared.on_lane(Duration::ZERO, move |lane, run| lane.ingest(&order, receiver, run));
        let sent = send_rows(batches, sender, self.shared.closing.subscribe());
        tokio::pin!(written, sent);
        tokio::select! {
            // It failed, or all rows have come and are written.
            written = &mut written => written,
            () = &mut sent => written.await,
        }
    }

    async fn plan(&self, sql: &str) -> Result<Plan> {
        let (sql, wire) = (sql.to_owned(), *self.shared.wire.lock());
        self.shared.on_lane(Duration::ZERO, move |lane, run| lane.plan(&sql, &wire, run)).await
    }

    async fn execute(&self, statement: Statement) -> Result<Outcome> {
        let wire = *self.shared.wire.lock();
        let work = move |lane: &mut Lane, run: &Run| Ok((lane.execute(&statement, wire, run)?, lane.is_held()));
        let (executed, is_held) = self.shared.on_lane(Duration::ZERO, work).await?;
        let Executed { kind, schema, batches, cursor, changed, is_update, state } = executed;
        let ready = stream::iter(batches.into_iter().map(Ok));
        let batches = match cursor {
            None => ready.boxed(),
            Some(cursor) => {
                let reader = Reader { shared: Arc::clone(&self.shared), cursor };
                ready.chain(Ahead::new(stream::unfold(reader, Reader::step))).boxed()
            }
        };
        Ok(Outcome { kind, rows: Rows { schema, batches }, changed, is_update, is_held, state })
    }

    async fn begin(&self) -> Result<()> {
        self.shared.on_lane(Duration::ZERO, Lane::begin).await
    }

    async fn commit(&self, request: Option<&Request>) -> Result<()> {
        let request = request.cloned();
        self.shared.on_lane(Duration::ZERO, move |lane, run| lane.commit(request.as_ref(), run)).await
    }

    async fn state_after_transaction(&self) -> Result<Vec<StateEntry>> {
        self.shared.on_lane(Duration::ZERO, Lane::state_after_transaction).await
    }

    async fn receipt(&self, id: Uuid) -> Result<Option<Receipt>> {
        self.shared.on_lane(Duration::ZERO, move |lane, run| lane.receipt(id, run)).await
    }

    async fn is_pending(&self, id: Uuid) -> Result<bool> {
        self.shared.on_lane(Duration::ZERO, move |lane, _| Ok(lane.is_pending(id))).await
    }

    async fn state_of_commit(&self) -> Result<Option<Vec<StateEntry>>> {
        self.shared.on_lane(Duration::ZERO, Lane::state_of_commit).await
    }

    async fn rollback(&self) -> Result<()> {
        self.shared.on_lane(Duration::ZERO, Lane::roll_back).await
    }

    fn transaction(&self) -> TransactionStatus {
        self.shared.status.get()
    }

    async fn location(&self) -> Result<Location> {
        self.with_connection(|connection| {
            let rows = internal::rows(connection, "SELECT current_database(), current_schema()", &[])?;
            match rows.into_iter().next().map(<[Option<String>; 2]>::try_from) {
                Some(Ok([Some(catalog), Some(schema)])) => Ok(Location { catalog, schema }),
                _ => Err(Error::internal("the engine did not say where the session is")),
            }
        })
        .await
    }

    async fn set_location(&self, catalog: Option<&str>, schema: Option<&str>) -> Result<Vec<StateEntry>> {
        let (catalog, schema) = (catalog.map(str::to_owned), schema.map(str::to_owned));
        self.shared
            .on_lane(Duration::ZERO, move |lane, run| {
                let connection = lane.connection(run)?;
                let sql = state::move_to(connection, catalog.as_deref(), schema.as_deref())?;
                lane.set(&sql, run)
            })
            .await
    }

    async fn settings(&self) -> Result<Vec<(String, String)>> {
        self.shared
            .on_lane(Duration::ZERO, |lane, run| {
                let allowed = lane.instance.settings.clone();
                state::settings(lane.connection(run)?, &allowed)
            })
            .await
    }

    async fn set_setting(&self, name: &str, value: Option<&str>) -> Result<Vec<StateEntry>> {
        let (name, value) = (name.to_owned(), value.map(str::to_owned));
        self.shared
            .on_lane(Duration::ZERO, move |lane, run| {
                if !lane.instance.settings.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
                    return Err(Error::new(
                        ErrorCode::OptionInvalid,
                        format!("there is no setting \"{name}\" that a session may change"),
                    ));
                }
                let identifier = quoted_identifier(&name);
                let sql = match value {
                    Some(value) => format!("SET SESSION {identifier} = {}", quoted_text(&value)),
                    None => format!("RESET {identifier}"),
                };
                lane.set(&sql, run)
            })
            .await
    }

    async fn catalogs(&self) -> Result<Vec<String>> {
        self.with_connection(catalog::catalogs).await
    }

    async fn schemas(&self, catalog: Option<&str>, schema_pattern: Option<&str>) -> Result<Vec<Location>> {
        let (catalog, pattern) = (catalog.map(str::to_owned), schema_pattern.map(str::to_owned));
        self.with_connection(move |connection| catalog::schemas(connection, catalog.as_deref(), pattern.as_deref()))
            .await
    }

    async fn tables(&self, filter: &TableFilter) -> Result<Vec<TableEntry>> {
        let (filter, wire) = (filter.clone(), *self.shared.wire.lock());
        self.with_connection(move |connection| catalog::tables(connection, &filter, &wire)).await
    }

    async fn table_types(&self) -> Result<Vec<String>> {
        Ok(catalog::TABLE_TYPES.map(str::to_owned).to_vec())
    }

    async fn primary_keys(&self, table: &TableName) -> Result<Vec<PrimaryKeyColumn>> {
        let table = table.clone();
        self.with_connection(move |connection| keys::primary(connection, &table)).await
    }

    async fn foreign_keys(
        &self,
        primary: Option<&TableName>,
        foreign: Option<&TableName>,
    ) -> Result<Vec<ForeignKeyColumn>> {
        let (primary, foreign) = (primary.cloned(), foreign.cloned());
        self.with_connection(move |connection| keys::foreign(connection, primary.as_ref(), foreign.as_ref())).await
    }

    async fn close(&self) {
        self.shared.closing.send_replace(true);
        // Whatever runs is told to stop until the lane is free, and nothing runs on it after that.
        let mut lane = {
            let _stop = self.shared.turnstile.stop_all();
            Arc::clone(&self.shared.lane).lock_owned().await
        };
        self.shared.turnstile.retire();
        let closed = blocking(move || {
            lane.close();
            Ok(())
        })
        .await;
        if let Err(error) = closed {
            tracing::error!(%error, "a session's connection was not closed cleanly");
        }
    }
}

/// Sends a client's rows until they end, fail, or nobody wants them. Without an end they are taken for cancelled.
async fn send_rows(
    mut batches: Pin<Box<dyn Stream<Item = Result<RecordBatch>> + Send>>,
    sender: RowSender,
    mut closing: watch::Receiver<bool>,
) {
    loop {
        let batch = tokio::select! {
            batch = batches.next() => batch,
            _ = closing.wait_for(|closing| *closing) => return,
        };
        match batch {
            Some(Ok(batch)) => {
                if !sender.send(batch).await {
                    return;
                }
            }
            Some(Err(error)) => return sender.fail(error),
            None => return sender.end(),
        }
    }
}

/// Reads a cursor to its end. Dropped before that, it frees what the cursor holds.
struct Reader {
    shared: Arc<Shared>,
    cursor: Arc<Cursor>,
}

impl Reader {
    async fn step(self) -> Option<(Result<RecordBatch>, Self)> {
        match self.next().await {
            Ok(Step::Batch(batch)) => Some((Ok(batch), self)),
            Ok(Step::End) => None,
            Ok(Step::NeedsConnection) => {
                Some((Err(Error::internal("an open result was found neither on its connection nor aside")), self))
            }
            Err(error) => Some((Err(error), self)),
        }
    }

    async fn next(&self) -> Result<Step> {
        if !self.cursor.wants_connection() {
            let cursor = Arc::clone(&self.cursor);
            match blocking(move || cursor.take_aside()).await? {
                Step::NeedsConnection => {}
                step => return Ok(step),
            }
        }
        let grace = match self.shared.status.get() {
            TransactionStatus::Autocommit => Duration::ZERO,
            _ => GRACE,
        };
        let (shared, cursor) = (Arc::clone(&self.shared), Arc::clone(&self.cursor));
        // The transport polls a stream no more while its client takes nothing. In the stream's own future, the turn on the lane
        // could come when nobody polls it, and everybody behind it would wait for that client.
        let mut fetching = JoinSet::new();
        fetching.spawn(async move { shared.on_lane(grace, move |lane, run| lane.fetch(&cursor, run)).await });
        match fetching.join_next().await {
            Some(Ok(step)) => step,
            Some(Err(error)) => Err(Error::internal(format!("the task that fetches rows ended: {error}"))),
            None => Err(Error::internal("the task that fetches rows is gone")),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.cursor.abandon();
        if self.cursor.is_finished() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (lane, cursor) = (Arc::clone(&self.shared.lane), Arc::clone(&self.cursor));
        runtime.spawn(async move {
            let mut lane = lane.lock_owned().await;
            let freed = blocking(move || {
                lane.discard(&cursor);
                Ok(())
            })
            .await;
            if let Err(error) = freed {
                tracing::error!(%error, "an abandoned result was not freed");
            }
        });
    }
}
