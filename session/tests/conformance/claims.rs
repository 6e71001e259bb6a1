//! Claims: who may take a session over, and when.

use std::time::Duration;

use session::{Claim, Epoch, Incarnation, NodeState, SessionId, SessionRecord, SessionState, StoreError};
use uuid::Uuid;

use crate::scene::{IDLE, KEEP, LEASE, options, prepared, set};
use crate::{HOUR, Scene};

async fn lost(scene: &Scene, id: &SessionId, expected: Epoch, me: Incarnation) -> Option<SessionRecord> {
    match scene.claim(id, expected, me).await.unwrap() {
        Claim::Lost(current) => current,
        Claim::Claimed(record) => panic!("the claim succeeded: {record:?}"),
    }
}

pub async fn a_session_of_a_living_owner_can_not_be_claimed(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    let current = lost(&scene, &held.session, held.epoch, b).await.unwrap();
    assert_eq!((current.owner, current.epoch), (Some(a), held.epoch));
}

pub async fn a_session_is_claimed_when_its_owner_lease_is_over(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    scene.pass_and_keep(LEASE + HOUR, &[b]).await;
    let before = scene.read(&held.session).await;
    assert!(before.owner_lease_over && before.claimable() && before.state == SessionState::Active);
    let taken = scene.take(&held.session, held.epoch, b).await;
    assert_eq!(taken.epoch, Epoch(2));
    let after = scene.read(&held.session).await;
    assert_eq!((after.owner, after.epoch, after.state), (Some(b), Epoch(2), SessionState::Active));
    assert!(!after.owner_lease_over && !after.claimable());
}

pub async fn a_released_session_is_claimed_at_once(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    scene.release(&held).await.unwrap();
    assert!(scene.read(&held.session).await.claimable());
    assert_eq!(scene.take(&held.session, held.epoch, b).await.epoch, Epoch(2));
    assert_eq!(scene.read(&held.session).await.state, SessionState::Active);
}

pub async fn a_claim_under_a_stale_epoch_is_lost(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    scene.release(&held).await.unwrap();
    let taken = scene.take(&held.session, held.epoch, b).await;
    scene.release(&taken).await.unwrap();
    let current = lost(&scene, &held.session, held.epoch, a).await.unwrap();
    assert_eq!((current.state, current.epoch), (SessionState::Released, taken.epoch));
}

pub async fn a_claim_under_a_later_epoch_is_lost(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.release(&held).await.unwrap();
    assert_eq!(lost(&scene, &held.session, Epoch(2), a).await.unwrap().epoch, Epoch(1));
}

pub async fn a_claim_of_an_unknown_session_is_lost(scene: Scene) {
    let a = scene.node("a").await;
    assert!(lost(&scene, &SessionId::from_bytes([7; 16]), Epoch::FIRST, a).await.is_none());
}

pub async fn a_claim_of_a_closed_session_is_lost(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    scene.close(&held, "by request").await.unwrap();
    scene.pass_and_keep(LEASE + HOUR, &[b]).await;
    assert!(!scene.read(&held.session).await.claimable());
    assert_eq!(lost(&scene, &held.session, held.epoch, b).await.unwrap().state, SessionState::Closed);
}

pub async fn a_claim_of_a_session_that_expired_is_lost(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    let released = scene.held_by(a).await;
    scene.release(&released).await.unwrap();
    scene.pass_and_keep(IDLE + HOUR, &[b]).await;
    for id in [held.session, released.session] {
        let current = lost(&scene, &id, Epoch::FIRST, b).await.unwrap();
        assert!(current.expired && !current.claimable() && current.epoch == Epoch::FIRST);
    }
}

pub async fn a_claim_of_a_swept_session_is_lost(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    scene.pass_and_keep(IDLE + HOUR, &[b]).await;
    scene.sweep(KEEP).await.unwrap();
    assert_eq!(lost(&scene, &held.session, held.epoch, b).await.unwrap().state, SessionState::Expired);
}

pub async fn a_node_whose_lease_is_over_claims_nothing(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    scene.release(&held).await.unwrap();
    scene.pass(LEASE + HOUR).await;
    for me in [a, b, Incarnation::random()] {
        assert_eq!(scene.claim(&held.session, held.epoch, me).await.err(), Some(StoreError::NodeGone));
    }
    assert_eq!(scene.read(&held.session).await.state, SessionState::Released);
}

pub async fn a_draining_node_claims_nothing(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    scene.release(&held).await.unwrap();
    scene.set_node_state(b, NodeState::Draining).await.unwrap();
    assert_eq!(scene.claim(&held.session, held.epoch, b).await.err(), Some(StoreError::NodeDraining));
    scene.take(&held.session, held.epoch, a).await;
}

pub async fn an_owner_that_claims_its_own_session_is_told_that_it_has_it(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    scene.release(&held).await.unwrap();
    scene.take(&held.session, held.epoch, b).await;
    // As after a claim whose answer was lost.
    let current = lost(&scene, &held.session, held.epoch, b).await.unwrap();
    assert_eq!((current.owner, current.epoch), (Some(b), Epoch(2)));
}

pub async fn a_draining_owner_is_not_robbed(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    scene.set_node_state(a, NodeState::Draining).await.unwrap();
    assert!(!scene.read(&held.session).await.owner_lease_over);
    assert_eq!(lost(&scene, &held.session, held.epoch, b).await.unwrap().owner, Some(a));
}

pub async fn a_restart_with_the_same_home_claims_at_once(scene: Scene) {
    let home = Uuid::new_v4();
    let first = scene.node_at("a", home).await;
    let held = scene.held_by(first).await;
    let second = scene.node_at("a", home).await;
    assert!(scene.read(&held.session).await.owner_lease_over);
    let taken = scene.take(&held.session, held.epoch, second).await;
    assert_eq!((taken.epoch, scene.read(&held.session).await.owner), (Epoch(2), Some(second)));
}

pub async fn another_home_waits_for_the_lease(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    let b = scene.node("a").await;
    lost(&scene, &held.session, held.epoch, b).await;
    scene.pass(LEASE - HOUR).await;
    scene.renew(b, LEASE).await.unwrap();
    lost(&scene, &held.session, held.epoch, b).await;
    scene.pass(HOUR * 2).await;
    scene.take(&held.session, held.epoch, b).await;
}

pub async fn a_node_that_ended_leaves_its_sessions_to_be_claimed(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    scene.set_node_state(a, NodeState::Gone).await.unwrap();
    scene.take(&held.session, held.epoch, b).await;
}

pub async fn one_of_two_concurrent_claimants_wins(scene: Scene) {
    let (a, b, c) = (scene.node("a").await, scene.node("b").await, scene.node("c").await);
    let held = scene.held_by(a).await;
    scene.release(&held).await.unwrap();
    let (one, two) = tokio::join!(scene.claim(&held.session, held.epoch, b), scene.claim(&held.session, held.epoch, c));
    let (winner, seen_by_loser) = match (one.unwrap(), two.unwrap()) {
        (Claim::Claimed(won), Claim::Lost(current)) | (Claim::Lost(current), Claim::Claimed(won)) => (won, current),
        both => panic!("not exactly one claim succeeded: {both:?}"),
    };
    assert_eq!(seen_by_loser.unwrap().owner, winner.owner);
    assert_eq!(scene.read(&held.session).await.owner, winner.owner);
}

pub async fn one_of_many_concurrent_claimants_wins_each_round(scene: Scene) {
    let mut nodes = Vec::new();
    for n in 0..8 {
        nodes.push(scene.node(&format!("n{n}")).await);
    }
    let mut held = scene.held_by(nodes[0]).await;
    for round in 0..10 {
        scene.release(&held).await.unwrap();
        let claims: Vec<_> = nodes
            .iter()
            .map(|&me| {
                let (store, id, epoch) = (scene.clone(), held.session.clone(), held.epoch);
                tokio::spawn(async move { (me, store.claim(&id, epoch, me).await.unwrap()) })
            })
            .collect();
        let mut winners = Vec::new();
        for claim in claims {
            if let (me, Claim::Claimed(record)) = claim.await.unwrap() {
                winners.push((me, record.epoch));
            }
        }
        assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
        assert_eq!(winners[0].1, Epoch(held.epoch.0 + 1));
        (held.incarnation, held.epoch) = winners[0];
    }
}

pub async fn a_claim_keeps_everything_else_of_the_session(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    scene.set_options(&held, &options(&[("schema", "main")])).await.unwrap();
    scene.write_journal(&held, &[set("s", "SET x = 1")]).await.unwrap();
    scene.put_prepared(&held, &prepared(b"h", "SELECT 1")).await.unwrap();
    let before = scene.read(&held.session).await;
    scene.pass_and_keep(LEASE + HOUR, &[b]).await;
    scene.take(&held.session, held.epoch, b).await;
    let after = scene.read(&held.session).await;
    assert_eq!((&after.principal, &after.engine, &after.options), (&before.principal, &before.engine, &before.options));
    assert!(after.token_hash.matches(&before.token_hash));
    assert_eq!(after.last_used_at.duration_since(after.created_at).unwrap(), Duration::ZERO);
    assert_eq!(scene.journal(&held.session).await.unwrap(), [set("s", "SET x = 1")]);
    assert!(scene.prepared(&held.session, b"h").await.unwrap().is_some());
}

pub async fn a_released_session_can_be_claimed_by_the_node_that_released_it(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.release(&held).await.unwrap();
    let again = scene.take(&held.session, held.epoch, a).await;
    assert_eq!(again.epoch, Epoch(2));
    scene.set_options(&again, &options(&[])).await.unwrap();
}
