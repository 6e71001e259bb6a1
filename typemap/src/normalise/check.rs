//! Checks of values that are laid out as the wire wants them, but may be ones it must not carry.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, Int64Array, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, IntervalMonthDayNanoType, Time64MicrosecondType,
    Time64NanosecondType, TimeUnit, i256,
};

use super::live::{filter_map_values, valued};
use super::node::typed;
use super::number::{self, out_of_range};
use super::temporal::{self, checked_date, checked_timestamp};
use crate::value::{self, ValueError};
use crate::wire::Infinity;
use crate::{MAX_DECIMAL_PRECISION, SqlType};

/// What is checked.
#[derive(Debug)]
pub(super) enum Check {
    /// Decimals in 128 bits of 38 digits, and their SQL type.
    Digits(SqlType),
    /// Wide integers in 256 bits, and their SQL type.
    WideDigits(SqlType),
    /// Dates for infinities.
    Date(Infinity),
    /// Timestamps for infinities.
    Timestamp(TimeUnit, Infinity),
    /// Times for being inside the day.
    TimeOfDay(TimeUnit),
    /// Intervals for whole microseconds.
    WholeMicros,
}

impl Check {
    /// The check of numbers that are laid out as the wire has them, if their layout holds more than their type.
    pub(super) fn of_digits(source: &DataType, ty: &SqlType, wire: &DataType) -> Option<Check> {
        match source {
            DataType::Decimal128(MAX_DECIMAL_PRECISION, _) if source == wire => Some(Check::Digits(ty.clone())),
            DataType::Decimal256(..) if source == wire => Some(Check::WideDigits(ty.clone())),
            _ => None,
        }
    }

    /// The array itself as none, if it passes and bears the type `wire`.
    pub(super) fn convert(
        &self,
        array: &ArrayRef,
        live: Option<&NullBuffer>,
        wire: &DataType,
    ) -> Result<Option<ArrayRef>, ValueError> {
        match self {
            Check::Digits(ty) => {
                let decimals = typed::<PrimitiveArray<Decimal128Type>>(array)?;
                if !may_have_39_digits(decimals.values()) {
                    return Ok(None);
                }
                let passes = |v: i128| v.unsigned_abs() < TEN_TO_38;
                all::<Decimal128Type>(array, live, passes, |v| number::too_many_digits(v, scale(wire), ty))?;
            }
            Check::WideDigits(ty) => {
                let passes = |v: i256| number::fits_wide(v, ty);
                all::<Decimal256Type>(array, live, passes, |v| out_of_range(v, scale(wire), ty))?;
            }
            Check::Date(infinity) => {
                let dates = typed::<PrimitiveArray<Date32Type>>(array)?;
                // The three integers that are no date are neighbours, if one wraps around: one comparison finds them.
                if dates.values().iter().fold(false, |any, v| any | (v.wrapping_add(1) <= i32::MIN + 2)) {
                    let checked =
                        filter_map_values::<_, Date32Type>(dates, live, wire, |v| checked_date(v, *infinity))?;
                    return Ok(changed(dates, checked));
                }
            }
            Check::Timestamp(unit, infinity) => return timestamps(array, live, wire, *unit, *infinity),
            Check::TimeOfDay(TimeUnit::Nanosecond) => {
                let passes = |v| (0..=temporal::DAY_MICROS * 1_000).contains(&v);
                all::<Time64NanosecondType>(array, live, passes, |v| {
                    temporal::no_time_of_day(v, TimeUnit::Nanosecond)
                })?;
            }
            Check::TimeOfDay(unit) => {
                let passes = |v| (0..=temporal::DAY_MICROS).contains(&v);
                all::<Time64MicrosecondType>(array, live, passes, |v| temporal::no_time_of_day(v, *unit))?;
            }
            Check::WholeMicros => {
                let intervals = typed::<PrimitiveArray<IntervalMonthDayNanoType>>(array)?;
                each(intervals, live, |v| value::nanos_to_micros(v.nanoseconds).map(|_| ()))?;
            }
        }
        Ok(None)
    }
}

/// The least number of 39 digits.
const TEN_TO_38: u128 = 10_u128.pow(38);

/// Whether one of these may have 39 digits; if not, none has. It looks at upper halves alone and gathers their bits,
/// which costs half of comparing the numbers.
fn may_have_39_digits(values: &[i128]) -> bool {
    let bits = values.iter().fold(0, |bits, v| {
        let upper = (v >> 64) as i64;
        bits | (upper ^ (upper >> 63)) as u64
    });
    bits >= (TEN_TO_38 >> 64) as u64
}

/// Whether one of these may be no time; if not, none is. The integers that are not lie next to each other, if one wraps
/// around, so that they are found by a borrow of one subtraction; processors compare 64 bits slower than that.
fn may_be_no_time(values: &[i64]) -> bool {
    let borrows = values.iter().fold(0, |borrows, v| {
        let distance = v.wrapping_add(1) ^ i64::MIN;
        borrows | (distance.wrapping_sub(4) & !distance)
    });
    borrows < 0
}

fn scale(wire: &DataType) -> i8 {
    match wire {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => *scale,
        _ => 0,
    }
}

/// Checks the live values: all at once first, whichever they are, and one by one only if some do not pass.
fn all<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    live: Option<&NullBuffer>,
    passes: impl Fn(T::Native) -> bool,
    error: impl Fn(T::Native) -> ValueError,
) -> Result<(), ValueError> {
    let array = typed::<PrimitiveArray<T>>(array)?;
    if array.values().iter().fold(true, |all, v| all & passes(*v)) {
        return Ok(());
    }
    each(array, live, |v| if passes(v) { Ok(()) } else { Err(error(v)) })
}

fn each<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    live: Option<&NullBuffer>,
    check: impl Fn(T::Native) -> Result<(), ValueError>,
) -> Result<(), ValueError> {
    let values = array.values();
    match valued(array, live) {
        None => values.iter().try_for_each(|v| check(*v)),
        Some(valued) => valued.valid_indices().filter_map(|index| values.get(index)).try_for_each(|v| check(*v)),
    }
}

fn timestamps(
    array: &ArrayRef,
    live: Option<&NullBuffer>,
    wire: &DataType,
    unit: TimeUnit,
    infinity: Infinity,
) -> Result<Option<ArrayRef>, ValueError> {
    let ints = temporal::integers(array)?;
    let checked: Option<Int64Array> = if may_be_no_time(ints.values()) {
        let checked = filter_map_values(&ints, live, &DataType::Int64, |v| checked_timestamp(v, unit, infinity))?;
        (checked.null_count() != ints.null_count()).then_some(checked)
    } else {
        None
    };
    match checked {
        None if array.data_type() == wire => Ok(None),
        None => temporal::of_integers(&ints, wire).map(Some),
        Some(checked) => temporal::of_integers(&checked, wire).map(Some),
    }
}

/// The checked array if a value became null, and none if every value is what it was.
fn changed<T: ArrowPrimitiveType>(before: &PrimitiveArray<T>, after: PrimitiveArray<T>) -> Option<ArrayRef> {
    (before.null_count() != after.null_count()).then(|| Arc::new(after) as ArrayRef)
}
