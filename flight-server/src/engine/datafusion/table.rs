//! A table in memory, which belongs to its session alone.
//!
//! Its rows are replaced as a whole, so that whoever reads goes on reading what was there when it began, and a change is
//! seen entirely or not at all.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, not_impl_err};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::sink::{DataSink, DataSinkExec};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::spill::get_record_batch_memory_size;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use futures::TryStreamExt;
use parking_lot::Mutex;

/// Batches of fewer rows are put together, so that rows inserted one by one do not end as a batch each.
const SMALL: usize = 8192;

/// The rows of a table at one moment.
pub(super) type Contents = Arc<Vec<RecordBatch>>;

/// A table.
#[derive(Debug)]
pub(super) struct MemoryTable {
    rows: Arc<TableRows>,
    defaults: HashMap<String, Expr>,
    temporary: bool,
}

/// The rows of a table, which plans that insert into it hold on to.
pub(super) struct TableRows {
    schema: SchemaRef,
    contents: Mutex<Contents>,
    /// What they take of the engine's memory.
    memory: MemoryReservation,
}

impl MemoryTable {
    /// An empty table.
    pub(super) fn new(name: &str, schema: SchemaRef, temporary: bool, pool: &Arc<dyn MemoryPool>) -> Self {
        let memory = MemoryConsumer::new(format!("table {name}")).register(pool);
        let rows = TableRows { schema, contents: Mutex::default(), memory };
        Self { rows: Arc::new(rows), defaults: HashMap::new(), temporary }
    }

    /// The same table with values for columns that an insert leaves out.
    pub(super) fn with_defaults(mut self, defaults: impl IntoIterator<Item = (String, Expr)>) -> Self {
        self.defaults = defaults.into_iter().collect();
        self
    }

    /// Its rows.
    pub(super) fn rows(&self) -> &Arc<TableRows> {
        &self.rows
    }
}

impl TableRows {
    /// The columns.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// What there is now.
    pub(super) fn contents(&self) -> Contents {
        Arc::clone(&self.contents.lock())
    }

    /// Puts `batches` in place of what there is.
    ///
    /// # Errors
    /// When the engine's memory does not hold them. The table is then as it was.
    pub(super) fn replace(&self, batches: Vec<RecordBatch>) -> Result<()> {
        self.memory.try_resize(batches.iter().map(get_record_batch_memory_size).sum())?;
        *self.contents.lock() = Arc::new(batches);
        Ok(())
    }

    /// Puts back what there was before.
    pub(super) fn restore(&self, contents: Contents) {
        self.memory.resize(contents.iter().map(get_record_batch_memory_size).sum());
        *self.contents.lock() = contents;
    }

    /// Adds rows, and tells how many.
    ///
    /// # Errors
    /// As [`TableRows::replace`].
    pub(super) fn append(&self, gathered: Gathered) -> Result<u64> {
        let mut all = self.contents().as_ref().clone();
        let mut added = 0;
        for batch in gathered.batches.into_iter().filter(|batch| batch.num_rows() > 0) {
            added += batch.num_rows() as u64;
            // Each in the table's own schema, whatever the metadata of what was computed.
            let batch = RecordBatch::try_new(Arc::clone(&self.schema), batch.columns().to_vec())?;
            match all.last_mut() {
                Some(last) if last.num_rows() + batch.num_rows() <= SMALL => {
                    *last = concat_batches(&self.schema, [&*last, &batch])?;
                }
                _ => all.push(batch),
            }
        }
        // From here on they count as the table's.
        drop(gathered.memory);
        self.replace(all)?;
        Ok(added)
    }
}

impl fmt::Debug for TableRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableRows").field("schema", &self.schema).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for MemoryTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.rows.schema)
    }

    fn table_type(&self) -> TableType {
        if self.temporary { TableType::Temporary } else { TableType::Base }
    }

    fn get_column_default(&self, column: &str) -> Option<&Expr> {
        self.defaults.get(column)
    }

    async fn scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = [self.rows.contents().as_ref().clone()];
        let source = MemorySourceConfig::try_new(&rows, self.schema(), projection.cloned())?;
        Ok(DataSourceExec::from_data_source(source))
    }

    async fn insert_into(
        &self,
        _session: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        operation: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if operation != InsertOp::Append {
            return not_impl_err!(
                "{operation} is not possible: rows of a table in memory have no keys to replace them by"
            );
        }
        let sink = TableSink(Arc::clone(&self.rows));
        Ok(Arc::new(DataSinkExec::new(input, Arc::new(sink), None)))
    }
}

/// Where the rows of an INSERT go: into the table once all of them are there.
#[derive(Debug)]
struct TableSink(Arc<TableRows>);

impl DisplayAs for TableSink {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryTable")
    }
}

#[async_trait]
impl DataSink for TableSink {
    fn schema(&self) -> &SchemaRef {
        &self.0.schema
    }

    async fn write_all(&self, rows: SendableRecordBatchStream, context: &Arc<TaskContext>) -> Result<u64> {
        let mut gathered = Gathered::new(context.memory_pool());
        gathered.take(rows).await?;
        self.0.append(gathered)
    }
}

/// Rows on their way into a table, counted as memory of the engine.
pub(super) struct Gathered {
    pub(super) batches: Vec<RecordBatch>,
    memory: MemoryReservation,
}

impl Gathered {
    pub(super) fn new(pool: &Arc<dyn MemoryPool>) -> Self {
        Self { batches: Vec::new(), memory: MemoryConsumer::new("rows for a table").register(pool) }
    }

    /// Takes one batch.
    ///
    /// # Errors
    /// When the engine's memory does not hold it.
    pub(super) fn push(&mut self, batch: RecordBatch) -> Result<()> {
        self.memory.try_grow(get_record_batch_memory_size(&batch))?;
        self.batches.push(batch);
        Ok(())
    }

    /// Takes all rows of a stream.
    ///
    /// # Errors
    /// Those of the stream, and as [`Gathered::push`].
    pub(super) async fn take(&mut self, mut rows: SendableRecordBatchStream) -> Result<()> {
        while let Some(batch) = rows.try_next().await? {
            self.push(batch)?;
        }
        Ok(())
    }
}
