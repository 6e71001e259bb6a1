//! The store of a cluster: one PostgreSQL database, shared by its nodes.
//!
//! # How it writes
//!
//! Every write is one call of a function in the database (`schema/`): one round trip, one transaction, its locks always
//! taken in one order. The functions judge leases and epochs after they have their locks, at the moment it is then by
//! `clock()`, a function of the schema around `clock_timestamp()`. What a node's clock says is never asked.
//!
//! # How long it waits
//!
//! No call takes longer than [`CALL_TIMEOUT`], whatever happens to the network or the server: connecting, waiting for a
//! connection and trying again included. The server gives a statement up sooner ([`STATEMENT_TIMEOUT`]), and waiting for a
//! lock sooner still ([`LOCK_TIMEOUT`]), so that all but a dead connection ends in an answer that says nothing was
//! changed.
//!
//! # What it sets
//!
//! Each connection sets `search_path`, `statement_timeout`, `lock_timeout`, `client_min_messages`, `tcp_user_timeout`,
//! `default_transaction_isolation` and `application_name` as it starts, and nothing later; it holds prepared statements and
//! no other state.

mod address;
mod connections;
mod datasets;
mod failure;
mod nodes;
mod replay;
mod rows;
mod schema;
mod sessions;
mod sweep;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use address::Address;
use connections::Connections;

use crate::period::seconds;
use crate::{
    Claim, DatasetHealth, DatasetRecord, DatasetState, DatasetVersion, EndedSession, Epoch, Fence, Generation,
    Incarnation, JournalEntry, NewDataset, NewSession, NodeLoad, NodeRecord, NodeRegistration, NodeState,
    PreparedRecord, Renewal, Result, SessionId, SessionRecord, SessionStore, Swept, WriteNumber,
};

/// The longest that any call takes.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest that the server works on a statement. Statements take about a millisecond.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(4);
/// The longest that a statement waits for a lock. Locks are held for about a millisecond.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// A session table in a schema of a PostgreSQL database.
///
/// What a call acknowledged is as durable as the database makes a commit. It keeps up to eight connections, makes them
/// when they are needed, and recovers by itself when PostgreSQL was away.
pub struct PostgresStore {
    connections: Connections,
}

impl PostgresStore {
    /// Opens the store at a URL `postgres://user:password@host:port/database?parameters`, makes its schema when there is
    /// none, and brings it up to date. A schema that is in order costs one round trip.
    ///
    /// The parameters are those of `psql` (`sslmode`, `sslrootcert` and so on) and `schema`, which names the schema
    /// (`pintail` by default). A password may also come from `PGPASSWORD` or `~/.pgpass`.
    ///
    /// # Errors
    /// [`StoreError::Misconfigured`](crate::StoreError::Misconfigured) when the URL can't be used, or the server refuses
    /// user, password, database or encryption; [`StoreError::Unavailable`](crate::StoreError::Unavailable) when it can't be
    /// reached; [`StoreError::SchemaTooNew`](crate::StoreError::SchemaTooNew) when a newer server was here;
    /// [`StoreError::Corrupt`](crate::StoreError::Corrupt) when the schema is no session table. None of them shows the
    /// password.
    pub async fn open(url: &str) -> Result<Self> {
        let address = Address::parse(url)?;
        let connections = Connections::new(address.options.clone(), address.to_string());
        schema::prepare(&connections, &address.schema).await?;
        Ok(Self { connections })
    }

    /// Where the store at a URL is, to be shown: host, port, database and schema, without user and password.
    ///
    /// # Errors
    /// [`StoreError::Misconfigured`](crate::StoreError::Misconfigured) when the URL can't be used. It doesn't repeat it.
    pub fn place_of(url: &str) -> Result<String> {
        Address::parse(url).map(|address| address.to_string())
    }

    /// Where this store is, to be shown.
    #[must_use]
    pub fn place(&self) -> &str {
        self.connections.place()
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresStore({})", self.place())
    }
}

#[async_trait]
impl SessionStore for PostgresStore {
    async fn register_node(&self, node: &NodeRegistration) -> Result<()> {
        nodes::register(&self.connections, node).await
    }

    async fn renew_node(&self, node: Incarnation, lease: Duration, load: &NodeLoad) -> Result<Renewal> {
        nodes::renew(&self.connections, node, seconds(lease), load).await
    }

    async fn set_node_state(&self, node: Incarnation, state: NodeState) -> Result<()> {
        nodes::set_state(&self.connections, node, state).await
    }

    async fn request_drain(&self, name: &str) -> Result<u64> {
        nodes::request_drain(&self.connections, name).await
    }

    async fn nodes(&self) -> Result<Vec<NodeRecord>> {
        nodes::all(&self.connections).await
    }

    async fn node(&self, incarnation: Incarnation) -> Result<Option<NodeRecord>> {
        nodes::one(&self.connections, incarnation).await
    }

    async fn create_session(&self, session: &NewSession, owner: Incarnation) -> Result<SessionRecord> {
        sessions::create(&self.connections, session, owner).await
    }

    async fn session(&self, id: &SessionId) -> Result<Option<SessionRecord>> {
        sessions::one(&self.connections, id).await
    }

    async fn sessions(&self) -> Result<Vec<SessionRecord>> {
        sessions::all(&self.connections).await
    }

    async fn claim(&self, id: &SessionId, expected: Epoch, me: Incarnation) -> Result<Claim> {
        sessions::claim(&self.connections, id, expected, me).await
    }

    async fn release(&self, fence: &Fence) -> Result<()> {
        sessions::release(&self.connections, fence).await
    }

    async fn close(&self, fence: &Fence, reason: &str) -> Result<()> {
        sessions::close(&self.connections, fence, reason).await
    }

    async fn end_session(&self, id: &SessionId, reason: &str) -> Result<EndedSession> {
        sessions::end(&self.connections, id, reason).await
    }

    async fn acknowledge_revoked(&self, node: Incarnation, sessions: &[SessionId]) -> Result<()> {
        if sessions.is_empty() {
            Ok(())
        } else {
            sessions::acknowledge_revoked(&self.connections, node, sessions).await
        }
    }

    async fn revocation_pending(&self, id: &SessionId) -> Result<bool> {
        sessions::revocation_pending(&self.connections, id).await
    }

    async fn touch(&self, sessions: &[SessionId], me: Incarnation) -> Result<()> {
        if sessions.is_empty() { Ok(()) } else { sessions::touch(&self.connections, sessions, me).await }
    }

    async fn set_options_as(
        &self,
        fence: &Fence,
        number: WriteNumber,
        options: &BTreeMap<String, String>,
    ) -> Result<()> {
        sessions::set_options(&self.connections, fence, number, options).await
    }

    async fn write_journal_as(&self, fence: &Fence, number: WriteNumber, entries: &[JournalEntry]) -> Result<()> {
        replay::write_journal(&self.connections, fence, number, entries).await
    }

    async fn journal(&self, session: &SessionId) -> Result<Vec<JournalEntry>> {
        replay::journal(&self.connections, session).await
    }

    async fn put_prepared(&self, fence: &Fence, prepared: &PreparedRecord) -> Result<()> {
        replay::put_prepared(&self.connections, fence, prepared).await
    }

    async fn prepared(&self, session: &SessionId, handle: &[u8]) -> Result<Option<PreparedRecord>> {
        replay::prepared(&self.connections, session, handle).await
    }

    async fn delete_prepared(&self, fence: &Fence, handle: &[u8]) -> Result<()> {
        replay::delete_prepared(&self.connections, fence, handle).await
    }

    async fn put_dataset(&self, dataset: &NewDataset) -> Result<()> {
        datasets::put(&self.connections, dataset).await
    }

    async fn remove_dataset(&self, name: &str) -> Result<bool> {
        datasets::remove(&self.connections, name).await
    }

    async fn datasets(&self) -> Result<Vec<DatasetRecord>> {
        datasets::all(&self.connections).await
    }

    async fn configured_dataset_health(&self) -> Result<Vec<DatasetHealth>> {
        datasets::configured(&self.connections).await
    }

    async fn dataset_version(&self) -> Result<DatasetVersion> {
        datasets::version(&self.connections).await
    }

    async fn set_dataset_columns(&self, name: &str, generation: Generation, columns: &str) -> Result<Option<String>> {
        datasets::set_columns(&self.connections, name, generation, columns).await
    }

    async fn request_dataset_refresh(&self, name: Option<&str>) -> Result<bool> {
        datasets::refresh(&self.connections, name).await
    }

    async fn report_dataset(
        &self,
        name: &str,
        generation: Generation,
        node: Incarnation,
        state: &DatasetState,
    ) -> Result<()> {
        datasets::report(&self.connections, name, generation, node, state).await
    }

    async fn sweep(&self, keep_ended: Duration) -> Result<Swept> {
        sweep::run(&self.connections, seconds(keep_ended)).await
    }
}
