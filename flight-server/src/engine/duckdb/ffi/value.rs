//! Single values, made to be bound to parameters.

use duckdb::ffi;

use super::Failure;
use super::logical_type::LogicalType;

/// A value.
pub(in crate::engine::duckdb) struct Value(ffi::duckdb_value);

// SAFETY: a value belongs to whoever holds it, and is not changed after it was made.
unsafe impl Send for Value {}

macro_rules! scalars {
    ($($(#[doc = $doc:literal])+ $name:ident($value:ident: $ty:ty) = $create:ident($argument:expr);)+) => {
        $(
            $(#[doc = $doc])+
            pub(in crate::engine::duckdb) fn $name($value: $ty) -> Self {
                // SAFETY: the call takes plain numbers by value.
                Self(unsafe { ffi::$create($argument) })
            }
        )+
    };
}

impl Value {
    pub(super) fn raw(&self) -> ffi::duckdb_value {
        self.0
    }

    /// NULL.
    pub(in crate::engine::duckdb) fn null() -> Self {
        // SAFETY: the call takes nothing.
        Self(unsafe { ffi::duckdb_create_null_value() })
    }

    scalars! {
        /// BOOLEAN.
        boolean(value: bool) = duckdb_create_bool(value);
        /// TINYINT.
        tinyint(value: i8) = duckdb_create_int8(value);
        /// SMALLINT.
        smallint(value: i16) = duckdb_create_int16(value);
        /// INTEGER.
        integer(value: i32) = duckdb_create_int32(value);
        /// BIGINT.
        bigint(value: i64) = duckdb_create_int64(value);
        /// UTINYINT.
        utinyint(value: u8) = duckdb_create_uint8(value);
        /// USMALLINT.
        usmallint(value: u16) = duckdb_create_uint16(value);
        /// UINTEGER.
        uinteger(value: u32) = duckdb_create_uint32(value);
        /// UBIGINT.
        ubigint(value: u64) = duckdb_create_uint64(value);
        /// FLOAT.
        float(value: f32) = duckdb_create_float(value);
        /// DOUBLE.
        double(value: f64) = duckdb_create_double(value);
        /// HUGEINT.
        hugeint(value: i128) = duckdb_create_hugeint(hugeint(value));
        /// DATE, in days since 1970-01-01.
        date(days: i32) = duckdb_create_date(ffi::duckdb_date { days });
        /// TIME, in microseconds since midnight.
        time(micros: i64) = duckdb_create_time(ffi::duckdb_time { micros });
        /// TIME_NS, in nanoseconds since midnight.
        time_ns(nanos: i64) = duckdb_create_time_ns(ffi::duckdb_time_ns { nanos });
        /// TIMESTAMP_S, in seconds since 1970.
        timestamp_s(seconds: i64) = duckdb_create_timestamp_s(ffi::duckdb_timestamp_s { seconds });
        /// TIMESTAMP_MS, in milliseconds since 1970.
        timestamp_ms(millis: i64) = duckdb_create_timestamp_ms(ffi::duckdb_timestamp_ms { millis });
        /// TIMESTAMP, in microseconds since 1970.
        timestamp(micros: i64) = duckdb_create_timestamp(ffi::duckdb_timestamp { micros });
        /// TIMESTAMP_NS, in nanoseconds since 1970.
        timestamp_ns(nanos: i64) = duckdb_create_timestamp_ns(ffi::duckdb_timestamp_ns { nanos });
        /// TIMESTAMP WITH TIME ZONE, in microseconds since 1970 in UTC.
        timestamp_tz(micros: i64) = duckdb_create_timestamp_tz(ffi::duckdb_timestamp { micros });
    }

    /// DECIMAL: `unscaled` divided by ten to the power of `scale`.
    pub(in crate::engine::duckdb) fn decimal(unscaled: i128, precision: u8, scale: u8) -> Self {
        let decimal = ffi::duckdb_decimal { width: precision, scale, value: hugeint(unscaled) };
        // SAFETY: the call takes a plain structure by value.
        Self(unsafe { ffi::duckdb_create_decimal(decimal) })
    }

    /// INTERVAL.
    pub(in crate::engine::duckdb) fn interval(months: i32, days: i32, micros: i64) -> Self {
        // SAFETY: the call takes a plain structure by value.
        Self(unsafe { ffi::duckdb_create_interval(ffi::duckdb_interval { months, days, micros }) })
    }

    /// UUID, from its sixteen bytes.
    pub(in crate::engine::duckdb) fn uuid(bytes: [u8; 16]) -> Self {
        let bits = u128::from_be_bytes(bytes);
        let value = ffi::duckdb_uhugeint { lower: bits as u64, upper: (bits >> 64) as u64 };
        // SAFETY: the call takes a plain structure by value.
        Self(unsafe { ffi::duckdb_create_uuid(value) })
    }

    /// VARCHAR.
    pub(in crate::engine::duckdb) fn text(text: &str) -> Self {
        // SAFETY: pointer and length are those of live text, which is copied.
        Self(unsafe { ffi::duckdb_create_varchar_length(text.as_ptr().cast(), text.len() as u64) })
    }

    /// BLOB.
    pub(in crate::engine::duckdb) fn blob(bytes: &[u8]) -> Self {
        // SAFETY: pointer and length are those of live bytes, which are copied.
        Self(unsafe { ffi::duckdb_create_blob(bytes.as_ptr(), bytes.len() as u64) })
    }

    /// A list of `elements`, each of the type `element`.
    ///
    /// # Errors
    /// When DuckDB can't make it.
    pub(in crate::engine::duckdb) fn list(element: &LogicalType, elements: &[Value]) -> Result<Self, Failure> {
        let mut raw: Vec<_> = elements.iter().map(Value::raw).collect();
        // SAFETY: the type is live, the array has as many live values as is said, and they are copied.
        Self::made(unsafe { ffi::duckdb_create_list_value(element.raw(), raw.as_mut_ptr(), raw.len() as u64) })
    }

    /// An array of `elements`, each of the type `element`.
    ///
    /// # Errors
    /// When DuckDB can't make it.
    pub(in crate::engine::duckdb) fn array(element: &LogicalType, elements: &[Value]) -> Result<Self, Failure> {
        let mut raw: Vec<_> = elements.iter().map(Value::raw).collect();
        // SAFETY: the type is live, the array has as many live values as is said, and they are copied.
        Self::made(unsafe { ffi::duckdb_create_array_value(element.raw(), raw.as_mut_ptr(), raw.len() as u64) })
    }

    /// A struct of type `ty`, with one value a field.
    ///
    /// # Errors
    /// When DuckDB can't make it.
    pub(in crate::engine::duckdb) fn structure(ty: &LogicalType, fields: &[Value]) -> Result<Self, Failure> {
        let mut raw: Vec<_> = fields.iter().map(Value::raw).collect();
        // SAFETY: the type is live, and there is a live value for each of its fields; they are copied.
        Self::made(unsafe { ffi::duckdb_create_struct_value(ty.raw(), raw.as_mut_ptr()) })
    }

    /// A map of type `ty`, from as many keys as values.
    ///
    /// # Errors
    /// When DuckDB can't make it.
    pub(in crate::engine::duckdb) fn map(ty: &LogicalType, keys: &[Value], values: &[Value]) -> Result<Self, Failure> {
        let mut raw_keys: Vec<_> = keys.iter().map(Value::raw).collect();
        let mut raw_values: Vec<_> = values.iter().map(Value::raw).collect();
        let entries = raw_keys.len().min(raw_values.len()) as u64;
        // SAFETY: the type is live, and both arrays have that many live values; they are copied.
        Self::made(unsafe {
            ffi::duckdb_create_map_value(ty.raw(), raw_keys.as_mut_ptr(), raw_values.as_mut_ptr(), entries)
        })
    }

    fn made(raw: ffi::duckdb_value) -> Result<Self, Failure> {
        if raw.is_null() {
            return Err(Failure::new("Invalid Input Error: DuckDB could not make a value of the parameter"));
        }
        Ok(Self(raw))
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: made by DuckDB for us, destroyed only here.
        unsafe { ffi::duckdb_destroy_value(&mut self.0) };
    }
}

fn hugeint(value: i128) -> ffi::duckdb_hugeint {
    ffi::duckdb_hugeint { lower: value as u64, upper: (value >> 64) as i64 }
}
