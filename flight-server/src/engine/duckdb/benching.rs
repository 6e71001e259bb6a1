//! What benchmarks measure of this engine. Not part of the server.

use arrow::array::RecordBatch;
use typemap::wire::WireOptions;

use super::convert::{Assembler, ResultShape};
use super::ffi::{Chunk, Database};
use crate::engine::Cut;
use crate::error::Result;

/// The rows of a statement, as DuckDB has them.
pub struct DuckDbRows {
    shape: ResultShape,
    chunks: Vec<Chunk>,
}

impl DuckDbRows {
    /// What the statement gives in a database in memory.
    ///
    /// # Errors
    /// DuckDB's.
    pub fn of(sql: &str) -> Result<Self> {
        // One thread, so that the same rows are always in the same chunks.
        let database = Database::open(":memory:", &[("threads", "1".to_owned())])?;
        let mut result = database.connect()?.query(sql)?;
        let shape = ResultShape::of(&result.columns(), &WireOptions::default())?;
        let mut chunks = Vec::new();
        while let Some(chunk) = result.fetch()? {
            chunks.push(chunk);
        }
        Ok(Self { shape, chunks })
    }

    /// The rows as Arrow batches, cut as they are for clients.
    ///
    /// # Errors
    /// When a value has no place in its column's wire type.
    pub fn batches(&self) -> Result<Vec<RecordBatch>> {
        let mut assembler = Assembler::new(self.shape.clone(), Cut::default())?;
        let mut batches = Vec::new();
        for chunk in &self.chunks {
            assembler.fill_all(chunk, &mut batches)?;
        }
        batches.extend(assembler.finish()?);
        Ok(batches)
    }
}
