//! Values written and read as DuckDB does.

use arrow::temporal_conversions::timestamp_us_to_datetime;

const DAY_MICROS: i64 = 86_400_000_000;
/// From this power of ten on a floating point number is written with an exponent.
const EXPONENT_FROM: i32 = 16;
/// Below this power of ten too.
const EXPONENT_BELOW: i32 = -4;

/// A DOUBLE.
pub(super) fn write_f64(value: f64) -> String {
    write_float(value.is_nan(), value.is_infinite(), value.is_sign_negative(), &format!("{value:e}"), || {
        format!("{value:?}")
    })
}

/// A FLOAT.
pub(super) fn write_f32(value: f32) -> String {
    write_float(value.is_nan(), value.is_infinite(), value.is_sign_negative(), &format!("{value:e}"), || {
        format!("{value}")
    })
}

fn write_float(nan: bool, infinite: bool, negative: bool, shortest: &str, plain: impl Fn() -> String) -> String {
    if nan {
        return "nan".to_owned();
    }
    if infinite {
        return if negative { "-inf" } else { "inf" }.to_owned();
    }
    let (digits, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (EXPONENT_BELOW..EXPONENT_FROM).contains(&exponent) {
        let written = plain();
        return if written.contains(['.', 'e']) { written } else { format!("{written}.0") };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// A TIMESTAMP, of microseconds since 1970.
pub(super) fn write_timestamp(micros: i64) -> String {
    match timestamp_us_to_datetime(micros) {
        Some(moment) => {
            let time = write_time(micros.rem_euclid(DAY_MICROS));
            format!("{} {time}", moment.date().format("%Y-%m-%d"))
        }
        None => micros.to_string(),
    }
}

/// A TIME, of microseconds since midnight.
pub(super) fn write_time(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let time = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match micros % 1_000_000 {
        0 => time,
        fraction => format!("{time}.{}", format!("{fraction:06}").trim_end_matches('0')),
    }
}

/// An INTERVAL.
pub(super) fn write_interval(months: i32, days: i32, micros: i64) -> String {
    let mut parts = Vec::new();
    let mut count = |number: i64, unit: &str| {
        if number != 0 {
            parts.push(format!("{number} {unit}{}", if number.abs() == 1 { "" } else { "s" }));
        }
    };
    count(i64::from(months / 12), "year");
    count(i64::from(months % 12), "month");
    count(i64::from(days), "day");
    if micros != 0 || parts.is_empty() {
        let sign = if micros < 0 { "-" } else { "" };
        parts.push(format!("{sign}{}", write_time(micros.saturating_abs())));
    }
    parts.join(" ")
}

/// A whole number written in digits, perhaps with a fraction, which is rounded, and an exponent.
pub(super) fn read_integer(written: &str) -> Option<i128> {
    let written = written.trim_matches(|c: char| c.is_ascii_whitespace());
    if let Ok(number) = written.parse() {
        return Some(number);
    }
    let (mantissa, exponent) = match written.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (written, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let magnitude = shifted(&digits, point)?;
    Some(if negative { -magnitude } else { magnitude })
}

/// The digits with the point after the first `point` of them, rounded half up.
fn shifted(digits: &str, point: i32) -> Option<i128> {
    let kept = usize::try_from(point.max(0)).ok()?;
    if kept >= digits.len() {
        let zeros = u32::try_from(kept - digits.len()).ok()?;
        let number: i128 = digits.parse().ok()?;
        return if number == 0 { Some(0) } else { number.checked_mul(10i128.checked_pow(zeros)?) };
    }
    let (whole, rest) = digits.split_at(kept);
    let number: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let rounds_up = point >= 0 && rest.as_bytes().first().is_some_and(|digit| *digit >= b'5');
    number.checked_add(i128::from(rounds_up))
}

/// A date and a time of hours and minutes with seconds after them; anything else as it is.
pub(super) fn with_seconds(written: &str) -> String {
    let trimmed = written.trim_matches(|c: char| c.is_ascii_whitespace());
    let is_short = match trimmed.split_once([' ', 'T']) {
        Some((_, time)) => {
            matches!(time.as_bytes(), [a, b, b':', c, d] if [a, b, c, d].iter().all(|digit| digit.is_ascii_digit()))
        }
        None => false,
    };
    if is_short { format!("{trimmed}:00") } else { trimmed.to_owned() }
}
