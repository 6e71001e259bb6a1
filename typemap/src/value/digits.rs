//! Values that go over the wire as digits: strings of bits, and integers of any size.

use std::fmt::Write;

use super::ValueError;

/// Bytes before the magnitude of a `BIGNUM`.
const BIGNUM_HEADER: usize = 3;

/// What the limbs of a number count in while it becomes decimal.
const LIMB_BASE: u64 = 1_000_000_000;

/// A `BIT` value as zeros and ones, from the way DuckDB stores it: a first byte that counts the unused leading bits of
/// the second, then the bits.
///
/// # Errors
///
/// The bytes are not such a value.
pub fn bit_text(bytes: &[u8]) -> Result<String, ValueError> {
    let Some((&padding, bits)) = bytes.split_first() else {
        return Err(ValueError::Bit { problem: "it has no bytes" });
    };
    if bits.is_empty() {
        return Err(ValueError::Bit { problem: "it has no bits" });
    }
    if padding > 7 {
        return Err(ValueError::Bit { problem: "it leaves more than seven bits unused" });
    }
    let digits = bits.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1));
    Ok(digits.skip(usize::from(padding)).map(|one| if one { '1' } else { '0' }).collect())
}

/// A `BIGNUM` value as decimal digits, from the way DuckDB stores it: three bytes with the sign (top bit, set for
/// positive) and the number of bytes that follow, then the magnitude, most significant byte first. All bits of a
/// negative value are inverted. Takes time quadratic in the length, as it does in DuckDB.
///
/// # Errors
///
/// The bytes are not such a value.
pub fn bignum_text(bytes: &[u8]) -> Result<String, ValueError> {
    let Some((&[high, middle, low], magnitude)) = bytes.split_first_chunk::<BIGNUM_HEADER>() else {
        return Err(ValueError::BigNum { problem: "it is shorter than its header" });
    };
    let negative = high & 0x80 == 0;
    let inversion = if negative { 0xff } else { 0x00 };
    let announced = u32::from_be_bytes([0, (high ^ inversion) & 0x7f, middle ^ inversion, low ^ inversion]);
    if magnitude.is_empty() || usize::try_from(announced) != Ok(magnitude.len()) {
        return Err(ValueError::BigNum { problem: "its header announces another length" });
    }
    let limbs = decimal_limbs(magnitude, inversion);
    let mut text = String::with_capacity(limbs.len() * 9 + 1);
    let mut limbs = limbs.iter().rev();
    let leading = limbs.next().copied().unwrap_or(0);
    if negative && (leading != 0 || limbs.len() > 0) {
        text.push('-');
    }
    text.push_str(&leading.to_string());
    for limb in limbs {
        // Writing to a String cannot fail.
        let _ = write!(text, "{limb:09}");
    }
    Ok(text)
}

/// The number whose bytes these are, most significant first and each to be inverted by `inversion`, as limbs of nine
/// decimal digits, least significant first and without leading zeros.
fn decimal_limbs(magnitude: &[u8], inversion: u8) -> Vec<u64> {
    let mut limbs: Vec<u64> = Vec::with_capacity(magnitude.len() * 4 / 15 + 1);
    // Four bytes at a time, so that a limb times what they count in plus the carry fits 64 bits.
    let (first, rest) = magnitude.split_at(magnitude.len() % 4);
    for word in std::iter::once(first).chain(rest.chunks_exact(4)) {
        let mut carry = word.iter().fold(0, |value, byte| value << 8 | u64::from(byte ^ inversion));
        for limb in &mut limbs {
            let value = (*limb << 32) + carry;
            carry = value / LIMB_BASE;
            *limb = value % LIMB_BASE;
        }
        while carry > 0 {
            limbs.push(carry % LIMB_BASE);
            carry /= LIMB_BASE;
        }
    }
    limbs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A BIGNUM as DuckDB stores it.
    fn stored(negative: bool, magnitude: &[u8]) -> Vec<u8> {
        let header = (u32::try_from(magnitude.len()).unwrap() | 0x0080_0000).to_be_bytes();
        let bytes = header[1..].iter().chain(magnitude).copied();
        bytes.map(|byte| if negative { !byte } else { byte }).collect()
    }

    #[test]
    fn bits_are_written_without_their_padding() {
        assert_eq!(bit_text(&[3, 0b1111_0101]), Ok("10101".to_owned()));
        assert_eq!(bit_text(&[0, 0b0000_0001]), Ok("00000001".to_owned()));
        assert_eq!(bit_text(&[7, 0b1111_1110, 0b1000_0001]), Ok("010000001".to_owned()));
    }

    #[test]
    fn damaged_bits_are_an_error() {
        for bytes in [&[][..], &[0], &[8, 0]] {
            assert!(matches!(bit_text(bytes), Err(ValueError::Bit { .. })), "{bytes:?}");
        }
    }

    #[test]
    fn small_bignums_are_written_as_they_are() {
        assert_eq!(bignum_text(&[0x80, 0x00, 0x01, 0x00]), Ok("0".to_owned()));
        assert_eq!(bignum_text(&[0x80, 0x00, 0x01, 0x7f]), Ok("127".to_owned()));
        assert_eq!(bignum_text(&[0x7f, 0xff, 0xfe, 0xfe]), Ok("-1".to_owned()));
        assert_eq!(bignum_text(&[0x7f, 0xff, 0xfd, 0xfe, 0xff]), Ok("-256".to_owned()));
    }

    #[test]
    fn a_bignum_of_many_limbs_keeps_the_zeros_inside() {
        // 10^27, of which three limbs are zeros.
        let magnitude = [0x03, 0x3b, 0x2e, 0x3c, 0x9f, 0xd0, 0x80, 0x3c, 0xe8, 0x00, 0x00, 0x00];
        assert_eq!(bignum_text(&stored(false, &magnitude)), Ok("1000000000000000000000000000".to_owned()));
    }

    #[test]
    fn the_greatest_double_is_a_bignum_of_309_digits() {
        let mut magnitude = vec![0; 128];
        magnitude[..6].fill(0xff);
        magnitude[6] = 0xf8;
        assert_eq!(bignum_text(&stored(false, &magnitude)), Ok(format!("{:.0}", f64::MAX)));
        assert_eq!(bignum_text(&stored(true, &magnitude)), Ok(format!("{:.0}", f64::MIN)));
    }

    #[test]
    fn a_damaged_bignum_is_an_error() {
        for bytes in [&[][..], &[0x80, 0, 1], &[0x80, 0, 0], &[0x80, 0, 2, 1], &[0x7f, 0xff, 0xfd, 1]] {
            assert!(matches!(bignum_text(bytes), Err(ValueError::BigNum { .. })), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn every_bignum_of_128_bits_reads_as_the_integer_it_is(value: i128) {
            let bytes = value.unsigned_abs().to_be_bytes();
            let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(15);
            prop_assert_eq!(bignum_text(&stored(value < 0, &bytes[first..])), Ok(value.to_string()));
        }

        #[test]
        fn no_bytes_make_digits_panic(bytes: Vec<u8>) {
            let _ = bignum_text(&bytes);
            let _ = bit_text(&bytes);
        }
    }
}
