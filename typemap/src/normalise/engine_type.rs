//! The SQL type of a column that an engine thinking in Arrow answers with.

use arrow::datatypes::{DataType, Field};

use crate::arrow_to_sql::{Reading, decoded, of_data_type, of_field};
use crate::{MAX_DEPTH, SqlType, TypeError, metadata};

/// The SQL type of a column that an engine thinking in Arrow answers with.
///
/// It is what the Arrow type holds, as [`sql_type_of`](crate::arrow_to_sql::sql_type_of) has it, but a type name in the
/// field's metadata, or in that of a child, is respected where the Arrow type alone tells less than the name:
///
/// - `HUGEINT` over `Decimal128(38, 0)`, `Decimal256` of 39 or more digits and `Int64`,
/// - `UHUGEINT` over the same decimals and `UInt64`,
/// - `JSON`, `ENUM`, `BIT`, `BIGNUM`, `TIMETZ`, `VARIANT` and `VARCHAR` over any text,
/// - `UUID` over 16 bytes, `BLOB` and `GEOMETRY` over bytes,
/// - any type over nulls without a type,
/// - lists, structs, maps and unions of these, if children and names are the same.
///
/// Any other name gives way to the Arrow type: engines keep the metadata of a column through a cast, where it says what
/// the column was. So does a name that is no type, such as that of a user-defined one.
///
/// Decimals of more than 38 digits with digits after the point are `DECIMAL(38, …)`, into which their values are
/// narrowed one by one; each is checked to fit.
///
/// # Errors
///
/// As `sql_type_of`.
pub fn engine_type(field: &Field) -> Result<SqlType, TypeError> {
    of_field(field, 1, Reading::Engine)
}

/// The type that the metadata of `field` names, if the name is one to be respected.
pub(crate) fn named(field: &Field, level: usize) -> Option<SqlType> {
    let told: SqlType = field.metadata().get(metadata::TYPE_NAME)?.parse().ok()?;
    is_held_by(&told, field.data_type(), level).then_some(told)
}

/// Whether arrays of type `storage` may hold values of the type `told` and tell no more than that.
fn is_held_by(told: &SqlType, storage: &DataType, level: usize) -> bool {
    if level > MAX_DEPTH {
        return false;
    }
    let child = |told: &SqlType, field: &Field| is_held_by(told, field.data_type(), level + 1);
    match (told, decoded(storage)) {
        (_, DataType::Null) => true,
        (SqlType::HugeInt | SqlType::UHugeInt, DataType::Decimal128(38, 0) | DataType::Decimal256(39.., 0)) => true,
        (SqlType::HugeInt, DataType::Int64) | (SqlType::UHugeInt, DataType::UInt64) => true,
        (
            SqlType::Json
            | SqlType::Enum(_)
            | SqlType::Bit
            | SqlType::BigNum
            | SqlType::TimeTz
            | SqlType::Variant
            | SqlType::Varchar,
            storage,
        ) => matches!(storage, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
        (SqlType::Uuid, DataType::FixedSizeBinary(16)) => true,
        (SqlType::Blob, DataType::FixedSizeBinary(_)) => true,
        (SqlType::Blob | SqlType::Geometry { .. }, storage) => {
            matches!(storage, DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
        }
        (
            SqlType::List(told),
            DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) | DataType::LargeListView(item),
        ) => child(told, item),
        (SqlType::Array(told, size), DataType::FixedSizeList(item, wire_size)) => {
            i64::from(*size) == i64::from(*wire_size) && child(told, item)
        }
        (SqlType::Struct(told), DataType::Struct(fields)) => {
            told.len() == fields.len()
                && told
                    .iter()
                    .zip(fields)
                    .all(|((name, told), field)| (name.is_empty() || name == field.name()) && child(told, field))
        }
        (SqlType::Map(key, value), DataType::Map(entries, _)) => match entries.data_type() {
            DataType::Struct(entry) => match entry.as_ref() {
                [key_field, value_field] => child(key, key_field) && child(value, value_field),
                _ => false,
            },
            _ => false,
        },
        (SqlType::Union(told), DataType::Union(fields, _)) => {
            told.len() == fields.len()
                && told
                    .iter()
                    .zip(fields.iter())
                    .all(|((name, told), (_, field))| name == field.name() && child(told, field))
        }
        // Types without children that one Arrow type stands for: the name says what the storage says, or is outdated.
        (told, storage) if !storage.is_nested() => {
            of_data_type(storage, level, Reading::Engine).is_ok_and(|held| held == *told)
        }
        _ => false,
    }
}
