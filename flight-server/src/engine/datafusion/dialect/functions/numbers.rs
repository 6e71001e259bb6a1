//! Functions of numbers.
//!
//! | function | DuckDB, and here | DataFusion |
//! |---|---|---|
//! | `sqrt`, `ln`, `power`, `sin`, … | DOUBLE | FLOAT of a FLOAT, DECIMAL of a DECIMAL |
//! | `floor`, `ceil`, `trunc` of DECIMAL(p,s) | DECIMAL(p,0) | DECIMAL(p,s) |
//! | `round` of a whole number | that type | DOUBLE |
//! | `sign` | TINYINT | not had |

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array, Int8Array};
use arrow::datatypes::{DataType, Decimal128Type, FieldRef, Float64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::functions::math;
use datafusion::logical_expr::{BinaryExpr, ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF};

use super::super::function::{Function, argument, call, returning};
use super::super::kind::{HUGEINT, Kind};
use super::super::typed::{Typed, cast};
use super::super::{arithmetic, casts, hugeint};
use super::{called, exprs};

const IN_DOUBLE: [&str; 27] = [
    "sqrt", "cbrt", "exp", "ln", "log", "log2", "log10", "power", "sin", "cos", "tan", "cot", "asin", "acos", "atan",
    "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "degrees", "radians", "isnan", "pow", "signum",
];

/// The call as DuckDB means it; none if it is no such function or DataFusion means the same.
pub(super) fn bind(func: &Arc<ScalarUDF>, args: &[Typed]) -> Result<Option<Expr>> {
    let name = func.name();
    if IN_DOUBLE.contains(&name) && args.iter().all(|arg| arg.kind.is_number() || arg.kind == Kind::Null) {
        return Ok(Some(called(Arc::clone(func), args.iter().map(|arg| arg.clone().cast(&Kind::Double)).collect())));
    }
    let Some(first) = args.first() else { return Ok(None) };
    Ok(match (name, &first.kind) {
        ("abs", Kind::HugeInt) => Some(hugeint::mark(called(Arc::clone(func), exprs(args)))),
        ("sign", kind) if kind.is_number() => Some(call(&SIGN, vec![first.clone().cast(&Kind::Double)])),
        ("mod" | "integer_divide", _) => {
            let [left, right] = args else { return Ok(None) };
            let op = if name == "mod" { Operator::Modulo } else { Operator::IntegerDivide };
            arithmetic::bind(left, op, right)?
        }
        ("interval_multiply" | "interval_divide", _) => {
            let [interval, number] = args else { return Ok(None) };
            Some(called(Arc::clone(func), vec![interval.expr.clone(), number.clone().cast(&Kind::Double)]))
        }
        ("xor", kind) if kind.is_integer() => match args {
            [left, right] => Some(Expr::BinaryExpr(BinaryExpr::new(
                Box::new(left.expr.clone()),
                Operator::BitwiseXor,
                Box::new(right.expr.clone()),
            ))),
            _ => None,
        },
        ("factorial", _) => Some(hugeint::mark(cast(called(math::factorial(), exprs(args)), HUGEINT))),
        ("floor", Kind::Decimal { .. }) => Some(call(&FLOOR, vec![first.expr.clone()])),
        ("ceil" | "ceiling", Kind::Decimal { .. }) => Some(call(&CEIL, vec![first.expr.clone()])),
        ("trunc", Kind::Decimal { .. }) if args.len() == 1 => Some(call(&TRUNC, vec![first.expr.clone()])),
        ("trunc", kind) if kind.is_integer() => Some(first.expr.clone()),
        ("floor" | "ceil" | "ceiling", kind) if kind.is_number() => {
            let func = if name == "floor" { math::floor() } else { math::ceil() };
            let to = if first.kind == Kind::Float { Kind::Float } else { Kind::Double };
            Some(called(func, vec![first.clone().cast(&to)]))
        }
        ("round", kind) if kind.is_integer() => round_whole(func, first, args.get(1)),
        _ => None,
    })
}

/// A whole number rounded: to tens, hundreds, … where the digits are negative.
fn round_whole(func: &Arc<ScalarUDF>, number: &Typed, digits: Option<&Typed>) -> Option<Expr> {
    let Some(digits) = digits else { return Some(number.expr.clone()) };
    match digits.integer_literal() {
        Some(0..) => Some(number.expr.clone()),
        Some(_) if number.kind != Kind::HugeInt => {
            let (precision, scale) = number.kind.decimal_digits()?;
            let decimal = cast(number.expr.clone(), DataType::Decimal128(precision, scale));
            Some(cast(called(Arc::clone(func), vec![decimal, digits.expr.clone()]), number.kind.data_type()))
        }
        _ => None,
    }
}

static SIGN: Function = Function {
    name: "sign",
    coerce: |_| Ok(vec![DataType::Float64]),
    returns: |fields| Ok(returning(DataType::Int8, fields)),
    run: |args| {
        casts::map(args, |values| {
            let signs: Int8Array = values.as_primitive::<Float64Type>().unary(|value| match value {
                value if value > 0.0 => 1,
                value if value < 0.0 => -1,
                _ => 0,
            });
            Ok(Arc::new(signs) as ArrayRef)
        })
    },
};

static FLOOR: Function = whole("floor_decimal", |args| whole_number(args, i128::div_euclid));
static CEIL: Function = whole("ceil_decimal", |args| whole_number(args, |number, unit| -(-number).div_euclid(unit)));
static TRUNC: Function = whole("trunc_decimal", |args| whole_number(args, |number, unit| number / unit));

const fn whole(name: &'static str, run: fn(&ScalarFunctionArgs) -> Result<ColumnarValue>) -> Function {
    Function { name, coerce: super::super::function::same, returns: whole_field, run }
}

fn whole_field(fields: &[FieldRef]) -> Result<FieldRef> {
    Ok(match Kind::of(argument(fields, 0)?) {
        Kind::Decimal { precision, .. } => returning(DataType::Decimal128(precision, 0), fields),
        other => returning(other.data_type(), fields),
    })
}

fn whole_number(args: &ScalarFunctionArgs, to_whole: impl Fn(i128, i128) -> i128) -> Result<ColumnarValue> {
    let returns = args.return_type();
    casts::map(args, |values| match values.data_type() {
        DataType::Decimal128(_, scale) => {
            let unit = 10i128.pow(u32::from(scale.unsigned_abs()));
            let whole: Decimal128Array = values.as_primitive::<Decimal128Type>().unary(|number| to_whole(number, unit));
            Ok(Arc::new(whole.with_data_type(returns.clone())) as ArrayRef)
        }
        DataType::Null => Ok(ScalarValue::try_from(returns)?.to_array_of_size(values.len())?),
        other => exec_err!("A decimal was expected, got {other}"),
    })
}
