//! What drivers ask about a type: its name, its code, its literals.
//!
//! [`describe`] is the one table; the list of all types, the codes and the qualities of columns are read from it.

use crate::SqlType;

/// The code of types that XDBC has no code for.
pub const UNKNOWN: i32 = 0;
/// The code of text.
pub const VARCHAR: i32 = 12;

const BIT: i32 = -7;
const TINYINT: i32 = -6;
const BIGINT: i32 = -5;
const VARBINARY: i32 = -3;
const BINARY: i32 = -2;
const DECIMAL: i32 = 3;
const INTEGER: i32 = 4;
const SMALLINT: i32 = 5;
const REAL: i32 = 7;
const DOUBLE: i32 = 8;
const DATETIME: i32 = 9;
const INTERVAL: i32 = 10;
const DATE: i32 = 91;
const TIME: i32 = 92;
const TIMESTAMP: i32 = 93;

/// The subcodes of [`DATETIME`].
const SUBCODE_DATE: i32 = 1;
const SUBCODE_TIME: i32 = 2;
const SUBCODE_TIMESTAMP: i32 = 3;
const SUBCODE_TIMESTAMP_TZ: i32 = 5;

/// A null is possible.
const NULLABLE: i32 = 1;
/// Can stand in a WHERE clause, but not with LIKE.
const ALL_EXCEPT_LIKE: i32 = 2;
/// Can stand in a WHERE clause with any operator.
const SEARCHABLE: i32 = 3;

/// The most bytes or characters of a text: what Arrow counts with 32 bits.
const MOST_BYTES: i32 = i32::MAX;

/// A type as Flight SQL's `GetXdbcTypeInfo` describes it, column by column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeInfo {
    /// Name of the type, without parameters.
    pub type_name: &'static str,
    /// XDBC code: that of the values as they arrive, so that text is what arrives as text.
    pub data_type: i32,
    /// Most digits of a number, in its radix; most characters of anything else. None where there is no such thing.
    pub column_size: Option<i32>,
    /// What stands before a literal.
    pub literal_prefix: Option<&'static str>,
    /// What stands after a literal.
    pub literal_suffix: Option<&'static str>,
    /// Names of the parameters the type takes, in their order; empty if none.
    pub create_params: &'static [&'static str],
    /// Whether a null is possible: 1, it is.
    pub nullable: i32,
    /// Whether values that differ only in case differ.
    pub case_sensitive: bool,
    /// How it may be searched: 3 with any operator, 2 with any but LIKE.
    pub searchable: i32,
    /// Whether it has no negative numbers; none if it has no numbers.
    pub unsigned_attribute: Option<bool>,
    /// Whether it has one precision and scale that cannot be chosen, as money has.
    pub fixed_prec_scale: bool,
    /// Whether it numbers itself; none if it has no numbers.
    pub auto_increment: Option<bool>,
    /// Name of the type in the language of the place.
    pub local_type_name: Option<&'static str>,
    /// Least digits after the point or the second.
    pub minimum_scale: Option<i32>,
    /// Most digits after the point or the second.
    pub maximum_scale: Option<i32>,
    /// The code without its subcode: 9 for points in time, else the same as `data_type`.
    pub sql_data_type: i32,
    /// Which point in time, if it is one.
    pub datetime_subcode: Option<i32>,
    /// What `column_size` counts digits of: 10 or 2; none if it counts characters.
    pub num_prec_radix: Option<i32>,
    /// Digits of the leading field of an interval; none, since its parts are integers of their own.
    pub interval_precision: Option<i32>,
}

impl TypeInfo {
    const fn new(type_name: &'static str, data_type: i32) -> TypeInfo {
        TypeInfo {
            type_name,
            data_type,
            column_size: None,
            literal_prefix: None,
            literal_suffix: None,
            create_params: &[],
            nullable: NULLABLE,
            case_sensitive: false,
            searchable: ALL_EXCEPT_LIKE,
            unsigned_attribute: None,
            fixed_prec_scale: false,
            auto_increment: None,
            local_type_name: Some(type_name),
            minimum_scale: None,
            maximum_scale: None,
            sql_data_type: data_type,
            datetime_subcode: None,
            num_prec_radix: None,
            interval_precision: None,
        }
    }

    const fn number(type_name: &'static str, data_type: i32, digits: i32, radix: i32) -> TypeInfo {
        TypeInfo {
            column_size: Some(digits),
            num_prec_radix: Some(radix),
            unsigned_attribute: Some(false),
            auto_increment: Some(false),
            ..TypeInfo::new(type_name, data_type)
        }
    }

    const fn integer(type_name: &'static str, data_type: i32, digits: i32) -> TypeInfo {
        TypeInfo::number(type_name, data_type, digits, 10).scales(0, 0)
    }

    const fn unsigned(mut self) -> TypeInfo {
        self.unsigned_attribute = Some(true);
        self
    }

    const fn scales(mut self, least: i32, most: i32) -> TypeInfo {
        self.minimum_scale = Some(least);
        self.maximum_scale = Some(most);
        self
    }

    const fn literals(mut self, prefix: &'static str, suffix: &'static str) -> TypeInfo {
        self.literal_prefix = Some(prefix);
        self.literal_suffix = Some(suffix);
        self
    }

    const fn params(mut self, names: &'static [&'static str]) -> TypeInfo {
        self.create_params = names;
        self
    }

    const fn size(mut self, characters: i32) -> TypeInfo {
        self.column_size = Some(characters);
        self
    }

    /// Text whose case matters and that LIKE searches.
    const fn text(mut self) -> TypeInfo {
        self.case_sensitive = true;
        self.searchable = SEARCHABLE;
        self
    }

    /// A point in time written in this many characters, with this many digits after the second.
    const fn point(mut self, subcode: i32, characters: i32, digits: Option<i32>) -> TypeInfo {
        self.sql_data_type = DATETIME;
        self.datetime_subcode = Some(subcode);
        self.column_size = Some(characters);
        self.minimum_scale = digits;
        self.maximum_scale = digits;
        self
    }
}

/// How drivers are told about `ty`; for types with parameters, about all of their kind.
pub fn describe(ty: &SqlType) -> TypeInfo {
    match ty.without_alias() {
        SqlType::Boolean => TypeInfo::new("BOOLEAN", BIT).size(1),
        SqlType::TinyInt => TypeInfo::integer("TINYINT", TINYINT, 3),
        SqlType::UTinyInt => TypeInfo::integer("UTINYINT", TINYINT, 3).unsigned(),
        SqlType::BigInt => TypeInfo::integer("BIGINT", BIGINT, 19),
        SqlType::UBigInt => TypeInfo::integer("UBIGINT", BIGINT, 20).unsigned(),
        SqlType::Blob => TypeInfo::new("BLOB", VARBINARY).size(MOST_BYTES).literals("'", "'::BLOB"),
        SqlType::Geometry { .. } => TypeInfo::new("GEOMETRY", VARBINARY)
            .size(MOST_BYTES)
            .literals("GEOMETRY '", "'")
            .params(&["coordinate reference system"]),
        SqlType::Uuid => TypeInfo::new("UUID", BINARY).size(16).literals("UUID '", "'"),
        SqlType::Null => TypeInfo::new("NULL", UNKNOWN),
        SqlType::List(_) => TypeInfo::new("LIST", UNKNOWN).literals("[", "]"),
        SqlType::Array(..) => TypeInfo::new("ARRAY", UNKNOWN).params(&["length"]),
        SqlType::Struct(_) => TypeInfo::new("STRUCT", UNKNOWN).literals("{", "}").params(&["fields"]),
        SqlType::Map(..) => TypeInfo::new("MAP", UNKNOWN).literals("MAP {", "}").params(&["key type", "value type"]),
        SqlType::Union(_) => TypeInfo::new("UNION", UNKNOWN).params(&["members"]),
        SqlType::Decimal { .. } => {
            TypeInfo::number("DECIMAL", DECIMAL, 38, 10).scales(0, 38).params(&["precision", "scale"])
        }
        SqlType::HugeInt => TypeInfo::integer("HUGEINT", DECIMAL, 39),
        SqlType::UHugeInt => TypeInfo::integer("UHUGEINT", DECIMAL, 39).unsigned(),
        SqlType::Integer => TypeInfo::integer("INTEGER", INTEGER, 10),
        SqlType::UInteger => TypeInfo::integer("UINTEGER", INTEGER, 10).unsigned(),
        SqlType::SmallInt => TypeInfo::integer("SMALLINT", SMALLINT, 5),
        SqlType::USmallInt => TypeInfo::integer("USMALLINT", SMALLINT, 5).unsigned(),
        SqlType::Float => TypeInfo::number("FLOAT", REAL, 24, 2),
        SqlType::Double => TypeInfo::number("DOUBLE", DOUBLE, 53, 2),
        SqlType::Interval => TypeInfo::new("INTERVAL", INTERVAL).literals("INTERVAL '", "'"),
        SqlType::Varchar => TypeInfo::new("VARCHAR", VARCHAR).size(MOST_BYTES).literals("'", "'").text(),
        SqlType::Enum(_) => {
            TypeInfo::new("ENUM", VARCHAR).size(MOST_BYTES).literals("'", "'").params(&["values"]).text()
        }
        SqlType::Json => TypeInfo::new("JSON", VARCHAR).size(MOST_BYTES).literals("JSON '", "'").text(),
        SqlType::Variant => TypeInfo::new("VARIANT", VARCHAR).size(MOST_BYTES).literals("VARIANT '", "'").text(),
        SqlType::Bit => TypeInfo::new("BIT", VARCHAR).size(MOST_BYTES).literals("BIT '", "'"),
        SqlType::BigNum => TypeInfo::new("BIGNUM", VARCHAR).size(MOST_BYTES).literals("BIGNUM '", "'"),
        SqlType::TimeTz => TypeInfo::new("TIME WITH TIME ZONE", VARCHAR).size(24).literals("TIMETZ '", "'"),
        SqlType::Date => TypeInfo::new("DATE", DATE).literals("DATE '", "'").point(SUBCODE_DATE, 10, None),
        SqlType::Time => TypeInfo::new("TIME", TIME).literals("TIME '", "'").point(SUBCODE_TIME, 15, Some(6)),
        SqlType::TimeNs => TypeInfo::new("TIME_NS", TIME).literals("TIME_NS '", "'").point(SUBCODE_TIME, 18, Some(9)),
        SqlType::Timestamp => timestamp("TIMESTAMP", "TIMESTAMP '", 26, 6),
        SqlType::TimestampS => timestamp("TIMESTAMP_S", "TIMESTAMP_S '", 19, 0),
        SqlType::TimestampMs => timestamp("TIMESTAMP_MS", "TIMESTAMP_MS '", 23, 3),
        SqlType::TimestampNs => timestamp("TIMESTAMP_NS", "TIMESTAMP_NS '", 29, 9),
        SqlType::TimestampTz => TypeInfo::new("TIMESTAMP WITH TIME ZONE", TIMESTAMP)
            .literals("TIMESTAMPTZ '", "'")
            .point(SUBCODE_TIMESTAMP_TZ, 32, Some(6)),
        // Below its names every type is one of those above; a name alone says nothing.
        SqlType::Alias { .. } => TypeInfo::new("", UNKNOWN),
    }
}

const fn timestamp(name: &'static str, prefix: &'static str, characters: i32, digits: i32) -> TypeInfo {
    TypeInfo::new(name, TIMESTAMP).literals(prefix, "'").point(SUBCODE_TIMESTAMP, characters, Some(digits))
}

/// The XDBC code of `ty`, which is the JDBC code where both have one: that of the values as they arrive.
pub fn jdbc_code(ty: &SqlType) -> i32 {
    describe(ty).data_type
}

/// All types, by ascending code, and where several have one code, those first that it says most about.
pub fn type_info() -> Vec<TypeInfo> {
    let mut infos: Vec<TypeInfo> = kinds().iter().map(describe).collect();
    // Stable, so that the types of one code stay in the order of their kinds.
    infos.sort_by_key(|info| info.data_type);
    infos
}

/// A type of each kind, those first that are closest to what their code says.
pub(crate) fn kinds() -> Vec<SqlType> {
    let int = || Box::new(SqlType::Integer);
    let members = || vec![("a".to_owned(), SqlType::Integer), ("b".to_owned(), SqlType::Varchar)];
    vec![
        SqlType::Boolean,
        SqlType::TinyInt,
        SqlType::SmallInt,
        SqlType::Integer,
        SqlType::BigInt,
        SqlType::UTinyInt,
        SqlType::USmallInt,
        SqlType::UInteger,
        SqlType::UBigInt,
        SqlType::Decimal { precision: 18, scale: 3 },
        SqlType::HugeInt,
        SqlType::UHugeInt,
        SqlType::Float,
        SqlType::Double,
        SqlType::Varchar,
        SqlType::Enum(vec!["a".to_owned(), "b".to_owned()]),
        SqlType::Json,
        SqlType::Variant,
        SqlType::BigNum,
        SqlType::Bit,
        SqlType::TimeTz,
        SqlType::Blob,
        SqlType::Geometry { crs: None },
        SqlType::Uuid,
        SqlType::Date,
        SqlType::Time,
        SqlType::TimeNs,
        SqlType::Timestamp,
        SqlType::TimestampS,
        SqlType::TimestampMs,
        SqlType::TimestampNs,
        SqlType::TimestampTz,
        SqlType::Interval,
        SqlType::List(int()),
        SqlType::Array(int(), 3),
        SqlType::Struct(members()),
        SqlType::Map(Box::new(SqlType::Varchar), int()),
        SqlType::Union(members()),
        SqlType::Null,
    ]
}
