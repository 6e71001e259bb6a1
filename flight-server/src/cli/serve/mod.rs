//! `pintail serve`: puts the parts of a server together, and takes them apart in order when it is asked to end.

mod announce;
mod data_dir;
mod endpoints;
mod engines;
mod first_user;
mod signals;

use std::fs;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clap::ArgMatches;
use session::NodeRole;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use self::data_dir::{DataDir, DataDirError};
use self::endpoints::{BindError, Endpoints, Sockets};
use self::engines::EngineError;
use self::first_user::{FirstUser, FirstUserError};
use self::signals::EndSignals;
use super::spool::{self, SpoolError};
use super::store::{self, OpenStoreError};
use super::{USAGE, complain, with_causes};
use crate::auth::{ClusterSecret, Purpose, SecretError, Users, UsersError};
use crate::config::{Config, ConfigError, LogFormat, SecretSource, Tls};
use crate::flight::server::FlightServer;
use crate::http::{self, Health, Status};
use crate::node::{DatasetOptions, Node, NodeOptions};
use crate::peer::{Badges, Forwarder, PeerTls, PeerTlsError};
use crate::telemetry;

/// How long connections get to close once no statement runs any more: a client that does not read must not keep the
/// process alive.
const GRACE: Duration = Duration::from_secs(3);

/// Why a server did not start, or ended before it was asked to.
#[derive(Debug, Error)]
enum ServeError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    FirstUser(#[from] FirstUserError),
    #[error(transparent)]
    Users(#[from] UsersError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    DatasetSecret(#[from] ConfigError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Store(#[from] OpenStoreError),
    #[error("cannot start the node: {0}")]
    Node(crate::error::Error),
    #[error("cannot read {} (--{flag}): {source}", .path.display())]
    TlsFile { flag: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    PeerTls(#[from] PeerTlsError),
    #[error("the files of --tls-cert, --tls-key and --tls-client-ca must be PEM and belong together")]
    Tls(#[source] tonic::transport::Error),
    #[error("{what} is not served any more: {reason}")]
    Server { what: &'static str, reason: String },
    #[error("cannot print the ready line: {0}")]
    Ready(io::Error),
    #[error("cannot listen for signals: {0}")]
    Signals(io::Error),
}

/// Runs a server until it is asked to end.
pub(super) fn run(flags: &ArgMatches) -> ExitCode {
    let config = match Config::load(flags) {
        Ok(config) => config,
        Err(error) => {
            complain(&error);
            return ExitCode::from(USAGE);
        }
    };
    if let Err(error) = telemetry::init(config.log_format, config.log_level) {
        complain(&error);
        return ExitCode::FAILURE;
    }
    #[cfg(feature = "failpoints")]
    let _failpoints = crate::failpoint::set_up();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = match builder.worker_threads(network_threads()).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&error);
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(serve(&config));
    // Work that cannot be interrupted must not keep the process alive: nothing of it is promised to anybody.
    runtime.shutdown_timeout(GRACE);
    match (result, config.log_format) {
        (Ok(()), _) => return ExitCode::SUCCESS,
        (Err(error), LogFormat::Text) => complain(&error),
        (Err(error), LogFormat::Json) => tracing::error!(error = with_causes(&error), "the server failed"),
    }
    ExitCode::FAILURE
}

/// How many threads serve the network: for half of the processors, since what computes the rows needs them too.
///
/// Those that have nothing to do look for work of the others, which wakes one at nearly every frame. With one for two processors instead
/// of two, lineitem takes 0.96 of the time by pyarrow and 0.87 by ADBC's driver, whose frames are small, and an ingest of it 0.96; sixteen
/// connections make 0.92 as many short statements, and one 1.15 as many (3 to 8 rounds).
fn network_threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).div_ceil(2)
}

async fn serve(config: &Config) -> Result<(), ServeError> {
    let mut signals = EndSignals::listen().map_err(ServeError::Signals)?;
    let data_dir = DataDir::open(&config.data_dir)?;
    let tls = config.tls.as_ref().map(server_tls).transpose()?;
    let peer_tls = config.peer_tls.as_ref().map(|files| PeerTls::read(&files.certificate, &files.key, &files.ca));
    let peer_tls = peer_tls.transpose()?;
    let endpoints = Endpoints::bind(config).await?;
    let user = FirstUser::resolve(&config.user, config.password_file.as_deref(), data_dir.path())?;
    let users = Arc::new(Users::single(&user.name, &user.password)?);
    let secret = ClusterSecret::read_or_create(&config.cluster_secret_file)?;
    let store = store::open(&config.store).await?;
    let (engines, spool) = match config.role {
        NodeRole::Front => (Vec::new(), None),
        NodeRole::Both | NodeRole::Engine => {
            let spool = spool::open(config, data_dir.path(), &secret.derive(Purpose::Spool))?;
            (engines::open(config, &data_dir, spool.clone()).await?, spool)
        }
    };
    let options = NodeOptions {
        statement_timeout: config.statement_timeout,
        stream_grace: config.stream_grace,
        name: endpoints.addresses.node_name.clone(),
        home: data_dir.home(),
        advertised_uri: endpoints.addresses.advertised_uri.clone(),
        peer_uri: endpoints.addresses.peer_uri.clone(),
        role: config.role,
        memory_limit: config.memory_limit,
        lease: config.node_lease,
        idle_timeout: config.session_idle_timeout,
        max_age: config.session_max_age,
        spool,
        data_dir: data_dir.path().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        default_engine: config.engine.clone(),
        datasets: DatasetOptions {
            configured: config.datasets.clone(),
            secrets: config.secrets.iter().map(SecretSource::read).collect::<Result<_, _>>()?,
            refresh: config.dataset_refresh,
            ..DatasetOptions::default()
        },
    };
    let node = Node::start(options, store, engines, users, &secret).await.map_err(ServeError::Node)?;

    let Endpoints { sockets, addresses } = endpoints;
    let forwarder = Arc::new(Forwarder::new(Arc::clone(&node), Badges::new(&secret), peer_tls.as_ref()));
    let mut servers = Servers::start(sockets, tls, peer_tls.as_ref(), &node, &forwarder, &addresses.node_name);
    announce::greet(config, &addresses, &user);
    if config.print_ready {
        announce::print_ready(&mut io::stdout().lock(), &addresses, &user).map_err(ServeError::Ready)?;
    }
    let ended = tokio::select! {
        signal = signals.next() => {
            tracing::info!(signal, "asked to end: running statements finish");
            Ok(())
        }
        error = servers.failure() => Err(error),
    };
    node.drain();
    let mut patience = Patience::new(config.drain_timeout, &mut signals);
    // In this order: while sessions are handed back, calls still arrive here, and are passed on to whoever takes them.
    if ended.is_ok() && patience.lasts(node.empty()).await {
        servers.take_no_more_calls();
        patience.lasts(node.idle()).await;
    }
    if patience.is_over {
        // The streams of their statements end with an error, and so do the calls that would keep the servers from ending.
        node.shutdown().await;
        servers.stop().await;
    } else {
        servers.stop().await;
        node.shutdown().await;
    }
    tracing::info!("ended");
    ended
}

/// How long work may go on while the node drains.
struct Patience<'a> {
    until: Option<Instant>,
    timeout: Option<Duration>,
    signals: &'a mut EndSignals,
    is_over: bool,
}

impl<'a> Patience<'a> {
    fn new(timeout: Option<Duration>, signals: &'a mut EndSignals) -> Self {
        Self { until: timeout.map(|timeout| Instant::now() + timeout), timeout, signals, is_over: false }
    }

    /// Waits for `done`; `false` when the time to drain is over before, or a second signal came.
    async fn lasts(&mut self, done: impl Future<Output = ()>) -> bool {
        let too_long = async {
            match self.until {
                Some(until) => tokio::time::sleep_until(until.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = done => return true,
            signal = self.signals.next() => tracing::info!(signal, "interrupting the statements that still run"),
            () = too_long => {
                let timeout = self.timeout;
                tracing::info!(?timeout, "interrupting the statements that still run: the time to drain is over");
            }
        }
        self.is_over = true;
        false
    }
}

fn server_tls(files: &Tls) -> Result<ServerTlsConfig, ServeError> {
    let read = |flag, path: &Path| {
        fs::read(path).map_err(|source| ServeError::TlsFile { flag, path: path.to_owned(), source })
    };
    let identity = Identity::from_pem(read("tls-cert", &files.certificate)?, read("tls-key", &files.key)?);
    let tls = ServerTlsConfig::new().identity(identity);
    let tls = match &files.client_ca {
        Some(path) => tls.client_ca_root(Certificate::from_pem(read("tls-client-ca", path)?)),
        None => tls,
    };
    // Tried here, so that a wrong file is told before the server says that it serves.
    Server::builder().tls_config(tls.clone()).map_err(ServeError::Tls)?;
    Ok(tls)
}

/// The servers of a node, each in a task of its own.
struct Servers {
    running: Vec<(&'static str, JoinHandle<Result<(), String>>)>,
    stop: watch::Sender<bool>,
}

impl Servers {
    fn start(
        sockets: Sockets,
        tls: Option<ServerTlsConfig>,
        peer_tls: Option<&PeerTls>,
        node: &Arc<Node>,
        forwarder: &Arc<Forwarder>,
        name: &str,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let until_stopped = || {
            let mut stopped = stopped.clone();
            async move {
                // A sender that is gone is a server that has ended.
                let _ = stopped.wait_for(|stop| *stop).await;
            }
        };
        let flight = |server: FlightServer| {
            let serving = server.serve(until_stopped());
            tokio::spawn(async move { serving.await.map_err(|error| with_causes(&error)) })
        };
        let clients = FlightServer::new(sockets.flight, tls, Arc::clone(node), forwarder);
        let mut running = vec![("Flight SQL (--listen)", flight(clients))];
        if let Some(socket) = sockets.peer {
            let peers = FlightServer::for_peers(socket, peer_tls, Arc::clone(node), forwarder);
            running.push(("calls of peers (--peer-listen)", flight(peers)));
        }
        let told = Arc::clone(node);
        let health = Health::new(name, move || match (told.is_draining(), told.holds_lease()) {
            (true, _) => Status::Draining,
            (false, true) => Status::Serving,
            (false, false) => Status::WithoutLease,
        });
        let http = http::serve(sockets.http, health, until_stopped());
        let http = tokio::spawn(async move { http.await.map_err(|error| with_causes(&error)) });
        running.push(("health (--http)", http));
        Self { running, stop }
    }

    /// Resolves when a server ends that nobody asked to.
    async fn failure(&mut self) -> ServeError {
        let ends = self.running.iter_mut().map(|(what, server)| Box::pin(async move { (*what, server.await) }));
        let ((what, result), _, _) = futures::future::select_all(ends).await;
        let reason = match result {
            Ok(Ok(())) => "it ended without being asked to".to_owned(),
            Ok(Err(reason)) => reason,
            Err(error) => error.to_string(),
        };
        ServeError::Server { what, reason }
    }

    /// Tells clients to connect elsewhere; the calls that are under way go on.
    fn take_no_more_calls(&self) {
        let _ = self.stop.send(true);
    }

    /// Lets calls under way finish for a short time, then cuts them off.
    async fn stop(self) {
        self.take_no_more_calls();
        for (what, mut server) in self.running {
            if server.is_finished() {
                continue;
            }
            match tokio::time::timeout(GRACE, &mut server).await {
                Ok(Ok(Ok(()))) => {}
                Ok(Ok(Err(reason))) => tracing::warn!(what, reason, "a server ended with an error"),
                Ok(Err(error)) => tracing::error!(what, %error, "a server's task ended with an error"),
                Err(_) => server.abort(),
            }
        }
    }
}
