//! The network between the nodes: it can be cut between any two of them, and nothing tells that it is.

use std::collections::{HashMap, HashSet};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use http::Uri;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::mpsc::UnboundedSender;

use crate::peer::{Dial, Stream};

/// How many bytes may be under way.
const UNDER_WAY: usize = 64 << 10;

/// Where the nodes listen, and which of them don't hear each other.
#[derive(Default)]
pub(super) struct Network(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    listening: HashMap<usize, UnboundedSender<Cable>>,
    cut: HashSet<(usize, usize)>,
    /// How often each host has gone without a word: connections from before it say nothing for ever.
    vanished: HashMap<usize, u64>,
    waiting: Vec<Waker>,
}

/// The two ends of a way, whichever is first.
fn way(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

impl Network {
    /// A host takes connections.
    pub(super) fn listen(&self, host: usize, connections: UnboundedSender<Cable>) {
        self.0.lock().listening.insert(host, connections);
    }

    /// It takes none any more.
    pub(super) fn close(&self, host: usize) {
        self.0.lock().listening.remove(&host);
    }

    /// Nothing goes through between two hosts, or again.
    pub(super) fn set_cut(&self, a: usize, b: usize, cut: bool) {
        let mut inner = self.0.lock();
        if cut {
            inner.cut.insert(way(a, b));
        } else {
            inner.cut.remove(&way(a, b));
            inner.waiting.drain(..).for_each(Waker::wake);
        }
    }

    /// A host goes without a word: nobody is told that its connections are no more.
    pub(super) fn vanish(&self, host: usize) {
        *self.0.lock().vanished.entry(host).or_default() += 1;
    }

    /// How often either end has vanished.
    fn vanished(&self, way: (usize, usize)) -> u64 {
        let inner = self.0.lock();
        [way.0, way.1].iter().filter_map(|host| inner.vanished.get(host)).sum()
    }

    /// Whether nothing goes through; if so, the waker is woken when it may again.
    fn is_cut(&self, way: (usize, usize), since: u64, context: &Context<'_>) -> bool {
        if self.vanished(way) != since {
            return true;
        }
        let mut inner = self.0.lock();
        let cut = inner.cut.contains(&way);
        if cut {
            inner.waiting.push(context.waker().clone());
        }
        cut
    }
}

/// The network as one host has it.
pub(super) struct Outlet {
    pub(super) network: Arc<Network>,
    pub(super) host: usize,
}

#[async_trait]
impl Dial for Outlet {
    async fn dial(&self, uri: &Uri) -> io::Result<Box<dyn Stream>> {
        let port = uri.port_u16().ok_or_else(|| io::Error::other("the address has no port"))?;
        let way = way(self.host, usize::from(port));
        let vanished = self.network.vanished(way);
        std::future::poll_fn(|context| match self.network.is_cut(way, vanished, context) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        })
        .await;
        let (near, far) = tokio::io::duplex(UNDER_WAY);
        let cable = |end| Cable { end, way, vanished, network: Arc::clone(&self.network) };
        let listening = self.network.0.lock().listening.get(&usize::from(port)).cloned();
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        listening.ok_or_else(refused)?.send(cable(far)).map_err(|_| refused())?;
        Ok(Box::new(cable(near)))
    }
}

/// One end of a connection.
pub(super) struct Cable {
    end: DuplexStream,
    way: (usize, usize),
    vanished: u64,
    network: Arc<Network>,
}

impl AsyncRead for Cable {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.network.is_cut(this.way, this.vanished, context) {
            return Poll::Pending;
        }
        Pin::new(&mut this.end).poll_read(context, buffer)
    }
}

impl AsyncWrite for Cable {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.network.is_cut(this.way, this.vanished, context) {
            return Poll::Pending;
        }
        Pin::new(&mut this.end).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().end).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().end).poll_shutdown(context)
    }
}
