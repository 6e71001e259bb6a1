//! Rows that a command prints: as a table for people, as JSON or CSV for programs.

use std::io::{self, Write};

use clap::{Arg, ArgMatches};
use serde_json::{Map, Value};

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowFormat {
    /// Columns side by side.
    Table,
    /// One array of objects, an object a line.
    Json,
    /// Comma-separated values with a header (RFC 4180).
    Csv,
}

impl RowFormat {
    /// The flag that chooses it.
    pub(super) fn argument() -> Arg {
        Arg::new("format")
            .long("format")
            .value_name("FORMAT")
            .value_parser(["table", "json", "csv"])
            .default_value("table")
            .help("How rows are printed")
    }

    /// What the flag chose.
    pub(super) fn chosen(flags: &ArgMatches) -> Self {
        match flags.get_one::<String>("format").map(String::as_str) {
            Some("json") => Self::Json,
            Some("csv") => Self::Csv,
            _ => Self::Table,
        }
    }
}

/// A value in a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Text(String),
    Number(usize),
    /// A measured number, of which three digits behind the point count.
    Measure(f64),
    /// Not known, or there is none.
    Nothing,
}

impl Cell {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Measure(number) => format!("{number:.3}"),
            Self::Nothing => String::new(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Text(text) => Value::from(text.as_str()),
            Self::Number(number) => Value::from(*number),
            Self::Measure(number) => Value::from((number * 1e3).round() / 1e3),
            Self::Nothing => Value::Null,
        }
    }
}

impl From<Option<String>> for Cell {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Nothing, Self::Text)
    }
}

/// Rows under the names of their columns.
#[derive(Debug)]
pub(super) struct Rows<const COLUMNS: usize> {
    pub(super) names: [&'static str; COLUMNS],
    pub(super) rows: Vec<[Cell; COLUMNS]>,
}

impl<const COLUMNS: usize> Rows<COLUMNS> {
    /// Writes them all to `out`.
    ///
    /// # Errors
    /// When nobody takes it.
    pub(super) fn write(&self, format: RowFormat, out: &mut impl Write) -> io::Result<()> {
        let text = match format {
            RowFormat::Table => self.table(),
            RowFormat::Json => self.json(),
            RowFormat::Csv => self.csv(),
        };
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    fn table(&self) -> String {
        // What would break a line, or make a terminal do something, is not what a cell is there to show.
        let plain = |cell: &Cell| cell.text().replace(char::is_control, " ");
        let lines: Vec<[String; COLUMNS]> = std::iter::once(self.names.map(str::to_owned))
            .chain(self.rows.iter().map(|row| row.each_ref().map(plain)))
            .collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..COLUMNS).map(width).collect();
        let mut text = String::new();
        for line in &lines {
            let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
        text
    }

    fn json(&self) -> String {
        let object = |row: &[Cell; COLUMNS]| {
            let pairs = self.names.iter().zip(row).map(|(name, cell)| ((*name).to_owned(), cell.json()));
            Value::Object(pairs.collect::<Map<_, _>>()).to_string()
        };
        let objects: Vec<String> = self.rows.iter().map(object).collect();
        format!("[{}]\n", objects.join(",\n "))
    }

    fn csv(&self) -> String {
        let header = self.names.map(|name| Cell::Text(name.to_owned()));
        let mut text = String::new();
        for row in std::iter::once(&header).chain(&self.rows) {
            text.push_str(&row.each_ref().map(|cell| quoted(&cell.text())).join(","));
            text.push_str("\r\n");
        }
        text
    }
}

/// A value of a CSV file, quoted where it must be.
pub(super) fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn written(format: RowFormat) -> String {
        let rows = Rows {
            names: ["name", "n", "state"],
            rows: vec![
                [Cell::Text("é".into()), Cell::Number(12), Cell::Text("ok".into())],
                [Cell::Text("long name".into()), Cell::Nothing, Cell::Text("a \"b\",\nc".into())],
            ],
        };
        let mut out = Vec::new();
        rows.write(format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_table_has_its_columns_side_by_side() {
        let expected = "name       n   state\né          12  ok\nlong name      a \"b\", c\n";
        assert_eq!(written(RowFormat::Table), expected);
    }

    #[test]
    fn json_keeps_numbers_and_what_is_not_there() {
        let rows: Vec<Value> = serde_json::from_str(&written(RowFormat::Json)).unwrap();
        assert_eq!(rows[0]["n"], 12);
        assert_eq!((&rows[1]["n"], &rows[1]["state"]), (&Value::Null, &Value::from("a \"b\",\nc")));
    }

    #[test]
    fn csv_quotes_what_would_be_misread() {
        let expected = "name,n,state\r\né,12,ok\r\nlong name,,\"a \"\"b\"\",\nc\"\r\n";
        assert_eq!(written(RowFormat::Csv), expected);
    }
}
