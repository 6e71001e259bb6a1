//! Dates, times of day, timestamps and spans of time, from any unit to that of the wire.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Array, Int64Array, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Date64Type, DurationMicrosecondType, DurationMillisecondType,
    DurationNanosecondType, DurationSecondType, Int32Type, Int64Type, IntervalDayTimeType, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};

use super::live::{filter_map_values, map_values};
use super::node::typed;
use crate::value::{ValueError, check_date, check_timestamp, nanos_to_micros};
use crate::wire::Infinity;

/// Microseconds of a day.
pub(super) const DAY_MICROS: i64 = 86_400_000_000;

const DAY_MILLIS: i64 = 86_400_000;

/// Points in time on their way to another unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    kind: Point,
    from: TimeUnit,
    to: TimeUnit,
}

#[derive(Debug, Clone, Copy)]
enum Point {
    /// Dates in milliseconds, to days.
    Date(Infinity),
    /// Times of day, to be checked to lie inside the day or not.
    TimeOfDay {
        checked: bool,
    },
    Timestamp(Infinity),
}

impl Times {
    pub(super) fn date(infinity: Infinity) -> Times {
        Times { kind: Point::Date(infinity), from: TimeUnit::Millisecond, to: TimeUnit::Millisecond }
    }

    pub(super) fn time_of_day(from: TimeUnit, to: TimeUnit, checked: bool) -> Times {
        Times { kind: Point::TimeOfDay { checked }, from, to }
    }

    pub(super) fn timestamp(from: TimeUnit, to: TimeUnit, infinity: Infinity) -> Times {
        Times { kind: Point::Timestamp(infinity), from, to }
    }

    pub(super) fn convert(
        &self,
        array: &ArrayRef,
        live: Option<&NullBuffer>,
        wire: &DataType,
    ) -> Result<ArrayRef, ValueError> {
        let ints = integers(array)?;
        let Times { kind, from, to } = *self;
        let converted = match kind {
            Point::Date(infinity) => {
                let days = |millis| match i32::try_from(millis / DAY_MILLIS) {
                    _ if millis % DAY_MILLIS != 0 => Err(ValueError::NotWholeDays { millis }),
                    Ok(days) => checked_date(days, infinity),
                    Err(_) => {
                        let unit = unit_name(TimeUnit::Millisecond);
                        Err(ValueError::TimeOutOfRange { kind: "date", value: millis, unit })
                    }
                };
                return Ok(Arc::new(filter_map_values::<_, Date32Type>(&ints, live, wire, days)?));
            }
            Point::TimeOfDay { checked } => map_values::<_, Int64Type>(&ints, live, &DataType::Int64, |v| {
                if checked && !(0..=ticks_a_day(from)).contains(&v) {
                    return Err(no_time_of_day(v, from));
                }
                in_unit(v, from, to, "time")
            })?,
            Point::Timestamp(infinity) => filter_map_values::<_, Int64Type>(&ints, live, &DataType::Int64, |v| {
                checked_timestamp(v, from, infinity)?.map(|v| in_unit(v, from, to, "timestamp")).transpose()
            })?,
        };
        of_integers(&converted, wire)
    }
}

/// Spans of time on their way to intervals of months, days and nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spans {
    /// Durations, which must be whole microseconds or not.
    Duration { unit: TimeUnit, whole_micros: bool },
    /// The intervals of fewer parts, which always fit.
    Interval(IntervalUnit),
}

impl Spans {
    pub(super) fn convert(
        &self,
        array: &ArrayRef,
        live: Option<&NullBuffer>,
        wire: &DataType,
    ) -> Result<ArrayRef, ValueError> {
        type Wire = IntervalMonthDayNanoType;
        let converted = match *self {
            Spans::Duration { unit, whole_micros } => {
                map_values::<Int64Type, Wire>(&integers(array)?, live, wire, |value| {
                    let nanos = value
                        .checked_mul(nanos(unit))
                        .ok_or_else(|| ValueError::DurationTooLong { value, unit: unit_name(unit) })?;
                    if whole_micros {
                        nanos_to_micros(nanos)?;
                    }
                    Ok(IntervalMonthDayNano::new(0, 0, nanos))
                })
            }
            Spans::Interval(IntervalUnit::YearMonth) => {
                let months = typed::<PrimitiveArray<IntervalYearMonthType>>(array)?;
                map_values::<_, Wire>(months, live, wire, |months| Ok(IntervalMonthDayNano::new(months, 0, 0)))
            }
            Spans::Interval(_) => {
                let days = typed::<PrimitiveArray<IntervalDayTimeType>>(array)?;
                map_values::<_, Wire>(days, live, wire, |v| {
                    Ok(IntervalMonthDayNano::new(0, v.days, i64::from(v.milliseconds) * 1_000_000))
                })
            }
        };
        Ok(Arc::new(converted?))
    }
}

/// A timestamp that is one, or none for an infinite one where nulls are wanted for these.
pub(super) fn checked_timestamp(value: i64, unit: TimeUnit, infinity: Infinity) -> Result<Option<i64>, ValueError> {
    if value == i64::MIN {
        return Err(ValueError::TimeOutOfRange { kind: "timestamp", value, unit: unit_name(unit) });
    }
    check_timestamp(value, infinity)
}

/// A date that is one, or none for an infinite one where nulls are wanted for these.
pub(super) fn checked_date(days: i32, infinity: Infinity) -> Result<Option<i32>, ValueError> {
    if days == i32::MIN {
        return Err(ValueError::TimeOutOfRange { kind: "date", value: i64::from(days), unit: "days" });
    }
    check_date(days, infinity)
}

/// The error for a time outside the day.
#[cold]
pub(super) fn no_time_of_day(value: i64, unit: TimeUnit) -> ValueError {
    ValueError::TimeOfDay { value, unit: unit_name(unit) }
}

fn in_unit(value: i64, from: TimeUnit, to: TimeUnit, kind: &'static str) -> Result<i64, ValueError> {
    if from == TimeUnit::Nanosecond && to == TimeUnit::Microsecond {
        return nanos_to_micros(value);
    }
    let (from_nanos, to_nanos) = (nanos(from), nanos(to));
    if from_nanos >= to_nanos {
        let scaled = value.checked_mul(from_nanos / to_nanos);
        scaled.ok_or_else(|| ValueError::TimeOutOfRange { kind, value, unit: unit_name(from) })
    } else if value % (to_nanos / from_nanos) == 0 {
        Ok(value / (to_nanos / from_nanos))
    } else {
        let written = format!("{value} {}", unit_name(from));
        Err(ValueError::NumberTooFine { value: written, ty: format!("{kind} in {}", unit_name(to)) })
    }
}

/// Nanoseconds in one of a unit.
fn nanos(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}

fn ticks_a_day(unit: TimeUnit) -> i64 {
    DAY_MICROS * 1_000 / nanos(unit)
}

fn unit_name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "seconds",
        TimeUnit::Millisecond => "milliseconds",
        TimeUnit::Microsecond => "microseconds",
        TimeUnit::Nanosecond => "nanoseconds",
    }
}

/// The integers that `array` counts time in, without a copy where they have 64 bits.
pub(super) fn integers(array: &ArrayRef) -> Result<Int64Array, ValueError> {
    macro_rules! long {
        ($ty:ty) => {
            typed::<PrimitiveArray<$ty>>(array)?.reinterpret_cast::<Int64Type>()
        };
    }
    macro_rules! short {
        ($ty:ty) => {{
            let ints: Int32Array = typed::<PrimitiveArray<$ty>>(array)?.reinterpret_cast::<Int32Type>();
            ints.unary::<_, Int64Type>(i64::from)
        }};
    }
    Ok(match array.data_type() {
        DataType::Date64 => long!(Date64Type),
        DataType::Time32(TimeUnit::Second) => short!(Time32SecondType),
        DataType::Time32(_) => short!(Time32MillisecondType),
        DataType::Time64(TimeUnit::Nanosecond) => long!(Time64NanosecondType),
        DataType::Time64(_) => long!(Time64MicrosecondType),
        DataType::Timestamp(TimeUnit::Second, _) => long!(TimestampSecondType),
        DataType::Timestamp(TimeUnit::Millisecond, _) => long!(TimestampMillisecondType),
        DataType::Timestamp(TimeUnit::Microsecond, _) => long!(TimestampMicrosecondType),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => long!(TimestampNanosecondType),
        DataType::Duration(TimeUnit::Second) => long!(DurationSecondType),
        DataType::Duration(TimeUnit::Millisecond) => long!(DurationMillisecondType),
        DataType::Duration(TimeUnit::Microsecond) => long!(DurationMicrosecondType),
        DataType::Duration(TimeUnit::Nanosecond) => long!(DurationNanosecondType),
        other => return Err(ValueError::Array { problem: format!("{other} does not count time in integers") }),
    })
}

/// Integers as the times or timestamps of the type `wire`, without a copy.
pub(super) fn of_integers(integers: &Int64Array, wire: &DataType) -> Result<ArrayRef, ValueError> {
    fn of<T: ArrowPrimitiveType<Native = i64>>(integers: &Int64Array, wire: &DataType) -> ArrayRef {
        Arc::new(integers.reinterpret_cast::<T>().with_data_type(wire.clone()))
    }
    Ok(match wire {
        DataType::Time64(TimeUnit::Nanosecond) => of::<Time64NanosecondType>(integers, wire),
        DataType::Time64(_) => of::<Time64MicrosecondType>(integers, wire),
        DataType::Timestamp(TimeUnit::Second, _) => of::<TimestampSecondType>(integers, wire),
        DataType::Timestamp(TimeUnit::Millisecond, _) => of::<TimestampMillisecondType>(integers, wire),
        DataType::Timestamp(TimeUnit::Microsecond, _) => of::<TimestampMicrosecondType>(integers, wire),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => of::<TimestampNanosecondType>(integers, wire),
        other => return Err(ValueError::Array { problem: format!("{other} does not count time in integers") }),
    })
}
