//! What DuckDB's file system reads under `dataset://`: the sources of the datasets, on an I/O runtime of their own, so that
//! a thread of DuckDB's that waits for bytes keeps no async worker busy.

use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectMeta;
use parking_lot::{Mutex, RwLock};
use tokio::runtime::{Handle, Runtime};

use super::ffi::{DatasetFile, DatasetFiles, IsInterrupted, ListedFile, Stopped};
use crate::dataset::{Source, pattern};
use crate::error::{Error, Result};

/// What the paths of datasets' files begin with.
pub(super) const SCHEME: &str = "dataset://";
/// What the text of a failure begins with, so that it is known again when DuckDB reports it.
pub(super) const FAILURE: &str = "Dataset Error: ";

/// How often it is asked whether a statement that waits was interrupted.
const ASK: Duration = Duration::from_millis(50);
/// Files up to this size are read whole at once: asking twice takes longer than the bytes that were not needed.
const SMALL: u64 = 1 << 20;
/// Threads that drive connections; the bytes are copied by DuckDB's own.
const THREADS: usize = 2;

/// The datasets that DuckDB can read, by the lower-case names that stand in paths.
pub(super) struct Registry {
    sources: RwLock<HashMap<String, Arc<Source>>>,
    runtime: Handle,
    /// Taken when it is dropped.
    owned: Option<Runtime>,
}

impl Registry {
    /// An empty registry.
    ///
    /// # Errors
    /// When the threads can't be started.
    pub(super) fn new() -> Result<Arc<Self>> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("dataset-io")
            .enable_all()
            .build()
            .map_err(|error| {
                Error::internal(format!("the threads that read datasets could not be started: {error}"))
            })?;
        let handle = runtime.handle().clone();
        Ok(Arc::new(Self { sources: RwLock::default(), runtime: handle, owned: Some(runtime) }))
    }

    /// Makes a source readable under a name, in place of another one.
    pub(super) fn put(&self, name: &str, source: Arc<Source>) {
        self.sources.write().insert(name.to_ascii_lowercase(), source);
    }

    /// Takes a source away. What is being read of it goes on.
    pub(super) fn remove(&self, name: &str) {
        self.sources.write().remove(&name.to_ascii_lowercase());
    }

    /// The source that a path is of, its name, and the path within it.
    fn find<'a>(&self, path: &'a str) -> std::result::Result<(Arc<Source>, &'a str, &'a str), Stopped> {
        let rest = path.strip_prefix(SCHEME).unwrap_or(path);
        let (name, inner) = rest.split_once('/').unwrap_or((rest, ""));
        match self.sources.read().get(&name.to_ascii_lowercase()) {
            Some(source) => Ok((Arc::clone(source), name, inner)),
            None => Err(Stopped::Failed(format!("{FAILURE}there is no dataset \"{name}\""))),
        }
    }

    /// The partition columns of a dataset.
    pub(super) fn partitions(&self, source: &Source) -> Result<Vec<String>> {
        self.runtime.block_on(source.partitions())
    }

    fn wait<R>(
        &self,
        interrupted: IsInterrupted<'_>,
        work: impl Future<Output = Result<R>>,
    ) -> std::result::Result<R, Stopped> {
        wait(&self.runtime, interrupted, work)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may be dropped where waiting for its threads is forbidden; nothing of theirs has to be finished.
        if let Some(runtime) = self.owned.take() {
            runtime.shutdown_background();
        }
    }
}

/// Waits for something, on a thread of DuckDB's, until it is there or nobody wants it any more.
fn wait<R>(
    runtime: &Handle,
    interrupted: IsInterrupted<'_>,
    work: impl Future<Output = Result<R>>,
) -> std::result::Result<R, Stopped> {
    let outcome = runtime.block_on(async {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                () = tokio::time::sleep(ASK) => if interrupted() { return None },
            }
        }
    });
    match outcome {
        Some(Ok(done)) => Ok(done),
        Some(Err(error)) => Err(Stopped::Failed(format!("{FAILURE}{}", error.message))),
        None => Err(Stopped::Interrupted),
    }
}

impl DatasetFiles for Arc<Registry> {
    fn open(&self, path: &str, interrupted: IsInterrupted<'_>) -> std::result::Result<Box<dyn DatasetFile>, Stopped> {
        let (source, _, inner) = self.find(path)?;
        let files = self.wait(interrupted, source.files())?;
        // Only what was listed is opened, so that no path leads anywhere else.
        let listed = files.binary_search_by(|file| file.location.as_ref().cmp(inner)).ok();
        let Some(meta) = listed.and_then(|index| files.get(index)).cloned() else {
            let name = source.name();
            let message =
                format!("{FAILURE}the dataset \"{name}\" has no file {inner}; run the statement again if it had");
            return Err(Stopped::Failed(message));
        };
        let local = source.local_path(&meta.location);
        let local = local.map_err(|error| Stopped::Failed(format!("{FAILURE}{}", error.message)))?;
        let version = source.version(&meta);
        let runtime = self.runtime.clone();
        Ok(Box::new(OpenFile { source, meta, version, local, runtime, whole: Mutex::default() }))
    }

    fn glob(
        &self,
        path: &str,
        interrupted: IsInterrupted<'_>,
        add: &mut dyn FnMut(ListedFile<'_>),
    ) -> std::result::Result<(), Stopped> {
        let (source, name, inner) = self.find(path)?;
        let files = self.wait(interrupted, source.files())?;
        let is_local = source.definition().url.scheme() == "file";
        for file in files.iter().filter(|file| pattern::matches(inner, file.location.as_ref())) {
            let version = if is_local { String::new() } else { source.version(file) };
            add(ListedFile {
                path: &format!("{SCHEME}{name}/{}", file.location),
                size: file.size,
                modified: file.last_modified.timestamp_micros(),
                version: &version,
                is_local,
            });
        }
        Ok(())
    }
}

/// A file that DuckDB reads.
struct OpenFile {
    source: Arc<Source>,
    meta: ObjectMeta,
    version: String,
    local: Option<PathBuf>,
    runtime: Handle,
    /// All of it, once something of it was wanted, when it is small.
    whole: Mutex<Option<Vec<u8>>>,
}

impl DatasetFile for OpenFile {
    fn size(&self) -> u64 {
        self.meta.size
    }

    fn modified(&self) -> i64 {
        self.meta.last_modified.timestamp_micros()
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn local_path(&self) -> Option<PathBuf> {
        self.local.clone()
    }

    fn read(&self, offset: u64, into: &mut [u8], interrupted: IsInterrupted<'_>) -> std::result::Result<(), Stopped> {
        let end = offset.checked_add(into.len() as u64).filter(|end| *end <= self.meta.size);
        let (Some(end), Ok(from)) = (end, usize::try_from(offset)) else {
            let (name, path) = (self.source.name(), &self.meta.location);
            let message = format!(
                "{FAILURE}the dataset \"{name}\" can't be read: the file {path} is damaged: it points beyond its end"
            );
            return Err(Stopped::Failed(message));
        };
        if self.meta.size > SMALL {
            return wait(&self.runtime, interrupted, self.source.read(&self.meta, offset, into));
        }
        let mut whole = self.whole.lock();
        if whole.is_none() {
            let mut bytes = vec![0; usize::try_from(self.meta.size).unwrap_or_default()];
            wait(&self.runtime, interrupted, self.source.read(&self.meta, 0, &mut bytes))?;
            *whole = Some(bytes);
        }
        let bytes = whole.as_deref().unwrap_or_default();
        if let Some(part) = bytes.get(from..usize::try_from(end).unwrap_or(usize::MAX)) {
            into.copy_from_slice(part);
        }
        Ok(())
    }
}
