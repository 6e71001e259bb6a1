//! Integers of 128 bits as decimals.

use arrow::datatypes::i256;

use super::ValueError;

/// The least number of 39 digits.
const TOO_WIDE: u128 = 10_u128.pow(38);

/// A `HUGEINT` as the unscaled value of a `Decimal128(38, 0)`, which is the same number.
///
/// # Errors
///
/// It has 39 digits.
#[inline]
pub fn hugeint_to_decimal128(v: i128) -> Result<i128, ValueError> {
    if v.unsigned_abs() < TOO_WIDE { Ok(v) } else { Err(ValueError::HugeIntTooWide { value: v }) }
}

/// A `HUGEINT` as the unscaled value of a `Decimal256(39, 0)`; every one fits.
#[inline]
pub fn hugeint_to_i256(v: i128) -> i256 {
    i256::from_i128(v)
}

/// A `UHUGEINT` as the unscaled value of a `Decimal256(39, 0)`; every one fits.
#[inline]
pub fn uhugeint_to_i256(v: u128) -> i256 {
    i256::from_parts(v, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_eight_digits_fit_and_thirty_nine_do_not() {
        let widest = 10_i128.pow(38) - 1;
        for v in [0, 1, -1, widest, -widest] {
            assert_eq!(hugeint_to_decimal128(v), Ok(v));
        }
        for v in [widest + 1, -widest - 1, i128::MAX, i128::MIN] {
            assert_eq!(hugeint_to_decimal128(v), Err(ValueError::HugeIntTooWide { value: v }));
        }
    }

    #[test]
    fn the_error_names_the_option_that_helps() {
        let message = ValueError::HugeIntTooWide { value: i128::MAX }.to_string();
        assert!(message.contains("170141183460469231731687303715884105727"), "{message}");
        assert!(message.contains("cast it to UHUGEINT"), "{message}");
    }

    #[test]
    fn every_wide_integer_keeps_its_value_in_256_bits() {
        for v in [0, 1, -1, i128::MAX, i128::MIN] {
            assert_eq!(hugeint_to_i256(v).to_string(), v.to_string());
        }
        for v in [0, 1, 1 << 127, u128::MAX] {
            assert_eq!(uhugeint_to_i256(v).to_string(), v.to_string());
        }
    }
}
