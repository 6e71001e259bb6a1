//! The Arrow field that carries a SQL type to the client.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit, UnionFields, UnionMode};

use crate::xdbc::{TypeInfo, describe};
use crate::{MAX_ARRAY_SIZE, MAX_DECIMAL_PRECISION, MAX_DEPTH, SqlType, TypeError, crs, metadata};

/// Digits of the widest integers, and so the precision that holds all of them.
const WIDE_INTEGER_DIGITS: u8 = 39;

/// Members a union may have: Arrow numbers them with the values of an `i8` from zero.
const MAX_UNION_MEMBERS: usize = 128;

/// What a session may choose about the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WireOptions {
    /// How `HUGEINT` is sent.
    pub wide_integers: WideIntegers,
    /// What an infinite date or timestamp becomes.
    pub infinity: Infinity,
}

/// How `HUGEINT` is sent; the session option `pintail.wide_integers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WideIntegers {
    /// As a decimal of 38 digits in 128 bits, which every client reads; a value of 39 digits is an error.
    #[default]
    Decimal128,
    /// As a decimal of 39 digits in 256 bits, which holds every value.
    Decimal256,
}

/// What an infinite date or timestamp becomes, since Arrow has none; the session option `pintail.infinity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Infinity {
    /// An error.
    #[default]
    Error,
    /// A null.
    Null,
}

/// The Arrow type that carries `ty`.
///
/// # Errors
///
/// The type is out of the range of its kind, or nests deeper than [`MAX_DEPTH`] Arrow levels, where a map counts twice.
pub fn wire_type(ty: &SqlType, options: &WireOptions) -> Result<DataType, TypeError> {
    data_type(ty, options, 1)
}

/// The Arrow field that carries a column `name` of type `ty`, with the exact SQL type in its metadata and in that of
/// every child. The column's own says too whether it can be searched and has case, which JDBC takes for `false` elsewhere. List items are named `item`, map entries `entries` with a `key` and a `value`; the fields of an
/// unnamed struct are named by their positions from 1, because clients lose all but one of several equal names.
///
/// # Errors
///
/// As [`wire_type`].
pub fn wire_field(name: &str, ty: &SqlType, nullable: bool, options: &WireOptions) -> Result<Field, TypeError> {
    let mut field = field(name, ty, nullable, options, 1)?;
    let TypeInfo { case_sensitive, searchable, .. } = describe(ty);
    field.metadata_mut().extend(
        [(metadata::IS_CASE_SENSITIVE, flag(case_sensitive)), (metadata::IS_SEARCHABLE, flag(searchable > 0))]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    Ok(field)
}

/// The field of a column as a description of its table shows it: [`wire_field`] with the column's place and qualities.
///
/// # Errors
///
/// As [`wire_type`].
pub fn table_field(
    catalog: &str,
    schema: &str,
    table: &str,
    column: &str,
    ty: &SqlType,
    nullable: bool,
    options: &WireOptions,
) -> Result<Field, TypeError> {
    let mut field = wire_field(column, ty, nullable, options)?;
    field.metadata_mut().extend(
        [
            (metadata::CATALOG_NAME, catalog),
            (metadata::SCHEMA_NAME, schema),
            (metadata::DB_SCHEMA_NAME, schema),
            (metadata::TABLE_NAME, table),
            (metadata::IS_AUTO_INCREMENT, flag(describe(ty).auto_increment == Some(true))),
            (metadata::IS_READ_ONLY, "0"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    Ok(field)
}

fn flag(set: bool) -> &'static str {
    if set { "1" } else { "0" }
}

/// As [`wire_type`], for a type at the Arrow level `level`, counted from 1.
fn data_type(ty: &SqlType, options: &WireOptions, level: usize) -> Result<DataType, TypeError> {
    if level > MAX_DEPTH {
        return Err(TypeError::TooDeep);
    }
    Ok(match ty {
        SqlType::Null => DataType::Null,
        SqlType::Boolean => DataType::Boolean,
        SqlType::TinyInt => DataType::Int8,
        SqlType::SmallInt => DataType::Int16,
        SqlType::Integer => DataType::Int32,
        SqlType::BigInt => DataType::Int64,
        SqlType::HugeInt => match options.wide_integers {
            WideIntegers::Decimal128 => DataType::Decimal128(MAX_DECIMAL_PRECISION, 0),
            WideIntegers::Decimal256 => DataType::Decimal256(WIDE_INTEGER_DIGITS, 0),
        },
        SqlType::UTinyInt => DataType::UInt8,
        SqlType::USmallInt => DataType::UInt16,
        SqlType::UInteger => DataType::UInt32,
        SqlType::UBigInt => DataType::UInt64,
        SqlType::UHugeInt => DataType::Decimal256(WIDE_INTEGER_DIGITS, 0),
        SqlType::Float => DataType::Float32,
        SqlType::Double => DataType::Float64,
        SqlType::Decimal { precision, scale } => decimal(*precision, *scale)?,
        SqlType::Varchar
        | SqlType::Enum(_)
        | SqlType::Json
        | SqlType::Variant
        | SqlType::Bit
        | SqlType::BigNum
        | SqlType::TimeTz => DataType::Utf8,
        SqlType::Uuid => DataType::FixedSizeBinary(16),
        SqlType::Blob | SqlType::Geometry { .. } => DataType::Binary,
        SqlType::Date => DataType::Date32,
        SqlType::Time => DataType::Time64(TimeUnit::Microsecond),
        SqlType::TimeNs => DataType::Time64(TimeUnit::Nanosecond),
        SqlType::TimestampS => DataType::Timestamp(TimeUnit::Second, None),
        SqlType::TimestampMs => DataType::Timestamp(TimeUnit::Millisecond, None),
        SqlType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        SqlType::TimestampNs => DataType::Timestamp(TimeUnit::Nanosecond, None),
        SqlType::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        SqlType::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
        SqlType::List(item) => DataType::List(Arc::new(field("item", item, true, options, level + 1)?)),
        SqlType::Array(item, size) => {
            DataType::FixedSizeList(Arc::new(field("item", item, true, options, level + 1)?), array_size(*size)?)
        }
        SqlType::Struct(fields) => DataType::Struct(struct_fields(fields, options, level)?),
        SqlType::Map(key, value) => {
            let key = field("key", key, false, options, level + 2)?.with_nullable(false);
            let value = field("value", value, true, options, level + 2)?;
            let entries = Field::new("entries", DataType::Struct(Fields::from(vec![key, value])), false);
            DataType::Map(Arc::new(entries), false)
        }
        SqlType::Union(members) => DataType::Union(union_fields(members, options, level)?, UnionMode::Sparse),
        SqlType::Alias { base, .. } => return data_type(base, options, level + 1),
    })
}

fn field(name: &str, ty: &SqlType, nullable: bool, options: &WireOptions, level: usize) -> Result<Field, TypeError> {
    let data_type = data_type(ty, options, level)?;
    // A column of nothing but nulls is nullable, whatever a catalog says.
    let nullable = nullable || data_type == DataType::Null;
    let metadata = type_metadata(ty, &data_type);
    Ok(Field::new(name, data_type, nullable).with_metadata(metadata))
}

fn type_metadata(ty: &SqlType, wire: &DataType) -> HashMap<String, String> {
    let mut metadata = HashMap::from([(metadata::TYPE_NAME.to_owned(), ty.to_string())]);
    if let DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) = wire {
        metadata.insert(metadata::PRECISION.to_owned(), precision.to_string());
        metadata.insert(metadata::SCALE.to_owned(), scale.to_string());
    }
    let extension = match ty.without_alias() {
        // JSON wants empty metadata and UUID none: strict readers refuse either done the other way.
        SqlType::Json | SqlType::Variant => Some((metadata::JSON_EXTENSION, Some(String::new()))),
        SqlType::Uuid => Some((metadata::UUID_EXTENSION, None)),
        SqlType::Geometry { crs } => Some((metadata::WKB_EXTENSION, Some(crs::to_extension_metadata(crs.as_deref())))),
        _ => None,
    };
    if let Some((name, parameters)) = extension {
        metadata.insert(metadata::EXTENSION_NAME.to_owned(), name.to_owned());
        metadata.extend(parameters.map(|parameters| (metadata::EXTENSION_METADATA.to_owned(), parameters)));
    }
    metadata
}

fn decimal(precision: u8, scale: u8) -> Result<DataType, TypeError> {
    let error = TypeError::Decimal { precision, scale: i16::from(scale) };
    if precision == 0 || precision > MAX_DECIMAL_PRECISION || scale > precision {
        return Err(error);
    }
    Ok(DataType::Decimal128(precision, i8::try_from(scale).map_err(|_| error)?))
}

fn array_size(size: u32) -> Result<i32, TypeError> {
    match i32::try_from(size) {
        Ok(wire_size) if (1..=MAX_ARRAY_SIZE).contains(&size) => Ok(wire_size),
        _ => Err(TypeError::ArraySize { size: i64::from(size) }),
    }
}

fn struct_fields(fields: &[(String, SqlType)], options: &WireOptions, level: usize) -> Result<Fields, TypeError> {
    let Some((first, _)) = fields.first() else {
        return Err(TypeError::NoMembers { kind: "STRUCT" });
    };
    let unnamed = first.is_empty();
    let wire_fields = fields.iter().enumerate().map(|(index, (name, ty))| {
        if unnamed {
            field(&(index + 1).to_string(), ty, true, options, level + 1)
        } else {
            field(name, ty, true, options, level + 1)
        }
    });
    wire_fields.collect()
}

fn union_fields(members: &[(String, SqlType)], options: &WireOptions, level: usize) -> Result<UnionFields, TypeError> {
    if members.is_empty() {
        return Err(TypeError::NoMembers { kind: "UNION" });
    }
    if members.len() > MAX_UNION_MEMBERS {
        return Err(TypeError::TooManyMembers { count: members.len() });
    }
    let fields = (0..=i8::MAX).zip(members).map(|(id, (name, ty))| {
        let member = field(name, ty, true, options, level + 1)?;
        Ok((id, Arc::new(member)))
    });
    fields.collect()
}
