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
        "the HUGEINT {value} has more than the 38 digits of a 128-bit decimal; cast it to UHUGEINT, DOUBLE or VARCHAR, or set \
         the session option pintail.wide_integers to decimal256"
    )]
    HugeIntTooWide {
        /// The value.
        value: i128,
    },
    /// A date or timestamp at an infinity.
    #[error(
        "the {kind} is {value}, which Arrow cannot express; cast it to VARCHAR, leave it out, or read it as NULL by the \
         session option pintail.infinity = null"
    )]
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
    /// A number outside the range of its type.
    #[error("the number {value} does not fit the type {ty}; cast it to a wider type")]
    NumberOutOfRange {
        /// The number, in digits.
        value: String,
        /// The SQL type.
        ty: String,
    },
    /// A number with digits after the last one its type keeps.
    #[error("the number {value} has more digits after the point than the type {ty} keeps; round it or cast it")]
    NumberTooFine {
        /// The number, in digits.
        value: String,
        /// The SQL type.
        ty: String,
    },
    /// A point in time that no timestamp of the wire can name.
    #[error("the {kind} {value} ({unit} since 1970-01-01) is out of range; cast it to a narrower range first")]
    TimeOutOfRange {
        /// `date` or `timestamp`.
        kind: &'static str,
        /// The value, in its unit.
        value: i64,
        /// The unit it was counted in.
        unit: &'static str,
    },
    /// A time of day that is not one.
    #[error("{value} {unit} since midnight is no time of day: it lies outside 00:00:00 to 24:00:00")]
    TimeOfDay {
        /// The value, in its unit.
        value: i64,
        /// The unit it was counted in.
        unit: &'static str,
    },
    /// A duration that has too many nanoseconds for 64 bits.
    #[error("the duration of {value} {unit} is beyond the 292 years Arrow can express as an interval")]
    DurationTooLong {
        /// The duration, in its unit.
        value: i64,
        /// The unit it was counted in.
        unit: &'static str,
    },
    /// A date given in milliseconds that is not a whole day.
    #[error("the date of {millis} milliseconds since 1970-01-01 is not a whole day; send a timestamp instead")]
    NotWholeDays {
        /// The value, in milliseconds.
        millis: i64,
    },
    /// A map entry without a key.
    #[error("a map has an entry whose key is NULL, which no MAP may have; leave the entry out")]
    NullMapKey,
    /// A map with two entries of the same key.
    #[error("a map has the same key twice, which no MAP may have; keep one of the entries")]
    DuplicateMapKey,
    /// A null where the schema promised that there are none.
    #[error("there is a NULL in a column that is declared NOT NULL")]
    UnexpectedNull,
    /// More bytes or values than one array can hold, or than are unpacked from a compact encoding.
    #[error("the values of one batch take more room than a plain Arrow array has; use batches of fewer rows")]
    TooLarge,
    /// An array that is not built as its type says.
    #[error("the Arrow array is not what its type says: {problem}")]
    Array {
        /// What is wrong with it.
        problem: String,
    },
}
