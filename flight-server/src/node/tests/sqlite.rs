//! The same over the embedded store, on several threads, as a server runs it.

use std::path::Path;

use ::session::SqliteStore;
use futures::future::join_all;
use uuid::Uuid;

use super::*;
use crate::engine::Statement;

async fn start(cluster: &Cluster, folder: &Path) -> Arc<Node> {
    let store = SqliteStore::open(&folder.join("sessions.db")).await.unwrap();
    let engines: Vec<Arc<dyn Engine>> = vec![cluster.engine.clone()];
    let options = cluster.options(Uuid::from_u128(1));
    Node::start(options, Arc::new(store), engines, Arc::clone(&ADA), &cluster.secret).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_server_resumes_its_sessions_from_the_embedded_store() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::new();
    let node = start(&cluster, folder.path()).await;
    let (caller, token) = connect(&node).await;
    let (closed, closed_token) = connect(&node).await;
    caller.session.execute(Statement::new("SET x=8")).await.unwrap();
    let prepared = caller.session.prepare("SELECT 1").await.unwrap();
    let lost = caller.session.begin().await.unwrap();
    node.close_session(&closed).await.unwrap();
    drop((caller, closed, node));

    let node = start(&cluster, folder.path()).await;
    let calls = join_all((0..32).map(|_| {
        let (node, token) = (Arc::clone(&node), token.clone());
        tokio::spawn(async move {
            let caller = call(&node, &token).await.unwrap();
            caller.session.plan("SELECT 1").await.unwrap();
            caller.session.epoch().0
        })
    }));
    assert!(calls.await.into_iter().all(|epoch| epoch.unwrap() == 2));
    assert_eq!(cluster.engine.opened(), 3, "one rebuild for all of them");
    assert_eq!(cluster.engine.replayed(), ["setting:x=SET x=8"]);

    let session = call(&node, &token).await.unwrap().session;
    assert_eq!(&*session.prepared(&prepared.handle).await.unwrap().sql, "SELECT 1");
    assert_eq!(code(session.commit(lost.as_bytes(), None).await), ErrorCode::TransactionLost);
    assert_eq!(code(call(&node, &closed_token).await), ErrorCode::SessionClosed);
    drop(session);
    node.shutdown().await;

    let node = start(&cluster, folder.path()).await;
    assert_eq!(call(&node, &token).await.unwrap().session.epoch().0, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_journal_has_the_order_of_execution_however_calls_race() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::new();
    let node = start(&cluster, folder.path()).await;
    let (caller, token) = connect(&node).await;
    let session = &caller.session;
    let racing = join_all((0..40).map(|value| {
        let session = Arc::clone(session);
        tokio::spawn(async move { session.execute(Statement::new(format!("SET x={value}"))).await.map(drop) })
    }));
    assert!(racing.await.into_iter().all(|set| set.unwrap().is_ok()));
    let before = session.options().await.unwrap();
    drop((caller, node));
    let node = start(&cluster, folder.path()).await;
    let after = call(&node, &token).await.unwrap().session.options().await.unwrap();
    assert_eq!(before, after);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_short_lease_is_kept_by_the_heartbeat() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::new();
    let store = SqliteStore::open(&folder.path().join("sessions.db")).await.unwrap();
    let engines: Vec<Arc<dyn Engine>> = vec![cluster.engine.clone()];
    let mut options = cluster.options(Uuid::from_u128(1));
    options.lease = Duration::from_millis(1500);
    let node = Node::start(options, Arc::new(store), engines, Arc::clone(&ADA), &cluster.secret).await.unwrap();
    let (_, token) = connect(&node).await;
    let granted = node.core.lease.safe_until().unwrap();
    until(|| node.core.lease.safe_until().unwrap() > granted + Duration::from_secs(2)).await;
    let caller = call(&node, &token).await.unwrap();
    assert_eq!(caller.session.epoch().0, 1);
}
