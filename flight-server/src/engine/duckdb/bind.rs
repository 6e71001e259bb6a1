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
    /// How the values of each batch are bound: DuckDB tells the parameters' types only until it has run.
    ways: Arc<[Vec<Way>]>,
    batch: usize,
    row: usize,
}

/// How values of a type are bound to a parameter.
enum Way {
    /// As they are.
    Own,
    /// As this type, to which they have to be cast: DuckDB has no cast from their own to the parameter's.
    By(LogicalType),
    /// As the parameter's type, if they can be cast to it; else as they are, and DuckDB says why they can't. DuckDB plans a statement
    /// again for each value of another type: rows of three values took 3.6 times as long to insert.
    As(LogicalType),
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

    /// How the values are bound to the parameters of a statement.
    fn ways(&self, prepared: &Prepared) -> Result<Vec<Way>> {
        let inserts = prepared.inserts_values();
        let way = |(index, own): (usize, &SqlType)| {
            let Some(wanted) = prepared.parameter_type(index + 1) else { return Ok(Way::Own) };
            match wanted.sql_type().and_then(|wanted| detour(own, &wanted)) {
                Some(detour) => Ok(Way::By(LogicalType::describing(&detour)?)),
                None if inserts => Ok(Way::As(wanted)),
                None => Ok(Way::Own),
            }
        };
        self.types.iter().enumerate().map(way).collect()
    }

    fn bind(&self, prepared: &Prepared, row: usize, ways: &[Way]) -> Result<()> {
        let rows = self.rows.slice(row, 1);
        let chunk = self.writer.chunk(&rows)?;
        for (index, own) in self.described.iter().enumerate() {
            let way = ways.get(index).unwrap_or(&Way::Own);
            let bound_as = if let Way::By(detour) = way { detour } else { own };
            let mut value = chunk.value(prepared, index, 0, bound_as).map_err(|failure| {
                let mut error = Error::from(failure);
                error.message = format!("parameter {}: {}", index + 1, error.message);
                error
            })?;
            if let Way::As(wanted) = way
                && let Some(cast) = value.cast(prepared, wanted)
            {
                value = cast;
            }
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
        Ok(Self { batches, ways: Arc::default(), batch: 0, row: 0 })
    }

    /// How many rows there are in all.
    pub(super) fn len(&self) -> usize {
        self.batches.iter().map(|batch| batch.rows.num_rows()).sum()
    }

    /// How much memory they take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.batches.iter().map(|batch| batch.rows.get_array_memory_size()).sum()
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
        self.ways = self.batches.iter().map(|batch| batch.ways(prepared)).collect::<Result<_>>()?;
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
        batch.bind(prepared, self.row, self.ways.get(self.batch).map_or(&[], Vec::as_slice))?;
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
