//! Results as people and programs read them, written as their rows come.

mod json;
mod table;
mod values;

use std::io::{self, Write};

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

pub(super) use self::table::{Column, Table};
use self::values::{each_row, is_number, plain};
use super::error::SqlError;
use crate::cli::rows::{RowFormat, quoted};

/// How results are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) format: RowFormat,
    /// A column a line rather than a row a line, in a table.
    pub(super) expanded: bool,
}

/// Writes one result.
pub(super) enum Printer {
    Table(Table),
    Expanded { names: Vec<String>, width: usize, rows: u64 },
    Csv(Vec<String>),
    Json { rows: u64 },
}

impl Printer {
    /// One for a result with these columns.
    pub(super) fn new(shape: Shape, schema: &Schema) -> Self {
        let names = || schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
        match (shape.format, shape.expanded) {
            (RowFormat::Table, false) => {
                let column = |field: &arrow::datatypes::FieldRef| Column {
                    name: field.name().clone(),
                    right: is_number(field.data_type()),
                };
                Self::Table(Table::new(schema.fields().iter().map(column).collect()))
            }
            (RowFormat::Table, true) => {
                let names: Vec<String> = names().iter().map(|name| plain(name)).collect();
                let width = names.iter().map(|name| unicode_width::UnicodeWidthStr::width(name.as_str())).max();
                Self::Expanded { names, width: width.unwrap_or_default(), rows: 0 }
            }
            (RowFormat::Csv, _) => Self::Csv(names()),
            (RowFormat::Json, _) => Self::Json { rows: 0 },
        }
    }

    /// Writes what comes before all rows.
    pub(super) fn begin(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Csv(names) => csv_line(names.iter().map(|name| quoted(name)), out),
            Self::Json { .. } => write!(out, "["),
            Self::Table(_) | Self::Expanded { .. } => Ok(()),
        }
    }

    /// Writes the rows of a batch.
    pub(super) fn batch(&mut self, batch: &RecordBatch, out: &mut dyn Write) -> Result<(), SqlError> {
        match self {
            Self::Table(table) => each_row(batch, |row| Ok(table.row(row, out)?)),
            Self::Expanded { names, width, rows } => each_row(batch, |row| {
                *rows += 1;
                writeln!(out, "-[ row {rows} ]{}", "-".repeat(20))?;
                for (name, text) in names.iter().zip(row) {
                    let padding = " ".repeat(*width - unicode_width::UnicodeWidthStr::width(name.as_str()));
                    writeln!(out, "{name}{padding} | {}", text.map_or_else(|| "NULL".to_owned(), |text| plain(&text)))?;
                }
                Ok(())
            }),
            Self::Csv(_) => each_row(batch, |row| {
                // An empty text is quoted, so that it is not taken for NULL.
                let cells = row.iter().map(|text| match text.as_deref() {
                    None => String::new(),
                    Some("") => "\"\"".to_owned(),
                    Some(text) => quoted(text),
                });
                Ok(csv_line(cells, out)?)
            }),
            Self::Json { rows } => json::objects(batch, |object| {
                *rows += 1;
                let before = if *rows > 1 { ",\n " } else { "" };
                Ok(write!(out, "{before}{object}")?)
            }),
        }
    }

    /// Writes what comes after all rows.
    pub(super) fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Table(table) => table.end(out),
            Self::Json { .. } => writeln!(out, "]"),
            Self::Expanded { .. } | Self::Csv(_) => Ok(()),
        }
    }
}

fn csv_line(cells: impl Iterator<Item = String>, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{}\r\n", cells.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int32Array, StringArray};

    use super::*;

    fn printed(format: RowFormat, expanded: bool) -> String {
        let batch = RecordBatch::try_from_iter([
            ("n", Arc::new(Int32Array::from(vec![Some(1), None])) as ArrayRef),
            ("text", Arc::new(StringArray::from(vec!["a,b", ""])) as ArrayRef),
        ])
        .unwrap();
        let mut out = Vec::new();
        let mut printer = Printer::new(Shape { format, expanded }, batch.schema_ref());
        printer.begin(&mut out).unwrap();
        printer.batch(&batch.slice(0, 1), &mut out).unwrap();
        printer.batch(&batch.slice(1, 1), &mut out).unwrap();
        printer.end(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_format_has_every_value() {
        assert_eq!(printed(RowFormat::Csv, false), "n,text\r\n1,\"a,b\"\r\n,\"\"\r\n");
        assert_eq!(printed(RowFormat::Json, false), "[{\"n\":1,\"text\":\"a,b\"},\n {\"n\":null,\"text\":\"\"}]\n");
        assert_eq!(printed(RowFormat::Table, false), "    n | text\n------+------\n    1 | a,b\n NULL |\n");
        let expanded = printed(RowFormat::Table, true);
        assert!(expanded.starts_with("-[ row 1 ]---") && expanded.contains("n    | NULL\ntext | \n"), "{expanded}");
    }
}
