//! Window functions that count: BIGINT, where DataFusion has an unsigned number.

use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::{SortOptions, cast};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_window::{ntile, rank, row_number};
use datafusion::logical_expr::function::{ExpressionArgs, PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::window_state::WindowAggState;
use datafusion::logical_expr::{LimitEffect, PartitionEvaluator, ReversedUDWF, Signature, WindowUDF, WindowUDFImpl};
use datafusion::physical_expr::PhysicalExpr;

/// The window functions that count.
pub(super) fn functions() -> Vec<Arc<WindowUDF>> {
    [row_number::row_number_udwf(), rank::rank_udwf(), rank::dense_rank_udwf(), ntile::ntile_udwf()]
        .into_iter()
        .map(|counts| Arc::new(WindowUDF::new_from_impl(Signed { counts })))
        .collect()
}

/// A window function with its result made BIGINT.
#[derive(Debug)]
struct Signed {
    counts: Arc<WindowUDF>,
}

impl PartialEq for Signed {
    fn eq(&self, other: &Self) -> bool {
        self.counts == other.counts
    }
}

impl Eq for Signed {}

impl Hash for Signed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.counts.hash(state);
    }
}

impl WindowUDFImpl for Signed {
    fn name(&self) -> &str {
        self.counts.name()
    }

    fn signature(&self) -> &Signature {
        self.counts.signature()
    }

    fn expressions(&self, args: ExpressionArgs<'_>) -> Vec<Arc<dyn PhysicalExpr>> {
        self.counts.expressions(args)
    }

    fn partition_evaluator(&self, args: PartitionEvaluatorArgs<'_>) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(SignedEvaluator { counts: self.counts.partition_evaluator_factory(args)? }))
    }

    fn field(&self, args: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(args.name(), DataType::Int64, false)))
    }

    fn sort_options(&self) -> Option<SortOptions> {
        self.counts.sort_options()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.counts.coerce_types(types)
    }

    fn reverse_expr(&self) -> ReversedUDWF {
        match self.counts.reverse_expr() {
            ReversedUDWF::Identical => ReversedUDWF::Identical,
            _ => ReversedUDWF::NotSupported,
        }
    }

    fn limit_effect(&self, args: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        self.counts.inner().limit_effect(args)
    }
}

#[derive(Debug)]
struct SignedEvaluator {
    counts: Box<dyn PartitionEvaluator>,
}

fn signed(counts: &ArrayRef) -> Result<ArrayRef> {
    Ok(cast(counts, &DataType::Int64)?)
}

impl PartitionEvaluator for SignedEvaluator {
    fn memoize(&mut self, state: &mut WindowAggState) -> Result<()> {
        self.counts.memoize(state)
    }

    fn get_range(&self, row: usize, rows: usize) -> Result<Range<usize>> {
        self.counts.get_range(row, rows)
    }

    fn is_causal(&self) -> bool {
        self.counts.is_causal()
    }

    fn evaluate_all(&mut self, values: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        signed(&self.counts.evaluate_all(values, rows)?)
    }

    fn evaluate(&mut self, values: &[ArrayRef], range: &Range<usize>) -> Result<ScalarValue> {
        self.counts.evaluate(values, range)?.cast_to(&DataType::Int64)
    }

    fn evaluate_all_with_rank(&self, rows: usize, ranks: &[Range<usize>]) -> Result<ArrayRef> {
        signed(&self.counts.evaluate_all_with_rank(rows, ranks)?)
    }

    fn supports_bounded_execution(&self) -> bool {
        self.counts.supports_bounded_execution()
    }

    fn uses_window_frame(&self) -> bool {
        self.counts.uses_window_frame()
    }

    fn include_rank(&self) -> bool {
        self.counts.include_rank()
    }
}
