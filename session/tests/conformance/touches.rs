//! Use of sessions, and how it keeps them.

use std::time::Duration;

use session::{NodeState, SessionId};

use crate::scene::{IDLE, KEEP, LEASE, MAX_AGE};
use crate::{HOUR, Scene};

pub async fn a_touch_slides_the_idle_expiry(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    for _ in 0..3 {
        scene.pass_and_keep(IDLE - HOUR, &[a]).await;
        scene.touch(std::slice::from_ref(&held.session), a).await.unwrap();
        let record = scene.read(&held.session).await;
        assert!(!record.expired);
        assert!(record.idle_expires_at.duration_since(record.last_used_at).unwrap().abs_diff(IDLE) < HOUR);
    }
    assert!(scene.sweep(KEEP).await.unwrap().expired.is_empty());
}

pub async fn a_touch_does_not_move_the_absolute_expiry(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.pass_and_keep(HOUR * 3, &[a]).await;
    scene.touch(std::slice::from_ref(&held.session), a).await.unwrap();
    let record = scene.read(&held.session).await;
    assert!(record.absolute_expires_at.duration_since(record.created_at).unwrap().abs_diff(MAX_AGE) < HOUR);
    assert!(record.last_used_at.duration_since(record.created_at).unwrap() >= HOUR * 2);
}

pub async fn a_session_in_use_expires_at_its_greatest_age(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    let mut age = Duration::ZERO;
    while age < MAX_AGE + HOUR {
        assert_eq!(scene.read(&held.session).await.expired, age >= MAX_AGE);
        scene.touch(std::slice::from_ref(&held.session), a).await.unwrap();
        scene.pass_and_keep(IDLE / 2 + HOUR, &[a]).await;
        age += IDLE / 2 + HOUR;
    }
    assert!(scene.read(&held.session).await.expired);
}

pub async fn a_touch_of_another_node_changes_nothing(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    scene.pass_and_keep(HOUR * 3, &[a, b]).await;
    scene.touch(std::slice::from_ref(&held.session), b).await.unwrap();
    let record = scene.read(&held.session).await;
    assert_eq!(record.last_used_at, record.created_at);
}

pub async fn a_touch_does_not_revive_what_expired(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.pass_and_keep(IDLE + HOUR, &[a]).await;
    scene.touch(std::slice::from_ref(&held.session), a).await.unwrap();
    assert!(scene.read(&held.session).await.expired);
    scene.sweep(KEEP).await.unwrap();
    scene.touch(std::slice::from_ref(&held.session), a).await.unwrap();
    assert!(scene.read(&held.session).await.expired);
}

pub async fn a_touch_by_a_zombie_changes_nothing(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.pass(LEASE + HOUR).await;
    scene.touch(std::slice::from_ref(&held.session), a).await.unwrap();
    let record = scene.read(&held.session).await;
    assert_eq!(record.last_used_at, record.created_at);
}

pub async fn a_touch_passes_over_what_it_can_not_touch(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let (mine, other) = (scene.held_by(a).await, scene.held_by(b).await);
    let (released, closed) = (scene.held_by(a).await, scene.held_by(a).await);
    scene.release(&released).await.unwrap();
    scene.close(&closed, "by request").await.unwrap();
    scene.pass_and_keep(HOUR * 3, &[a, b]).await;
    scene.set_node_state(a, NodeState::Draining).await.unwrap();
    let unknown = SessionId::from_bytes([7; 16]);
    let all = [&other, &released, &closed, &mine].map(|fence| fence.session.clone());
    scene.touch(&[&all[..], &[unknown]].concat(), a).await.unwrap();
    for fence in [other, released, closed] {
        let record = scene.read(&fence.session).await;
        assert_eq!(record.last_used_at, record.created_at, "{record:?}");
    }
    let record = scene.read(&mine.session).await;
    assert!(record.last_used_at > record.created_at);
}

pub async fn a_touch_of_nothing_is_no_error(scene: Scene) {
    let a = scene.node("a").await;
    scene.touch(&[], a).await.unwrap();
}

pub async fn a_touch_of_many_sessions_reaches_each(scene: Scene) {
    let a = scene.node("a").await;
    let mut ids = Vec::new();
    for _ in 0..200 {
        ids.push(scene.held_by(a).await.session);
    }
    scene.pass_and_keep(HOUR * 3, &[a]).await;
    scene.touch(&ids, a).await.unwrap();
    for record in scene.sessions().await.unwrap() {
        assert!(record.last_used_at.duration_since(record.created_at).unwrap() >= HOUR * 2, "{record:?}");
    }
}
