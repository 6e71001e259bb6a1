//! One machine: a clock of its own, and a node on it that runs, stands still, dies and starts again.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use session::NodeRole;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tonic::body::Body;
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;
use uuid::Uuid;

use super::engine::{self, KeyEngine};
use super::history::History;
use super::network::{Cable, Network, Outlet};
use super::random::Random;
use super::table::{Reach, Tables};
use super::world::LEASE;
use crate::auth::{ClusterSecret, Users};
use crate::engine::Engine;
use crate::flight;
use crate::flight::connection::{Connection, Noticed};
use crate::node::{DatasetOptions, Node, NodeOptions};
use crate::peer::{Badges, Callers, Forwarder};

/// How long a server that ends waits for the calls that still run.
const GRACE: Duration = Duration::from_secs(1);

type Served = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// Where the clients of a node find it.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) runtime: Handle,
    pub(super) service: Served,
    /// How many calls are inside.
    pub(super) inside: Arc<AtomicUsize>,
    /// The node takes no sessions: whoever balances load looks at its health, and goes elsewhere.
    pub(super) draining: Arc<AtomicBool>,
}

/// What all hosts share.
pub(super) struct Shared {
    pub(super) tables: Arc<Tables>,
    pub(super) network: Arc<Network>,
    pub(super) history: Arc<History>,
    pub(super) users: Arc<Users>,
    pub(super) secret: ClusterSecret,
    /// Of how many calls of the store, in a hundred, the answer is lost.
    pub(super) lossy: Arc<AtomicU32>,
}

/// One machine.
pub(super) struct Host {
    pub(super) number: usize,
    role: NodeRole,
    shared: Arc<Shared>,
    random: Random,
    /// How fast its clock goes, by the store's.
    rate: f64,
    pub(super) reach: Option<Arc<Reach>>,
    door: Arc<Mutex<Option<Door>>>,
    life: Option<Life>,
    pub(super) paused: bool,
}

/// The time from a start of a process to its end.
struct Life {
    runtime: Runtime,
    /// What its clock showed when the world's showed `born`.
    began: Instant,
    born: Duration,
    node: Arc<Mutex<Option<Arc<Node>>>>,
    peers: Arc<PeerServer>,
    ended: Arc<AtomicBool>,
}

/// What takes the calls of peers.
struct PeerServer {
    stop: watch::Sender<bool>,
    connections: AtomicUsize,
}

impl PeerServer {
    /// Serves a connection until it ends, or until no more calls are taken and those that run have come to their end.
    async fn serve(self: Arc<Self>, cable: Cable, service: Served) {
        self.connections.fetch_add(1, Ordering::SeqCst);
        let cable = Noticed::new(cable);
        let connection = Connection { remote: None, end: cable.end() };
        let service = service.map_request(move |mut request: Request<_>| {
            request.extensions_mut().insert(connection.clone());
            request.map(Body::new)
        });
        let mut served = std::pin::pin!(
            http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(cable), TowerToHyperService::new(service))
        );
        let mut stopped = self.stop.subscribe();
        let ends = tokio::select! {
            _ = served.as_mut() => true,
            _ = stopped.wait_for(|stop| *stop) => false,
        };
        if !ends {
            served.as_mut().graceful_shutdown();
            let _ = served.await;
        }
        self.connections.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Host {
    pub(super) fn new(number: usize, role: NodeRole, shared: Arc<Shared>, random: Random) -> Self {
        let rate = random.drift(40);
        let door = Arc::default();
        Self { number, role, shared, random, rate, reach: None, door, life: None, paused: false }
    }

    pub(super) fn door(&self) -> Arc<Mutex<Option<Door>>> {
        Arc::clone(&self.door)
    }

    pub(super) fn is_up(&self) -> bool {
        self.life.is_some()
    }

    /// Whether its node has handed everything back and ended.
    pub(super) fn has_ended(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.ended.load(Ordering::SeqCst))
    }

    pub(super) fn is_draining(&self) -> bool {
        self.door.lock().as_ref().is_some_and(|door| door.draining.load(Ordering::SeqCst))
    }

    /// Starts a process.
    pub(super) fn start(&mut self) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let reach =
            Arc::new(Reach::new(Arc::clone(&self.shared.tables), self.random.fork(), Arc::clone(&self.shared.lossy)));
        self.reach = Some(Arc::clone(&reach));
        let (number, shared, door) = (self.number, Arc::clone(&self.shared), Arc::clone(&self.door));
        let options = self.options();
        let handle = runtime.handle().clone();
        let holder = Arc::new(Mutex::new(None));
        let node = Arc::clone(&holder);
        let peers = Arc::new(PeerServer { stop: watch::Sender::new(false), connections: AtomicUsize::new(0) });
        let server = Arc::clone(&peers);
        runtime.spawn(async move {
            let engines: Vec<Arc<dyn Engine>> = match options.role {
                NodeRole::Front => Vec::new(),
                _ => vec![Arc::new(KeyEngine::new(Arc::clone(&shared.history)))],
            };
            let started = loop {
                let (options, users) = (options.clone(), Arc::clone(&shared.users));
                match Node::start(options, reach.clone(), engines.clone(), users, &shared.secret).await {
                    Ok(node) => break node,
                    // Whoever runs it starts it again.
                    Err(_) => sleep(Duration::from_millis(50)).await,
                }
            };
            let outlet = Outlet { network: Arc::clone(&shared.network), host: number };
            let badges = Badges::new(&shared.secret);
            let forwarder = Arc::new(Forwarder::with_dial(Arc::clone(&started), badges, Arc::new(outlet)));
            *node.lock() = Some(Arc::clone(&started));

            let service = BoxCloneSyncService::new(flight::server::in_process(&started, Callers::Peers, &forwarder));
            let (connections, mut accepted) = unbounded_channel();
            shared.network.listen(number, connections);
            tokio::spawn(async move {
                while let Some(cable) = accepted.recv().await {
                    tokio::spawn(Arc::clone(&server).serve(cable, service.clone()));
                }
            });
            let clients = flight::server::in_process(&started, Callers::Clients, &forwarder);
            *door.lock() = Some(Door {
                runtime: handle,
                service: BoxCloneSyncService::new(clients),
                inside: Arc::default(),
                draining: Arc::default(),
            });
            shared.history.note(format!("host {number} serves"));
        });
        let began = runtime.block_on(async { Instant::now() });
        let born = self.shared.history.now();
        self.life = Some(Life { runtime, began, born, node: holder, peers, ended: Arc::default() });
        self.paused = false;
    }

    fn options(&self) -> NodeOptions {
        NodeOptions {
            statement_timeout: None,
            stream_grace: Duration::from_secs(30),
            name: format!("n{}", self.number),
            home: Uuid::from_u128(self.number as u128 + 1),
            advertised_uri: format!("grpc://n{}:1", self.number),
            peer_uri: Some(format!("grpc://n{0}:{0}", self.number)),
            role: self.role,
            memory_limit: 0,
            lease: LEASE,
            idle_timeout: Duration::from_secs(60),
            max_age: Duration::from_secs(600),
            spool: None,
            data_dir: std::env::temp_dir(),
            version: "0".to_owned(),
            default_engine: engine::NAME.to_owned(),
            datasets: DatasetOptions::default(),
        }
    }

    /// Lets the node live until the world's clock shows this. One that was stopped finds its clock moved on.
    pub(super) fn live_until(&mut self, now: Duration) {
        let Some(life) = self.life.as_mut().filter(|_| !self.paused) else { return };
        let until = life.began + now.saturating_sub(life.born).mul_f64(self.rate);
        let _of_host = tracing::debug_span!("host", number = self.number, ?now).entered();
        life.runtime.block_on(async {
            let missed = until.saturating_duration_since(Instant::now());
            if missed > Duration::from_millis(40) {
                tokio::time::advance(missed).await;
            }
            sleep_until(until).await;
        });
    }

    /// The process is no more; `vanishes` says that nobody is told.
    pub(super) fn die(&mut self, vanishes: bool) {
        let Some(life) = self.life.take() else { return };
        if vanishes {
            self.shared.network.vanish(self.number);
        }
        self.shared.network.close(self.number);
        *self.door.lock() = None;
        *life.node.lock() = None;
        life.runtime.shutdown_background();
        self.reach = None;
    }

    /// The node drains, as SIGTERM makes it, and then ends.
    pub(super) fn drain(&self) {
        let Some(life) = &self.life else { return };
        let (Some(node), Some(door)) = (life.node.lock().clone(), self.door.lock().clone()) else { return };
        if door.draining.swap(true, Ordering::SeqCst) {
            return;
        }
        let (holder, place, ended) = (Arc::clone(&life.node), Arc::clone(&self.door), Arc::clone(&life.ended));
        let (peers, network, number) = (Arc::clone(&life.peers), Arc::clone(&self.shared.network), self.number);
        // In the order in which the server does it.
        life.runtime.spawn(async move {
            node.drain();
            node.empty().await;
            *place.lock() = None;
            network.close(number);
            peers.stop.send_replace(true);
            node.idle().await;
            let calls_end = async {
                while door.inside.load(Ordering::SeqCst) > 0 || peers.connections.load(Ordering::SeqCst) > 0 {
                    sleep(Duration::from_millis(5)).await;
                }
            };
            // A connection to somebody who has vanished does not end.
            let _ = timeout(GRACE, calls_end).await;
            node.shutdown().await;
            *holder.lock() = None;
            ended.store(true, Ordering::SeqCst);
        });
    }
}
