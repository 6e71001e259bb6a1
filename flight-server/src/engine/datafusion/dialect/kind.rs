//! What DuckDB calls the type of an expression, as far as its rules for operators ask.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, TimeUnit};
use typemap::metadata::TYPE_NAME;

/// The digits of a `HUGEINT`, carried as a decimal.
pub(super) const HUGEINT_DIGITS: u8 = 38;
/// The most digits of a `DECIMAL`.
pub(super) const MAX_DIGITS: u8 = 38;
/// The most digits of a `DECIMAL` that DuckDB keeps in 64 bits. Its arithmetic does not go beyond them by itself.
pub(super) const MAX_DIGITS_64: u8 = 18;

/// A type, as DuckDB's rules tell types apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// The type of a bare `NULL`.
    Null,
    Boolean,
    /// `TINYINT` to `UBIGINT`.
    Integer {
        bits: u8,
        signed: bool,
    },
    HugeInt,
    Decimal {
        precision: u8,
        scale: i8,
    },
    Float,
    Double,
    Text,
    Date,
    Time,
    Timestamp(TimeUnit),
    TimestampTz(TimeUnit, Arc<str>),
    Interval,
    /// Any other type: the rules here leave it alone.
    Other(DataType),
}

/// The Arrow type of a `HUGEINT`.
pub(super) const HUGEINT: DataType = DataType::Decimal128(HUGEINT_DIGITS, 0);
/// The Arrow type of an `INTERVAL`.
pub(super) const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);
/// The Arrow type of a `TIMESTAMP`.
pub(super) const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// The metadata of a field of the SQL type `name`.
pub(super) fn named(name: &str) -> HashMap<String, String> {
    HashMap::from([(TYPE_NAME.to_owned(), name.to_owned())])
}

/// A field of type `HUGEINT`.
pub(super) fn hugeint_field(name: &str, nullable: bool) -> FieldRef {
    Arc::new(Field::new(name, HUGEINT, nullable).with_metadata(named("HUGEINT")))
}

/// Whether a field is a `HUGEINT`: its storage alone does not tell, as a `DECIMAL(38,0)` has the same.
pub(super) fn is_hugeint(field: &Field) -> bool {
    *field.data_type() == HUGEINT && field.metadata().get(TYPE_NAME).is_some_and(|name| name == "HUGEINT")
}

impl Kind {
    /// `INTEGER`.
    pub(super) const INTEGER: Self = Self::Integer { bits: 32, signed: true };
    /// `BIGINT`.
    pub(super) const BIGINT: Self = Self::Integer { bits: 64, signed: true };

    /// The kind of the values of `field`.
    pub(super) fn of(field: &Field) -> Self {
        if is_hugeint(field) { Self::HugeInt } else { Self::of_type(field.data_type()) }
    }

    /// The kind of an Arrow type that carries no metadata.
    pub(super) fn of_type(data_type: &DataType) -> Self {
        match data_type {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Boolean,
            DataType::Int8 => Self::Integer { bits: 8, signed: true },
            DataType::Int16 => Self::Integer { bits: 16, signed: true },
            DataType::Int32 => Self::INTEGER,
            DataType::Int64 => Self::BIGINT,
            DataType::UInt8 => Self::Integer { bits: 8, signed: false },
            DataType::UInt16 => Self::Integer { bits: 16, signed: false },
            DataType::UInt32 => Self::Integer { bits: 32, signed: false },
            DataType::UInt64 => Self::Integer { bits: 64, signed: false },
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
                if *scale >= 0 =>
            {
                Self::Decimal { precision: *precision, scale: *scale }
            }
            DataType::Float16 | DataType::Float32 => Self::Float,
            DataType::Float64 => Self::Double,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Dictionary(_, values) => Self::of_type(values),
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Time32(_) | DataType::Time64(_) => Self::Time,
            DataType::Timestamp(unit, None) => Self::Timestamp(*unit),
            DataType::Timestamp(unit, Some(zone)) => Self::TimestampTz(*unit, Arc::clone(zone)),
            DataType::Interval(_) | DataType::Duration(_) => Self::Interval,
            other => Self::Other(other.clone()),
        }
    }

    /// The Arrow type that carries it.
    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self::Null => DataType::Null,
            Self::Boolean => DataType::Boolean,
            Self::Integer { bits: 8, signed: true } => DataType::Int8,
            Self::Integer { bits: 16, signed: true } => DataType::Int16,
            Self::Integer { bits: 32, signed: true } => DataType::Int32,
            Self::Integer { bits: _, signed: true } => DataType::Int64,
            Self::Integer { bits: 8, signed: false } => DataType::UInt8,
            Self::Integer { bits: 16, signed: false } => DataType::UInt16,
            Self::Integer { bits: 32, signed: false } => DataType::UInt32,
            Self::Integer { bits: _, signed: false } => DataType::UInt64,
            Self::HugeInt => HUGEINT,
            Self::Decimal { precision, scale } => DataType::Decimal128(*precision, *scale),
            Self::Float => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Text => DataType::Utf8,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp(unit) => DataType::Timestamp(*unit, None),
            Self::TimestampTz(unit, zone) => DataType::Timestamp(*unit, Some(Arc::clone(zone))),
            Self::Interval => INTERVAL,
            Self::Other(data_type) => data_type.clone(),
        }
    }

    /// Whether it counts whole numbers.
    pub(super) fn is_integer(&self) -> bool {
        matches!(self, Self::Integer { .. } | Self::HugeInt)
    }

    /// Whether it is a number.
    pub(super) fn is_number(&self) -> bool {
        self.is_integer() || matches!(self, Self::Decimal { .. } | Self::Float | Self::Double)
    }

    /// Digits in all and after the point of the decimal that holds every value, as DuckDB counts them.
    pub(super) fn decimal_digits(&self) -> Option<(u8, i8)> {
        Some(match self {
            Self::Integer { bits: 8, .. } => (3, 0),
            Self::Integer { bits: 16, .. } => (5, 0),
            Self::Integer { bits: 32, .. } => (10, 0),
            Self::Integer { signed: true, .. } => (19, 0),
            Self::Integer { signed: false, .. } => (20, 0),
            Self::HugeInt => (HUGEINT_DIGITS, 0),
            Self::Decimal { precision, scale } => (*precision, *scale),
            _ => return None,
        })
    }

    /// Whether a whole number is one of its values.
    pub(super) fn holds(&self, value: i128) -> bool {
        match self {
            Self::Integer { bits, signed: true } => {
                let limit = 1i128 << (bits - 1);
                (-limit..limit).contains(&value)
            }
            Self::Integer { bits, signed: false } => (0..1i128 << bits).contains(&value),
            _ => false,
        }
    }
}
