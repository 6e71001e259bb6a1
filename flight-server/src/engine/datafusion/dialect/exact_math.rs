//! Sums, differences, products, quotients and remainders of whole numbers and decimals, which fail where the result
//! does not fit, and are NULL where the divisor is zero.

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray, new_null_array};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use datafusion::common::cast::as_primitive_array;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use super::function::argument;

/// One operand: a column, or one value for all rows.
struct Operand {
    array: ArrayRef,
    is_scalar: bool,
}

impl Operand {
    fn new(value: &ColumnarValue) -> Result<Self> {
        Ok(match value {
            ColumnarValue::Array(array) => Self { array: array.clone(), is_scalar: false },
            ColumnarValue::Scalar(scalar) => Self { array: scalar.to_array()?, is_scalar: true },
        })
    }
}

/// How two numbers become one.
pub(super) struct Operation<T> {
    /// The result, and whether it is wrong because it does not fit.
    pub(super) compute: T,
    /// The name of the operation, for its error.
    pub(super) name: &'static str,
    /// Whether a right operand of zero makes the result NULL. `compute` is then called with it, too.
    pub(super) zero_is_null: bool,
}

/// Applies `operation` to the first two arguments, row by row.
///
/// # Errors
/// The result of a row does not fit: an arithmetic overflow that names both operands.
pub(super) fn apply<T, F>(
    args: &ScalarFunctionArgs,
    returns: &DataType,
    operation: &Operation<F>,
    show: impl Fn(T::Native) -> String,
) -> Result<ColumnarValue>
where
    T: ArrowPrimitiveType,
    T::Native: Default + PartialEq,
    F: Fn(T::Native, T::Native) -> (T::Native, bool),
{
    let left = Operand::new(argument(&args.args, 0)?)?;
    let right = Operand::new(argument(&args.args, 1)?)?;
    let is_scalar = left.is_scalar && right.is_scalar;
    let rows = if is_scalar { 1 } else { args.number_rows };
    let null_operand = |operand: &Operand| operand.is_scalar && operand.array.is_null(0);
    if null_operand(&left) || null_operand(&right) {
        return finish(new_null_array(returns, rows), is_scalar);
    }
    let (a, b) = (as_primitive_array::<T>(&left.array)?, as_primitive_array::<T>(&right.array)?);
    let (x, y) = (a.values(), b.values());
    let compute = &operation.compute;

    let mut overflow = false;
    let mut note = |(value, wrong): (T::Native, bool)| {
        overflow |= wrong;
        value
    };
    let values: Vec<T::Native> = match (left.is_scalar, right.is_scalar) {
        (false, false) => x.iter().zip(y.iter()).map(|(x, y)| note(compute(*x, *y))).collect(),
        (false, true) => x.iter().map(|x| note(compute(*x, y[0]))).collect(),
        (true, false) => y.iter().map(|y| note(compute(x[0], *y))).collect(),
        (true, true) => vec![note(compute(x[0], y[0]))],
    };

    let at = |index: usize| (x[if left.is_scalar { 0 } else { index }], y[if right.is_scalar { 0 } else { index }]);
    let column_nulls = |operand: &Operand| if operand.is_scalar { None } else { operand.array.nulls().cloned() };
    let mut nulls = NullBuffer::union(column_nulls(&left).as_ref(), column_nulls(&right).as_ref());
    if operation.zero_is_null {
        let divisible = BooleanBuffer::collect_bool(rows, |index| at(index).1 != T::Native::default());
        nulls = NullBuffer::union(nulls.as_ref(), Some(&NullBuffer::new(divisible)));
    }
    // What lies under a NULL may be anything, so only now is it known whether a result is wrong.
    if overflow {
        for index in (0..rows).filter(|index| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*index))) {
            let (x, y) = at(index);
            if compute(x, y).1 {
                return Err(overflowed(operation.name, &show(x), &show(y)));
            }
        }
    }
    let result = PrimitiveArray::<T>::try_new(values.into(), nulls)?.with_data_type(returns.clone());
    finish(std::sync::Arc::new(result), is_scalar)
}

fn overflowed(name: &str, left: &str, right: &str) -> datafusion::error::DataFusionError {
    ArrowError::ArithmeticOverflow(format!(
        "The {name} of {left} and {right} does not fit its type; cast an operand to a wider type"
    ))
    .into()
}

fn finish(array: ArrayRef, is_scalar: bool) -> Result<ColumnarValue> {
    Ok(if is_scalar {
        ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)
    } else {
        ColumnarValue::Array(array)
    })
}
