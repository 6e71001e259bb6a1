//! Values that are not made of others.

use std::ops::Range;

use arrow::array::{Array, ArrowPrimitiveType, AsArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes as dt;
use typemap::SqlType;
use typemap::value::uuid_from_bytes;

use super::misfit;
use crate::engine::duckdb::ffi::vector::{HugeInt, Interval, Plain, UHugeInt};
use crate::engine::duckdb::ffi::{Physical, WritableVector};
use crate::error::Result;

/// Writes these rows of `array`. Values that `nulls` hides are written as they are, or as any.
pub(super) fn write<'data>(
    vector: &mut WritableVector<'_, 'data>,
    array: &'data dyn Array,
    ty: &SqlType,
    rows: Range<usize>,
    nulls: Option<&NullBuffer>,
) -> Result<()> {
    let mut to = To { vector, array, rows, nulls, ty };
    match ty {
        // A bare NULL is carried by an integer.
        SqlType::Integer if array.data_type().is_null() => Ok(()),
        SqlType::Boolean => to.booleans(),
        SqlType::TinyInt => to.copied::<dt::Int8Type>(),
        SqlType::SmallInt => to.copied::<dt::Int16Type>(),
        SqlType::Integer => to.copied::<dt::Int32Type>(),
        SqlType::BigInt => to.copied::<dt::Int64Type>(),
        SqlType::UTinyInt => to.copied::<dt::UInt8Type>(),
        SqlType::USmallInt => to.copied::<dt::UInt16Type>(),
        SqlType::UInteger => to.copied::<dt::UInt32Type>(),
        SqlType::UBigInt => to.copied::<dt::UInt64Type>(),
        SqlType::Float => to.copied::<dt::Float32Type>(),
        SqlType::Double => to.copied::<dt::Float64Type>(),
        SqlType::Date => to.copied::<dt::Date32Type>(),
        SqlType::Time => to.copied::<dt::Time64MicrosecondType>(),
        SqlType::TimeNs => to.copied::<dt::Time64NanosecondType>(),
        SqlType::TimestampS => to.copied::<dt::TimestampSecondType>(),
        SqlType::TimestampMs => to.copied::<dt::TimestampMillisecondType>(),
        SqlType::Timestamp | SqlType::TimestampTz => to.copied::<dt::TimestampMicrosecondType>(),
        SqlType::TimestampNs => to.copied::<dt::TimestampNanosecondType>(),
        SqlType::HugeInt => to.mapped::<dt::Decimal128Type, _>(HugeInt::from),
        // Those that are seen fit, as whoever brought them into wire layout has checked; so they do below.
        SqlType::UHugeInt => to.mapped::<dt::Decimal256Type, _>(|v| {
            let (low, _) = v.to_parts();
            UHugeInt::from(low)
        }),
        SqlType::Decimal { .. } => match to.vector.physical() {
            Physical::I16 => to.mapped::<dt::Decimal128Type, _>(|v| v as i16),
            Physical::I32 => to.mapped::<dt::Decimal128Type, _>(|v| v as i32),
            Physical::I64 => to.mapped::<dt::Decimal128Type, _>(|v| v as i64),
            _ => to.mapped::<dt::Decimal128Type, _>(HugeInt::from),
        },
        SqlType::Interval => to.mapped::<dt::IntervalMonthDayNanoType, _>(|v| Interval {
            months: v.months,
            days: v.days,
            micros: v.nanoseconds / 1_000,
        }),
        SqlType::Uuid => to.uuids(),
        SqlType::Varchar | SqlType::Json => to.texts(),
        SqlType::Blob => to.blobs(),
        SqlType::Geometry { .. } => {
            to.blobs()?;
            // Only values that are not NULL are read as geometries.
            if let Some(nulls) = nulls {
                vector.set_nulls(|row| nulls.is_null(row));
            }
            Ok(vector.wkb_to_geometry()?)
        }
        other => Err(misfit(other, array)),
    }
}

/// Rows on their way into a vector.
struct To<'to, 'chunk, 'data> {
    vector: &'to mut WritableVector<'chunk, 'data>,
    array: &'data dyn Array,
    rows: Range<usize>,
    nulls: Option<&'to NullBuffer>,
    ty: &'to SqlType,
}

impl<'data> To<'_, '_, 'data> {
    fn copied<T: ArrowPrimitiveType>(&mut self) -> Result<()>
    where
        T::Native: Plain,
    {
        let misfit = || misfit(self.ty, self.array);
        let values = &self.array.as_primitive_opt::<T>().ok_or_else(misfit)?.values()[self.rows.clone()];
        self.vector.values::<T::Native>().ok_or_else(misfit)?.copy_from_slice(values);
        Ok(())
    }

    fn mapped<T: ArrowPrimitiveType, P: Plain>(&mut self, map: impl Fn(T::Native) -> P) -> Result<()> {
        let misfit = || misfit(self.ty, self.array);
        let values = &self.array.as_primitive_opt::<T>().ok_or_else(misfit)?.values()[self.rows.clone()];
        for (target, value) in self.vector.values::<P>().ok_or_else(misfit)?.iter_mut().zip(values) {
            *target = map(*value);
        }
        Ok(())
    }

    fn booleans(&mut self) -> Result<()> {
        let misfit = || misfit(self.ty, self.array);
        let values = self.array.as_boolean_opt().ok_or_else(misfit)?;
        for (target, row) in self.vector.booleans().ok_or_else(misfit)?.iter_mut().zip(self.rows.clone()) {
            *target = u8::from(values.value(row));
        }
        Ok(())
    }

    fn uuids(&mut self) -> Result<()> {
        let misfit = || misfit(self.ty, self.array);
        let values = self.array.as_fixed_size_binary_opt().ok_or_else(misfit)?;
        for (target, row) in self.vector.values::<HugeInt>().ok_or_else(misfit)?.iter_mut().zip(self.rows.clone()) {
            let bytes = <[u8; 16]>::try_from(values.value(row)).map_err(|_| misfit())?;
            *target = HugeInt::from(uuid_from_bytes(bytes));
        }
        Ok(())
    }

    fn texts(&mut self) -> Result<()> {
        let values = self.array.as_string_opt::<i32>().ok_or_else(|| misfit(self.ty, self.array))?;
        self.bytes(|row| values.value(row).as_bytes())
    }

    fn blobs(&mut self) -> Result<()> {
        let values = self.array.as_binary_opt::<i32>().ok_or_else(|| misfit(self.ty, self.array))?;
        self.bytes(|row| values.value(row))
    }

    fn bytes(&mut self, value: impl Fn(usize) -> &'data [u8]) -> Result<()> {
        let (start, nulls) = (self.rows.start, self.nulls);
        let seen = |row| nulls.is_none_or(|nulls| nulls.is_valid(row));
        Ok(self.vector.write_bytes(|row| seen(row).then(|| value(start + row)))?)
    }
}
