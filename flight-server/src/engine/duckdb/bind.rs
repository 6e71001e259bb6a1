//! Clients' values for parameters, row by row.

use std::sync::Arc;

use arrow::array::RecordBatch;
use typemap::ingest::Ingest;
use typemap::normalise::NormaliseError;

use super::ffi::{LogicalType, Prepared};
use super::write::Writer;
use crate::error::{Error, ErrorCode, Result, SqlState};

/// Rows of parameters, one execution each.
#[derive(Clone)]
pub(super) struct ParameterRows {
    batches: Arc<[Parameters]>,
    batch: usize,
    row: usize,
}

/// Rows of parameters whose types are alike.
struct Parameters {
    rows: RecordBatch,
    writer: Writer,
    /// The types that the values are bound as.
    types: Vec<LogicalType>,
}

impl Parameters {
    fn new(rows: &RecordBatch) -> Result<Self> {
        let schema = rows.schema();
        let unfit = |error: &NormaliseError| {
            let index = error.column().and_then(|name| schema.index_of(name).ok()).unwrap_or(0);
            unfit(error, format!("parameter {}{}: {}", index + 1, error.path(), error.problem()))
        };
        let ingest = Ingest::new(&schema).map_err(|error| unfit(&error))?;
        let rows = ingest.convert(rows).map_err(|error| unfit(&error))?;
        let types = ingest.types().iter().map(LogicalType::describing).collect::<Result<_, _>>()?;
        Ok(Self { rows, writer: Writer::new(ingest.types().to_vec())?, types })
    }

    fn bind(&self, prepared: &Prepared, row: usize) -> Result<()> {
        let rows = self.rows.slice(row, 1);
        let chunk = self.writer.chunk(&rows)?;
        for (index, ty) in self.types.iter().enumerate() {
            let value = chunk.value(prepared, index, 0, ty).map_err(|failure| {
                let mut error = Error::from(failure);
                error.message = format!("parameter {}: {}", index + 1, error.message);
                error
            })?;
            prepared.bind(index + 1, &value)?;
        }
        Ok(())
    }
}

impl ParameterRows {
    /// The rows of these batches; batches without columns or rows count for nothing.
    ///
    /// # Errors
    /// When a value can't be bound.
    pub(super) fn new(batches: &[RecordBatch]) -> Result<Self> {
        let batches = batches.iter().filter(|batch| batch.num_columns() > 0 && batch.num_rows() > 0);
        Ok(Self { batches: batches.map(Parameters::new).collect::<Result<_>>()?, batch: 0, row: 0 })
    }

    /// How many rows there are in all.
    pub(super) fn len(&self) -> usize {
        self.batches.iter().map(|batch| batch.rows.num_rows()).sum()
    }

    /// Whether no row is left.
    pub(super) fn is_empty(&self) -> bool {
        self.batch == self.batches.len()
    }

    /// Binds the first row, or sees to it that there is nothing to bind.
    ///
    /// # Errors
    /// When there are more or fewer values than parameters, or a value can't be bound.
    pub(super) fn bind_first(&mut self, prepared: &Prepared) -> Result<()> {
        if self.bind_next(prepared)? { Ok(()) } else { check_count(prepared, 0) }
    }

    /// Binds the next row, and tells whether there was one.
    ///
    /// # Errors
    /// As [`Self::bind_first`].
    pub(super) fn bind_next(&mut self, prepared: &Prepared) -> Result<bool> {
        let Some(batch) = self.batches.get(self.batch) else { return Ok(false) };
        prepared.clear_bindings();
        check_count(prepared, batch.types.len())?;
        batch.bind(prepared, self.row)?;
        self.row += 1;
        if self.row == batch.rows.num_rows() {
            self.batch += 1;
            self.row = 0;
        }
        Ok(true)
    }
}

/// Checks that there are as many values as parameters: SQLSTATE 07001, telling both numbers.
fn check_count(prepared: &Prepared, values: usize) -> Result<()> {
    let parameters = prepared.parameter_count();
    if parameters == values {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::RequestInvalid,
        format!("the statement has {parameters} parameters, but {values} values were bound; bind one for each"),
    )
    .with_sqlstate(SqlState("07001")))
}

/// The error of a client's value that no SQL type holds, or not its own.
pub(super) fn unfit(error: &NormaliseError, message: String) -> Error {
    let code = if error.is_type() { ErrorCode::TypeUnsupported } else { ErrorCode::ValueOutOfRange };
    Error::new(code, message)
}
