//! Values for a statement's parameters.

use std::collections::HashMap;

use arrow::array::RecordBatch;
use arrow::compute::CastOptions;
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::metadata::{FieldMetadata, ScalarAndMetadata};
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::logical_expr::LogicalPlan;
use typemap::ingest::Ingest;
use typemap::normalise::engine_type;
use typemap::wire::{WireOptions, wire_field};

use super::errors::{failed, not_carried};
use super::text::Piece;
use crate::error::Result;

/// Rows of parameters, one execution each.
#[derive(Debug)]
pub(super) struct ParameterRows {
    batches: Vec<RecordBatch>,
    batch: usize,
    row: usize,
}

impl ParameterRows {
    /// The rows of these batches; batches without columns or rows count for nothing.
    pub(super) fn new(batches: &[RecordBatch]) -> Result<Self> {
        let batches = batches.iter().filter(|batch| batch.num_columns() > 0 && batch.num_rows() > 0);
        let converted = batches.map(|batch| {
            let ingest = Ingest::new(&batch.schema()).map_err(|error| not_carried(&error))?;
            ingest.convert(batch).map_err(|error| not_carried(&error))
        });
        Ok(Self { batches: converted.collect::<Result<_>>()?, batch: 0, row: 0 })
    }

    /// How many rows there are in all.
    pub(super) fn len(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The values of the next row; `None` when no row is left.
    pub(super) fn next(&mut self) -> Result<Option<Vec<ScalarAndMetadata>>> {
        let Some(batch) = self.batches.get(self.batch) else { return Ok(None) };
        let schema = batch.schema();
        let values = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
            let value = ScalarValue::try_from_array(column, self.row)?;
            Ok(ScalarAndMetadata::new(value, Some(FieldMetadata::from(field.as_ref()))))
        });
        let values = values.collect::<Result<Vec<_>>>()?;
        self.row += 1;
        if self.row == batch.num_rows() {
            self.batch += 1;
            self.row = 0;
        }
        Ok(Some(values))
    }
}

/// The plan with these values in place of its parameters. `exactly` makes each the type that the plan expects there,
/// which rows for a table must have; elsewhere numbers are compared as they are.
///
/// # Errors
/// 07001 when there are more or fewer than parameters, 22P02 or 22003 for a value that is none of its type.
pub(super) fn bind(
    plan: LogicalPlan,
    piece: &Piece,
    values: Vec<ScalarAndMetadata>,
    exactly: bool,
) -> Result<LogicalPlan> {
    let (wanted, given) = (piece.parameters.len(), values.len());
    if wanted != given {
        return Err(failed(
            "07001",
            format!("the statement has {wanted} parameters and was given {given}: bind one value for each"),
        ));
    }
    if wanted == 0 {
        return Ok(plan);
    }
    let expected = plan.get_parameter_fields()?;
    let values = piece.parameters.iter().zip(values).map(|(id, value)| {
        let ty = expected.get(id).and_then(|field| field.as_ref().map(|field| field.data_type()));
        Ok((id.trim_start_matches('$').to_owned(), of_type(value, ty, exactly)?))
    });
    let values: HashMap<String, ScalarAndMetadata> = values.collect::<Result<_>>()?;
    Ok(plan.with_param_values(ParamValues::Map(values))?)
}

fn of_type(value: ScalarAndMetadata, ty: Option<&DataType>, exactly: bool) -> Result<ScalarAndMetadata> {
    let given = value.value.data_type();
    match ty {
        Some(ty) if *ty != given && (exactly || given == DataType::Utf8 || given == DataType::Null) => {
            let options = CastOptions { safe: false, ..CastOptions::default() };
            Ok(ScalarAndMetadata::new(value.value.cast_to_with_options(ty, &options)?, None))
        }
        _ => Ok(value),
    }
}

/// One field a parameter, in order; nullable Utf8 where the type can't be told.
pub(super) fn schema(plan: &LogicalPlan, piece: &Piece) -> Schema {
    let expected = plan.get_parameter_fields().unwrap_or_default();
    let field = |id: &String| field(id.trim_start_matches('$'), expected.get(id).and_then(Option::as_ref));
    Schema::new(piece.parameters.iter().map(field).collect::<Vec<_>>())
}

fn field(name: &str, expected: Option<&FieldRef>) -> Field {
    expected
        .filter(|field| field.data_type() != &DataType::Null)
        .and_then(|field| engine_type(field).ok())
        .and_then(|ty| wire_field(name, &ty, true, &WireOptions::default()).ok())
        .unwrap_or_else(|| Field::new(name, DataType::Utf8, true))
}
