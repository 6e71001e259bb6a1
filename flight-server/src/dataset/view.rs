//! A dataset's files as an object store of their own, which is all that engines get to see of the real one.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};

use super::attempt::{Attempts, attempt};
use super::failure::{Reason, into_store};
use super::files::{Files, Listing};

type Result<T> = object_store::Result<T>;

/// The files of a dataset by paths relative to its root: those that were listed, to be read only. A file that is another
/// than was listed is not read.
pub(super) struct View {
    files: Arc<Files>,
}

impl View {
    pub(super) fn new(files: Arc<Files>) -> Self {
        Self { files }
    }

    async fn listing(&self) -> Result<Listing> {
        self.files.current().await.map_err(|error| into_store(error, None))
    }

    fn read_only(&self) -> object_store::Error {
        let message = format!("the dataset \"{}\" is there to be read, and can't be written", self.files.dataset);
        object_store::Error::NotSupported { source: message.into() }
    }
}

/// A file that is being read.
struct Reading {
    files: Arc<Files>,
    meta: ObjectMeta,
    full_path: Path,
    options: GetOptions,
    attempts: Attempts,
}

impl Reading {
    fn failure(&self, reason: Reason) -> object_store::Error {
        let path = self.meta.location.as_ref();
        into_store(reason.error(&self.files.dataset, path), (reason == Reason::Missing).then_some(path))
    }

    async fn open(&self) -> Result<GetResult> {
        let open = || self.files.store.get_opts(&self.full_path, self.options.clone());
        let mut opened = attempt(open).await.map_err(|reason| self.failure(reason))?;
        opened.meta.location = self.meta.location.clone();
        Ok(opened)
    }

    /// The bytes of a stream; where it breaks off, the rest is asked for again.
    fn resumed(self, bytes: BoxStream<'static, Result<Bytes>>, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
        let next = |(mut reading, mut bytes, mut range): (Self, BoxStream<'static, Result<Bytes>>, Range<u64>)| async move {
            loop {
                let reason = match bytes.next().await {
                    Some(Ok(some)) => {
                        range.start += some.len() as u64;
                        reading.attempts.reset();
                        return Ok(Some((some, (reading, bytes, range))));
                    }
                    None if range.start >= range.end => return Ok(None),
                    None => Reason::TooShort,
                    Some(Err(error)) => Reason::of(&error),
                };
                if !reading.attempts.again(reason).await {
                    return Err(reading.failure(reason));
                }
                reading.options.range = Some(GetRange::Bounded(range.clone()));
                bytes = reading.open().await?.into_stream();
            }
        };
        stream::try_unfold((self, bytes, range), next).boxed()
    }
}

#[async_trait]
impl ObjectStore for View {
    async fn get_opts(&self, location: &Path, mut options: GetOptions) -> Result<GetResult> {
        let listing = self.listing().await?;
        let Some(meta) = listing.get(location) else {
            let error = Reason::Missing.error(&self.files.dataset, location.as_ref());
            return Err(into_store(error, Some(location.as_ref())));
        };
        if options.head {
            let range = 0..meta.size;
            let payload = GetResultPayload::Stream(stream::empty().boxed());
            return Ok(GetResult { payload, meta: meta.clone(), range, attributes: Default::default() });
        }
        self.files
            .local_path(location)
            .map_err(|reason| into_store(reason.error(&self.files.dataset, location.as_ref()), None))?;
        options.if_match = options.if_match.or_else(|| strong_tag(meta));
        let (meta, full_path) = (meta.clone(), listing.full_path(location));
        let reading = Reading { files: Arc::clone(&self.files), meta, full_path, options, attempts: Attempts::new() };
        let mut opened = reading.open().await?;
        if let GetResultPayload::Stream(bytes) = opened.payload {
            opened.payload = GetResultPayload::Stream(reading.resumed(bytes, opened.range.clone()));
        }
        Ok(opened)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (files, prefix) = (Arc::clone(&self.files), prefix.cloned());
        let below = async move {
            let listing = files.current().await.map_err(|error| into_store(error, None))?;
            let below = listing.files.iter().filter(|file| is_below(file, prefix.as_ref())).cloned();
            Result::Ok(stream::iter(below.map(Ok).collect::<Vec<_>>()))
        };
        stream::once(below).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let listing = self.listing().await?;
        let root = prefix.cloned().unwrap_or_default();
        let mut result = ListResult { common_prefixes: Vec::new(), objects: Vec::new() };
        for file in listing.files.iter().filter(|file| is_below(file, prefix)) {
            let Some(mut rest) = file.location.prefix_match(&root) else { continue };
            match (rest.next(), rest.next()) {
                (Some(directory), Some(_)) => {
                    let directory = root.clone().join(directory);
                    if result.common_prefixes.last() != Some(&directory) {
                        result.common_prefixes.push(directory);
                    }
                }
                (Some(_), None) => result.objects.push(file.clone()),
                _ => {}
            }
        }
        Ok(result)
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(self.read_only())
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(self.read_only())
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let files = Arc::clone(&self.files);
        paths.map(move |path| path.and_then(|_| Err(Self::new(Arc::clone(&files)).read_only()))).boxed()
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(self.read_only())
    }
}

/// The tag of a file that a request can ask for; a weak one never matches.
pub(super) fn strong_tag(file: &ObjectMeta) -> Option<String> {
    file.e_tag.clone().filter(|tag| !tag.starts_with("W/"))
}

/// Whether a file is below a directory. A file is not below itself.
fn is_below(file: &ObjectMeta, directory: Option<&Path>) -> bool {
    directory
        .is_none_or(|directory| file.location.prefix_match(directory).is_some_and(|mut rest| rest.next().is_some()))
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("dataset", &self.files.dataset).finish_non_exhaustive()
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dataset {}", self.files.dataset)
    }
}
