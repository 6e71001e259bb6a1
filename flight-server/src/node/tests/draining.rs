//! Sessions that are handed back while their node drains.

use ::session::{SessionState, SessionStore as _};
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use futures::StreamExt as _;

use super::*;
use crate::engine::{Statement, TransactionStatus};
use crate::node::{Kept, Route};

async fn state(cluster: &Cluster, caller: &Caller) -> SessionState {
    cluster.store.session(caller.session.id()).await.unwrap().unwrap().state
}

async fn handed_back(cluster: &Cluster, node: &Arc<Node>, caller: &Caller) {
    until(|| node.live_sessions() == 0).await;
    let released = async {
        while state(cluster, caller).await != SessionState::Released {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), released).await.unwrap();
}

#[tokio::test]
async fn a_draining_node_takes_no_new_sessions_and_hands_idle_ones_back() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, token) = connect(&node).await;
    caller.session.execute(Statement::new("SET x=1")).await.unwrap();
    node.drain();
    assert!(node.is_draining());
    assert_eq!(code(node.handshake(&ada()).await), ErrorCode::Draining);
    assert_eq!(code(node.caller(&ada(), peer(2)).await), ErrorCode::Draining);
    handed_back(&cluster, &node, &caller).await;
    assert_eq!(code(call(&node, &token).await), ErrorCode::Draining, "it takes none back either");
    let other = cluster.node(2).await;
    assert_eq!(call(&other, &token).await.unwrap().session.epoch().0, 2, "before the lease of the first is over");
    assert_eq!(cluster.engine.replayed(), ["setting:x=SET x=1"]);
}

#[tokio::test]
async fn a_node_is_not_empty_while_a_call_may_bring_it_a_session() {
    let cluster = Cluster::new();
    let other = cluster.node(2).await;
    let (caller, _) = connect(&other).await;
    other.drain();
    handed_back(&cluster, &other, &caller).await;
    let node = cluster.node(1).await;
    let id = caller.session.id();
    let taking_over = node.route(id, false, &[]).await.unwrap();
    let making = node.route_new(&[]).await.unwrap();
    assert!(matches!((&taking_over, &making), (Route::Here(Some(_)), Route::Here(Some(_)))));
    node.drain();
    let mut empty = Box::pin(node.empty());
    for call in [taking_over, making] {
        assert!(futures::poll!(&mut empty).is_pending());
        drop(call);
    }
    tokio::time::timeout(Duration::from_secs(20), empty).await.unwrap();
    assert!(node.route(id, false, &[]).await.is_err(), "nobody takes it");
    assert!(node.route_new(&[]).await.is_err());
    tokio::time::timeout(Duration::from_secs(20), node.empty()).await.unwrap();
}

#[tokio::test]
async fn a_session_that_is_worked_in_stays_until_its_rows_are_read() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, token) = connect(&node).await;
    let mut rows = caller.session.execute(Statement::new("SELECT 1")).await.unwrap().rows;
    node.drain();
    let beat = crate::node::drain::round(&node.core);
    beat.await;
    assert_eq!(state(&cluster, &caller).await, SessionState::Active);
    assert!(call(&node, &token).await.is_ok());
    while rows.batches.next().await.is_some() {}
    drop(rows);
    handed_back(&cluster, &node, &caller).await;
}

#[tokio::test]
async fn a_session_stays_while_its_client_is_about_to_fetch_a_result() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, _) = connect(&node).await;
    let schema = Arc::new(Schema::empty());
    let batches = vec![RecordBatch::new_empty(Arc::clone(&schema))];
    let id = caller.session.keep(Kept::Finished { schema, batches, changed: None });
    node.drain();
    crate::node::drain::round(&node.core).await;
    assert_eq!(state(&cluster, &caller).await, SessionState::Active);
    caller.session.kept(&id).unwrap();
    handed_back(&cluster, &node, &caller).await;
}

#[tokio::test]
async fn a_transaction_in_which_nothing_ran_goes_on_elsewhere_under_its_id() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, token) = connect(&node).await;
    let id = caller.session.begin().await.unwrap();
    node.drain();
    handed_back(&cluster, &node, &caller).await;

    let other = cluster.node(2).await;
    let session = call(&other, &token).await.unwrap().session;
    assert_ne!(session.engine().transaction(), TransactionStatus::Autocommit);
    session.execute(Statement::new("INSERT 1")).await.unwrap();
    session.commit(id.as_bytes(), None).await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_is_used_keeps_its_session_until_it_ends() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, _) = connect(&node).await;
    let id = caller.session.begin().await.unwrap();
    caller.session.execute(Statement::new("INSERT 1")).await.unwrap();
    node.drain();
    crate::node::drain::round(&node.core).await;
    assert_eq!(state(&cluster, &caller).await, SessionState::Active);
    caller.session.commit(id.as_bytes(), None).await.unwrap();
    handed_back(&cluster, &node, &caller).await;
}

#[tokio::test]
async fn a_transaction_begun_by_text_is_lost_with_its_node_and_its_client_is_told() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, token) = connect(&node).await;
    caller.session.execute(Statement::new("BEGIN")).await.unwrap();
    caller.session.execute(Statement::new("INSERT 1")).await.unwrap();
    drop(caller);
    let node = cluster.restart(node).await;
    let session = call(&node, &token).await.unwrap().session;
    let run = async |sql: &str| session.execute(Statement::new(sql)).await.map(drop);
    for _ in 0..2 {
        assert_eq!(code(run("INSERT 2").await), ErrorCode::TransactionLost, "never in autocommit");
    }
    run("ROLLBACK").await.unwrap();
    run("INSERT 3").await.unwrap();
    let node = cluster.restart(node).await;
    let session = call(&node, &token).await.unwrap().session;
    session.execute(Statement::new("INSERT 4")).await.unwrap();
}

#[tokio::test]
async fn a_lost_transaction_is_over_once_its_commit_has_failed_or_another_has_begun() {
    let cluster = Cluster::new();
    let mut node = cluster.node(1).await;
    let (_, token) = connect(&node).await;
    for ending in ["COMMIT", "BEGIN"] {
        let session = call(&node, &token).await.unwrap().session;
        session.execute(Statement::new("BEGIN")).await.unwrap();
        drop(session);
        node = cluster.restart(node).await;
        let session = call(&node, &token).await.unwrap().session;
        let ended = session.execute(Statement::new(ending)).await;
        assert_eq!(ended.is_err(), ending == "COMMIT");
        if let Err(error) = ended {
            assert_eq!(error.code, ErrorCode::TransactionLost);
        }
        session.execute(Statement::new("INSERT 1")).await.unwrap();
        if ending == "BEGIN" {
            session.execute(Statement::new("ROLLBACK")).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_lost_transaction_stays_lost_while_the_store_does_not_know_that_its_client_was_told() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (_, token) = connect(&node).await;
    let session = call(&node, &token).await.unwrap().session;
    session.execute(Statement::new("BEGIN")).await.unwrap();
    drop(session);
    let node = cluster.restart(node).await;
    let session = call(&node, &token).await.unwrap().session;
    let run = async |sql: &str| session.execute(Statement::new(sql)).await.map(drop);
    cluster.store.set_down(true);
    for ending in ["BEGIN", "COMMIT", "ROLLBACK"] {
        assert_eq!(code(run(ending).await), ErrorCode::StoreUnavailable, "{ending}");
    }
    cluster.store.set_down(false);
    assert_eq!(code(run("INSERT 1").await), ErrorCode::TransactionLost, "no BEGIN and no ROLLBACK has been answered");
    assert_eq!(code(run("COMMIT").await), ErrorCode::TransactionLost);
    run("INSERT 1").await.unwrap();
}

#[tokio::test]
async fn an_operator_drains_a_node_and_ends_a_session() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, token) = connect(&node).await;
    let (staying, _) = connect(&node).await;
    cluster.store.end_session(caller.session.id(), "an operator ended it").await.unwrap();
    assert!(cluster.store.revocation_pending(caller.session.id()).await.unwrap());
    crate::node::Heartbeat::new(Arc::clone(&node.core)).beat().await;
    assert!(!cluster.store.revocation_pending(caller.session.id()).await.unwrap());
    assert_eq!(code(call(&node, &token).await), ErrorCode::SessionClosed);
    assert_eq!(code(caller.session.begin().await), ErrorCode::SessionClosed);

    assert_eq!(cluster.store.request_drain("heron").await.unwrap(), 1);
    crate::node::Heartbeat::new(Arc::clone(&node.core)).beat().await;
    assert!(node.is_draining());
    handed_back(&cluster, &node, &staying).await;
}
