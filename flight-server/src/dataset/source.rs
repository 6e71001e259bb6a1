//! The files of a dataset, as engines read them.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore};

use super::definition::{Definition, Format};
use super::failure::Reason;
use super::files::Files;
use super::place::{self, Place};
use super::store;
use super::view::{self, View};
use crate::config::Secret;
use crate::error::{Error, Result};

/// The most bytes that are asked for at once: what is larger is asked for in parts, several at a time, so that none takes
/// as long as a request may.
const PART: usize = 8 << 20;
/// How many parts are on their way at a time.
const PARTS: usize = 4;

/// How a dataset is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceOptions {
    /// For how long a listing of its files is taken as true.
    pub refresh: Duration,
}

impl Default for SourceOptions {
    fn default() -> Self {
        Self { refresh: Duration::from_secs(30) }
    }
}

/// A dataset whose files can be listed and read. Engines reach them through it alone, so that both see the same files, and
/// no credential ever gets into an engine.
pub struct Source {
    definition: Definition,
    files: Arc<Files>,
    store: Arc<dyn ObjectStore>,
    identity: u64,
}

impl Source {
    /// Opens a dataset with a secret, or with the credentials that the environment has (`AWS_*`, `GOOGLE_*`, `AZURE_*`).
    /// Nothing is reached for.
    ///
    /// # Errors
    /// `OPTION_INVALID` when its URL, or the secret for it, can't be used.
    pub fn open(definition: Definition, secret: Option<&Secret>, options: &SourceOptions) -> Result<Self> {
        let place = Place::of(&definition)?;
        let store = store::open(&definition, secret)?;
        let files = Arc::new(Files::new(&definition, place, store, options.refresh));
        let store = Arc::new(View::new(Arc::clone(&files)));
        let mut hasher = DefaultHasher::new();
        (&definition.url, &definition.secret).hash(&mut hasher);
        Ok(Self { definition, files, store, identity: hasher.finish() })
    }

    /// What it was said to be.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Its name, which is that of its table.
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// What its files hold.
    pub fn format(&self) -> Format {
        self.definition.format
    }

    /// Its files by paths relative to the dataset's root, `year=2024/part.parquet`. Reads only; a listing is answered
    /// from [`Source::files`]. The source of its errors is the [`Error`] to tell a client.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Its data files, sorted by path: listed once a refresh interval. Files that are hidden (a path segment that begins
    /// with `_` or `.`) or empty are left out. There is at least one.
    ///
    /// # Errors
    /// `DATASET_UNREADABLE`, without any credential.
    pub async fn files(&self) -> Result<Arc<[ObjectMeta]>> {
        Ok(self.files.current().await?.files)
    }

    /// Its data files as they are now. What is asked for at once is listed once.
    ///
    /// # Errors
    /// As [`Source::files`].
    pub async fn refresh_listing(&self) -> Result<Arc<[ObjectMeta]>> {
        Ok(self.files.refreshed().await?.files)
    }

    /// The hive partition columns that the paths of its files have, in their order: `year` of `year=2024/part.parquet`.
    /// There are none when the files differ in theirs.
    ///
    /// # Errors
    /// As [`Source::files`].
    pub async fn partitions(&self) -> Result<Vec<String>> {
        let files = self.files().await?;
        let mut all = files.iter().map(|file| place::partition_keys(file.location.as_ref()));
        let Some(first) = all.next() else { return Ok(Vec::new()) };
        let same = all.all(|keys| keys.len() == first.len() && keys.iter().all(|key| first.contains(key)));
        Ok(if same { first.into_iter().map(str::to_owned).collect() } else { Vec::new() })
    }

    /// Where a listed file of a dataset on this machine (a `file:` URL) is; `None` for one elsewhere.
    ///
    /// # Errors
    /// `DATASET_UNREADABLE` when it is a link out of the dataset's directory.
    pub fn local_path(&self, path: &Path) -> Result<Option<PathBuf>> {
        self.files.local_path(path).map_err(|reason| reason.error(&self.definition.name, path.as_ref()))
    }

    /// What tells this file, as it is, from every other one: it changes with the file, and with where the dataset is.
    pub fn version(&self, file: &ObjectMeta) -> String {
        let tag = file.e_tag.as_deref().unwrap_or_default();
        format!("{:x} {} {} {tag}", self.identity, file.size, file.last_modified.timestamp_micros())
    }

    /// Fills `into` with what stands in a file from `offset` on.
    ///
    /// # Errors
    /// As [`Source::files`]; also when the file is shorter, or is not this one any more.
    pub async fn read(&self, file: &ObjectMeta, offset: u64, into: &mut [u8]) -> Result<()> {
        let parts = into.chunks_mut(PART).enumerate().map(|(index, part)| {
            let offset = offset + (index * PART) as u64;
            self.read_part(file, offset, part)
        });
        stream::iter(parts).buffer_unordered(PARTS).try_collect::<()>().await
    }

    async fn read_part(&self, file: &ObjectMeta, offset: u64, into: &mut [u8]) -> Result<()> {
        let path = &file.location;
        let range = GetRange::Bounded(offset..offset + into.len() as u64);
        let options = GetOptions { range: Some(range), if_match: view::strong_tag(file), ..GetOptions::default() };
        let opened = self.store.get_opts(path, options).await.map_err(|error| self.failure(path, &error))?;
        if opened.meta.size != file.size {
            return Err(Reason::Changed.error(self.name(), path.as_ref()));
        }
        let mut bytes = opened.into_stream();
        let mut filled = 0;
        while let Some(some) = bytes.try_next().await.map_err(|error| self.failure(path, &error))? {
            let Some(target) = into.get_mut(filled..filled + some.len()) else { break };
            target.copy_from_slice(&some);
            filled += some.len();
        }
        if filled < into.len() {
            return Err(Reason::TooShort.error(self.name(), path.as_ref()));
        }
        Ok(())
    }

    /// The error that [`Source::store`] wrapped, or one that tells as much.
    fn failure(&self, path: &Path, error: &object_store::Error) -> Error {
        let mut next = std::error::Error::source(error);
        while let Some(cause) = next {
            if let Some(error) = cause.downcast_ref::<Error>() {
                return error.clone();
            }
            next = cause.source();
        }
        Reason::of(error).error(self.name(), path.as_ref())
    }
}

/// A path of a `file:` URL, whose root is that of this machine.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Definition { name, format, secret, .. } = &self.definition;
        let scheme = self.definition.url.scheme();
        f.debug_struct("Source")
            .field("name", name)
            .field("scheme", &scheme)
            .field("format", format)
            .field("secret", secret)
            .finish_non_exhaustive()
    }
}
