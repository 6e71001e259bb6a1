//! Sums and means of whole numbers and decimals, added up exactly in 128 bits.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Int64Type, UInt64Type};
use arrow::error::ArrowError;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::function::argument;
use super::kind::{HUGEINT, MAX_DIGITS};
use super::long_double::quotient;

/// What is made of a sum and the number of its terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The sum, with this many digits after the point.
    Sum { scale: i8 },
    /// The sum divided by the number of terms, of decimals with this many digits after the point.
    Mean { scale: i8 },
}

impl Outcome {
    fn array(self, sums: Vec<i128>, counts: &[i64]) -> Result<ArrayRef> {
        let nulls = NullBuffer::from_iter(counts.iter().map(|count| *count > 0));
        Ok(match self {
            Self::Sum { scale } => {
                let limit = 10u128.pow(u32::from(MAX_DIGITS));
                if sums.iter().any(|sum| sum.unsigned_abs() >= limit) {
                    return Err(overflow());
                }
                let sums = Decimal128Array::try_new(sums.into(), Some(nulls))?;
                Arc::new(sums.with_precision_and_scale(MAX_DIGITS, scale)?)
            }
            Self::Mean { scale } => {
                let unit = 10u128.pow(u32::from(scale.unsigned_abs()));
                let means = sums.iter().zip(counts).map(|(sum, count)| match count.unsigned_abs() {
                    0 => 0.0,
                    count => quotient(*sum, u128::from(count) * unit),
                });
                Arc::new(Float64Array::try_new(means.collect::<Vec<_>>().into(), Some(nulls))?)
            }
        })
    }
}

fn overflow() -> datafusion::error::DataFusionError {
    ArrowError::ArithmeticOverflow(format!(
        "The sum has more than {MAX_DIGITS} digits; sum over CAST(… AS DOUBLE) for an approximate one"
    ))
    .into()
}

/// The two fields in which a sum passes from one stage to the next.
pub(super) fn state_fields(name: &str) -> Vec<FieldRef> {
    vec![
        Arc::new(Field::new(format!("{name}[sum]"), HUGEINT, true)),
        Arc::new(Field::new(format!("{name}[count]"), DataType::Int64, true)),
    ]
}

/// The field in which the distinct terms pass from one stage to the next.
pub(super) fn distinct_state_fields(name: &str) -> Vec<FieldRef> {
    vec![Arc::new(Field::new_list(format!("{name}[terms]"), distinct_item(), true))]
}

fn distinct_item() -> FieldRef {
    Arc::new(Field::new_list_field(HUGEINT, true))
}

/// Calls `each` with the row and the number of every row that is not NULL and passes the filter.
fn each_number(
    values: &ArrayRef,
    filter: Option<&BooleanArray>,
    mut each: impl FnMut(usize, i128) -> Result<()>,
) -> Result<()> {
    let passes = filter.map(|filter| match filter.nulls() {
        Some(nulls) => filter.values() & nulls.inner(),
        None => filter.values().clone(),
    });
    macro_rules! visit {
        ($type:ty) => {{
            let numbers = values.as_primitive::<$type>();
            match (numbers.nulls().filter(|nulls| nulls.null_count() > 0), passes) {
                (None, None) => {
                    for (row, number) in numbers.values().iter().enumerate() {
                        each(row, i128::from(*number))?;
                    }
                }
                (nulls, passes) => {
                    for (row, number) in numbers.values().iter().enumerate() {
                        if nulls.is_none_or(|nulls| nulls.is_valid(row))
                            && passes.as_ref().is_none_or(|passes| passes.value(row))
                        {
                            each(row, i128::from(*number))?;
                        }
                    }
                }
            }
            Ok(())
        }};
    }
    match values.data_type() {
        DataType::Int64 => visit!(Int64Type),
        DataType::UInt64 => visit!(UInt64Type),
        DataType::Decimal128(_, _) => visit!(Decimal128Type),
        other => exec_err!("A sum got {other}, but adds up whole numbers and decimals"),
    }
}

/// One sum, which may also lose terms again, as a sliding window does.
#[derive(Debug)]
pub(super) struct ExactSum {
    sum: i128,
    count: i64,
    outcome: Outcome,
}

impl ExactSum {
    pub(super) fn new(outcome: Outcome) -> Self {
        Self { sum: 0, count: 0, outcome }
    }
}

impl Accumulator for ExactSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        each_number(argument(values, 0)?, None, |_, number| {
            self.sum = self.sum.checked_add(number).ok_or_else(overflow)?;
            self.count += 1;
            Ok(())
        })
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        each_number(argument(values, 0)?, None, |_, number| {
            self.sum = self.sum.checked_sub(number).ok_or_else(overflow)?;
            self.count -= 1;
            Ok(())
        })
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        each_number(argument(states, 0)?, None, |_, sum| {
            self.sum = self.sum.checked_add(sum).ok_or_else(overflow)?;
            Ok(())
        })?;
        self.count += argument(states, 1)?.as_primitive::<Int64Type>().iter().flatten().sum::<i64>();
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let sum = ScalarValue::Decimal128(Some(self.sum), MAX_DIGITS, 0);
        Ok(vec![sum, ScalarValue::Int64(Some(self.count))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.outcome.array(vec![self.sum], &[self.count])?, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// One sum over distinct terms.
#[derive(Debug)]
pub(super) struct DistinctSum {
    terms: HashSet<i128>,
    outcome: Outcome,
}

impl DistinctSum {
    pub(super) fn new(outcome: Outcome) -> Self {
        Self { terms: HashSet::new(), outcome }
    }
}

impl Accumulator for DistinctSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        each_number(argument(values, 0)?, None, |_, number| {
            self.terms.insert(number);
            Ok(())
        })
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        argument(states, 0)?.as_list::<i32>().iter().flatten().try_for_each(|terms| self.update_batch(&[terms]))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let terms = Decimal128Array::from_iter_values(self.terms.iter().copied()).with_data_type(HUGEINT);
        let offsets = OffsetBuffer::from_lengths([terms.len()]);
        let list = ListArray::try_new(distinct_item(), offsets, Arc::new(terms), None)?;
        Ok(vec![ScalarValue::List(Arc::new(list))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sum = self.terms.iter().try_fold(0i128, |sum, term| sum.checked_add(*term)).ok_or_else(overflow)?;
        let count = i64::try_from(self.terms.len()).unwrap_or(i64::MAX);
        ScalarValue::try_from_array(&self.outcome.array(vec![sum], &[count])?, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.terms.capacity() * size_of::<i128>()
    }
}

/// A sum for each of many groups.
#[derive(Debug)]
pub(super) struct ExactSums {
    sums: Vec<i128>,
    counts: Vec<i64>,
    outcome: Outcome,
}

impl ExactSums {
    pub(super) fn new(outcome: Outcome) -> Self {
        Self { sums: Vec::new(), counts: Vec::new(), outcome }
    }

    fn reserve(&mut self, groups: usize) {
        self.sums.resize(groups, 0);
        self.counts.resize(groups, 0);
    }
}

impl GroupsAccumulator for ExactSums {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.reserve(total);
        let (sums, counts) = (&mut self.sums, &mut self.counts);
        each_number(argument(values, 0)?, filter, |row, number| {
            let group = groups[row];
            sums[group] = sums[group].checked_add(number).ok_or_else(overflow)?;
            counts[group] += 1;
            Ok(())
        })
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        groups: &[usize],
        _filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.reserve(total);
        let (sums, counts) = (&mut self.sums, &mut self.counts);
        let merged = argument(states, 1)?.as_primitive::<Int64Type>();
        each_number(argument(states, 0)?, None, |row, sum| {
            let group = groups[row];
            sums[group] = sums[group].checked_add(sum).ok_or_else(overflow)?;
            counts[group] += merged.value(row);
            Ok(())
        })
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let sums = emit.take_needed(&mut self.sums);
        let counts = emit.take_needed(&mut self.counts);
        self.outcome.array(sums, &counts)
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let sums = emit.take_needed(&mut self.sums);
        let counts = emit.take_needed(&mut self.counts);
        let sums = Decimal128Array::from_iter_values(sums).with_data_type(HUGEINT);
        Ok(vec![Arc::new(sums), Arc::new(Int64Array::from(counts))])
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = argument(values, 0)?;
        let (mut sums, mut counts) = (vec![0; values.len()], vec![0; values.len()]);
        each_number(values, filter, |row, number| {
            sums[row] = number;
            counts[row] = 1;
            Ok(())
        })?;
        let sums = Decimal128Array::from_iter_values(sums).with_data_type(HUGEINT);
        Ok(vec![Arc::new(sums), Arc::new(Int64Array::from(counts))])
    }

    fn supports_convert_to_state(&self) -> bool {
        true
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<i128>() + self.counts.capacity() * size_of::<i64>()
    }
}
