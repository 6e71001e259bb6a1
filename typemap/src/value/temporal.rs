//! Dates, times and intervals.

use arrow::datatypes::IntervalMonthDayNano;

use super::ValueError;
use crate::wire::Infinity;

/// Bits of a packed `TIME WITH TIME ZONE` that hold the offset; the others hold the microseconds.
const OFFSET_BITS: u32 = 24;

/// The greatest offset from UTC, 15:59:59 east, in seconds. Offsets are stored as their distance from it.
const MAX_OFFSET: i64 = 16 * 60 * 60 - 1;

/// An interval as Arrow has it, with its time part in nanoseconds.
///
/// # Errors
///
/// The time part is beyond ±292 years.
#[inline]
pub fn interval(months: i32, days: i32, micros: i64) -> Result<IntervalMonthDayNano, ValueError> {
    let nanos = micros.checked_mul(1_000).ok_or(ValueError::IntervalTooLong { micros })?;
    Ok(IntervalMonthDayNano::new(months, days, nanos))
}

/// Nanoseconds as microseconds.
///
/// # Errors
///
/// There is a remainder, which would be lost.
#[inline]
pub fn nanos_to_micros(nanos: i64) -> Result<i64, ValueError> {
    if nanos % 1_000 == 0 { Ok(nanos / 1_000) } else { Err(ValueError::FinerThanMicros { nanos }) }
}

/// A `TIME WITH TIME ZONE` as `HH:MM:SS[.ffffff]±HH:MM[:SS]`, from the way DuckDB packs it: microseconds since midnight
/// in the upper 40 bits, and in the lower 24 the distance of its offset from the greatest one, in seconds. Fraction and
/// offset seconds are left out when they are zero.
pub fn time_tz_text(bits: u64) -> String {
    let micros = bits >> OFFSET_BITS;
    let packed_offset = bits & ((1 << OFFSET_BITS) - 1);
    // 24 bits always fit.
    let offset = MAX_OFFSET - packed_offset as i64;
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let mut text = hours_minutes(seconds);
    text.push_str(&format!(":{:02}", seconds % 60));
    if fraction != 0 {
        text.push_str(&format!(".{fraction:06}"));
    }
    text.push(if offset < 0 { '-' } else { '+' });
    let offset = offset.unsigned_abs();
    text.push_str(&hours_minutes(offset));
    if !offset.is_multiple_of(60) {
        text.push_str(&format!(":{:02}", offset % 60));
    }
    text
}

fn hours_minutes(seconds: u64) -> String {
    format!("{:02}:{:02}", seconds / 3_600, seconds / 60 % 60)
}

/// A timestamp of any unit, or none for an infinite one where nulls are wanted for these. DuckDB keeps infinity at the
/// greatest integer and minus infinity at its negative.
///
/// # Errors
///
/// It is infinite and `infinity` asks for an error.
#[inline]
pub fn check_timestamp(v: i64, infinity: Infinity) -> Result<Option<i64>, ValueError> {
    match v {
        i64::MAX => infinite("timestamp", "infinity", infinity),
        v if v == -i64::MAX => infinite("timestamp", "-infinity", infinity),
        v => Ok(Some(v)),
    }
}

/// A date in days since 1970-01-01, or none for an infinite one where nulls are wanted for these. DuckDB keeps infinity
/// at the greatest integer and minus infinity at its negative.
///
/// # Errors
///
/// It is infinite and `infinity` asks for an error.
#[inline]
pub fn check_date(v: i32, infinity: Infinity) -> Result<Option<i32>, ValueError> {
    match v {
        i32::MAX => infinite("date", "infinity", infinity),
        v if v == -i32::MAX => infinite("date", "-infinity", infinity),
        v => Ok(Some(v)),
    }
}

#[cold]
fn infinite<T>(kind: &'static str, value: &'static str, infinity: Infinity) -> Result<Option<T>, ValueError> {
    match infinity {
        Infinity::Error => Err(ValueError::Infinite { kind, value }),
        Infinity::Null => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(micros: u64, offset: i64) -> u64 {
        micros << OFFSET_BITS | u64::try_from(MAX_OFFSET - offset).unwrap()
    }

    #[test]
    fn a_time_with_zone_keeps_its_offset_and_its_fraction() {
        let noon = 12 * 3_600 * 1_000_000;
        assert_eq!(time_tz_text(packed(noon, 0)), "12:00:00+00:00");
        assert_eq!(time_tz_text(packed(noon + 34 * 60_000_000 + 500_000, 19_800)), "12:34:00.500000+05:30");
        assert_eq!(time_tz_text(packed(noon + 1, -3_600)), "12:00:00.000001-01:00");
        assert_eq!(time_tz_text(packed(noon, -1_800)), "12:00:00-00:30");
    }

    #[test]
    fn the_least_and_the_greatest_time_with_zone_are_written_whole() {
        assert_eq!(time_tz_text(packed(0, MAX_OFFSET)), "00:00:00+15:59:59");
        assert_eq!(time_tz_text(packed(86_400_000_000, -MAX_OFFSET)), "24:00:00-15:59:59");
    }

    #[test]
    fn any_bits_at_all_give_a_text() {
        assert!(!time_tz_text(u64::MAX).is_empty());
        assert!(!time_tz_text(0).is_empty());
    }

    #[test]
    fn an_interval_beyond_292_years_of_time_is_an_error() {
        assert_eq!(interval(999, 999, 999_999_999), Ok(IntervalMonthDayNano::new(999, 999, 999_999_999_000)));
        let most = i64::MAX / 1_000;
        assert_eq!(interval(0, 0, most), Ok(IntervalMonthDayNano::new(0, 0, most * 1_000)));
        assert_eq!(interval(0, 0, most + 1), Err(ValueError::IntervalTooLong { micros: most + 1 }));
        assert_eq!(interval(0, 0, i64::MIN), Err(ValueError::IntervalTooLong { micros: i64::MIN }));
    }

    #[test]
    fn infinities_are_errors_unless_nulls_are_asked_for() {
        for v in [i64::MAX, -i64::MAX] {
            assert!(check_timestamp(v, Infinity::Error).is_err());
            assert_eq!(check_timestamp(v, Infinity::Null), Ok(None));
        }
        for v in [i32::MAX, -i32::MAX] {
            assert!(check_date(v, Infinity::Error).is_err());
            assert_eq!(check_date(v, Infinity::Null), Ok(None));
        }
        assert_eq!(check_timestamp(i64::MAX - 1, Infinity::Error), Ok(Some(i64::MAX - 1)));
        assert_eq!(check_date(0, Infinity::Null), Ok(Some(0)));
        let message = check_date(-i32::MAX, Infinity::Error).unwrap_err().to_string();
        assert!(message.contains("-infinity") && message.contains("cast it to VARCHAR"), "{message}");
    }

    #[test]
    fn nanoseconds_with_a_remainder_are_refused() {
        assert_eq!(nanos_to_micros(-3_000), Ok(-3));
        assert_eq!(nanos_to_micros(3_001), Err(ValueError::FinerThanMicros { nanos: 3_001 }));
        assert_eq!(nanos_to_micros(-1), Err(ValueError::FinerThanMicros { nanos: -1 }));
    }
}
