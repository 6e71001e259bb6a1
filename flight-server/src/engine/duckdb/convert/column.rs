//! How the values of each SQL type are copied into the Arrow array of its wire type.

use std::ops::Range;

use arrow::array::ArrayRef;
use arrow::datatypes as dt;
use arrow::error::ArrowError;
use typemap::value::{self, ValueError};
use typemap::wire::{Infinity, WireOptions, wire_type};
use typemap::{SqlType, TypeError};

use super::fixed::{Booleans, Copied, Mapped, Nothing, Uuids};
use super::nested::{Arrays, Lists, Structs, Unions};
use super::text::{Enums, Rendered, Verbatim};
use crate::engine::duckdb::ffi::{Physical, Vector, vector};

/// Why a value can't be copied.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConvertError {
    /// The wire type can't hold it.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// DuckDB's vector is not what its type says, or too large for Arrow.
    #[error("{0}")]
    Layout(String),
}

/// A column being built.
pub(super) trait Column: Send {
    /// Bytes that every row of it takes on the wire, about.
    fn width(&self) -> usize;

    /// Whether rows take more than that, each its own number.
    fn varies(&self) -> bool {
        false
    }

    /// Adds to `lengths`, one a row of `rows`, the bytes each takes beyond `width`.
    fn add_lengths(&self, _vector: &Vector<'_>, _rows: Range<usize>, _lengths: &mut [usize]) {}

    /// Copies these rows of `vector`.
    ///
    /// # Errors
    /// For a value that the wire type can't hold. What was appended before is then useless.
    fn append(&mut self, vector: &Vector<'_>, rows: Range<usize>) -> Result<(), ConvertError>;

    /// The array of all rows since the last call.
    fn finish(&mut self) -> Result<ArrayRef, ArrowError>;
}

/// Why a column of some type can't be built.
#[derive(Debug, thiserror::Error)]
pub(super) enum ColumnError {
    /// The type has no wire type.
    #[error(transparent)]
    Type(#[from] TypeError),
    /// DuckDB's vectors of the type have no layout that can be read.
    #[error("the type {0} can't be carried yet; cast it, for example to VARCHAR or BLOB")]
    Unreadable(SqlType),
}

/// What copies values of type `ty`.
pub(super) fn column(ty: &SqlType) -> Result<Box<dyn Column>, ColumnError> {
    let options = WireOptions::default();
    let wire = wire_type(ty, &options)?;
    Ok(match ty {
        SqlType::Alias { base, .. } => return column(base),
        SqlType::Null => Box::new(Nothing::default()),
        SqlType::Boolean => Box::new(Booleans::default()),
        SqlType::TinyInt => Box::new(Copied::<dt::Int8Type>::new(wire)),
        SqlType::SmallInt => Box::new(Copied::<dt::Int16Type>::new(wire)),
        SqlType::Integer => Box::new(Copied::<dt::Int32Type>::new(wire)),
        SqlType::BigInt => Box::new(Copied::<dt::Int64Type>::new(wire)),
        SqlType::UTinyInt => Box::new(Copied::<dt::UInt8Type>::new(wire)),
        SqlType::USmallInt => Box::new(Copied::<dt::UInt16Type>::new(wire)),
        SqlType::UInteger => Box::new(Copied::<dt::UInt32Type>::new(wire)),
        SqlType::UBigInt => Box::new(Copied::<dt::UInt64Type>::new(wire)),
        SqlType::Float => Box::new(Copied::<dt::Float32Type>::new(wire)),
        SqlType::Double => Box::new(Copied::<dt::Float64Type>::new(wire)),
        SqlType::Time => Box::new(Copied::<dt::Time64MicrosecondType>::new(wire)),
        SqlType::TimeNs => Box::new(Copied::<dt::Time64NanosecondType>::new(wire)),
        SqlType::HugeInt => Box::new(Mapped::<vector::HugeInt, dt::Decimal128Type, _>::new(wire, |v| {
            value::hugeint_to_decimal128(v.into()).map(Some)
        })),
        SqlType::UHugeInt => Box::new(Mapped::<vector::UHugeInt, dt::Decimal256Type, _>::new(wire, |v| {
            Ok(Some(value::uhugeint_to_i256(v.into())))
        })),
        SqlType::Decimal { precision, .. } => decimal(*precision, wire),
        SqlType::Date => {
            Box::new(Mapped::<i32, dt::Date32Type, _>::new(wire, |v| value::check_date(v, Infinity::default())))
        }
        SqlType::TimestampS => timestamp::<dt::TimestampSecondType>(wire),
        SqlType::TimestampMs => timestamp::<dt::TimestampMillisecondType>(wire),
        SqlType::Timestamp | SqlType::TimestampTz => timestamp::<dt::TimestampMicrosecondType>(wire),
        SqlType::TimestampNs => timestamp::<dt::TimestampNanosecondType>(wire),
        SqlType::Interval => Box::new(Mapped::<vector::Interval, dt::IntervalMonthDayNanoType, _>::new(wire, |v| {
            value::interval(v.months, v.days, v.micros).map(Some)
        })),
        SqlType::Uuid => Box::new(Uuids::default()),
        SqlType::Varchar | SqlType::Json => Box::new(Verbatim::text()),
        SqlType::Blob => Box::new(Verbatim::binary()),
        SqlType::Enum(values) => Box::new(Enums::new(values)),
        SqlType::Bit => Box::new(Rendered::of_bytes(value::bit_text)),
        SqlType::BigNum => Box::new(Rendered::of_bytes(value::bignum_text)),
        SqlType::TimeTz => Box::new(Rendered::of_words(|bits| Ok(value::time_tz_text(bits)))),
        SqlType::List(element) => Box::new(Lists::new(wire, column(element)?)),
        SqlType::Map(key, item) => {
            let entry = vec![column(key)?, column(item)?];
            Box::new(Lists::of_entries(wire, entry))
        }
        SqlType::Array(element, size) => Box::new(Arrays::new(wire, *size as usize, column(element)?)),
        SqlType::Struct(fields) => {
            Box::new(Structs::new(wire, fields.iter().map(|(_, ty)| column(ty)).collect::<Result<_, _>>()?))
        }
        SqlType::Union(members) => {
            Box::new(Unions::new(wire, members.iter().map(|(_, ty)| column(ty)).collect::<Result<_, _>>()?))
        }
        SqlType::Geometry { .. } | SqlType::Variant => return Err(ColumnError::Unreadable(ty.clone())),
    })
}

fn decimal(precision: u8, wire: dt::DataType) -> Box<dyn Column> {
    type Decimal = dt::Decimal128Type;
    // DuckDB stores a decimal in the narrowest integer that holds its digits.
    match precision {
        ..=4 => Box::new(Mapped::<i16, Decimal, _>::new(wire, |v| Ok(Some(i128::from(v))))),
        5..=9 => Box::new(Mapped::<i32, Decimal, _>::new(wire, |v| Ok(Some(i128::from(v))))),
        10..=18 => Box::new(Mapped::<i64, Decimal, _>::new(wire, |v| Ok(Some(i128::from(v))))),
        _ => Box::new(Mapped::<vector::HugeInt, Decimal, _>::new(wire, |v| Ok(Some(v.into())))),
    }
}

fn timestamp<T: dt::ArrowPrimitiveType<Native = i64>>(wire: dt::DataType) -> Box<dyn Column> {
    Box::new(Mapped::<i64, T, _>::new(wire, |v| value::check_timestamp(v, Infinity::default())))
}

/// The error for a vector that is laid out otherwise than its type says.
pub(super) fn unexpected_layout(physical: Physical) -> ConvertError {
    ConvertError::Layout(format!("the engine's values are laid out as {physical:?}, which their type does not say"))
}
