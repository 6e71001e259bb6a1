//! When this node may no longer act as an owner, and when sessions end by themselves.

use std::sync::atomic::Ordering;

use ::session::{Claim, Epoch, Fence, Incarnation, NodeRegistration, NodeRole, SessionState, SessionStore as _};
use uuid::Uuid;

use super::*;
use crate::engine::Statement;
use crate::node::{Heartbeat, janitor, toucher};

async fn run(caller: &Caller, sql: &str) -> Result<()> {
    caller.session.execute(Statement::new(sql)).await.map(drop)
}

/// Another node takes the session, as it may once the owner's lease is over.
async fn steal(cluster: &Cluster, caller: &Caller) -> Fence {
    let thief = Incarnation(Uuid::from_u128(77));
    let registration = NodeRegistration {
        incarnation: thief,
        home: Uuid::from_u128(78),
        name: "thief".to_owned(),
        advertised_uri: "grpc://thief".to_owned(),
        peer_uri: None,
        role: NodeRole::Both,
        lease: LEASE,
        version: "0".to_owned(),
    };
    cluster.clock.advance(LEASE + Duration::from_secs(1));
    cluster.store.register_node(&registration).await.unwrap();
    let claim = cluster.store.claim(caller.session.id(), caller.session.epoch(), thief).await.unwrap();
    assert!(matches!(claim, Claim::Claimed(_)));
    Fence { session: caller.session.id().clone(), incarnation: thief, epoch: Epoch(2) }
}

#[tokio::test]
async fn an_owner_that_is_fenced_off_drops_its_engine_at_once() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, _) = connect(&node).await;
    steal(&cluster, &caller).await;
    assert_eq!(code(run(&caller, "SET x=1").await), ErrorCode::SessionMoved);
    until(|| cluster.engine.closed() == 1).await;
    assert_eq!(node.live_sessions(), 0);
    assert_eq!(code(run(&caller, "SELECT 1").await), ErrorCode::SessionMoved);
    assert!(cluster.store.journal(caller.session.id()).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_an_owner_applied_before_it_was_fenced_off_is_told_to_be_applied() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, _) = connect(&node).await;
    steal(&cluster, &caller).await;
    assert_eq!(code(run(&caller, "INSERT 1; SET x=1").await), ErrorCode::StateUnsaved);
    assert_eq!(code(run(&caller, "INSERT 2; SET x=2").await), ErrorCode::SessionMoved, "it has not begun");
}

#[tokio::test]
async fn every_fenced_write_is_noticed() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (preparing, _) = connect(&node).await;
    // Too long for its handle.
    let long = format!("SELECT 1{}", " ".repeat(16 << 10));
    let prepared = preparing.session.prepare(&long).await.unwrap();
    let (closing, _) = connect(&node).await;
    let (setting, _) = connect(&node).await;
    let (forgetting, _) = connect(&node).await;
    cluster.clock.advance(LEASE + Duration::from_secs(1));
    assert_eq!(code(preparing.session.prepare(&long).await), ErrorCode::SessionMoved);
    assert_eq!(code(preparing.session.prepared(&prepared.handle).await), ErrorCode::SessionMoved);
    assert_eq!(code(node.close_session(&closing).await), ErrorCode::SessionMoved);
    assert_eq!(code(forgetting.session.close_prepared(&[0; 16]).await), ErrorCode::SessionMoved);
    let set = setting.session.set_option("x", crate::node::OptionValue::Int64(1)).await;
    assert!(matches!(set, Err(crate::node::OptionError::Error(error)) if error.code == ErrorCode::SessionMoved));
    until(|| cluster.engine.closed() == 4).await;
}

#[tokio::test]
async fn a_session_that_somebody_else_closed_says_so_when_it_writes() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, token) = connect(&node).await;
    cluster.store.close(&caller.session.fence, "an operator closed it").await.unwrap();
    assert_eq!(code(run(&caller, "SET x=1").await), ErrorCode::SessionClosed);
    assert_eq!(code(call(&node, &token).await), ErrorCode::SessionClosed);
    until(|| cluster.engine.closed() == 1).await;
}

#[tokio::test]
async fn a_node_whose_lease_the_store_ended_starts_anew_and_takes_its_sessions_back() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, token) = connect(&node).await;
    let before = node.core.live.incarnation();
    cluster.clock.advance(LEASE + Duration::from_secs(1));
    Heartbeat::new(Arc::clone(&node.core)).beat().await;
    assert_ne!(node.core.live.incarnation(), before);
    assert_eq!(code(run(&caller, "SELECT 1").await), ErrorCode::SessionMoved);
    until(|| cluster.engine.closed() == 1).await;
    let again = call(&node, &token).await.unwrap();
    assert_eq!(again.session.epoch().0, 2);
}

#[tokio::test]
async fn a_node_whose_lease_may_be_over_runs_nothing_even_before_it_has_noticed() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, token) = connect(&node).await;
    // As after the process was stopped for longer than its lease.
    node.core.lease.granted(tokio::time::Instant::now().checked_sub(LEASE).unwrap());
    assert!(!node.holds_lease());
    assert_eq!(code(run(&caller, "INSERT 1").await), ErrorCode::StoreUnavailable);
    assert_eq!(code(call(&node, &token).await), ErrorCode::StoreUnavailable);
    assert_eq!(code(node.handshake(&ada()).await), ErrorCode::StoreUnavailable);

    cluster.store.set_down(true);
    let mut heartbeat = Heartbeat::new(Arc::clone(&node.core));
    heartbeat.beat().await;
    until(|| cluster.engine.closed() == 1).await;
    assert_eq!(node.live_sessions(), 0, "dropped while the store is down");
    assert_eq!(code(call(&node, &token).await), ErrorCode::StoreUnavailable);

    cluster.store.set_down(false);
    heartbeat.beat().await;
    assert!(node.holds_lease());
    assert_eq!(call(&node, &token).await.unwrap().session.epoch().0, 2);
}

#[tokio::test]
async fn a_beat_that_fails_while_the_lease_runs_drops_nothing() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, _) = connect(&node).await;
    cluster.store.set_down(true);
    let mut heartbeat = Heartbeat::new(Arc::clone(&node.core));
    heartbeat.beat().await;
    assert!(run(&caller, "SELECT 1").await.is_ok());
    cluster.store.set_down(false);
    heartbeat.beat().await;
    assert_eq!(cluster.engine.closed(), 0);
}

#[tokio::test]
async fn the_heartbeat_runs_by_itself_and_says_that_the_node_drains() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    node.drain();
    let drained = async {
        while cluster.store.nodes().await.unwrap()[0].state != ::session::NodeState::Draining {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), drained).await.unwrap();
    node.shutdown().await;
    assert_eq!(cluster.store.nodes().await.unwrap()[0].state, ::session::NodeState::Gone);
}

#[tokio::test]
async fn a_node_does_not_start_while_the_store_is_down() {
    let cluster = Cluster::new();
    cluster.store.set_down(true);
    let engines: Vec<Arc<dyn Engine>> = vec![cluster.engine.clone()];
    let options = cluster.options(Uuid::from_u128(1));
    let started = Node::start(options, cluster.store.clone(), engines, Arc::clone(&ADA), &cluster.secret).await;
    assert_eq!(code(started), ErrorCode::StoreUnavailable);
}

#[tokio::test]
async fn uses_are_written_in_batches_and_keep_a_session_alive() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (_, token) = connect(&node).await;
    let (idle, _) = connect(&node).await;
    let used = call(&node, &token).await.unwrap();
    cluster.clock.advance(Duration::from_secs(30));
    cluster.store.set_down(true);
    assert!(toucher::touch(&node.core).await.is_err());
    cluster.store.set_down(false);
    toucher::touch(&node.core).await.unwrap();
    let expiry = async |caller: &Caller| {
        cluster.store.model().session(caller.session.id()).await.unwrap().unwrap().idle_expires_at
    };
    let gained = expiry(&used).await.duration_since(expiry(&idle).await).unwrap();
    assert_eq!(gained, Duration::from_secs(30), "a batch that failed is written with the next");
}

#[tokio::test]
async fn the_janitor_drops_the_engine_of_what_the_store_says_has_expired() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, token) = connect(&node).await;
    for _ in 0..20 {
        cluster.clock.advance(Duration::from_secs(31));
        Heartbeat::new(Arc::clone(&node.core)).beat().await;
    }
    janitor::round(&node.core).await.unwrap();
    until(|| cluster.engine.closed() == 1).await;
    assert_eq!(code(run(&caller, "SELECT 1").await), ErrorCode::SessionExpired);
    assert_eq!(code(call(&node, &token).await), ErrorCode::SessionExpired);
    assert!(node.core.live.all().is_empty(), "no tombstone is needed once the row says it");
}

#[tokio::test]
async fn what_a_session_has_freed_is_given_back_once() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, _) = connect(&node).await;
    node.core.release_memory().await;
    assert_eq!(cluster.engine.released(), 0, "no session has ended");
    node.close_session(&caller).await.unwrap();
    until(|| node.core.has_freed.load(Ordering::SeqCst)).await;
    for _ in 0..2 {
        node.core.release_memory().await;
        assert_eq!(cluster.engine.released(), 1);
    }
}

#[tokio::test]
async fn a_session_that_expired_here_first_is_not_found_empty_until_the_store_agrees() {
    let cluster = Cluster::new();
    let mut options = cluster.options(Uuid::from_u128(1));
    options.idle_timeout = Duration::from_millis(5);
    let node = cluster.start(options, &ADA).await;
    let (caller, token) = connect(&node).await;
    // The store's clock stands still: to it, the session is as young as ever.
    until(|| caller.session.check().is_err()).await;
    until(|| cluster.engine.closed() == 1).await;
    janitor::round(&node.core).await.unwrap();
    assert_eq!(code(call(&node, &token).await), ErrorCode::SessionExpired);
    assert_eq!(node.live_sessions(), 0);
    assert_eq!(cluster.engine.opened(), 1, "it is not rebuilt");

    cluster.clock.advance(Duration::from_millis(6));
    janitor::round(&node.core).await.unwrap();
    assert!(node.core.live.all().is_empty());
    assert_eq!(code(call(&node, &token).await), ErrorCode::SessionExpired);
    let record = cluster.store.session(caller.session.id()).await.unwrap().unwrap();
    assert_eq!(record.state, SessionState::Expired);
}

#[tokio::test]
async fn age_left_is_counted_by_the_stores_clock_after_a_takeover() {
    let cluster = Cluster::new();
    let mut options = cluster.options(Uuid::from_u128(1));
    options.idle_timeout = Duration::from_secs(60_000);
    let node = cluster.start(options, &ADA).await;
    let (_, token) = connect(&node).await;
    cluster.clock.advance(Duration::from_secs(5990));
    let node = cluster.restart(node).await;
    let caller = call(&node, &token).await.unwrap();
    let now = tokio::time::Instant::now();
    assert!(!caller.session.usage.expired(now));
    assert!(caller.session.usage.expired(now + Duration::from_secs(11)));
}
