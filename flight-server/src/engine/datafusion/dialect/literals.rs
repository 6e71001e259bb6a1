//! The types of literals: DataFusion reads every whole number as 64 bits, and a number with an exponent as a decimal.
//!
//! | literal | DuckDB, and here |
//! |---|---|
//! | `1` | the first of INTEGER, BIGINT, HUGEINT that holds it |
//! | `0.05` | DECIMAL(3,2): the digits as written, with at least one before the point |
//! | `1e3` | DOUBLE |

use arrow::datatypes::DECIMAL128_MAX_PRECISION;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;

use super::hugeint;
use super::typed::has_own_type;

/// The literal as DuckDB types it. A literal that carries metadata has a type of its own, such as the value of a
/// parameter, and is left as it is.
pub(super) fn retype(expr: Expr) -> Expr {
    let Expr::Literal(value, metadata) = expr else { return expr };
    if has_own_type(metadata.as_ref()) {
        return Expr::Literal(value, metadata);
    }
    let value = match value {
        // DuckDB negates the literal, and 2147483648 is no INTEGER.
        ScalarValue::Int64(Some(number)) => match i32::try_from(number) {
            Ok(small) if small != i32::MIN => ScalarValue::Int32(Some(small)),
            _ => ScalarValue::Int64(Some(number)),
        },
        ScalarValue::UInt64(Some(number)) => return hugeint::literal(i128::from(number)),
        ScalarValue::Decimal128(Some(number), precision, scale) => return decimal(number, precision, scale),
        ScalarValue::Utf8View(text) => ScalarValue::Utf8(text),
        other => other,
    };
    Expr::Literal(value, None)
}

fn decimal(number: i128, precision: u8, scale: i8) -> Expr {
    // 20 digits and no point: too large for 64 bits. Fewer, or zeros left out: written with an exponent.
    let value = match scale {
        0 if precision > 19 => return hugeint::literal(number),
        ..=0 => {
            let zeros = i32::from(scale.unsigned_abs());
            ScalarValue::Float64(format!("{number}e{zeros}").parse().ok())
        }
        _ => {
            let with_whole_digit = scale.unsigned_abs().saturating_add(1);
            let precision = precision.max(with_whole_digit).min(DECIMAL128_MAX_PRECISION);
            ScalarValue::Decimal128(Some(number), precision, scale)
        }
    };
    Expr::Literal(value, None)
}
