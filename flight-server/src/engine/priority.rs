//! Statements give way to the server itself.
//!
//! With more runnable statements than cores, the tasks that answer health checks, move bytes and renew the node's lease
//! would wait among them, and a node that renews too late gives its sessions up. So engine threads run at a lower priority:
//! they still get every cycle nobody else wants.

use std::cell::Cell;

/// By how much: a statement's thread then weighs about a tenth of the server's own.
const NICENESS: i32 = 10;

/// Lowers the priority of the current thread, once, and of the threads it starts from then on.
pub(super) fn give_way() {
    thread_local! {
        static GIVES_WAY: Cell<bool> = const { Cell::new(false) };
    }
    if !GIVES_WAY.replace(true)
        && let Err(error) = rustix::process::nice(NICENESS)
    {
        tracing::debug!(%error, "the priority of an engine thread was not lowered");
    }
}
