//! Which files SQL may read and write: those below the directories that the operator allowed, and no other, however a path
//! is written and whatever links lead to. There is no store for URLs of other schemes at all.

use std::fmt;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::common::DataFusionError;
use datafusion::execution::object_store::ObjectStoreRegistry;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
use url::Url;

use super::datasets::{DatasetFiles, SCHEME};
use super::errors::carried;
use crate::error::{Error, ErrorCode};

/// The stores that statements reach: files of this machine, as far as they are allowed, and datasets.
#[derive(Debug)]
pub(super) struct Stores {
    files: Arc<dyn ObjectStore>,
    datasets: Arc<dyn ObjectStore>,
}

impl Stores {
    pub(super) fn new(allow_files: Vec<PathBuf>, allow_writes: Vec<PathBuf>, datasets: DatasetFiles) -> Self {
        // What a statement wrote may be read again.
        let read = allow_files.into_iter().chain(allow_writes.iter().cloned()).collect();
        let files = AllowedFiles { inner: LocalFileSystem::new(), read, write: allow_writes };
        Self { files: Arc::new(files), datasets: Arc::new(datasets) }
    }
}

impl ObjectStoreRegistry for Stores {
    fn register_store(&self, _url: &Url, _store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        // Nothing registers any: what there is was decided when the engine was opened.
        None
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>, DataFusionError> {
        match url.scheme() {
            "file" => Ok(Arc::clone(&self.files)),
            SCHEME => Ok(Arc::clone(&self.datasets)),
            scheme => Err(carried(Error::new(
                ErrorCode::StatementForbidden,
                format!(
                    "statements may not reach URLs of the scheme \"{scheme}\"; the operator adds such files as a dataset"
                ),
            ))),
        }
    }
}

/// The file system, closed but for some directories.
#[derive(Debug)]
struct AllowedFiles {
    inner: LocalFileSystem,
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
}

#[derive(Clone, Copy)]
enum Access {
    Read,
    Write,
}

impl AllowedFiles {
    /// The path as it is without links, if it may be accessed.
    fn admitted(&self, location: &Path, access: Access) -> Result<Path> {
        let file = self.inner.path_to_filesystem(location)?;
        let real = real_path(&file);
        let allowed = match access {
            Access::Read => &self.read,
            Access::Write => &self.write,
        };
        match real.filter(|real| allowed.iter().any(|directory| real.starts_with(directory))) {
            Some(real) => Path::from_absolute_path(real).map_err(object_store::Error::from),
            None => Err(forbidden(&file, access)),
        }
    }

    /// Whether a file that was found below an allowed directory is itself in one: a link may lead out.
    fn is_readable(&self, location: &Path) -> bool {
        self.admitted(location, Access::Read).is_ok()
    }
}

/// The path without links. What does not exist yet is where its nearest directory that exists is.
fn real_path(file: &FilePath) -> Option<PathBuf> {
    file.ancestors().find_map(|existing| {
        // A link that leads nowhere exists too, and must not be written through.
        let real = match std::fs::symlink_metadata(existing) {
            Ok(_) => std::fs::canonicalize(existing).ok(),
            Err(_) => return None,
        };
        Some(real.and_then(|real| {
            let rest = file.strip_prefix(existing).ok()?;
            Some(if rest.as_os_str().is_empty() { real } else { real.join(rest) })
        }))
    })?
}

fn forbidden(file: &FilePath, access: Access) -> object_store::Error {
    let (what, flag) = match access {
        Access::Read => ("read", "--allow-files"),
        Access::Write => ("write", "--allow-writes"),
    };
    refused(format!("statements may not {what} {}: it is below no directory of {flag}", file.display()))
}

fn refused(message: String) -> object_store::Error {
    let source = Box::new(Error::new(ErrorCode::StatementForbidden, message));
    object_store::Error::Generic { store: "files", source }
}

impl fmt::Display for AllowedFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("files")
    }
}

/// The same entry, under the path it was asked for.
fn renamed(mut meta: ObjectMeta, asked: &Path) -> ObjectMeta {
    meta.location = asked.clone();
    meta
}

#[async_trait]
impl ObjectStore for AllowedFiles {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let real = self.admitted(location, Access::Write)?;
        self.inner.put_opts(&real, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let real = self.admitted(location, Access::Write)?;
        self.inner.put_multipart_opts(&real, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let real = self.admitted(location, Access::Read)?;
        let mut result = self.inner.get_opts(&real, options).await?;
        result.meta = renamed(result.meta, location);
        Ok(result)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let real = self.admitted(location, Access::Read)?;
        self.inner.get_ranges(&real, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        locations
            .map(|location| location.and_then(|path| Err(refused(format!("statements may not delete {path}")))))
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let root = Path::default();
        let prefix = prefix.unwrap_or(&root);
        if let Err(error) = self.admitted(prefix, Access::Read) {
            return futures::stream::once(async { Err(error) }).boxed();
        }
        let filter = Self { inner: LocalFileSystem::new(), read: self.read.clone(), write: Vec::new() };
        self.inner
            .list(Some(prefix))
            .try_filter(move |meta| std::future::ready(filter.is_readable(&meta.location)))
            .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let root = Path::default();
        let prefix = prefix.unwrap_or(&root);
        self.admitted(prefix, Access::Read)?;
        let mut listed = self.inner.list_with_delimiter(Some(prefix)).await?;
        listed.objects.retain(|meta| self.is_readable(&meta.location));
        listed.common_prefixes.retain(|directory| self.is_readable(directory));
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, _options: CopyOptions) -> Result<()> {
        Err(refused(format!("statements may not copy {from} to {to}")))
    }

    async fn rename_opts(&self, from: &Path, to: &Path, _options: RenameOptions) -> Result<()> {
        Err(refused(format!("statements may not rename {from} to {to}")))
    }
}
