//! Arrow values as DuckDB values, to be bound to parameters.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{self as dt, DataType, TimeUnit};
use typemap::SqlType;
use typemap::arrow_to_sql::sql_type_of;

use super::ffi::{LogicalType, Prepared, Value};
use crate::error::{Error, ErrorCode, Result};

/// Binds row `row` of `batch` to the parameters of `prepared`, column by column.
///
/// # Errors
/// When there are more or fewer columns than parameters, or a value has a type that can't be bound.
pub(super) fn bind_row(prepared: &Prepared, batch: &RecordBatch, row: usize) -> Result<()> {
    prepared.clear_bindings();
    check_count(prepared, batch.num_columns())?;
    for (index, column) in batch.columns().iter().enumerate() {
        let value = match sql_type_of(batch.schema().field(index)) {
            Ok(ty) => value_at(column, row, &ty),
            Err(error) => Err(unsupported(error)),
        };
        let value = value.map_err(|mut error| {
            error.message = format!("parameter {}: {}", index + 1, error.message);
            error
        })?;
        prepared.bind(index + 1, &value)?;
    }
    Ok(())
}

/// Checks that there are as many values as parameters.
///
/// # Errors
/// SQLSTATE 07001, telling both numbers.
pub(super) fn check_count(prepared: &Prepared, values: usize) -> Result<()> {
    let parameters = prepared.parameter_count();
    if parameters == values {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::RequestInvalid,
        format!("the statement has {parameters} parameters, but {values} values were bound; bind one for each"),
    )
    .with_sqlstate(crate::error::SqlState("07001")))
}

fn unsupported(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorCode::TypeUnsupported, error.to_string())
}

/// The value at `row`. `ty` is the SQL type that the whole array has.
fn value_at(array: &ArrayRef, row: usize, ty: &SqlType) -> Result<Value> {
    if array.is_null(row) {
        return Ok(Value::null());
    }
    macro_rules! number {
        ($arrow:ty, $make:ident) => {
            Value::$make(array.as_primitive::<$arrow>().value(row))
        };
    }
    Ok(match array.data_type() {
        DataType::Null => Value::null(),
        DataType::Boolean => Value::boolean(array.as_boolean().value(row)),
        DataType::Int8 => number!(dt::Int8Type, tinyint),
        DataType::Int16 => number!(dt::Int16Type, smallint),
        DataType::Int32 => number!(dt::Int32Type, integer),
        DataType::Int64 => number!(dt::Int64Type, bigint),
        DataType::UInt8 => number!(dt::UInt8Type, utinyint),
        DataType::UInt16 => number!(dt::UInt16Type, usmallint),
        DataType::UInt32 => number!(dt::UInt32Type, uinteger),
        DataType::UInt64 => number!(dt::UInt64Type, ubigint),
        DataType::Float16 => Value::float(array.as_primitive::<dt::Float16Type>().value(row).to_f32()),
        DataType::Float32 => number!(dt::Float32Type, float),
        DataType::Float64 => number!(dt::Float64Type, double),
        DataType::Decimal32(..) => decimal(array.as_primitive::<dt::Decimal32Type>().value(row).into(), ty)?,
        DataType::Decimal64(..) => decimal(array.as_primitive::<dt::Decimal64Type>().value(row).into(), ty)?,
        DataType::Decimal128(..) => decimal(array.as_primitive::<dt::Decimal128Type>().value(row), ty)?,
        DataType::Decimal256(..) => {
            let wide = array.as_primitive::<dt::Decimal256Type>().value(row);
            let value = wide.to_i128().ok_or_else(|| unsupported("the decimal has more than 38 digits"))?;
            decimal(value, ty)?
        }
        DataType::Date32 => number!(dt::Date32Type, date),
        DataType::Date64 => Value::timestamp_ms(array.as_primitive::<dt::Date64Type>().value(row)),
        DataType::Time32(TimeUnit::Second) => {
            Value::time(i64::from(array.as_primitive::<dt::Time32SecondType>().value(row)) * 1_000_000)
        }
        DataType::Time32(_) => {
            Value::time(i64::from(array.as_primitive::<dt::Time32MillisecondType>().value(row)) * 1_000)
        }
        DataType::Time64(TimeUnit::Nanosecond) => number!(dt::Time64NanosecondType, time_ns),
        DataType::Time64(_) => number!(dt::Time64MicrosecondType, time),
        DataType::Timestamp(unit, zone) => timestamp(array, row, *unit, zone.is_some())?,
        DataType::Interval(dt::IntervalUnit::MonthDayNano) => {
            let v = array.as_primitive::<dt::IntervalMonthDayNanoType>().value(row);
            Value::interval(v.months, v.days, whole_micros(v.nanoseconds)?)
        }
        DataType::Interval(dt::IntervalUnit::YearMonth) => {
            Value::interval(array.as_primitive::<dt::IntervalYearMonthType>().value(row), 0, 0)
        }
        DataType::Interval(dt::IntervalUnit::DayTime) => {
            let v = array.as_primitive::<dt::IntervalDayTimeType>().value(row);
            Value::interval(0, v.days, i64::from(v.milliseconds) * 1_000)
        }
        DataType::Duration(unit) => Value::interval(0, 0, duration_micros(array, row, *unit)?),
        DataType::Utf8 => Value::text(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Value::text(array.as_string::<i64>().value(row)),
        DataType::Utf8View => Value::text(array.as_string_view().value(row)),
        DataType::Binary => Value::blob(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => Value::blob(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => Value::blob(array.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => fixed_binary(array.as_fixed_size_binary().value(row), ty),
        DataType::Dictionary(..) | DataType::RunEndEncoded(..) => {
            let plain = plain_value(array, row)?;
            value_at(&plain, 0, ty)?
        }
        DataType::List(_) => list(&array.as_list::<i32>().value(row), ty)?,
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row), ty)?,
        DataType::FixedSizeList(..) => list(&array.as_fixed_size_list().value(row), ty)?,
        DataType::Struct(_) => structure(array, row, ty)?,
        DataType::Map(..) => map(array, row, ty)?,
        other => return Err(unsupported(format!("a value of Arrow type {other} can't be bound; cast it first"))),
    })
}

fn decimal(unscaled: i128, ty: &SqlType) -> Result<Value> {
    match ty {
        SqlType::Decimal { precision, scale } => Ok(Value::decimal(unscaled, *precision, *scale)),
        SqlType::HugeInt => Ok(Value::hugeint(unscaled)),
        other => Err(unsupported(format!("a decimal can't be bound as {other}"))),
    }
}

fn timestamp(array: &ArrayRef, row: usize, unit: TimeUnit, zoned: bool) -> Result<Value> {
    let value = match unit {
        TimeUnit::Second => array.as_primitive::<dt::TimestampSecondType>().value(row),
        TimeUnit::Millisecond => array.as_primitive::<dt::TimestampMillisecondType>().value(row),
        TimeUnit::Microsecond => array.as_primitive::<dt::TimestampMicrosecondType>().value(row),
        TimeUnit::Nanosecond => array.as_primitive::<dt::TimestampNanosecondType>().value(row),
    };
    if !zoned {
        return Ok(match unit {
            TimeUnit::Second => Value::timestamp_s(value),
            TimeUnit::Millisecond => Value::timestamp_ms(value),
            TimeUnit::Microsecond => Value::timestamp(value),
            TimeUnit::Nanosecond => Value::timestamp_ns(value),
        });
    }
    // There is one zoned type, in microseconds.
    let micros = match unit {
        TimeUnit::Second => value.checked_mul(1_000_000),
        TimeUnit::Millisecond => value.checked_mul(1_000),
        TimeUnit::Microsecond => Some(value),
        TimeUnit::Nanosecond => Some(whole_micros(value)?),
    };
    micros.map(Value::timestamp_tz).ok_or_else(|| out_of_range("the timestamp is out of range"))
}

fn duration_micros(array: &ArrayRef, row: usize, unit: TimeUnit) -> Result<i64> {
    let (value, factor) = match unit {
        TimeUnit::Second => (array.as_primitive::<dt::DurationSecondType>().value(row), 1_000_000),
        TimeUnit::Millisecond => (array.as_primitive::<dt::DurationMillisecondType>().value(row), 1_000),
        TimeUnit::Microsecond => (array.as_primitive::<dt::DurationMicrosecondType>().value(row), 1),
        TimeUnit::Nanosecond => {
            return whole_micros(array.as_primitive::<dt::DurationNanosecondType>().value(row));
        }
    };
    value.checked_mul(factor).ok_or_else(|| out_of_range("the duration is out of range"))
}

fn whole_micros(nanos: i64) -> Result<i64> {
    typemap::value::nanos_to_micros(nanos).map_err(out_of_range)
}

fn out_of_range(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorCode::ValueOutOfRange, error.to_string())
}

fn fixed_binary(bytes: &[u8], ty: &SqlType) -> Value {
    match (ty, <[u8; 16]>::try_from(bytes)) {
        (SqlType::Uuid, Ok(uuid)) => Value::uuid(uuid),
        _ => Value::blob(bytes),
    }
}

/// The value of an encoded array, as an array of one plain value.
fn plain_value(array: &ArrayRef, row: usize) -> Result<ArrayRef> {
    if let Some(dictionary) = array.as_any_dictionary_opt() {
        let key = dictionary.normalized_keys().get(row).copied().unwrap_or_default();
        return Ok(dictionary.values().slice(key, 1));
    }
    macro_rules! run {
        ($ty:ty) => {
            array.as_any().downcast_ref::<arrow::array::RunArray<$ty>>().map(|runs| {
                let index = runs.get_physical_index(row);
                runs.values().slice(index, 1)
            })
        };
    }
    run!(dt::Int16Type)
        .or_else(|| run!(dt::Int32Type))
        .or_else(|| run!(dt::Int64Type))
        .ok_or_else(|| unsupported("an encoded value could not be read"))
}

fn list(elements: &ArrayRef, ty: &SqlType) -> Result<Value> {
    let (SqlType::List(element) | SqlType::Array(element, _)) = ty else {
        return Err(unsupported(format!("a list can't be bound as {ty}")));
    };
    let values = (0..elements.len()).map(|row| value_at(elements, row, element)).collect::<Result<Vec<_>>>()?;
    let described = described(element)?;
    let made = match ty {
        SqlType::Array(..) => Value::array(&described, &values),
        _ => Value::list(&described, &values),
    };
    made.map_err(Error::from)
}

fn structure(array: &ArrayRef, row: usize, ty: &SqlType) -> Result<Value> {
    let SqlType::Struct(fields) = ty else {
        return Err(unsupported(format!("a struct can't be bound as {ty}")));
    };
    let columns = array.as_struct().columns();
    let values = columns
        .iter()
        .zip(fields)
        .map(|(column, (_, field))| value_at(column, row, field))
        .collect::<Result<Vec<_>>>()?;
    Value::structure(&described(ty)?, &values).map_err(Error::from)
}

fn map(array: &ArrayRef, row: usize, ty: &SqlType) -> Result<Value> {
    let SqlType::Map(key, item) = ty else {
        return Err(unsupported(format!("a map can't be bound as {ty}")));
    };
    let entries = array.as_map().value(row);
    let side = |index: usize, ty: &SqlType| {
        (0..entries.len()).map(|row| value_at(entries.column(index), row, ty)).collect::<Result<Vec<_>>>()
    };
    Value::map(&described(ty)?, &side(0, key)?, &side(1, item)?).map_err(Error::from)
}

fn described(ty: &SqlType) -> Result<LogicalType> {
    LogicalType::describing(ty).map_err(Error::from)
}
