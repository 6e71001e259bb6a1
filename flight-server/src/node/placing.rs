//! Which node gets a session that this one does not take.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use session::{Incarnation, NodeRecord, NodeRole, NodeState};

/// A node that has used this share of its memory gets no more sessions while others have used less.
const CROWDED: f64 = 0.85;

/// What a running statement counts in comparison with a session: it needs a processor now, most sessions do not.
const STATEMENT: u64 = 4;

/// What was placed since the nodes last told how they fare, so that the sessions of a burst do not all go to the one that
/// had the most room before it.
#[derive(Default)]
pub(super) struct Placing(Mutex<HashMap<Incarnation, Placed>>);

/// What was placed on a node since it told.
struct Placed {
    told: SystemTime,
    sessions: u64,
}

/// Whether a node takes sessions from its peers.
pub(super) fn takes(node: &NodeRecord) -> bool {
    let alive = node.state == NodeState::Live && node.lease_left > Duration::ZERO && !node.drain_requested;
    alive && node.role != NodeRole::Front && node.peer_uri.is_some()
}

impl Placing {
    /// The one of `nodes` with the most room; a session counts as placed there from now on.
    pub(super) fn choose<'a>(&self, nodes: impl Iterator<Item = &'a NodeRecord>) -> Option<&'a NodeRecord> {
        let mut placed = self.0.lock();
        let nodes: Vec<_> = nodes.collect();
        placed.retain(|incarnation, _| nodes.iter().any(|node| node.incarnation == *incarnation));
        for node in &nodes {
            let entry = placed.entry(node.incarnation).or_insert(Placed { told: node.lease_until, sessions: 0 });
            if entry.told != node.lease_until {
                *entry = Placed { told: node.lease_until, sessions: 0 };
            }
        }
        let since = |node: &NodeRecord| placed.get(&node.incarnation).map_or(0, |placed| placed.sessions);
        let chosen = nodes.iter().copied().min_by(|a, b| compare(a, since(a), b, since(b)))?;
        if let Some(entry) = placed.get_mut(&chosen.incarnation) {
            entry.sessions += 1;
        }
        Some(chosen)
    }
}

/// The one with more room is the lesser.
fn compare(a: &NodeRecord, placed_a: u64, b: &NodeRecord, placed_b: u64) -> Ordering {
    let crowded = |node: &NodeRecord| memory_used(node) >= CROWDED;
    let work = |node: &NodeRecord, placed| node.load.running.saturating_mul(STATEMENT) + node.load.sessions + placed;
    crowded(a)
        .cmp(&crowded(b))
        .then_with(|| work(a, placed_a).cmp(&work(b, placed_b)))
        .then_with(|| memory_used(a).total_cmp(&memory_used(b)))
        .then_with(|| a.incarnation.cmp(&b.incarnation))
}

/// The share of its memory that a node uses.
#[allow(clippy::cast_precision_loss, reason = "a share needs few digits")]
fn memory_used(node: &NodeRecord) -> f64 {
    if node.load.memory_limit == 0 { 0.0 } else { node.load.memory_used as f64 / node.load.memory_limit as f64 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use session::NodeLoad;
    use uuid::Uuid;

    use super::*;

    fn node(number: u128, sessions: u64, running: u64, memory_used: u64) -> NodeRecord {
        NodeRecord {
            incarnation: Incarnation(Uuid::from_u128(number)),
            home: Uuid::from_u128(number),
            name: number.to_string(),
            advertised_uri: String::new(),
            peer_uri: Some("grpc://x:1".to_owned()),
            role: NodeRole::Both,
            state: NodeState::Live,
            load: NodeLoad { sessions, running, memory_used, memory_limit: 100 },
            drain_requested: false,
            lease_until: SystemTime::UNIX_EPOCH,
            lease_left: Duration::from_secs(1),
            registered_at: SystemTime::UNIX_EPOCH,
            version: String::new(),
        }
    }

    fn names(placing: &Placing, nodes: &[NodeRecord], times: usize) -> Vec<String> {
        (0..times).map(|_| placing.choose(nodes.iter()).unwrap().name.clone()).collect()
    }

    #[test]
    fn a_burst_is_spread_over_the_nodes_before_they_tell_of_it() {
        let nodes = [node(1, 2, 0, 0), node(2, 0, 0, 0)];
        assert_eq!(names(&Placing::default(), &nodes, 5), ["2", "2", "1", "2", "1"]);
    }

    #[test]
    fn what_a_node_tells_replaces_what_was_counted() {
        let placing = Placing::default();
        let mut nodes = [node(1, 0, 0, 0), node(2, 1, 0, 0)];
        assert_eq!(names(&placing, &nodes, 2), ["1", "1"]);
        nodes[0].lease_until += Duration::from_secs(1);
        assert_eq!(names(&placing, &nodes, 1), ["1"], "its sessions are gone again, it says");
    }

    #[test]
    fn a_running_statement_weighs_more_than_a_session_and_full_memory_more_than_both() {
        assert_eq!(names(&Placing::default(), &[node(1, 0, 1, 0), node(2, 3, 0, 0)], 1), ["2"]);
        assert_eq!(names(&Placing::default(), &[node(1, 0, 0, 90), node(2, 50, 9, 20)], 1), ["2"]);
    }

    #[test]
    fn fronts_draining_and_dead_nodes_take_nothing() {
        assert!(takes(&node(1, 0, 0, 0)));
        let mut front = node(1, 0, 0, 0);
        front.role = NodeRole::Front;
        let mut draining = node(1, 0, 0, 0);
        draining.state = NodeState::Draining;
        let mut asked = node(1, 0, 0, 0);
        asked.drain_requested = true;
        let mut dead = node(1, 0, 0, 0);
        dead.lease_left = Duration::ZERO;
        let mut alone = node(1, 0, 0, 0);
        alone.peer_uri = None;
        for node in [front, draining, asked, dead, alone] {
            assert!(!takes(&node), "{node:?}");
        }
        assert!(Placing::default().choose([].iter()).is_none());
    }
}
