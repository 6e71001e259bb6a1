//! An engine that shows datasets and tells what was asked of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use typemap::SqlType;

use crate::dataset::Source;
use crate::engine::{Engine, EngineFacts, EngineSession, Holder, StateEntry};
use crate::error::{Error, ErrorCode, Result};

/// An engine for tests of datasets. It lists the files of those it describes, and finds in each the column of its name.
pub(super) struct DatasetEngine {
    name: &'static str,
    facts: EngineFacts,
    /// The datasets that it shows, with their columns.
    shown: Mutex<BTreeMap<String, Vec<(String, SqlType)>>>,
    calls: Mutex<Vec<String>>,
    faults: Mutex<BTreeSet<(String, Fault)>>,
}

/// What goes wrong with a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    DescribeHangs,
    DescribePanics,
    PutFails,
    RemoveFails,
}

impl DatasetEngine {
    pub(super) fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self {
            name,
            facts: EngineFacts::default(),
            shown: Mutex::default(),
            calls: Mutex::default(),
            faults: Mutex::default(),
        })
    }

    /// What was asked of it since the last time: `describe d`, `put d(column type)`, `remove d`.
    pub(super) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.calls.lock())
    }

    /// The names of the datasets that it shows.
    pub(super) fn shown(&self) -> Vec<String> {
        self.shown.lock().keys().cloned().collect()
    }

    pub(super) fn set(&self, dataset: &str, fault: Fault, is_so: bool) {
        let fault = (dataset.to_owned(), fault);
        if is_so {
            self.faults.lock().insert(fault);
        } else {
            self.faults.lock().remove(&fault);
        }
    }

    fn has(&self, dataset: &str, fault: Fault) -> bool {
        self.faults.lock().contains(&(dataset.to_owned(), fault))
    }

    fn note(&self, call: String) {
        self.calls.lock().push(call);
    }
}

fn failed(what: &str) -> Error {
    Error::new(ErrorCode::StatementFailed, what)
}

#[async_trait]
impl Engine for DatasetEngine {
    fn name(&self) -> &'static str {
        self.name
    }

    fn facts(&self) -> &EngineFacts {
        &self.facts
    }

    async fn open_session(&self, _: &Holder, _: &[StateEntry]) -> Result<Arc<dyn EngineSession>> {
        Err(failed("this engine has no sessions"))
    }

    async fn describe_dataset(&self, source: &Arc<Source>) -> Result<Vec<(String, SqlType)>> {
        self.note(format!("describe {}", source.name()));
        if self.has(source.name(), Fault::DescribeHangs) {
            std::future::pending::<()>().await;
        }
        assert!(!self.has(source.name(), Fault::DescribePanics), "the engine panics, as the test wants");
        source.files().await?;
        Ok(vec![(format!("{}_of_{}", source.name(), self.name), SqlType::BigInt)])
    }

    async fn put_dataset(&self, source: &Arc<Source>, columns: &[(String, SqlType)]) -> Result<()> {
        let told: Vec<String> = columns.iter().map(|(name, sql)| format!("{name} {sql}")).collect();
        self.note(format!("put {}({})", source.name(), told.join(", ")));
        if self.has(source.name(), Fault::PutFails) {
            return Err(failed("no such format here"));
        }
        self.shown.lock().insert(source.name().to_owned(), columns.to_vec());
        Ok(())
    }

    async fn remove_dataset(&self, name: &str) -> Result<()> {
        self.note(format!("remove {name}"));
        if self.has(name, Fault::RemoveFails) {
            return Err(failed("the catalog is locked"));
        }
        self.shown.lock().remove(name);
        Ok(())
    }

    async fn shutdown(&self) {}
}
