//! What `+`, `-`, `*`, `/`, `//` and `%` mean for operands of known types.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::Result;
use datafusion::functions::core::expr_fn::nullif;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, lit};

use super::function::{Function, call, call_as};
use super::kind::{Kind, TIMESTAMP};
use super::operators::{ADD, INTEGER_DIVIDE, MODULO, MULTIPLY, SUBTRACT, apply_to};
use super::typed::{Typed, cast};
use super::{interval, unify};

/// The expression that computes `left op right` as DuckDB does, or none where DataFusion already does.
pub(super) fn bind(left: &Typed, op: Operator, right: &Typed) -> Result<Option<Expr>> {
    if left.is_untyped_parameter() || right.is_untyped_parameter() {
        return Ok(None);
    }
    let exact = match op {
        Operator::Plus => &ADD,
        Operator::Minus => &SUBTRACT,
        Operator::Multiply => &MULTIPLY,
        Operator::Modulo => &MODULO,
        Operator::IntegerDivide => &INTEGER_DIVIDE,
        Operator::Divide => return Ok(divide(left, right)),
        _ => return Ok(None),
    };
    Ok(match numbers(left, right) {
        Some((left_kind, right_kind)) => {
            let (a, b) = (left.clone().cast(&left_kind), right.clone().cast(&right_kind));
            Some(match left_kind {
                Kind::Float | Kind::Double => float(a, op, b),
                Kind::Decimal { .. } if op == Operator::IntegerDivide => {
                    float(left.clone().cast(&Kind::Double), op, right.clone().cast(&Kind::Double))
                }
                _ => apply_to(exact, (a, &left_kind), (b, &right_kind))?,
            })
        }
        None => times(left, op, right, exact)?,
    })
}

/// `//` of floating point numbers drops nothing in DuckDB, and is NULL where the divisor is zero.
fn float(left: Expr, op: Operator, right: Expr) -> Expr {
    if op == Operator::IntegerDivide {
        return binary(left, Operator::Divide, nullif(right, lit(0.0)));
    }
    binary(left, op, right)
}

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

/// A quotient is a DOUBLE, unless both sides are FLOAT.
fn divide(left: &Typed, right: &Typed) -> Option<Expr> {
    if left.kind == Kind::Interval && right.kind.is_number() {
        let divisor = right.clone().cast(&Kind::Double);
        return Some(call_as(&interval::DIVIDE, vec![left.expr.clone(), divisor], Kind::Interval));
    }
    let (a, b) = numbers(left, right)?;
    let to = if a == Kind::Float && b == Kind::Float { Kind::Float } else { Kind::Double };
    Some(binary(left.clone().cast(&to), Operator::Divide, right.clone().cast(&to)))
}

/// The types to which two numbers are cast before they are added; none if one is no number.
pub(super) fn numbers(left: &Typed, right: &Typed) -> Option<(Kind, Kind)> {
    let same = |kind: Kind| Some((kind.clone(), kind));
    match (&left.kind, &right.kind) {
        (Kind::Null, Kind::Null) => same(Kind::INTEGER),
        (Kind::Null, number) | (number, Kind::Null) if number.is_number() => same(number.clone()),
        (a, b) if !a.is_number() || !b.is_number() => None,
        (Kind::Double, _) | (_, Kind::Double) => same(Kind::Double),
        (Kind::Float, _) | (_, Kind::Float) => same(Kind::Float),
        (Kind::Decimal { .. }, _) | (_, Kind::Decimal { .. }) => {
            let decimal =
                |kind: &Kind| kind.decimal_digits().map(|(precision, scale)| Kind::Decimal { precision, scale });
            Some((decimal(&left.kind)?, decimal(&right.kind)?))
        }
        _ => same(integers(left, right)),
    }
}

/// The integer type that DuckDB's choice among its functions over two operands of one type falls on. A literal takes
/// the type of the other operand when it fits.
fn integers(left: &Typed, right: &Typed) -> Kind {
    for (literal, other) in [(right, left), (left, right)] {
        if literal.integer_literal().is_some_and(|value| other.kind.holds(value)) && other.integer_literal().is_none() {
            return other.kind.clone();
        }
    }
    let casts_to = |from: &Kind, to: &Kind| match (from, to) {
        (Kind::Integer { bits: a, signed: x }, Kind::Integer { bits: b, signed: y }) => {
            (x == y && a <= b) || (!x && *y && a < b)
        }
        (_, Kind::HugeInt) => true,
        _ => false,
    };
    if casts_to(&left.kind, &right.kind) {
        right.kind.clone()
    } else if casts_to(&right.kind, &left.kind) {
        left.kind.clone()
    } else if casts_to(&left.kind, &Kind::BIGINT) && casts_to(&right.kind, &Kind::BIGINT) {
        Kind::BIGINT
    } else {
        Kind::HugeInt
    }
}

/// Dates, times and intervals.
fn times(left: &Typed, op: Operator, right: &Typed, exact: &'static Function) -> Result<Option<Expr>> {
    use Kind::{Date, Interval, Time, Timestamp, TimestampTz};
    let is_sum = op == Operator::Plus;
    let is_sum_or_difference = is_sum || op == Operator::Minus;
    let days = |date: &Typed| cast(date.expr.clone(), DataType::Int32);
    let days_apart = |left, right| apply_to(exact, (left, &Kind::INTEGER), (right, &Kind::INTEGER));
    Ok(Some(match (&left.kind, &right.kind) {
        (Date, Date) if op == Operator::Minus => {
            let wide = |date: &Typed| cast(days(date), DataType::Int64);
            apply_to(exact, (wide(left), &Kind::BIGINT), (wide(right), &Kind::BIGINT))?
        }
        (Date, number) if is_sum_or_difference && number.is_integer() => {
            cast(days_apart(days(left), right.clone().cast(&Kind::INTEGER))?, DataType::Date32)
        }
        (number, Date) if is_sum && number.is_integer() => {
            cast(days_apart(left.clone().cast(&Kind::INTEGER), days(right))?, DataType::Date32)
        }
        (Date, Interval) if is_sum_or_difference => binary(cast(left.expr.clone(), TIMESTAMP), op, right.expr.clone()),
        (Interval, Date) if is_sum => binary(cast(right.expr.clone(), TIMESTAMP), op, left.expr.clone()),
        (Interval, Timestamp(_) | TimestampTz(..)) if is_sum => binary(right.expr.clone(), op, left.expr.clone()),
        (Time, Interval) if is_sum => {
            call_as(&interval::LATER, vec![left.expr.clone(), right.expr.clone()], Kind::Time)
        }
        (Time, Interval) if op == Operator::Minus => {
            call_as(&interval::EARLIER, vec![left.expr.clone(), right.expr.clone()], Kind::Time)
        }
        (Interval, Time) if is_sum => {
            call_as(&interval::LATER, vec![right.expr.clone(), left.expr.clone()], Kind::Time)
        }
        (Date, Time) if is_sum => date_and_time(&left.expr, &right.expr),
        (Time, Date) if is_sum => date_and_time(&right.expr, &left.expr),
        (Date | Timestamp(_), Timestamp(_)) | (Timestamp(_), Date) if op == Operator::Minus => {
            let micros = |side: &Typed| cast(side.expr.clone(), TIMESTAMP);
            call_as(&interval::BETWEEN, vec![micros(left), micros(right)], Kind::Interval)
        }
        (TimestampTz(..), TimestampTz(..)) if op == Operator::Minus => {
            let micros = |side: &Typed| cast(cast(side.expr.clone(), utc()), TIMESTAMP);
            call_as(&interval::BETWEEN, vec![micros(left), micros(right)], Kind::Interval)
        }
        (Interval, number) if op == Operator::Multiply && number.is_number() => {
            call_as(&interval::MULTIPLY, vec![left.expr.clone(), right.clone().cast(&Kind::Double)], Kind::Interval)
        }
        (number, Interval) if op == Operator::Multiply && number.is_number() => {
            call_as(&interval::MULTIPLY, vec![right.expr.clone(), left.clone().cast(&Kind::Double)], Kind::Interval)
        }
        _ => return Ok(None),
    }))
}

fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The moment of a day at a time.
fn date_and_time(date: &Expr, time: &Expr) -> Expr {
    let date = cast(cast(date.clone(), TIMESTAMP), DataType::Int64);
    let time = cast(cast(time.clone(), Kind::Time.data_type()), DataType::Int64);
    cast(call(&ADD, vec![date, time]), TIMESTAMP)
}

/// Casts two sides of a comparison whose types DuckDB unifies in another way than DataFusion; none where both agree.
pub(super) fn compare(left: &Typed, right: &Typed) -> Option<(Expr, Expr)> {
    let is_float = |kind: &Kind| matches!(kind, Kind::Float | Kind::Double);
    if left.kind == right.kind || !(is_float(&left.kind) || is_float(&right.kind)) {
        return None;
    }
    let common = unify::common(&left.kind, &right.kind)?;
    Some((left.clone().cast(&common), right.clone().cast(&common)))
}
