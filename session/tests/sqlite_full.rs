//! A file system without room: nothing is guessed, nothing is lost, and the store goes on once there is room again.

#![cfg(all(feature = "sqlite", unix))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use session::{
    Fence, Incarnation, JournalEntry, NewSession, NodeLoad, NodeRegistration, NodeRole, Principal, SessionStore as _,
    SqliteStore, StoreError, Token, TokenKey,
};
use sqlx::{ConnectOptions as _, Connection as _};
use uuid::Uuid;

const HOUR: Duration = Duration::from_secs(3600);
/// Names the file that the process started by the test writes to.
const CHILD_FILE: &str = "SESSION_TEST_FULL_FILE";

fn entry(n: usize) -> JournalEntry {
    JournalEntry { key: n.to_string(), statement: Some("SET a = 1; ".repeat(500)) }
}

async fn held(store: &SqliteStore) -> Fence {
    let node = NodeRegistration {
        incarnation: Incarnation::random(),
        home: Uuid::new_v4(),
        name: "a".to_owned(),
        advertised_uri: "grpc://a:31337".to_owned(),
        peer_uri: None,
        lease: HOUR,
        version: "0.1.0".to_owned(),
        role: NodeRole::Both,
    };
    store.register_node(&node).await.unwrap();
    let token = Token::generate().unwrap();
    let new = NewSession {
        id: token.id().clone(),
        token_hash: TokenKey::derive(b"a cluster secret").hash(&token),
        principal: Principal("ada".to_owned()),
        engine: "duckdb".to_owned(),
        idle_timeout: HOUR,
        max_age: HOUR,
    };
    let record = store.create_session(&new, node.incarnation).await.unwrap();
    Fence { session: record.id, incarnation: node.incarnation, epoch: record.epoch }
}

/// Not a test of its own: what the next test runs in a process whose files may not grow. Without a file it does nothing.
#[tokio::test]
async fn child_that_writes_until_there_is_no_room() {
    let Some(path) = std::env::var_os(CHILD_FILE) else { return };
    let path = Path::new(&path);
    let store = SqliteStore::open(path).await.unwrap();
    let fence = held(&store).await;
    let limits = getrlimit(Resource::Fsize);
    let grown = Rlimit { current: Some(3_000_000), maximum: limits.maximum };
    setrlimit(Resource::Fsize, grown).unwrap();
    let mut written = 0;
    let refused = loop {
        assert!(written < 10_000, "the limit counts for nothing");
        match store.write_journal(&fence, &[entry(written)]).await {
            Ok(()) => written += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    assert!(written > 10, "{written}");
    // It stays so, whatever is written, and reading goes on with all that was acknowledged.
    let batch: Vec<_> = (0..100).map(|n| entry(written + n)).collect();
    let again = store.write_journal(&fence, &batch).await;
    assert!(matches!(again, Err(StoreError::Unavailable(_))), "{again:?}");
    let expected: Vec<_> = (0..written).map(entry).collect();
    assert_eq!(store.journal(&fence.session).await.unwrap(), expected);
    // A second process that comes now finds the same.
    let other = SqliteStore::open(path).await.unwrap();
    assert_eq!(other.journal(&fence.session).await.unwrap(), expected);
    drop(other);

    setrlimit(Resource::Fsize, limits).unwrap();
    store.renew_node(fence.incarnation, HOUR, &NodeLoad::default()).await.unwrap();
    store.write_journal(&fence, &batch).await.unwrap();
    assert_eq!(store.journal(&fence.session).await.unwrap().len(), written + batch.len());
    println!("\nsession {} entries {}", fence.session, written + batch.len());
}

#[tokio::test]
async fn a_store_without_room_is_unavailable_and_loses_nothing() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("sessions.db");
    // Writing beyond the limit must be an error, as on a full disk, and not a signal. Ignored signals are inherited.
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_writes_until_there_is_no_room", "--nocapture"])
        .env(CHILD_FILE, &file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(child.status.success(), "{said}{}", String::from_utf8_lossy(&child.stderr));
    let facts = said.lines().find_map(|line| line.strip_prefix("session ")).expect("the child got to its end");
    let (session, entries) = facts.split_once(" entries ").unwrap();

    let mut db = sqlx::sqlite::SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
    let verdict: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut db).await.unwrap();
    assert_eq!(verdict, "ok");
    let journal: i64 = sqlx::query_scalar("SELECT count(*) FROM journal WHERE session = ?1")
        .bind(session)
        .fetch_one(&mut db)
        .await
        .unwrap();
    assert_eq!(journal.to_string(), entries);
    db.close().await.unwrap();
}
