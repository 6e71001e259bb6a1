//! The table of types for readers, written from the code that carries them.

use std::fmt::Write;

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};

use crate::wire::{WireOptions, wire_field};
use crate::xdbc::{describe, kinds};
use crate::{SqlType, metadata, type_name};

/// A Markdown table of every SQL type: its name, its other names, the Arrow type that carries it, its extension type,
/// its XDBC name and code, and what is particular about its values.
pub fn types_table() -> String {
    let mut table = String::from(
        "| SQL type | also written | Arrow type | Arrow extension | XDBC | note |\n|---|---|---|---|---|---|\n",
    );
    for ty in kinds() {
        let info = describe(&ty);
        // Every kind has a wire type; the tests see to it.
        let Ok(field) = wire_field("c", &ty, true, &WireOptions::default()) else { continue };
        let aliases: Vec<String> = aliases(&ty).iter().map(|alias| format!("`{alias}`")).collect();
        let extension = field.metadata().get(metadata::EXTENSION_NAME).map(|name| format!("`{name}`"));
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| `{ty}` | {} | {} | {} | {} {} | {} |",
            aliases.join(", "),
            arrow_name(&field),
            extension.unwrap_or_default(),
            info.type_name,
            info.data_type,
            note(&ty),
        );
    }
    table
}

/// The other names that stand alone for `ty`, in the order of the parser's table.
fn aliases(ty: &SqlType) -> Vec<&'static str> {
    let name = describe(ty).type_name;
    let words = type_name::NAMES.iter().map(|(word, _)| *word);
    match ty {
        // Their names want parameters, so that they do not stand alone.
        SqlType::Struct(_) => words.filter(|word| *word == "ROW").collect(),
        _ => words.filter(|word| *word != name && word.parse::<SqlType>().as_ref() == Ok(ty)).collect(),
    }
}

fn arrow_name(field: &Field) -> String {
    let unit = |unit: &TimeUnit| match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "µs",
        TimeUnit::Nanosecond => "ns",
    };
    match field.data_type() {
        DataType::Time64(u) => format!("Time64({})", unit(u)),
        DataType::Timestamp(u, None) => format!("Timestamp({})", unit(u)),
        DataType::Timestamp(u, Some(zone)) => format!("Timestamp({}, {zone:?})", unit(u)),
        DataType::Interval(IntervalUnit::MonthDayNano) => "Interval(MonthDayNano)".to_owned(),
        DataType::Decimal128(precision, scale) => format!("Decimal128({precision},{scale})"),
        DataType::Decimal256(precision, scale) => format!("Decimal256({precision},{scale})"),
        DataType::List(item) => format!("List&lt;{}&gt;", arrow_name(item)),
        DataType::FixedSizeList(item, size) => format!("FixedSizeList({size})&lt;{}&gt;", arrow_name(item)),
        DataType::Struct(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|field| format!("{}: {}", field.name(), arrow_name(field))).collect();
            format!("Struct&lt;{}&gt;", fields.join(", "))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(entry) => {
                let sides: Vec<_> = entry.iter().map(|field| arrow_name(field)).collect();
                format!("Map&lt;{}&gt;", sides.join(", "))
            }
            other => other.to_string(),
        },
        DataType::Union(members, _) => {
            let members: Vec<_> =
                members.iter().map(|(_, field)| format!("{}: {}", field.name(), arrow_name(field))).collect();
            format!("sparse Union&lt;{}&gt;", members.join(", "))
        }
        other => other.to_string(),
    }
}

/// What a reader has to know about the values.
fn note(ty: &SqlType) -> &'static str {
    match ty {
        SqlType::HugeInt => {
            "39 digits are error 22003, unless `pintail.wide_integers` is `decimal256`: then Decimal256(39,0), which \
             holds all"
        }
        SqlType::UHugeInt => "holds all",
        SqlType::Varchar => "a length is read and means nothing",
        SqlType::Enum(_) => "the text of each value; a dictionary is never sent",
        SqlType::Variant => "as a JSON document",
        SqlType::Bit => "zeros and ones",
        SqlType::BigNum => "decimal digits, as many as there are",
        SqlType::TimeTz => "`HH:MM:SS[.ffffff]±HH:MM[:SS]`, so that the offset is kept",
        SqlType::Geometry { .. } => "well-known binary; the coordinate reference system is in the extension's metadata",
        SqlType::Uuid => "the 16 bytes, most significant first",
        SqlType::Date | SqlType::Timestamp | SqlType::TimestampS | SqlType::TimestampMs | SqlType::TimestampNs => {
            "±infinity is error 22003, or null if `pintail.infinity` is `null`"
        }
        SqlType::TimestampTz => {
            "always in UTC, whatever the session's time zone; ±infinity is error 22003, or null if `pintail.infinity` \
             is `null`"
        }
        SqlType::Interval => "months, days and nanoseconds; a time part beyond ±292 years is error 22003",
        SqlType::List(_) => "items are named `item`",
        SqlType::Struct(_) => "fields without names are named by their positions from 1",
        SqlType::Map(..) => "no key is null",
        SqlType::Union(_) => "members are numbered from 0; at most 128",
        SqlType::Null => "the type of a bare NULL; it prints in quotes",
        _ => "",
    }
}
