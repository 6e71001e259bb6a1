//! The functions that `+`, `-`, `*`, `//` and `%` become: exact over whole numbers and decimals.

use std::sync::Arc;

use arrow::array::ArrowPrimitiveType;
use arrow::datatypes::{
    DataType, Decimal128Type, Field, FieldRef, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs};

use super::exact_math::{Operation, apply};
use super::function::{Function, argument, call_as, returning, same};
use super::kind::{Kind, MAX_DIGITS, MAX_DIGITS_64, hugeint_field};
use super::unify;

/// Exact addition.
pub(super) static ADD: Function =
    Function { name: "add", coerce: same, returns: |f| result(Op::Add, f), run: |a| run(Op::Add, a) };
/// Exact subtraction.
pub(super) static SUBTRACT: Function =
    Function { name: "subtract", coerce: same, returns: |f| result(Op::Subtract, f), run: |a| run(Op::Subtract, a) };
/// Exact multiplication.
pub(super) static MULTIPLY: Function =
    Function { name: "multiply", coerce: same, returns: |f| result(Op::Multiply, f), run: |a| run(Op::Multiply, a) };
/// Division that drops the remainder.
pub(super) static INTEGER_DIVIDE: Function =
    Function { name: "integer_divide", coerce: same, returns: |f| result(Op::Divide, f), run: |a| run(Op::Divide, a) };
/// The remainder, with the sign of the dividend.
pub(super) static MODULO: Function =
    Function { name: "mod", coerce: same, returns: |f| result(Op::Modulo, f), run: |a| run(Op::Modulo, a) };

/// A call of one of these over operands of known types.
pub(super) fn apply_to(operator: &'static Function, left: (Expr, &Kind), right: (Expr, &Kind)) -> Result<Expr> {
    let field = |kind: &Kind| match kind {
        Kind::HugeInt => hugeint_field("operand", true),
        kind => Arc::new(Field::new("operand", kind.data_type(), true)),
    };
    let result = (operator.returns)(&[field(left.1), field(right.1)])?;
    Ok(call_as(operator, vec![left.0, right.0], Kind::of(&result)))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Op {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

impl Op {
    fn noun(self) -> &'static str {
        match self {
            Self::Add => "sum",
            Self::Subtract => "difference",
            Self::Multiply => "product",
            Self::Divide => "quotient",
            Self::Modulo => "remainder",
        }
    }
}

/// The field of the result. Both operands are of the same integer type, or both are decimals.
fn result(op: Op, fields: &[FieldRef]) -> Result<FieldRef> {
    let (mut left, mut right) = (Kind::of(argument(fields, 0)?), Kind::of(argument(fields, 1)?));
    // DataFusion tries what an expression is over a NULL in place of a column.
    if left == Kind::Null {
        left = right.clone();
    } else if right == Kind::Null {
        right = left.clone();
    }
    let nullable = matches!(op, Op::Divide | Op::Modulo) || fields.iter().any(|field| field.is_nullable());
    let kind = match (&left, &right) {
        (Kind::HugeInt, Kind::HugeInt) => return Ok(hugeint_field("result", nullable)),
        (Kind::Decimal { .. }, Kind::Decimal { .. }) => decimal_result(op, &left, &right)?,
        (same, other) if same == other => left,
        // Not bound yet: any type that is about right will do.
        (left, right) if unify::common(left, right).is_some() => unify::common(left, right).unwrap_or(Kind::Double),
        _ => return plan_err!("{} is not defined for {left:?} and {right:?}", op.noun()),
    };
    let field = returning(kind.data_type(), fields);
    Ok(Arc::new(field.as_ref().clone().with_nullable(nullable)))
}

/// DuckDB's precision and scale: a digit more for a sum, all digits of both for a product. Neither passes from 64 to
/// 128 bits, nor beyond 38 digits: there a value that does not fit is an error.
fn decimal_result(op: Op, left: &Kind, right: &Kind) -> Result<Kind> {
    let (Some((p1, s1)), Some((p2, s2))) = (left.decimal_digits(), right.decimal_digits()) else {
        return plan_err!("{} is not defined for {left:?} and {right:?}", op.noun());
    };
    let (precision, scale) = match op {
        Op::Multiply => (p1.saturating_add(p2), s1.saturating_add(s2)),
        Op::Add | Op::Subtract => {
            let scale = s1.max(s2);
            let whole = unify::whole_digits(p1, s1).max(unify::whole_digits(p2, s2));
            ((whole + scale.unsigned_abs()).max(p1).max(p2) + 1, scale)
        }
        Op::Divide | Op::Modulo => match unify::decimals(left, right) {
            Some(Kind::Decimal { precision, scale }) => return Ok(Kind::Decimal { precision, scale }),
            _ => return plan_err!("{} is not defined for {left:?} and {right:?}", op.noun()),
        },
    };
    if scale.unsigned_abs() > MAX_DIGITS {
        return plan_err!(
            "The product of DECIMAL({p1},{s1}) and DECIMAL({p2},{s2}) needs {scale} digits after the point, but there \
             can be {MAX_DIGITS}; cast an operand to a smaller scale"
        );
    }
    let narrow = p1.max(p2) <= MAX_DIGITS_64 && (op != Op::Multiply || scale.unsigned_abs() < MAX_DIGITS_64);
    let limit = if narrow { MAX_DIGITS_64 } else { MAX_DIGITS };
    Ok(Kind::Decimal { precision: precision.min(limit), scale })
}

fn run(op: Op, args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    macro_rules! integers {
        ($type:ty) => {{
            let zero_is_null = matches!(op, Op::Divide | Op::Modulo);
            let returns = args.return_type();
            match op {
                Op::Add => apply::<$type, _>(
                    args,
                    returns,
                    &Operation {
                        compute: |x: <$type as ArrowPrimitiveType>::Native,
                                  y: <$type as ArrowPrimitiveType>::Native| {
                            x.overflowing_add(y)
                        },
                        name: op.noun(),
                        zero_is_null,
                    },
                    |x| x.to_string(),
                ),
                Op::Subtract => apply::<$type, _>(
                    args,
                    returns,
                    &Operation {
                        compute: |x: <$type as ArrowPrimitiveType>::Native,
                                  y: <$type as ArrowPrimitiveType>::Native| {
                            x.overflowing_sub(y)
                        },
                        name: op.noun(),
                        zero_is_null,
                    },
                    |x| x.to_string(),
                ),
                Op::Multiply => apply::<$type, _>(
                    args,
                    returns,
                    &Operation {
                        compute: |x: <$type as ArrowPrimitiveType>::Native,
                                  y: <$type as ArrowPrimitiveType>::Native| {
                            x.overflowing_mul(y)
                        },
                        name: op.noun(),
                        zero_is_null,
                    },
                    |x| x.to_string(),
                ),
                Op::Divide => apply::<$type, _>(
                    args,
                    returns,
                    &Operation {
                        compute: |x: <$type as ArrowPrimitiveType>::Native,
                                  y: <$type as ArrowPrimitiveType>::Native| {
                            if y == 0 { (0, false) } else { x.overflowing_div(y) }
                        },
                        name: op.noun(),
                        zero_is_null,
                    },
                    |x| x.to_string(),
                ),
                Op::Modulo => apply::<$type, _>(
                    args,
                    returns,
                    &Operation {
                        compute: |x: <$type as ArrowPrimitiveType>::Native,
                                  y: <$type as ArrowPrimitiveType>::Native| {
                            if y == 0 { (0, false) } else { (x.wrapping_rem(y), false) }
                        },
                        name: op.noun(),
                        zero_is_null,
                    },
                    |x| x.to_string(),
                ),
            }
        }};
    }
    let is_null = |index| Ok::<_, DataFusionError>(argument(&args.arg_fields, index)?.data_type().is_null());
    if is_null(0)? || is_null(1)? {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from(args.return_type())?));
    }
    match argument(&args.arg_fields, 0)?.data_type() {
        DataType::Int8 => integers!(Int8Type),
        DataType::Int16 => integers!(Int16Type),
        DataType::Int32 => integers!(Int32Type),
        DataType::Int64 => integers!(Int64Type),
        DataType::UInt8 => integers!(UInt8Type),
        DataType::UInt16 => integers!(UInt16Type),
        DataType::UInt32 => integers!(UInt32Type),
        DataType::UInt64 => integers!(UInt64Type),
        DataType::Decimal128(p1, s1) => match (argument(&args.arg_fields, 1)?.data_type(), args.return_type()) {
            (DataType::Decimal128(p2, s2), DataType::Decimal128(precision, scale)) => {
                decimals(op, args, [(*p1, *s1), (*p2, *s2)], (*precision, *scale))
            }
            (other, _) => exec_err!("The {} of a decimal and {other} is not defined", op.noun()),
        },
        other => exec_err!("The {} of {other} is not defined", op.noun()),
    }
}

type Digits = (u8, i8);

fn decimals(op: Op, args: &ScalarFunctionArgs, operands: [Digits; 2], result: Digits) -> Result<ColumnarValue> {
    let [(p1, s1), (p2, s2)] = operands;
    let limit = 10u128.pow(u32::from(result.0));
    let too_large = move |value: i128| value.unsigned_abs() >= limit;
    // What each operand is multiplied by to have the scale of the result. A product has it by itself.
    let factor = |scale: i8| 10i128.pow(u32::from(result.1.saturating_sub(scale).unsigned_abs()));
    let (f, g) = if op == Op::Multiply { (1, 1) } else { (factor(s1), factor(s2)) };
    let returns = args.return_type();
    let zero_is_null = matches!(op, Op::Divide | Op::Modulo);
    let name = op.noun();
    macro_rules! apply {
        ($compute:expr) => {
            apply::<Decimal128Type, _>(args, returns, &Operation { compute: $compute, name, zero_is_null }, |x| {
                format!("{x} (unscaled)")
            })
        };
    }
    let scaled = move |x: i128, y: i128| {
        let ((x, first), (y, second)) = (x.overflowing_mul(f), y.overflowing_mul(g));
        (x, y, first | second)
    };
    match op {
        // The digits of both fit 128 bits: nothing can wrap.
        Op::Multiply if p1 + p2 <= MAX_DIGITS => apply!(|x: i128, y: i128| {
            let product = x.wrapping_mul(y);
            (product, too_large(product))
        }),
        Op::Multiply => apply!(|x: i128, y: i128| {
            let (product, wrapped) = x.overflowing_mul(y);
            (product, wrapped || too_large(product))
        }),
        Op::Add if f == 1 && g == 1 => apply!(|x: i128, y: i128| {
            let (sum, wrapped) = x.overflowing_add(y);
            (sum, wrapped | too_large(sum))
        }),
        Op::Subtract if f == 1 && g == 1 => apply!(|x: i128, y: i128| {
            let (difference, wrapped) = x.overflowing_sub(y);
            (difference, wrapped | too_large(difference))
        }),
        Op::Add => apply!(|x: i128, y: i128| {
            let (x, y, wrong) = scaled(x, y);
            let (sum, wrapped) = x.overflowing_add(y);
            (sum, wrong | wrapped | too_large(sum))
        }),
        Op::Subtract => apply!(|x: i128, y: i128| {
            let (x, y, wrong) = scaled(x, y);
            let (difference, wrapped) = x.overflowing_sub(y);
            (difference, wrong | wrapped | too_large(difference))
        }),
        Op::Divide => apply!(|x: i128, y: i128| {
            let (x, y, wrong) = scaled(x, y);
            if y == 0 { (0, false) } else { (x.wrapping_div(y), wrong) }
        }),
        Op::Modulo => apply!(|x: i128, y: i128| {
            let (x, y, wrong) = scaled(x, y);
            if y == 0 { (0, false) } else { (x.wrapping_rem(y), wrong) }
        }),
    }
}
