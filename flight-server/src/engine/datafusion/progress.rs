//! How much of a statement is done: the rows that its sources have given, of those they have.
//!
//! It is told only where every source knows its number of rows exactly and counts those it gives, which unfiltered Parquet
//! files do, but tables in memory don't. Anything else would be a guess: DataFusion's other numbers are estimates.

use std::sync::{Arc, Weak};

use datafusion::common::stats::Precision;
use datafusion::physical_plan::ExecutionPlan;
use parking_lot::Mutex;

/// The plan that runs in a session, while it does.
#[derive(Default)]
pub(super) struct Running(Mutex<Option<Weak<dyn ExecutionPlan>>>);

impl Running {
    /// From now on it is `plan`, as long as somebody holds that.
    pub(super) fn set(&self, plan: &Arc<dyn ExecutionPlan>) {
        *self.0.lock() = Some(Arc::downgrade(plan));
    }

    /// From 0 to 1; `None` when nothing runs or it can't be told.
    pub(super) fn progress(&self) -> Option<f64> {
        let plan = self.0.lock().as_ref()?.upgrade()?;
        let (mut given, mut all) = (0, 0);
        add(&plan, &mut given, &mut all)?;
        (all > 0).then(|| (given as f64 / all as f64).min(1.0))
    }
}

fn add(plan: &Arc<dyn ExecutionPlan>, given: &mut usize, all: &mut usize) -> Option<()> {
    let children = plan.children();
    if children.is_empty() {
        let Precision::Exact(rows) = plan.partition_statistics(None).ok()?.num_rows else { return None };
        *all += rows;
        *given += plan.metrics()?.output_rows()?;
    }
    children.into_iter().try_for_each(|child| add(child, given, all))
}
