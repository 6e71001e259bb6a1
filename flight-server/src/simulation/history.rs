//! What happened in a simulation, and which of it must not have.

use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use session::{Clock as _, ManualClock};

/// How many of the last things that clients did are shown when something is wrong, beside all that befell them.
const SHOWN: usize = 120;

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

/// When something happened, and what.
type Event = (Duration, String);

/// The events of one simulation.
pub(super) struct History {
    clock: Arc<ManualClock>,
    began: Duration,
    /// What befell the cluster, and what its clients did.
    events: Mutex<(Vec<Event>, VecDeque<Event>)>,
    violations: Mutex<Vec<(Invariant, String)>>,
    violated_at: Mutex<Option<Duration>>,
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
            violated_at: Mutex::default(),
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

    /// Something befell the cluster.
    pub(super) fn note(&self, event: impl Display) {
        if let Some(event) = self.event(event) {
            self.events.lock().0.push(event);
        }
    }

    /// A client did something.
    pub(super) fn said(&self, event: impl Display) {
        if let Some(event) = self.event(event) {
            let said = &mut self.events.lock().1;
            said.push_back(event);
            if said.len() > SHOWN {
                said.pop_front();
            }
        }
    }

    /// What led to a violation is of interest, and little of what follows.
    fn event(&self, event: impl Display) -> Option<Event> {
        let now = self.now();
        let since = self.violated_at.lock().map_or(Duration::ZERO, |at| now.saturating_sub(at));
        (since < Duration::from_millis(50)).then(|| (now, event.to_string()))
    }

    pub(super) fn violated(&self, invariant: Invariant, how: impl Display) {
        self.note(format!("!!! {invariant:?}: {how}"));
        self.violated_at.lock().get_or_insert(self.now());
        self.violations.lock().push((invariant, how.to_string()));
    }

    pub(super) fn violations(&self) -> Vec<(Invariant, String)> {
        self.violations.lock().clone()
    }

    /// What happened, one event a line.
    pub(super) fn shown(&self) -> String {
        let (mut events, said) = self.events.lock().clone();
        events.extend(said);
        events.sort_by_key(|(at, _)| *at);
        events.iter().map(|(at, event)| format!("{:>6} ms  {event}\n", at.as_millis())).collect()
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
