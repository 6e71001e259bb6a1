//! The files of all datasets as one store: the first part of a path says which dataset it is in.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::{Path, PathPart};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::RwLock;

use crate::dataset::Source;

type Stores = HashMap<String, Arc<dyn ObjectStore>>;

/// The stores of all datasets, each in a directory of its own. Reads only.
#[derive(Debug, Clone, Default)]
pub(in crate::engine::datafusion) struct DatasetFiles(Arc<RwLock<Stores>>);

impl DatasetFiles {
    pub(super) fn put(&self, directory: String, source: &Source) {
        self.0.write().insert(directory, Arc::clone(source.store()));
    }

    pub(super) fn remove(&self, directory: &str) {
        self.0.write().remove(directory);
    }

    /// The store a path is in, and the path there.
    fn within(&self, location: &Path) -> Result<(Arc<dyn ObjectStore>, Path)> {
        let mut parts = location.parts();
        let store = parts.next().and_then(|directory: PathPart<'_>| self.0.read().get(directory.as_ref()).cloned());
        let path: Path = parts.collect();
        let missing = || Error::NotFound {
            path: path.to_string(),
            source: "its dataset was removed or replaced while it was read".into(),
        };
        Ok((store.ok_or_else(missing)?, path.clone()))
    }
}

impl fmt::Display for DatasetFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("datasets")
    }
}

fn read_only<R>() -> Result<R> {
    let source = "datasets are read only".into();
    Err(Error::NotSupported { source })
}

#[async_trait]
impl ObjectStore for DatasetFiles {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let (store, path) = self.within(location)?;
        let mut result = store.get_opts(&path, options).await?;
        result.meta.location = location.clone();
        Ok(result)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let (store, path) = self.within(location)?;
        store.get_ranges(&path, ranges).await
    }

    fn list(&self, _prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        // Datasets list their own files.
        futures::stream::once(async { read_only() }).boxed()
    }

    async fn list_with_delimiter(&self, _prefix: Option<&Path>) -> Result<ListResult> {
        read_only()
    }

    async fn put_opts(&self, _location: &Path, _payload: PutPayload, _options: PutOptions) -> Result<PutResult> {
        read_only()
    }

    async fn put_multipart_opts(
        &self,
        _location: &Path,
        _options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        read_only()
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        locations.map(|location| location.and_then(|_| read_only())).boxed()
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        read_only()
    }
}
