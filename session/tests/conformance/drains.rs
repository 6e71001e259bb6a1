//! Operators ask nodes to drain.

use session::{NodeState, Renewal, StoreError};
use uuid::Uuid;

use crate::scene::{LEASE, registration};
use crate::{HOUR, Scene};

async fn asked(scene: &Scene, node: session::Incarnation) -> bool {
    let told = scene.renew(node, LEASE).await.unwrap().drain_requested;
    assert_eq!(scene.find(node).await.drain_requested, told);
    told
}

pub async fn a_request_to_drain_is_told_at_the_next_renewal(scene: Scene) {
    let node = scene.node("a").await;
    assert_eq!(scene.renew(node, LEASE).await.unwrap(), Renewal::default());
    assert_eq!(scene.request_drain("a").await.unwrap(), 1);
    assert!(scene.find(node).await.drain_requested);
    assert_eq!(scene.renew(node, LEASE).await.unwrap(), Renewal { drain_requested: true, revoked: vec![] });
}

pub async fn a_request_reaches_every_node_of_the_name_and_no_other(scene: Scene) {
    let (a, b, again) = (scene.node("a").await, scene.node("b").await, scene.node("a").await);
    assert_eq!(scene.request_drain("a").await.unwrap(), 2);
    assert!(asked(&scene, a).await && asked(&scene, again).await && !asked(&scene, b).await);
}

pub async fn a_request_to_nobody_is_no_error(scene: Scene) {
    let node = scene.node("a").await;
    for name in ["b", "A", "", "a ", "%", "_", "a' OR '1'='1", "'; DROP TABLE nodes; --", "a\u{0}"] {
        assert_eq!(scene.request_drain(name).await.unwrap(), 0, "{name}");
    }
    assert!(!asked(&scene, node).await);
}

pub async fn a_name_that_looks_like_sql_is_a_name(scene: Scene) {
    for name in ["'; DROP TABLE nodes; --", "a' OR '1'='1", "$1", "?1", "\\", "\u{0}", "%"] {
        let node = scene.node(name).await;
        assert_eq!(scene.request_drain(name).await.unwrap(), 1, "{name}");
        assert!(asked(&scene, node).await);
        assert_eq!(scene.find(node).await.name, name);
    }
}

pub async fn a_node_that_is_not_alive_is_not_asked(scene: Scene) {
    let (gone, late) = (scene.node("a").await, scene.node("a").await);
    scene.set_node_state(gone, NodeState::Gone).await.unwrap();
    assert_eq!(scene.request_drain("a").await.unwrap(), 1);
    scene.pass(LEASE + HOUR).await;
    assert_eq!(scene.request_drain("a").await.unwrap(), 0);
    assert!(!scene.find(gone).await.drain_requested && scene.find(late).await.drain_requested);
}

pub async fn a_request_stands_for_the_life_of_the_incarnation(scene: Scene) {
    let node = registration("a", Uuid::new_v4());
    scene.register_node(&node).await.unwrap();
    scene.request_drain("a").await.unwrap();
    assert!(asked(&scene, node.incarnation).await && asked(&scene, node.incarnation).await);
    scene.set_node_state(node.incarnation, NodeState::Draining).await.unwrap();
    assert!(asked(&scene, node.incarnation).await);
    scene.register_node(&node).await.unwrap();
    assert!(asked(&scene, node.incarnation).await);
}

pub async fn a_fresh_incarnation_has_not_been_asked(scene: Scene) {
    let home = Uuid::new_v4();
    scene.node_at("a", home).await;
    scene.request_drain("a").await.unwrap();
    let fresh = scene.node_at("a", home).await;
    assert!(!asked(&scene, fresh).await);
}

pub async fn a_request_changes_neither_state_nor_lease(scene: Scene) {
    let node = scene.node("a").await;
    let before = scene.find(node).await;
    scene.request_drain("a").await.unwrap();
    let after = scene.find(node).await;
    assert_eq!((after.state, after.lease_until), (NodeState::Live, before.lease_until));
    // It decides itself: until it says that it drains, it takes sessions.
    scene.held_by(node).await;
    scene.pass(LEASE + HOUR).await;
    assert_eq!(scene.renew(node, LEASE).await, Err(StoreError::NodeGone));
}

pub async fn asking_twice_is_asking_once(scene: Scene) {
    let node = scene.node("a").await;
    for _ in 0..2 {
        assert_eq!(scene.request_drain("a").await.unwrap(), 1);
    }
    assert!(asked(&scene, node).await);
}
