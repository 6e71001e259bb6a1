//! Some hosts, a store, a network, clients, and what befalls them.

use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use session::{ManualClock, ModelStore, NodeRole, SessionStore as _};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::client::{Client, Fate};
use super::history::{History, Invariant};
use super::host::{Host, Shared};
use super::network::Network;
use super::random::Random;
use super::table::{Tables, Way};
use crate::auth::{ClusterSecret, Users};

/// The lease of the nodes.
pub(super) const LEASE: Duration = Duration::from_millis(600);

/// How long something goes on befalling them.
const TROUBLE: Duration = Duration::from_secs(8);

/// How long it takes until all is well again: leases run out, and nodes that could not start do.
const RECOVERY: Duration = Duration::from_secs(4);

/// Hashing passwords is slow on purpose, and takes real time, so all simulations share the users, whose password is known by
/// then.
static USERS: LazyLock<Arc<Users>> = LazyLock::new(|| {
    let users = Users::single("ada", "engine").unwrap();
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(users.verify("ada", "engine")).unwrap();
    Arc::new(users)
});

/// What befalls a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// All there is.
    Everything,
    /// Processes die.
    Deaths,
    /// Processes stand still, and the network is cut.
    Silence,
    /// Nodes drain and start again, and nothing else happens.
    Drains,
}

impl Trouble {
    /// That of a seed.
    pub(super) fn of(seed: u64) -> Self {
        [Self::Everything, Self::Deaths, Self::Silence, Self::Drains][usize::try_from(seed % 4).unwrap()]
    }
}

/// Something to be undone.
enum Later {
    Start(usize),
    Resume(usize),
    Heal(usize, usize),
    Reach(usize),
}

/// A simulation.
pub(super) struct World {
    random: Random,
    trouble: Trouble,
    clock: Arc<ManualClock>,
    shared: Arc<Shared>,
    hosts: Vec<Host>,
    later: Vec<(Duration, Later)>,
    outside: Runtime,
    began: Instant,
    fates: Vec<Arc<Fate>>,
    clients: Vec<JoinHandle<Client>>,
    stop: Arc<AtomicBool>,
}

impl World {
    /// What follows from a seed. With `claims_are_blind` the store is broken, for something to be found.
    pub(super) fn new(seed: u64, trouble: Trouble, claims_are_blind: bool) -> Self {
        let random = Random::new(seed);
        let clock = Arc::new(ManualClock::default());
        let history = Arc::new(History::new(Arc::clone(&clock)));
        let model = ModelStore::new(Arc::clone(&clock) as Arc<_>);
        let tables = Arc::new(Tables::new(model, Arc::clone(&history), claims_are_blind));
        let lossy = if trouble == Trouble::Everything { 2 } else { 0 };
        let shared = Arc::new(Shared {
            tables,
            network: Arc::new(Network::default()),
            history: Arc::clone(&history),
            users: Arc::clone(&USERS),
            secret: ClusterSecret::new([9_u8; 32]).unwrap(),
            lossy: Arc::new(AtomicU32::new(lossy)),
        });
        let fronts = random.below(2);
        let roles = std::iter::repeat_n(NodeRole::Front, fronts).chain(std::iter::repeat_n(NodeRole::Both, 3 - fronts));
        let mut hosts: Vec<_> = roles
            .enumerate()
            .map(|(number, role)| Host::new(number, role, Arc::clone(&shared), random.fork()))
            .collect();
        hosts.iter_mut().for_each(Host::start);

        let outside = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let began = outside.block_on(async { Instant::now() });
        let stop = Arc::new(AtomicBool::new(false));
        let doors: Vec<_> = hosts.iter().map(Host::door).collect();
        let (mut fates, mut clients) = (Vec::new(), Vec::new());
        for number in 0..3 {
            let calm = trouble == Trouble::Drains;
            // Claims that look at nothing are wrong only where several are made at a time.
            let repeated = if claims_are_blind { 50 } else { 4 };
            let client = Client::new(number, doors.clone(), random.fork(), Arc::clone(&history), calm, repeated);
            fates.push(Arc::clone(&client.fate));
            clients.push(outside.spawn(client.work(Arc::clone(&stop))));
        }
        Self { random, trouble, clock, shared, hosts, later: Vec::new(), outside, began, fates, clients, stop }
    }

    /// Runs it to its end.
    pub(super) fn run(mut self) -> Arc<History> {
        let history = Arc::clone(&self.shared.history);
        self.pass(Duration::from_millis(300), false);
        self.pass(TROUBLE, true);

        // Nothing befalls them any more, and what did is undone.
        self.shared.lossy.store(0, Ordering::SeqCst);
        while let Some((_, later)) = self.later.pop() {
            self.undo(&later);
        }
        self.pass(RECOVERY, false);
        self.stop.store(true, Ordering::SeqCst);
        self.pass(RECOVERY, false);
        let clients: Vec<_> = std::mem::take(&mut self.clients);
        for client in clients {
            match client.now_or_never() {
                Some(Ok(mut client)) => {
                    let done = self.outside.spawn(async move { client.look_everywhere().await });
                    self.pass(RECOVERY, false);
                    if done.now_or_never().is_none_or(|done| done.is_err()) {
                        history.violated(Invariant::AllIsWellInTheEnd, "a client did not come to its end");
                    }
                }
                _ => history.violated(Invariant::WaitsAreBounded, "a client never got its answer"),
            }
        }
        let open = history.open();
        if open < 0 || open.unsigned_abs() > self.sessions() {
            history.violated(Invariant::NothingStays, format!("{open} sessions are open in engines"));
        }
        for host in &mut self.hosts {
            host.die(false);
        }
        history
    }

    /// How many sessions there are, those included that a client made and never heard of.
    fn sessions(&self) -> usize {
        self.shared.tables.model.sessions().now_or_never().and_then(Result::ok).map_or(0, |sessions| sessions.len())
    }

    /// Lets time pass.
    fn pass(&mut self, time: Duration, troubled: bool) {
        let history = Arc::clone(&self.shared.history);
        let end = history.now() + time;
        while history.now() < end {
            self.clock.advance(self.random.milliseconds(2..16));
            let now = history.now();
            self.shared.tables.deliver();
            if troubled {
                self.befall(now);
            }
            let (due, later) = std::mem::take(&mut self.later).into_iter().partition(|(at, _)| *at <= now);
            self.later = later;
            let due: Vec<(Duration, Later)> = due;
            due.iter().for_each(|(_, later)| self.undo(later));

            let mut order: Vec<_> = (0..self.hosts.len()).collect();
            self.random.shuffle(&mut order);
            for number in order {
                self.hosts[number].live_until(now);
                if self.hosts[number].has_ended() {
                    history.note(format!("host {number} has drained"));
                    self.hosts[number].die(false);
                    self.later.push((now + self.random.milliseconds(1..200), Later::Start(number)));
                }
            }
            let until = self.began + now;
            self.outside.block_on(async { sleep_until(until).await });
        }
    }

    /// Perhaps something happens.
    fn befall(&mut self, now: Duration) {
        if !self.random.chance(2) {
            return;
        }
        let host = self.random.below(self.hosts.len());
        let until = now + self.random.milliseconds(20..1500);
        match (self.trouble, self.random.below(8)) {
            (Trouble::Drains, _) | (Trouble::Everything, 0) => self.drain(host),
            (Trouble::Deaths, _) | (Trouble::Everything, 1 | 2) => self.kill(host, until),
            (Trouble::Silence, 0..3) | (Trouble::Everything, 3) => self.pause(host, until),
            (Trouble::Silence, 3..6) | (Trouble::Everything, 4) => self.cut(host, until),
            (Trouble::Silence, 6..) | (Trouble::Everything, 5 | 6) => self.block(host, until),
            (Trouble::Everything, _) => self.end_session(),
        }
    }

    fn drain(&mut self, host: usize) {
        // One after the other, as whoever rolls a cluster does.
        if self.hosts.iter().all(|host| host.door().lock().is_some() && !host.is_draining()) {
            self.note(format!("host {host} drains"));
            self.hosts[host].drain();
        }
    }

    fn kill(&mut self, host: usize, until: Duration) {
        if self.hosts[host].is_up() {
            let vanishes = self.random.chance(50);
            self.note(format!("host {host} dies, vanishing: {vanishes}"));
            self.hosts[host].die(vanishes);
            self.later.push((until, Later::Start(host)));
        }
    }

    fn pause(&mut self, host: usize, until: Duration) {
        if self.hosts[host].is_up() && !self.hosts[host].paused {
            self.note(format!("host {host} stands still"));
            self.hosts[host].paused = true;
            self.later.push((until, Later::Resume(host)));
        }
    }

    fn cut(&mut self, host: usize, until: Duration) {
        let other = (host + 1) % self.hosts.len();
        self.note(format!("the network is cut between {host} and {other}"));
        self.shared.network.set_cut(host, other, true);
        self.later.push((until, Later::Heal(host, other)));
    }

    fn block(&mut self, host: usize, until: Duration) {
        let way = if self.random.chance(50) { Way::Refused } else { Way::Silent };
        // Now and then for all of them: the store itself is down.
        let all = self.random.chance(30);
        for number in (0..self.hosts.len()).filter(|number| all || *number == host) {
            if let Some(reach) = &self.hosts[number].reach {
                self.note(format!("to host {number} the store is {way:?}"));
                reach.set_way(way);
                self.later.push((until, Later::Reach(number)));
            }
        }
    }

    /// An operator ends a session, and waits until every node knows.
    fn end_session(&mut self) {
        let fate = Arc::clone(&self.fates[self.random.below(self.fates.len())]);
        let Some(id) = fate.session.lock().clone() else { return };
        if fate.ending.swap(true, Ordering::SeqCst) {
            return;
        }
        self.note(format!("an operator ends session {id}"));
        let (tables, history) = (Arc::clone(&self.shared.tables), Arc::clone(&self.shared.history));
        self.outside.spawn(async move {
            if tables.model.end_session(&id, "an operator ended it").await.is_err() {
                return;
            }
            while tables.model.revocation_pending(&id).await.unwrap_or(true) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            history.note(format!("session {id} is ended everywhere"));
            fate.ended.store(true, Ordering::SeqCst);
        });
    }

    fn undo(&mut self, later: &Later) {
        match *later {
            Later::Start(host) => {
                if !self.hosts[host].is_up() {
                    self.note(format!("host {host} starts"));
                    self.hosts[host].start();
                }
            }
            Later::Resume(host) => {
                if self.hosts[host].paused {
                    self.note(format!("host {host} goes on"));
                }
                self.hosts[host].paused = false;
            }
            Later::Heal(one, other) => {
                self.note(format!("the network is whole between {one} and {other}"));
                self.shared.network.set_cut(one, other, false);
            }
            Later::Reach(host) => {
                if let Some(reach) = &self.hosts[host].reach {
                    self.note(format!("host {host} reaches the store"));
                    reach.set_way(Way::Open);
                }
            }
        }
    }

    fn note(&self, event: String) {
        self.shared.history.note(event);
    }
}
