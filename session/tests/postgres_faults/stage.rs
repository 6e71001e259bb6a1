//! The server that all tests share, one at a time, and what stands on it.

use std::ops::Deref;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use session::{
    Fence, Incarnation, JournalEntry, NewSession, NodeRegistration, NodeRole, PostgresStore, Principal, Result,
    SessionStore, StoreError, Token, TokenKey,
};
use sqlx::{Connection as _, PgConnection};
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use server::Postgres;

#[path = "../../../tests/harness/postgres.rs"]
#[allow(dead_code, reason = "the harness serves other tests too")]
mod server;

pub const HOUR: Duration = Duration::from_secs(3600);
/// The longest a test waits for anything: reached only when something is broken, however slow the machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// The server, for one test.
pub struct Turn {
    server: &'static Postgres,
    /// A schema that no other test has.
    pub schema: String,
    _turn: MutexGuard<'static, ()>,
}

impl Turn {
    pub async fn take() -> Self {
        static SERVER: OnceLock<Postgres> = OnceLock::new();
        static TURNS: Mutex<()> = Mutex::const_new(());
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let turn = TURNS.lock().await;
        let server = SERVER.get_or_init(|| {
            let settings = ["max_connections=20", "log_statement=all", "log_line_prefix=%a|"];
            Postgres::start_with(&settings)
        });
        // A test that failed may have left it anyhow.
        server.ensure_runs();
        Self { server, schema: format!("turn_{}", NUMBER.fetch_add(1, Ordering::Relaxed)), _turn: turn }
    }

    /// Where the store of this test is.
    pub fn store_url(&self) -> String {
        format!("{}?schema={}", self.server.url(), self.schema)
    }

    /// The store of this test.
    pub async fn open(&self) -> PostgresStore {
        PostgresStore::open(&self.store_url()).await.unwrap()
    }

    /// A connection beside the store, as its superuser.
    pub async fn raw(&self) -> PgConnection {
        let mut db = PgConnection::connect(&self.server.url()).await.unwrap();
        run(&mut db, &format!("SET search_path = {}, public", self.schema)).await;
        db
    }
}

impl Deref for Turn {
    type Target = Postgres;

    fn deref(&self) -> &Postgres {
        self.server
    }
}

/// Runs statements that answer nothing.
pub async fn run(db: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(sql).execute(db).await.unwrap();
}

/// One number.
pub async fn number(db: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(db).await.unwrap()
}

/// The answer of a call, which must come by itself.
pub async fn in_time<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, call).await.expect("the call ends by itself")
}

/// That the store is not available, and nothing else is said.
pub fn unavailable<T: std::fmt::Debug>(answer: Result<T>) -> String {
    match answer {
        Err(error @ StoreError::Unavailable(_)) => error.to_string(),
        other => panic!("not unavailable: {other:?}"),
    }
}

/// That the store is not to be had as it is configured, and the text that says why.
pub fn misconfigured<T: std::fmt::Debug>(answer: Result<T>) -> String {
    match answer {
        Err(error @ StoreError::Misconfigured(_)) => error.to_string(),
        other => panic!("not misconfigured: {other:?}"),
    }
}

pub fn node(name: &str) -> NodeRegistration {
    NodeRegistration {
        incarnation: Incarnation::random(),
        home: Uuid::new_v4(),
        name: name.to_owned(),
        advertised_uri: "grpc://a:31337".to_owned(),
        peer_uri: None,
        lease: HOUR,
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
        idle_timeout: HOUR,
        max_age: HOUR,
    }
}

/// A session held by a node of its own.
pub async fn held(store: &dyn SessionStore) -> Fence {
    let node = node("a");
    store.register_node(&node).await.unwrap();
    let record = store.create_session(&new_session(), node.incarnation).await.unwrap();
    Fence { session: record.id, incarnation: node.incarnation, epoch: record.epoch }
}

pub fn entry(key: &str) -> JournalEntry {
    JournalEntry { key: key.to_owned(), statement: Some("v".to_owned()) }
}
