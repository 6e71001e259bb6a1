//! Rows side by side in columns.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::values::plain;

/// How many rows are looked at before the widths of the columns are settled: a result may have any number.
const LOOKED_AT: usize = 1_000;

/// A column's heading.
#[derive(Debug, Clone)]
pub(in crate::cli::sql) struct Column {
    pub(in crate::cli::sql) name: String,
    /// Whether its values stand at the right, as numbers do.
    pub(in crate::cli::sql) right: bool,
}

impl Column {
    /// Of texts.
    pub(in crate::cli::sql) fn text(name: &str) -> Self {
        Self { name: name.to_owned(), right: false }
    }
}

/// Writes rows as they come. The columns are as wide as the first rows want them; a later value that is wider moves the rest of
/// its line, and nothing is cut off.
#[derive(Debug)]
pub(in crate::cli::sql) struct Table {
    columns: Vec<Column>,
    widths: Vec<usize>,
    held: Vec<Vec<String>>,
    settled: bool,
}

impl Table {
    pub(in crate::cli::sql) fn new(columns: Vec<Column>) -> Self {
        let columns: Vec<Column> =
            columns.into_iter().map(|column| Column { name: plain(&column.name), ..column }).collect();
        let widths = columns.iter().map(|column| column.name.width()).collect();
        Self { columns, widths, held: Vec::new(), settled: false }
    }

    pub(in crate::cli::sql) fn row(&mut self, texts: Vec<Option<String>>, out: &mut dyn Write) -> io::Result<()> {
        let cells: Vec<String> =
            texts.into_iter().map(|text| text.map_or_else(|| "NULL".to_owned(), |text| plain(&text))).collect();
        if self.settled {
            return self.line(&cells, out);
        }
        for (width, cell) in self.widths.iter_mut().zip(&cells) {
            *width = (*width).max(cell.width());
        }
        self.held.push(cells);
        if self.held.len() < LOOKED_AT { Ok(()) } else { self.settle(out) }
    }

    pub(in crate::cli::sql) fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.settle(out)
    }

    fn settle(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if std::mem::replace(&mut self.settled, true) {
            return Ok(());
        }
        let names: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
        self.line(&names, out)?;
        let rules: Vec<String> = self.widths.iter().map(|width| "-".repeat(width + 2)).collect();
        writeln!(out, "{}", rules.join("+"))?;
        for cells in std::mem::take(&mut self.held) {
            self.line(&cells, out)?;
        }
        Ok(())
    }

    fn line(&self, cells: &[String], out: &mut dyn Write) -> io::Result<()> {
        let mut line = String::new();
        for (at, ((cell, column), width)) in cells.iter().zip(&self.columns).zip(&self.widths).enumerate() {
            line.push_str(if at == 0 { " " } else { "| " });
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            if column.right {
                line.push_str(&padding);
            }
            line.push_str(cell);
            if !column.right {
                line.push_str(&padding);
            }
            line.push(' ');
        }
        writeln!(out, "{}", line.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(rows: &[[Option<&str>; 2]]) -> String {
        let mut out = Vec::new();
        let mut table = Table::new(vec![Column::text("name"), Column { name: "n".to_owned(), right: true }]);
        for row in rows {
            table.row(row.iter().map(|text| text.map(str::to_owned)).collect(), &mut out).unwrap();
        }
        table.end(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_as_wide_as_what_a_terminal_shows() {
        let text = written(&[[Some("日本"), Some("1")], [Some("longer name"), Some("1000")], [None, None]]);
        let expected = " name        |    n\n-------------+------\n 日本        |    1\n longer name | 1000\n NULL        | NULL\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn without_rows_there_is_a_heading() {
        assert_eq!(written(&[]), " name | n\n------+---\n");
    }

    #[test]
    fn rows_behind_those_that_were_looked_at_lose_nothing() {
        let mut rows = vec![[Some("a"), Some("1")]; LOOKED_AT];
        rows.push([Some("much longer than all before"), Some("2")]);
        let text = written(&rows);
        assert_eq!(text.lines().count(), LOOKED_AT + 3);
        assert_eq!(text.lines().last(), Some(" much longer than all before | 2"));
    }
}
