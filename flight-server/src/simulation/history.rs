//! What happened in a simulation, and which of it must not have.

use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use session::{Clock as _, ManualClock};

/// How many of the last events are kept, to be shown when something is wrong.
const SHOWN: usize = 200;

/// What must hold whatever happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Invariant {
    /// What a client was told is set is there whenever it looks, and nothing it never asked for: no session is lost, none is
    /// silently fresh, and no answer comes from an owner that was.
    NothingIsLost,
    /// A store, a node or a network that fails is told as such, never as wrong credentials or an ended session, and every
    /// error is typed.
    ErrorsAreTrue,
    /// Every call comes to an end in a time that is known beforehand.
    WaitsAreBounded,
    /// What is meant for a transaction never runs outside it.
    TransactionsAreWhole,
    /// A session that an operator ended answers no more once the operator was told so.
    EndedIsEnded,
    /// The epoch of a session never goes back, and each has one owner.
    EpochsHaveOneOwner,
    /// Nodes that drain one after the other are not noticed.
    DrainsGoUnnoticed,
    /// When all is well again, every node serves every session.
    AllIsWellInTheEnd,
    /// Sessions are open in engines no more often than there are sessions.
    NothingStays,
}

/// The events of one simulation.
pub(super) struct History {
    clock: Arc<ManualClock>,
    began: Duration,
    events: Mutex<VecDeque<String>>,
    violations: Mutex<Vec<(Invariant, String)>>,
    open: AtomicIsize,
    pub(super) answers: AtomicUsize,
    pub(super) errors: AtomicUsize,
    pub(super) takeovers: AtomicUsize,
}

impl History {
    pub(super) fn new(clock: Arc<ManualClock>) -> Self {
        Self {
            began: clock.now(),
            clock,
            events: Mutex::default(),
            violations: Mutex::default(),
            open: AtomicIsize::new(0),
            answers: AtomicUsize::new(0),
            errors: AtomicUsize::new(0),
            takeovers: AtomicUsize::new(0),
        }
    }

    /// How long the simulation has gone on, by the store's clock.
    pub(super) fn now(&self) -> Duration {
        self.clock.now() - self.began
    }

    pub(super) fn note(&self, event: impl Display) {
        let mut events = self.events.lock();
        if events.len() == SHOWN {
            events.pop_front();
        }
        events.push_back(format!("{:>6} ms  {event}", self.now().as_millis()));
    }

    pub(super) fn violated(&self, invariant: Invariant, how: impl Display) {
        self.note(format!("!!! {invariant:?}: {how}"));
        self.violations.lock().push((invariant, how.to_string()));
    }

    pub(super) fn violations(&self) -> Vec<(Invariant, String)> {
        self.violations.lock().clone()
    }

    /// The last events, one a line.
    pub(super) fn shown(&self) -> String {
        self.events.lock().iter().map(|event| format!("{event}\n")).collect()
    }

    /// An engine opened a session.
    pub(super) fn opened(&self) {
        self.open.fetch_add(1, Ordering::SeqCst);
        self.takeovers.fetch_add(1, Ordering::SeqCst);
    }

    /// An engine closed a session, or died with it.
    pub(super) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    /// How many sessions are open in engines.
    pub(super) fn open(&self) -> isize {
        self.open.load(Ordering::SeqCst)
    }
}
