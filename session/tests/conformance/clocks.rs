//! Every moment is the store's: no node's clock is asked, and a limit is reached at its very end.

use session::{Claim, Epoch, StoreError};

use crate::scene::{IDLE, LEASE, MAX_AGE, new_session};
use crate::{HOUR, Scene};

pub async fn time_passes_for_every_rule_at_once(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    let other = scene.held_by(a).await;
    scene.pass_and_keep(LEASE + HOUR, &[b]).await;
    // The machine's clock has not moved; the store's has, and that decides.
    let (node, session) = (scene.find(a).await, scene.read(&held.session).await);
    assert!(node.lease_left.is_zero() && session.owner_lease_over && session.claimable());
    scene.take(&held.session, held.epoch, b).await;
    scene.pass_and_keep(IDLE, &[b]).await;
    assert!(scene.read(&other.session).await.expired && scene.read(&held.session).await.expired);
}

pub async fn a_lease_is_over_at_its_very_end(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.pass(LEASE).await;
    assert!(scene.read(&held.session).await.owner_lease_over);
    assert_eq!(scene.renew(a, LEASE).await, Err(StoreError::NodeGone));
    assert_eq!(scene.create_session(&new_session(), a).await.err(), Some(StoreError::NodeGone));
}

pub async fn a_session_expires_at_the_very_end_of_its_time(scene: Scene) {
    let a = scene.node("a").await;
    let idle = scene.held_by(a).await;
    let mut old = new_session();
    (old.idle_timeout, old.max_age) = (MAX_AGE, IDLE);
    scene.create_session(&old, a).await.unwrap();
    scene.pass_and_keep(IDLE, &[a]).await;
    for id in [&idle.session, &old.id] {
        assert!(scene.read(id).await.expired);
    }
    assert_eq!(scene.sweep(HOUR).await.unwrap().expired.len(), 2);
}

pub async fn a_lease_of_no_length_is_over_at_once(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    scene.renew(a, std::time::Duration::ZERO).await.unwrap();
    let claim = scene.claim(&held.session, Epoch::FIRST, b).await.unwrap();
    assert!(matches!(claim, Claim::Claimed(_)), "{claim:?}");
}

pub async fn a_lease_without_end_can_be_given(scene: Scene) {
    let a = scene.node("a").await;
    scene.renew(a, std::time::Duration::MAX).await.unwrap();
    scene.pass(MAX_AGE * 100).await;
    assert!(scene.find(a).await.lease_left > MAX_AGE);
    scene.held_by(a).await;
}
