//! A fresh store with nodes and sessions on it, and its time.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use session::{
    Claim, Epoch, Fence, FenceLoss, Incarnation, JournalEntry, ManualClock, ModelStore, NewSession, NodeLoad,
    NodeRecord, NodeRegistration, NodeRole, PreparedRecord, Principal, Renewal, Result, SessionId, SessionRecord,
    SessionStore, StoreError, Token, TokenKey,
};
use uuid::Uuid;

/// The unit of all durations in cases: long enough for no machine to lose it by being slow.
pub const HOUR: Duration = Duration::from_secs(3600);
/// The lease of every node, unless a case says otherwise.
pub const LEASE: Duration = HOUR.saturating_mul(10);
/// The idle timeout of every session, unless a case says otherwise.
pub const IDLE: Duration = HOUR.saturating_mul(100);
/// The greatest age of every session, unless a case says otherwise.
pub const MAX_AGE: Duration = HOUR.saturating_mul(1000);
/// How long sweeps keep what ended.
pub const KEEP: Duration = HOUR.saturating_mul(50);

enum Time {
    Model(Arc<ManualClock>),
    #[cfg(feature = "sqlite")]
    Sqlite(tempfile::TempDir),
    #[cfg(feature = "postgres")]
    Postgres(crate::cluster::Schema),
}

/// A store at the start of a case.
pub struct Scene {
    pub store: Arc<dyn SessionStore>,
    time: Time,
}

impl Deref for Scene {
    type Target = Arc<dyn SessionStore>;

    fn deref(&self) -> &Self::Target {
        &self.store
    }
}

impl Scene {
    pub fn on_the_model() -> Self {
        let clock = Arc::new(ManualClock::default());
        Self { store: Arc::new(ModelStore::new(clock.clone())), time: Time::Model(clock) }
    }

    #[cfg(feature = "sqlite")]
    pub async fn on_sqlite() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = session::SqliteStore::open(&home.path().join("sessions.db")).await.unwrap();
        Self { store: Arc::new(store), time: Time::Sqlite(home) }
    }

    /// A schema of its own in the database that all cases share.
    #[cfg(feature = "postgres")]
    pub async fn on_postgres() -> Self {
        let schema = crate::cluster::Schema::fresh();
        let store = session::PostgresStore::open(&schema.url()).await.unwrap();
        Self { store: Arc::new(store), time: Time::Postgres(schema) }
    }

    /// Lets time pass. SQLite's clock can't be moved, so there every stored moment is moved into the past instead.
    pub async fn pass(&self, by: Duration) {
        match &self.time {
            Time::Model(clock) => clock.advance(by),
            #[cfg(feature = "sqlite")]
            Time::Sqlite(home) => {
                use sqlx::{ConnectOptions as _, Connection as _};
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(home.path().join("sessions.db"));
                let mut db = options.busy_timeout(Duration::from_secs(60)).connect().await.unwrap();
                for sql in [
                    "UPDATE nodes SET lease_until = lease_until - ?1, registered_at = registered_at - ?1",
                    "UPDATE sessions SET created_at = created_at - ?1, last_used_at = last_used_at - ?1,
                         idle_expires_at = idle_expires_at - ?1, absolute_expires_at = absolute_expires_at - ?1,
                         ended_at = ended_at - ?1",
                    "UPDATE datasets SET created_at = created_at - ?1",
                    "UPDATE dataset_health SET checked_at = checked_at - ?1",
                ] {
                    sqlx::query(sql).bind(by.as_secs_f64()).execute(&mut db).await.unwrap();
                }
                db.close().await.unwrap();
            }
            #[cfg(feature = "postgres")]
            Time::Postgres(schema) => schema.pass(by).await,
        }
    }

    /// A node of a home of its own.
    pub async fn node(&self, name: &str) -> Incarnation {
        self.node_at(name, Uuid::new_v4()).await
    }

    /// A fresh incarnation of a home.
    pub async fn node_at(&self, name: &str, home: Uuid) -> Incarnation {
        let node = registration(name, home);
        self.register_node(&node).await.unwrap();
        node.incarnation
    }

    /// A node of a home of its own, there for this.
    pub async fn node_as(&self, name: &str, role: NodeRole) -> Incarnation {
        let node = NodeRegistration { role, ..registration(name, Uuid::new_v4()) };
        self.register_node(&node).await.unwrap();
        node.incarnation
    }

    /// The node, which is there.
    pub async fn find(&self, incarnation: Incarnation) -> NodeRecord {
        self.store.node(incarnation).await.unwrap().expect("the node is there")
    }

    /// Renews the lease of a node that has nothing to say of itself.
    pub async fn renew(&self, node: Incarnation, lease: Duration) -> Result<Renewal> {
        self.renew_node(node, lease, &NodeLoad::default()).await
    }

    /// A session held by a node.
    pub async fn held_by(&self, owner: Incarnation) -> Fence {
        let record = self.create_session(&new_session(), owner).await.unwrap();
        Fence { session: record.id, incarnation: owner, epoch: record.epoch }
    }

    /// The session, which is there.
    pub async fn read(&self, id: &SessionId) -> SessionRecord {
        self.session(id).await.unwrap().expect("the session is there")
    }

    /// Claims what can be claimed.
    pub async fn take(&self, id: &SessionId, expected: Epoch, me: Incarnation) -> Fence {
        match self.claim(id, expected, me).await.unwrap() {
            Claim::Claimed(record) => Fence { session: id.clone(), incarnation: me, epoch: record.epoch },
            Claim::Lost(current) => panic!("the claim of {id} was lost: {current:?}"),
        }
    }

    /// Keeps a node alive while time passes beyond its lease.
    pub async fn pass_and_keep(&self, by: Duration, nodes: &[Incarnation]) {
        let step = LEASE / 2;
        let mut left = by;
        while left > Duration::ZERO {
            let now = left.min(step);
            self.pass(now).await;
            for node in nodes {
                self.renew(*node, LEASE).await.unwrap();
            }
            left -= now;
        }
    }

    /// Tries every write that takes a fence, and expects each to be rejected for this reason.
    pub async fn expect_fenced(&self, fence: &Fence, loss: FenceLoss) {
        let refused = Err(StoreError::Fenced { session: fence.session.clone(), loss });
        assert_eq!(self.set_options(fence, &options(&[("a", "stale")])).await, refused, "set_options");
        assert_eq!(self.write_journal(fence, &[set("a", "stale")]).await, refused, "write_journal");
        assert_eq!(self.put_prepared(fence, &prepared(b"a", "stale")).await, refused, "put_prepared");
        assert_eq!(self.delete_prepared(fence, b"kept").await, refused, "delete_prepared");
        assert_eq!(self.release(fence).await, refused, "release");
        assert_eq!(self.close(fence, "stale").await, refused, "close");
    }
}

pub fn registration(name: &str, home: Uuid) -> NodeRegistration {
    NodeRegistration {
        incarnation: Incarnation::random(),
        home,
        name: name.to_owned(),
        advertised_uri: format!("grpc://{name}:31337"),
        peer_uri: Some(format!("grpc://{name}:31338")),
        lease: LEASE,
        version: "0.1.0".to_owned(),
        role: NodeRole::Both,
    }
}

pub fn new_session() -> NewSession {
    let token = Token::generate().unwrap();
    NewSession {
        id: token.id().clone(),
        token_hash: TokenKey::derive(b"a cluster secret").hash(&token),
        principal: Principal("ada".to_owned()),
        engine: "duckdb".to_owned(),
        idle_timeout: IDLE,
        max_age: MAX_AGE,
    }
}

pub fn set(key: &str, statement: &str) -> JournalEntry {
    JournalEntry { key: key.to_owned(), statement: Some(statement.to_owned()) }
}

pub fn forget(key: &str) -> JournalEntry {
    JournalEntry { key: key.to_owned(), statement: None }
}

pub fn prepared(handle: &[u8], sql: &str) -> PreparedRecord {
    PreparedRecord { handle: handle.to_vec(), sql: sql.to_owned() }
}

pub fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
