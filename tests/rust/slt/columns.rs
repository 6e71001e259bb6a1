//! How a result is written in a `.slt` file: a line for its schema, and a line a row.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, TimestampMicrosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use sqllogictest::{ColumnType, Normalizer};

/// The kind of a column, as one letter; the line of the schema tells its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    Integer,
    Float,
    Decimal,
    Text,
    Bytes,
    Temporal,
    Nested,
    Nothing,
}

const LETTERS: [(Kind, char); 9] = [
    (Kind::Boolean, 'B'),
    (Kind::Integer, 'I'),
    (Kind::Float, 'F'),
    (Kind::Decimal, 'D'),
    (Kind::Text, 'T'),
    (Kind::Bytes, 'X'),
    (Kind::Temporal, 'S'),
    (Kind::Nested, 'N'),
    (Kind::Nothing, '0'),
];

impl ColumnType for Kind {
    fn from_char(value: char) -> Option<Self> {
        LETTERS.into_iter().find(|(_, letter)| *letter == value).map(|(kind, _)| kind)
    }

    fn to_char(&self) -> char {
        LETTERS.into_iter().find(|(kind, _)| kind == self).map(|(_, letter)| letter).expect("each kind has a letter")
    }
}

impl Kind {
    /// The kind of an Arrow column.
    pub(crate) fn of(wire: &DataType) -> Self {
        match wire {
            DataType::Null => Self::Nothing,
            DataType::Boolean => Self::Boolean,
            wire if wire.is_integer() => Self::Integer,
            wire if wire.is_floating() => Self::Float,
            wire if wire.is_decimal() => Self::Decimal,
            wire if wire.is_temporal() => Self::Temporal,
            DataType::Utf8 => Self::Text,
            DataType::Binary | DataType::FixedSizeBinary(_) => Self::Bytes,
            wire if wire.is_nested() => Self::Nested,
            other => panic!("no SQL type is sent as {other}"),
        }
    }
}

/// The line of a schema: name and SQL type of each column, after a check that its wire type is the one of that type.
pub(crate) fn schema_line(schema: &Schema) -> String {
    let columns: Vec<_> = schema.fields().iter().map(|field| column(field)).collect();
    columns.join(" | ")
}

fn column(field: &Field) -> String {
    let told = field.metadata().get("ARROW:FLIGHT:SQL:TYPE_NAME").expect("each column tells its SQL type");
    let sql_type: typemap::SqlType =
        told.parse().unwrap_or_else(|error| panic!("the type {told:?} of {}: {error}", field.name()));
    let wire = typemap::wire::wire_field(field.name(), &sql_type, field.is_nullable(), &Default::default());
    assert_eq!(*field, wire.expect("a wire type"), "the wire field of the SQL type it tells");
    format!("{} {told}{}", field.name(), if field.is_nullable() { "" } else { " NOT NULL" })
}

/// The lines of the rows.
pub(crate) fn row_lines(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::new().with_null("NULL").with_display_error(false);
    let columns: Vec<_> = batch.columns().iter().map(with_offset).collect();
    let columns: Vec<_> = columns
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).expect("a shown type"))
        .collect();
    let row = |row| columns.iter().map(|column| quoted(&column.value(row).to_string())).collect::<Vec<_>>().join(" | ");
    (0..batch.num_rows()).map(row).collect()
}

/// The column with its time zone as an offset, which can be shown without a table of all time zones.
fn with_offset(column: &ArrayRef) -> ArrayRef {
    match column.as_primitive_opt::<TimestampMicrosecondType>() {
        Some(instants) if instants.timezone() == Some("UTC") => Arc::new(instants.clone().with_timezone("+00:00")),
        _ => column.clone(),
    }
}

/// A value as it is, in quotation marks where a reader, or this format, would take it for something else.
fn quoted(value: &str) -> String {
    let plain = !value.is_empty()
        && value.trim() == value
        && !value.contains(['|', '\'', '\\'])
        && !value.chars().any(char::is_control);
    if plain { value.to_owned() } else { format!("'{}'", value.escape_debug()) }
}

/// Lines are compared as they are.
#[allow(clippy::ptr_arg, reason = "the type of a normalizer")]
pub(crate) fn unchanged(line: &String) -> String {
    line.clone()
}

/// Whether the lines are the expected ones.
pub(crate) fn same_lines(_: Normalizer, actual: &[Vec<String>], expected: &[String]) -> bool {
    actual.iter().map(|row| row.concat()).eq(expected.iter().cloned())
}
