//! DuckDB's vectors into Arrow batches in wire types, each value copied once.
//!
//! [`Assembler`] gathers rows until the batch is to be cut; [`column`] knows how each type is copied.

mod column;
mod fixed;
mod nested;
mod nulls;
mod part;
mod text;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use typemap::SqlType;
use typemap::wire::{WireOptions, wire_field};

use self::column::{Column, ConvertError};
use self::part::part_of;
use super::ffi::{Chunk, LogicalType};
use crate::engine::Cut;
use crate::error::{Error, ErrorCode, Result};

/// The columns of a result, by name and SQL type.
#[derive(Debug, Clone)]
pub(super) struct ResultShape {
    types: Vec<SqlType>,
    /// The schema of its batches on the wire.
    pub(super) schema: SchemaRef,
    options: WireOptions,
}

impl ResultShape {
    /// The shape of a result with these columns.
    ///
    /// # Errors
    /// TYPE_UNSUPPORTED, naming the column whose type can't be carried.
    pub(super) fn of(columns: &[(String, LogicalType)], options: &WireOptions) -> Result<Self> {
        let mut types = Vec::with_capacity(columns.len());
        let mut fields: Vec<Field> = Vec::with_capacity(columns.len());
        for (name, ty) in columns {
            let ty = ty.sql_type().ok_or_else(|| {
                Error::new(ErrorCode::TypeUnsupported, format!("the type of column \"{name}\" is not known; cast it"))
            })?;
            fields.push(wire_field(name, &ty, true, options).map_err(|error| unsupported(name, &error))?);
            types.push(ty);
        }
        Ok(Self { types, schema: Arc::new(Schema::new(fields)), options: *options })
    }

    /// Whether no column is a list, a struct or the like, within which DuckDB may keep values in more than one layout.
    pub(super) fn is_flat(&self) -> bool {
        self.types.iter().all(|ty| {
            !matches!(
                ty.without_alias(),
                SqlType::List(_)
                    | SqlType::Array(..)
                    | SqlType::Struct(_)
                    | SqlType::Map(..)
                    | SqlType::Union(_)
                    | SqlType::Variant
            )
        })
    }
}

/// Whether values of this type are, or hold, VARIANT values.
fn has_variants(ty: &SqlType) -> bool {
    match ty {
        SqlType::Variant => true,
        SqlType::Alias { base: inner, .. } | SqlType::List(inner) | SqlType::Array(inner, _) => has_variants(inner),
        SqlType::Map(key, value) => has_variants(key) || has_variants(value),
        SqlType::Struct(members) | SqlType::Union(members) => members.iter().any(|(_, ty)| has_variants(ty)),
        _ => false,
    }
}

fn unsupported(column: &str, error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorCode::TypeUnsupported, format!("column \"{column}\": {error}"))
}

/// Gathers rows into batches, cut by a rule that depends on the rows alone.
pub(super) struct Assembler {
    shape: ResultShape,
    columns: Vec<Box<dyn Column>>,
    cut: Cut,
    /// Bytes that every row has.
    row_width: usize,
    rows: usize,
    bytes: usize,
    /// Bytes of each row of the chunk at hand beyond `row_width`.
    lengths: Vec<usize>,
    has_variants: bool,
}

impl Assembler {
    pub(super) fn new(shape: ResultShape, cut: Cut) -> Result<Self> {
        let columns = shape
            .types
            .iter()
            .zip(shape.schema.fields())
            .map(|(ty, field)| {
                column::column(ty, field.data_type(), &shape.options).map_err(|error| unsupported(field.name(), &error))
            })
            .collect::<Result<Vec<_>>>()?;
        let has_variants = shape.types.iter().any(has_variants);
        let row_width = columns.iter().map(|column| column.width()).sum();
        Ok(Self { shape, columns, cut, row_width, rows: 0, bytes: 0, lengths: Vec::new(), has_variants })
    }

    /// Bytes that every row has, about.
    pub(super) fn row_width(&self) -> usize {
        self.row_width
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.shape.schema
    }

    /// A chunk of the result as [`Self::fill`] reads it.
    ///
    /// # Errors
    /// When a VARIANT value can't be written as JSON.
    pub(super) fn readable(&self, chunk: Chunk) -> Result<Chunk> {
        if self.has_variants { Ok(chunk.variants_as_json()?) } else { Ok(chunk) }
    }

    /// Takes rows of `chunk` from `start` on, as many as the batch still takes, and tells how many; fewer than there
    /// are means that the batch is full.
    pub(super) fn fill(&mut self, chunk: &Chunk, start: usize) -> Result<usize> {
        let mut lengths = std::mem::take(&mut self.lengths);
        self.measure(chunk, start, &mut lengths)?;
        let taken = self.admit(chunk.len() - start, &lengths);
        self.lengths = lengths;
        if taken > 0 {
            self.append(chunk, start..start + taken)?;
        }
        Ok(taken)
    }

    /// Takes all rows of `chunk`; batches that are full by then go to `full`.
    pub(super) fn fill_all(&mut self, chunk: &Chunk, full: &mut Vec<RecordBatch>) -> Result<()> {
        let mut taken = 0;
        while taken < chunk.len() {
            taken += self.fill(chunk, taken)?;
            if taken < chunk.len() {
                full.extend(self.finish()?);
            }
        }
        Ok(())
    }

    /// The bytes of each row that [`Self::fill`] took last, beyond those that every row has; none when no column varies.
    pub(super) fn taken_lengths(&self, taken: usize) -> &[usize] {
        &self.lengths[..taken.min(self.lengths.len())]
    }

    /// Takes rows of a batch that another assembler of this shape has made, from `start` on, with their lengths; as many as the
    /// batch still takes, and tells how many.
    pub(super) fn fill_again(&mut self, made: &RecordBatch, start: usize, lengths: &[usize]) -> Result<usize> {
        let taken = self.admit(made.num_rows() - start, lengths);
        if taken > 0 {
            let rows = start..start + taken;
            for ((column, array), field) in self.columns.iter_mut().zip(made.columns()).zip(self.shape.schema.fields())
            {
                column.append_made(array, rows.clone()).map_err(|error| out_of_range(field.name(), &error))?;
            }
        }
        Ok(taken)
    }

    /// The next whole batch, if it lies within a batch that another assembler of this shape has made, from `start` on: it stays where
    /// it is. None where rows were gathered before it.
    pub(super) fn cut_out(
        &mut self,
        made: &RecordBatch,
        start: usize,
        lengths: &[usize],
    ) -> Result<Option<RecordBatch>> {
        if self.rows > 0 {
            return Ok(None);
        }
        let taken = self.admit(made.num_rows() - start, lengths);
        (self.rows, self.bytes) = (0, 0);
        if start + taken == made.num_rows() {
            return Ok(None);
        }
        let rows = start..start + taken;
        let Some(columns) = made.columns().iter().map(|array| part_of(array, &rows)).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let options = RecordBatchOptions::new().with_row_count(Some(taken));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.shape.schema), columns, &options);
        batch.map(Some).map_err(Error::internal)
    }

    /// The bytes of each row from `start` on beyond those that every row has; none when no column varies.
    fn measure(&self, chunk: &Chunk, start: usize, lengths: &mut Vec<usize>) -> Result<()> {
        lengths.clear();
        for (index, column) in self.columns.iter().enumerate().filter(|(_, column)| column.varies()) {
            lengths.resize(chunk.len() - start, 0);
            let vector = chunk.column(index).ok_or_else(missing_column)?;
            column.add_lengths(&vector, start..chunk.len(), lengths);
        }
        Ok(())
    }

    /// How many of so many rows of these lengths, which are none when no column varies, the batch still takes. They are counted as
    /// taken.
    fn admit(&mut self, rows: usize, lengths: &[usize]) -> usize {
        let room = self.cut.rows.saturating_sub(self.rows).min(rows);
        let taken = match lengths.is_empty() {
            true => self.admit_alike(room),
            false => self.admit_one_by_one(&lengths[..room]),
        };
        self.rows += taken;
        taken
    }

    fn admit_alike(&mut self, room: usize) -> usize {
        let by_bytes = self.cut.bytes.saturating_sub(self.bytes).checked_div(self.row_width).unwrap_or(room);
        // A row that is larger than a whole batch gets one of its own.
        let least = usize::from(self.rows == 0).min(room);
        let taken = by_bytes.clamp(least, room);
        self.bytes += taken * self.row_width;
        taken
    }

    fn admit_one_by_one(&mut self, lengths: &[usize]) -> usize {
        let mut taken = 0;
        for length in lengths {
            let bytes = self.row_width + length;
            let is_first = self.rows + taken == 0;
            if self.bytes + bytes > self.cut.bytes && !is_first {
                break;
            }
            self.bytes += bytes;
            taken += 1;
        }
        taken
    }

    fn append(&mut self, chunk: &Chunk, rows: Range<usize>) -> Result<()> {
        for (index, column) in self.columns.iter_mut().enumerate() {
            let vector = chunk.column(index).ok_or_else(missing_column)?;
            column
                .append(&vector, rows.clone())
                .map_err(|error| out_of_range(self.shape.schema.field(index).name(), &error))?;
        }
        Ok(())
    }

    /// The batch gathered so far, or `None` when there are no rows in it.
    pub(super) fn finish(&mut self) -> Result<Option<RecordBatch>> {
        if self.rows == 0 {
            return Ok(None);
        }
        let arrays = self
            .columns
            .iter_mut()
            .zip(self.shape.schema.fields())
            .map(|(column, field)| column.finish().map_err(|error| unsupported(field.name(), &error)))
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.shape.schema), arrays, &options)
            .map_err(Error::internal)?;
        self.rows = 0;
        self.bytes = 0;
        Ok(Some(batch))
    }
}

fn missing_column() -> Error {
    Error::internal("the engine returned a chunk with fewer columns than its result")
}

fn out_of_range(column: &str, error: &ConvertError) -> Error {
    Error::new(ErrorCode::ValueOutOfRange, format!("column \"{column}\": {error}"))
}
