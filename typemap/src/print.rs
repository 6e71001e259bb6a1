//! Prints a type as DuckDB spells it.

use std::fmt::{self, Display, Formatter, Write};

use crate::SqlType;
use crate::keyword::is_keyword;

impl Display for SqlType {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = match self {
            SqlType::Null => "\"NULL\"",
            SqlType::Boolean => "BOOLEAN",
            SqlType::TinyInt => "TINYINT",
            SqlType::SmallInt => "SMALLINT",
            SqlType::Integer => "INTEGER",
            SqlType::BigInt => "BIGINT",
            SqlType::HugeInt => "HUGEINT",
            SqlType::UTinyInt => "UTINYINT",
            SqlType::USmallInt => "USMALLINT",
            SqlType::UInteger => "UINTEGER",
            SqlType::UBigInt => "UBIGINT",
            SqlType::UHugeInt => "UHUGEINT",
            SqlType::Float => "FLOAT",
            SqlType::Double => "DOUBLE",
            SqlType::Decimal { precision, scale } => return write!(f, "DECIMAL({precision},{scale})"),
            SqlType::Varchar => "VARCHAR",
            SqlType::Json => "JSON",
            SqlType::Uuid => "UUID",
            SqlType::Blob => "BLOB",
            SqlType::Bit => "BIT",
            SqlType::BigNum => "BIGNUM",
            SqlType::Date => "DATE",
            SqlType::Time => "TIME",
            SqlType::TimeNs => "TIME_NS",
            SqlType::TimeTz => "TIME WITH TIME ZONE",
            SqlType::TimestampS => "TIMESTAMP_S",
            SqlType::TimestampMs => "TIMESTAMP_MS",
            SqlType::Timestamp => "TIMESTAMP",
            SqlType::TimestampNs => "TIMESTAMP_NS",
            SqlType::TimestampTz => "TIMESTAMP WITH TIME ZONE",
            SqlType::Interval => "INTERVAL",
            SqlType::Enum(values) => {
                f.write_str("ENUM(")?;
                separated(f, values, |f, value| quoted(f, value, '\''))?;
                return f.write_char(')');
            }
            SqlType::List(item) => return write!(f, "{item}[]"),
            SqlType::Array(item, size) => return write!(f, "{item}[{size}]"),
            SqlType::Struct(fields) => {
                f.write_str("STRUCT(")?;
                if fields.first().is_some_and(|(name, _)| name.is_empty()) {
                    separated(f, fields, |f, (_, ty)| write!(f, "{ty}"))?;
                } else {
                    separated(f, fields, member)?;
                }
                return f.write_char(')');
            }
            SqlType::Map(key, value) => return write!(f, "MAP({key}, {value})"),
            SqlType::Union(members) => {
                f.write_str("UNION(")?;
                separated(f, members, member)?;
                return f.write_char(')');
            }
            SqlType::Geometry { crs: None } => "GEOMETRY",
            SqlType::Geometry { crs: Some(crs) } => {
                f.write_str("GEOMETRY(")?;
                quoted(f, crs, '\'')?;
                return f.write_char(')');
            }
            SqlType::Variant => "VARIANT",
            SqlType::Alias { name, .. } => name,
        };
        f.write_str(name)
    }
}

fn separated<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    mut print: impl FnMut(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        print(f, item)?;
    }
    Ok(())
}

fn member(f: &mut Formatter<'_>, (name, ty): &(String, SqlType)) -> fmt::Result {
    if needs_quotes(name) {
        quoted(f, name, '"')?;
    } else {
        f.write_str(name)?;
    }
    write!(f, " {ty}")
}

/// DuckDB quotes what is not a plain ASCII word, and every keyword, be it reserved or not.
fn needs_quotes(name: &str) -> bool {
    let plain = |(index, byte): (usize, u8)| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => true,
        b'0'..=b'9' => index > 0,
        _ => false,
    };
    name.is_empty() || !name.bytes().enumerate().all(plain) || is_keyword(name)
}

fn quoted(f: &mut Formatter<'_>, text: &str, quote: char) -> fmt::Result {
    f.write_char(quote)?;
    for (index, part) in text.split(quote).enumerate() {
        if index > 0 {
            f.write_char(quote)?;
            f.write_char(quote)?;
        }
        f.write_str(part)?;
    }
    f.write_char(quote)
}
