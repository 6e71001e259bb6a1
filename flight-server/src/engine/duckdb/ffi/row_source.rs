//! Rows that a statement reads while they come, in parallel and in order: see `row_source.cpp`.

use std::ffi::{CString, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::task::{Wake, Waker};

use duckdb::ffi;

use super::connection::{Connection, RawConnection};
use super::logical_type::LogicalType;
use super::vector::Physical;
use super::writable::WritableChunk;
use super::{Failure, c_string};

/// How a statement reads the rows that come to its connection.
pub(in crate::engine::duckdb) const COMING_ROWS: &str = "system.main.pintail_rows()";

/// What gives the parts of the rows.
pub(in crate::engine::duckdb) trait Feeder: Send {
    /// A part of the rows.
    type Part: Part;

    /// The next part. When it has not come yet, `waker` is to be woken as soon as it may have.
    fn next(&mut self, waker: &Waker) -> Next<Self::Part>;
}

/// What a feeder gives.
pub(in crate::engine::duckdb) enum Next<P> {
    /// Rows.
    Part(P),
    /// None have come yet.
    NotYet,
    /// All have been given.
    End,
    /// There will be no more, and the statement is to fail.
    Failed,
}

/// Rows that one thread reads from the first to the last.
pub(in crate::engine::duckdb) trait Part: Send {
    /// Goes on to the next rows, and tells how many they are: at most [`WritableChunk::CAPACITY`], and 0 behind the last. `None`
    /// makes the statement fail.
    fn advance(&mut self) -> Option<usize>;

    /// Writes them. What it does not copy has to stay where it is until it advances. `None` makes the statement fail.
    fn write<'part>(&'part self, chunk: &mut WritableChunk<'part>) -> Option<()>;
}

#[repr(C)]
struct RawRowSource {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    fn pintail_row_source_register(connection: ffi::duckdb_connection) -> bool;
    fn pintail_row_source_create() -> *mut RawRowSource;
    fn pintail_row_source_open(
        connection: ffi::duckdb_connection,
        source: *mut RawRowSource,
        feeder: *mut c_void,
        next: unsafe extern "C" fn(*mut c_void, *mut *mut c_void) -> i32,
        write: unsafe extern "C" fn(*mut c_void, ffi::duckdb_data_chunk) -> i64,
        free: unsafe extern "C" fn(*mut c_void),
        types: *mut ffi::duckdb_logical_type,
        names: *const *const c_char,
        count: u64,
    ) -> bool;
    fn pintail_row_source_wake(source: *mut RawRowSource);
    fn pintail_row_source_close(connection: ffi::duckdb_connection, source: *mut RawRowSource);
    fn pintail_row_source_destroy(source: *mut RawRowSource);
}

impl Connection {
    /// Makes the function of the instance by which statements read [`COMING_ROWS`]. To be called once an instance.
    ///
    /// # Errors
    /// When there is one of that name.
    pub(in crate::engine::duckdb) fn register_coming_rows(&self) -> Result<(), Failure> {
        // SAFETY: the connection is open.
        let is_there = unsafe { pintail_row_source_register(self.handle()) };
        let failure = || Failure::new("Internal Error: the function by which rows come could not be made");
        if is_there { Ok(()) } else { Err(failure()) }
    }
}

/// The source itself, which whoever wakes it keeps.
struct Handle(*mut RawRowSource);

// SAFETY: the source has a lock of its own; only its last holder destroys it.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Wake for Handle {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // SAFETY: the source lives as long as its handle, and any thread may wake it.
        unsafe { pintail_row_source_wake(self.0) };
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: made by `pintail_row_source_create`, destroyed only here.
        unsafe { pintail_row_source_destroy(self.0) };
    }
}

/// What DuckDB's calls come with.
struct Fed<F> {
    feeder: F,
    waker: Waker,
    physical: Arc<[Physical]>,
}

/// A part with how its columns are laid out.
struct Lent<P> {
    part: P,
    physical: Arc<[Physical]>,
}

/// The rows that come to a connection, as long as it lives. There is one a connection at a time.
pub(in crate::engine::duckdb) struct RowSource {
    handle: Arc<Handle>,
    connection: Arc<RawConnection>,
    /// Made by `Box::into_raw`, and what frees it.
    feeder: *mut c_void,
    free: unsafe fn(*mut c_void),
}

// SAFETY: a source belongs to whoever holds it; its feeder is `Send`, and the source's lock orders the calls to it.
unsafe impl Send for RowSource {}

impl RowSource {
    /// Lets the statements of `connection` read, as [`COMING_ROWS`], what `feeder` gives.
    ///
    /// # Errors
    /// For want of memory.
    pub(in crate::engine::duckdb) fn open<F: Feeder>(
        connection: &Connection,
        names: &[&str],
        types: &[LogicalType],
        feeder: F,
    ) -> Result<Self, Failure> {
        if names.len() != types.len() {
            return Err(Failure::new("Internal Error: rows to be ingested have not as many names as types"));
        }
        let names: Vec<CString> = names.iter().map(|name| c_string(name)).collect::<Result<_, _>>()?;
        let raw_names: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        let mut raw_types: Vec<_> = types.iter().map(LogicalType::raw).collect();
        // SAFETY: nothing is asked of the caller.
        let raw = unsafe { pintail_row_source_create() };
        if raw.is_null() {
            return Err(no_memory());
        }
        let handle = Arc::new(Handle(raw));
        let waker = Waker::from(Arc::clone(&handle));
        let physical = types.iter().map(LogicalType::physical).collect();
        let feeder = Box::into_raw(Box::new(Fed { feeder, waker, physical })).cast();
        let source = Self { handle, connection: Arc::clone(connection.raw()), feeder, free: free_feeder::<F> };
        // SAFETY: connection and source are live, the arrays have as many live elements as is said, which are copied; the feeder
        // lives until the source is closed, in `Drop`, and the callbacks get it and its parts as what they are.
        let is_open = unsafe {
            pintail_row_source_open(
                source.connection.handle,
                source.handle.0,
                feeder,
                next::<F>,
                write::<F::Part>,
                free_part::<F::Part>,
                raw_types.as_mut_ptr(),
                raw_names.as_ptr(),
                raw_types.len() as u64,
            )
        };
        if is_open { Ok(source) } else { Err(no_memory()) }
    }
}

fn no_memory() -> Failure {
    Failure::new("Out of Memory Error: rows could not be prepared for the engine")
}

impl Drop for RowSource {
    fn drop(&mut self) {
        // SAFETY: connection and source are live. After it the feeder is not used by others.
        unsafe { pintail_row_source_close(self.connection.handle, self.handle.0) };
        // SAFETY: made by `Box::into_raw` of what `free` frees, and only here, when nothing else can use it.
        unsafe { (self.free)(self.feeder) };
    }
}

/// # Safety
/// `feeder` was made by `Box::into_raw` of a `Fed<F>`, and nothing uses it.
unsafe fn free_feeder<F>(feeder: *mut c_void) {
    // SAFETY: as the caller guarantees.
    drop(unsafe { Box::from_raw(feeder.cast::<Fed<F>>()) });
}

/// # Safety
/// `feeder` is a `Fed<F>` that nothing else uses during the call; `out` can be written.
unsafe extern "C" fn next<F: Feeder>(feeder: *mut c_void, out: *mut *mut c_void) -> i32 {
    // SAFETY: as the caller guarantees.
    let fed = unsafe { &mut *feeder.cast::<Fed<F>>() };
    // A panic must not unwind into DuckDB.
    match catch_unwind(AssertUnwindSafe(|| fed.feeder.next(&fed.waker))) {
        Ok(Next::Part(part)) => {
            let lent = Box::into_raw(Box::new(Lent { part, physical: Arc::clone(&fed.physical) }));
            // SAFETY: as the caller guarantees.
            unsafe { ptr::write(out, lent.cast()) };
            1
        }
        Ok(Next::NotYet) => 0,
        Ok(Next::End) => 2,
        Ok(Next::Failed) | Err(_) => -1,
    }
}

/// # Safety
/// `part` is a `Lent<P>` that nothing else uses during the call. `chunk` is live, has the columns that the source was opened with,
/// room for as many rows as a chunk has, and is read before the next call for the part.
unsafe extern "C" fn write<P: Part>(part: *mut c_void, chunk: ffi::duckdb_data_chunk) -> i64 {
    // SAFETY: as the caller guarantees.
    let lent = unsafe { &mut *part.cast::<Lent<P>>() };
    // A panic must not unwind into DuckDB.
    let written = catch_unwind(AssertUnwindSafe(|| {
        let rows = lent.part.advance()?;
        if rows > 0 {
            // SAFETY: as the caller guarantees.
            let mut chunk = unsafe { WritableChunk::lent(chunk, Arc::clone(&lent.physical), rows) }?;
            lent.part.write(&mut chunk)?;
        }
        i64::try_from(rows).ok()
    }));
    written.ok().flatten().unwrap_or(-1)
}

/// # Safety
/// `part` was made by `Box::into_raw` of a `Lent<P>`, and nothing uses it.
unsafe extern "C" fn free_part<P>(part: *mut c_void) {
    // SAFETY: as the caller guarantees.
    drop(unsafe { Box::from_raw(part.cast::<Lent<P>>()) });
}
