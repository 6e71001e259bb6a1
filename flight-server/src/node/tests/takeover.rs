//! Sessions whose owner is gone, or is not.

use std::sync::atomic::Ordering;

use ::session::{JournalEntry, SessionState, SessionStore as _};
use futures::FutureExt as _;
use futures::future::join_all;
use uuid::Uuid;

use super::engine::Opening;
use super::*;
use crate::engine::Statement;
use crate::node::Heartbeat;

async fn run(caller: &Caller, sql: &str) {
    caller.session.execute(Statement::new(sql)).await.unwrap();
}

#[tokio::test]
async fn a_node_that_starts_again_takes_its_sessions_back_with_their_state() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, token) = connect(&node).await;
    run(&caller, "SET x=1").await;
    run(&caller, "SET y=2").await;
    run(&caller, "USE attic").await;
    run(&caller, "SET x=3").await;
    drop(caller);

    let node = cluster.restart(node).await;
    assert_eq!(node.live_sessions(), 0, "nothing is rebuilt before it is called for");
    let caller = call(&node, &token).await.unwrap();
    assert_eq!(caller.session.epoch().0, 2);
    assert_eq!(cluster.engine.replayed(), ["setting:y=SET y=2", "location=USE attic", "setting:x=SET x=3"]);
    assert_eq!(caller.session.engine().location().await.unwrap().schema, "attic");
}

#[tokio::test]
async fn however_many_calls_wait_there_is_one_rebuild() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (_, token) = connect(&node).await;
    let node = cluster.restart(node).await;
    cluster.engine.control().opening.send_replace(Opening::Waits);
    let calls = join_all((0..16).map(|_| call(&node, &token)));
    let gate = async {
        until(|| cluster.engine.opened() == 2).await;
        cluster.engine.control().opening.send_replace(Opening::Succeeds);
    };
    let (callers, ()) = tokio::join!(calls, gate);
    let callers: Vec<_> = callers.into_iter().map(Result::unwrap).collect();
    assert!(callers.iter().all(|caller| Arc::ptr_eq(&caller.session, &callers[0].session)));
    assert_eq!(cluster.engine.opened(), 2);
    assert_eq!(callers[0].session.epoch().0, 2);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_end_the_rebuild() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (_, token) = connect(&node).await;
    let node = cluster.restart(node).await;
    cluster.engine.control().opening.send_replace(Opening::Waits);
    let impatient = Box::pin(call(&node, &token));
    let opened = until(|| cluster.engine.opened() == 2).boxed();
    drop(futures::future::select(impatient, opened).await);
    cluster.engine.control().opening.send_replace(Opening::Succeeds);
    until(|| node.live_sessions() == 1).await;
    assert_eq!(call(&node, &token).await.unwrap().session.epoch().0, 2);
    assert_eq!(cluster.engine.opened(), 2);
}

#[tokio::test]
async fn a_rebuild_that_fails_or_panics_leaves_nothing_half_made() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (_, token) = connect(&node).await;
    let node = cluster.restart(node).await;
    cluster.engine.control().opening.send_replace(Opening::Fails);
    let failed = call(&node, &token).await.unwrap_err();
    assert_eq!(failed.code, ErrorCode::SessionUnreclaimable);
    assert!(failed.message.contains("the replay failed"), "{failed}");
    cluster.engine.control().opening.send_replace(Opening::Panics);
    assert_eq!(code(call(&node, &token).await), ErrorCode::Internal);
    assert_eq!(node.live_sessions(), 0);
    cluster.engine.control().opening.send_replace(Opening::Succeeds);
    let caller = call(&node, &token).await.unwrap();
    assert_eq!(caller.session.epoch().0, 2, "it was claimed once, and built with the third call");
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_found_to_have_worked() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (_, token) = connect(&node).await;
    let node = cluster.restart(node).await;
    cluster.store.lose_next_claim();
    assert_eq!(code(call(&node, &token).await), ErrorCode::StoreUnavailable);
    assert_eq!(call(&node, &token).await.unwrap().session.epoch().0, 2);
}

#[tokio::test]
async fn a_session_that_ends_while_it_is_taken_over_is_not_found_empty() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, token) = connect(&node).await;
    run(&caller, "SET x=7").await;
    let node = cluster.restart(node).await;
    cluster.store.end_before_next_journal();
    assert_eq!(code(call(&node, &token).await), ErrorCode::SessionClosed);
    assert_eq!(node.live_sessions(), 0);
}

#[tokio::test]
async fn a_session_of_another_live_node_is_not_taken_but_its_owner_is_named() {
    let cluster = Cluster::new();
    let owner = cluster.node(1).await;
    let (caller, token) = connect(&owner).await;
    let mut options = cluster.options(Uuid::from_u128(2));
    options.name = "egret".to_owned();
    let other = cluster.start(options, &ADA).await;
    let moved = call(&other, &token).await.unwrap_err();
    assert_eq!(moved.code, ErrorCode::SessionMoved);
    assert!(moved.message.contains("heron"), "{moved}");
    assert!(caller.session.begin().await.is_ok());

    cluster.clock.advance(LEASE + Duration::from_secs(1));
    let refused = code(call(&other, &token).await);
    assert_eq!(refused, ErrorCode::StoreUnavailable, "its own lease is over as well");
    Heartbeat::new(Arc::clone(&other.core)).beat().await;
    let taken = call(&other, &token).await.unwrap();
    assert_eq!(taken.session.epoch().0, 2, "once it has a lease, it takes what the owner lost");
}

#[tokio::test]
async fn a_node_that_ends_hands_its_sessions_over_at_once() {
    let cluster = Cluster::new();
    let first = cluster.node(1).await;
    let (caller, token) = connect(&first).await;
    run(&caller, "SET x=7").await;
    first.shutdown().await;
    assert_eq!(cluster.engine.closed(), 1);
    assert_eq!(code(call(&first, &token).await), ErrorCode::Draining);
    assert_eq!(code(caller.session.begin().await), ErrorCode::SessionMoved);
    let record = cluster.store.session(caller.session.id()).await.unwrap().unwrap();
    assert_eq!(record.state, SessionState::Released);

    let second = cluster.node(2).await;
    assert_eq!(call(&second, &token).await.unwrap().session.epoch().0, 2);
    assert_eq!(cluster.engine.replayed(), ["setting:x=SET x=7"]);
}

#[tokio::test]
async fn a_session_in_an_engine_this_node_lacks_says_so() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (_, token) = connect(&node).await;
    let mut options = node.options().clone();
    drop(node);
    let engines: Vec<Arc<dyn Engine>> = Vec::new();
    let none = Node::start(options.clone(), cluster.store.clone(), engines, Arc::clone(&ADA), &cluster.secret).await;
    assert_eq!(code(none), ErrorCode::Internal, "a node needs its default engine");
    options.default_engine = "other".to_owned();
    let other: Vec<Arc<dyn Engine>> = vec![Arc::new(super::engine::Renamed(cluster.engine.clone()))];
    let node = Node::start(options, cluster.store.clone(), other, Arc::clone(&ADA), &cluster.secret).await.unwrap();
    assert_eq!(code(call(&node, &token).await), ErrorCode::SessionUnreclaimable);
}

#[tokio::test]
async fn prepared_statements_hold_after_a_restart_and_so_do_their_errors() {
    // A short one is its handle; of a long one the text is in the store.
    for sql in ["SELECT 1".to_owned(), long("SELECT 1")] {
        let cluster = Cluster::new();
        let node = cluster.node(1).await;
        let (caller, token) = connect(&node).await;
        assert_eq!(code(caller.session.prepare("BROKEN").await), ErrorCode::StatementFailed);
        let prepared = caller.session.prepare(&sql).await.unwrap();
        let closed = caller.session.prepare(&sql).await.unwrap();
        caller.session.close_prepared(&closed.handle).await.unwrap();
        caller.session.close_prepared(b"never there").await.unwrap();
        assert_eq!(code(caller.session.prepared(&closed.handle).await), ErrorCode::PreparedStatementUnknown);
        assert!(Arc::ptr_eq(&prepared, &caller.session.prepared(&prepared.handle).await.unwrap()));
        drop(caller);

        let node = cluster.restart(node).await;
        let session = call(&node, &token).await.unwrap().session;
        cluster.engine.control().broken.store(true, Ordering::SeqCst);
        for _ in 0..2 {
            assert_eq!(code(session.prepared(&prepared.handle).await), ErrorCode::StatementFailed);
        }
        cluster.engine.control().broken.store(false, Ordering::SeqCst);
        let again = session.prepared(&prepared.handle).await.unwrap();
        assert_eq!((&*again.sql, &again.handle), (sql.as_str(), &prepared.handle));
        assert!(Arc::ptr_eq(&again, &session.prepared(&prepared.handle).await.unwrap()));
        session.close_prepared(&prepared.handle).await.unwrap();
        assert_eq!(code(session.prepared(&prepared.handle).await), ErrorCode::PreparedStatementUnknown);

        let (other, _) = connect(&node).await;
        let foreign = other.session.prepared(&prepared.handle).await;
        assert_eq!(code(foreign), ErrorCode::PreparedStatementUnknown, "handles are of one session");
    }
}

#[tokio::test]
async fn a_short_statement_is_prepared_without_the_store() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, token) = connect(&node).await;
    cluster.store.set_down(true);
    let prepared = caller.session.prepare("SELECT 1").await.unwrap();
    let closed = caller.session.prepare("SELECT 2").await.unwrap();
    caller.session.close_prepared(&closed.handle).await.unwrap();
    assert_eq!(code(caller.session.prepare(&long("SELECT 1")).await), ErrorCode::StoreUnavailable);
    cluster.store.set_down(false);
    drop(caller);

    let node = cluster.restart(node).await;
    let session = call(&node, &token).await.unwrap().session;
    assert_eq!(&*session.prepared(&prepared.handle).await.unwrap().sql, "SELECT 1");
}

/// The same statement, too long for a handle.
fn long(sql: &str) -> String {
    format!("{sql}{}", " ".repeat(16 << 10))
}

#[tokio::test]
async fn a_transaction_that_was_open_is_lost_once_and_for_all() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, token) = connect(&node).await;
    let id = caller.session.begin().await.unwrap();
    drop(caller);
    let node = cluster.restart(node).await;
    let session = call(&node, &token).await.unwrap().session;
    assert_eq!(code(session.check_transaction(id.as_bytes())), ErrorCode::TransactionLost);
    assert_eq!(code(session.commit(id.as_bytes(), None).await), ErrorCode::TransactionLost);
    session.rollback(id.as_bytes()).await.unwrap();
    let next = session.begin().await.unwrap();
    session.commit(next.as_bytes(), None).await.unwrap();
    session.commit(next.as_bytes(), None).await.unwrap();
    let last = session.begin().await.unwrap();
    session.rollback(last.as_bytes()).await.unwrap();
    assert_eq!(code(session.commit(last.as_bytes(), None).await), ErrorCode::TransactionUnknown);
}

#[tokio::test]
async fn a_journal_that_cannot_be_replayed_is_never_an_empty_session() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, token) = connect(&node).await;
    let entry = JournalEntry { key: "k".to_owned(), statement: Some("GIBBERISH".to_owned()) };
    cluster.store.write_journal(&caller.session.fence, &[entry]).await.unwrap();
    drop(caller);
    let node = cluster.restart(node).await;
    for _ in 0..2 {
        assert_eq!(code(call(&node, &token).await), ErrorCode::SessionUnreclaimable);
    }
    assert_eq!(node.live_sessions(), 0);
}
