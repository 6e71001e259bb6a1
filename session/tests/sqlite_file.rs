//! What only a file can show: that it is durable, shared between processes, versioned, and private.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use session::{
    Claim, DatasetState, Epoch, Fence, Incarnation, JournalEntry, NewDataset, NewSession, NodeLoad, NodeRegistration,
    NodeRole, NodeState, PreparedRecord, Principal, SessionState, SessionStore, SqliteStore, StoreError, Token,
    TokenKey,
};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use uuid::Uuid;

const HOUR: Duration = Duration::from_secs(3600);
/// Names the file that the process started by a test writes to.
const CHILD_FILE: &str = "SESSION_TEST_FILE";

fn node(home: Uuid, lease: Duration) -> NodeRegistration {
    NodeRegistration {
        incarnation: Incarnation::random(),
        home,
        name: "a".to_owned(),
        advertised_uri: "grpc://a:31337".to_owned(),
        peer_uri: None,
        lease,
        version: "0.1.0".to_owned(),
        role: NodeRole::Both,
    }
}

fn new_session() -> NewSession {
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

async fn held(store: &dyn SessionStore, home: Uuid, lease: Duration) -> Fence {
    let node = node(home, lease);
    store.register_node(&node).await.unwrap();
    let record = store.create_session(&new_session(), node.incarnation).await.unwrap();
    Fence { session: record.id, incarnation: node.incarnation, epoch: record.epoch }
}

fn entry(key: &str, statement: &str) -> JournalEntry {
    JournalEntry { key: key.to_owned(), statement: Some(statement.to_owned()) }
}

fn file(home: &tempfile::TempDir) -> PathBuf {
    home.path().join("sessions.db")
}

async fn raw(path: &Path) -> SqliteConnection {
    sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

/// Asks again and again, since the store's clock is the only one that counts, and gives up loudly.
async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "still waiting until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_file_that_is_opened_again_has_everything() {
    let home = tempfile::tempdir().unwrap();
    let fence = {
        let store = SqliteStore::open(&file(&home)).await.unwrap();
        let fence = held(&store, Uuid::new_v4(), HOUR).await;
        store.set_options(&fence, &[("a".to_owned(), "1".to_owned())].into()).await.unwrap();
        store.write_journal(&fence, &[entry("b", "1"), entry("a", "2")]).await.unwrap();
        store.put_prepared(&fence, &PreparedRecord { handle: vec![1], sql: "SELECT 1".to_owned() }).await.unwrap();
        fence
    };
    let store = SqliteStore::open(&file(&home)).await.unwrap();
    let record = store.session(&fence.session).await.unwrap().unwrap();
    assert_eq!(
        (record.state, record.owner, record.epoch),
        (SessionState::Active, Some(fence.incarnation), fence.epoch)
    );
    assert_eq!(record.options["a"], "1");
    assert_eq!(store.journal(&fence.session).await.unwrap(), [entry("b", "1"), entry("a", "2")]);
    assert_eq!(store.prepared(&fence.session, &[1]).await.unwrap().unwrap().sql, "SELECT 1");
    assert_eq!(store.nodes().await.unwrap().len(), 1);
    // The lease still runs, and so does the fence.
    store.write_journal(&fence, &[entry("c", "3")]).await.unwrap();
}

#[tokio::test]
async fn two_open_stores_see_each_other_s_writes_at_once() {
    let home = tempfile::tempdir().unwrap();
    let (one, two) = (SqliteStore::open(&file(&home)).await.unwrap(), SqliteStore::open(&file(&home)).await.unwrap());
    let fence = held(&one, Uuid::new_v4(), HOUR).await;
    for n in 0..50 {
        let statement = n.to_string();
        one.write_journal(&fence, &[entry("k", &statement)]).await.unwrap();
        assert_eq!(two.journal(&fence.session).await.unwrap(), [entry("k", &statement)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_file_can_be_opened_by_many_at_once() {
    for _ in 0..5 {
        let home = tempfile::tempdir().unwrap();
        let opening: Vec<_> = (0..8)
            .map(|_| {
                let path = file(&home);
                tokio::spawn(async move { SqliteStore::open(&path).await.map(drop) })
            })
            .collect();
        for opened in opening {
            opened.await.unwrap().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_of_several_stores_lose_nothing() {
    let home = tempfile::tempdir().unwrap();
    let mut writers = Vec::new();
    for n in 0..4 {
        let store = Arc::new(SqliteStore::open(&file(&home)).await.unwrap());
        let fence = held(&*store, Uuid::from_u128(n), HOUR).await;
        writers.push(tokio::spawn(async move {
            for n in 0..100 {
                store.write_journal(&fence, &[entry(&n.to_string(), "v")]).await.unwrap();
                store.renew_node(fence.incarnation, HOUR, &NodeLoad::default()).await.unwrap();
            }
            assert_eq!(store.journal(&fence.session).await.unwrap().len(), 100);
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_claimants_through_several_stores_one_wins() {
    let home = tempfile::tempdir().unwrap();
    let mut stores = Vec::new();
    for n in 0..4 {
        let store = Arc::new(SqliteStore::open(&file(&home)).await.unwrap());
        let node = node(Uuid::from_u128(n), HOUR);
        store.register_node(&node).await.unwrap();
        stores.push((store, node.incarnation));
    }
    let record = stores[0].0.create_session(&new_session(), stores[0].1).await.unwrap();
    let mut fence = Fence { session: record.id, incarnation: stores[0].1, epoch: record.epoch };
    for _ in 0..10 {
        stores[0].0.release(&fence).await.unwrap();
        let claims: Vec<_> = stores
            .iter()
            .cloned()
            .map(|(store, me)| {
                let fence = fence.clone();
                tokio::spawn(async move { store.claim(&fence.session, fence.epoch, me).await.unwrap() })
            })
            .collect();
        let mut owners = Vec::new();
        for claim in claims {
            if let Claim::Claimed(record) = claim.await.unwrap() {
                owners.push((record.owner.unwrap(), record.epoch));
            }
        }
        assert_eq!(owners.len(), 1, "{owners:?}");
        (fence.incarnation, fence.epoch) = owners[0];
    }
}

#[tokio::test]
async fn a_lease_runs_out_by_the_clock_of_the_file() {
    let home = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&file(&home)).await.unwrap();
    let peer = node(Uuid::from_u128(2), HOUR);
    store.register_node(&peer).await.unwrap();
    let fence = held(&store, Uuid::from_u128(1), Duration::from_millis(300)).await;
    let taken = until("the lease is over and the session claimed", || async {
        match store.claim(&fence.session, fence.epoch, peer.incarnation).await.unwrap() {
            Claim::Claimed(record) => Some(record),
            Claim::Lost(_) => None,
        }
    })
    .await;
    assert_eq!((taken.owner, taken.epoch), (Some(peer.incarnation), Epoch(2)));
    assert_eq!(store.renew_node(fence.incarnation, HOUR, &NodeLoad::default()).await, Err(StoreError::NodeGone));
}

#[tokio::test]
async fn an_idle_session_expires_by_the_clock_of_the_file() {
    let home = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&file(&home)).await.unwrap();
    let node = node(Uuid::from_u128(1), HOUR);
    store.register_node(&node).await.unwrap();
    let mut new = new_session();
    new.idle_timeout = Duration::from_millis(100);
    store.create_session(&new, node.incarnation).await.unwrap();
    let swept = until("the session expires", || async {
        Some(store.sweep(HOUR).await.unwrap()).filter(|swept| !swept.expired.is_empty())
    })
    .await;
    assert_eq!(swept.expired[0].id, new.id);
    assert_eq!(store.session(&new.id).await.unwrap().unwrap().state, SessionState::Expired);
}

/// Not a test of its own: the process that the next test starts and kills. Without a file it does nothing.
#[tokio::test]
async fn child_that_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD_FILE) else { return };
    let store = SqliteStore::open(Path::new(&path)).await.unwrap();
    let fence = held(&store, Uuid::from_u128(1), HOUR).await;
    println!("\nsession {} {}", fence.session, fence.incarnation);
    for n in 0_u64.. {
        store.write_journal(&fence, &[entry(&n.to_string(), "v")]).await.unwrap();
        println!("acknowledged {n}");
    }
}

#[tokio::test]
async fn a_kill_loses_nothing_that_was_acknowledged_and_a_restart_resumes_at_once() {
    let home = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_writes_until_it_is_killed", "--nocapture"])
        .env(CHILD_FILE, file(&home))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let session = lines.find_map(|line| line.strip_prefix("session ").map(ToOwned::to_owned)).unwrap();
    let (id, _) = session.split_once(' ').unwrap();
    let id = id.parse().unwrap();
    let acknowledged = |line: &String| line.strip_prefix("acknowledged ").map(|n| n.parse::<usize>().unwrap());
    let mut last = lines.by_ref().filter_map(|line| acknowledged(&line)).find(|n| *n >= 200).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    last = lines.filter_map(|line| acknowledged(&line)).last().unwrap_or(last);

    let store = SqliteStore::open(&file(&home)).await.unwrap();
    let journal = store.journal(&id).await.unwrap();
    assert!(journal.len() > last, "{} entries are left, {last} was acknowledged", journal.len());
    assert!(journal.iter().enumerate().all(|(n, entry)| entry.key == n.to_string()));

    // The killed process's lease would run for an hour, but the home is the same.
    let again = node(Uuid::from_u128(1), HOUR);
    store.register_node(&again).await.unwrap();
    let claim = store.claim(&id, Epoch::FIRST, again.incarnation).await.unwrap();
    assert!(matches!(claim, Claim::Claimed(_)), "{claim:?}");
}

#[tokio::test]
async fn a_file_of_a_newer_schema_is_refused() {
    let home = tempfile::tempdir().unwrap();
    SqliteStore::open(&file(&home)).await.unwrap();
    let mut db = raw(&file(&home)).await;
    sqlx::query("PRAGMA user_version = 1000").execute(&mut db).await.unwrap();
    db.close().await.unwrap();
    let refused = SqliteStore::open(&file(&home)).await.err().unwrap();
    assert_eq!(refused, StoreError::SchemaTooNew { found: 1000, supported: 4 });
}

#[tokio::test]
async fn a_file_of_the_first_schema_is_brought_up_to_date_with_all_it_holds() {
    let home = tempfile::tempdir().unwrap();
    {
        // The statements of version 1 have not changed since it was released.
        let mut db = raw(&file(&home)).await;
        sqlx::raw_sql(include_str!("../src/sqlite/schema.sql")).execute(&mut db).await.unwrap();
        sqlx::query("PRAGMA user_version = 1").execute(&mut db).await.unwrap();
        sqlx::query(
            "INSERT INTO nodes VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000002',
                 'old', 'grpc://old', NULL, 'live', unixepoch('subsec') + 3600, unixepoch('subsec'), '0.1.0')",
        )
        .execute(&mut db)
        .await
        .unwrap();
        db.close().await.unwrap();
    }
    for _ in 0..2 {
        let store = SqliteStore::open(&file(&home)).await.unwrap();
        let nodes = store.nodes().await.unwrap();
        assert_eq!((nodes.len(), nodes[0].name.as_str()), (1, "old"));
        let dataset = NewDataset {
            name: "d".to_owned(),
            url: "file:///d.csv".to_owned(),
            format: "csv".to_owned(),
            secret: None,
            replace: true,
        };
        store.put_dataset(&dataset).await.unwrap();
        let generation = store.datasets().await.unwrap()[0].generation;
        store.report_dataset("d", generation, nodes[0].incarnation, &DatasetState::Ok).await.unwrap();
        assert_eq!(store.datasets().await.unwrap()[0].health.len(), 1);
    }
    let mut db = raw(&file(&home)).await;
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut db).await.unwrap();
    assert_eq!(version, 4);
    db.close().await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_in_order_is_opened_without_waiting_for_a_writer() {
    let home = tempfile::tempdir().unwrap();
    SqliteStore::open(&file(&home)).await.unwrap();
    let mut db = raw(&file(&home)).await;
    let lock = db.begin_with("BEGIN IMMEDIATE").await.unwrap();
    // Were it to write, it would fail, because the lock is not given back while it waits.
    let store = SqliteStore::open(&file(&home)).await.unwrap();
    assert!(store.nodes().await.unwrap().is_empty());
    lock.rollback().await.unwrap();
}

#[tokio::test]
async fn an_index_that_is_missing_is_put_back_at_the_next_start() {
    let home = tempfile::tempdir().unwrap();
    let fence = held(&SqliteStore::open(&file(&home)).await.unwrap(), Uuid::new_v4(), HOUR).await;
    let mut db = raw(&file(&home)).await;
    let indexes = "SELECT count(*) FROM sqlite_schema WHERE type = 'index'";
    let before: i64 = sqlx::query_scalar(indexes).fetch_one(&mut db).await.unwrap();
    sqlx::raw_sql("DROP INDEX sessions_by_owner; DROP INDEX revocations_by_session").execute(&mut db).await.unwrap();
    let store = SqliteStore::open(&file(&home)).await.unwrap();
    let after: i64 = sqlx::query_scalar(indexes).fetch_one(&mut db).await.unwrap();
    assert_eq!(after, before);
    assert!(store.session(&fence.session).await.unwrap().is_some());
    db.close().await.unwrap();
}

#[tokio::test]
async fn what_dead_nodes_left_does_not_grow() {
    let home = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&file(&home)).await.unwrap();
    let mut db = raw(&file(&home)).await;
    let revocations = "SELECT count(*) FROM revocations";
    for _ in 0..5 {
        let fence = held(&store, Uuid::new_v4(), HOUR).await;
        store.end_session(&fence.session, "by an operator").await.unwrap();
        store.set_node_state(fence.incarnation, NodeState::Gone).await.unwrap();
    }
    let before: i64 = sqlx::query_scalar(revocations).fetch_one(&mut db).await.unwrap();
    store.sweep(HOUR).await.unwrap();
    let after: i64 = sqlx::query_scalar(revocations).fetch_one(&mut db).await.unwrap();
    assert_eq!((before, after), (5, 0));
    db.close().await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(file(&home), "name,age\n".repeat(1000)).unwrap();
    let refused = SqliteStore::open(&file(&home)).await.err().unwrap();
    assert!(matches!(refused, StoreError::Corrupt(_)), "{refused:?}");
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_reported_as_damage() {
    let home = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&file(&home)).await.unwrap();
    let fence = held(&store, Uuid::new_v4(), HOUR).await;
    let mut db = raw(&file(&home)).await;
    sqlx::query("UPDATE sessions SET options = 'key = hidden'").execute(&mut db).await.unwrap();
    let damage = store.session(&fence.session).await.unwrap_err();
    assert!(matches!(damage, StoreError::Corrupt(_)), "{damage:?}");
    assert!(!damage.to_string().contains("hidden"), "{damage}");
}

#[tokio::test]
async fn a_place_where_no_file_can_be_is_unavailable() {
    let home = tempfile::tempdir().unwrap();
    let refused = SqliteStore::open(&home.path().join("missing").join("sessions.db")).await.err().unwrap();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
}

#[tokio::test]
async fn a_writer_that_holds_the_lock_for_too_long_makes_the_store_unavailable() {
    let home = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&file(&home)).await.unwrap();
    let fence = held(&store, Uuid::new_v4(), HOUR).await;
    let mut db = raw(&file(&home)).await;
    let lock = db.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let refused = store.renew_node(fence.incarnation, HOUR, &NodeLoad::default()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    // Reading goes on.
    assert!(store.session(&fence.session).await.unwrap().is_some());
    lock.rollback().await.unwrap();
    store.renew_node(fence.incarnation, HOUR, &NodeLoad::default()).await.unwrap();
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_no_lock_behind() {
    let home = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&file(&home)).await.unwrap();
    let fence = held(&store, Uuid::new_v4(), HOUR).await;
    let batch: Vec<_> = (0..20).map(|n| entry(&n.to_string(), "v")).collect();
    let statement = PreparedRecord { handle: vec![1], sql: "SELECT 1".to_owned() };
    for patience in 0..200 {
        let patience = Duration::from_micros(patience * 20);
        let _ = tokio::time::timeout(patience, store.write_journal(&fence, &batch)).await;
        let _ =
            tokio::time::timeout(patience, store.touch(std::slice::from_ref(&fence.session), fence.incarnation)).await;
        let _ = tokio::time::timeout(patience, store.session(&fence.session)).await;
        let _ = tokio::time::timeout(patience, store.put_prepared(&fence, &statement)).await;
    }
    store.write_journal(&fence, &batch).await.unwrap();
    assert_eq!(store.journal(&fence.session).await.unwrap(), batch);
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_but_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&file(&home)).await.unwrap();
    held(&store, Uuid::new_v4(), HOUR).await;
    let mut files = 0;
    for entry in std::fs::read_dir(home.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.path());
        files += 1;
    }
    assert_eq!(files, 3, "the database, its log and its index");
}

#[tokio::test]
async fn no_token_is_in_the_files() {
    let home = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&file(&home)).await.unwrap();
    let node = node(Uuid::new_v4(), HOUR);
    store.register_node(&node).await.unwrap();
    let token = Token::generate().unwrap();
    let mut new = new_session();
    new.id = token.id().clone();
    new.token_hash = TokenKey::derive(b"a cluster secret").hash(&token);
    store.create_session(&new, node.incarnation).await.unwrap();
    let text = token.expose();
    let secret = text.rsplit('.').next().unwrap();
    for entry in std::fs::read_dir(home.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}
