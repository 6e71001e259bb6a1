//! Rows that DuckDB still computes, batch by batch.
//!
//! They come in one of three ways. Through a *gate*, DuckDB's threads put each chunk's rows into the outgoing batch where they
//! are: one chunk after the other ([`serial`]), or in parallel, in which case they are put in order here ([`ordered`]) if they have
//! one ([`unordered`]). Through a *stream*, DuckDB copies each chunk into a buffer of its own first; that is kept for nested values.

mod ordered;
mod serial;
#[cfg(test)]
mod tests;
mod unordered;

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parking_lot::Mutex;

use self::ordered::Ordered;
use self::serial::Serial;
use self::unordered::Unordered;
use super::bind::ParameterRows;
use super::convert::{Assembler, ResultShape};
use super::errors;
use super::ffi::{self, Chunk, Fits, Gate, Prepared, QueryResult, Ran};
use super::lane::Form;
use crate::error::{Error, ErrorCode, Result};

/// How much of the parts that are ahead is put aside before their threads have to wait, in bytes.
const ASIDE: usize = 16 << 20;

/// How many full batches may wait to be fetched before the threads have to.
const FULL: usize = 4;

thread_local! {
    /// Whether this thread computes rows until there are some to be read.
    static IS_READERS: Cell<bool> = const { Cell::new(false) };
}

/// Whether whoever reads the result waits for this thread, one of those that compute it. It stops as soon as there is something to
/// be read: else it would take the next fifty chunks first, and the others would wait until there is room for more.
fn is_readers_thread() -> bool {
    IS_READERS.get()
}

/// Rows that DuckDB still computes.
pub(super) struct Live {
    /// Kept while its rows are read; executed again for each further row of parameters.
    prepared: Prepared,
    parameters: ParameterRows,
    form: Form,
    schema: SchemaRef,
    source: Source,
    left: Arc<AtomicBool>,
}

impl Live {
    /// Executes `prepared` with the values that are bound to it, and again with each of `parameters` that are left.
    pub(super) fn execute(prepared: Prepared, parameters: ParameterRows, form: Form) -> Result<Self> {
        let (source, schema) = Source::execute(&prepared, form)?;
        Ok(Self { prepared, parameters, form, schema, source, left: Arc::default() })
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
            let (source, schema) = Source::execute(&self.prepared, self.form)?;
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
    Serial { gate: Gate, serial: Arc<Mutex<Serial>> },
    Parallel { gate: Gate, parallel: Arc<dyn Parallel>, is_over: bool },
    Stream { result: Box<QueryResult>, assembler: Box<Assembler>, chunk: Option<(Chunk, usize)> },
    Ended,
}

impl Source {
    fn execute(prepared: &Prepared, form: Form) -> Result<(Self, SchemaRef)> {
        let Form { cut, in_order, options } = form;
        let columns = prepared.columns();
        // Without values for its parameters a statement may not know its columns; its result does.
        if columns.iter().all(|(_, ty)| ty.sql_type().is_some()) {
            let shape = ResultShape::of(&columns, &options)?;
            let schema = Arc::clone(&shape.schema);
            match if shape.is_flat() { ffi::fits(prepared, in_order) } else { Fits::Not } {
                Fits::Not => {}
                Fits::AsTheyCome => {
                    let serial = Arc::new(Mutex::new(Serial::new(Assembler::new(shape, cut)?)));
                    let gate = Gate::open(prepared, Arc::clone(&serial))?;
                    return Ok((Self::Serial { gate, serial }, schema));
                }
                Fits::ByParts => {
                    let ordered = Arc::new(Ordered::new(shape, cut, ASIDE)?);
                    let gate = Gate::open_parallel(prepared, Arc::clone(&ordered), true)?;
                    return Ok((Self::Parallel { gate, parallel: ordered, is_over: false }, schema));
                }
                Fits::Unordered => {
                    let unordered = Arc::new(Unordered::new(shape, cut));
                    let gate = Gate::open_parallel(prepared, Arc::clone(&unordered), false)?;
                    return Ok((Self::Parallel { gate, parallel: unordered, is_over: false }, schema));
                }
            }
        }
        let mut result = prepared.execute()?;
        let assembler = Assembler::new(ResultShape::of(&result.columns(), &options)?, cut)?;
        let schema = Arc::clone(assembler.schema());
        Ok((Self::Stream { result: Box::new(result), assembler: Box::new(assembler), chunk: None }, schema))
    }

    /// The next batch. The last one ends the execution: DuckDB fails whoever asks on.
    fn next(&mut self, left: &AtomicBool) -> Result<Option<RecordBatch>> {
        let (batch, has_more) = match self {
            Self::Ended => return Ok(None),
            Self::Serial { gate, serial } => match gate.run(left) {
                Ok(Ran::Left) => return Err(errors::cancelled()),
                Ok(Ran::Ready) => (serial.lock().take_ready(), true),
                Ok(Ran::Ended) => (serial.lock().take_rest()?, false),
                Err(failure) => return Err(serial.lock().take_failure().unwrap_or_else(|| Error::from(failure))),
            },
            Self::Parallel { gate, parallel, is_over } => next_in_parallel(gate, &**parallel, is_over, left)?,
            Self::Stream { result, assembler, chunk } => next_of_stream(result, assembler, chunk, left)?,
        };
        if !has_more {
            *self = Self::Ended;
        }
        Ok(batch)
    }
}

/// Rows that DuckDB's threads bring in parallel.
trait Parallel: Send + Sync {
    /// The next full batch, if there is one.
    fn take_ready(&self) -> Result<Option<RecordBatch>>;

    /// The next batch when all rows have come, and whether there may be more; the last may be smaller.
    fn take_rest(&self) -> Result<(Option<RecordBatch>, bool)>;

    /// Why it takes no more rows.
    fn take_failure(&self) -> Option<Error>;
}

fn next_in_parallel(
    gate: &mut Gate,
    parallel: &dyn Parallel,
    is_over: &mut bool,
    left: &AtomicBool,
) -> Result<(Option<RecordBatch>, bool)> {
    while !*is_over {
        if let Some(batch) = parallel.take_ready()? {
            return Ok((Some(batch), true));
        }
        IS_READERS.set(true);
        let ran = gate.run(left);
        IS_READERS.set(false);
        match ran {
            Ok(Ran::Left) => return Err(errors::cancelled()),
            Ok(Ran::Ready) => {}
            Ok(Ran::Ended) => *is_over = true,
            Err(failure) => return Err(parallel.take_failure().unwrap_or_else(|| Error::from(failure))),
        }
    }
    parallel.take_rest()
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
