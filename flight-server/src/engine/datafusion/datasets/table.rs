//! A dataset as a table with exactly the columns it was said to have, in their wire types.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DataFusionError;
use datafusion::common::config::{CsvOptions, TableParquetOptions};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{
    CsvSource, FileGroup, FileScanConfigBuilder, FileSource, JsonSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use object_store::ObjectMeta;
use object_store::path::Path;
use typemap::SqlType;
use typemap::wire::{WireOptions, wire_field};

use super::{SCHEME, csv, describe, partitions};
use crate::dataset::{Format, Source};
use crate::engine::datafusion::errors::carried;
use crate::error::{Error, ErrorCode, Result};

/// A dataset.
#[derive(Debug)]
pub(in crate::engine::datafusion) struct DatasetTable {
    source: Arc<Source>,
    /// Where its files are among those of all datasets.
    directory: String,
    schema: SchemaRef,
}

impl DatasetTable {
    /// The table of a dataset with these columns.
    ///
    /// # Errors
    /// `TYPE_UNSUPPORTED` for a column of a type that its files can't be read as here.
    pub(super) fn new(source: Arc<Source>, directory: String, columns: &[(String, SqlType)]) -> Result<Self> {
        let fields = columns.iter().map(|(name, ty)| {
            let unsupported = |why: &dyn std::fmt::Display| {
                Error::new(
                    ErrorCode::TypeUnsupported,
                    format!("column \"{name}\" of the dataset \"{}\": {why}", source.name()),
                )
            };
            let field = wire_field(name, ty, true, &WireOptions::default()).map_err(|error| unsupported(&error))?;
            if !is_readable(source.format(), ty, field.data_type()) {
                let format = source.format();
                return Err(unsupported(&format!("the engine datafusion can't read {ty} from {format} files")));
            }
            Ok(field)
        });
        let schema = Arc::new(Schema::new(fields.collect::<Result<Vec<Field>>>()?));
        Ok(Self { source, directory, schema })
    }

    pub(super) fn directory(&self) -> &str {
        &self.directory
    }

    /// The columns of its files, and those of its paths.
    fn split(&self, partitions: &[String]) -> (SchemaRef, Vec<FieldRef>) {
        let is_partition = |field: &&FieldRef| partitions.iter().any(|name| name == field.name());
        let (paths, files): (Vec<_>, Vec<_>) = self.schema.fields().iter().cloned().partition(|f| is_partition(&f));
        (Arc::new(Schema::new(files)), paths)
    }

    /// How the files are read.
    async fn reader(
        &self,
        session: &dyn Session,
        columns: TableSchema,
        first: &ObjectMeta,
    ) -> Result<Arc<dyn FileSource>, DataFusionError> {
        Ok(match self.source.format() {
            Format::Parquet => {
                let mut options = TableParquetOptions::new();
                options.global = session.config_options().execution.parquet.clone();
                let store = session.runtime_env().object_store(url()?)?;
                let cache = session.runtime_env().cache_manager.get_file_metadata_cache();
                let files = Arc::new(CachedParquetFileReaderFactory::new(store, cache));
                let source = ParquetSource::new(columns).with_table_parquet_options(options);
                Arc::new(source.with_parquet_file_reader_factory(files))
            }
            Format::Csv => {
                let head = describe::head(&self.source, first).await.map_err(carried)?;
                let names: Vec<_> = columns.file_schema().fields().iter().map(|field| field.name().as_str()).collect();
                let layout = csv::layout(&head, &names);
                let options = CsvOptions {
                    has_header: Some(layout.has_header),
                    delimiter: layout.delimiter,
                    // A value may go on over several lines.
                    newlines_in_values: Some(true),
                    ..CsvOptions::default()
                };
                Arc::new(CsvSource::new(columns).with_csv_options(options))
            }
            Format::Json => Arc::new(JsonSource::new(columns)),
        })
    }
}

/// Whether DataFusion's reader of a format gives values of a type.
fn is_readable(format: Format, ty: &SqlType, wire: &DataType) -> bool {
    match format {
        Format::Parquet => !matches!(ty.without_alias(), SqlType::TimeTz | SqlType::Bit | SqlType::BigNum),
        Format::Csv => {
            !wire.is_nested()
                && !matches!(wire, DataType::Binary | DataType::FixedSizeBinary(_) | DataType::Interval(_))
        }
        Format::Json => !matches!(
            ty.without_alias(),
            SqlType::Uuid
                | SqlType::Blob
                | SqlType::Geometry { .. }
                | SqlType::Interval
                | SqlType::Json
                | SqlType::Union(_)
        ),
    }
}

fn url() -> Result<ObjectStoreUrl, DataFusionError> {
    ObjectStoreUrl::parse(format!("{SCHEME}://all"))
}

/// How a file is compressed, by its name.
pub(super) fn compression(path: &Path) -> FileCompressionType {
    match path.extension() {
        Some("gz") => FileCompressionType::GZIP,
        Some("zst") => FileCompressionType::ZSTD,
        _ => FileCompressionType::UNCOMPRESSED,
    }
}

#[async_trait]
impl TableProvider for DatasetTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// A dataset is a view in DuckDB, and so it is listed here.
    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        // They leave files out; the rows that remain are still filtered.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let files = self.source.files().await.map_err(carried)?;
        let partition_names = self.source.partitions().await.map_err(carried)?;
        let (file_schema, partition_columns) = self.split(&partition_names);
        let values = partitions::values(&files, &partition_columns)?;
        let needed = partitions::needed(session, &values, filters)?;
        let columns = TableSchema::new(file_schema, partition_columns);
        // Files come before paths in what is read, and where they were said to be in what is given.
        let read = columns.table_schema();
        let wanted: Vec<usize> = projection.cloned().unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let positions = wanted.iter().map(|index| read.index_of(self.schema.field(*index).name()));
        let positions = positions.collect::<Result<Vec<_>, _>>()?;

        let mut groups: Vec<(FileCompressionType, Vec<PartitionedFile>)> = Vec::new();
        for (index, meta) in files.iter().enumerate().filter(|(index, _)| needed[*index]) {
            let kind = compression(&meta.location);
            let location = Path::from_iter(
                std::iter::once(object_store::path::PathPart::from(self.directory.as_str()))
                    .chain(meta.location.parts()),
            );
            let file = PartitionedFile::new_from_meta(ObjectMeta { location, ..meta.clone() })
                .with_partition_values(partitions::row(&values, index)?);
            match groups.iter_mut().find(|(other, _)| *other == kind) {
                Some((_, group)) => group.push(file),
                None => groups.push((kind, vec![file])),
            }
        }
        let Some(first) = files.first().filter(|_| !groups.is_empty()) else {
            return Ok(Arc::new(EmptyExec::new(Arc::new(read.project(&positions)?))));
        };
        let reader = self.reader(session, columns.clone(), first).await?;
        let partitions = session.config().target_partitions();
        let mut scans: Vec<Arc<dyn ExecutionPlan>> = Vec::new();
        for (kind, files) in groups {
            let config = FileScanConfigBuilder::new(url()?, Arc::clone(&reader))
                .with_file_groups(FileGroup::new(files).split_files(partitions))
                .with_file_compression_type(kind)
                .with_projection_indices(Some(positions.clone()))?
                .with_limit(limit)
                .build();
            scans.push(DataSourceExec::from_data_source(config));
        }
        match (scans.pop(), scans.is_empty()) {
            (Some(only), true) => Ok(only),
            (last, _) => UnionExec::try_new(scans.into_iter().chain(last).collect()),
        }
    }
}
