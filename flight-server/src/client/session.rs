//! A session on the server, and the connection that leads to it at the moment.

use std::collections::BTreeSet;
use std::time::Duration;

use arrow_flight::{Action, HandshakeRequest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{StreamExt, stream};
use parking_lot::Mutex;
use tonic::Request;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::channel::{self, Calls, ClientTls};
use super::error::{ClientError, Effect, code};
use super::lost::{Lost, LostSoFar};
use super::operation::Operation;
use super::uri::ServerUri;

const BEARER: &str = "Bearer ";

/// The word by which a server says that it knows a write again.
pub(super) const KNOWS_REQUESTS: &str = "request-id";

/// The word by which it says that results go on behind a mark.
pub(super) const RESUMES: &str = "resume";

/// How long a server is given to take the session. It may have to wait for the lease of the node that had it; one that is
/// frozen does not keep the client from asking another.
const HANDSHAKE: Duration = Duration::from_secs(15);

/// For how long it is tried to close a session.
const CLOSING: Duration = Duration::from_secs(5);

/// Who begins a session.
#[derive(Clone)]
pub struct Credentials {
    /// The user's name, without a colon.
    pub user: String,
    /// The password.
    pub password: Zeroizing<String>,
}

/// What the client waits for, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For how long something that fails is tried again, from its first failure.
    pub deadline: Duration,
    /// For how long it is tried to connect at first.
    pub connect: Duration,
    /// After how much silence a server is asked whether it is there.
    pub keepalive: Duration,
}

/// How a call that may have been served can be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// As it is: it does no harm.
    Always,
    /// With its id, by which the server knows it again, if it can.
    ById,
}

/// A session of a server. It outlives the connection to it, and the node that it is on.
///
/// It runs one statement at a time; [`Session::cancel`] and what reads metadata may be called beside.
pub struct Session {
    servers: Vec<ServerUri>,
    tls: ClientTls,
    patience: Patience,
    state: Mutex<State>,
    // Two that find the connection broken make one new one.
    attaching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// Which server is connected to, or tried next.
    at: usize,
    link: Option<Link>,
    /// How many connections there have been.
    links: u64,
    token: Zeroizing<String>,
    ended: Option<ClientError>,
    features: BTreeSet<String>,
    lost: LostSoFar,
    reattachments: u64,
}

/// A connection, with the number that tells it from earlier ones.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) calls: Calls,
    number: u64,
}

impl Session {
    /// Begins a session.
    ///
    /// # Errors
    /// `CREDENTIALS_WRONG`, or `CONNECTION_FAILED` when no server could be reached in the time for that.
    pub async fn begin(
        servers: Vec<ServerUri>,
        tls: ClientTls,
        patience: Patience,
        credentials: &Credentials,
        operation: &Operation,
    ) -> Result<Self, ClientError> {
        let Credentials { user, password } = credentials;
        let pair = Zeroizing::new(format!("{user}:{}", **password));
        let header = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
        let session = Self::new(servers, tls, patience);
        session.connect(&header, operation).await?;
        if session.state.lock().token.is_empty() {
            let message = "the server took the credentials and gave no token; is it a Pintail server?";
            return Err(ClientError::new(code::CONNECTION_FAILED, "08001", message));
        }
        Ok(session)
    }

    /// Goes on with the session that a token names.
    ///
    /// # Errors
    /// That of a token which is refused; `CONNECTION_FAILED` when no server could be reached in the time for that.
    pub async fn resume(
        servers: Vec<ServerUri>,
        tls: ClientTls,
        patience: Patience,
        token: Zeroizing<String>,
        operation: &Operation,
    ) -> Result<Self, ClientError> {
        let session = Self::new(servers, tls, patience);
        session.state.lock().token = token;
        let header = session.bearer();
        session.connect(&header, operation).await?;
        Ok(session)
    }

    fn new(servers: Vec<ServerUri>, tls: ClientTls, patience: Patience) -> Self {
        Self { servers, tls, patience, state: Mutex::default(), attaching: tokio::sync::Mutex::default() }
    }

    /// An operation with this session's deadline.
    pub fn operation(&self) -> Operation {
        Operation::new(self.patience.deadline)
    }

    /// What names the session: whoever has it has the session. It must not be shown.
    pub fn token(&self) -> Zeroizing<String> {
        self.state.lock().token.clone()
    }

    /// The part of the token that names the session without giving it away.
    pub fn id(&self) -> Option<String> {
        Some(self.state.lock().token.split('.').nth(1)?.to_owned())
    }

    /// The server that is connected to, or is tried next.
    pub fn server(&self) -> Option<ServerUri> {
        self.servers.get(self.state.lock().at).cloned()
    }

    /// What the server says it can do beyond Flight SQL.
    pub fn features(&self) -> Vec<String> {
        self.state.lock().features.iter().cloned().collect()
    }

    /// How often the session was brought to a server again after a break.
    pub fn reattachments(&self) -> u64 {
        self.state.lock().reattachments
    }

    /// What could not be brought along when other nodes took the session over, so far.
    pub fn lost(&self) -> Vec<Lost> {
        self.state.lock().lost.all()
    }

    /// What was lost since this was asked last.
    pub fn take_untold(&self) -> Vec<Lost> {
        self.state.lock().lost.take_untold()
    }

    /// Ends the session on the server.
    ///
    /// # Errors
    /// When no server could be told; it ends by itself then, when nobody has used it for as long as the server keeps one.
    pub async fn close(&self) -> Result<(), ClientError> {
        let operation = Operation::new(CLOSING.min(self.patience.deadline));
        let closed = self.act(&operation, "CloseSession", Bytes::new()).await;
        match closed {
            // One that has ended has, as was asked for.
            Err(error) if !error.is_session_over() => Err(error),
            _ => Ok(()),
        }
    }

    /// Does an action that can be done again; the body of its result, empty if it has none.
    pub(super) async fn act(&self, operation: &Operation, name: &str, body: Bytes) -> Result<Bytes, ClientError> {
        self.perform(operation, Repeat::Always, async |link: Link| self.act_on(link, name, body.clone()).await).await
    }

    /// Does an action once, on the connection as it is, whatever else is under way on it.
    pub(super) async fn act_beside(&self, name: &str, body: Bytes, patience: Duration) -> Result<Bytes, ClientError> {
        let Some(link) = self.link() else {
            return Err(ClientError::new(code::CONNECTION_BROKEN, "08006", "there is no connection at the moment"));
        };
        let late = || ClientError::new("DEADLINE_EXCEEDED", "57014", "the server did not answer in time");
        tokio::time::timeout(patience, self.act_on(link, name, body)).await.map_err(|_elapsed| late())?
    }

    async fn act_on(&self, mut link: Link, name: &str, body: Bytes) -> Result<Bytes, ClientError> {
        let action = Action { r#type: name.to_owned(), body };
        let answer = self.heard(link.calls.do_action(self.request(action, &[])?).await)?;
        let mut results = answer.into_inner();
        let mut body = Bytes::new();
        while let Some(result) = results.next().await {
            body = result.map_err(|status| self.failure(&status))?.body;
        }
        Ok(body)
    }

    /// The connection as it is, if there is one.
    pub(super) fn link(&self) -> Option<Link> {
        self.state.lock().link.clone()
    }

    /// Does what calls the server, again after failures that another try may mend.
    ///
    /// # Errors
    /// Those of `work` that are for good; `OUTCOME_UNKNOWN` when nobody knows whether a write was done.
    pub(super) async fn perform<T>(
        &self,
        operation: &Operation,
        repeat: Repeat,
        work: impl AsyncFn(Link) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let mut unknown: Option<ClientError> = None;
        let told = |unknown: &Option<ClientError>, error: ClientError| match unknown {
            Some(lost) => ClientError::outcome_unknown(lost),
            None => error,
        };
        loop {
            let attached = match operation.check() {
                Ok(()) => self.attached(operation).await,
                Err(cancelled) => Err(cancelled),
            };
            let link = attached.map_err(|error| told(&unknown, error))?;
            // The node that has the session now may be of another version.
            if let Some(lost) = unknown.as_ref().filter(|_| !self.may(repeat)) {
                return Err(ClientError::outcome_unknown(lost));
            }
            let error = match work(link.clone()).await {
                Ok(done) => {
                    operation.budget.lock().settle();
                    return Ok(done);
                }
                Err(error) => error,
            };
            self.note(&error, &link, operation);
            if error.effect == Effect::Final {
                return Err(if error.is_session_over() { told(&unknown, error) } else { error });
            }
            if error.effect == Effect::Unknown && repeat == Repeat::ById {
                unknown = Some(error.clone());
                if !self.may(repeat) {
                    return Err(told(&unknown, error));
                }
            }
            if !operation.pause().await {
                return Err(match operation.check() {
                    Err(cancelled) => told(&unknown, cancelled),
                    Ok(()) => told(&unknown, error),
                });
            }
        }
    }

    fn may(&self, repeat: Repeat) -> bool {
        repeat == Repeat::Always || self.can(KNOWS_REQUESTS)
    }

    /// Whether the server has a feature.
    pub(super) fn can(&self, feature: &str) -> bool {
        self.state.lock().features.contains(feature)
    }

    /// Takes note that a call has failed: the next one goes elsewhere, if that may help.
    pub(super) fn note(&self, error: &ClientError, link: &Link, operation: &Operation) {
        if error.is_session_over() {
            self.state.lock().ended = Some(error.clone());
        }
        // A server that answers can be asked again, once the session has been moved about enough.
        if error.elsewhere && (error.is_connection() || operation.budget.lock().may_reattach()) {
            self.leave(link);
        }
    }

    /// Gives a connection up, and not the session. The next call makes another, to the next server.
    fn leave(&self, link: &Link) {
        let mut state = self.state.lock();
        if state.link.as_ref().is_some_and(|current| current.number == link.number) {
            state.link = None;
            state.at = (state.at + 1) % self.servers.len().max(1);
        }
    }

    /// The connection, made again if it was given up.
    async fn attached(&self, operation: &Operation) -> Result<Link, ClientError> {
        let _one_at_a_time = self.attaching.lock().await;
        let current = {
            let state = self.state.lock();
            if let Some(ended) = &state.ended {
                return Err(ended.clone());
            }
            state.link.clone()
        };
        if let Some(link) = current {
            return Ok(link);
        }
        if !operation.budget.lock().may_reattach() {
            let message = "the connection broke again after every time it was made anew";
            return Err(ClientError::new(code::CONNECTION_BROKEN, "08006", message));
        }
        let header = self.bearer();
        let link = self.connect(&header, operation).await?;
        operation.budget.lock().reattached();
        self.state.lock().reattachments += 1;
        Ok(link)
    }

    /// A connection to the first server, from the current one on, that takes the credentials.
    async fn connect(&self, credentials: &str, operation: &Operation) -> Result<Link, ClientError> {
        let mut tried = 0_usize;
        loop {
            let uri = self.server().ok_or_else(|| ClientError::unreachable(&"the server", "no URI was given"))?;
            self.state.lock().features.clear();
            let left = operation.budget.lock().left().min(HANDSHAKE).max(Duration::from_millis(100));
            let shaken = async {
                let calls = channel::connect(&uri, &self.tls, self.patience.keepalive).await?;
                self.handshake(calls, credentials).await
            };
            let shaken = tokio::select! {
                shaken = tokio::time::timeout(left, shaken) => {
                    shaken.unwrap_or_else(|_elapsed| Err(ClientError::unreachable(&uri, "it did not answer in time")))
                }
                () = operation.cancelled() => return Err(ClientError::cancelled()),
            };
            let error = match shaken {
                Ok(calls) => {
                    let mut state = self.state.lock();
                    state.links += 1;
                    let link = Link { calls, number: state.links };
                    state.link = Some(link.clone());
                    return Ok(link);
                }
                Err(error) => error,
            };
            if error.effect == Effect::Final {
                if error.is_session_over() {
                    self.state.lock().ended = Some(error.clone());
                }
                return Err(error);
            }
            // Nothing is lost when a handshake breaks.
            let error = match error.code == code::CONNECTION_BROKEN {
                true => ClientError::unreachable(&uri, &format!("{}{}", error.message, self.tls.hint(&uri))),
                false => error,
            };
            tried += 1;
            {
                let mut state = self.state.lock();
                state.at = (state.at + 1) % self.servers.len().max(1);
            }
            // All servers are tried before there is a pause.
            if tried.is_multiple_of(self.servers.len().max(1)) && !operation.pause().await {
                operation.check()?;
                return Err(error);
            }
        }
    }

    async fn handshake(&self, mut calls: Calls, credentials: &str) -> Result<Calls, ClientError> {
        let mut request = Request::new(stream::empty::<HandshakeRequest>());
        request.metadata_mut().insert("authorization", sensitive(credentials)?);
        let mut answers = self.heard(calls.handshake(request).await)?.into_inner();
        while let Some(answer) = answers.next().await {
            answer.map_err(|status| self.failure(&status))?;
        }
        Ok(calls)
    }

    fn bearer(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{BEARER}{}", *self.state.lock().token))
    }

    /// A call of the session, with headers of its own.
    pub(super) fn request<T>(&self, message: T, headers: &[(&'static str, String)]) -> Result<Request<T>, ClientError> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", sensitive(&self.bearer())?);
        for (name, value) in headers {
            let value =
                value.parse().map_err(|_| ClientError::malformed("a header with other characters than ASCII"))?;
            request.metadata_mut().insert(*name, value);
        }
        Ok(request)
    }

    /// Takes what an answer says of the session.
    pub(super) fn heard<T>(
        &self,
        answer: Result<tonic::Response<T>, tonic::Status>,
    ) -> Result<tonic::Response<T>, ClientError> {
        match answer {
            Ok(answer) => {
                self.hear(answer.metadata());
                Ok(answer)
            }
            Err(status) => Err(self.failure(&status)),
        }
    }

    /// What a status says, of the call and of the session.
    pub(super) fn failure(&self, status: &tonic::Status) -> ClientError {
        self.hear(status.metadata());
        ClientError::of_status(status)
    }

    fn hear(&self, headers: &MetadataMap) {
        let text = |name| headers.get(name).and_then(|value: &AsciiMetadataValue| value.to_str().ok());
        let mut state = self.state.lock();
        if let Some(token) = text("authorization").and_then(|value| value.strip_prefix(BEARER)) {
            state.token = Zeroizing::new(token.to_owned());
        }
        if let Some(features) = text("x-pintail-features") {
            state.features = features.split(',').map(|word| word.trim().to_owned()).collect();
        }
        if let Some(lost) = text("x-pintail-session-lost") {
            state.lost.hear(lost);
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session(..)")
    }
}

/// The header that names one write, and all tries of it.
pub(super) fn request_header() -> (&'static str, String) {
    ("x-pintail-request-id", Uuid::new_v4().to_string())
}

fn sensitive(text: &str) -> Result<AsciiMetadataValue, ClientError> {
    // The text is left out of the message: it is a secret.
    let mut value: AsciiMetadataValue = text.parse().map_err(|_| {
        ClientError::new(
            "CREDENTIALS_MALFORMED",
            "28000",
            "the token has characters that no token has; give it as it was handed out",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}
