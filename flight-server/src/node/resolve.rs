//! From a session's id to the session: it lives here, or is taken over and rebuilt, or there is an exact reason why
//! not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use session::{
    Claim, Epoch, Fence, Incarnation, NewSession, Principal, SessionId, SessionRecord, SessionState, StoreError, Token,
    TokenHash,
};

use super::core::Core;
use super::ending::Ending;
use super::failure;
use super::live::Live;
use super::lost_state::LostState;
use super::opened::Opened;
use super::own_options;
use super::session::{Bound, Session, SessionParts};
use super::spooled::SpooledResults;
use super::transaction_mark::Inherited;
use crate::engine::{Engine, Holder, StateEntry};
use crate::error::{Error, ErrorCode, Result};
use crate::failpoint::failpoint;

/// How often a claim is tried when others get in between. Each time somebody else got the session, so this is a bound
/// on bad luck, not a wait.
const CLAIMS: usize = 4;

/// What shows that a caller may have the session it names.
#[derive(Clone, Copy)]
pub(super) enum Proof<'a> {
    /// It has the session's token.
    Token(&'a TokenHash),
    /// The session is that of its connection, and the caller is the one who opened it.
    Connection,
}

impl Core {
    /// The session, living here.
    ///
    /// `caller` is who calls, when that is known from more than the session itself.
    ///
    /// # Errors
    /// `TOKEN_UNKNOWN`, `SESSION_EXPIRED`, `SESSION_CLOSED`, `SESSION_FORBIDDEN`, `SESSION_MOVED`,
    /// `SESSION_UNRECLAIMABLE`, each as it says; `STORE_UNAVAILABLE` whenever the store did not say.
    pub(super) async fn resolve(
        self: &Arc<Self>,
        id: &SessionId,
        proof: Proof<'_>,
        caller: Option<&Principal>,
    ) -> Result<Arc<Session>> {
        if let Some(session) = self.live.get(id).filter(|session| session.is_whole()) {
            if let Proof::Token(hash) = proof
                && !session.opens_with(hash)
            {
                return Err(failure::unknown_token());
            }
            self.admit(session.principal(), caller)?;
            session.check()?;
            session.usage.used();
            return Ok(session);
        }

        // Who may have it is looked at before anything is rebuilt, and by each caller for itself.
        let record = self.record(id).await?;
        if let Proof::Token(hash) = proof
            && !record.token_hash.matches(hash)
        {
            return Err(failure::unknown_token());
        }
        self.admit(&record.principal, caller)?;
        if let Some(ended) = failure::of_ended(&record) {
            return Err(ended);
        }
        self.lease.check()?;
        let wanted = id.clone();
        let session =
            Live::get_or_rebuild(self, id, |core, me| async move { core.take_over(&wanted, me).await }).await?;
        session.check()?;
        session.usage.used();
        Ok(session)
    }

    /// Creates a session, held by this node.
    ///
    /// # Errors
    /// `DRAINING`, `STORE_UNAVAILABLE`, or the engine's.
    pub(super) async fn create(self: &Arc<Self>, principal: &Principal) -> Result<(Arc<Session>, Token)> {
        if self.is_draining() {
            return Err(failure::draining());
        }
        self.lease.check()?;
        let token = Token::generate().map_err(Error::internal)?;
        let token_hash = self.token_key.hash(&token);
        let Some(default) = &self.engine else { return Err(Error::internal("a front makes no session")) };
        let holder = holder_of(token.id(), Epoch::FIRST, principal);
        let engine = Opened::new(default.open_session(&holder, &[]).await?);
        let new = NewSession {
            id: token.id().clone(),
            token_hash: token_hash.clone(),
            principal: principal.clone(),
            engine: default.name().to_owned(),
            idle_timeout: self.options.idle_timeout,
            max_age: self.options.max_age,
        };
        let me = self.live.incarnation();
        let record = self.store.create_session(&new, me).await.map_err(|error| self.store_failed(&error))?;
        let session = Session::new(SessionParts {
            core: Arc::clone(self),
            fence: Fence { session: new.id, incarnation: me, epoch: record.epoch },
            principal: new.principal,
            token_hash,
            engine: Bound { engine: Arc::clone(default), session: engine.into_owned(), fixed: false },
            own_options: BTreeMap::new(),
            idle_timeout: new.idle_timeout,
            age_left: new.max_age,
            spooled: SpooledResults::default(),
        });
        let session = self.live.insert(Arc::new(session))?;
        tracing::debug!(session = %session.id(), principal = %session.principal(), "session created");
        Ok((session, token))
    }

    /// Makes this node the owner of a session that does not live here, and rebuilds it.
    async fn take_over(self: Arc<Self>, id: &SessionId, me: Incarnation) -> Result<Session> {
        for _ in 0..CLAIMS {
            let record = self.record(id).await?;
            if let Some(ended) = failure::of_ended(&record) {
                return Err(ended);
            }
            if record.state == SessionState::Active && record.owner == Some(me) && !record.owner_lease_over {
                // Claimed by this node, but never built: the rebuild failed, or the answer to the claim was lost.
                return self.rebuild(record, me).await;
            }
            if !record.claimable() {
                return Err(self.held_elsewhere(&record).await);
            }
            failpoint!("claim.before", self.store_failed(&crate::failpoint::store_error()));
            match self.store.claim(id, record.epoch, me).await.map_err(|error| self.store_failed(&error))? {
                Claim::Claimed(record) => {
                    failpoint!("claim.made", self.store_failed(&crate::failpoint::store_error()));
                    return self.rebuild(record, me).await;
                }
                Claim::Lost(_) => {}
            }
        }
        Err(failure::moved(id, "another node"))
    }

    /// Opens the engine's side of a session that this node owns, in the state that its journal describes.
    async fn rebuild(self: &Arc<Self>, record: SessionRecord, me: Incarnation) -> Result<Session> {
        let unavailable = |error: StoreError| self.store_failed(&error);
        let name = own_options::engine(&record.options).unwrap_or(&record.engine);
        let Some(engine) = self.engine_named(name) else {
            return Err(unreclaimable(&record.id, &format!("it runs in engine {name:?}, which this node lacks")));
        };
        // A call is a use. Written now, since the row may be about to expire.
        self.store.touch(std::slice::from_ref(&record.id), me).await.map_err(unavailable)?;
        let age_left = self.age_left(&record, me).await?;
        let mut journal = self.store.journal(&record.id).await.map_err(unavailable)?;
        // What ends the session deletes its journal: what was read may be that of one that has ended, and be empty.
        self.check_still_held(&record, me).await?;
        failpoint!("rebuild.before", self.store_failed(&crate::failpoint::store_error()));
        let inherited = Inherited::take_out_of(&mut journal);
        let holder = holder_of(&record.id, record.epoch, &record.principal);
        let failed = |error: Error| match error.code {
            // It may be had later, or somewhere else.
            ErrorCode::EngineUnavailable
            | ErrorCode::LakeUnavailable
            | ErrorCode::SpoolUnavailable
            | ErrorCode::SessionMoved
            | ErrorCode::Draining => error,
            _ => unreclaimable(&record.id, &error.message),
        };
        let is_applied = match &inherited {
            Inherited::Undecided(ending) if !ending.state.is_empty() => {
                let is_committed = is_committed(engine, &holder, ending).await.map_err(failed)?;
                if is_committed {
                    ending.apply_to(&mut journal);
                }
                is_committed
            }
            _ => false,
        };
        let spooled = SpooledResults::take_out_of(&mut journal);
        let (mut lost, mut notes) = LostState::take_out_of(&mut journal, record.epoch);
        let replay: Vec<_> =
            journal.into_iter().map(|entry| StateEntry { key: entry.key, sql: entry.statement }).collect();
        let engine_session = engine.open_session(&holder, &replay).await.map_err(failed)?;
        failpoint!("rebuild.replayed", self.store_failed(&crate::failpoint::store_error()));
        notes.extend(lost.add_unmade(engine_session.take_lost(), record.epoch));
        engine_session.set_wire_options(own_options::wire(&record.options));
        tracing::info!(session = %record.id, epoch = %record.epoch, entries = replay.len(), "session taken over");
        let session = Session::new(SessionParts {
            core: Arc::clone(self),
            fence: Fence { session: record.id, incarnation: me, epoch: record.epoch },
            principal: record.principal,
            token_hash: record.token_hash,
            // Whether a statement has run in it is not known, so it may have.
            engine: Bound { engine: Arc::clone(engine), session: engine_session, fixed: true },
            own_options: record.options,
            idle_timeout: between(record.last_used_at, record.idle_expires_at),
            age_left,
            spooled,
        });
        session.inherit(inherited, is_applied).await?;
        session.note_lost_state(lost, notes).await?;
        failpoint!("rebuild.done");
        Ok(session)
    }

    /// Whether this node holds the session still, as it did by this record.
    async fn check_still_held(&self, record: &SessionRecord, me: Incarnation) -> Result<()> {
        let now = self.record(&record.id).await?;
        if let Some(ended) = failure::of_ended(&now) {
            return Err(ended);
        }
        let held = now.state == SessionState::Active && now.owner == Some(me) && now.epoch == record.epoch;
        if held { Ok(()) } else { Err(self.held_elsewhere(&now).await) }
    }

    /// How long the session may live on. Its record tells a moment of the store's clock, so it takes the store's clock
    /// to tell how far off that is; this node's own lease shows what it says.
    async fn age_left(&self, record: &SessionRecord, me: Incarnation) -> Result<Duration> {
        let nodes = self.store.nodes().await.map_err(|error| self.store_failed(&error))?;
        let own = nodes.iter().find(|node| node.incarnation == me).ok_or_else(failure::lease_over)?;
        let now = own.lease_until.checked_sub(own.lease_left).unwrap_or(own.lease_until);
        Ok(between(now, record.absolute_expires_at))
    }

    async fn record(&self, id: &SessionId) -> Result<SessionRecord> {
        let record = self.store.session(id).await.map_err(|error| failure::of_store(&error))?;
        record.ok_or_else(failure::unknown_token)
    }

    /// Whether this caller may use a session of this principal.
    fn admit(&self, owner: &Principal, caller: Option<&Principal>) -> Result<()> {
        if caller.is_some_and(|caller| caller != owner) {
            return Err(failure::forbidden("the session belongs to another user than the one that calls"));
        }
        if !self.users.exists(owner) {
            return Err(failure::forbidden("the user this session belongs to no longer exists"));
        }
        Ok(())
    }

    async fn held_elsewhere(&self, record: &SessionRecord) -> Error {
        let nodes = self.store.nodes().await.unwrap_or_default();
        let owner = nodes.iter().find(|node| record.owner == Some(node.incarnation));
        match owner {
            Some(node) => failure::moved(&record.id, &format!("node {} at {}", node.name, node.advertised_uri)),
            None => failure::moved(&record.id, "another node"),
        }
    }

    /// What a failure of the store means; one that tells that the lease is over makes the heartbeat look.
    fn store_failed(&self, error: &StoreError) -> Error {
        if matches!(error, StoreError::NodeGone) {
            self.beat_now();
        }
        failure::of_store(error)
    }
}

fn between(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or_default()
}

/// A session's holder, for its engine.
pub(super) fn holder_of(id: &SessionId, epoch: Epoch, principal: &Principal) -> Holder {
    Holder { session: id.to_string(), epoch: epoch.0, principal: principal.as_str().to_owned() }
}

fn unreclaimable(id: &SessionId, what: &str) -> Error {
    Error::new(
        ErrorCode::SessionUnreclaimable,
        format!("session {id} could not be rebuilt on this node: {what}; connect again to start an empty session"),
    )
}

/// Whether a transaction was committed that was to change the session's state too: a session in which nothing is set finds its receipt.
async fn is_committed(engine: &Arc<dyn Engine>, holder: &Holder, ending: &Ending) -> Result<bool> {
    let Some(id) = ending.id else { return Ok(false) };
    let asking = engine.open_session(holder, &[]).await?;
    let receipt = asking.receipt(id).await;
    asking.close().await;
    Ok(receipt?.is_some())
}
