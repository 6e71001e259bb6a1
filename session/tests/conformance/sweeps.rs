//! The janitor's round.

use std::time::Duration;

use session::{ExpiredSession, NodeState, SessionState, StoreError, Swept};

use crate::scene::{IDLE, KEEP, LEASE, MAX_AGE, new_session, prepared, set};
use crate::{HOUR, Scene};

pub async fn a_sweep_of_nothing_does_nothing(scene: Scene) {
    assert_eq!(scene.sweep(KEEP).await.unwrap(), Swept::default());
}

pub async fn a_sweep_leaves_what_lives(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.write_journal(&held, &[set("a", "1")]).await.unwrap();
    scene.pass_and_keep(IDLE - HOUR, &[a]).await;
    assert_eq!(scene.sweep(Duration::ZERO).await.unwrap(), Swept::default());
    scene.write_journal(&held, &[set("b", "1")]).await.unwrap();
    assert_eq!(scene.journal(&held.session).await.unwrap().len(), 2);
}

pub async fn a_sweep_reports_expired_sessions_with_their_owners(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let (one, two) = (scene.held_by(a).await, scene.held_by(b).await);
    scene.pass_and_keep(IDLE + HOUR, &[a]).await;
    let alive = scene.held_by(a).await;
    let mut expected =
        vec![ExpiredSession { id: one.session, owner: Some(a) }, ExpiredSession { id: two.session, owner: Some(b) }];
    expected.sort_by(|left, right| left.id.cmp(&right.id));
    let swept = scene.sweep(KEEP).await.unwrap();
    assert_eq!((swept.expired, swept.sessions_deleted), (expected, 0));
    assert_eq!(scene.read(&alive.session).await.state, SessionState::Active);
}

pub async fn a_sweep_reports_a_released_session_without_owner(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.release(&held).await.unwrap();
    scene.pass_and_keep(IDLE + HOUR, &[a]).await;
    let swept = scene.sweep(KEEP).await.unwrap();
    assert_eq!(swept.expired, [ExpiredSession { id: held.session, owner: None }]);
}

pub async fn a_session_is_reported_by_one_sweep(scene: Scene) {
    let a = scene.node("a").await;
    scene.held_by(a).await;
    scene.pass_and_keep(IDLE + HOUR, &[a]).await;
    assert_eq!(scene.sweep(KEEP).await.unwrap().expired.len(), 1);
    assert_eq!(scene.sweep(KEEP).await.unwrap(), Swept::default());
}

pub async fn concurrent_sweeps_report_each_session_once(scene: Scene) {
    let a = scene.node("a").await;
    for _ in 0..50 {
        scene.held_by(a).await;
    }
    scene.pass_and_keep(IDLE + HOUR, &[a]).await;
    let sweeps: Vec<_> = (0..8)
        .map(|_| {
            let store = scene.clone();
            tokio::spawn(async move { store.sweep(KEEP).await.unwrap() })
        })
        .collect();
    let mut reported = Vec::new();
    for sweep in sweeps {
        reported.extend(sweep.await.unwrap().expired.into_iter().map(|session| session.id));
    }
    assert_eq!(reported.len(), 50);
    reported.sort();
    reported.dedup();
    assert_eq!(reported.len(), 50);
}

pub async fn an_expired_session_has_nothing_to_replay(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.write_journal(&held, &[set("a", "1")]).await.unwrap();
    scene.put_prepared(&held, &prepared(b"h", "SELECT 1")).await.unwrap();
    scene.pass_and_keep(IDLE + HOUR, &[a]).await;
    scene.sweep(KEEP).await.unwrap();
    assert!(scene.journal(&held.session).await.unwrap().is_empty());
    assert!(scene.prepared(&held.session, b"h").await.unwrap().is_none());
}

pub async fn an_expired_session_says_which_limit_it_reached(scene: Scene) {
    let a = scene.node("a").await;
    let idle = scene.held_by(a).await;
    let mut old = new_session();
    old.max_age = IDLE / 2;
    scene.create_session(&old, a).await.unwrap();
    scene.pass_and_keep(IDLE + HOUR, &[a]).await;
    scene.sweep(KEEP).await.unwrap();
    assert_eq!(scene.read(&idle.session).await.close_reason.as_deref(), Some("idle for too long"));
    assert_eq!(scene.read(&old.id).await.close_reason.as_deref(), Some("maximum age reached"));
}

pub async fn tombstones_are_kept_as_long_as_asked(scene: Scene) {
    let a = scene.node("a").await;
    let closed = scene.held_by(a).await;
    scene.close(&closed, "by request").await.unwrap();
    let expiring = scene.held_by(a).await;
    scene.pass_and_keep(KEEP - HOUR, &[a]).await;
    assert_eq!(scene.sweep(KEEP).await.unwrap(), Swept::default());
    assert_eq!(scene.read(&closed.session).await.state, SessionState::Closed);

    scene.pass_and_keep(HOUR * 2, &[a]).await;
    assert_eq!(scene.sweep(KEEP).await.unwrap().sessions_deleted, 1);
    assert!(scene.session(&closed.session).await.unwrap().is_none());

    // A tombstone's time runs from the sweep that found it expired.
    scene.pass_and_keep(MAX_AGE, &[a]).await;
    let swept = scene.sweep(KEEP).await.unwrap();
    assert_eq!((swept.expired.len(), swept.sessions_deleted), (1, 0));
    scene.pass_and_keep(KEEP + HOUR, &[a]).await;
    assert_eq!(scene.sweep(KEEP).await.unwrap().sessions_deleted, 1);
    assert!(scene.session(&expiring.session).await.unwrap().is_none());
}

pub async fn a_dead_node_s_session_waits_for_a_peer(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    scene.write_journal(&held, &[set("a", "1")]).await.unwrap();
    scene.pass_and_keep(IDLE - HOUR, &[b]).await;
    let swept = scene.sweep(Duration::ZERO).await.unwrap();
    assert_eq!(swept, Swept::default());
    scene.take(&held.session, held.epoch, b).await;
    assert_eq!(scene.journal(&held.session).await.unwrap(), [set("a", "1")]);
}

pub async fn a_gone_node_without_sessions_is_deleted(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let c = scene.node("c").await;
    scene.set_node_state(a, NodeState::Gone).await.unwrap();
    scene.pass_and_keep(LEASE + HOUR, &[c]).await;
    assert_eq!(scene.sweep(KEEP).await.unwrap().nodes_deleted, 2);
    let left: Vec<_> = scene.nodes().await.unwrap().into_iter().map(|node| node.incarnation).collect();
    assert_eq!(left, [c], "{b} is gone as well");
}

pub async fn a_gone_node_with_a_session_is_kept(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let (held, ended) = (scene.held_by(a).await, scene.held_by(a).await);
    scene.close(&ended, "by request").await.unwrap();
    scene.set_node_state(a, NodeState::Gone).await.unwrap();
    assert_eq!(scene.sweep(KEEP).await.unwrap().nodes_deleted, 0);
    scene.take(&held.session, held.epoch, b).await;
    // The tombstone still names it.
    assert_eq!(scene.sweep(KEEP).await.unwrap().nodes_deleted, 0);
    scene.pass_and_keep(KEEP + HOUR, &[b]).await;
    let swept = scene.sweep(KEEP).await.unwrap();
    assert_eq!((swept.sessions_deleted, swept.nodes_deleted), (1, 1));
}

pub async fn a_sweep_marks_nodes_whose_lease_is_over(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    scene.held_by(a).await;
    scene.pass_and_keep(LEASE + HOUR, &[b]).await;
    scene.sweep(KEEP).await.unwrap();
    let states: Vec<_> = scene.nodes().await.unwrap().into_iter().map(|node| (node.name, node.state)).collect();
    assert_eq!(states, [("a".to_owned(), NodeState::Gone), ("b".to_owned(), NodeState::Live)]);
}

pub async fn a_deleted_node_can_not_renew(scene: Scene) {
    let a = scene.node("a").await;
    scene.pass(LEASE + HOUR).await;
    assert_eq!(scene.sweep(KEEP).await.unwrap().nodes_deleted, 1);
    assert_eq!(scene.renew(a, LEASE).await, Err(StoreError::NodeGone));
}

pub async fn an_id_is_free_again_when_its_tombstone_is_gone(scene: Scene) {
    let a = scene.node("a").await;
    let new = new_session();
    scene.create_session(&new, a).await.unwrap();
    scene.pass_and_keep(IDLE + HOUR, &[a]).await;
    scene.sweep(KEEP).await.unwrap();
    let taken = scene.create_session(&new, a).await.err();
    assert_eq!(taken, Some(StoreError::SessionExists { session: new.id.clone() }));
    scene.pass_and_keep(KEEP + HOUR, &[a]).await;
    scene.sweep(KEEP).await.unwrap();
    scene.create_session(&new, a).await.unwrap();
}
