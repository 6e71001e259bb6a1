//! What CAST, `::` and TRY_CAST mean.
//!
//! | from, to | DuckDB, and here | DataFusion |
//! |---|---|---|
//! | FLOAT, DOUBLE to a whole number | rounds, halves to even | cuts off |
//! | DECIMAL to a whole number | rounds, halves away from zero | cuts off |
//! | text to a whole number | spaces around it, decimals and exponents are read | an error |
//! | DOUBLE to text | `1e+20`, `nan` | `1e20`, `NaN` |
//! | TIMESTAMP to text | `2020-01-01 10:00:00.5` | `2020-01-01T10:00:00.500` |
//! | INTERVAL to text | `1 year 2 months 3 days 04:05:06` | `14 mons 3 days 4 hours …` |

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float32Array, Float64Array, StringArray};
use arrow::datatypes::{
    DataType, Field, Float32Type, Float64Type, IntervalMonthDayNanoType, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{Cast, ColumnarValue, Expr, ScalarFunctionArgs, TryCast};

use super::function::{Function, argument, call, call_as, returning, same};
use super::kind::{HUGEINT, INTERVAL, Kind, TIMESTAMP};
use super::typed::{Typed, cast};
use super::{hugeint, text};

/// What becomes of a value that can't be cast.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The statement fails.
    Error,
    /// It becomes NULL.
    Null,
}

/// The cast of `operand` to the type of `field`.
pub(super) fn bind(operand: Typed, field: &Field, failure: Failure) -> Result<Expr> {
    let to = Kind::of(field);
    let from = operand.kind.clone();
    if to == Kind::Text {
        return Ok(match &from {
            Kind::Text => operand.expr,
            _ => to_text(operand),
        });
    }
    let is_huge = to == Kind::HugeInt;
    if from == to && (is_huge || !matches!(operand.expr, Expr::Literal(..))) {
        return Ok(operand.expr);
    }
    let from_huge = from == Kind::HugeInt;
    let expr = if from_huge { hugeint::plain(operand.expr) } else { operand.expr };
    let expr = match (&from, &to) {
        (Kind::Float | Kind::Double, to) if to.is_integer() => call(&ROUND_TO_EVEN, vec![expr]),
        (Kind::Decimal { scale: 1.., .. }, Kind::Integer { .. }) => plain_cast(expr, HUGEINT, failure),
        (Kind::Text, to) if to.is_integer() => match failure {
            Failure::Error => call(&READ_INTEGER, vec![expr]),
            Failure::Null => call(&TRY_READ_INTEGER, vec![expr]),
        },
        (Kind::Text, Kind::Timestamp(_) | Kind::TimestampTz(..)) => call_as(&WITH_SECONDS, vec![expr], Kind::Text),
        _ => expr,
    };
    let expr = plain_cast(expr, field.data_type().clone(), failure);
    Ok(if is_huge { hugeint::mark(expr) } else { expr })
}

fn plain_cast(expr: Expr, to: DataType, failure: Failure) -> Expr {
    match failure {
        Failure::Error => Expr::Cast(Cast::new(Box::new(expr), to)),
        Failure::Null => Expr::TryCast(TryCast::new(Box::new(expr), to)),
    }
}

/// The value as DuckDB writes it.
pub(super) fn to_text(operand: Typed) -> Expr {
    let expr = operand.expr;
    match operand.kind {
        Kind::Text => expr,
        Kind::HugeInt => cast(hugeint::plain(expr), DataType::Utf8),
        Kind::Float | Kind::Double => call_as(&WRITE_FLOAT, vec![expr], Kind::Text),
        Kind::Timestamp(_) => call_as(&WRITE_TIMESTAMP, vec![cast(expr, TIMESTAMP)], Kind::Text),
        Kind::Time => call_as(&WRITE_TIME, vec![cast(expr, Kind::Time.data_type())], Kind::Text),
        Kind::Interval => call_as(&WRITE_INTERVAL, vec![cast(expr, INTERVAL)], Kind::Text),
        _ => cast(expr, DataType::Utf8),
    }
}

/// The nearest whole number, the even one of two.
static ROUND_TO_EVEN: Function = Function {
    name: "round_to_even",
    coerce: same,
    returns: |fields| Ok(returning(argument(fields, 0)?.data_type().clone(), fields)),
    run: |args| {
        map(args, |values| {
            Ok(match values.data_type() {
                DataType::Float32 => {
                    let rounded: Float32Array = values.as_primitive::<Float32Type>().unary(f32::round_ties_even);
                    Arc::new(rounded) as ArrayRef
                }
                _ => {
                    let rounded: Float64Array = values.as_primitive::<Float64Type>().unary(f64::round_ties_even);
                    Arc::new(rounded)
                }
            })
        })
    },
};

static READ_INTEGER: Function = Function {
    name: "read_integer",
    coerce: |_| Ok(vec![DataType::Utf8]),
    returns: |fields| Ok(returning(HUGEINT, fields)),
    run: |args| read_integers(args, Failure::Error),
};

static TRY_READ_INTEGER: Function = Function {
    name: "try_read_integer",
    coerce: |_| Ok(vec![DataType::Utf8]),
    returns: |fields| Ok(Arc::new(returning(HUGEINT, fields).as_ref().clone().with_nullable(true))),
    run: |args| read_integers(args, Failure::Null),
};

fn read_integers(args: &ScalarFunctionArgs, failure: Failure) -> Result<ColumnarValue> {
    map(args, |values| {
        let numbers = values
            .as_string::<i32>()
            .iter()
            .map(|written| match (written, written.and_then(text::read_integer)) {
                (Some(written), None) if failure == Failure::Error => {
                    exec_err!("Could not convert string '{written}' to a whole number")
                }
                (_, number) => Ok(number),
            })
            .collect::<Result<Decimal128Array>>()?;
        Ok(Arc::new(numbers.with_data_type(HUGEINT)))
    })
}

/// A moment written without seconds, with them, as DataFusion asks for.
static WITH_SECONDS: Function = Function {
    name: "with_seconds",
    coerce: |_| Ok(vec![DataType::Utf8]),
    returns: |fields| Ok(returning(DataType::Utf8, fields)),
    run: |args| map(args, |values| Ok(write(values.as_string::<i32>().iter(), text::with_seconds))),
};

static WRITE_FLOAT: Function = Function {
    name: "write_float",
    coerce: same,
    returns: |fields| Ok(returning(DataType::Utf8, fields)),
    run: |args| {
        map(args, |values| {
            Ok(match values.data_type() {
                DataType::Float32 => write(values.as_primitive::<Float32Type>().iter(), text::write_f32),
                _ => write(values.as_primitive::<Float64Type>().iter(), text::write_f64),
            })
        })
    },
};

static WRITE_TIMESTAMP: Function = Function {
    name: "write_timestamp",
    coerce: |_| Ok(vec![TIMESTAMP]),
    returns: |fields| Ok(returning(DataType::Utf8, fields)),
    run: |args| {
        map(args, |values| Ok(write(values.as_primitive::<TimestampMicrosecondType>().iter(), text::write_timestamp)))
    },
};

static WRITE_TIME: Function = Function {
    name: "write_time",
    coerce: |_| Ok(vec![Kind::Time.data_type()]),
    returns: |fields| Ok(returning(DataType::Utf8, fields)),
    run: |args| map(args, |values| Ok(write(values.as_primitive::<Time64MicrosecondType>().iter(), text::write_time))),
};

static WRITE_INTERVAL: Function = Function {
    name: "write_interval",
    coerce: |_| Ok(vec![INTERVAL]),
    returns: |fields| Ok(returning(DataType::Utf8, fields)),
    run: |args| {
        map(args, |values| {
            let intervals = values.as_primitive::<IntervalMonthDayNanoType>().iter();
            Ok(write(intervals, |value| text::write_interval(value.months, value.days, value.nanoseconds / 1_000)))
        })
    },
};

fn write<T>(values: impl Iterator<Item = Option<T>>, one: impl Fn(T) -> String) -> ArrayRef {
    Arc::new(values.map(|value| value.map(&one)).collect::<StringArray>())
}

/// Applies `column` to the one argument, also where that is one value for all rows.
pub(super) fn map(args: &ScalarFunctionArgs, column: impl Fn(&dyn Array) -> Result<ArrayRef>) -> Result<ColumnarValue> {
    match argument(&args.args, 0)? {
        ColumnarValue::Array(values) => Ok(ColumnarValue::Array(column(values.as_ref())?)),
        ColumnarValue::Scalar(value) => {
            let result = column(value.to_array()?.as_ref())?;
            Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?))
        }
    }
}
