//! The engine by itself.

mod cancelling;
mod changes;
mod datasets;
mod files;
mod ingesting;
mod memory;
mod parameters;
mod reading;
mod sessions;

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;

use super::{DataFusion, DataFusionOptions};
use crate::engine::{Engine, EngineSession, Holder, Outcome, Statement};
use crate::error::{Error, Result};

struct Fixture {
    engine: Arc<DataFusion>,
    directory: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self::with_memory(1 << 30)
    }

    /// Files may be read below `read`, and written below `write`, in the fixture's directory.
    fn with_memory(memory_limit: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let below = |name: &str| {
            let path = root.join(name);
            std::fs::create_dir(&path).unwrap();
            path
        };
        let options = DataFusionOptions {
            memory_limit,
            threads: 2,
            temp_dir: below("tmp"),
            temp_limit: None,
            allow_files: vec![below("read")],
            allow_writes: vec![below("write")],
        };
        Self { engine: DataFusion::open(options).unwrap(), directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().canonicalize().unwrap().join(name)
    }

    async fn session(&self) -> Arc<dyn EngineSession> {
        self.engine.open_session(&Holder::default(), &[]).await.unwrap()
    }
}

async fn run(session: &Arc<dyn EngineSession>, sql: &str) -> Result<Outcome> {
    session.execute(Statement::new(sql)).await
}

async fn failure(session: &Arc<dyn EngineSession>, sql: &str) -> Error {
    match run(session, sql).await {
        Ok(outcome) => outcome.rows.batches.try_collect::<Vec<_>>().await.unwrap_err(),
        Err(error) => error,
    }
}

async fn rows(session: &Arc<dyn EngineSession>, sql: &str) -> Vec<RecordBatch> {
    match run(session, sql).await {
        Ok(outcome) => outcome.rows.batches.try_collect().await.unwrap(),
        Err(error) => panic!("{sql}: {} {error}", error.sqlstate),
    }
}

/// The one number that a statement gives.
async fn number(session: &Arc<dyn EngineSession>, sql: &str) -> i64 {
    let batches = rows(session, &format!("SELECT CAST(({sql}) AS BIGINT)")).await;
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

/// The texts of the first column.
async fn texts(session: &Arc<dyn EngineSession>, sql: &str) -> Vec<String> {
    let batches = rows(session, sql).await;
    let all =
        batches.iter().flat_map(|batch| batch.column(0).as_string::<i32>().iter().map(|text| text.unwrap().to_owned()));
    all.collect()
}
