//! The embedded store: one SQLite file, shared by the processes of one machine.
//!
//! # How it writes
//!
//! A write is one statement, or one transaction that takes the write lock at its start (`BEGIN IMMEDIATE`). No
//! transaction ever turns from reading to writing, which is the only way in which two writers could deadlock. Within a
//! process writers queue for a single connection; between processes they queue in SQLite for [`BUSY_TIMEOUT`].
//!
//! A transaction, once asked for, runs to its end even if its caller gives up ([`uninterrupted`]): a future that is
//! dropped just as `BEGIN` is answered would leave the connection, and with it the file, locked for good.
//!
//! Time is always `unixepoch('subsec')`, evaluated in the statement that uses it; within one statement it is one moment.

mod datasets;
mod failure;
mod fence;
mod journal;
mod nodes;
mod prepared;
mod revocations;
mod rows;
mod schema;
mod sessions;
mod sweep;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Sqlite, Transaction};

use failure::failed;
use fence::Written;

use crate::period::seconds;
use crate::{
    Claim, DatasetHealth, DatasetRecord, DatasetState, DatasetVersion, EndedSession, Epoch, Fence, Generation,
    Incarnation, JournalEntry, NewDataset, NewSession, NodeLoad, NodeRecord, NodeRegistration, NodeState,
    PreparedRecord, Renewal, Result, SessionId, SessionRecord, SessionStore, StoreError, Swept, WriteNumber,
};

/// How long a statement waits for another process's write. Writes take well under a millisecond, so this is reached
/// only when some process is stopped in the middle of one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a call waits for a connection of this process.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections that only read. Reads are single look-ups; more connections would not make them faster.
const READERS: u32 = 4;

/// A session table in an SQLite file.
///
/// Several processes may have the same file open. What a call acknowledged survives a kill of the process; the file is
/// not synced at every write, so losing power may lose the last writes, though never the file's consistency.
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteStore {
    /// Opens the file, creates it when there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the file can't be opened or created, [`StoreError::SchemaTooNew`] when a newer
    /// server wrote it, [`StoreError::Corrupt`] when it is no session table.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        create_private(path)
            .map_err(|error| StoreError::Unavailable(format!("can't create {}: {error}", path.display())))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            // The file was created above; one that vanished since must not silently become an empty table.
            .create_if_missing(false)
            // With WAL this survives kill -9, because what was written is in the operating system's hands. Syncing at
            // each commit would only add safety from power loss, at milliseconds for each prepared statement.
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .disable_statement_logging();
        schema::prepare(&options).await?;

        let pool = || {
            SqlitePoolOptions::new()
                .acquire_timeout(ACQUIRE_TIMEOUT)
                // Connections to a file don't go stale, and their statement caches are worth keeping.
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        };
        let writer = pool().max_connections(1).connect_with(options.clone()).await.map_err(failed)?;
        let readers =
            pool().max_connections(READERS).connect_with(options.pragma("query_only", "on")).await.map_err(failed)?;
        Ok(Self { writer, readers })
    }
}

/// A transaction that has the write lock from its first moment on.
async fn write(writer: &SqlitePool) -> Result<Transaction<'static, Sqlite>> {
    match writer.begin_with("BEGIN IMMEDIATE").await {
        // After some failures, a full disk above all, SQLite ends a transaction by itself. The driver then believes it to be
        // still open, for as long as the connection lives, and would refuse every later one.
        Err(sqlx::Error::InvalidSavePointStatement) => {
            writer.acquire().await.map_err(failed)?.close().await.map_err(failed)?;
            writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)
        }
        begun => begun.map_err(failed),
    }
}

/// Runs a transaction in a task of its own, which nobody drops.
async fn uninterrupted<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    match tokio::spawn(work).await {
        Ok(outcome) => outcome,
        Err(broken_off) => Err(StoreError::Unavailable(format!("a write was broken off: {broken_off}"))),
    }
}

/// Creates the file for its owner's eyes only: it holds statements, and statements may hold credentials. SQLite gives
/// the files it puts beside it the same mode.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

#[async_trait]
impl SessionStore for SqliteStore {
    async fn register_node(&self, node: &NodeRegistration) -> Result<()> {
        let (writer, node) = (self.writer.clone(), node.clone());
        uninterrupted(async move {
            let mut tx = write(&writer).await?;
            nodes::register(&mut tx, &node).await?;
            tx.commit().await.map_err(failed)
        })
        .await
    }

    async fn renew_node(&self, node: Incarnation, lease: Duration, load: &NodeLoad) -> Result<Renewal> {
        nodes::renew(&self.writer, node, seconds(lease), load).await
    }

    async fn request_drain(&self, name: &str) -> Result<u64> {
        nodes::request_drain(&self.writer, name).await
    }

    async fn node(&self, incarnation: Incarnation) -> Result<Option<NodeRecord>> {
        nodes::one(&self.readers, incarnation).await
    }

    async fn set_node_state(&self, node: Incarnation, state: NodeState) -> Result<()> {
        nodes::set_state(&self.writer, node, state).await
    }

    async fn nodes(&self) -> Result<Vec<NodeRecord>> {
        nodes::all(&self.readers).await
    }

    async fn create_session(&self, session: &NewSession, owner: Incarnation) -> Result<SessionRecord> {
        let (writer, session) = (self.writer.clone(), session.clone());
        uninterrupted(async move {
            let mut tx = write(&writer).await?;
            nodes::check_takes_sessions(&mut tx, owner).await?;
            let record = sessions::create(&mut tx, &session, owner).await?;
            tx.commit().await.map_err(failed)?;
            Ok(record)
        })
        .await
    }

    async fn session(&self, id: &SessionId) -> Result<Option<SessionRecord>> {
        sessions::one(&self.readers, id).await
    }

    async fn sessions(&self) -> Result<Vec<SessionRecord>> {
        sessions::all(&self.readers).await
    }

    async fn claim(&self, id: &SessionId, expected: Epoch, me: Incarnation) -> Result<Claim> {
        let (writer, id) = (self.writer.clone(), id.clone());
        uninterrupted(async move {
            let mut tx = write(&writer).await?;
            nodes::check_takes_sessions(&mut tx, me).await?;
            let claim = sessions::claim(&mut tx, &id, expected, me).await?;
            tx.commit().await.map_err(failed)?;
            Ok(claim)
        })
        .await
    }

    async fn release(&self, fence: &Fence) -> Result<()> {
        if sessions::release(&self.writer, fence).await? { Ok(()) } else { fence::lost(&self.readers, fence).await }
    }

    async fn close(&self, fence: &Fence, reason: &str) -> Result<()> {
        if sessions::close(&self.writer, fence, reason).await? {
            Ok(())
        } else {
            fence::lost(&self.readers, fence).await
        }
    }

    async fn end_session(&self, id: &SessionId, reason: &str) -> Result<EndedSession> {
        let (writer, id, reason) = (self.writer.clone(), id.clone(), reason.to_owned());
        uninterrupted(async move {
            let mut tx = write(&writer).await?;
            let ended = revocations::end(&mut tx, &id, &reason).await?;
            tx.commit().await.map_err(failed)?;
            Ok(ended)
        })
        .await
    }

    async fn acknowledge_revoked(&self, node: Incarnation, sessions: &[SessionId]) -> Result<()> {
        if sessions.is_empty() { Ok(()) } else { revocations::acknowledge(&self.writer, node, sessions).await }
    }

    async fn revocation_pending(&self, id: &SessionId) -> Result<bool> {
        revocations::pending(&self.readers, id).await
    }

    async fn touch(&self, sessions: &[SessionId], me: Incarnation) -> Result<()> {
        if sessions.is_empty() { Ok(()) } else { sessions::touch(&self.writer, sessions, me).await }
    }

    async fn set_options_as(
        &self,
        fence: &Fence,
        number: WriteNumber,
        options: &BTreeMap<String, String>,
    ) -> Result<()> {
        let (writer, mine, options) = (self.writer.clone(), fence.clone(), options.clone());
        let written = uninterrupted(async move {
            let mut tx = write(&writer).await?;
            let written = fence::takes(&mut tx, &mine, number).await?;
            if let Written::Made = written {
                sessions::set_options(&mut tx, &mine.session, &options).await?;
            }
            tx.commit().await.map_err(failed)?;
            Ok(written)
        });
        fence::told(written.await?, &self.readers, fence).await
    }

    async fn write_journal_as(&self, fence: &Fence, number: WriteNumber, entries: &[JournalEntry]) -> Result<()> {
        let (writer, mine, entries) = (self.writer.clone(), fence.clone(), entries.to_vec());
        let written = uninterrupted(async move {
            let mut tx = write(&writer).await?;
            let written = fence::takes(&mut tx, &mine, number).await?;
            if let Written::Made = written {
                journal::write(&mut tx, &mine.session, &entries).await?;
            }
            tx.commit().await.map_err(failed)?;
            Ok(written)
        });
        fence::told(written.await?, &self.readers, fence).await
    }

    async fn journal(&self, session: &SessionId) -> Result<Vec<JournalEntry>> {
        journal::read(&self.readers, session).await
    }

    async fn put_prepared(&self, fence: &Fence, prepared: &PreparedRecord) -> Result<()> {
        if prepared::put(&self.writer, fence, prepared).await? {
            Ok(())
        } else {
            fence::lost(&self.readers, fence).await
        }
    }

    async fn prepared(&self, session: &SessionId, handle: &[u8]) -> Result<Option<PreparedRecord>> {
        prepared::get(&self.readers, session, handle).await
    }

    async fn delete_prepared(&self, fence: &Fence, handle: &[u8]) -> Result<()> {
        // That no row was deleted may mean either of two things: only a fence that doesn't hold is an error.
        if prepared::delete(&self.writer, fence, handle).await? || fence::holds(&self.readers, fence).await? {
            Ok(())
        } else {
            fence::lost(&self.readers, fence).await
        }
    }

    async fn put_dataset(&self, dataset: &NewDataset) -> Result<()> {
        let (writer, dataset) = (self.writer.clone(), dataset.clone());
        uninterrupted(async move {
            let mut tx = write(&writer).await?;
            datasets::put(&mut tx, &dataset).await?;
            tx.commit().await.map_err(failed)
        })
        .await
    }

    async fn remove_dataset(&self, name: &str) -> Result<bool> {
        let (writer, name) = (self.writer.clone(), name.to_owned());
        uninterrupted(async move {
            let mut tx = write(&writer).await?;
            let was_here = datasets::remove(&mut tx, &name).await?;
            tx.commit().await.map_err(failed)?;
            Ok(was_here)
        })
        .await
    }

    async fn datasets(&self) -> Result<Vec<DatasetRecord>> {
        datasets::all(&self.readers).await
    }

    async fn configured_dataset_health(&self) -> Result<Vec<DatasetHealth>> {
        datasets::configured(&self.readers).await
    }

    async fn dataset_version(&self) -> Result<DatasetVersion> {
        datasets::version(&self.readers).await
    }

    async fn set_dataset_columns(&self, name: &str, generation: Generation, columns: &str) -> Result<Option<String>> {
        let (writer, name, columns) = (self.writer.clone(), name.to_owned(), columns.to_owned());
        uninterrupted(async move {
            let mut tx = write(&writer).await?;
            let fixed = datasets::set_columns(&mut tx, &name, generation, &columns).await?;
            tx.commit().await.map_err(failed)?;
            Ok(fixed)
        })
        .await
    }

    async fn request_dataset_refresh(&self, name: Option<&str>) -> Result<bool> {
        let (writer, name) = (self.writer.clone(), name.map(str::to_owned));
        uninterrupted(async move {
            let mut tx = write(&writer).await?;
            let is_here = datasets::refresh(&mut tx, name.as_deref()).await?;
            tx.commit().await.map_err(failed)?;
            Ok(is_here)
        })
        .await
    }

    async fn report_dataset(
        &self,
        name: &str,
        generation: Generation,
        node: Incarnation,
        state: &DatasetState,
    ) -> Result<()> {
        let (writer, name, state) = (self.writer.clone(), name.to_owned(), state.clone());
        uninterrupted(async move {
            let mut tx = write(&writer).await?;
            datasets::report(&mut tx, &name, generation, node, &state).await?;
            tx.commit().await.map_err(failed)
        })
        .await
    }

    async fn sweep(&self, keep_ended: Duration) -> Result<Swept> {
        let writer = self.writer.clone();
        uninterrupted(async move {
            let mut tx = write(&writer).await?;
            let swept = sweep::run(&mut tx, seconds(keep_ended)).await?;
            tx.commit().await.map_err(failed)?;
            Ok(swept)
        })
        .await
    }
}
