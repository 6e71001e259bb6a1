//! Arrow batches in wire layout into DuckDB's vectors: the way back of `convert`.
//!
//! Values are written as their type's *carrier*: the type itself, or text, which DuckDB then casts, where its layout is its own
//! (BIT, BIGNUM, …) or where not every text is a value (JSON).

mod nested;
mod scalar;

use std::ops::Range;

use arrow::array::{Array, RecordBatch};
use arrow::buffer::NullBuffer;
use typemap::SqlType;

use super::ffi::{LogicalType, WritableChunk, WritableVector};
use crate::error::{Error, Result};

/// Writes batches whose columns have certain SQL types.
pub(super) struct Writer {
    carriers: Vec<SqlType>,
    described: Vec<LogicalType>,
}

impl Writer {
    /// What writes columns of these types.
    ///
    /// # Errors
    /// For a type that DuckDB does not have.
    pub(super) fn new(types: Vec<SqlType>) -> Result<Self> {
        let carriers: Vec<_> = types.iter().map(carrier).collect();
        let described = carriers.iter().map(LogicalType::describing).collect::<Result<_, _>>()?;
        Ok(Self { carriers, described })
    }

    /// The types in which the columns are written.
    pub(super) fn carriers(&self) -> &[SqlType] {
        &self.carriers
    }

    /// The same types, as DuckDB describes them.
    pub(super) fn described(&self) -> &[LogicalType] {
        &self.described
    }

    /// The rows of `batch`, in wire layout, as a chunk: at most [`WritableChunk::CAPACITY`] of them.
    ///
    /// # Errors
    /// For a value that DuckDB can't hold.
    pub(super) fn chunk<'data>(&self, batch: &'data RecordBatch) -> Result<WritableChunk<'data>> {
        let mut chunk = WritableChunk::new(&self.described, batch.num_rows())?;
        self.fill(batch, &mut chunk)?;
        Ok(chunk)
    }

    /// Writes the rows of `batch`, in wire layout, into a chunk of as many.
    ///
    /// # Errors
    /// For a value that DuckDB can't hold.
    pub(super) fn fill<'data>(&self, batch: &'data RecordBatch, chunk: &mut WritableChunk<'data>) -> Result<()> {
        for (index, (array, ty)) in batch.columns().iter().zip(&self.carriers).enumerate() {
            let mut vector = chunk.column(index).ok_or_else(|| misfit(ty, array))?;
            write(&mut vector, array, ty, 0..batch.num_rows(), None)?;
        }
        Ok(())
    }
}

/// The type in which values of type `ty` are written.
fn carrier(ty: &SqlType) -> SqlType {
    let boxed = |ty: &SqlType| Box::new(carrier(ty));
    let members = |members: &[(String, SqlType)]| {
        members.iter().map(|(name, ty)| (name.clone(), carrier(ty))).collect::<Vec<_>>()
    };
    match ty {
        // DuckDB has no column of that type; all its values are NULL.
        SqlType::Null => SqlType::Integer,
        SqlType::Bit | SqlType::BigNum | SqlType::TimeTz | SqlType::Enum(_) => SqlType::Varchar,
        // DuckDB looks at the text only where it casts it.
        SqlType::Json => SqlType::Varchar,
        SqlType::Variant => SqlType::Json,
        SqlType::Alias { base, .. } => carrier(base),
        SqlType::List(element) => SqlType::List(boxed(element)),
        SqlType::Array(element, size) => SqlType::Array(boxed(element), *size),
        SqlType::Map(key, value) => SqlType::Map(boxed(key), boxed(value)),
        SqlType::Struct(fields) => SqlType::Struct(members(fields)),
        SqlType::Union(fields) => SqlType::Union(members(fields)),
        other => other.clone(),
    }
}

/// Writes these rows of `array`, which is laid out as the wire type of `ty`. Those that `parent` has as NULL are NULL too.
fn write<'data>(
    vector: &mut WritableVector<'_, 'data>,
    array: &'data dyn Array,
    ty: &SqlType,
    rows: Range<usize>,
    parent: Option<&NullBuffer>,
) -> Result<()> {
    let own = array.nulls().map(|nulls| nulls.slice(rows.start, rows.len()));
    let nulls = NullBuffer::union(own.as_ref(), parent).filter(|nulls| nulls.null_count() > 0);
    match ty {
        SqlType::List(_) | SqlType::Map(..) | SqlType::Array(..) | SqlType::Struct(_) | SqlType::Union(_) => {
            nested::write(vector, array, ty, rows, nulls.as_ref())?;
        }
        _ => scalar::write(vector, array, ty, rows, nulls.as_ref())?,
    }
    if let Some(nulls) = &nulls {
        vector.set_nulls(|row| nulls.is_null(row));
    } else if array.data_type().is_null() {
        vector.set_nulls(|_| true);
    }
    Ok(())
}

/// The error for an array that is not laid out as the wire type of its SQL type.
fn misfit(ty: &SqlType, array: &dyn Array) -> Error {
    Error::internal(format!("values of Arrow type {} came to be written as {ty}", array.data_type()))
}
