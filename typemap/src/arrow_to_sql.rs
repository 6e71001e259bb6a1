//! The SQL type an Arrow field means: what a client sends to be ingested or bound, or what an engine that thinks in
//! Arrow answers.

use arrow::datatypes::{DataType, Field, TimeUnit};

use crate::normalise::named;
use crate::{MAX_ARRAY_SIZE, MAX_DECIMAL_PRECISION, MAX_DEPTH, SqlType, TypeError, crs, metadata};

/// The SQL type that holds the values of `field`.
///
/// Views, dictionaries, run-end encodings and the types with wide offsets mean what they hold. The extension types
/// `arrow.json`, `arrow.uuid`, `arrow.bool8` and `geoarrow.wkb` are respected; others mean their storage. A type name in
/// the metadata is not: it says where the field came from, not what a client has since put into it.
///
/// Two mappings are to a type that holds fewer digits: an instant or a duration in nanoseconds becomes
/// `TIMESTAMP WITH TIME ZONE` or `INTERVAL`, which count microseconds. Whoever converts values refuses the ones with a
/// remainder ([`nanos_to_micros`](crate::value::nanos_to_micros)).
///
/// # Errors
///
/// No SQL type holds every value of the field, an extension type is stored as something it cannot be, or the type
/// nests deeper than [`MAX_DEPTH`].
pub fn sql_type_of(field: &Field) -> Result<SqlType, TypeError> {
    of_field(field, 1, Reading::Client)
}

/// Whose fields are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A client's, to be taken in: the storage and the extension types say all.
    Client,
    /// An engine's: type names are respected where the storage tells less, and wide decimals are narrowed.
    Engine,
}

pub(crate) fn of_field(field: &Field, level: usize, reading: Reading) -> Result<SqlType, TypeError> {
    if reading == Reading::Engine
        && let Some(told) = named(field, level)
    {
        return Ok(told);
    }
    if let Some(name) = field.metadata().get(metadata::EXTENSION_NAME)
        && let Some(ty) = of_extension(name, decoded(field.data_type()), field)?
    {
        return Ok(ty);
    }
    of_data_type(field.data_type(), level, reading)
}

/// The type of the values below any dictionary or run-end encoding.
pub(crate) fn decoded(mut data_type: &DataType) -> &DataType {
    loop {
        data_type = match data_type {
            DataType::Dictionary(_, values) => values,
            DataType::RunEndEncoded(_, values) => values.data_type(),
            other => return other,
        }
    }
}

/// The type an extension name stands for, or none if the name is not one of those respected.
fn of_extension(name: &str, storage: &DataType, field: &Field) -> Result<Option<SqlType>, TypeError> {
    let is_text = matches!(storage, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let is_bytes = matches!(storage, DataType::Binary | DataType::LargeBinary | DataType::BinaryView);
    let (fits, expected, ty) = match name {
        metadata::JSON_EXTENSION => (is_text, "a text type", SqlType::Json),
        metadata::UUID_EXTENSION => (*storage == DataType::FixedSizeBinary(16), "FixedSizeBinary(16)", SqlType::Uuid),
        metadata::BOOL8_EXTENSION => (*storage == DataType::Int8, "Int8", SqlType::Boolean),
        metadata::WKB_EXTENSION | metadata::OGC_WKB_EXTENSION => {
            let parameters = field.metadata().get(metadata::EXTENSION_METADATA).map_or("", String::as_str);
            let crs = crs::from_extension_metadata(parameters)
                .map_err(|problem| TypeError::ExtensionMetadata { extension: name.to_owned(), problem })?;
            (is_bytes, "a binary type", SqlType::Geometry { crs })
        }
        _ => return Ok(None),
    };
    if fits {
        Ok(Some(ty))
    } else {
        Err(TypeError::ExtensionStorage { extension: name.to_owned(), storage: storage.to_string(), expected })
    }
}

pub(crate) fn of_data_type(data_type: &DataType, level: usize, reading: Reading) -> Result<SqlType, TypeError> {
    if level > MAX_DEPTH {
        return Err(TypeError::TooDeep);
    }
    let child = |field: &Field| of_field(field, level + 1, reading);
    Ok(match data_type {
        DataType::Null => SqlType::Null,
        DataType::Boolean => SqlType::Boolean,
        DataType::Int8 => SqlType::TinyInt,
        DataType::Int16 => SqlType::SmallInt,
        DataType::Int32 => SqlType::Integer,
        DataType::Int64 => SqlType::BigInt,
        DataType::UInt8 => SqlType::UTinyInt,
        DataType::UInt16 => SqlType::USmallInt,
        DataType::UInt32 => SqlType::UInteger,
        DataType::UInt64 => SqlType::UBigInt,
        DataType::Float16 | DataType::Float32 => SqlType::Float,
        DataType::Float64 => SqlType::Double,
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => decimal(*precision, *scale, reading)?,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => SqlType::Varchar,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => SqlType::Blob,
        DataType::Date32 | DataType::Date64 => SqlType::Date,
        DataType::Time32(_) | DataType::Time64(TimeUnit::Second | TimeUnit::Millisecond | TimeUnit::Microsecond) => {
            SqlType::Time
        }
        DataType::Time64(TimeUnit::Nanosecond) => SqlType::TimeNs,
        DataType::Timestamp(_, Some(_)) => SqlType::TimestampTz,
        DataType::Timestamp(TimeUnit::Second, None) => SqlType::TimestampS,
        DataType::Timestamp(TimeUnit::Millisecond, None) => SqlType::TimestampMs,
        DataType::Timestamp(TimeUnit::Microsecond, None) => SqlType::Timestamp,
        DataType::Timestamp(TimeUnit::Nanosecond, None) => SqlType::TimestampNs,
        DataType::Duration(_) | DataType::Interval(_) => SqlType::Interval,
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) | DataType::LargeListView(item) => {
            SqlType::List(Box::new(child(item)?))
        }
        DataType::FixedSizeList(item, size) => SqlType::Array(Box::new(child(item)?), array_size(*size)?),
        DataType::Struct(fields) => {
            SqlType::Struct(members("STRUCT", fields.iter().map(AsRef::as_ref), level, reading)?)
        }
        DataType::Union(fields, _) => {
            SqlType::Union(members("UNION", fields.iter().map(|(_, member)| member.as_ref()), level, reading)?)
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(entry) if entry.len() == 2 => {
                SqlType::Map(Box::new(child(&entry[0])?), Box::new(child(&entry[1])?))
            }
            other => return Err(TypeError::MapEntries { found: other.to_string() }),
        },
        DataType::Dictionary(_, values) => of_data_type(values, level + 1, reading)?,
        DataType::RunEndEncoded(_, values) => of_field(values, level + 1, reading)?,
    })
}

fn members<'a>(
    kind: &'static str,
    fields: impl Iterator<Item = &'a Field>,
    level: usize,
    reading: Reading,
) -> Result<Vec<(String, SqlType)>, TypeError> {
    let members: Vec<_> = fields
        .map(|member| Ok((member.name().clone(), of_field(member, level + 1, reading)?)))
        .collect::<Result<_, _>>()?;
    let unnamed = members.iter().filter(|(name, _)| name.is_empty()).count();
    match (members.len(), unnamed) {
        (0, _) => Err(TypeError::NoMembers { kind }),
        (_, 0) => Ok(members),
        // A struct may have no names at all: the type of `row(1, 2)`.
        (all, unnamed) if unnamed == all && kind == "STRUCT" => Ok(members),
        _ => Err(TypeError::UnnamedMember { kind }),
    }
}

fn array_size(size: i32) -> Result<u32, TypeError> {
    match u32::try_from(size) {
        Ok(sql_size) if (1..=MAX_ARRAY_SIZE).contains(&sql_size) => Ok(sql_size),
        _ => Err(TypeError::ArraySize { size: i64::from(size) }),
    }
}

/// The decimal that holds the same numbers. Integers with more digits than any `DECIMAL` are `BIGNUM`.
fn decimal(precision: u8, scale: i8, reading: Reading) -> Result<SqlType, TypeError> {
    let error = TypeError::Decimal { precision, scale: i16::from(scale) };
    // A negative scale is zeros before the point, which are digits here; a scale beyond the precision is zeros after
    // it, which are digits too.
    let digits = i16::from(precision) + i16::from(scale.min(0)).abs();
    let sql_scale = u8::try_from(scale.max(0)).map_err(|_| error.clone())?;
    let sql_precision = u8::try_from(digits).map_err(|_| error.clone())?.max(sql_scale);
    match (sql_precision, sql_scale) {
        (1..=MAX_DECIMAL_PRECISION, _) => Ok(SqlType::Decimal { precision: sql_precision, scale: sql_scale }),
        (1.., 0) => Ok(SqlType::BigNum),
        (1.., scale) if reading == Reading::Engine => {
            Ok(SqlType::Decimal { precision: MAX_DECIMAL_PRECISION, scale: scale.min(MAX_DECIMAL_PRECISION) })
        }
        _ => Err(error),
    }
}
