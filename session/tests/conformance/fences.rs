//! Fenced writes: who may write, and that nobody else changes anything.

use session::{Epoch, Fence, FenceLoss, Incarnation, NodeState, SessionId};
use uuid::Uuid;

use crate::scene::{IDLE, KEEP, LEASE, options, prepared, set};
use crate::{HOUR, Scene};

pub async fn a_stale_epoch_is_rejected_on_every_write(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.release(&held).await.unwrap();
    scene.take(&held.session, held.epoch, a).await;
    scene.expect_fenced(&held, FenceLoss::Claimed).await;
    for epoch in [0, 3, i64::MIN, i64::MAX] {
        scene.expect_fenced(&Fence { epoch: Epoch(epoch), ..held.clone() }, FenceLoss::Claimed).await;
    }
}

pub async fn another_incarnation_is_rejected_on_every_write(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    for incarnation in [b, Incarnation::random()] {
        scene.expect_fenced(&Fence { incarnation, ..held.clone() }, FenceLoss::Claimed).await;
    }
}

pub async fn an_owner_that_lost_its_session_is_rejected_on_every_write(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    scene.pass_and_keep(LEASE + HOUR, &[b]).await;
    let taken = scene.take(&held.session, held.epoch, b).await;
    scene.expect_fenced(&held, FenceLoss::Claimed).await;
    scene.expect_fenced(&Fence { epoch: taken.epoch, ..held }, FenceLoss::Claimed).await;
    scene.set_options(&taken, &options(&[("a", "1")])).await.unwrap();
}

pub async fn a_zombie_is_rejected_on_every_write_before_anyone_claims(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.pass(LEASE + HOUR).await;
    scene.expect_fenced(&held, FenceLoss::LeaseOver).await;
}

pub async fn a_retired_incarnation_is_rejected_on_every_write(scene: Scene) {
    let home = Uuid::new_v4();
    let first = scene.node_at("a", home).await;
    let held = scene.held_by(first).await;
    scene.node_at("a", home).await;
    scene.expect_fenced(&held, FenceLoss::LeaseOver).await;
}

pub async fn a_released_session_is_written_by_nobody(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.release(&held).await.unwrap();
    scene.expect_fenced(&held, FenceLoss::NotActive).await;
}

pub async fn a_closed_session_is_written_by_nobody(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.close(&held, "by request").await.unwrap();
    scene.expect_fenced(&held, FenceLoss::NotActive).await;
    assert_eq!(scene.read(&held.session).await.close_reason.as_deref(), Some("by request"));
}

pub async fn an_expired_session_is_written_by_nobody(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.pass_and_keep(IDLE + HOUR, &[a]).await;
    scene.sweep(KEEP).await.unwrap();
    scene.expect_fenced(&held, FenceLoss::NotActive).await;
}

pub async fn an_unknown_session_is_written_by_nobody(scene: Scene) {
    let incarnation = scene.node("a").await;
    let nothing = Fence { session: SessionId::from_bytes([7; 16]), incarnation, epoch: Epoch::FIRST };
    scene.expect_fenced(&nothing, FenceLoss::Unknown).await;
}

pub async fn a_draining_owner_still_writes(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    scene.set_node_state(a, NodeState::Draining).await.unwrap();
    scene.set_options(&held, &options(&[("a", "1")])).await.unwrap();
    scene.write_journal(&held, &[set("k", "v")]).await.unwrap();
    scene.put_prepared(&held, &prepared(b"h", "SELECT 1")).await.unwrap();
    scene.delete_prepared(&held, b"h").await.unwrap();
    scene.release(&held).await.unwrap();
}

pub async fn a_rejected_write_changes_nothing(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    scene.release(&held).await.unwrap();
    let taken = scene.take(&held.session, held.epoch, b).await;
    scene.set_options(&taken, &options(&[("a", "true")])).await.unwrap();
    scene.write_journal(&taken, &[set("a", "true")]).await.unwrap();
    for handle in [b"a".as_slice(), b"kept"] {
        scene.put_prepared(&taken, &prepared(handle, "true")).await.unwrap();
    }
    let before = format!("{:?}", scene.read(&held.session).await);
    scene.expect_fenced(&held, FenceLoss::Claimed).await;
    let after = scene.read(&held.session).await;
    assert_eq!(format!("{after:?}"), before);
    assert_eq!(after.options, options(&[("a", "true")]));
    assert_eq!(scene.journal(&held.session).await.unwrap(), [set("a", "true")]);
    for handle in [b"a".as_slice(), b"kept"] {
        let kept = scene.prepared(&held.session, handle).await.unwrap();
        assert_eq!(kept, Some(prepared(handle, "true")));
    }
}

pub async fn options_are_replaced_as_a_whole(scene: Scene) {
    let a = scene.node("a").await;
    let held = scene.held_by(a).await;
    let strange = options(&[("a", "1"), ("é\u{0}\"", "\\\u{1F980}")]);
    scene.set_options(&held, &strange).await.unwrap();
    assert_eq!(scene.read(&held.session).await.options, strange);
    scene.set_options(&held, &options(&[("b", "2")])).await.unwrap();
    assert_eq!(scene.read(&held.session).await.options, options(&[("b", "2")]));
    scene.set_options(&held, &options(&[])).await.unwrap();
    assert!(scene.read(&held.session).await.options.is_empty());
}
