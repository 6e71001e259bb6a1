//! Arithmetic of intervals: the time between two moments, and multiples of an interval.

use std::sync::Arc;

use arrow::array::{Array, AsArray, Float64Array, IntervalMonthDayNanoArray, Time64MicrosecondArray};
use arrow::datatypes::{
    DataType, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use arrow::error::ArrowError;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use super::function::{Function, argument, returning};
use super::kind::{INTERVAL, TIMESTAMP};

const DAY_MICROS: i64 = 86_400_000_000;
const DAYS_A_MONTH: f64 = 30.0;

/// The time from the second timestamp to the first, in days and microseconds.
pub(super) static BETWEEN: Function = Function {
    name: "timestamp_difference",
    coerce: |_| Ok(vec![TIMESTAMP; 2]),
    returns: |fields| Ok(returning(INTERVAL, fields)),
    run: between,
};

/// An interval times a number.
pub(super) static MULTIPLY: Function = Function {
    name: "interval_multiply",
    coerce: |_| Ok(vec![INTERVAL, DataType::Float64]),
    returns: |fields| Ok(returning(INTERVAL, fields)),
    run: |args| scale(args, |number| Some(Scale::Times(number))),
};

/// An interval divided by a number; NULL where that is zero.
pub(super) static DIVIDE: Function = Function {
    name: "interval_divide",
    coerce: |_| Ok(vec![INTERVAL, DataType::Float64]),
    returns: |fields| Ok(Arc::new(returning(INTERVAL, fields).as_ref().clone().with_nullable(true))),
    run: |args| scale(args, |number| (number != 0.0).then_some(Scale::Over(number))),
};

/// A time of day that much later, past midnight from the start again.
pub(super) static LATER: Function = Function {
    name: "time_later",
    coerce: |_| Ok(vec![TIME, INTERVAL]),
    returns: |fields| Ok(returning(TIME, fields)),
    run: |args| shift(args, 1),
};

/// A time of day that much earlier.
pub(super) static EARLIER: Function = Function {
    name: "time_earlier",
    coerce: |_| Ok(vec![TIME, INTERVAL]),
    returns: |fields| Ok(returning(TIME, fields)),
    run: |args| shift(args, -1),
};

const TIME: DataType = DataType::Time64(TimeUnit::Microsecond);

fn shift(args: &ScalarFunctionArgs, sign: i64) -> Result<ColumnarValue> {
    let (times, intervals) = two(args)?;
    let times = times.as_primitive::<Time64MicrosecondType>().iter();
    let shifted: Time64MicrosecondArray = times
        .zip(intervals.as_primitive::<IntervalMonthDayNanoType>().iter())
        .map(|(time, interval)| {
            let by = interval?.nanoseconds / 1_000 % DAY_MICROS * sign;
            Some((time? + by).rem_euclid(DAY_MICROS))
        })
        .collect();
    finish(args, shifted)
}

fn between(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (left, right) = two(args)?;
    let (left, right) =
        (left.as_primitive::<TimestampMicrosecondType>(), right.as_primitive::<TimestampMicrosecondType>());
    let intervals: IntervalMonthDayNanoArray = left
        .iter()
        .zip(right.iter())
        .map(|pair| {
            let (Some(left), Some(right)) = pair else { return Ok(None) };
            let micros = left.checked_sub(right).ok_or_else(too_long)?;
            let days = i32::try_from(micros / DAY_MICROS).map_err(|_| too_long())?;
            Ok(Some(IntervalMonthDayNano::new(0, days, micros % DAY_MICROS * 1_000)))
        })
        .collect::<Result<_, ArrowError>>()?;
    finish(args, intervals)
}

fn scale(args: &ScalarFunctionArgs, factor: impl Fn(f64) -> Option<Scale>) -> Result<ColumnarValue> {
    let (left, right) = two(args)?;
    let (left, right): (&IntervalMonthDayNanoArray, &Float64Array) =
        (left.as_primitive::<IntervalMonthDayNanoType>(), right.as_primitive::<Float64Type>());
    let intervals: IntervalMonthDayNanoArray = left
        .iter()
        .zip(right.iter())
        .map(|pair| match pair {
            (Some(interval), Some(number)) => factor(number).map(|factor| times(interval, factor)).transpose(),
            _ => Ok(None),
        })
        .collect::<Result<_, ArrowError>>()?;
    finish(args, intervals)
}

/// What the parts of an interval are multiplied or divided by.
#[derive(Clone, Copy)]
enum Scale {
    Times(f64),
    Over(f64),
}

impl Scale {
    fn of(self, part: f64) -> f64 {
        match self {
            Self::Times(number) => part * number,
            Self::Over(number) => part / number,
        }
    }
}

/// What is left of a month goes to the days, what is left of a day to the microseconds.
fn times(interval: IntervalMonthDayNano, by: Scale) -> Result<IntervalMonthDayNano, ArrowError> {
    let months = by.of(f64::from(interval.months));
    let days = by.of(f64::from(interval.days)) + months.fract() * DAYS_A_MONTH;
    let micros = by.of((interval.nanoseconds / 1_000) as f64) + days.fract() * DAY_MICROS as f64;
    let whole = |value: f64| match value.trunc() {
        value if value.abs() <= f64::from(i32::MAX) => Ok(value as i32),
        _ => Err(too_long()),
    };
    let nanos = micros.round() * 1_000.0;
    if nanos.is_nan() || nanos.abs() >= i64::MAX as f64 {
        return Err(too_long());
    }
    Ok(IntervalMonthDayNano::new(whole(months)?, whole(days)?, micros.round() as i64 * 1_000))
}

fn too_long() -> ArrowError {
    ArrowError::ArithmeticOverflow("The interval is longer than an INTERVAL can be".to_owned())
}

fn two(args: &ScalarFunctionArgs) -> Result<(Arc<dyn Array>, Arc<dyn Array>)> {
    let rows = if all_scalars(args) { 1 } else { args.number_rows };
    Ok((argument(&args.args, 0)?.to_array(rows)?, argument(&args.args, 1)?.to_array(rows)?))
}

fn all_scalars(args: &ScalarFunctionArgs) -> bool {
    args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)))
}

fn finish(args: &ScalarFunctionArgs, values: impl Array + 'static) -> Result<ColumnarValue> {
    Ok(if all_scalars(args) {
        ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?)
    } else {
        ColumnarValue::Array(Arc::new(values))
    })
}
