//! The files of datasets, as DuckDB's file system asks for them: see `dataset_files.cpp`.

use std::ffi::{c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::ptr;

use duckdb::ffi;

use super::Failure;
use super::database::Database;

/// Whether whoever asked wants no answer any more.
pub(in crate::engine::duckdb) type IsInterrupted<'a> = &'a dyn Fn() -> bool;

/// Why a call gave nothing.
#[derive(Debug)]
pub(in crate::engine::duckdb) enum Stopped {
    /// It was interrupted.
    Interrupted,
    /// It failed; the text is what DuckDB reports.
    Failed(String),
}

/// What there is to be read under `dataset://`. DuckDB calls it from any of its threads, and is blocked by it.
pub(in crate::engine::duckdb) trait DatasetFiles: Send + Sync {
    /// Opens the file at a path.
    fn open(&self, path: &str, interrupted: IsInterrupted<'_>) -> Result<Box<dyn DatasetFile>, Stopped>;

    /// Tells the files whose paths match a pattern.
    fn glob(
        &self,
        pattern: &str,
        interrupted: IsInterrupted<'_>,
        add: &mut dyn FnMut(ListedFile<'_>),
    ) -> Result<(), Stopped>;
}

/// A file that matches a pattern.
pub(in crate::engine::duckdb) struct ListedFile<'a> {
    pub(in crate::engine::duckdb) path: &'a str,
    pub(in crate::engine::duckdb) size: u64,
    /// Microseconds since 1970.
    pub(in crate::engine::duckdb) modified: i64,
    /// What changes whenever the file does.
    pub(in crate::engine::duckdb) version: &'a str,
    /// Whether DuckDB opens it itself.
    pub(in crate::engine::duckdb) is_local: bool,
}

/// An open file.
pub(in crate::engine::duckdb) trait DatasetFile: Send + Sync {
    /// Bytes.
    fn size(&self) -> u64;

    /// Microseconds since 1970.
    fn modified(&self) -> i64;

    /// What changes whenever the file does.
    fn version(&self) -> &str;

    /// Where it is, if it is on this machine: then DuckDB opens it itself, and reads nothing of this one.
    fn local_path(&self) -> Option<PathBuf>;

    /// Fills `into` with what stands from `offset` on.
    fn read(&self, offset: u64, into: &mut [u8], interrupted: IsInterrupted<'_>) -> Result<(), Stopped>;
}

type RawIsInterrupted = unsafe extern "C" fn(*mut c_void) -> bool;
type RawAdd = unsafe extern "C" fn(*mut c_void, *const c_char, usize, u64, i64, *const c_char, usize, bool);

#[repr(C)]
struct RawFile {
    size: u64,
    modified_micros: i64,
    local: bool,
}

#[repr(C)]
struct RawCalls {
    registry: *mut c_void,
    open: unsafe extern "C" fn(
        *mut c_void,
        *const c_char,
        usize,
        RawIsInterrupted,
        *mut c_void,
        *mut RawFile,
        *mut c_void,
        *mut c_void,
    ) -> *mut c_void,
    read:
        unsafe extern "C" fn(*mut c_void, u64, *mut c_void, usize, RawIsInterrupted, *mut c_void, *mut c_void) -> bool,
    close: unsafe extern "C" fn(*mut c_void),
    glob: unsafe extern "C" fn(
        *mut c_void,
        *const c_char,
        usize,
        RawIsInterrupted,
        *mut c_void,
        RawAdd,
        *mut c_void,
        *mut c_void,
    ) -> bool,
    drop: unsafe extern "C" fn(*mut c_void),
}

unsafe extern "C" {
    fn pintail_text_set(target: *mut c_void, text: *const c_char, length: usize);
    fn pintail_dataset_files_register(database: ffi::duckdb_database, calls: *const RawCalls) -> bool;
}

/// What DuckDB keeps: a thin pointer to it goes through the calls.
struct Registry(Box<dyn DatasetFiles>);

/// See [`Registry`].
struct OpenFile(Box<dyn DatasetFile>);

impl Database {
    /// Makes files known under `dataset://`, for as long as the database is open.
    ///
    /// # Errors
    /// When they are known already.
    pub(in crate::engine::duckdb) fn register_dataset_files(
        &self,
        files: Box<dyn DatasetFiles>,
    ) -> Result<(), Failure> {
        let registry = Box::into_raw(Box::new(Registry(files))).cast();
        let calls = RawCalls { registry, open, read, close, glob, drop: drop_registry };
        // SAFETY: the database is open; the calls are copied; the registry lives until `drop_registry` is called, which
        // happens once, also when this fails.
        match unsafe { pintail_dataset_files_register(self.handle(), &calls) } {
            true => Ok(()),
            false => Err(Failure::new("the file system of the datasets could not be registered")),
        }
    }
}

/// Does `work`, and tells a failure. A panic must not unwind into DuckDB.
///
/// # Safety
/// `failure` is a text that `pintail_text_set` takes.
unsafe fn guarded<R>(failure: *mut c_void, work: impl FnOnce() -> Result<R, Stopped>) -> Option<R> {
    let told = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => return Some(done),
        Ok(Err(Stopped::Interrupted)) => return None,
        Ok(Err(Stopped::Failed(text))) => text,
        Err(_) => "reading a dataset failed in the server".to_owned(),
    };
    // SAFETY: a live target, as the caller guarantees; the text is copied.
    unsafe { pintail_text_set(failure, told.as_ptr().cast(), told.len()) };
    None
}

/// The text that DuckDB handed over; what is no UTF-8 is no path of a file.
///
/// # Safety
/// `text` points at `length` bytes that stay as they are for the lifetime chosen.
unsafe fn lent_text<'a>(text: *const c_char, length: usize) -> Result<&'a str, Stopped> {
    // SAFETY: as the caller guarantees.
    let bytes = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length) };
    std::str::from_utf8(bytes).map_err(|_| Stopped::Failed("the path of a file of a dataset is UTF-8".to_owned()))
}

/// # Safety
/// `registry` is a live [`Registry`]; the path has `length` bytes; `is_interrupted` takes `context`; `file` is writable;
/// `text` and `failure` are texts that `pintail_text_set` takes.
unsafe extern "C" fn open(
    registry: *mut c_void,
    path: *const c_char,
    length: usize,
    is_interrupted: RawIsInterrupted,
    context: *mut c_void,
    file: *mut RawFile,
    text: *mut c_void,
    failure: *mut c_void,
) -> *mut c_void {
    let work = || {
        // SAFETY: live for the call, as the caller guarantees.
        let registry = unsafe { &*registry.cast::<Registry>() };
        // SAFETY: as the caller guarantees.
        let path = unsafe { lent_text(path, length) }?;
        // SAFETY: it takes this context, as the caller guarantees.
        let opened = registry.0.open(path, &|| unsafe { is_interrupted(context) })?;
        let local = opened.local_path();
        let told = match &local {
            Some(path) => path.to_str().ok_or_else(|| {
                Stopped::Failed("the path of a file of a dataset on this machine is not UTF-8".to_owned())
            })?,
            None => opened.version(),
        };
        // SAFETY: a live target, as the caller guarantees; the text is copied.
        unsafe { pintail_text_set(text, told.as_ptr().cast(), told.len()) };
        let known = RawFile { size: opened.size(), modified_micros: opened.modified(), local: local.is_some() };
        // SAFETY: writable, as the caller guarantees.
        unsafe { file.write(known) };
        Ok(Box::into_raw(Box::new(OpenFile(opened))).cast())
    };
    // SAFETY: `failure` is as the caller guarantees.
    unsafe { guarded(failure, work) }.unwrap_or(ptr::null_mut())
}

/// # Safety
/// `file` is a live [`OpenFile`]; the buffer has `length` bytes that nothing else uses during the call; `is_interrupted`
/// takes `context`; `failure` is a text that `pintail_text_set` takes.
unsafe extern "C" fn read(
    file: *mut c_void,
    offset: u64,
    buffer: *mut c_void,
    length: usize,
    is_interrupted: RawIsInterrupted,
    context: *mut c_void,
    failure: *mut c_void,
) -> bool {
    if length == 0 {
        return true;
    }
    let work = || {
        // SAFETY: live for the call, as the caller guarantees.
        let file = unsafe { &*file.cast::<OpenFile>() };
        // SAFETY: memory of DuckDB's for the call alone, as the caller guarantees; any byte is a valid one.
        let into = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length) };
        // SAFETY: it takes this context, as the caller guarantees.
        file.0.read(offset, into, &|| unsafe { is_interrupted(context) })
    };
    // SAFETY: `failure` is as the caller guarantees.
    unsafe { guarded(failure, work) }.is_some()
}

/// # Safety
/// `file` came from [`open`], and is not used after this.
unsafe extern "C" fn close(file: *mut c_void) {
    // SAFETY: made by `Box::into_raw`, and dropped only here, as the caller guarantees.
    let file = unsafe { Box::from_raw(file.cast::<OpenFile>()) };
    // A panic must not unwind into DuckDB; there is nobody to be told of it.
    let _panicked = catch_unwind(AssertUnwindSafe(|| drop(file)));
}

/// # Safety
/// As for [`open`]; `add` takes `target`.
unsafe extern "C" fn glob(
    registry: *mut c_void,
    pattern: *const c_char,
    length: usize,
    is_interrupted: RawIsInterrupted,
    context: *mut c_void,
    add: RawAdd,
    target: *mut c_void,
    failure: *mut c_void,
) -> bool {
    let work = || {
        // SAFETY: live for the call, as the caller guarantees.
        let registry = unsafe { &*registry.cast::<Registry>() };
        // SAFETY: as the caller guarantees.
        let pattern = unsafe { lent_text(pattern, length) }?;
        let mut add = |file: ListedFile<'_>| {
            let (path, version) = (file.path, file.version);
            // SAFETY: it takes this target, as the caller guarantees, and copies the texts.
            unsafe {
                add(
                    target,
                    path.as_ptr().cast(),
                    path.len(),
                    file.size,
                    file.modified,
                    version.as_ptr().cast(),
                    version.len(),
                    file.is_local,
                );
            }
        };
        // SAFETY: it takes this context, as the caller guarantees.
        registry.0.glob(pattern, &|| unsafe { is_interrupted(context) }, &mut add)
    };
    // SAFETY: `failure` is as the caller guarantees.
    unsafe { guarded(failure, work) }.is_some()
}

/// # Safety
/// `registry` was made by [`Database::register_dataset_files`], and is not used after this.
unsafe extern "C" fn drop_registry(registry: *mut c_void) {
    // SAFETY: made by `Box::into_raw`, and dropped only here, as the caller guarantees.
    let registry = unsafe { Box::from_raw(registry.cast::<Registry>()) };
    // A panic must not unwind into DuckDB; there is nobody to be told of it.
    let _panicked = catch_unwind(AssertUnwindSafe(|| drop(registry)));
}
