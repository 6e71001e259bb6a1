//! A client with a session: it does one thing after the other, at whichever node, and remembers what it was told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arrow::array::AsArray as _;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{CommandStatementQuery, CommandStatementUpdate, DoPutUpdateResult, ProstMessageExt};
use arrow_flight::{FlightData, FlightDescriptor};
use base64::Engine as _;
use futures::{StreamExt as _, TryStreamExt as _};
use parking_lot::Mutex;
use prost::Message as _;
use session::{SessionId, Token};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tonic::metadata::AsciiMetadataValue;
use tonic::{Request, Status};

use super::history::{History, Invariant};
use super::host::Door;
use super::random::Random;
use crate::flight::status::CODE_HEADER;

/// What came of a call.
#[derive(Debug)]
enum Answer<T> {
    Done(T),
    Failed(Failure),
    /// The connection broke, and nobody knows.
    Broken,
    /// The client did not wait, and does not know.
    Left,
}

/// The longest that a call may take: as long as a call is held, and as long as hosts stand still, twice.
pub(super) const BOUND: Duration = Duration::from_secs(8);

/// What is meant for a client that a node, the store or the network fails.
const OF_FAILURES: [&str; 8] = [
    "STORE_UNAVAILABLE",
    "STATE_UNSAVED",
    "PEER_UNREACHABLE",
    "PEER_LOST",
    "NO_NODE",
    "DRAINING",
    "SESSION_MOVED",
    "COMMIT_UNKNOWN",
];

/// A typed error.
#[derive(Debug)]
struct Failure {
    code: String,
    message: String,
}

/// What an operator does to the session of a client.
#[derive(Default)]
pub(super) struct Fate {
    pub(super) session: Mutex<Option<SessionId>>,
    /// It is being ended.
    pub(super) ending: AtomicBool,
    /// The operator was told that it is ended on every node.
    pub(super) ended: AtomicBool,
}

/// A client.
pub(super) struct Client {
    pub(super) number: usize,
    doors: Vec<Arc<Mutex<Option<Door>>>>,
    random: Random,
    pub(super) history: Arc<History>,
    /// Nothing fails in this simulation, so an error is a violation.
    calm: bool,
    /// How many of a hundred calls something in between makes a second time elsewhere.
    repeated: u32,
    token: Option<AsciiMetadataValue>,
    pub(super) fate: Arc<Fate>,
    asked: BTreeSet<String>,
    told: BTreeSet<String>,
    next: usize,
}

impl Client {
    pub(super) fn new(
        number: usize,
        doors: Vec<Arc<Mutex<Option<Door>>>>,
        random: Random,
        history: Arc<History>,
        calm: bool,
        repeated: u32,
    ) -> Self {
        Self {
            number,
            doors,
            random,
            history,
            calm,
            repeated,
            token: None,
            fate: Arc::default(),
            asked: BTreeSet::new(),
            told: BTreeSet::new(),
            next: 0,
        }
    }

    /// Works until it is told to stop.
    pub(super) async fn work(mut self, stop: Arc<AtomicBool>) -> Self {
        while !stop.load(Ordering::SeqCst) {
            sleep(self.random.milliseconds(1..60)).await;
            if self.token.is_none() {
                self.connect().await;
                continue;
            }
            match self.random.below(10) {
                0..4 => self.set().await,
                4..8 => self.look().await,
                _ => self.transact().await,
            }
        }
        self
    }

    /// Looks for its session at every node; all is well by now.
    pub(super) async fn look_everywhere(&mut self) {
        let Some(token) = self.token.clone() else { return };
        for door in self.doors.clone() {
            let Some(door) = door.lock().clone() else {
                self.history.violated(Invariant::AllIsWellInTheEnd, "a node that was started does not serve");
                continue;
            };
            let was_ended = self.fate.ended.load(Ordering::SeqCst);
            let token = token.clone();
            let answer = self.ask(&door, Manner::Patient, move |client| select(client, token.clone())).await;
            match answer {
                Answer::Done(keys) => self.compare(&keys, was_ended),
                Answer::Failed(failure) if self.is_ending() && failure.code == "SESSION_CLOSED" => {}
                // It is told once.
                Answer::Failed(failure) if failure.code == "TRANSACTION_LOST" || failure.code == "COMMIT_UNKNOWN" => {}
                other => {
                    let how = format!("client {} was answered with {other:?}", self.number);
                    self.history.violated(Invariant::AllIsWellInTheEnd, how);
                }
            }
        }
    }

    async fn connect(&mut self) {
        let Some(door) = self.pick() else { return };
        let answer = self.ask(&door, Manner::Patient, handshake).await;
        if let Some(token) = self.settled("handshake", answer, false) {
            let text = token.to_str().unwrap().strip_prefix("Bearer ").unwrap();
            *self.fate.session.lock() = Some(Token::parse(text).unwrap().id().clone());
            self.token = Some(token);
        }
    }

    /// Sets a key; once it was told that it is set, it must stay so.
    async fn set(&mut self) {
        let (Some(door), Some(token)) = (self.pick(), self.token.clone()) else { return };
        let key = format!("c{}k{}", self.number, self.next);
        self.next += 1;
        self.asked.insert(key.clone());
        let was_ended = self.fate.ended.load(Ordering::SeqCst);
        let sql = format!("SET {key}");
        let answer = self.ask(&door, Manner::AnyTimes, move |client| update(client, token.clone(), sql.clone())).await;
        if self.settled("SET", answer, was_ended).is_some() {
            self.told.insert(key);
        }
    }

    async fn look(&mut self) {
        let (Some(door), Some(token)) = (self.pick(), self.token.clone()) else { return };
        let was_ended = self.fate.ended.load(Ordering::SeqCst);
        let answer = self.ask(&door, Manner::AnyTimes, move |client| select(client, token.clone())).await;
        if let Some(keys) = self.settled("SELECT", answer, was_ended) {
            self.compare(&keys, was_ended);
        }
    }

    /// BEGIN, writes, COMMIT: each write must be part of the transaction, or be refused.
    async fn transact(&mut self) {
        let mut whole = self.statement("BEGIN").await.is_some();
        for _ in 0..self.random.below(3) {
            if whole {
                sleep(self.random.milliseconds(1..80)).await;
                whole = match self.statement("INSERT").await {
                    Some(changed) => {
                        if changed != 2 {
                            let how = format!("client {}: a write was applied outside its transaction", self.number);
                            self.history.violated(Invariant::TransactionsAreWhole, how);
                        }
                        true
                    }
                    None => false,
                };
            }
        }
        if !whole || self.statement("COMMIT").await.is_none() {
            // Whether there is one now may not be known: this ends it, if so.
            self.statement("ROLLBACK").await;
        }
    }

    async fn statement(&mut self, sql: &'static str) -> Option<i64> {
        let (Some(door), Some(token)) = (self.pick(), self.token.clone()) else { return None };
        let was_ended = self.fate.ended.load(Ordering::SeqCst);
        let answer = self.ask(&door, Manner::Once, move |client| update(client, token.clone(), sql.to_owned())).await;
        self.settled(sql, answer, was_ended)
    }

    /// What it finds must be what it was told, and may be what it asked for beside that.
    fn compare(&self, keys: &BTreeSet<String>, was_ended: bool) {
        if was_ended {
            self.history.violated(Invariant::EndedIsEnded, format!("client {} still has its session", self.number));
        }
        let (missing, strange): (Vec<_>, Vec<_>) =
            (self.told.difference(keys).collect(), keys.difference(&self.asked).collect());
        if !missing.is_empty() || !strange.is_empty() {
            let how = format!("client {} misses {missing:?} and finds {strange:?}", self.number);
            self.history.violated(Invariant::NothingIsLost, how);
        }
    }

    fn is_ending(&self) -> bool {
        self.fate.ending.load(Ordering::SeqCst)
    }

    /// What a call came to, when it is known to have succeeded.
    fn settled<T>(&self, what: &str, answer: Answer<T>, was_ended: bool) -> Option<T> {
        let number = self.number;
        let failure = match answer {
            Answer::Done(answer) => {
                self.history.said(format!("client {number}: {what}"));
                self.history.answers.fetch_add(1, Ordering::SeqCst);
                if was_ended {
                    let how = format!("client {number}: {what} was done in a session that was ended");
                    self.history.violated(Invariant::EndedIsEnded, how);
                }
                return Some(answer);
            }
            Answer::Failed(failure) => failure,
            Answer::Broken => Failure { code: "BROKEN".to_owned(), message: "the connection broke".to_owned() },
            Answer::Left => {
                self.history.said(format!("client {number}: {what}: left"));
                return None;
            }
        };
        self.history.errors.fetch_add(1, Ordering::SeqCst);
        let how = format!("client {number}: {what}: {} {}", failure.code, failure.message);
        self.history.said(&how);
        let refused = failure.code == "STATEMENT_FAILED";
        match failure.code.as_str() {
            "SESSION_CLOSED" if self.is_ending() => {}
            _ if self.calm => self.history.violated(Invariant::DrainsGoUnnoticed, how),
            "BROKEN" | "TRANSACTION_LOST" => {}
            code if OF_FAILURES.contains(&code) => {}
            // Whether there is a transaction is not known after a call that failed.
            _ if refused && (what == "BEGIN" || what == "ROLLBACK") => {}
            _ if refused && what == "COMMIT" => self.history.violated(Invariant::TransactionsAreWhole, how),
            _ => self.history.violated(Invariant::ErrorsAreTrue, how),
        }
        None
    }

    /// A node that serves, as one that balances load picks it: by health, which it may not know yet.
    fn pick(&self) -> Option<Door> {
        let doors: Vec<_> = self.doors.iter().filter_map(|door| door.lock().clone()).collect();
        let healthy: Vec<_> = doors.iter().filter(|door| !door.draining.load(Ordering::SeqCst)).cloned().collect();
        let among = if healthy.is_empty() || self.random.chance(10) { doors } else { healthy };
        (!among.is_empty()).then(|| among[self.random.below(among.len())].clone())
    }

    /// Makes a call at a node. Now and then its client leaves, or something in between makes it a second time elsewhere.
    async fn ask<T, F>(&self, door: &Door, manner: Manner, call: impl Fn(InProcess) -> F) -> Answer<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Status>> + Send + 'static,
    {
        let leaves = manner != Manner::Patient && !self.calm && self.random.chance(3);
        let patience = if leaves { self.random.milliseconds(1..100) } else { BOUND };
        let (answer, answered) = oneshot::channel();
        let make = |door: &Door| {
            door.inside.fetch_add(1, Ordering::SeqCst);
            let inside = Inside(Arc::clone(&door.inside));
            let call = call(FlightServiceClient::new(door.service.clone()));
            async move {
                let _inside = inside;
                call.await
            }
        };
        let made = make(door);
        let task = door.runtime.spawn(async move {
            let _ = answer.send(made.await);
        });
        if manner == Manner::AnyTimes
            && self.random.chance(self.repeated)
            && let Some(other) = self.pick()
        {
            other.runtime.spawn(make(&other));
        }
        match timeout(patience, answered).await {
            Ok(Ok(Ok(answer))) => Answer::Done(answer),
            Ok(Ok(Err(status))) => Answer::Failed(failure(&status)),
            Ok(Err(_)) => Answer::Broken,
            Err(_) => {
                task.abort();
                if !leaves {
                    let how = format!("client {}: a call took longer than {BOUND:?}", self.number);
                    self.history.violated(Invariant::WaitsAreBounded, how);
                }
                Answer::Left
            }
        }
    }
}

/// How a call may be made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Waiting for its answer.
    Patient,
    /// Or not.
    Once,
    /// Or twice at a time.
    AnyTimes,
}

/// A call is inside a node.
struct Inside(Arc<AtomicUsize>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

type InProcess = FlightServiceClient<
    tower::util::BoxCloneSyncService<
        http::Request<tonic::body::Body>,
        http::Response<tonic::body::Body>,
        std::convert::Infallible,
    >,
>;

fn failure(status: &Status) -> Failure {
    let code = status.metadata().get(CODE_HEADER).and_then(|code| code.to_str().ok());
    Failure { code: code.unwrap_or("none").to_owned(), message: status.message().to_owned() }
}

fn with_token<T>(message: T, token: AsciiMetadataValue) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", token);
    request
}

async fn handshake(mut client: InProcess) -> Result<AsciiMetadataValue, Status> {
    let encoded = base64::engine::general_purpose::STANDARD.encode("ada:engine");
    let basic = AsciiMetadataValue::try_from(format!("Basic {encoded}")).unwrap();
    let response = client.handshake(with_token(futures::stream::empty(), basic)).await?;
    Ok(response.metadata().get("authorization").unwrap().clone())
}

async fn update(mut client: InProcess, token: AsciiMetadataValue, sql: String) -> Result<i64, Status> {
    let command = CommandStatementUpdate { query: sql, transaction_id: None };
    let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
    let message = FlightData::default().with_descriptor(descriptor);
    let results = client.do_put(with_token(futures::stream::iter([message]), token)).await?;
    let results: Vec<_> = results.into_inner().try_collect().await?;
    Ok(DoPutUpdateResult::decode(results[0].app_metadata.clone()).unwrap().record_count)
}

async fn select(mut client: InProcess, token: AsciiMetadataValue) -> Result<BTreeSet<String>, Status> {
    let command = CommandStatementQuery { query: "SELECT".to_owned(), transaction_id: None };
    let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
    let info = client.get_flight_info(with_token(descriptor, token.clone())).await?.into_inner();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let messages = client.do_get(with_token(ticket, token)).await?.into_inner().map_err(FlightError::from);
    let mut batches = FlightRecordBatchStream::new_from_flight_data(messages);
    let mut keys = BTreeSet::new();
    while let Some(batch) = batches.next().await {
        match batch {
            Ok(batch) => {
                keys.extend(batch.column(0).as_string::<i32>().iter().flatten().map(ToOwned::to_owned));
            }
            Err(FlightError::Tonic(status)) => return Err(*status),
            Err(other) => return Err(Status::data_loss(other.to_string())),
        }
    }
    Ok(keys)
}
