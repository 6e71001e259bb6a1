//! Rows that DuckDB still computes, batch by batch.
//!
//! They come in one of two ways. Through a *gate*, DuckDB's threads put each chunk's rows into the outgoing batch where they
//! are. Through a *stream*, DuckDB copies each chunk into a buffer of its own first; that is kept for plans whose rows are
//! computed in parallel and put in order, and for nested values.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parking_lot::Mutex;
use typemap::wire::WireOptions;

use super::bind::ParameterRows;
use super::convert::{Assembler, ResultShape};
use super::errors;
use super::ffi::{self, Chunk, Gate, Prepared, QueryResult, Ran, Receiver};
use crate::engine::Cut;
use crate::error::{Error, ErrorCode, Result};

/// Rows that DuckDB still computes.
pub(super) struct Live {
    /// Kept while its rows are read; executed again for each further row of parameters.
    prepared: Prepared,
    parameters: ParameterRows,
    cut: Cut,
    options: WireOptions,
    schema: SchemaRef,
    source: Source,
    left: Arc<AtomicBool>,
}

impl Live {
    /// Executes `prepared` with the values that are bound to it, and again with each of `parameters` that are left.
    pub(super) fn execute(
        prepared: Prepared,
        parameters: ParameterRows,
        cut: Cut,
        options: WireOptions,
    ) -> Result<Self> {
        let (source, schema) = Source::execute(&prepared, cut, &options)?;
        Ok(Self { prepared, parameters, cut, options, schema, source, left: Arc::default() })
    }

    /// What ends it, without harm to the transaction it is in, when its reader has left.
    pub(super) fn left(&self) -> &Arc<AtomicBool> {
        &self.left
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Whether the last batch was taken.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.source, Source::Ended) && self.parameters.is_empty()
    }

    /// The next batch, or `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.source.next(&self.left)? {
                return Ok(Some(batch));
            }
            if !self.parameters.bind_next(&self.prepared)? {
                return Ok(None);
            }
            let (source, schema) = Source::execute(&self.prepared, self.cut, &self.options)?;
            if schema != self.schema {
                return Err(Error::new(
                    ErrorCode::TypeUnsupported,
                    "a later row of parameters gives columns of other types than the first one; cast the parameters",
                ));
            }
            self.source = source;
        }
    }
}

/// One execution.
enum Source {
    Gate { gate: Gate<Arc<Mutex<Gathered>>>, gathered: Arc<Mutex<Gathered>> },
    Stream { result: Box<QueryResult>, assembler: Box<Assembler>, chunk: Option<(Chunk, usize)> },
    Ended,
}

impl Source {
    fn execute(prepared: &Prepared, cut: Cut, options: &WireOptions) -> Result<(Self, SchemaRef)> {
        let columns = prepared.columns();
        // Without values for its parameters a statement may not know its columns; its result does.
        if columns.iter().all(|(_, ty)| ty.sql_type().is_some()) {
            let shape = ResultShape::of(&columns, options)?;
            if shape.is_flat() && ffi::fits(prepared) {
                let schema = Arc::clone(&shape.schema);
                let gathered = Arc::new(Mutex::new(Gathered::new(Assembler::new(shape, cut)?)));
                let gate = Gate::open(prepared, Arc::clone(&gathered))?;
                return Ok((Self::Gate { gate, gathered }, schema));
            }
        }
        let mut result = prepared.execute()?;
        let assembler = Assembler::new(ResultShape::of(&result.columns(), options)?, cut)?;
        let schema = Arc::clone(assembler.schema());
        Ok((Self::Stream { result: Box::new(result), assembler: Box::new(assembler), chunk: None }, schema))
    }

    /// The next batch. The last one ends the execution: DuckDB fails whoever asks on.
    fn next(&mut self, left: &AtomicBool) -> Result<Option<RecordBatch>> {
        let (batch, has_more) = match self {
            Self::Ended => return Ok(None),
            Self::Gate { gate, gathered } => match gate.run(left) {
                Ok(Ran::Left) => return Err(errors::cancelled()),
                Ok(Ran::Ready) => (gathered.lock().ready.take(), true),
                Ok(Ran::Ended) => (gathered.lock().assembler.finish()?, false),
                Err(failure) => return Err(gathered.lock().failure.take().unwrap_or_else(|| Error::from(failure))),
            },
            Self::Stream { result, assembler, chunk } => next_of_stream(result, assembler, chunk, left)?,
        };
        if !has_more {
            *self = Self::Ended;
        }
        Ok(batch)
    }
}

fn next_of_stream(
    result: &mut QueryResult,
    assembler: &mut Assembler,
    rest: &mut Option<(Chunk, usize)>,
    left: &AtomicBool,
) -> Result<(Option<RecordBatch>, bool)> {
    loop {
        let (chunk, taken) = match rest.take() {
            Some(rest) => rest,
            None if !result.run(left)? => return Err(errors::cancelled()),
            None => match result.fetch()? {
                Some(chunk) => (assembler.readable(chunk)?, 0),
                None => return Ok((assembler.finish()?, false)),
            },
        };
        let taken = taken + assembler.fill(&chunk, taken)?;
        if taken < chunk.len() {
            *rest = Some((chunk, taken));
            return Ok((assembler.finish()?, true));
        }
    }
}

/// What came through a gate.
struct Gathered {
    assembler: Assembler,
    /// A full batch. Until it is fetched, nothing more is taken.
    ready: Option<RecordBatch>,
    /// Why no more rows can be taken.
    failure: Option<Error>,
}

impl Gathered {
    fn new(assembler: Assembler) -> Self {
        Self { assembler, ready: None, failure: None }
    }

    fn take(&mut self, chunk: &Chunk, offset: usize) -> Result<usize> {
        if self.ready.is_some() {
            return Ok(0);
        }
        let taken = self.assembler.fill(chunk, offset)?;
        if offset + taken < chunk.len() {
            self.ready = self.assembler.finish()?;
        }
        Ok(taken)
    }
}

impl Receiver for Arc<Mutex<Gathered>> {
    fn take(&mut self, chunk: &Chunk, offset: usize) -> Option<usize> {
        let mut gathered = self.lock();
        match gathered.take(chunk, offset) {
            Ok(taken) => Some(taken),
            Err(error) => {
                gathered.failure = Some(error);
                None
            }
        }
    }

    fn is_ready(&self) -> bool {
        self.lock().ready.is_some()
    }
}
