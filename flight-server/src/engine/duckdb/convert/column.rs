//! How the values of each SQL type are copied into the Arrow array of its wire type.

use std::ops::Range;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{self as dt, DataType, Field};
use arrow::error::ArrowError;
use typemap::SqlType;
use typemap::value::{self, ValueError};
use typemap::wire::{Infinity, WideIntegers, WireOptions};

use super::fixed::{Booleans, Copied, Mapped, Nothing, Uuids};
use super::nested::{Arrays, Lists, Structs, Unions, unexpected_wire};
use super::text::{Enums, Rendered, Verbatim};
use crate::engine::duckdb::ffi::vector::{HugeInt, UHugeInt};
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

    /// Appends so many NULLs.
    fn append_nulls(&mut self, count: usize);

    /// Copies these rows of an array that another column of this type has made.
    ///
    /// # Errors
    /// For what is nested, which is never copied again, and for more than Arrow's offsets can tell.
    fn append_made(&mut self, array: &dyn Array, _rows: Range<usize>) -> Result<(), ConvertError> {
        Err(ConvertError::Layout(format!("values of {} are not copied from batch to batch", array.data_type())))
    }

    /// The array of all rows since the last call.
    fn finish(&mut self) -> Result<ArrayRef, ArrowError>;
}

/// What copies values of type `ty`, whose wire type is `wire`. VARIANT comes as the JSON that its chunk was made to have.
pub(super) fn column(ty: &SqlType, wire: &DataType, options: &WireOptions) -> Result<Box<dyn Column>, ArrowError> {
    let infinity = options.infinity;
    let own = || wire.clone();
    Ok(match ty {
        SqlType::Alias { base, .. } => return column(base, wire, options),
        SqlType::Null => Box::new(Nothing::default()),
        SqlType::Boolean => Box::new(Booleans::default()),
        SqlType::TinyInt => Box::new(Copied::<dt::Int8Type>::new(own())),
        SqlType::SmallInt => Box::new(Copied::<dt::Int16Type>::new(own())),
        SqlType::Integer => Box::new(Copied::<dt::Int32Type>::new(own())),
        SqlType::BigInt => Box::new(Copied::<dt::Int64Type>::new(own())),
        SqlType::UTinyInt => Box::new(Copied::<dt::UInt8Type>::new(own())),
        SqlType::USmallInt => Box::new(Copied::<dt::UInt16Type>::new(own())),
        SqlType::UInteger => Box::new(Copied::<dt::UInt32Type>::new(own())),
        SqlType::UBigInt => Box::new(Copied::<dt::UInt64Type>::new(own())),
        SqlType::Float => Box::new(Copied::<dt::Float32Type>::new(own())),
        SqlType::Double => Box::new(Copied::<dt::Float64Type>::new(own())),
        SqlType::Time => Box::new(Copied::<dt::Time64MicrosecondType>::new(own())),
        SqlType::TimeNs => Box::new(Copied::<dt::Time64NanosecondType>::new(own())),
        SqlType::HugeInt => match options.wide_integers {
            WideIntegers::Decimal128 => Box::new(Mapped::<HugeInt, dt::Decimal128Type, _>::new(own(), |v| {
                value::hugeint_to_decimal128(v.into()).map(Some)
            })),
            WideIntegers::Decimal256 => Box::new(Mapped::<HugeInt, dt::Decimal256Type, _>::new(own(), |v| {
                Ok(Some(value::hugeint_to_i256(v.into())))
            })),
        },
        SqlType::UHugeInt => Box::new(Mapped::<UHugeInt, dt::Decimal256Type, _>::new(own(), |v| {
            Ok(Some(value::uhugeint_to_i256(v.into())))
        })),
        SqlType::Decimal { precision, .. } => decimal(*precision, own()),
        SqlType::Date => match infinity {
            Infinity::Error => {
                Box::new(Mapped::<i32, dt::Date32Type, _>::new(own(), |v| value::check_date(v, Infinity::Error)))
            }
            Infinity::Null => {
                Box::new(Mapped::<i32, dt::Date32Type, _>::new(own(), |v| value::check_date(v, Infinity::Null)))
            }
        },
        SqlType::TimestampS => timestamp::<dt::TimestampSecondType>(own(), infinity),
        SqlType::TimestampMs => timestamp::<dt::TimestampMillisecondType>(own(), infinity),
        SqlType::Timestamp | SqlType::TimestampTz => timestamp::<dt::TimestampMicrosecondType>(own(), infinity),
        SqlType::TimestampNs => timestamp::<dt::TimestampNanosecondType>(own(), infinity),
        SqlType::Interval => Box::new(Mapped::<vector::Interval, dt::IntervalMonthDayNanoType, _>::new(own(), |v| {
            value::interval(v.months, v.days, v.micros).map(Some)
        })),
        SqlType::Uuid => Box::new(Uuids::default()),
        SqlType::Varchar | SqlType::Json | SqlType::Variant => Box::new(Verbatim::text()),
        // DuckDB keeps a geometry as well-known binary in little-endian order.
        SqlType::Blob | SqlType::Geometry { .. } => Box::new(Verbatim::binary()),
        SqlType::Enum(values) => Box::new(Enums::new(values)),
        SqlType::Bit => Box::new(Rendered::of_bytes(value::bit_text)),
        SqlType::BigNum => Box::new(Rendered::of_bytes(value::bignum_text)),
        SqlType::TimeTz => Box::new(Rendered::of_words(|bits| Ok(value::time_tz_text(bits)))),
        SqlType::List(element) => match wire {
            DataType::List(field) => Box::new(Lists::new(own(), column(element, field.data_type(), options)?)),
            other => return Err(unexpected_wire(other)),
        },
        SqlType::Map(key, item) => match wire {
            DataType::Map(entries, _) => {
                let DataType::Struct(fields) = entries.data_type() else { return Err(unexpected_wire(wire)) };
                // A key can't be null, so an infinite one stays an error.
                let of_keys = WireOptions { infinity: Infinity::Error, ..*options };
                let mut entry = columns([&**key], fields.iter().map(AsRef::as_ref), &of_keys)?;
                entry.extend(columns([&**item], fields.iter().skip(1).map(AsRef::as_ref), options)?);
                Box::new(Lists::of_entries(own(), entry))
            }
            other => return Err(unexpected_wire(other)),
        },
        SqlType::Array(element, size) => match wire {
            DataType::FixedSizeList(field, _) => {
                Box::new(Arrays::new(own(), *size as usize, column(element, field.data_type(), options)?))
            }
            other => return Err(unexpected_wire(other)),
        },
        SqlType::Struct(members) => match wire {
            DataType::Struct(fields) => {
                let types = members.iter().map(|(_, ty)| ty);
                Box::new(Structs::new(own(), columns(types, fields.iter().map(AsRef::as_ref), options)?))
            }
            other => return Err(unexpected_wire(other)),
        },
        SqlType::Union(members) => match wire {
            DataType::Union(fields, _) => {
                let types = members.iter().map(|(_, ty)| ty);
                let fields = fields.iter().map(|(_, field)| field.as_ref());
                Box::new(Unions::new(own(), columns(types, fields, options)?))
            }
            other => return Err(unexpected_wire(other)),
        },
    })
}

/// The columns of nested values, one a type and its field.
fn columns<'a>(
    types: impl IntoIterator<Item = &'a SqlType>,
    fields: impl Iterator<Item = &'a Field>,
    options: &WireOptions,
) -> Result<Vec<Box<dyn Column>>, ArrowError> {
    types.into_iter().zip(fields).map(|(ty, field)| column(ty, field.data_type(), options)).collect()
}

fn decimal(precision: u8, wire: DataType) -> Box<dyn Column> {
    type Decimal = dt::Decimal128Type;
    // DuckDB stores a decimal in the narrowest integer that holds its digits.
    match precision {
        ..=4 => Box::new(Mapped::<i16, Decimal, _>::new(wire, |v| Ok(Some(i128::from(v))))),
        5..=9 => Box::new(Mapped::<i32, Decimal, _>::new(wire, |v| Ok(Some(i128::from(v))))),
        10..=18 => Box::new(Mapped::<i64, Decimal, _>::new(wire, |v| Ok(Some(i128::from(v))))),
        _ => Box::new(Mapped::<HugeInt, Decimal, _>::new(wire, |v| Ok(Some(v.into())))),
    }
}

fn timestamp<T: dt::ArrowPrimitiveType<Native = i64>>(wire: DataType, infinity: Infinity) -> Box<dyn Column> {
    match infinity {
        Infinity::Error => Box::new(Mapped::<i64, T, _>::new(wire, |v| value::check_timestamp(v, Infinity::Error))),
        Infinity::Null => Box::new(Mapped::<i64, T, _>::new(wire, |v| value::check_timestamp(v, Infinity::Null))),
    }
}

/// The error for a vector that is laid out otherwise than its type says.
pub(super) fn unexpected_layout(physical: Physical) -> ConvertError {
    ConvertError::Layout(format!("the engine's values are laid out as {physical:?}, which their type does not say"))
}
