//! UUIDs, which DuckDB stores as integers.

/// The bytes, most significant first, of a UUID as DuckDB stores it: a 128-bit integer whose top bit is flipped, so
/// that signed integers sort as the UUIDs do.
#[inline]
pub fn uuid_bytes(hugeint: i128) -> [u8; 16] {
    (hugeint ^ i128::MIN).to_be_bytes()
}

/// The integer DuckDB stores for a UUID of these bytes; the inverse of [`uuid_bytes`].
#[inline]
pub fn uuid_from_bytes(bytes: [u8; 16]) -> i128 {
    i128::from_be_bytes(bytes) ^ i128::MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_integer_is_the_nil_uuid_and_the_greatest_all_ones() {
        assert_eq!(uuid_bytes(i128::MIN), [0; 16]);
        assert_eq!(uuid_bytes(i128::MAX), [0xff; 16]);
    }

    #[test]
    fn bytes_come_back_as_they_went() {
        let bytes = [0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];
        assert_eq!(uuid_bytes(uuid_from_bytes(bytes)), bytes);
    }
}
