//! Results whose client can go on with them: one that breaks off is not thrown away at once.
//!
//! The client asks for the ticket again with the mark of its last batch. If the node still has the result, because its connection
//! broke a moment ago or because nobody has noticed yet that it did, the call takes it over, and nothing is run again: what was
//! sent last is remembered, for as much as may have been under way; also when all of it was sent.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::stream::Stream;
use parking_lot::Mutex;
use session::SessionId;
use tokio::time::Instant;
use tonic::Status;

use super::connection::ConnectionEnd;
use super::ended::Ended;
use super::marks::{Mark, changed};
use super::row_message::RowMessage;
use super::status::status;
use super::uncopied::RowMessages;
use crate::error::{Error, ErrorCode, Result};
use crate::node::{Node, QueryId};

/// How much of what was sent is remembered, in bytes: more than the windows and buffers between a server and its client hold.
const REMEMBERED: usize = 32 << 20;

/// How often it is looked whether a paused result is still to be waited for.
const LOOK: Duration = Duration::from_millis(100);

/// Which result: a part of those of a query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) session: SessionId,
    pub(super) query: QueryId,
    pub(super) part: u32,
}

/// The results of a node that are being sent to clients which can go on with them, or wait for these.
pub(super) struct Streams {
    node: Arc<Node>,
    open: Mutex<HashMap<Key, Arc<Slot>>>,
    /// Those of which all was sent.
    ended: Arc<Ended>,
}

impl Streams {
    pub(super) fn new(node: Arc<Node>) -> Arc<Self> {
        let ended = Ended::new(node.options().stream_grace);
        Arc::new(Self { node, open: Mutex::default(), ended })
    }

    /// The place of a result whose client goes on with it; `behind` is what the client has.
    pub(super) fn place(self: &Arc<Self>, key: Key, behind: Option<Mark>) -> Place {
        Place { streams: Arc::clone(self), key, behind }
    }
}

/// Where a result is kept whose client can go on with it.
pub struct Place {
    streams: Arc<Streams>,
    key: Key,
    behind: Option<Mark>,
}

impl Place {
    /// The rest of the result, if the node has it.
    ///
    /// # Errors
    /// `RESULT_CHANGED` when the node has the result, and it had other rows.
    pub(super) fn take_over(&self, end: Option<ConnectionEnd>) -> Result<Option<RowMessages>> {
        let (Some(behind), Some(slot)) = (self.behind, self.streams.open.lock().get(&self.key).cloned()) else {
            return Ok(None);
        };
        let mut state = slot.state.lock();
        let Some(again) = state.sent_behind(behind)? else { return Ok(None) };
        let (holder, is_rest) = (state.next_holder(), state.messages.is_none());
        let messages = state.header.clone().into_iter().chain(again).collect();
        drop(state);
        Ok(Some(Box::pin(Held { slot, holder, end, first: messages, is_rest, is_over: false })))
    }

    /// The same messages, kept for the client while they are sent, and for a time after they broke off.
    pub(super) fn hold(
        self,
        messages: impl Stream<Item = Result<RowMessage, Status>> + Send + 'static,
        end: Option<ConnectionEnd>,
    ) -> RowMessages {
        let state = State { messages: Some(Box::pin(messages)), ..State::default() };
        let streams = Arc::downgrade(&self.streams);
        let slot = Arc::new(Slot { key: self.key.clone(), streams, state: Mutex::new(state) });
        // An earlier one is of no use to a client that begins anew.
        let earlier = self.streams.open.lock().insert(self.key, Arc::clone(&slot));
        if let Some(earlier) = earlier {
            earlier.end();
        }
        Box::pin(Held { slot, holder: 0, end, first: VecDeque::new(), is_rest: false, is_over: false })
    }
}

/// A result that is being sent, or waits.
pub(super) struct Slot {
    key: Key,
    streams: Weak<Streams>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// `None` once all were sent.
    messages: Option<RowMessages>,
    /// The schema.
    header: Option<RowMessage>,
    /// What was sent last.
    sent: VecDeque<(Mark, RowMessage)>,
    sent_bytes: usize,
    /// The mark before the first of these.
    before: Option<Mark>,
    /// Which of the calls for it reads it: the last one.
    holder: u64,
    /// Wakes that call.
    waker: Option<Waker>,
}

impl State {
    /// What was sent behind a mark, if all of that is remembered.
    fn sent_behind(&self, behind: Mark) -> Result<Option<Vec<RowMessage>>> {
        let marks = self.before.iter().copied().chain(self.sent.iter().map(|(mark, _)| *mark));
        for mark in marks {
            if mark.batches() == behind.batches() {
                return match mark == behind {
                    true => {
                        let again = self.sent.iter().filter(|(mark, _)| mark.batches() > behind.batches());
                        Ok(Some(again.map(|(_, message)| message.clone()).collect()))
                    }
                    false => Err(changed(behind)),
                };
            }
        }
        Ok(None)
    }

    fn next_holder(&mut self) -> u64 {
        self.holder += 1;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        self.holder
    }

    fn remember(&mut self, message: &RowMessage) {
        let mark = std::str::from_utf8(&message.metadata).ok().and_then(Mark::parse);
        let Some(mark) = mark else {
            self.header.get_or_insert_with(|| message.clone());
            return;
        };
        self.sent_bytes += message.body.len();
        self.sent.push_back((mark, message.clone()));
        while self.sent_bytes > REMEMBERED && self.sent.len() > 1 {
            let Some((mark, oldest)) = self.sent.pop_front() else { break };
            self.sent_bytes -= oldest.body.len();
            self.before = Some(mark);
        }
    }
}

impl Slot {
    /// Forgets it, and drops what computes it.
    pub(super) fn end(&self) {
        if let Some(streams) = self.streams.upgrade() {
            let mut open = streams.open.lock();
            if open.get(&self.key).is_some_and(|slot| std::ptr::eq(&raw const **slot, self)) {
                open.remove(&self.key);
            }
        }
        let forgotten = {
            let mut state = self.state.lock();
            state.next_holder();
            // Whoever has found it just now finds nothing to go on with.
            let holder = state.holder;
            std::mem::replace(&mut *state, State { holder, ..State::default() })
        };
        drop(forgotten);
    }

    /// Keeps what was sent last of a result that ended, as many bytes: nobody knows yet whether they arrive.
    fn keep_end(self: &Arc<Self>, bytes: usize) {
        match self.streams.upgrade() {
            Some(streams) => streams.ended.keep(Arc::clone(self), bytes),
            None => self.end(),
        }
    }

    /// Waits for its client, as long as it is to be waited for.
    async fn wait(self: Arc<Self>, holder: u64) {
        let Some(grace) = self.streams.upgrade().map(|streams| streams.node.options().stream_grace) else { return };
        let until = Instant::now() + grace;
        while Instant::now() < until && self.state.lock().holder == holder {
            // The client of a node that drains goes on with it at another.
            if self.streams.upgrade().is_none_or(|streams| streams.node.is_draining()) {
                break;
            }
            tokio::time::sleep(LOOK.min(until - Instant::now())).await;
        }
        if self.state.lock().holder == holder {
            self.end();
        }
    }
}

/// A result, on its way by one call.
struct Held {
    slot: Arc<Slot>,
    holder: u64,
    /// That of the call's connection.
    end: Option<ConnectionEnd>,
    /// What is sent before the rest: the schema, and what the client did not get.
    first: VecDeque<RowMessage>,
    /// Whether nothing follows these.
    is_rest: bool,
    is_over: bool,
}

impl Stream for Held {
    type Item = Result<RowMessage, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.is_over {
            return Poll::Ready(None);
        }
        if let Some(message) = this.first.pop_front() {
            return Poll::Ready(Some(Ok(message)));
        }
        if this.is_rest {
            this.is_over = true;
            return Poll::Ready(None);
        }
        let mut state = this.slot.state.lock();
        let (true, Some(messages)) = (state.holder == this.holder, &mut state.messages) else {
            this.is_over = true;
            return Poll::Ready(Some(Err(status(&taken_over()))));
        };
        let next = match messages.as_mut().poll_next(context) {
            Poll::Pending => {
                state.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(next) => next,
        };
        match &next {
            Some(Ok(message)) => state.remember(message),
            Some(Err(_)) => {
                drop(state);
                this.is_over = true;
                this.slot.end();
            }
            None => {
                // Whoever takes it over from now on finds the rest of it.
                let (ended, bytes) = (state.messages.take(), state.sent_bytes);
                drop(state);
                drop(ended);
                this.is_over = true;
                this.slot.keep_end(bytes);
            }
        }
        Poll::Ready(next)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.is_over || self.slot.state.lock().holder != self.holder {
            return;
        }
        let broke = self.end.as_ref().is_some_and(ConnectionEnd::has_come);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if broke => drop(runtime.spawn(Arc::clone(&self.slot).wait(self.holder))),
            // Its client has given it up.
            _ => self.slot.end(),
        }
    }
}

fn taken_over() -> Error {
    Error::new(ErrorCode::StatementCancelled, "another call goes on with this result")
}
