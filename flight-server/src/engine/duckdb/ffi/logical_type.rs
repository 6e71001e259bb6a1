//! DuckDB's description of a type, read into and made from a [`SqlType`].

use std::ffi::c_char;

use duckdb::ffi;
use typemap::SqlType;

use super::vector::Physical;
use super::{Failure, c_string, taken_text};

unsafe extern "C" {
    fn pintail_geometry_type(crs: *const c_char) -> ffi::duckdb_logical_type;
}

/// A type.
pub(in crate::engine::duckdb) struct LogicalType(ffi::duckdb_logical_type);

// SAFETY: a type description belongs to whoever holds it, and is not changed after it was made.
unsafe impl Send for LogicalType {}
// SAFETY: as above; every call that takes it only reads it.
unsafe impl Sync for LogicalType {}

impl LogicalType {
    /// Takes over a type that DuckDB handed out; `None` for a null pointer.
    pub(super) fn owned(raw: ffi::duckdb_logical_type) -> Option<Self> {
        (!raw.is_null()).then_some(Self(raw))
    }

    pub(super) fn raw(&self) -> ffi::duckdb_logical_type {
        self.0
    }

    fn id(&self) -> ffi::DUCKDB_TYPE {
        // SAFETY: the type is live.
        unsafe { ffi::duckdb_get_type_id(self.0) }
    }

    /// How a vector of this type lays out its values.
    pub(in crate::engine::duckdb) fn physical(&self) -> Physical {
        let id = match self.id() {
            // SAFETY: the type is live and a decimal.
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_DECIMAL => unsafe { ffi::duckdb_decimal_internal_type(self.0) },
            // SAFETY: the type is live and an enum.
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_ENUM => unsafe { ffi::duckdb_enum_internal_type(self.0) },
            id => id,
        };
        match id {
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_BOOLEAN => Physical::Bool,
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_TINYINT => Physical::I8,
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_SMALLINT => Physical::I16,
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_INTEGER | ffi::DUCKDB_TYPE_DUCKDB_TYPE_DATE => Physical::I32,
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGINT
            | ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIME
            | ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIME_NS
            | ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP
            | ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_S
            | ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_MS
            | ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_NS
            | ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_TZ => Physical::I64,
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_HUGEINT | ffi::DUCKDB_TYPE_DUCKDB_TYPE_UUID => Physical::I128,
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_UTINYINT => Physical::U8,
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_USMALLINT => Physical::U16,
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_UINTEGER => Physical::U32,
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_UBIGINT | ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIME_TZ => Physical::U64,
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_UHUGEINT => Physical::U128,
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_FLOAT => Physical::F32,
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_DOUBLE => Physical::F64,
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_INTERVAL => Physical::Interval,
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR
            | ffi::DUCKDB_TYPE_DUCKDB_TYPE_BLOB
            | ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIT
            | ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGNUM
            | ffi::DUCKDB_TYPE_DUCKDB_TYPE_GEOMETRY => Physical::Bytes,
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_LIST | ffi::DUCKDB_TYPE_DUCKDB_TYPE_MAP => Physical::List,
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_ARRAY => {
                // SAFETY: the type is live and an array.
                Physical::Array(unsafe { ffi::duckdb_array_type_array_size(self.0) } as usize)
            }
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_STRUCT | ffi::DUCKDB_TYPE_DUCKDB_TYPE_UNION => Physical::Struct,
            _ => Physical::Opaque,
        }
    }

    /// The SQL type it describes; `None` for one that is not resolved yet.
    pub(in crate::engine::duckdb) fn sql_type(&self) -> Option<SqlType> {
        // SAFETY: the type is live, and the text ours to free.
        let alias = unsafe { taken_text(ffi::duckdb_logical_type_get_alias(self.0)) };
        let base = self.unaliased()?;
        Some(match alias {
            Some(name) if name.eq_ignore_ascii_case("json") => SqlType::Json,
            Some(name) if !name.is_empty() => SqlType::Alias { name, base: Box::new(base) },
            _ => base,
        })
    }

    fn unaliased(&self) -> Option<SqlType> {
        Some(match self.id() {
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_DECIMAL => {
                // SAFETY: the type is live and a decimal.
                let (precision, scale) =
                    unsafe { (ffi::duckdb_decimal_width(self.0), ffi::duckdb_decimal_scale(self.0)) };
                SqlType::Decimal { precision, scale }
            }
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_ENUM => SqlType::Enum(self.enum_values()),
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_LIST => {
                // SAFETY: the type is live and a list; the child's type is ours to destroy.
                SqlType::List(boxed(unsafe { ffi::duckdb_list_type_child_type(self.0) })?)
            }
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_ARRAY => {
                // SAFETY: the type is live and an array; the child's type is ours to destroy.
                let (child, size) =
                    unsafe { (ffi::duckdb_array_type_child_type(self.0), ffi::duckdb_array_type_array_size(self.0)) };
                SqlType::Array(boxed(child)?, u32::try_from(size).ok()?)
            }
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_MAP => {
                // SAFETY: the type is live and a map; the types are ours to destroy.
                let (key, value) =
                    unsafe { (ffi::duckdb_map_type_key_type(self.0), ffi::duckdb_map_type_value_type(self.0)) };
                let (key, value) = (boxed(key), boxed(value));
                SqlType::Map(key?, value?)
            }
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_STRUCT => {
                // SAFETY: the type is live and a struct.
                let count = unsafe { ffi::duckdb_struct_type_child_count(self.0) };
                SqlType::Struct(members(count, |index| {
                    // SAFETY: the type is live, the index in range; name and type are ours to free.
                    unsafe {
                        (
                            taken_text(ffi::duckdb_struct_type_child_name(self.0, index)),
                            ffi::duckdb_struct_type_child_type(self.0, index),
                        )
                    }
                })?)
            }
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_UNION => {
                // SAFETY: the type is live and a union.
                let count = unsafe { ffi::duckdb_union_type_member_count(self.0) };
                SqlType::Union(members(count, |index| {
                    // SAFETY: the type is live, the index in range; name and type are ours to free.
                    unsafe {
                        (
                            taken_text(ffi::duckdb_union_type_member_name(self.0, index)),
                            ffi::duckdb_union_type_member_type(self.0, index),
                        )
                    }
                })?)
            }
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_GEOMETRY => {
                // SAFETY: the type is live and a geometry; the text is ours to free.
                SqlType::Geometry { crs: unsafe { taken_text(ffi::duckdb_geometry_type_get_crs(self.0)) } }
            }
            ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARIANT => SqlType::Variant,
            id => return SIMPLE.iter().find(|(simple, _)| *simple == id).map(|(_, ty)| ty.clone()),
        })
    }

    fn enum_values(&self) -> Vec<String> {
        // SAFETY: the type is live and an enum.
        let size = unsafe { ffi::duckdb_enum_dictionary_size(self.0) };
        (0..u64::from(size))
            // SAFETY: the index is in range, and the text ours to free.
            .filter_map(|index| unsafe { taken_text(ffi::duckdb_enum_dictionary_value(self.0, index)) })
            .collect()
    }

    /// Describes `ty` to DuckDB. Names of user-defined types are not kept: their base type is described.
    ///
    /// # Errors
    /// For a type that DuckDB does not take.
    pub(in crate::engine::duckdb) fn describing(ty: &SqlType) -> Result<Self, Failure> {
        if let Some((id, _)) = SIMPLE.iter().find(|(_, simple)| simple == ty) {
            // SAFETY: a type that needs no parameters.
            return Self::made(unsafe { ffi::duckdb_create_logical_type(*id) }, ty);
        }
        let raw = match ty {
            SqlType::Json => {
                let text = Self::describing(&SqlType::Varchar)?;
                // SAFETY: the type is live, and the name NUL-terminated and copied.
                unsafe { ffi::duckdb_logical_type_set_alias(text.0, c"JSON".as_ptr()) };
                return Ok(text);
            }
            SqlType::Alias { base, .. } => return Self::describing(base),
            // SAFETY: a type that needs no parameters.
            SqlType::Variant => unsafe { ffi::duckdb_create_logical_type(ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARIANT) },
            // SAFETY: a type that needs no parameters.
            SqlType::Geometry { crs: None } => unsafe {
                ffi::duckdb_create_logical_type(ffi::DUCKDB_TYPE_DUCKDB_TYPE_GEOMETRY)
            },
            SqlType::Geometry { crs: Some(crs) } => {
                let crs = c_string(crs)?;
                // SAFETY: the text is NUL-terminated and copied.
                unsafe { pintail_geometry_type(crs.as_ptr()) }
            }
            // SAFETY: DuckDB checks precision and scale.
            SqlType::Decimal { precision, scale } => unsafe { ffi::duckdb_create_decimal_type(*precision, *scale) },
            SqlType::Enum(values) => {
                let values = values.iter().map(|value| c_string(value)).collect::<Result<Vec<_>, _>>()?;
                let mut raw: Vec<_> = values.iter().map(|value| value.as_ptr()).collect();
                // SAFETY: the array has as many live texts as is said, and they are copied.
                unsafe { ffi::duckdb_create_enum_type(raw.as_mut_ptr(), raw.len() as u64) }
            }
            SqlType::List(element) => {
                let element = Self::describing(element)?;
                // SAFETY: the element's type is live and copied.
                unsafe { ffi::duckdb_create_list_type(element.0) }
            }
            SqlType::Array(element, size) => {
                let element = Self::describing(element)?;
                // SAFETY: the element's type is live and copied.
                unsafe { ffi::duckdb_create_array_type(element.0, u64::from(*size)) }
            }
            SqlType::Map(key, value) => {
                let (key, value) = (Self::describing(key)?, Self::describing(value)?);
                // SAFETY: both types are live and copied.
                unsafe { ffi::duckdb_create_map_type(key.0, value.0) }
            }
            SqlType::Struct(fields) => described_members(fields, |types, names, count| {
                // SAFETY: both arrays have as many live elements as is said, and are copied.
                unsafe { ffi::duckdb_create_struct_type(types, names, count) }
            })?,
            SqlType::Union(members) => described_members(members, |types, names, count| {
                // SAFETY: as for a struct.
                unsafe { ffi::duckdb_create_union_type(types, names, count) }
            })?,
            _ => std::ptr::null_mut(),
        };
        Self::made(raw, ty)
    }

    fn made(raw: ffi::duckdb_logical_type, ty: &SqlType) -> Result<Self, Failure> {
        Self::owned(raw).ok_or_else(|| {
            Failure::new(format!("Not implemented Error: values of type {ty} can't be sent to the engine"))
        })
    }
}

impl Drop for LogicalType {
    fn drop(&mut self) {
        // SAFETY: made by or handed out by DuckDB for us, destroyed only here.
        unsafe { ffi::duckdb_destroy_logical_type(&mut self.0) };
    }
}

/// A type with named members, made by `make`.
fn described_members(
    members: &[(String, SqlType)],
    make: impl Fn(*mut ffi::duckdb_logical_type, *mut *const c_char, u64) -> ffi::duckdb_logical_type,
) -> Result<ffi::duckdb_logical_type, Failure> {
    let types = members.iter().map(|(_, ty)| LogicalType::describing(ty)).collect::<Result<Vec<_>, _>>()?;
    let names = members.iter().map(|(name, _)| c_string(name)).collect::<Result<Vec<_>, _>>()?;
    let mut raw_types: Vec<_> = types.iter().map(LogicalType::raw).collect();
    let mut raw_names: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    Ok(make(raw_types.as_mut_ptr(), raw_names.as_mut_ptr(), members.len() as u64))
}

fn boxed(raw: ffi::duckdb_logical_type) -> Option<Box<SqlType>> {
    LogicalType::owned(raw)?.sql_type().map(Box::new)
}

fn members(
    count: u64,
    member: impl Fn(u64) -> (Option<String>, ffi::duckdb_logical_type),
) -> Option<Vec<(String, SqlType)>> {
    (0..count)
        .map(|index| {
            let (name, ty) = member(index);
            Some((name.unwrap_or_default(), LogicalType::owned(ty)?.sql_type()?))
        })
        .collect()
}

/// The types that have no parameters.
static SIMPLE: [(ffi::DUCKDB_TYPE, SqlType); 30] = [
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_SQLNULL, SqlType::Null),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_BOOLEAN, SqlType::Boolean),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_TINYINT, SqlType::TinyInt),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_SMALLINT, SqlType::SmallInt),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_INTEGER, SqlType::Integer),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGINT, SqlType::BigInt),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_HUGEINT, SqlType::HugeInt),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_UTINYINT, SqlType::UTinyInt),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_USMALLINT, SqlType::USmallInt),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_UINTEGER, SqlType::UInteger),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_UBIGINT, SqlType::UBigInt),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_UHUGEINT, SqlType::UHugeInt),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_FLOAT, SqlType::Float),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_DOUBLE, SqlType::Double),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR, SqlType::Varchar),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_UUID, SqlType::Uuid),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_BLOB, SqlType::Blob),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIT, SqlType::Bit),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGNUM, SqlType::BigNum),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_DATE, SqlType::Date),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIME, SqlType::Time),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIME_NS, SqlType::TimeNs),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIME_TZ, SqlType::TimeTz),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_S, SqlType::TimestampS),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_MS, SqlType::TimestampMs),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP, SqlType::Timestamp),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_NS, SqlType::TimestampNs),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_TZ, SqlType::TimestampTz),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_INTERVAL, SqlType::Interval),
    (ffi::DUCKDB_TYPE_DUCKDB_TYPE_INTEGER_LITERAL, SqlType::Integer),
];
