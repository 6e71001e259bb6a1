//! The batch that becomes a message.
//!
//! To compress one takes milliseconds, in which a thread of the network would serve nobody else, and there are few of these. It is
//! done on a thread of its own.

use std::task::{Context, Poll, ready};

use arrow::array::RecordBatch;
use futures::FutureExt as _;
use tokio::task::{JoinHandle, spawn_blocking};

use super::row_message::{BatchEncoder, RowMessage};
use crate::error::{Error, Result};

/// Makes messages of a result's batches, one at a time.
pub(super) struct Encoding(State);

enum State {
    Idle(BatchEncoder),
    Waiting(BatchEncoder, RecordBatch),
    Compressing(JoinHandle<(BatchEncoder, Result<RowMessage>)>),
    /// A batch could not be encoded.
    Failed,
}

impl Encoding {
    pub(super) fn new(encoder: BatchEncoder) -> Self {
        Self(State::Idle(encoder))
    }

    /// Whether it is at no batch.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.0, State::Idle(_))
    }

    /// Whether a batch given to it becomes a message by itself, while others are sent.
    pub(super) fn goes_ahead(&self) -> bool {
        matches!(&self.0, State::Idle(encoder) if encoder.compresses())
    }

    /// Gives it a batch, when it is idle.
    pub(super) fn put(&mut self, batch: RecordBatch) {
        self.0 = match std::mem::replace(&mut self.0, State::Failed) {
            State::Idle(mut encoder) if encoder.compresses() => State::Compressing(spawn_blocking(move || {
                let message = encoder.batch(&batch);
                (encoder, message)
            })),
            State::Idle(encoder) => State::Waiting(encoder, batch),
            busy => busy,
        };
    }

    /// The message of the batch that it was given.
    ///
    /// # Errors
    /// `INTERNAL` when the batch is of another schema, or can't be written. Nothing comes after it.
    pub(super) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<RowMessage>> {
        if let State::Compressing(compressing) = &mut self.0 {
            let compressed = ready!(compressing.poll_unpin(cx));
            return Poll::Ready(match compressed {
                Ok((encoder, message)) => {
                    self.0 = State::Idle(encoder);
                    message
                }
                Err(_) => {
                    self.0 = State::Failed;
                    Err(Error::internal("the task that compresses rows ended"))
                }
            });
        }
        Poll::Ready(match std::mem::replace(&mut self.0, State::Failed) {
            State::Waiting(mut encoder, batch) => {
                let message = encoder.batch(&batch);
                self.0 = State::Idle(encoder);
                message
            }
            _ => Err(Error::internal("a message was asked for without a batch")),
        })
    }
}
