//! The names of types: which word begins which type.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::SqlType;

/// What a type name asks the parser to read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TypeName {
    /// A type that takes no parameters.
    Plain(Plain),
    /// `BIT`, which takes a length that means nothing.
    Bit,
    /// `VARCHAR` and its aliases, which take a length that means nothing.
    Text,
    /// `CHAR` and `CHARACTER`, which may be followed by `VARYING` and a length.
    Character,
    /// `NATIONAL`, which must be followed by one of those.
    National,
    /// `DOUBLE`, which may be followed by `PRECISION`.
    Double,
    /// `FLOAT`, which takes a precision in bits.
    Float,
    /// `DECIMAL` with precision and scale.
    Decimal,
    /// `TIME`, which may be followed by `WITH TIME ZONE`.
    Time,
    /// `TIMESTAMP`, which may have a precision and may be followed by `WITH TIME ZONE`.
    Timestamp,
    /// `DATETIME`, which may have a precision.
    Datetime,
    /// `INTERVAL`, which may be followed by units.
    Interval,
    /// `ENUM` with its values.
    Enum,
    /// `STRUCT` with its fields.
    Struct,
    /// `MAP` with key and value.
    Map,
    /// `UNION` with its members.
    Union,
    /// `GEOMETRY` with its coordinate reference system.
    Geometry,
}

/// The types without parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plain {
    Null,
    Boolean,
    TinyInt,
    SmallInt,
    Integer,
    BigInt,
    HugeInt,
    UTinyInt,
    USmallInt,
    UInteger,
    UBigInt,
    UHugeInt,
    Real,
    Double,
    Json,
    Uuid,
    Blob,
    BigNum,
    Date,
    TimeNs,
    TimeTz,
    TimestampS,
    TimestampMs,
    Timestamp,
    TimestampNs,
    TimestampTz,
    Variant,
}

impl From<Plain> for SqlType {
    fn from(plain: Plain) -> SqlType {
        match plain {
            Plain::Null => SqlType::Null,
            Plain::Boolean => SqlType::Boolean,
            Plain::TinyInt => SqlType::TinyInt,
            Plain::SmallInt => SqlType::SmallInt,
            Plain::Integer => SqlType::Integer,
            Plain::BigInt => SqlType::BigInt,
            Plain::HugeInt => SqlType::HugeInt,
            Plain::UTinyInt => SqlType::UTinyInt,
            Plain::USmallInt => SqlType::USmallInt,
            Plain::UInteger => SqlType::UInteger,
            Plain::UBigInt => SqlType::UBigInt,
            Plain::UHugeInt => SqlType::UHugeInt,
            Plain::Real => SqlType::Float,
            Plain::Double => SqlType::Double,
            Plain::Json => SqlType::Json,
            Plain::Uuid => SqlType::Uuid,
            Plain::Blob => SqlType::Blob,
            Plain::BigNum => SqlType::BigNum,
            Plain::Date => SqlType::Date,
            Plain::TimeNs => SqlType::TimeNs,
            Plain::TimeTz => SqlType::TimeTz,
            Plain::TimestampS => SqlType::TimestampS,
            Plain::TimestampMs => SqlType::TimestampMs,
            Plain::Timestamp => SqlType::Timestamp,
            Plain::TimestampNs => SqlType::TimestampNs,
            Plain::TimestampTz => SqlType::TimestampTz,
            Plain::Variant => SqlType::Variant,
        }
    }
}

/// Every name of a type, in upper case. The two names with spaces are reached only in quotes, as one name.
pub(crate) const NAMES: [(&str, TypeName); 82] = [
    ("NULL", TypeName::Plain(Plain::Null)),
    ("BOOLEAN", TypeName::Plain(Plain::Boolean)),
    ("BOOL", TypeName::Plain(Plain::Boolean)),
    ("LOGICAL", TypeName::Plain(Plain::Boolean)),
    ("TINYINT", TypeName::Plain(Plain::TinyInt)),
    ("INT1", TypeName::Plain(Plain::TinyInt)),
    ("SMALLINT", TypeName::Plain(Plain::SmallInt)),
    ("INT2", TypeName::Plain(Plain::SmallInt)),
    ("INT16", TypeName::Plain(Plain::SmallInt)),
    ("SHORT", TypeName::Plain(Plain::SmallInt)),
    ("INTEGER", TypeName::Plain(Plain::Integer)),
    ("INT", TypeName::Plain(Plain::Integer)),
    ("INT4", TypeName::Plain(Plain::Integer)),
    ("INT32", TypeName::Plain(Plain::Integer)),
    ("SIGNED", TypeName::Plain(Plain::Integer)),
    ("INTEGRAL", TypeName::Plain(Plain::Integer)),
    ("BIGINT", TypeName::Plain(Plain::BigInt)),
    ("INT8", TypeName::Plain(Plain::BigInt)),
    ("INT64", TypeName::Plain(Plain::BigInt)),
    ("LONG", TypeName::Plain(Plain::BigInt)),
    ("OID", TypeName::Plain(Plain::BigInt)),
    ("HUGEINT", TypeName::Plain(Plain::HugeInt)),
    ("INT128", TypeName::Plain(Plain::HugeInt)),
    ("UTINYINT", TypeName::Plain(Plain::UTinyInt)),
    ("UINT8", TypeName::Plain(Plain::UTinyInt)),
    ("USMALLINT", TypeName::Plain(Plain::USmallInt)),
    ("UINT16", TypeName::Plain(Plain::USmallInt)),
    ("UINTEGER", TypeName::Plain(Plain::UInteger)),
    ("UINT32", TypeName::Plain(Plain::UInteger)),
    ("UBIGINT", TypeName::Plain(Plain::UBigInt)),
    ("UINT64", TypeName::Plain(Plain::UBigInt)),
    ("UHUGEINT", TypeName::Plain(Plain::UHugeInt)),
    ("UINT128", TypeName::Plain(Plain::UHugeInt)),
    ("FLOAT4", TypeName::Plain(Plain::Real)),
    ("REAL", TypeName::Plain(Plain::Real)),
    ("FLOAT8", TypeName::Plain(Plain::Double)),
    ("JSON", TypeName::Plain(Plain::Json)),
    ("UUID", TypeName::Plain(Plain::Uuid)),
    ("GUID", TypeName::Plain(Plain::Uuid)),
    ("BLOB", TypeName::Plain(Plain::Blob)),
    ("BYTEA", TypeName::Plain(Plain::Blob)),
    ("BINARY", TypeName::Plain(Plain::Blob)),
    ("VARBINARY", TypeName::Plain(Plain::Blob)),
    ("BIGNUM", TypeName::Plain(Plain::BigNum)),
    ("VARINT", TypeName::Plain(Plain::BigNum)),
    ("DATE", TypeName::Plain(Plain::Date)),
    ("TIME_NS", TypeName::Plain(Plain::TimeNs)),
    ("TIMETZ", TypeName::Plain(Plain::TimeTz)),
    ("TIME WITH TIME ZONE", TypeName::Plain(Plain::TimeTz)),
    ("TIMESTAMP_S", TypeName::Plain(Plain::TimestampS)),
    ("TIMESTAMP_MS", TypeName::Plain(Plain::TimestampMs)),
    ("TIMESTAMP_US", TypeName::Plain(Plain::Timestamp)),
    ("TIMESTAMP_NS", TypeName::Plain(Plain::TimestampNs)),
    ("TIMESTAMPTZ", TypeName::Plain(Plain::TimestampTz)),
    ("TIMESTAMP WITH TIME ZONE", TypeName::Plain(Plain::TimestampTz)),
    ("VARIANT", TypeName::Plain(Plain::Variant)),
    ("BIT", TypeName::Bit),
    ("BITSTRING", TypeName::Bit),
    ("VARCHAR", TypeName::Text),
    ("TEXT", TypeName::Text),
    ("STRING", TypeName::Text),
    ("BPCHAR", TypeName::Text),
    ("NVARCHAR", TypeName::Text),
    ("CHAR", TypeName::Character),
    ("CHARACTER", TypeName::Character),
    ("NCHAR", TypeName::Character),
    ("NATIONAL", TypeName::National),
    ("DOUBLE", TypeName::Double),
    ("FLOAT", TypeName::Float),
    ("DECIMAL", TypeName::Decimal),
    ("NUMERIC", TypeName::Decimal),
    ("DEC", TypeName::Decimal),
    ("TIME", TypeName::Time),
    ("TIMESTAMP", TypeName::Timestamp),
    ("DATETIME", TypeName::Datetime),
    ("INTERVAL", TypeName::Interval),
    ("ENUM", TypeName::Enum),
    ("STRUCT", TypeName::Struct),
    ("ROW", TypeName::Struct),
    ("MAP", TypeName::Map),
    ("UNION", TypeName::Union),
    ("GEOMETRY", TypeName::Geometry),
];

/// The longest of the names; anything longer is none of them, and is not copied to find out.
const LONGEST: usize = "TIMESTAMP WITH TIME ZONE".len();

/// Finds a type name, in any case.
pub(crate) fn find(name: &str) -> Option<TypeName> {
    static INDEX: LazyLock<HashMap<&str, TypeName>> = LazyLock::new(|| HashMap::from(NAMES));
    if name.len() > LONGEST {
        return None;
    }
    INDEX.get(name.to_ascii_uppercase().as_str()).copied()
}

/// Whether `word` is a unit that may follow `INTERVAL`.
pub(crate) fn is_interval_unit(word: &str) -> bool {
    const UNITS: [&str; 13] = [
        "YEAR",
        "MONTH",
        "DAY",
        "HOUR",
        "MINUTE",
        "SECOND",
        "MILLISECOND",
        "MICROSECOND",
        "WEEK",
        "QUARTER",
        "DECADE",
        "CENTURY",
        "MILLENNIUM",
    ];
    let singular = word.strip_suffix(['s', 'S']).unwrap_or(word);
    UNITS.iter().any(|unit| unit.eq_ignore_ascii_case(singular))
}
