//! The quotient of two whole numbers as DuckDB computes a mean: in 64 bits of mantissa, then rounded to a double.

/// `numerator / denominator`, both rounded to 64 bits first. The denominator must not be zero.
pub(super) fn quotient(numerator: i128, denominator: u128) -> f64 {
    if numerator == 0 {
        return 0.0;
    }
    let (n, n_exponent) = mantissa(numerator.unsigned_abs());
    let (d, d_exponent) = mantissa(denominator);
    // Both mantissas have their highest bit set, so that this quotient has 64 or 65 bits.
    let dividend = n << 64;
    let (mut q, remainder) = (dividend / d, dividend % d);
    let mut exponent = n_exponent - d_exponent - 64;
    let mut has_rest = remainder != 0;
    if q >> 64 != 0 {
        let half = q & 1 == 1;
        q >>= 1;
        exponent += 1;
        q += u128::from(half && (has_rest || q & 1 == 1));
    } else {
        // The next bit of the quotient decides.
        let doubled = remainder << 1;
        has_rest = doubled > d || (doubled == d && q & 1 == 1);
        q += u128::from(has_rest);
    }
    let magnitude = q as f64 * 2f64.powi(exponent);
    if numerator < 0 { -magnitude } else { magnitude }
}

/// The number as a mantissa of exactly 64 bits and a power of two, rounded to even.
fn mantissa(number: u128) -> (u128, i32) {
    let bits = 128 - number.leading_zeros() as i32;
    if bits <= 64 {
        return (number << (64 - bits), bits - 64);
    }
    let shift = bits - 64;
    let (kept, rest) = (number >> shift, number & ((1 << shift) - 1));
    let half = 1u128 << (shift - 1);
    let rounded = kept + u128::from(rest > half || (rest == half && kept & 1 == 1));
    if rounded >> 64 != 0 { (rounded >> 1, shift + 1) } else { (rounded, shift) }
}
