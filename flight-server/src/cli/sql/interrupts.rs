//! Ctrl-C: it cancels the statement that runs.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Runtime;

use crate::client::Canceller;

/// As a shell tells of a program that an interrupt ended.
const INTERRUPTED: i32 = 130;

/// What an interrupt cancels at the moment.
#[derive(Debug, Clone)]
pub(super) struct Interrupts(Arc<Mutex<Option<Canceller>>>);

/// As long as it is there, its statement is what an interrupt cancels.
pub(super) struct Running<'a>(&'a Interrupts);

impl Interrupts {
    /// Listens from now on. While no statement runs, an interrupt ends the program if `ends` says so, and does nothing else.
    pub(super) fn listen(runtime: &Runtime, ends: bool) -> Self {
        let interrupts = Self(Arc::default());
        let heard = interrupts.clone();
        runtime.spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                match heard.0.lock().as_ref() {
                    Some(canceller) => canceller.cancel(),
                    None if ends => std::process::exit(INTERRUPTED),
                    None => {}
                }
            }
        });
        interrupts
    }

    pub(super) fn cancel(&self, canceller: Canceller) -> Running<'_> {
        *self.0.lock() = Some(canceller);
        Running(self)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *self.0.0.lock() = None;
    }
}
