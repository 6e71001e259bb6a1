//! Clients' values for parameters, row by row.

use std::sync::Arc;

use arrow::array::RecordBatch;
use typemap::SqlType;
use typemap::ingest::Ingest;
use typemap::normalise::NormaliseError;

use super::ffi::{LogicalType, Prepared};
use super::write::Writer;
use crate::error::{Error, ErrorCode, Result, SqlState};

/// Rows of parameters, one execution each.
#[derive(Clone)]
pub(super) struct ParameterRows {
    batches: Arc<[Parameters]>,
    /// For each of the batches, the types on the way to those of the parameters: DuckDB tells these only until it has run.
    detours: Arc<[Vec<Option<LogicalType>>]>,
    batch: usize,
    row: usize,
}

/// Rows of parameters whose types are alike.
struct Parameters {
    rows: RecordBatch,
    writer: Writer,
    /// The SQL types of the values.
    types: Vec<SqlType>,
    /// The same, as DuckDB describes them.
    described: Vec<LogicalType>,
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
        let types = ingest.types().to_vec();
        let described = types.iter().map(LogicalType::describing).collect::<Result<_, _>>()?;
        Ok(Self { rows, writer: Writer::new(types.clone())?, types, described })
    }

    /// The types that the values are cast to before they are bound, where DuckDB casts their own to none of the parameters'.
    fn detours(&self, prepared: &Prepared) -> Result<Vec<Option<LogicalType>>> {
        let detour = |(index, own): (usize, &SqlType)| {
            let wanted = prepared.parameter_type(index + 1).and_then(|ty| ty.sql_type());
            let detour = wanted.and_then(|wanted| detour(own, &wanted));
            Ok(detour.as_ref().map(LogicalType::describing).transpose()?)
        };
        self.types.iter().enumerate().map(detour).collect()
    }

    fn bind(&self, prepared: &Prepared, row: usize, detours: &[Option<LogicalType>]) -> Result<()> {
        let rows = self.rows.slice(row, 1);
        let chunk = self.writer.chunk(&rows)?;
        for (index, own) in self.described.iter().enumerate() {
            let ty = detours.get(index).and_then(Option::as_ref).unwrap_or(own);
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
        let batches = batches.map(Parameters::new).collect::<Result<_>>()?;
        Ok(Self { batches, detours: Arc::default(), batch: 0, row: 0 })
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
        self.detours = self.batches.iter().map(|batch| batch.detours(prepared)).collect::<Result<_>>()?;
        if self.bind_next(prepared)? { Ok(()) } else { check_count(prepared, 0) }
    }

    /// Binds the next row, and tells whether there was one.
    ///
    /// # Errors
    /// As [`Self::bind_first`].
    pub(super) fn bind_next(&mut self, prepared: &Prepared) -> Result<bool> {
        let Some(batch) = self.batches.get(self.batch) else { return Ok(false) };
        prepared.clear_bindings();
        check_count(prepared, batch.described.len())?;
        batch.bind(prepared, self.row, self.detours.get(self.batch).map_or(&[], Vec::as_slice))?;
        self.row += 1;
        if self.row == batch.rows.num_rows() {
            self.batch += 1;
            self.row = 0;
        }
        Ok(true)
    }
}

/// The type by way of which a value of type `own` becomes one of type `wanted`, where DuckDB has no cast from one to the other.
fn detour(own: &SqlType, wanted: &SqlType) -> Option<SqlType> {
    use SqlType::{Time, TimeNs, Timestamp, TimestampMs, TimestampNs, TimestampS, Varchar};
    match (own, wanted.without_alias()) {
        // They are written as text, which is cast to the one as well as to the other.
        (own, _) if has_bignums(own) => Some(wanted.clone()),
        (TimestampMs | TimestampNs, TimestampS) | (TimestampNs, TimestampMs) => Some(Timestamp),
        (Time, TimeNs) => Some(Varchar),
        _ => None,
    }
}

/// Whether values of this type are, or hold, BIGNUM values.
pub(super) fn has_bignums(ty: &SqlType) -> bool {
    match ty {
        SqlType::BigNum => true,
        SqlType::Alias { base: inner, .. } | SqlType::List(inner) | SqlType::Array(inner, _) => has_bignums(inner),
        SqlType::Map(key, value) => has_bignums(key) || has_bignums(value),
        SqlType::Struct(members) | SqlType::Union(members) => members.iter().any(|(_, ty)| has_bignums(ty)),
        _ => false,
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
