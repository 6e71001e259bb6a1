//! Functions of dates and times: parts are BIGINT, and what is cut off a date leaves a TIMESTAMP.

use std::sync::Arc;

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::functions::datetime;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, lit};

use super::super::function::{Function, argument, call, returning};
use super::super::kind::{Kind, TIMESTAMP};
use super::super::typed::{Typed, cast};
use super::called;

/// The call as DuckDB means it; none if it is no such function or DataFusion means the same.
pub(super) fn bind(func: &Arc<ScalarUDF>, args: &[Typed]) -> Result<Option<Expr>> {
    let unit = match func.name() {
        "date_part" => {
            let [unit, moment] = args else { return Ok(None) };
            return Ok(literal_text(&unit.expr).map(|unit| part(&unit, &moment.expr)));
        }
        "date_trunc" => return Ok(trunc(func, args)),
        "date_diff" | "datediff" => {
            let [unit, from, to] = args else { return Ok(None) };
            let moments = [from, to].map(|moment| cast(moment.expr.clone(), TIMESTAMP));
            return Ok(Some(call(&DATE_DIFF, std::iter::once(unit.expr.clone()).chain(moments).collect())));
        }
        "strftime" => {
            let [moment, format] = args else { return Ok(None) };
            let (moment, format) = if moment.kind == Kind::Text { (format, moment) } else { (moment, format) };
            return Ok(Some(written(moment, format.expr.clone())));
        }
        "now" => return Ok(Some(cast(called(Arc::clone(func), Vec::new()), instant()))),
        "dayname" => return Ok(args.first().map(|moment| written(moment, lit("%A")))),
        "monthname" => return Ok(args.first().map(|moment| written(moment, lit("%B")))),
        "today" => return Ok(Some(called(datetime::current_date(), Vec::new()))),
        "last_day" => return Ok(args.first().map(last_day)),
        "dayofweek" | "weekday" => "dow",
        "dayofmonth" => "day",
        "dayofyear" => "doy",
        "weekofyear" => "week",
        name @ ("year" | "month" | "day" | "quarter" | "week" | "isodow" | "hour" | "minute" | "second" | "epoch") => {
            name
        }
        _ => return Ok(None),
    };
    Ok(args.first().map(|moment| part(unit, &moment.expr)))
}

/// `now()` counts microseconds, and is a moment in time.
fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn literal_text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_ascii_lowercase),
        _ => None,
    }
}

/// A part of a moment: of type BIGINT, but the seconds since 1970, which have a fraction.
fn part(unit: &str, moment: &Expr) -> Expr {
    let part = called(datetime::date_part(), vec![lit(unit), moment.clone()]);
    if unit == "epoch" { part } else { cast(part, DataType::Int64) }
}

/// The start of the unit that a moment is in.
fn trunc(func: &Arc<ScalarUDF>, args: &[Typed]) -> Option<Expr> {
    let [unit, moment] = args else { return None };
    match &moment.kind {
        Kind::Date => Some(called(Arc::clone(func), vec![unit.expr.clone(), cast(moment.expr.clone(), TIMESTAMP)])),
        _ => None,
    }
}

/// A moment written by a format.
fn written(moment: &Typed, format: Expr) -> Expr {
    let expr = match moment.kind {
        Kind::Date => cast(moment.expr.clone(), TIMESTAMP),
        _ => moment.expr.clone(),
    };
    called(datetime::to_char(), vec![expr, format])
}

/// The day before the next month starts.
fn last_day(moment: &Typed) -> Expr {
    let start = called(datetime::date_trunc(), vec![lit("month"), cast(moment.expr.clone(), TIMESTAMP)]);
    let month_less_a_day = ScalarValue::new_interval_mdn(1, -1, 0);
    cast(start + Expr::Literal(month_less_a_day, None), DataType::Date32)
}

/// How many starts of a unit lie between two moments.
static DATE_DIFF: Function = Function {
    name: "date_diff",
    coerce: |_| Ok(vec![DataType::Utf8, TIMESTAMP, TIMESTAMP]),
    returns: |fields| Ok(returning(DataType::Int64, fields)),
    run: date_diff,
};

fn date_diff(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let is_scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
    let rows = if is_scalar { 1 } else { args.number_rows };
    let units = argument(&args.args, 0)?.to_array(rows)?;
    let (from, to) = (argument(&args.args, 1)?.to_array(rows)?, argument(&args.args, 2)?.to_array(rows)?);
    let moments = from.as_primitive::<TimestampMicrosecondType>().iter();
    let moments = moments.zip(to.as_primitive::<TimestampMicrosecondType>().iter());
    let counts = units
        .as_string::<i32>()
        .iter()
        .zip(moments)
        .map(|row| match row {
            (Some(unit), (Some(from), Some(to))) => difference(unit, from, to).map(Some),
            _ => Ok(None),
        })
        .collect::<Result<Int64Array>>()?;
    Ok(if is_scalar {
        ColumnarValue::Scalar(ScalarValue::try_from_array(&counts, 0)?)
    } else {
        ColumnarValue::Array(Arc::new(counts))
    })
}

/// The number of the unit that a moment is in, counted from some fixed one.
fn ordinal(unit: Unit, micros: i64) -> i64 {
    match unit {
        Unit::Micros(length) => micros.div_euclid(length),
        Unit::Months(length) => months(micros).div_euclid(length),
    }
}

/// Months since the start of the year 0.
fn months(micros: i64) -> i64 {
    // Days since the first of March of the year 0, from which on the length of a year is told by its number.
    let days = micros.div_euclid(DAY_MICROS) + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    (era * 400 + year) * 12 + month + 2
}

/// A unit of time, as many microseconds or months long.
#[derive(Clone, Copy)]
enum Unit {
    Micros(i64),
    Months(i64),
}

fn unit_named(name: &str) -> Result<Unit> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "microsecond" | "microseconds" | "us" => Unit::Micros(1),
        "millisecond" | "milliseconds" | "ms" => Unit::Micros(1_000),
        "second" | "seconds" | "s" => Unit::Micros(1_000_000),
        "minute" | "minutes" | "m" => Unit::Micros(60_000_000),
        "hour" | "hours" | "h" => Unit::Micros(3_600_000_000),
        "day" | "days" | "d" => Unit::Micros(DAY_MICROS),
        "month" | "months" | "mon" => Unit::Months(1),
        "quarter" | "quarters" => Unit::Months(3),
        "year" | "years" | "y" => Unit::Months(12),
        "decade" | "decades" => Unit::Months(120),
        other => return exec_err!("date_diff counts no '{other}' in the engine datafusion; count days instead"),
    })
}

const DAY_MICROS: i64 = 86_400_000_000;

/// How many starts of a unit lie between two moments. Weeks are seven days, wherever they start.
fn difference(unit: &str, from: i64, to: i64) -> Result<i64> {
    if matches!(unit.to_ascii_lowercase().as_str(), "week" | "weeks" | "w") {
        return Ok((to.div_euclid(DAY_MICROS) - from.div_euclid(DAY_MICROS)) / 7);
    }
    let unit = unit_named(unit)?;
    Ok(ordinal(unit, to) - ordinal(unit, from))
}
