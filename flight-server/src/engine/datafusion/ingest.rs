//! Rows that a client uploads, put into a table in memory: all of them or none.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, TableReference};
use datafusion::logical_expr::Expr;
use futures::StreamExt;
use typemap::ingest::Ingest as Converter;

use super::catalog::Relation;
use super::definition::Target;
use super::errors::{failed, not_carried};
use super::lane::Lane;
use super::query;
use super::table::{Gathered, MemoryTable};
use crate::engine::{Ingest, IngestMode, Ingested, cannot};
use crate::error::{Error, Result};

/// Writes the rows.
///
/// # Errors
/// `42P07` when the table is there and must not be, `42P01` when it is not and must be, `42703` for a column that it does
/// not have; those of the rows.
pub(super) async fn ingest(lane: &mut Lane, mut rows: Ingest) -> Result<Ingested> {
    let state = lane.context.state();
    let here = query::location(&state);
    let reference = TableReference::full(
        rows.table.catalog.clone().unwrap_or(here.catalog),
        rows.table.schema.clone().unwrap_or(here.schema),
        rows.table.name.clone(),
    );
    let target = Target::of(&state, lane.catalogs.own(), &reference)?;
    let name = &rows.table.name;
    let before = target.get();
    let existing = match (&before, rows.mode) {
        (Some(_), IngestMode::Create) => {
            return Err(failed("42P07", format!("the table \"{name}\" is there already; append to it, or replace it")));
        }
        (None, IngestMode::Append) => {
            return Err(failed("42P01", format!("there is no table \"{name}\" to append to; create it")));
        }
        (Some(Relation::Memory(table)), IngestMode::Append | IngestMode::CreateAppend) => Some(Arc::clone(table)),
        (Some(_), IngestMode::Append | IngestMode::CreateAppend) => {
            return Err(cannot(super::NAME, &format!("append rows to \"{name}\", which is no table in memory")));
        }
        _ => None,
    };
    let converter = Converter::new(&rows.schema).map_err(|error| not_carried(&error))?;
    let pool = &state.runtime_env().memory_pool;
    let table = match &existing {
        Some(table) => Arc::clone(table),
        None => Arc::new(MemoryTable::new(name, nullable(converter.schema()), rows.table.temporary, pool)),
    };
    let layout = Layout::of(&table, converter.schema(), name)?;
    let mut gathered = Gathered::new(pool);
    while let Some(batch) = rows.batches.next().await {
        let batch = converter.convert(&batch?).map_err(|error| not_carried(&error))?;
        gathered.push(layout.arrange(&batch)?)?;
    }
    let written = table.rows().append(gathered)?;
    if existing.is_none() {
        lane.noted.extend(target.unkept(before.as_ref()));
        target.schema.put(name, Relation::Memory(table));
    }
    Ok(Ingested { rows: written, state: std::mem::take(&mut lane.noted) })
}

fn nullable(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
}

/// Where each column of a table comes from.
struct Layout {
    schema: SchemaRef,
    columns: Vec<Origin>,
}

enum Origin {
    /// A column of what is uploaded.
    Uploaded(usize),
    /// The same value in every row.
    Value(datafusion::common::ScalarValue),
    /// No value.
    Null,
}

impl Layout {
    fn of(table: &MemoryTable, uploaded: &SchemaRef, name: &str) -> Result<Self> {
        let schema = table.schema();
        let find = |schema: &SchemaRef, wanted: &str| {
            let fields = schema.fields();
            let exact = fields.iter().position(|field| field.name() == wanted);
            exact.or_else(|| fields.iter().position(|field| field.name().eq_ignore_ascii_case(wanted)))
        };
        for (index, field) in uploaded.fields().iter().enumerate() {
            let twin = uploaded.fields().iter().take(index).find(|twin| twin.name().eq_ignore_ascii_case(field.name()));
            if twin.is_some() {
                return Err(failed(
                    "42701",
                    format!("the rows have two columns named \"{}\"; name each once", field.name()),
                ));
            }
            if find(&schema, field.name()).is_none() {
                return Err(failed("42703", format!("the table \"{name}\" has no column \"{}\"", field.name())));
            }
        }
        let columns = schema.fields().iter().map(|field| match find(uploaded, field.name()) {
            Some(index) => Ok(Origin::Uploaded(index)),
            None => match table.get_column_default(field.name()) {
                Some(Expr::Literal(value, _)) => Ok(Origin::Value(value.clone())),
                Some(_) => Err(cannot(super::NAME, "leave out a column whose default is computed")),
                None => Ok(Origin::Null),
            },
        });
        Ok(Self { columns: columns.collect::<Result<_>>()?, schema })
    }

    /// The rows as the table has them.
    fn arrange(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let options = CastOptions { safe: false, ..CastOptions::default() };
        let columns = self.columns.iter().zip(self.schema.fields()).map(|(origin, field)| {
            let column: ArrayRef = match origin {
                Origin::Uploaded(index) => Arc::clone(batch.column(*index)),
                Origin::Value(value) => value.to_array_of_size(rows)?,
                Origin::Null => new_null_array(field.data_type(), rows),
            };
            if column.null_count() > 0 && !field.is_nullable() {
                return Err(failed(
                    "23502",
                    format!("column \"{}\" is NOT NULL, and a row has no value", field.name()),
                ));
            }
            cast_with_options(&column, field.data_type(), &options).map_err(of_arrow)
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).map_err(of_arrow)
    }
}

fn of_arrow(error: arrow::error::ArrowError) -> Error {
    DataFusionError::from(error).into()
}
