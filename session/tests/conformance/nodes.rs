//! Nodes and their leases.

use std::time::Duration;

use session::{Incarnation, NodeState, StoreError};
use uuid::Uuid;

use crate::scene::{LEASE, registration};
use crate::{HOUR, Scene};

pub async fn a_registered_node_is_live_with_its_lease(scene: Scene) {
    let node = registration("a", Uuid::new_v4());
    scene.register_node(&node).await.unwrap();
    let record = scene.find(node.incarnation).await;
    assert_eq!(record.state, NodeState::Live);
    assert!(record.lease_left > LEASE - HOUR && record.lease_left <= LEASE, "{record:?}");
    assert!(record.lease_until > record.registered_at);
    assert_eq!((record.home, record.name.as_str()), (node.home, "a"));
    assert_eq!((record.advertised_uri, record.peer_uri), (node.advertised_uri, node.peer_uri));
    assert_eq!(record.version, "0.1.0");
}

pub async fn a_node_that_registers_again_is_refreshed(scene: Scene) {
    let mut node = registration("a", Uuid::new_v4());
    scene.register_node(&node).await.unwrap();
    scene.pass(LEASE - HOUR).await;
    node.advertised_uri = "grpc://elsewhere:1".to_owned();
    node.peer_uri = None;
    scene.register_node(&node).await.unwrap();
    let nodes = scene.nodes().await.unwrap();
    assert_eq!(nodes.len(), 1);
    assert_eq!((nodes[0].advertised_uri.as_str(), &nodes[0].peer_uri), ("grpc://elsewhere:1", &None));
    assert!(nodes[0].lease_left > LEASE - HOUR);
}

pub async fn a_renewed_lease_runs_from_the_moment_of_renewal(scene: Scene) {
    let node = scene.node("a").await;
    scene.pass(LEASE - HOUR).await;
    scene.renew(node, LEASE * 3).await.unwrap();
    let left = scene.find(node).await.lease_left;
    assert!(left > LEASE * 3 - HOUR && left <= LEASE * 3, "{left:?}");
    scene.pass(LEASE * 2).await;
    scene.renew(node, LEASE).await.unwrap();
}

pub async fn a_lease_that_ran_out_is_not_renewed(scene: Scene) {
    let node = scene.node("a").await;
    scene.pass(LEASE + HOUR).await;
    assert_eq!(scene.renew(node, LEASE).await, Err(StoreError::NodeGone));
    assert_eq!(scene.find(node).await.lease_left, Duration::ZERO);
    assert_eq!(scene.renew(node, LEASE).await, Err(StoreError::NodeGone));
}

pub async fn a_lease_that_ran_out_is_not_registered_again(scene: Scene) {
    let node = registration("a", Uuid::new_v4());
    scene.register_node(&node).await.unwrap();
    scene.pass(LEASE + HOUR).await;
    assert_eq!(scene.register_node(&node).await, Err(StoreError::NodeGone));
    scene.node_at("a", node.home).await;
}

pub async fn an_unknown_node_is_gone(scene: Scene) {
    let nobody = Incarnation::random();
    assert_eq!(scene.renew(nobody, LEASE).await, Err(StoreError::NodeGone));
    assert_eq!(scene.set_node_state(nobody, NodeState::Draining).await, Err(StoreError::NodeGone));
    scene.set_node_state(nobody, NodeState::Gone).await.unwrap();
    assert!(scene.nodes().await.unwrap().is_empty());
}

pub async fn a_new_incarnation_of_a_home_retires_the_earlier_one(scene: Scene) {
    let home = Uuid::new_v4();
    let first = scene.node_at("a", home).await;
    let second = scene.node_at("a", home).await;
    let retired = scene.find(first).await;
    assert_eq!((retired.state, retired.lease_left), (NodeState::Gone, Duration::ZERO));
    let current = scene.find(second).await;
    assert_eq!(current.state, NodeState::Live);
    assert!(retired.lease_until + LEASE / 2 < current.lease_until, "{retired:?}");
}

pub async fn a_retired_incarnation_learns_it_at_its_renewal(scene: Scene) {
    let home = Uuid::new_v4();
    let first = scene.node_at("a", home).await;
    let second = scene.node_at("a", home).await;
    assert_eq!(scene.renew(first, LEASE).await, Err(StoreError::NodeGone));
    scene.renew(second, LEASE).await.unwrap();
}

pub async fn a_retired_incarnation_can_not_register_again(scene: Scene) {
    let first = registration("a", Uuid::new_v4());
    scene.register_node(&first).await.unwrap();
    let second = scene.node_at("a", first.home).await;
    assert_eq!(scene.register_node(&first).await, Err(StoreError::NodeGone));
    // The refused registration retired nobody either.
    scene.renew(second, LEASE).await.unwrap();
}

pub async fn another_home_retires_nobody(scene: Scene) {
    let first = scene.node("a").await;
    scene.node("a").await;
    scene.renew(first, LEASE).await.unwrap();
}

pub async fn a_draining_node_keeps_its_lease(scene: Scene) {
    let node = scene.node("a").await;
    scene.set_node_state(node, NodeState::Draining).await.unwrap();
    scene.pass(LEASE - HOUR).await;
    scene.renew(node, LEASE).await.unwrap();
    let record = scene.find(node).await;
    assert_eq!(record.state, NodeState::Draining);
    assert!(record.lease_left > LEASE - HOUR);
}

pub async fn a_draining_node_can_take_sessions_again(scene: Scene) {
    let node = scene.node("a").await;
    scene.set_node_state(node, NodeState::Draining).await.unwrap();
    scene.set_node_state(node, NodeState::Live).await.unwrap();
    scene.held_by(node).await;
}

pub async fn a_node_that_says_it_is_gone_has_no_lease_left(scene: Scene) {
    let node = scene.node("a").await;
    scene.set_node_state(node, NodeState::Gone).await.unwrap();
    let record = scene.find(node).await;
    assert_eq!((record.state, record.lease_left), (NodeState::Gone, Duration::ZERO));
    assert_eq!(scene.renew(node, LEASE).await, Err(StoreError::NodeGone));
}

pub async fn a_gone_node_can_not_become_live(scene: Scene) {
    let node = scene.node("a").await;
    scene.set_node_state(node, NodeState::Gone).await.unwrap();
    for state in [NodeState::Live, NodeState::Draining] {
        assert_eq!(scene.set_node_state(node, state).await, Err(StoreError::NodeGone));
    }
    assert_eq!(scene.find(node).await.state, NodeState::Gone);
}

pub async fn saying_twice_that_a_node_is_gone_is_no_error(scene: Scene) {
    let node = scene.node("a").await;
    scene.set_node_state(node, NodeState::Gone).await.unwrap();
    let until = scene.find(node).await.lease_until;
    scene.set_node_state(node, NodeState::Gone).await.unwrap();
    assert_eq!(scene.find(node).await.lease_until, until);
}

pub async fn nodes_are_listed_by_name(scene: Scene) {
    for name in ["c", "a", "b"] {
        scene.node(name).await;
    }
    let names: Vec<_> = scene.nodes().await.unwrap().into_iter().map(|node| node.name).collect();
    assert_eq!(names, ["a", "b", "c"]);
}
