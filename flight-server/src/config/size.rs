//! Amounts of memory: `4GB`, `512MiB`, `75%`.

use std::fmt;

/// An amount of memory, absolute or as a part of what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// So many bytes.
    Bytes(u64),
    /// So many hundredths of the memory the process may use, 1 to 100.
    Percent(u8),
}

/// Units with their number of bytes; powers of ten and of two as their names have it.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

impl Size {
    /// Reads `text`: a number, whole or with a fraction, and a unit in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit = unit.trim();
        if unit == "%" {
            return number.parse().ok().filter(|percent| (1..=100).contains(percent)).map(Self::Percent);
        }
        let (_, factor) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
        scale(number, *factor).filter(|bytes| *bytes > 0).map(Self::Bytes)
    }

    /// In bytes, of `memory` bytes that there are.
    pub fn of(self, memory: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Percent(percent) => (u128::from(memory) * u128::from(percent) / 100) as u64,
        }
    }
}

/// `number` times `factor` without the rounding of floating point, in which large sizes lose bytes.
fn scale(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 9 || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u64>().ok() };
    let part = u128::from(digits(fraction)?) * u128::from(factor) / 10u128.pow(fraction.len() as u32);
    digits(whole)?.checked_mul(factor)?.checked_add(u64::try_from(part).ok()?)
}

impl fmt::Display for Size {
    /// In the largest unit of ten in which it is at least one, with at most one digit of fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Bytes(bytes) => {
                let tens = UNITS.iter().filter(|(name, _)| !name.contains('i'));
                let (name, factor) = tens.clone().find(|(_, factor)| bytes >= factor).unwrap_or(&("B", 1));
                match bytes % factor * 10 / factor {
                    0 => write!(f, "{}{name}", bytes / factor),
                    tenth => write!(f, "{}.{tenth}{name}", bytes / factor),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_with_a_unit_or_a_percentage() {
        for (text, size) in [
            ("4GB", Size::Bytes(4_000_000_000)),
            ("4 gb", Size::Bytes(4_000_000_000)),
            ("1.5GiB", Size::Bytes(1_610_612_736)),
            ("512MiB", Size::Bytes(536_870_912)),
            ("100B", Size::Bytes(100)),
            (".5KB", Size::Bytes(500)),
            ("75%", Size::Percent(75)),
            ("100 %", Size::Percent(100)),
        ] {
            assert_eq!(Size::parse(text), Some(size), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_size_is_refused() {
        for text in ["", "4", "GB", "-1GB", "0GB", "4 bananas", "0%", "101%", "1.5%", "1..5GB", ".GB", "99999999999TB"]
        {
            assert_eq!(Size::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_percentage_is_of_the_memory_there_is() {
        assert_eq!(Size::Percent(75).of(16_000_000_000), 12_000_000_000);
        assert_eq!(Size::Bytes(7).of(1), 7);
        assert_eq!(Size::Percent(100).of(u64::MAX), u64::MAX);
    }

    #[test]
    fn a_size_is_shown_in_a_fitting_unit() {
        assert_eq!(Size::Bytes(18_400_000_000).to_string(), "18.4GB");
        assert_eq!(Size::Bytes(2_000_000).to_string(), "2MB");
        assert_eq!(Size::Bytes(0).to_string(), "0B");
        assert_eq!(Size::Percent(75).to_string(), "75%");
    }
}
