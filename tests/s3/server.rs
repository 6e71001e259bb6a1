//! An S3 server over a directory, whose requests can be counted and made to fail.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s::{S3Result, s3_error};
use tokio::net::TcpListener;

/// What becomes of requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Answer {
    /// They are answered.
    #[default]
    Real,
    /// They are refused with status 403.
    Deny,
    /// They are refused with status 503.
    Busy,
    /// Every other one, the first among them, is refused with status 503.
    Stumble,
    /// They are never answered.
    Hang,
}

impl Answer {
    /// The answer of this name: `real`, `deny`, `busy`, `stumble` or `hang`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "real" => Some(Self::Real),
            "deny" => Some(Self::Deny),
            "busy" => Some(Self::Busy),
            "stumble" => Some(Self::Stumble),
            "hang" => Some(Self::Hang),
            _ => None,
        }
    }
}

/// What a server has done, and is to do.
#[derive(Debug, Default)]
pub(crate) struct Control(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Requests by the names of their operations: `ListObjectsV2`, `GetObject`, `HeadObject`, …
    requests: BTreeMap<String, u64>,
    answer: Answer,
    /// How many requests are still answered before `answer` counts.
    spared: u64,
    /// Whether it stumbled over the last request.
    stumbled: bool,
}

impl Control {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on requests get this answer, once `spared` more were answered.
    pub(crate) fn answer(&self, answer: Answer, spared: u64) {
        let mut state = self.state();
        (state.answer, state.spared) = (answer, spared);
    }

    /// The requests that came since this was last asked, by operation.
    pub(crate) fn take_requests(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.state().requests)
    }

    fn count(&self, operation: &str) -> Answer {
        let mut state = self.state();
        *state.requests.entry(operation.to_owned()).or_default() += 1;
        if state.answer == Answer::Real {
            return Answer::Real;
        }
        match state.spared.checked_sub(1) {
            Some(left) => {
                state.spared = left;
                Answer::Real
            }
            None if state.answer == Answer::Stumble => {
                state.stumbled = !state.stumbled;
                if state.stumbled { Answer::Busy } else { Answer::Real }
            }
            None => state.answer,
        }
    }
}

struct Access(Arc<Control>);

#[async_trait::async_trait]
impl S3Access for Access {
    async fn check(&self, request: &mut S3AccessContext<'_>) -> S3Result<()> {
        match self.0.count(request.s3_op().name()) {
            Answer::Real if request.credentials().is_some() => Ok(()),
            Answer::Real | Answer::Deny => Err(s3_error!(AccessDenied, "this is refused")),
            Answer::Busy | Answer::Stumble => Err(s3_error!(SlowDown, "this is too much")),
            Answer::Hang => std::future::pending().await,
        }
    }
}

/// Starts a server on a free port of 127.0.0.1: the directories in `root` are its buckets, to be opened with this key. It
/// runs as long as the runtime that this is called in.
pub(crate) async fn start(root: &Path, key: (&str, &str), control: Arc<Control>) -> std::io::Result<SocketAddr> {
    let files = s3s_fs::FileSystem::new(root).map_err(|error| std::io::Error::other(format!("{error:?}")))?;
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(key.0, key.1));
    builder.set_access(Access(control));
    let service = builder.build();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            // Else each answer waits for the other side to say that it has its first part, for 40 ms.
            let _kept = socket.set_nodelay(true);
            tokio::spawn(async move {
                // A client that breaks off is no failure of the server's.
                let _broken = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    Ok(address)
}
