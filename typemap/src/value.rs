//! The rules for values that are easy to get wrong, each engine-independent and small.
//!
//! An error here does not know the column or the row it happened in; the caller adds them.

mod digits;
mod temporal;
mod uuid;
mod wide_integer;

pub use digits::{bignum_text, bit_text};
pub use temporal::{check_date, check_timestamp, interval, nanos_to_micros, time_tz_text};
pub use uuid::{uuid_bytes, uuid_from_bytes};
pub use wide_integer::{hugeint_to_decimal128, hugeint_to_i256, uhugeint_to_i256};

/// A value that its wire type cannot carry, or that is not what its type promises.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// A `HUGEINT` of 39 digits.
    #[error(
        "the HUGEINT {value} has more than the 38 digits of a 128-bit decimal; cast it to UHUGEINT, DOUBLE or VARCHAR"
    )]
    HugeIntTooWide {
        /// The value.
        value: i128,
    },
    /// A date or timestamp at an infinity.
    #[error("the {kind} is {value}, which Arrow cannot express; cast it to VARCHAR, or leave it out")]
    Infinite {
        /// `date` or `timestamp`.
        kind: &'static str,
        /// `infinity` or `-infinity`.
        value: &'static str,
    },
    /// An interval whose time part has too many nanoseconds for 64 bits.
    #[error(
        "the interval's time part of {micros} microseconds is beyond the 292 years Arrow can express; cast it to VARCHAR, \
         or justify it into days and months"
    )]
    IntervalTooLong {
        /// Time part of the interval, in microseconds.
        micros: i64,
    },
    /// Nanoseconds where only microseconds can be kept.
    #[error(
        "{nanos} nanoseconds are not whole microseconds, and the type keeps no finer; round or cast before sending"
    )]
    FinerThanMicros {
        /// The value, in nanoseconds.
        nanos: i64,
    },
    /// Bytes that are not a `BIT` value.
    #[error("the stored BIT value is damaged: {problem}; cast it to BLOB to see its bytes")]
    Bit {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Bytes that are not a `BIGNUM` value.
    #[error("the stored BIGNUM value is damaged: {problem}; cast it to VARCHAR to see what the engine makes of it")]
    BigNum {
        /// What is wrong with it.
        problem: &'static str,
    },
}
