//! A running statement whose chunks are handed over where they are: see `gate.cpp`.

use std::ffi::{c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use duckdb::ffi;

use super::chunk::Chunk;
use super::connection::RawConnection;
use super::statement::Prepared;
use super::{Failure, copied_text};

/// What takes the rows of a statement, on the threads that compute them; one call at a time.
pub(in crate::engine::duckdb) trait Receiver: Send {
    /// Takes rows of `chunk` from `offset` on, and tells how many it took; fewer than there are when it has enough.
    /// `None` ends the statement.
    fn take(&mut self, chunk: &Chunk, offset: usize) -> Option<usize>;

    /// Whether it has something to be fetched, so that the statement may rest.
    fn is_ready(&self) -> bool;
}

/// What takes the rows of a statement that come in parallel. Where they come in parts, one thread at a time has a part, and several
/// have parts.
pub(in crate::engine::duckdb) trait ParallelReceiver: Send + Sync {
    /// Takes rows of `chunk` from `offset` on, which are of a part (0 where there are none), and tells how many it took; fewer than
    /// there are when it has enough. `None` ends the statement.
    fn take(&self, chunk: &Chunk, offset: usize, part: u64) -> Option<usize>;

    /// Tells which part is the first of those that are not complete; whether that is another than before.
    fn advance(&self, first: u64) -> bool;

    /// Whether it has something to be fetched, so that the statement may rest.
    fn is_ready(&self) -> bool;
}

/// How the rows of a statement can go through a gate without losing DuckDB's parallelism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine::duckdb) enum Fits {
    /// They can't.
    Not,
    /// As they come.
    AsTheyCome,
    /// In parallel by parts, which have an order.
    ByParts,
    /// In parallel, without an order.
    Unordered,
}

/// What running a statement gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine::duckdb) enum Ran {
    /// The receiver has something to be fetched.
    Ready,
    /// It has taken all rows.
    Ended,
    /// The reader has left.
    Left,
}

#[repr(C)]
struct RawGate {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    fn pintail_gate_fits(
        connection: ffi::duckdb_connection,
        statement: ffi::duckdb_prepared_statement,
        keep_order: bool,
    ) -> i32;
    fn pintail_gate_open(
        connection: ffi::duckdb_connection,
        statement: ffi::duckdb_prepared_statement,
        receiver: *mut c_void,
        take: unsafe extern "C" fn(*mut c_void, ffi::duckdb_data_chunk, u64) -> i64,
        ready: unsafe extern "C" fn(*mut c_void) -> bool,
        out_pending: *mut ffi::duckdb_pending_result,
        out_begun: *mut bool,
    ) -> *mut RawGate;
    fn pintail_gate_open_parallel(
        connection: ffi::duckdb_connection,
        statement: ffi::duckdb_prepared_statement,
        receiver: *mut c_void,
        take: unsafe extern "C" fn(*mut c_void, ffi::duckdb_data_chunk, u64, u64) -> i64,
        advance: unsafe extern "C" fn(*mut c_void, u64) -> bool,
        ready: unsafe extern "C" fn(*mut c_void) -> bool,
        by_parts: bool,
        out_pending: *mut ffi::duckdb_pending_result,
        out_begun: *mut bool,
    ) -> *mut RawGate;
    fn pintail_gate_run(
        gate: *mut RawGate,
        connection: ffi::duckdb_connection,
        pending: ffi::duckdb_pending_result,
        left: *const AtomicBool,
    ) -> i32;
    fn pintail_gate_error(gate: *mut RawGate) -> *const c_char;
    fn pintail_gate_close(gate: *mut RawGate);
}

/// Whether, and how, the rows of `prepared` can go through a gate without losing DuckDB's parallelism. Without `keep_order` only
/// what the statement itself orders is in order.
pub(in crate::engine::duckdb) fn fits(prepared: &Prepared, keep_order: bool) -> Fits {
    // SAFETY: connection and statement are live.
    match unsafe { pintail_gate_fits(prepared.connection().handle, prepared.raw(), keep_order) } {
        1 => Fits::AsTheyCome,
        2 => Fits::ByParts,
        3 => Fits::Unordered,
        _ => Fits::Not,
    }
}

/// A running statement whose rows go to a receiver. Like a stream, it lives until its end, its drop, or the next statement on its
/// connection.
pub(in crate::engine::duckdb) struct Gate {
    raw: *mut RawGate,
    pending: ffi::duckdb_pending_result,
    /// Made by `Box::into_raw`, and what frees it. The statement's threads use it as its trait allows, until the gate is closed.
    receiver: *mut c_void,
    free: unsafe fn(*mut c_void),
    connection: Arc<RawConnection>,
}

// SAFETY: a gate belongs to whoever holds it; its receiver is `Send`, and the gate's lock orders the calls to it, or it is `Sync`.
unsafe impl Send for Gate {}

impl Gate {
    /// Begins `prepared` with the values bound to it. Its rows go to `receiver` as they come.
    ///
    /// # Errors
    /// DuckDB's failure.
    pub(in crate::engine::duckdb) fn open<R: Receiver>(prepared: &Prepared, receiver: R) -> Result<Self, Failure> {
        Self::begin(prepared, receiver, |connection, statement, receiver, pending, begun| {
            // SAFETY: connection and statement are live; the receiver lives until the gate is closed, in `Drop`; the callbacks
            // get it as what it is; the out pointers are live.
            unsafe { pintail_gate_open(connection, statement, receiver, take::<R>, is_ready::<R>, pending, begun) }
        })
    }

    /// The same with rows that several threads bring at a time, by parts or without an order.
    ///
    /// # Errors
    /// DuckDB's failure.
    pub(in crate::engine::duckdb) fn open_parallel<R: ParallelReceiver>(
        prepared: &Prepared,
        receiver: R,
        by_parts: bool,
    ) -> Result<Self, Failure> {
        Self::begin(prepared, receiver, |connection, statement, receiver, pending, begun| {
            let (take, advance, ready) = (take_of_part::<R>, advance::<R>, is_part_ready::<R>);
            // SAFETY: as in `open`; the receiver may be used by several threads.
            unsafe {
                pintail_gate_open_parallel(
                    connection, statement, receiver, take, advance, ready, by_parts, pending, begun,
                )
            }
        })
    }

    fn begin<R: Send>(
        prepared: &Prepared,
        receiver: R,
        open: impl FnOnce(
            ffi::duckdb_connection,
            ffi::duckdb_prepared_statement,
            *mut c_void,
            *mut ffi::duckdb_pending_result,
            *mut bool,
        ) -> *mut RawGate,
    ) -> Result<Self, Failure> {
        let connection = Arc::clone(prepared.connection());
        let receiver: *mut c_void = Box::into_raw(Box::new(receiver)).cast();
        let mut pending: ffi::duckdb_pending_result = ptr::null_mut();
        let mut begun = false;
        let raw = open(connection.handle, prepared.raw(), receiver, &mut pending, &mut begun);
        let gate = Self { raw, pending, receiver, free: free::<R>, connection };
        if raw.is_null() || pending.is_null() {
            return Err(Failure::new("Out of Memory Error: the statement could not be begun"));
        }
        if begun {
            return Ok(gate);
        }
        // SAFETY: the pending result is live and has failed; the text is copied at once.
        let message = unsafe { copied_text(ffi::duckdb_pending_error(pending)) };
        Err(Failure::new(message.unwrap_or_default()))
    }

    /// Runs the statement until the receiver has something to be fetched, all rows were taken, or the reader has `left`.
    ///
    /// # Errors
    /// DuckDB's failure, also when the receiver ended the statement.
    pub(in crate::engine::duckdb) fn run(&mut self, left: &AtomicBool) -> Result<Ran, Failure> {
        // SAFETY: gate, connection and pending result are live; the flag is a byte that C++ reads atomically too.
        match unsafe { pintail_gate_run(self.raw, self.connection.handle, self.pending, left) } {
            1 => Ok(Ran::Ready),
            0 => Ok(Ran::Ended),
            2 => Ok(Ran::Left),
            _ => {
                // SAFETY: the gate is live; the text is copied at once.
                let message = unsafe { copied_text(pintail_gate_error(self.raw)) };
                Err(Failure::new(message.unwrap_or_default()))
            }
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if !self.raw.is_null() {
            // SAFETY: made by `pintail_gate_open` or its like, closed only here. After it the receiver is not used by others.
            unsafe { pintail_gate_close(self.raw) };
        }
        if !self.pending.is_null() {
            // SAFETY: made with the gate, destroyed only here.
            unsafe { ffi::duckdb_destroy_pending(&mut self.pending) };
        }
        // SAFETY: made by `Box::into_raw` of what `free` frees, and only here, when nothing else can use it.
        unsafe { (self.free)(self.receiver) };
    }
}

/// # Safety
/// `receiver` was made by `Box::into_raw` of an `R`, and nothing uses it.
unsafe fn free<R>(receiver: *mut c_void) {
    // SAFETY: as the caller guarantees.
    drop(unsafe { Box::from_raw(receiver.cast::<R>()) });
}

/// # Safety
/// `receiver` is an `R` that nothing else uses during the call; `chunk` is live, flat, and unchanged during it.
unsafe extern "C" fn take<R: Receiver>(receiver: *mut c_void, chunk: ffi::duckdb_data_chunk, offset: u64) -> i64 {
    // SAFETY: as the caller guarantees.
    let receiver = unsafe { &mut *receiver.cast::<R>() };
    // A panic must not unwind into DuckDB.
    let taken = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the chunk outlives the call, to which the borrowed one is confined.
        let chunk = unsafe { Chunk::lent(chunk) }?;
        receiver.take(&chunk, offset as usize)
    }));
    taken.ok().flatten().and_then(|taken| i64::try_from(taken).ok()).unwrap_or(-1)
}

/// # Safety
/// `receiver` is an `R` that nothing else uses during the call.
unsafe extern "C" fn is_ready<R: Receiver>(receiver: *mut c_void) -> bool {
    // SAFETY: as the caller guarantees.
    let receiver = unsafe { &*receiver.cast::<R>() };
    receiver.is_ready()
}

/// # Safety
/// `receiver` is an `R`; `chunk` is live, flat, and unchanged during the call.
unsafe extern "C" fn take_of_part<R: ParallelReceiver>(
    receiver: *mut c_void,
    chunk: ffi::duckdb_data_chunk,
    offset: u64,
    part: u64,
) -> i64 {
    // SAFETY: as the caller guarantees; it may be used by several threads.
    let receiver = unsafe { &*receiver.cast::<R>() };
    // A panic must not unwind into DuckDB.
    let taken = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the chunk outlives the call, to which the borrowed one is confined.
        let chunk = unsafe { Chunk::lent(chunk) }?;
        receiver.take(&chunk, offset as usize, part)
    }));
    taken.ok().flatten().and_then(|taken| i64::try_from(taken).ok()).unwrap_or(-1)
}

/// # Safety
/// `receiver` is an `R`.
unsafe extern "C" fn advance<R: ParallelReceiver>(receiver: *mut c_void, first: u64) -> bool {
    // SAFETY: as the caller guarantees; it may be used by several threads.
    let receiver = unsafe { &*receiver.cast::<R>() };
    receiver.advance(first)
}

/// # Safety
/// `receiver` is an `R`.
unsafe extern "C" fn is_part_ready<R: ParallelReceiver>(receiver: *mut c_void) -> bool {
    // SAFETY: as the caller guarantees; it may be used by several threads.
    let receiver = unsafe { &*receiver.cast::<R>() };
    receiver.is_ready()
}
