//! Brings the batches of an engine that thinks in Arrow to the wire schema of their SQL types.
//!
//! A [`Normaliser`] is planned once a result and used for each of its batches. Columns that are as the wire wants them
//! are passed through untouched; of the others no more is rebuilt than differs, down to a single child field whose
//! metadata alone is new. A value that its wire type cannot carry is an error, never a null and never another value;
//! only values that can be seen count: what lies under a null, or outside a slice, raises nothing.
//!
//! Some columns whose Arrow type is right already are still read, because Arrow's type admits values that the SQL type
//! does not:
//!
//! - `HUGEINT` and decimals of 38 digits: 128 bits hold some numbers of 39 digits, and sums and products in 128 bits
//!   end there without notice. (`UHUGEINT`, and `HUGEINT` in 256 bits, alike.)
//! - Dates and timestamps: the greatest integer and its negative are ±infinity, in every unit, and the least integer is
//!   no time at all. To Arrow they are times in the year 294247, or 2262 for nanoseconds; but files written by an
//!   engine that has infinities hold them under these very integers, an Arrow engine hands them on unseen, and the same
//!   query must not mean one thing on one engine and another on the other.

mod check;
mod encoded;
mod engine_type;
mod error;
mod gather;
mod list;
mod live;
mod map;
mod node;
mod number;
mod plan;
mod temporal;
mod text;
mod union;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

pub use engine_type::engine_type;
pub(crate) use engine_type::named;
pub use error::{NormaliseError, Problem};
use node::Node;
pub(crate) use plan::Rules;

use crate::wire::{Infinity, WireOptions, wire_field};
use crate::{SqlType, TypeError, ValueError};

/// How the batches of one result become batches of its wire schema.
#[derive(Debug, Clone)]
pub struct Normaliser {
    columns: Arc<[Column]>,
    types: Arc<[SqlType]>,
    schema: SchemaRef,
    rules: Rules,
}

#[derive(Debug)]
struct Column {
    source: DataType,
    plan: Node,
}

impl Normaliser {
    /// Plans for batches of the schema `source`. The SQL type of each column is that of [`engine_type`].
    ///
    /// A column that may not be null by `source` may not be null on the wire, unless it is a date or timestamp whose
    /// infinities are to become nulls.
    ///
    /// # Errors
    ///
    /// A column's type has no faithful counterpart.
    pub fn new(source: &Schema, options: &WireOptions) -> Result<Normaliser, NormaliseError> {
        let types = types_of(source, engine_type)?;
        Normaliser::planned(source, types, options, Rules { infinity: options.infinity, ingest: false })
    }

    /// Plans for batches of the schema `source` whose columns have the SQL types `types`, one each.
    ///
    /// The Arrow type need not be the one the wire wants, if the values can be carried over: numbers to any type of
    /// numbers, checked one by one; timestamps and times of day to any unit, if nothing is lost.
    ///
    /// # Errors
    ///
    /// There are more or fewer types than columns, or a column's values are not those of its SQL type.
    pub fn with_types(source: &Schema, types: &[SqlType], options: &WireOptions) -> Result<Normaliser, NormaliseError> {
        Normaliser::planned(source, types.to_vec(), options, Rules { infinity: options.infinity, ingest: false })
    }

    pub(crate) fn planned(
        source: &Schema,
        types: Vec<SqlType>,
        options: &WireOptions,
        rules: Rules,
    ) -> Result<Normaliser, NormaliseError> {
        if source.fields().len() != types.len() {
            return Err(TypeError::Columns { expected: types.len(), found: source.fields().len() }.into());
        }
        let mut columns = Vec::with_capacity(types.len());
        let mut fields = Vec::with_capacity(types.len());
        for (field, ty) in source.fields().iter().zip(&types) {
            let (column, wire) = column(field, ty, options, &rules).map_err(|error| error.in_column(field.name()))?;
            columns.push(column);
            fields.push(wire);
        }
        let schema = Arc::new(Schema::new_with_metadata(fields, source.metadata().clone()));
        Ok(Normaliser { columns: columns.into(), types: types.into(), schema, rules })
    }

    /// The wire schema: that of every batch [`normalise`](Normaliser::normalise) gives.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The SQL types of the columns.
    pub fn types(&self) -> &[SqlType] {
        &self.types
    }

    /// Whether nothing but the schema changes: no array is even read. It does not hold where values must be checked,
    /// though a batch that passes the check keeps its arrays.
    pub fn is_identity(&self) -> bool {
        self.columns.iter().all(|column| column.plan.is_same())
    }

    /// A batch of the wire schema with the values of `batch`.
    ///
    /// A column that is laid out otherwise than was planned, as happens below the top where engines do not keep to
    /// their schemas, is planned anew for this batch.
    ///
    /// # Errors
    ///
    /// A value cannot be carried, or the batch is not one of the schema that was planned for.
    pub fn normalise(&self, batch: &RecordBatch) -> Result<RecordBatch, NormaliseError> {
        if batch.num_columns() != self.columns.len() {
            let (expected, found) = (self.columns.len(), batch.num_columns());
            return Err(TypeError::Columns { expected, found }.into());
        }
        let mut columns = Vec::with_capacity(self.columns.len());
        for (index, array) in batch.columns().iter().enumerate() {
            let field = self.schema.field(index);
            columns.push(self.array(index, field, array).map_err(|error| error.in_column(field.name()))?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|error| ValueError::Array { problem: error.to_string() }.into())
    }

    fn array(&self, index: usize, field: &Field, array: &ArrayRef) -> Result<ArrayRef, NormaliseError> {
        let (Some(column), Some(ty)) = (self.columns.get(index), self.types.get(index)) else {
            return Err(TypeError::Columns { expected: self.columns.len(), found: index + 1 }.into());
        };
        let converted = if column.source == *array.data_type() {
            column.plan.convert(array, None)?
        } else {
            Node::plan(array.data_type(), ty, field.data_type(), &self.rules)?.convert(array, None)?
        };
        let converted = converted.unwrap_or_else(|| array.clone());
        if !field.is_nullable() && converted.null_count() > 0 {
            return Err(ValueError::UnexpectedNull.into());
        }
        Ok(converted)
    }
}

/// The SQL type of every column by the rule `of`.
pub(crate) fn types_of(
    source: &Schema,
    of: impl Fn(&Field) -> Result<SqlType, TypeError>,
) -> Result<Vec<SqlType>, NormaliseError> {
    let of_field = |field: &Arc<Field>| of(field).map_err(|error| NormaliseError::from(error).in_column(field.name()));
    source.fields().iter().map(of_field).collect()
}

fn column(
    field: &Field,
    ty: &SqlType,
    options: &WireOptions,
    rules: &Rules,
) -> Result<(Column, Field), NormaliseError> {
    let infinite = rules.infinity == Infinity::Null && has_infinities(ty);
    let wire = wire_field(field.name(), ty, field.is_nullable() || infinite, options)?;
    let plan = Node::plan(field.data_type(), ty, wire.data_type(), rules)?;
    Ok((Column { source: field.data_type().clone(), plan }, wire))
}

fn has_infinities(ty: &SqlType) -> bool {
    matches!(
        ty.without_alias(),
        SqlType::Date
            | SqlType::Timestamp
            | SqlType::TimestampS
            | SqlType::TimestampMs
            | SqlType::TimestampNs
            | SqlType::TimestampTz
    )
}
