//! `sum` and `avg`: of whole numbers and decimals exact, of floating point numbers as DataFusion adds them up.
//!
//! | argument | sum | avg |
//! |---|---|---|
//! | integers, HUGEINT, BOOLEAN | HUGEINT | DOUBLE (not of BOOLEAN) |
//! | DECIMAL(p,s) | DECIMAL(38,s) | DOUBLE |
//! | FLOAT, DOUBLE | DOUBLE | DOUBLE |

use std::hash::Hash;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, plan_err};
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, Signature, Volatility,
};

use super::exact_sum::{DistinctSum, ExactSum, ExactSums, Outcome, distinct_state_fields, state_fields};
use super::function::{argument, returning};
use super::kind::{Kind, MAX_DIGITS, hugeint_field};

/// `sum` and `avg`.
pub(super) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    [Which::Sum, Which::Mean].map(|which| Arc::new(AggregateUDF::new_from_impl(Exact::new(which)))).into()
}

/// `count_if`, which in DuckDB is a sum of ones and zeros, and of nothing is NULL.
pub(super) fn count_if() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(Exact::new(Which::CountIf)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Which {
    Sum,
    Mean,
    CountIf,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Exact {
    which: Which,
    signature: Signature,
    aliases: Vec<String>,
}

impl Exact {
    fn new(which: Which) -> Self {
        let aliases = if which == Which::Mean { vec!["mean".to_owned()] } else { Vec::new() };
        Self { which, signature: Signature::user_defined(Volatility::Immutable), aliases }
    }

    /// The built-in one, which adds up floating point numbers.
    fn inexact(&self) -> Arc<AggregateUDF> {
        match self.which {
            Which::Sum | Which::CountIf => sum_udaf(),
            Which::Mean => avg_udaf(),
        }
    }

    /// What an exact sum over such an argument becomes; none if the argument is of floating point.
    fn outcome(&self, field: &FieldRef) -> Option<Outcome> {
        let scale = match field.data_type() {
            DataType::Float64 => return None,
            DataType::Decimal128(_, scale) => *scale,
            _ => 0,
        };
        Some(match self.which {
            Which::Sum | Which::CountIf => Outcome::Sum { scale },
            Which::Mean => Outcome::Mean { scale },
        })
    }
}

impl AggregateUDFImpl for Exact {
    fn name(&self) -> &str {
        match self.which {
            Which::Sum => "sum",
            Which::Mean => "avg",
            Which::CountIf => "count_if",
        }
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [ty] = types else {
            return plan_err!("{} takes one argument, got {}", self.name(), types.len());
        };
        Ok(vec![match Kind::of_type(ty) {
            Kind::Integer { bits: 64, signed: false } => DataType::UInt64,
            Kind::Null | Kind::Integer { .. } => DataType::Int64,
            Kind::Boolean if self.which != Which::Mean => DataType::Int64,
            Kind::Decimal { precision, scale } => DataType::Decimal128(precision, scale),
            Kind::Float | Kind::Double => DataType::Float64,
            _ => return plan_err!("{} is defined for numbers, not for {ty}; cast it", self.name()),
        }])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(match (self.which, types.first()) {
            (Which::Mean, _) | (_, Some(DataType::Float64)) => DataType::Float64,
            (_, Some(DataType::Decimal128(_, scale))) => DataType::Decimal128(MAX_DIGITS, *scale),
            _ => super::kind::HUGEINT,
        })
    }

    fn return_field(&self, fields: &[FieldRef]) -> Result<FieldRef> {
        let kind = Kind::of(argument(fields, 0)?);
        if self.which != Which::Mean && (kind.is_integer() || kind == Kind::Null) {
            return Ok(hugeint_field(self.name(), true));
        }
        let data_type = self.return_type(&[argument(fields, 0)?.data_type().clone()])?;
        Ok(Arc::new(returning(data_type, fields).as_ref().clone().with_name(self.name()).with_nullable(true)))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        match self.outcome(argument(args.input_fields, 0)?) {
            None => self.inexact().state_fields(args),
            Some(_) if args.is_distinct => Ok(distinct_state_fields(args.name)),
            Some(_) => Ok(state_fields(args.name)),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        match self.outcome(argument(args.expr_fields, 0)?) {
            None => self.inexact().accumulator(args),
            Some(outcome) if args.is_distinct => Ok(Box::new(DistinctSum::new(outcome))),
            Some(outcome) => Ok(Box::new(ExactSum::new(outcome))),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        match self.outcome(argument(args.expr_fields, 0)?) {
            None => self.inexact().create_sliding_accumulator(args),
            Some(_) => self.accumulator(args),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        match args.expr_fields.first().map(|field| self.outcome(field)) {
            Some(Some(_)) => !args.is_distinct,
            _ => self.inexact().groups_accumulator_supported(args),
        }
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        match self.outcome(argument(args.expr_fields, 0)?) {
            None => self.inexact().create_groups_accumulator(args),
            Some(outcome) => Ok(Box::new(ExactSums::new(outcome))),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}
