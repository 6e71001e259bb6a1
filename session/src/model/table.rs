//! The rows of the model and the rules by which they change, written for reading rather than for speed.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::datasets::{AliveNodes, Datasets};
use crate::period::{duration, moment, seconds};
use crate::{
    Claim, EndedSession, Epoch, ExpiredSession, Fence, FenceLoss, Incarnation, JournalEntry, NewSession, NodeLoad,
    NodeRecord, NodeRegistration, NodeRole, NodeState, PreparedRecord, Principal, Renewal, Result, SessionId,
    SessionRecord, SessionState, StoreError, Swept, TokenHash, WriteNumber,
};

/// The moment of a call, in seconds since the Unix epoch.
#[derive(Clone, Copy)]
pub(super) struct Now(pub(super) f64);

/// All rows.
#[derive(Default)]
pub(super) struct Table {
    nodes: BTreeMap<Incarnation, Node>,
    sessions: BTreeMap<SessionId, Session>,
    pub(super) datasets: Datasets,
    /// Sessions that operators ended, and the owners that have yet to drop them.
    revocations: BTreeSet<(Incarnation, SessionId)>,
    /// Orders sessions that were created at the same moment.
    created: u64,
}

struct Node {
    home: Uuid,
    name: String,
    advertised_uri: String,
    peer_uri: Option<String>,
    role: NodeRole,
    state: NodeState,
    lease_until: f64,
    registered_at: f64,
    version: String,
    load: NodeLoad,
    drain_requested: bool,
}

/// One session with all that hangs on it.
pub(super) struct Session {
    number: u64,
    token_hash: TokenHash,
    principal: Principal,
    engine: String,
    state: SessionState,
    owner: Option<Incarnation>,
    epoch: Epoch,
    close_reason: Option<String>,
    idle_timeout: f64,
    created_at: f64,
    last_used_at: f64,
    idle_expires_at: f64,
    absolute_expires_at: f64,
    ended_at: Option<f64>,
    /// The last write of an owner.
    written: (Epoch, WriteNumber),
    journal: Vec<(String, String)>,
    pub(super) options: BTreeMap<String, String>,
    pub(super) prepared: BTreeMap<Vec<u8>, String>,
}

impl Node {
    fn alive(&self, now: Now) -> bool {
        self.state != NodeState::Gone && self.lease_until > now.0
    }

    fn retire(&mut self, now: Now) {
        self.state = NodeState::Gone;
        self.lease_until = self.lease_until.min(now.0);
    }
}

impl Session {
    fn ended(&self) -> bool {
        matches!(self.state, SessionState::Closed | SessionState::Expired)
    }

    fn expired(&self, now: Now) -> bool {
        self.state == SessionState::Expired || self.idle_expires_at.min(self.absolute_expires_at) <= now.0
    }

    fn end(&mut self, now: Now, state: SessionState, reason: &str) {
        self.state = state;
        self.close_reason = Some(reason.to_owned());
        self.ended_at = Some(now.0);
        self.journal.clear();
        self.prepared.clear();
    }

    pub(super) fn write_journal(&mut self, entries: &[JournalEntry]) {
        for entry in entries {
            self.journal.retain(|(key, _)| *key != entry.key);
            if let Some(statement) = &entry.statement {
                self.journal.push((entry.key.clone(), statement.clone()));
            }
        }
    }
}

impl Table {
    pub(super) fn register_node(&mut self, now: Now, node: &NodeRegistration) -> Result<()> {
        let known = self.nodes.get(&node.incarnation);
        if known.is_some_and(|known| !known.alive(now)) {
            return Err(StoreError::NodeGone);
        }
        let registered_at = known.map_or(now.0, |known| known.registered_at);
        let load = known.map_or(NodeLoad::default(), |known| known.load);
        let drain_requested = known.is_some_and(|known| known.drain_requested);
        self.nodes.values_mut().filter(|other| other.home == node.home).for_each(|other| other.retire(now));
        self.nodes.insert(
            node.incarnation,
            Node {
                home: node.home,
                name: node.name.clone(),
                advertised_uri: node.advertised_uri.clone(),
                peer_uri: node.peer_uri.clone(),
                role: node.role,
                state: NodeState::Live,
                lease_until: now.0 + seconds(node.lease),
                registered_at,
                version: node.version.clone(),
                load,
                drain_requested,
            },
        );
        Ok(())
    }

    pub(super) fn renew_node(
        &mut self,
        now: Now,
        incarnation: Incarnation,
        lease: f64,
        load: &NodeLoad,
    ) -> Result<Renewal> {
        let node = self.alive_node(now, incarnation)?;
        node.lease_until = now.0 + lease;
        node.load = load.storable();
        let drain_requested = node.drain_requested;
        let revoked =
            self.revocations.iter().filter(|(node, _)| *node == incarnation).map(|(_, id)| id.clone()).collect();
        Ok(Renewal { drain_requested, revoked })
    }

    pub(super) fn request_drain(&mut self, now: Now, name: &str) -> u64 {
        let mut asked = 0;
        for node in self.nodes.values_mut().filter(|node| node.name == name && node.alive(now)) {
            node.drain_requested = true;
            asked += 1;
        }
        asked
    }

    pub(super) fn set_node_state(&mut self, now: Now, node: Incarnation, state: NodeState) -> Result<()> {
        if state == NodeState::Gone {
            if let Some(node) = self.nodes.get_mut(&node) {
                node.retire(now);
            }
            return Ok(());
        }
        self.alive_node(now, node)?.state = state;
        Ok(())
    }

    pub(super) fn nodes(&self, now: Now) -> Vec<NodeRecord> {
        let mut nodes: Vec<_> = self.nodes.iter().map(|(id, node)| node_record(now, *id, node)).collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name).then(a.incarnation.cmp(&b.incarnation)));
        nodes
    }

    pub(super) fn node(&self, now: Now, incarnation: Incarnation) -> Option<NodeRecord> {
        self.nodes.get(&incarnation).map(|node| node_record(now, incarnation, node))
    }

    pub(super) fn create_session(&mut self, now: Now, new: &NewSession, owner: Incarnation) -> Result<SessionRecord> {
        self.taking_node(now, owner)?;
        if self.sessions.contains_key(&new.id) {
            return Err(StoreError::SessionExists { session: new.id.clone() });
        }
        self.created += 1;
        let idle_timeout = seconds(new.idle_timeout);
        let session = Session {
            number: self.created,
            token_hash: new.token_hash.clone(),
            principal: new.principal.clone(),
            engine: new.engine.clone(),
            state: SessionState::Active,
            owner: Some(owner),
            epoch: Epoch::FIRST,
            close_reason: None,
            idle_timeout,
            created_at: now.0,
            last_used_at: now.0,
            idle_expires_at: now.0 + idle_timeout,
            absolute_expires_at: now.0 + seconds(new.max_age),
            ended_at: None,
            written: (Epoch(0), WriteNumber(0)),
            journal: Vec::new(),
            options: BTreeMap::new(),
            prepared: BTreeMap::new(),
        };
        let record = self.session_record(now, &new.id, &session);
        self.sessions.insert(new.id.clone(), session);
        Ok(record)
    }

    pub(super) fn session(&self, now: Now, id: &SessionId) -> Option<SessionRecord> {
        self.sessions.get(id).map(|session| self.session_record(now, id, session))
    }

    pub(super) fn sessions(&self, now: Now) -> Vec<SessionRecord> {
        let mut sessions: Vec<_> = self.sessions.iter().collect();
        sessions.sort_by_key(|(_, session)| session.number);
        sessions.into_iter().map(|(id, session)| self.session_record(now, id, session)).collect()
    }

    pub(super) fn claim(&mut self, now: Now, id: &SessionId, expected: Epoch, me: Incarnation) -> Result<Claim> {
        self.taking_node(now, me)?;
        let current = self.session(now, id);
        if !current.as_ref().is_some_and(|record| record.epoch == expected && record.claimable()) {
            return Ok(Claim::Lost(current));
        }
        if let Some(session) = self.sessions.get_mut(id) {
            session.state = SessionState::Active;
            session.owner = Some(me);
            session.epoch = Epoch(expected.0 + 1);
        }
        Ok(self.session(now, id).map_or(Claim::Lost(None), Claim::Claimed))
    }

    pub(super) fn release(&mut self, now: Now, fence: &Fence) -> Result<()> {
        let session = self.held(now, fence)?;
        session.state = SessionState::Released;
        session.owner = None;
        Ok(())
    }

    pub(super) fn close(&mut self, now: Now, fence: &Fence, reason: &str) -> Result<()> {
        self.held(now, fence)?.end(now, SessionState::Closed, reason);
        Ok(())
    }

    pub(super) fn end_session(&mut self, now: Now, id: &SessionId, reason: &str) -> EndedSession {
        let Some(before) = self.session(now, id) else { return EndedSession::Unknown };
        let Some(session) = self.sessions.get_mut(id).filter(|session| !session.ended()) else {
            return EndedSession::HadEnded(before);
        };
        session.end(now, SessionState::Closed, reason);
        if let Some(owner) = before.owner
            && self.alive_node(now, owner).is_ok()
        {
            self.revocations.insert((owner, id.clone()));
        }
        EndedSession::Ended(before)
    }

    pub(super) fn acknowledge_revoked(&mut self, node: Incarnation, ids: &[SessionId]) {
        for id in ids {
            self.revocations.remove(&(node, id.clone()));
        }
    }

    pub(super) fn revocation_pending(&self, now: Now, id: &SessionId) -> bool {
        let alive = self.alive_nodes(now);
        self.revocations.iter().any(|(node, revoked)| revoked == id && alive.contains_key(node))
    }

    pub(super) fn touch(&mut self, now: Now, ids: &[SessionId], me: Incarnation) {
        if self.alive_node(now, me).is_err() {
            return;
        }
        for id in ids {
            if let Some(session) = self.sessions.get_mut(id)
                && session.state == SessionState::Active
                && session.owner == Some(me)
                && !session.expired(now)
            {
                session.last_used_at = now.0;
                session.idle_expires_at = now.0 + session.idle_timeout;
            }
        }
    }

    pub(super) fn journal(&self, id: &SessionId) -> Vec<JournalEntry> {
        let journal = self.sessions.get(id).map(|session| session.journal.as_slice()).unwrap_or_default();
        journal
            .iter()
            .map(|(key, statement)| JournalEntry { key: key.clone(), statement: Some(statement.clone()) })
            .collect()
    }

    pub(super) fn prepared(&self, id: &SessionId, handle: &[u8]) -> Option<PreparedRecord> {
        let sql = self.sessions.get(id)?.prepared.get(handle)?.clone();
        Some(PreparedRecord { handle: handle.to_vec(), sql })
    }

    pub(super) fn sweep(&mut self, now: Now, keep_ended: f64) -> Swept {
        let mut swept = Swept::default();
        for (id, session) in &mut self.sessions {
            if !session.ended() && session.expired(now) {
                let aged = session.absolute_expires_at <= now.0;
                session.end(now, SessionState::Expired, if aged { "maximum age reached" } else { "idle for too long" });
                swept.expired.push(ExpiredSession { id: id.clone(), owner: session.owner });
            }
        }

        let before = self.sessions.len();
        self.sessions.retain(|_, session| session.ended_at.is_none_or(|ended_at| ended_at > now.0 - keep_ended));
        swept.sessions_deleted = deleted(before, self.sessions.len());

        self.nodes.values_mut().filter(|node| !node.alive(now)).for_each(|node| node.retire(now));
        let before = self.nodes.len();
        let sessions = &self.sessions;
        self.nodes.retain(|id, node| {
            node.state != NodeState::Gone || sessions.values().any(|session| session.owner == Some(*id))
        });
        swept.nodes_deleted = deleted(before, self.nodes.len());
        let alive = self.alive_nodes(now);
        self.datasets.forget_dead_nodes(&alive);
        self.revocations.retain(|(node, _)| alive.contains_key(node));
        swept
    }

    /// The names of the nodes that are alive.
    pub(super) fn alive_nodes(&self, now: Now) -> AliveNodes {
        let alive = self.nodes.iter().filter(|(_, node)| node.alive(now));
        alive.map(|(id, node)| (*id, node.name.clone())).collect()
    }

    /// The session, if the fence holds it.
    pub(super) fn held(&mut self, now: Now, fence: &Fence) -> Result<&mut Session> {
        let alive = self.nodes.get(&fence.incarnation).is_some_and(|node| node.alive(now));
        let fenced = |loss| StoreError::Fenced { session: fence.session.clone(), loss };
        let session = self.sessions.get_mut(&fence.session).ok_or_else(|| fenced(FenceLoss::Unknown))?;
        if session.state != SessionState::Active {
            Err(fenced(FenceLoss::NotActive))
        } else if session.owner != Some(fence.incarnation) || session.epoch != fence.epoch {
            Err(fenced(FenceLoss::Claimed))
        } else if !alive {
            Err(fenced(FenceLoss::LeaseOver))
        } else {
            Ok(session)
        }
    }

    /// The session, when the fence holds it and no later write of its owner was made.
    pub(super) fn written(&mut self, now: Now, fence: &Fence, number: WriteNumber) -> Result<&mut Session> {
        let session = self.held(now, fence)?;
        if session.written > (fence.epoch, number) {
            return Err(StoreError::Overtaken { session: fence.session.clone() });
        }
        session.written = (fence.epoch, number);
        Ok(session)
    }

    fn alive_node(&mut self, now: Now, node: Incarnation) -> Result<&mut Node> {
        self.nodes.get_mut(&node).filter(|node| node.alive(now)).ok_or(StoreError::NodeGone)
    }

    /// Whether a node may take a session.
    fn taking_node(&mut self, now: Now, node: Incarnation) -> Result<()> {
        let node = self.alive_node(now, node)?;
        match node.state {
            _ if node.role == NodeRole::Front => Err(StoreError::NodeIsFront),
            NodeState::Live => Ok(()),
            NodeState::Draining => Err(StoreError::NodeDraining),
            NodeState::Gone => Err(StoreError::NodeGone),
        }
    }

    fn session_record(&self, now: Now, id: &SessionId, session: &Session) -> SessionRecord {
        let owner_alive = |owner| self.nodes.get(&owner).is_some_and(|node| node.alive(now));
        SessionRecord {
            id: id.clone(),
            token_hash: session.token_hash.clone(),
            principal: session.principal.clone(),
            engine: session.engine.clone(),
            state: session.state,
            owner: session.owner,
            epoch: session.epoch,
            options: session.options.clone(),
            close_reason: session.close_reason.clone(),
            created_at: moment(session.created_at),
            last_used_at: moment(session.last_used_at),
            idle_expires_at: moment(session.idle_expires_at),
            absolute_expires_at: moment(session.absolute_expires_at),
            expired: session.expired(now),
            owner_lease_over: session.owner.is_some_and(|owner| !owner_alive(owner)),
        }
    }
}

fn node_record(now: Now, incarnation: Incarnation, node: &Node) -> NodeRecord {
    let left = if node.alive(now) { node.lease_until - now.0 } else { 0.0 };
    NodeRecord {
        incarnation,
        home: node.home,
        name: node.name.clone(),
        advertised_uri: node.advertised_uri.clone(),
        peer_uri: node.peer_uri.clone(),
        role: node.role,
        state: node.state,
        lease_until: moment(node.lease_until),
        lease_left: duration(left),
        registered_at: moment(node.registered_at),
        version: node.version.clone(),
        load: node.load,
        drain_requested: node.drain_requested,
    }
}

fn deleted(before: usize, after: usize) -> u64 {
    u64::try_from(before.saturating_sub(after)).unwrap_or(u64::MAX)
}
