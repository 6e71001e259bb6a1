//! How sessions end: released, closed, expired.

use session::{FenceLoss, SessionState, StoreError};

use crate::scene::{IDLE, KEEP, MAX_AGE, new_session, prepared, set};
use crate::{HOUR, Scene};

pub async fn a_released_session_has_no_owner_and_keeps_its_epoch(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    scene.release(&held).await.unwrap();
    let record = scene.read(&held.session).await;
    assert_eq!((record.state, record.owner, record.epoch), (SessionState::Released, None, held.epoch));
    assert!(!record.owner_lease_over && !record.expired && record.close_reason.is_none());
}

pub async fn a_closed_session_says_why(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.close(&held, "by request of ada").await.unwrap();
    let record = scene.read(&held.session).await;
    assert_eq!((record.state, record.close_reason.as_deref()), (SessionState::Closed, Some("by request of ada")));
    assert_eq!((record.owner, record.epoch, record.expired), (Some(a), held.epoch, false));
}

pub async fn a_closed_session_has_nothing_to_replay(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    scene.write_journal(&held, &[set("a", "1")]).await.unwrap();
    scene.put_prepared(&held, &prepared(b"h", "SELECT 1")).await.unwrap();
    scene.close(&held, "by request").await.unwrap();
    assert!(scene.journal(&held.session).await.unwrap().is_empty());
    assert!(scene.prepared(&held.session, b"h").await.unwrap().is_none());
}

pub async fn a_session_is_closed_once(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    let (one, two) = tokio::join!(scene.close(&held, "one"), scene.close(&held, "two"));
    let refused = Err(StoreError::Fenced { session: held.session.clone(), loss: FenceLoss::NotActive });
    let winner = match (one, two) {
        (Ok(()), second) if second == refused => "one",
        (first, Ok(())) if first == refused => "two",
        both => panic!("not exactly one close succeeded: {both:?}"),
    };
    assert_eq!(scene.read(&held.session).await.close_reason.as_deref(), Some(winner));
}

pub async fn an_idle_session_reads_as_expired_before_any_sweep(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.pass_and_keep(IDLE - HOUR, &[a]).await;
    assert!(!scene.read(&held.session).await.expired);
    scene.pass_and_keep(HOUR * 2, &[a]).await;
    let record = scene.read(&held.session).await;
    assert!(record.expired);
    assert_eq!((record.state, record.owner), (SessionState::Active, Some(a)));
}

pub async fn an_old_session_reads_as_expired_before_any_sweep(scene: Scene) {
    let a = scene.node("a").await;
    let mut new = new_session();
    new.idle_timeout = MAX_AGE * 2;
    scene.create_session(&new, a).await.unwrap();
    scene.pass_and_keep(MAX_AGE - HOUR, &[a]).await;
    assert!(!scene.read(&new.id).await.expired);
    scene.pass_and_keep(HOUR * 2, &[a]).await;
    assert!(scene.read(&new.id).await.expired);
}

pub async fn a_released_session_expires_too(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.release(&held).await.unwrap();
    scene.pass_and_keep(IDLE + HOUR, &[a]).await;
    let record = scene.read(&held.session).await;
    assert!(record.expired && !record.claimable());
}

pub async fn an_expired_session_stays_expired_for_its_owner(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.pass_and_keep(IDLE + HOUR, &[a]).await;
    scene.sweep(KEEP).await.unwrap();
    let record = scene.read(&held.session).await;
    assert_eq!((record.state, record.owner, record.epoch), (SessionState::Expired, Some(a), held.epoch));
    assert!(record.expired && !record.claimable());
}
