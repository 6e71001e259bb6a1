//! Work that is given up ends, also where it computes for long without waiting for anything.
//!
//! A task can be aborted only where it waits. A join may compare rows for hours before it gives the first, and an aggregate
//! takes what a join gives without a pause. So joins are told apart from the rest when a plan is made: the conditions of
//! those that compare every pair of rows fail once their statement is given up, and every join pauses now and then.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::{FieldRef, Schema};
use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};

use super::errors;

tokio::task_local! {
    /// Of the task that runs: whether it was given up.
    static CURRENT: GivenUp;
}

/// Whether a task was given up.
#[derive(Debug, Clone, Default)]
pub(super) struct GivenUp(Arc<AtomicBool>);

impl GivenUp {
    /// Gives the task up.
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// The same work, whose plans end when this is set.
    pub(super) fn over<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.clone(), work)
    }
}

/// The same plan, which ends soon after the task that this is called in was given up.
///
/// # Errors
/// When a join can't be made anew.
pub(super) fn ending(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    let Ok(given_up) = CURRENT.try_with(Clone::clone) else { return Ok(plan) };
    plan.transform_up(|node| {
        if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
            return Ok(Transformed::yes(pausing(conditional(join, &given_up)?)));
        }
        if node.is::<HashJoinExec>() || node.is::<CrossJoinExec>() || node.is::<SortMergeJoinExec>() {
            return Ok(Transformed::yes(pausing(node)));
        }
        Ok(Transformed::no(node))
    })
    .data()
}

fn pausing(join: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    Arc::new(CooperativeExec::new(join))
}

fn conditional(join: &NestedLoopJoinExec, given_up: &GivenUp) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    let filter = join.filter().map(|filter| {
        let condition = UnlessGivenUp { condition: Arc::clone(filter.expression()), given_up: given_up.clone() };
        JoinFilter::new(Arc::new(condition), filter.column_indices().to_vec(), Arc::clone(filter.schema()))
    });
    let projection = join.projection().as_ref().map(|columns| columns.to_vec());
    let (left, right) = (Arc::clone(join.left()), Arc::clone(join.right()));
    Ok(Arc::new(NestedLoopJoinExec::try_new(left, right, filter, join.join_type(), projection)?))
}

/// A condition that fails once its statement is given up.
#[derive(Debug)]
struct UnlessGivenUp {
    condition: Arc<dyn PhysicalExpr>,
    given_up: GivenUp,
}

impl PartialEq for UnlessGivenUp {
    fn eq(&self, other: &Self) -> bool {
        self.condition.eq(&other.condition)
    }
}

impl Eq for UnlessGivenUp {}

impl Hash for UnlessGivenUp {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.condition.hash(state);
    }
}

impl fmt::Display for UnlessGivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt(f)
    }
}

impl PhysicalExpr for UnlessGivenUp {
    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue, DataFusionError> {
        if self.given_up.is_set() {
            return Err(DataFusionError::External(Box::new(errors::cancelled())));
        }
        self.condition.evaluate(batch)
    }

    fn return_field(&self, input_schema: &Schema) -> Result<FieldRef, DataFusionError> {
        self.condition.return_field(input_schema)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.condition]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>, DataFusionError> {
        let condition = children.into_iter().next().unwrap_or_else(|| Arc::clone(&self.condition));
        Ok(Arc::new(Self { condition, given_up: self.given_up.clone() }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt_sql(f)
    }
}
