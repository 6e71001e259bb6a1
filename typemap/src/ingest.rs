//! The values clients send, to be ingested or bound, in the wire layout of their SQL types.

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};

use crate::SqlType;
use crate::arrow_to_sql::sql_type_of;
use crate::normalise::{NormaliseError, Normaliser, Rules, types_of};
use crate::wire::{Infinity, WireOptions};

/// How the batches a client sends become batches in the wire layout of the SQL types that
/// [`sql_type_of`](crate::arrow_to_sql::sql_type_of) gives, so that an engine needs to read these layouts alone.
///
/// Views, dictionaries, run-end encodings and types with wide offsets are unpacked, dense unions become sparse, and every
/// value is checked to be one that its SQL type can hold: nothing is rounded, cut or replaced. Besides what
/// [`Normaliser`] refuses, these are refused here:
///
/// - infinite dates and timestamps (the greatest integer and its negative), always: to the client they are times,
/// - nanoseconds of an interval or a duration that are not whole microseconds,
/// - times outside 00:00:00 to 24:00:00,
/// - maps with a null key, or with the same key twice.
///
/// Not checked is what only an engine can tell: whether a JSON document is one, or a geometry.
#[derive(Debug, Clone)]
pub struct Ingest(Normaliser);

impl Ingest {
    /// Plans for batches of the schema `source`.
    ///
    /// # Errors
    ///
    /// No SQL type holds a column's values.
    pub fn new(source: &Schema) -> Result<Ingest, NormaliseError> {
        let types = types_of(source, sql_type_of)?;
        let rules = Rules { infinity: Infinity::Error, ingest: true };
        Ok(Ingest(Normaliser::planned(source, types, &WireOptions::default(), rules)?))
    }

    /// The SQL types of the columns.
    pub fn types(&self) -> &[SqlType] {
        self.0.types()
    }

    /// The schema of every batch [`convert`](Ingest::convert) gives.
    pub fn schema(&self) -> &SchemaRef {
        self.0.schema()
    }

    /// A batch in wire layout with the values of `batch`.
    ///
    /// # Errors
    ///
    /// A value is none of its SQL type, or the batch is not one of the schema that was planned for.
    pub fn convert(&self, batch: &RecordBatch) -> Result<RecordBatch, NormaliseError> {
        self.0.normalise(batch)
    }
}
