//! The columns that the files of a dataset have, found by opening the first of them.

use std::io::Read as _;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use bytes::Bytes;
use datafusion::catalog::Session;
use datafusion::common::DataFusionError;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use futures::TryStreamExt;
use object_store::{GetOptions, GetRange, ObjectMeta};
use typemap::SqlType;
use typemap::normalise::engine_type;

use super::table::compression;
use super::{csv, partitions};
use crate::dataset::{Format, Source};
use crate::error::{Error, ErrorCode, Result};

/// How much of a text file is looked at.
const SAMPLE: u64 = 1 << 20;
/// How many of its lines tell the types.
const LINES: usize = 20_480;

/// The columns of a dataset, partition columns last.
///
/// # Errors
/// `DATASET_UNREADABLE`, naming the file.
pub(in crate::engine::datafusion) async fn describe(
    session: &dyn Session,
    source: &Source,
) -> Result<Vec<(String, SqlType)>> {
    let files = source.files().await?;
    let first = files.first().ok_or_else(|| {
        unreadable(source, "there is no file in it that can be read; hidden and empty files are left out")
    })?;
    let schema = match source.format() {
        Format::Parquet => parquet(session, source, first).await?,
        Format::Csv => csv_schema(source, first, &head(source, first).await?)?,
        Format::Json => json_schema(source, first, &head(source, first).await?)?,
    };
    let partition_names = source.partitions().await?;
    let mut columns = Vec::new();
    for field in schema.fields().iter().filter(|field| !partition_names.contains(field.name())) {
        let ty = match (source.format(), field.data_type()) {
            (_, DataType::Null) if source.format() != Format::Parquet => SqlType::Varchar,
            // The readers of text give the least unit that holds what they saw; the type of a time in text is TIMESTAMP.
            (Format::Csv | Format::Json, DataType::Timestamp(_, None)) => SqlType::Timestamp,
            _ => engine_type(field).map_err(|error| {
                Error::new(
                    ErrorCode::TypeUnsupported,
                    format!("column \"{}\" of the dataset \"{}\": {error}", field.name(), source.name()),
                )
            })?,
        };
        columns.push((field.name().clone(), ty));
    }
    for name in partition_names {
        let texts: Vec<_> = files.iter().filter_map(|file| partitions::text(&file.location, &name)).collect();
        columns.push((name, partitions::type_of(texts.iter().map(String::as_str))));
    }
    Ok(columns)
}

async fn parquet(session: &dyn Session, source: &Source, first: &ObjectMeta) -> Result<SchemaRef> {
    let mut options = session.config_options().execution.parquet.clone();
    options.schema_force_view_types = false;
    options.coerce_int96 = Some("us".to_owned());
    let format = ParquetFormat::default()
        .with_options(datafusion::common::config::TableParquetOptions { global: options, ..Default::default() });
    format
        .infer_schema(session, source.store(), std::slice::from_ref(first))
        .await
        .map_err(|error: DataFusionError| file_unreadable(source, first, &Error::from(error).message))
}

fn csv_schema(source: &Source, first: &ObjectMeta, head: &str) -> Result<SchemaRef> {
    let layout = csv::guessed(head);
    let format = arrow_csv(layout);
    let (schema, _) = format
        .infer_schema(head.as_bytes(), Some(LINES))
        .map_err(|error| file_unreadable(source, first, &error.to_string()))?;
    if layout.has_header {
        return Ok(Arc::new(schema));
    }
    let fields = schema.fields().iter().enumerate();
    let fields = fields.map(|(index, field)| field.as_ref().clone().with_name(format!("column{index}")));
    Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}

fn arrow_csv(layout: csv::Layout) -> datafusion::arrow::csv::reader::Format {
    datafusion::arrow::csv::reader::Format::default().with_header(layout.has_header).with_delimiter(layout.delimiter)
}

fn json_schema(source: &Source, first: &ObjectMeta, head: &str) -> Result<SchemaRef> {
    let (schema, _) = datafusion::arrow::json::reader::infer_json_schema(head.as_bytes(), Some(LINES))
        .map_err(|error| file_unreadable(source, first, &error.to_string()))?;
    Ok(Arc::new(schema))
}

/// The whole lines at the beginning of a text file.
pub(super) async fn head(source: &Source, file: &ObjectMeta) -> Result<String> {
    let options = GetOptions { range: Some(GetRange::Bounded(0..SAMPLE.min(file.size))), ..GetOptions::default() };
    let failed = |error: object_store::Error| file_unreadable(source, file, &error.to_string());
    let result = source.store().get_opts(&file.location, options).await.map_err(failed)?;
    let bytes: Vec<Bytes> = result.into_stream().try_collect().await.map_err(failed)?;
    let bytes = bytes.concat();
    let is_whole = bytes.len() as u64 >= file.size;
    let bytes = inflated(file, bytes);
    let text = String::from_utf8_lossy(&bytes);
    // A line that was cut in two tells nothing.
    match text.rfind('\n') {
        Some(end) if !is_whole => Ok(text[..=end].to_owned()),
        _ => Ok(text.into_owned()),
    }
}

/// As much as can be made of the beginning of a file that may be compressed.
fn inflated(file: &ObjectMeta, bytes: Vec<u8>) -> Vec<u8> {
    let Ok(reader) = compression(&file.location).convert_read(std::io::Cursor::new(bytes)) else { return Vec::new() };
    let mut text = Vec::new();
    // Its end is missing, which is an error after everything before was read.
    let _ = reader.take(8 * SAMPLE).read_to_end(&mut text);
    text
}

fn file_unreadable(source: &Source, file: &ObjectMeta, why: &str) -> Error {
    unreadable(source, &format!("its file {} can't be read: {why}", file.location))
}

fn unreadable(source: &Source, why: &str) -> Error {
    Error::new(ErrorCode::DatasetUnreadable, format!("dataset \"{}\": {why}", source.name()))
}
