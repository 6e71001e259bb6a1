//! The one type that holds the values of several expressions: the branches of a CASE, the rows of a VALUES, the inputs of a UNION.

use super::kind::{Kind, MAX_DIGITS};

/// The type to which DuckDB casts `left` and `right` where one result has both. None when the rule is left to
/// DataFusion: it has no opinion that differs.
pub(super) fn common(left: &Kind, right: &Kind) -> Option<Kind> {
    use Kind::*;
    if left == right {
        return Some(left.clone());
    }
    Some(match (left, right) {
        (Null, other) | (other, Null) => other.clone(),
        (Double, number) | (number, Double) if number.is_number() => Double,
        (Float, number) | (number, Float) if number.is_number() => Float,
        (Integer { .. }, Integer { .. }) => integers(left, right),
        (HugeInt, Integer { .. }) | (Integer { .. }, HugeInt) => HugeInt,
        (Decimal { .. }, number) | (number, Decimal { .. }) if number.is_number() => decimals(left, right)?,
        (Date, Timestamp(unit)) | (Timestamp(unit), Date) => Timestamp(*unit),
        _ => return None,
    })
}

/// The narrowest integer that holds both.
fn integers(left: &Kind, right: &Kind) -> Kind {
    match (left, right) {
        (Kind::Integer { bits: a, signed: x }, Kind::Integer { bits: b, signed: y }) => {
            if x == y {
                return Kind::Integer { bits: *a.max(b), signed: *x };
            }
            let (signed, unsigned) = if *x { (*a, *b) } else { (*b, *a) };
            match signed.max(unsigned.saturating_mul(2)) {
                bits @ ..=64 => Kind::Integer { bits, signed: true },
                _ => Kind::HugeInt,
            }
        }
        _ => Kind::HugeInt,
    }
}

/// The decimal that holds both; cut to as many digits as there can be.
pub(super) fn decimals(left: &Kind, right: &Kind) -> Option<Kind> {
    let ((p1, s1), (p2, s2)) = (left.decimal_digits()?, right.decimal_digits()?);
    let scale = s1.max(s2);
    let whole = whole_digits(p1, s1).max(whole_digits(p2, s2));
    let precision = whole.saturating_add(scale.unsigned_abs()).min(MAX_DIGITS);
    Some(Kind::Decimal { precision, scale })
}

/// Digits before the point.
pub(super) fn whole_digits(precision: u8, scale: i8) -> u8 {
    precision.saturating_sub(scale.unsigned_abs())
}
