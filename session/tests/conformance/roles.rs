//! What nodes are for: a front never owns a session.

use session::{Claim, NodeRole, NodeState, SessionState, StoreError};
use uuid::Uuid;

use crate::scene::{LEASE, new_session, registration};
use crate::{HOUR, Scene};

pub async fn a_node_is_what_it_registered_as(scene: Scene) {
    for role in [NodeRole::Both, NodeRole::Engine, NodeRole::Front] {
        let node = scene.node_as("a", role).await;
        assert_eq!(scene.find(node).await.role, role);
        assert_eq!(role.to_string().parse(), Ok(role));
    }
    assert!("Front".parse::<NodeRole>().is_err());
}

pub async fn a_front_creates_no_session(scene: Scene) {
    let front = scene.node_as("f", NodeRole::Front).await;
    assert_eq!(scene.create_session(&new_session(), front).await.err(), Some(StoreError::NodeIsFront));
    assert!(scene.sessions().await.unwrap().is_empty());
}

pub async fn a_front_claims_nothing(scene: Scene) {
    let (a, front) = (scene.node("a").await, scene.node_as("f", NodeRole::Front).await);
    let held = scene.held_by(a).await;
    scene.release(&held).await.unwrap();
    assert_eq!(scene.claim(&held.session, held.epoch, front).await.err(), Some(StoreError::NodeIsFront));
    assert_eq!(scene.read(&held.session).await.state, SessionState::Released);
    scene.take(&held.session, held.epoch, a).await;
}

pub async fn an_engine_owns_sessions(scene: Scene) {
    let (a, engine) = (scene.node("a").await, scene.node_as("e", NodeRole::Engine).await);
    scene.held_by(engine).await;
    let held = scene.held_by(a).await;
    scene.release(&held).await.unwrap();
    let claim = scene.claim(&held.session, held.epoch, engine).await.unwrap();
    assert!(matches!(claim, Claim::Claimed(_)), "{claim:?}");
}

pub async fn a_front_keeps_its_lease_like_any_node(scene: Scene) {
    let front = scene.node_as("f", NodeRole::Front).await;
    scene.pass(LEASE - HOUR).await;
    scene.renew(front, LEASE).await.unwrap();
    scene.pass(LEASE - HOUR).await;
    assert!(!scene.find(front).await.lease_left.is_zero());
    scene.pass(HOUR * 2).await;
    assert_eq!(scene.renew(front, LEASE).await, Err(StoreError::NodeGone));
}

pub async fn a_node_that_registers_again_may_have_another_role(scene: Scene) {
    let mut node = registration("a", Uuid::new_v4());
    scene.register_node(&node).await.unwrap();
    node.role = NodeRole::Front;
    scene.register_node(&node).await.unwrap();
    assert_eq!(scene.find(node.incarnation).await.role, NodeRole::Front);
    assert_eq!(scene.create_session(&new_session(), node.incarnation).await.err(), Some(StoreError::NodeIsFront));
}

pub async fn a_front_whose_lease_is_over_is_told_that_first(scene: Scene) {
    let front = scene.node_as("f", NodeRole::Front).await;
    scene.pass(LEASE + HOUR).await;
    assert_eq!(scene.create_session(&new_session(), front).await.err(), Some(StoreError::NodeGone));
}

pub async fn a_draining_front_is_still_a_front(scene: Scene) {
    let front = scene.node_as("f", NodeRole::Front).await;
    scene.set_node_state(front, NodeState::Draining).await.unwrap();
    assert_eq!(scene.create_session(&new_session(), front).await.err(), Some(StoreError::NodeIsFront));
}
