//! Which files a dataset has: listed once a refresh interval, by one caller for all.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::attempt::attempt;
use super::definition::{Definition, Format};
use super::failure::Reason;
use super::pattern;
use super::place::{self, Place};
use crate::error::{Error, ErrorCode, Result};

/// The files of a dataset, and where they are.
pub(super) struct Files {
    pub(super) dataset: String,
    pub(super) format: Format,
    pub(super) place: Place,
    /// Whether they are on this machine.
    is_local: bool,
    /// Its paths are those of the dataset's URL.
    pub(super) store: Arc<dyn ObjectStore>,
    refresh: Duration,
    listed: Mutex<Option<Listing>>,
    /// Held by whoever lists.
    listing: tokio::sync::Mutex<()>,
}

/// The files that there were at one time.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    /// When it was begun: what came later may not be in it.
    begun: Instant,
    /// What the paths of the files are relative to.
    pub(super) root: Path,
    /// Sorted by path.
    pub(super) files: Arc<[ObjectMeta]>,
}

impl Listing {
    /// The file at this path, relative to the dataset's root.
    pub(super) fn get(&self, path: &Path) -> Option<&ObjectMeta> {
        let index = self.files.binary_search_by(|file| file.location.as_ref().cmp(path.as_ref())).ok()?;
        self.files.get(index)
    }

    /// Where in the store a file is.
    pub(super) fn full_path(&self, path: &Path) -> Path {
        self.root.parts().chain(path.parts()).collect()
    }
}

impl Files {
    pub(super) fn new(definition: &Definition, place: Place, store: Arc<dyn ObjectStore>, refresh: Duration) -> Self {
        let (listed, listing) = (Mutex::default(), tokio::sync::Mutex::default());
        let (dataset, format) = (definition.name.clone(), definition.format);
        let is_local = definition.url.scheme() == "file";
        Self { dataset, format, place, is_local, store, refresh, listed, listing }
    }

    /// Where a file is on this machine; `None` for one elsewhere.
    ///
    /// # Errors
    /// A link leads out of the dataset's directory.
    pub(super) fn local_path(&self, path: &Path) -> Result<Option<PathBuf>, Reason> {
        if !self.is_local {
            return Ok(None);
        }
        let root = match &self.place {
            Place::Pattern { root, .. } | Place::Directory(root) => on_this_machine(root),
            Place::File(file) | Place::FileOrDirectory(file) => {
                let file = on_this_machine(file);
                if !file.is_dir() {
                    // Named by the operator, whatever it is a link to.
                    return Ok(Some(file));
                }
                file
            }
        };
        let file = path.parts().fold(root.clone(), |file, part| file.join(part.as_ref()));
        match (root.canonicalize(), file.canonicalize()) {
            (Ok(root), Ok(file)) if !file.starts_with(&root) => Err(Reason::Outside),
            (_, Ok(file)) => Ok(Some(file)),
            // Whoever opens it is told that it leads nowhere.
            (_, Err(_)) => Ok(Some(file)),
        }
    }

    /// The files as they were listed within the last refresh interval.
    pub(super) async fn current(&self) -> Result<Listing> {
        self.listed_after(|| Instant::now().checked_sub(self.refresh)).await
    }

    /// The files as they are now.
    pub(super) async fn refreshed(&self) -> Result<Listing> {
        let now = Instant::now();
        self.listed_after(|| Some(now)).await
    }

    /// A listing that was begun after the time told, which is asked again once it is this caller's turn to list.
    async fn listed_after(&self, time: impl Fn() -> Option<Instant>) -> Result<Listing> {
        let fresh = || self.listed.lock().clone().filter(|listing| time().is_none_or(|time| listing.begun >= time));
        if let Some(listing) = fresh() {
            return Ok(listing);
        }
        let _turn = self.listing.lock().await;
        // Whoever had the turn before may have listed late enough.
        if let Some(listing) = fresh() {
            return Ok(listing);
        }
        let begun = Instant::now();
        let listed = self.list().await;
        let (root, files) = listed.map_err(|reason| reason.error(&self.dataset, ""))?;
        if files.is_empty() {
            let message = format!("the dataset \"{}\" can't be read: there is no file at its URL", self.dataset);
            return Err(Error::new(ErrorCode::DatasetUnreadable, message));
        }
        let listing = Listing { begun, root, files };
        *self.listed.lock() = Some(listing.clone());
        Ok(listing)
    }

    async fn list(&self) -> Result<(Path, Arc<[ObjectMeta]>), Reason> {
        match &self.place {
            Place::File(path) => self.file(path).await,
            Place::Pattern { root, pattern } => {
                let files = self.below(root, |path| pattern::matches(pattern, path)).await?;
                Ok((root.clone(), files))
            }
            Place::Directory(root) => self.directory(root).await,
            Place::FileOrDirectory(path) => match self.file(path).await {
                Ok(file) => Ok(file),
                // Some stores answer so to the name of a directory: forbidden, or that they failed.
                Err(reason) => match self.directory(path).await {
                    Ok((_, files)) if files.is_empty() && reason != Reason::Missing => Err(reason),
                    listed => listed,
                },
            },
        }
    }

    async fn directory(&self, root: &Path) -> Result<(Path, Arc<[ObjectMeta]>), Reason> {
        let files = self.below(root, |path| place::has_extension(path, self.format)).await?;
        Ok((root.clone(), files))
    }

    async fn file(&self, path: &Path) -> Result<(Path, Arc<[ObjectMeta]>), Reason> {
        let mut file = attempt(|| self.store.head(path)).await?;
        let mut parts = path.parts().collect::<Vec<_>>();
        let name = parts.pop();
        file.location = name.into_iter().collect();
        Ok((parts.into_iter().collect(), [file].into()))
    }

    async fn below(&self, root: &Path, wanted: impl Fn(&str) -> bool) -> Result<Arc<[ObjectMeta]>, Reason> {
        let prefix = (!root.as_ref().is_empty()).then_some(root);
        let all = attempt(|| self.store.list(prefix).try_collect::<Vec<_>>()).await?;
        let relative = |mut file: ObjectMeta| {
            let location = file.location.prefix_match(root)?.collect();
            file.location = location;
            let path = file.location.as_ref();
            let is_wanted = file.size > 0 && !path.is_empty() && !place::is_hidden(path) && wanted(path);
            is_wanted.then_some(file)
        };
        let mut files = all.into_iter().filter_map(relative).collect::<Vec<_>>();
        files.sort_unstable_by(|left, right| left.location.as_ref().cmp(right.location.as_ref()));
        Ok(files.into())
    }
}

fn on_this_machine(path: &Path) -> PathBuf {
    path.parts().fold(PathBuf::from("/"), |whole, part| whole.join(part.as_ref()))
}
