//! The server's own statements: small results, read whole, as text.

use arrow::array::{Array, AsArray};
use typemap::wire::WireOptions;

use super::convert::{Assembler, ResultShape};
use super::ffi::{Connection, Prepared, Value};
use crate::engine::Cut;
use crate::error::{Error, Result};

/// The rows of a statement of the server's own, whose columns are all text. The caller holds the connection.
pub(super) fn rows(connection: &Connection, sql: &str, parameters: &[&Value]) -> Result<Vec<Vec<Option<String>>>> {
    rows_of(&connection.extract(sql)?.prepare(0)?, parameters)
}

/// The rows of such a statement that is prepared.
pub(super) fn rows_of(prepared: &Prepared, parameters: &[&Value]) -> Result<Vec<Vec<Option<String>>>> {
    for (index, value) in parameters.iter().enumerate() {
        prepared.bind(index + 1, value)?;
    }
    let mut result = prepared.execute()?;
    let mut assembler = Assembler::new(
        ResultShape::of(&result.columns(), &WireOptions::default())?,
        Cut { rows: usize::MAX, bytes: usize::MAX },
    )?;
    while let Some(chunk) = result.fetch()? {
        assembler.fill(&chunk, 0)?;
    }
    let Some(batch) = assembler.finish()? else { return Ok(Vec::new()) };
    let columns = batch
        .columns()
        .iter()
        .map(|column| match column.as_string_opt::<i32>() {
            Some(text) => {
                Ok((0..text.len()).map(|row| text.is_valid(row).then(|| text.value(row).to_owned())).collect())
            }
            None => Err(Error::internal(format!("a catalog query returned {}", column.data_type()))),
        })
        .collect::<Result<Vec<Vec<Option<String>>>>>()?;
    Ok((0..batch.num_rows()).map(|row| columns.iter().map(|column| column[row].clone()).collect()).collect())
}

/// Runs statements of the server's own for their effect.
pub(super) fn run(connection: &Connection, sql: &str) -> Result<()> {
    connection.query(sql)?;
    Ok(())
}

/// A text value as SQL text.
pub(super) fn quoted_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
