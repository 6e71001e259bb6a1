//! The SQL types, as DuckDB knows them.

/// How many levels a type may nest, counted from 1 for a type without children: `INTEGER[]` has two.
///
/// Arrow readers refuse schemas much deeper than this (the Rust one stops after 61 levels), so a deeper type could be
/// named but never sent. It also bounds the recursion of everything that walks a type.
pub const MAX_DEPTH: usize = 60;

/// The most digits a `DECIMAL` may have.
pub const MAX_DECIMAL_PRECISION: u8 = 38;

/// The most elements an array type (`T[n]`) may have; the fewest is one.
pub const MAX_ARRAY_SIZE: u32 = 100_000;

/// A SQL type.
///
/// It is read with [`str::parse`], which takes every name and alias DuckDB takes, and printed with [`ToString`] exactly
/// as DuckDB prints it; reading what was printed gives the same type back. An [`Alias`](SqlType::Alias) is the one
/// exception, since its name does not tell what it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SqlType {
    /// The type of a bare `NULL`.
    Null,
    /// True or false.
    Boolean,
    /// Signed integer of 8 bits.
    TinyInt,
    /// Signed integer of 16 bits.
    SmallInt,
    /// Signed integer of 32 bits.
    Integer,
    /// Signed integer of 64 bits.
    BigInt,
    /// Signed integer of 128 bits; what `SUM(INTEGER)` gives.
    HugeInt,
    /// Unsigned integer of 8 bits.
    UTinyInt,
    /// Unsigned integer of 16 bits.
    USmallInt,
    /// Unsigned integer of 32 bits.
    UInteger,
    /// Unsigned integer of 64 bits.
    UBigInt,
    /// Unsigned integer of 128 bits.
    UHugeInt,
    /// Floating point of 32 bits.
    Float,
    /// Floating point of 64 bits.
    Double,
    /// Exact number in base ten.
    Decimal {
        /// Digits in all, 1 to [`MAX_DECIMAL_PRECISION`].
        precision: u8,
        /// Digits after the point, at most `precision`.
        scale: u8,
    },
    /// Text in UTF-8.
    Varchar,
    /// Text that is a JSON document.
    Json,
    /// 128-bit identifier.
    Uuid,
    /// Bytes.
    Blob,
    /// String of bits.
    Bit,
    /// Integer of any size.
    BigNum,
    /// Calendar date.
    Date,
    /// Time of day in microseconds.
    Time,
    /// Time of day in nanoseconds.
    TimeNs,
    /// Time of day in microseconds with an offset from UTC.
    TimeTz,
    /// Date and time of day in seconds, without a zone.
    TimestampS,
    /// Date and time of day in milliseconds, without a zone.
    TimestampMs,
    /// Date and time of day in microseconds, without a zone.
    Timestamp,
    /// Date and time of day in nanoseconds, without a zone.
    TimestampNs,
    /// Instant in microseconds.
    TimestampTz,
    /// Months, days and microseconds.
    Interval,
    /// One of the given texts, in their order.
    Enum(Vec<String>),
    /// Elements of one type, as many as there are.
    List(Box<SqlType>),
    /// Elements of one type, always this many.
    Array(Box<SqlType>, u32),
    /// Named fields. An unnamed struct, the type of `row(1, 2)`, has the empty string for every name.
    Struct(Vec<(String, SqlType)>),
    /// Keys, each once, and their values.
    Map(Box<SqlType>, Box<SqlType>),
    /// A value of one of the named members.
    Union(Vec<(String, SqlType)>),
    /// Geometry in well-known binary.
    Geometry {
        /// Coordinate reference system, as an authority code (`OGC:CRS84`) or a whole definition.
        crs: Option<String>,
    },
    /// A value that carries its own type.
    Variant,
    /// A user-defined name for another type. Only a catalog knows these: the parser never makes one.
    Alias {
        /// The name as the engine prints it.
        name: String,
        /// What it stands for.
        base: Box<SqlType>,
    },
}

impl SqlType {
    /// The type below any user-defined names: itself for all but [`SqlType::Alias`].
    pub fn without_alias(&self) -> &SqlType {
        let mut ty = self;
        while let SqlType::Alias { base, .. } = ty {
            ty = base;
        }
        ty
    }
}
