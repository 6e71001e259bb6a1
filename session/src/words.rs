//! The words by which the durable stores write states, so that a person can read a table of theirs.

use crate::{NodeState, SessionState};

pub(crate) const fn of_node_state(state: NodeState) -> &'static str {
    match state {
        NodeState::Live => "live",
        NodeState::Draining => "draining",
        NodeState::Gone => "gone",
    }
}

pub(crate) fn node_state(word: &str) -> Option<NodeState> {
    [NodeState::Live, NodeState::Draining, NodeState::Gone].into_iter().find(|state| of_node_state(*state) == word)
}

pub(crate) fn session_state(word: &str) -> Option<SessionState> {
    match word {
        "active" => Some(SessionState::Active),
        "released" => Some(SessionState::Released),
        "closed" => Some(SessionState::Closed),
        "expired" => Some(SessionState::Expired),
        _ => None,
    }
}
