//! What nodes say of themselves at their renewals, and how one node is found.

use session::{Incarnation, NodeLoad, NodeRecord, NodeState, StoreError};
use uuid::Uuid;

use crate::scene::{LEASE, registration};
use crate::{HOUR, Scene};

const LOAD: NodeLoad = NodeLoad { sessions: 3, running: 2, memory_used: 5_000_000_000, memory_limit: 12_000_000_000 };

pub async fn a_node_starts_without_load(scene: Scene) {
    let node = scene.node("a").await;
    assert_eq!(scene.find(node).await.load, NodeLoad::default());
}

pub async fn a_renewal_says_how_loaded_the_node_is(scene: Scene) {
    let node = scene.node("a").await;
    scene.renew_node(node, LEASE, &LOAD).await.unwrap();
    assert_eq!(scene.find(node).await.load, LOAD);
    assert_eq!(scene.nodes().await.unwrap()[0].load, LOAD);
}

pub async fn the_load_of_the_last_renewal_stands(scene: Scene) {
    let node = scene.node("a").await;
    scene.renew_node(node, LEASE, &LOAD).await.unwrap();
    let less = NodeLoad { running: 0, ..LOAD };
    scene.renew_node(node, LEASE, &less).await.unwrap();
    assert_eq!(scene.find(node).await.load, less);
}

pub async fn loads_of_nodes_do_not_mix(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("a").await);
    scene.renew_node(a, LEASE, &LOAD).await.unwrap();
    assert_eq!(scene.find(b).await.load, NodeLoad::default());
}

pub async fn a_refused_renewal_leaves_the_load(scene: Scene) {
    let node = scene.node("a").await;
    scene.renew_node(node, LEASE, &LOAD).await.unwrap();
    scene.pass(LEASE + HOUR).await;
    assert_eq!(scene.renew(node, LEASE).await, Err(StoreError::NodeGone));
    assert_eq!(scene.find(node).await.load, LOAD);
}

pub async fn a_number_too_great_is_kept_as_the_greatest(scene: Scene) {
    let node = scene.node("a").await;
    let most = i64::MAX.unsigned_abs();
    let load = NodeLoad { sessions: 0, running: most, memory_used: most + 1, memory_limit: u64::MAX };
    scene.renew_node(node, LEASE, &load).await.unwrap();
    let kept = NodeLoad { sessions: 0, running: most, memory_used: most, memory_limit: most };
    assert_eq!(scene.find(node).await.load, kept);
}

pub async fn a_node_that_registers_again_keeps_its_load(scene: Scene) {
    let node = registration("a", Uuid::new_v4());
    scene.register_node(&node).await.unwrap();
    scene.renew_node(node.incarnation, LEASE, &LOAD).await.unwrap();
    scene.register_node(&node).await.unwrap();
    assert_eq!(scene.find(node.incarnation).await.load, LOAD);
}

pub async fn a_node_is_found_by_its_incarnation(scene: Scene) {
    for name in ["a", "b", "a"] {
        scene.node(name).await;
    }
    // What is left of a lease shrinks between two reads.
    let still = |node: NodeRecord| NodeRecord { lease_left: LEASE, ..node };
    for listed in scene.nodes().await.unwrap() {
        let found = scene.find(listed.incarnation).await;
        assert!(found.lease_left <= listed.lease_left && found.lease_left > LEASE - HOUR, "{found:?}");
        assert_eq!(still(found), still(listed));
    }
}

pub async fn an_unknown_incarnation_is_none(scene: Scene) {
    scene.node("a").await;
    assert_eq!(scene.store.node(Incarnation::random()).await.unwrap(), None);
}

pub async fn a_node_that_is_gone_is_found_until_it_is_swept(scene: Scene) {
    let node = scene.node("a").await;
    scene.set_node_state(node, NodeState::Gone).await.unwrap();
    assert_eq!(scene.find(node).await.state, NodeState::Gone);
    scene.sweep(HOUR).await.unwrap();
    assert_eq!(scene.store.node(node).await.unwrap(), None);
}
