//! Rows computed on the engine's threads as they are read: one batch ahead of their reader, and no further.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use futures::{Stream, StreamExt, stream};
use tokio::sync::mpsc;
use typemap::normalise::Normaliser;
use typemap::wire::WireOptions;

use super::cut::Cutter;
use super::errors::not_carried;
use super::giving_up::ending;
use super::names::Names;
use super::parameters::{ParameterRows, bind};
use super::progress::Running;
use super::query::{Executable, executable};
use super::runtime::{EngineRuntime, Stop, Task};
use super::text::Piece;
use crate::engine::Cut;
use crate::error::{Error, ErrorCode, Result};

/// A statement that reads, ready to run once for each row of parameters.
pub(super) struct Reading {
    pub(super) state: SessionState,
    /// With its parameters still open.
    pub(super) logical: LogicalPlan,
    pub(super) piece: Piece,
    pub(super) names: Names,
    /// The rows of parameters after that of the first execution.
    pub(super) parameters: ParameterRows,
    pub(super) first: Executable,
    pub(super) normaliser: Normaliser,
    pub(super) wire: WireOptions,
    pub(super) cut: Cut,
    pub(super) running: Arc<Running>,
}

impl Reading {
    /// Computes all rows, as fast as `rows` takes them.
    async fn run(mut self, rows: mpsc::Sender<RecordBatch>) -> Result<()> {
        let mut cutter = Cutter::new(Arc::clone(self.normaliser.schema()), self.cut);
        // It was planned by another task, which has ended.
        self.first.plan = ending(self.first.plan)?;
        loop {
            let plan = Arc::clone(&self.first.plan);
            self.running.set(&plan);
            let mut batches = execute_stream(plan, self.state.task_ctx())?;
            while let Some(batch) = batches.next().await {
                let batch = self.normaliser.normalise(&batch?).map_err(|error| not_carried(&error))?;
                for full in cutter.push(&batch)? {
                    if rows.send(full).await.is_err() {
                        return Ok(());
                    }
                }
            }
            drop(batches);
            // Executions are cut one by one, as they are in the other engine.
            if let Some(rest) = cutter.finish()?
                && rows.send(rest).await.is_err()
            {
                return Ok(());
            }
            let Some(values) = self.parameters.next()? else { return Ok(()) };
            let bound = bind(self.logical.clone(), &self.piece, values, false)?;
            let next = executable(&self.state, &bound, &self.names).await?;
            if next.columns != self.first.columns {
                return Err(Error::new(
                    ErrorCode::TypeUnsupported,
                    "a later row of parameters gives columns of other types than the first one; cast the parameters",
                ));
            }
            self.normaliser = next.columns.normaliser(&next.plan.schema(), &self.wire)?;
            self.first = next;
        }
    }
}

/// The rows of a statement that runs. Dropping it stops the statement.
pub(super) struct Reader {
    rows: mpsc::Receiver<RecordBatch>,
    task: Task<()>,
    ended: bool,
}

impl Reader {
    /// Starts a statement.
    pub(super) fn start(runtime: &EngineRuntime, reading: Reading) -> Self {
        let (sender, rows) = mpsc::channel(1);
        Self { rows, task: runtime.spawn(reading.run(sender)), ended: false }
    }

    /// What stops it from elsewhere.
    pub(super) fn stop_handle(&self) -> Stop {
        self.task.stop_handle()
    }

    /// The next batch; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        if self.ended {
            return Ok(None);
        }
        if let Some(batch) = self.rows.recv().await {
            return Ok(Some(batch));
        }
        self.ended = true;
        self.task.join().await.map(|()| None)
    }

    /// The rest of them as a stream.
    pub(super) fn into_stream(self) -> impl Stream<Item = Result<RecordBatch>> + Send {
        stream::unfold(self, async |mut reader| reader.next().await.transpose().map(|batch| (batch, reader)))
    }
}
