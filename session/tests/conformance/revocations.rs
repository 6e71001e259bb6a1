//! Operators end sessions, whoever holds them, and owners are told until they acknowledge it.

use session::{Claim, EndedSession, FenceLoss, Incarnation, SessionId, SessionRecord, SessionState, StoreError};

use crate::scene::{IDLE, KEEP, LEASE, prepared, set};
use crate::{HOUR, Scene};

async fn end(scene: &Scene, id: &SessionId) -> SessionRecord {
    match scene.end_session(id, "by an operator").await.unwrap() {
        EndedSession::Ended(before) => before,
        other => panic!("the session was not ended: {other:?}"),
    }
}

async fn told(scene: &Scene, node: Incarnation) -> Vec<SessionId> {
    scene.renew(node, LEASE).await.unwrap().revoked
}

pub async fn an_operator_ends_an_active_session(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    let before = scene.read(&held.session).await;
    assert_eq!(format!("{:?}", end(&scene, &held.session).await), format!("{before:?}"));
    let after = scene.read(&held.session).await;
    assert_eq!((after.state, after.close_reason.as_deref()), (SessionState::Closed, Some("by an operator")));
    assert_eq!((after.owner, after.epoch, after.expired), (Some(a), held.epoch, false));
}

pub async fn a_session_that_was_ended_has_nothing_to_replay(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    scene.write_journal(&held, &[set("a", "1")]).await.unwrap();
    scene.put_prepared(&held, &prepared(b"h", "SELECT 1")).await.unwrap();
    end(&scene, &held.session).await;
    assert!(scene.journal(&held.session).await.unwrap().is_empty());
    assert!(scene.prepared(&held.session, b"h").await.unwrap().is_none());
}

pub async fn the_owner_is_told_until_it_acknowledges(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let (held, other) = (scene.held_by(a).await, scene.held_by(a).await);
    assert!(told(&scene, a).await.is_empty());
    end(&scene, &held.session).await;
    for _ in 0..2 {
        assert_eq!(told(&scene, a).await, std::slice::from_ref(&held.session));
        assert!(told(&scene, b).await.is_empty());
    }
    scene.acknowledge_revoked(a, std::slice::from_ref(&held.session)).await.unwrap();
    assert!(told(&scene, a).await.is_empty());
    assert_eq!(scene.read(&other.session).await.state, SessionState::Active);
}

pub async fn the_owner_is_fenced_off_at_once(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    end(&scene, &held.session).await;
    scene.expect_fenced(&held, FenceLoss::NotActive).await;
    assert_eq!(scene.read(&held.session).await.close_reason.as_deref(), Some("by an operator"));
}

pub async fn a_released_session_is_ended_and_nobody_told(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.release(&held).await.unwrap();
    assert_eq!(end(&scene, &held.session).await.state, SessionState::Released);
    assert_eq!(scene.read(&held.session).await.state, SessionState::Closed);
    assert!(told(&scene, a).await.is_empty());
    assert!(!scene.revocation_pending(&held.session).await.unwrap());
}

pub async fn an_owner_that_is_not_alive_is_not_told(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    scene.pass_and_keep(LEASE + HOUR, &[b]).await;
    assert!(end(&scene, &held.session).await.owner_lease_over);
    assert!(!scene.revocation_pending(&held.session).await.unwrap());
    assert_eq!(scene.read(&held.session).await.state, SessionState::Closed);
}

pub async fn an_unknown_session_is_not_ended(scene: Scene) {
    let unknown = SessionId::from_bytes([7; 16]);
    assert!(matches!(scene.end_session(&unknown, "x").await.unwrap(), EndedSession::Unknown));
    assert!(!scene.revocation_pending(&unknown).await.unwrap());
}

pub async fn what_had_ended_is_left_as_it_is(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let (closed, ended, idle) = (scene.held_by(a).await, scene.held_by(b).await, scene.held_by(a).await);
    scene.close(&closed, "by its owner").await.unwrap();
    end(&scene, &ended.session).await;
    scene.acknowledge_revoked(b, std::slice::from_ref(&ended.session)).await.unwrap();
    scene.pass_and_keep(IDLE + HOUR, &[a, b]).await;
    // So that the two tombstones stay.
    scene.sweep(IDLE * 2).await.unwrap();
    for (fence, state, reason) in [
        (closed, SessionState::Closed, "by its owner"),
        (ended, SessionState::Closed, "by an operator"),
        (idle, SessionState::Expired, "idle for too long"),
    ] {
        let before = scene.read(&fence.session).await;
        assert_eq!((before.state, before.close_reason.as_deref()), (state, Some(reason)));
        match scene.end_session(&fence.session, "again").await.unwrap() {
            EndedSession::HadEnded(record) => assert_eq!(format!("{record:?}"), format!("{before:?}")),
            other => panic!("{other:?}"),
        }
        assert_eq!(format!("{:?}", scene.read(&fence.session).await), format!("{before:?}"));
    }
    assert!(told(&scene, a).await.is_empty() && told(&scene, b).await.is_empty());
}

pub async fn a_session_that_expired_unnoticed_can_be_ended(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.pass_and_keep(IDLE + HOUR, &[a]).await;
    assert!(end(&scene, &held.session).await.expired);
    assert_eq!(scene.read(&held.session).await.state, SessionState::Closed);
    assert_eq!(told(&scene, a).await, [held.session]);
    assert!(scene.sweep(KEEP).await.unwrap().expired.is_empty());
}

pub async fn a_revocation_is_pending_until_it_is_acknowledged(scene: Scene) {
    let a = scene.node("a").await;
    let (held, other) = (scene.held_by(a).await, scene.held_by(a).await);
    end(&scene, &held.session).await;
    assert!(scene.revocation_pending(&held.session).await.unwrap());
    assert!(!scene.revocation_pending(&other.session).await.unwrap());
    told(&scene, a).await;
    assert!(scene.revocation_pending(&held.session).await.unwrap());
    scene.acknowledge_revoked(a, std::slice::from_ref(&held.session)).await.unwrap();
    assert!(!scene.revocation_pending(&held.session).await.unwrap());
}

pub async fn nothing_is_pending_with_a_node_that_died(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let (late, retired) = (scene.held_by(a).await, scene.held_by(b).await);
    end(&scene, &late.session).await;
    end(&scene, &retired.session).await;
    scene.set_node_state(b, session::NodeState::Gone).await.unwrap();
    assert!(!scene.revocation_pending(&retired.session).await.unwrap());
    assert!(scene.revocation_pending(&late.session).await.unwrap());
    scene.pass(LEASE + HOUR).await;
    assert!(!scene.revocation_pending(&late.session).await.unwrap());
    scene.sweep(KEEP).await.unwrap();
    assert!(!scene.revocation_pending(&late.session).await.unwrap());
}

pub async fn only_the_owner_s_word_counts(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    end(&scene, &held.session).await;
    for stranger in [b, Incarnation::random()] {
        scene.acknowledge_revoked(stranger, std::slice::from_ref(&held.session)).await.unwrap();
    }
    assert_eq!(told(&scene, a).await, [held.session]);
}

pub async fn acknowledging_what_was_not_told_is_no_error(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.acknowledge_revoked(a, &[]).await.unwrap();
    scene.acknowledge_revoked(a, &[held.session.clone(), SessionId::from_bytes([7; 16])]).await.unwrap();
    assert_eq!(scene.read(&held.session).await.state, SessionState::Active);
    end(&scene, &held.session).await;
    assert_eq!(told(&scene, a).await, [held.session], "what was said before counts for nothing");
}

pub async fn many_revocations_are_told_by_id_and_acknowledged_in_part(scene: Scene) {
    let a = scene.node("a").await;
    let mut ids = Vec::new();
    for _ in 0..50 {
        let held = scene.held_by(a).await;
        end(&scene, &held.session).await;
        ids.push(held.session);
    }
    ids.sort();
    assert_eq!(told(&scene, a).await, ids);
    scene.acknowledge_revoked(a, &ids[..20]).await.unwrap();
    assert_eq!(told(&scene, a).await, ids[20..]);
}

pub async fn a_revocation_outlives_the_tombstone(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    end(&scene, &held.session).await;
    scene.pass_and_keep(KEEP + HOUR, &[a]).await;
    assert_eq!(scene.sweep(KEEP).await.unwrap().sessions_deleted, 1);
    assert!(scene.session(&held.session).await.unwrap().is_none());
    assert_eq!(told(&scene, a).await, [held.session]);
}

pub async fn a_claim_of_what_an_operator_ended_is_lost(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    end(&scene, &held.session).await;
    scene.pass_and_keep(LEASE + HOUR, &[b]).await;
    let claim = scene.claim(&held.session, held.epoch, b).await.unwrap();
    assert!(matches!(claim, Claim::Lost(Some(record)) if record.state == SessionState::Closed));
}

pub async fn one_of_many_concurrent_orders_ends_the_session(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    let orders: Vec<_> = (0..8)
        .map(|n| {
            let (store, id) = (scene.clone(), held.session.clone());
            tokio::spawn(async move { store.end_session(&id, &n.to_string()).await.unwrap() })
        })
        .collect();
    let mut ended = 0;
    for order in orders {
        match order.await.unwrap() {
            EndedSession::Ended(_) => ended += 1,
            EndedSession::HadEnded(record) => assert_eq!(record.state, SessionState::Closed),
            EndedSession::Unknown => panic!("the session is known"),
        }
    }
    assert_eq!(ended, 1);
    assert_eq!(told(&scene, a).await, [held.session]);
}

pub async fn an_order_and_a_claim_agree_on_the_owner(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    for _ in 0..20 {
        let held = scene.held_by(a).await;
        scene.release(&held).await.unwrap();
        let (claim, order) =
            tokio::join!(scene.claim(&held.session, held.epoch, b), scene.end_session(&held.session, "x"));
        let EndedSession::Ended(before) = order.unwrap() else { panic!("the session had not ended") };
        // Whoever has it when it is ended is told; nobody has it afterwards.
        let was_claimed = matches!(claim.unwrap(), Claim::Claimed(_));
        assert_eq!(before.owner, was_claimed.then_some(b));
        assert_eq!(scene.revocation_pending(&held.session).await.unwrap(), was_claimed);
        assert_eq!(scene.read(&held.session).await.state, SessionState::Closed);
    }
}

pub async fn an_order_and_a_close_end_the_session_once(scene: Scene) {
    let a = scene.node("a").await;
    for _ in 0..20 {
        let held = scene.held_by(a).await;
        let (close, order) =
            tokio::join!(scene.close(&held, "by its owner"), scene.end_session(&held.session, "by an operator"));
        let reason = match (close, order.unwrap()) {
            (Ok(()), EndedSession::HadEnded(_)) => "by its owner",
            (Err(StoreError::Fenced { loss: FenceLoss::NotActive, .. }), EndedSession::Ended(_)) => "by an operator",
            both => panic!("not exactly one ended it: {both:?}"),
        };
        assert_eq!(scene.read(&held.session).await.close_reason.as_deref(), Some(reason));
    }
}
