//! Bringing one dataset up: opened, its columns agreed on, shown in every engine, its files seen.
//!
//! What was done is kept from one attempt to the next, so that trying again costs only what is missing.

use std::sync::Arc;
use std::time::Duration;

use session::Generation;
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::time::timeout;

use super::columns::{self, Columns};
use super::wanted::Wanted;
use crate::config::Secret;
use crate::dataset::{Definition, Source, SourceOptions};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::node::core::Core;
use crate::node::failure;

/// What was done for a dataset.
#[derive(Default)]
pub(super) struct Progress {
    source: Option<Arc<Source>>,
    columns: Option<Arc<Columns>>,
    /// The engines that show it, by their places among the node's.
    shown_in: Vec<usize>,
    /// Whether its files were seen by this node.
    is_seen: bool,
}

impl Progress {
    /// Whether its columns are known.
    pub(super) fn is_described(&self) -> bool {
        self.columns.is_some()
    }

    /// How many columns it has, as far as known.
    pub(super) fn columns(&self) -> Option<usize> {
        self.columns.as_ref().map(|columns| columns.len())
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Every engine shows it.
    Shown,
    /// Something is missing, for this reason.
    Failed(String),
    /// It is not wanted any more as it was.
    Superseded,
}

/// An attempt to bring a dataset up.
pub(super) struct Bringing {
    pub(super) core: Arc<Core>,
    pub(super) wanted: Wanted,
    pub(super) progress: Progress,
    /// Ends when the dataset is no longer wanted as it was.
    pub(super) superseded: oneshot::Receiver<()>,
}

impl Bringing {
    /// Does what is missing.
    pub(super) async fn run(mut self) -> (Progress, End) {
        let end = match self.bring().await {
            Ok(()) => End::Shown,
            Err(end) => end,
        };
        (self.progress, end)
    }

    async fn bring(&mut self) -> Result<(), End> {
        let source = self.source()?;
        let columns = self.columns(&source).await?;
        // Cutting an engine short in the middle of this could let it come through after what replaces it.
        if self.superseded.try_recv() == Err(TryRecvError::Closed) {
            return Err(End::Superseded);
        }
        let mut failures = self.put(&source, &columns).await;
        if !self.progress.is_seen {
            match self.patiently("listing its files", source.refresh_listing()).await? {
                Ok(_) => self.progress.is_seen = true,
                Err(error) => failures.push(error.message),
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(End::Failed(failures.join("; "))) }
    }

    fn source(&mut self) -> Result<Arc<Source>, End> {
        if let Some(source) = &self.progress.source {
            return Ok(Arc::clone(source));
        }
        let definition = self.wanted.definition.clone().map_err(End::Failed)?;
        let datasets = &self.core.options.datasets;
        let secret = secret(&definition, &datasets.secrets).map_err(End::Failed)?;
        let options = SourceOptions { refresh: datasets.refresh };
        let source = Source::open(definition, secret, &options).map_err(|error| End::Failed(error.message))?;
        Ok(Arc::clone(self.progress.source.insert(Arc::new(source))))
    }

    /// The columns: those of the store, or, when this node is the first to describe the dataset, what it finds.
    async fn columns(&mut self, source: &Arc<Source>) -> Result<Arc<Columns>, End> {
        if let Some(columns) = &self.progress.columns {
            return Ok(Arc::clone(columns));
        }
        let columns = match &self.wanted.columns {
            Some(text) => read(text)?,
            None => {
                let described = self.describe(source).await?;
                self.progress.is_seen = true;
                self.agree(described).await?
            }
        };
        Ok(Arc::clone(self.progress.columns.insert(Arc::new(columns))))
    }

    /// Asks one engine after the other, until one can tell.
    async fn describe(&mut self, source: &Arc<Source>) -> Result<Columns, End> {
        let mut failures = Vec::new();
        let core = Arc::clone(&self.core);
        for engine in &core.engines {
            match self.patiently("describing it", engine.describe_dataset(source)).await? {
                Ok(columns) => return Ok(columns),
                Err(error) => failures.push((engine.name(), error.message)),
            }
        }
        Err(End::Failed(said_by_all(failures)))
    }

    /// Fixes the columns for all nodes, and returns those that are.
    async fn agree(&mut self, described: Columns) -> Result<Columns, End> {
        if self.wanted.generation == Generation::CONFIGURED {
            return Ok(described);
        }
        let text = columns::to_text(&described);
        let (core, name, generation) = (Arc::clone(&self.core), self.wanted.name.clone(), self.wanted.generation);
        let fixing = core.store.set_dataset_columns(&name, generation, &text);
        let fixing = async { fixing.await.map_err(|error| failure::of_store(&error)) };
        match self.patiently("agreeing on its columns with the other nodes", fixing).await? {
            Ok(Some(fixed)) if fixed == text => Ok(described),
            Ok(Some(fixed)) => read(&fixed),
            Ok(None) => Err(End::Superseded),
            Err(error) => Err(End::Failed(error.message)),
        }
    }

    /// Shows it in the engines that do not show it yet, and returns why some can't.
    async fn put(&mut self, source: &Arc<Source>, columns: &Columns) -> Vec<String> {
        let patience = self.core.options.datasets.patience;
        let mut failures = Vec::new();
        for (place, engine) in self.core.engines.iter().enumerate() {
            if self.progress.shown_in.contains(&place) {
                continue;
            }
            let put = timeout(patience, engine.put_dataset(source, columns)).await;
            match put.unwrap_or_else(|_| Err(too_slow("showing it", patience))) {
                Ok(()) => self.progress.shown_in.push(place),
                Err(error) => failures.push(format!("{}: {}", engine.name(), error.message)),
            }
        }
        failures
    }

    /// Waits for a step that may be cut short at any moment.
    async fn patiently<T>(&mut self, what: &str, step: impl Future<Output = Result<T>>) -> Result<Result<T>, End> {
        let patience = self.core.options.datasets.patience;
        tokio::select! {
            done = timeout(patience, step) => Ok(done.unwrap_or_else(|_| Err(too_slow(what, patience)))),
            _ = &mut self.superseded => Err(End::Superseded),
        }
    }
}

/// Takes a dataset away from all engines, and returns why some could not.
pub(super) async fn take_away(engines: &[Arc<dyn Engine>], name: &str, patience: Duration) -> Result<(), String> {
    let mut failures = Vec::new();
    for engine in engines {
        let removed = timeout(patience, engine.remove_dataset(name)).await;
        if let Err(error) = removed.unwrap_or_else(|_| Err(too_slow("removing it", patience))) {
            failures.push(format!("{}: {}", engine.name(), error.message));
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
}

/// The secret that a dataset names.
fn secret<'a>(definition: &Definition, secrets: &'a [Secret]) -> Result<Option<&'a Secret>, String> {
    let Some(name) = &definition.secret else { return Ok(None) };
    match secrets.iter().find(|secret| secret.name() == name) {
        Some(secret) => Ok(Some(secret)),
        None => Err(format!(
            "it needs the secret {name}, which the configuration of this node does not have; add [secrets.{name}] to it"
        )),
    }
}

fn read(text: &str) -> Result<Columns, End> {
    columns::from_text(text).ok_or_else(|| {
        End::Failed(
            "another version of the server described its columns in a way this one does not know; use one version on all \
             nodes, then `pintail dataset refresh`"
                .to_owned(),
        )
    })
}

/// What engines said: once where all said the same, as when the files can't be read at all.
fn said_by_all(said: Vec<(&'static str, String)>) -> String {
    match said.split_first() {
        Some(((_, first), rest)) if rest.iter().all(|(_, other)| other == first) => first.clone(),
        _ => said.iter().map(|(engine, text)| format!("{engine}: {text}")).collect::<Vec<_>>().join("; "),
    }
}

fn too_slow(what: &str, patience: Duration) -> Error {
    Error::new(
        crate::error::ErrorCode::DatasetUnreadable,
        format!("{what} took longer than {}", humantime::format_duration(patience)),
    )
}
