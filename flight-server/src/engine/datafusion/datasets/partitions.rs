//! The columns of a dataset that stand in the paths of its files: `year=2024/part.parquet`.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{FieldRef, Schema};
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, DataFusionError, ScalarValue};
use datafusion::logical_expr::Expr;
use object_store::ObjectMeta;
use object_store::path::Path;
use typemap::SqlType;

/// What hive writes in place of a null.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// The text that a path has for a partition column; `None` when it has none, or a null.
pub(super) fn text(path: &Path, column: &str) -> Option<String> {
    path.parts().find_map(|part| {
        let (name, value) = part.as_ref().split_once('=')?;
        let value = decoded(value);
        (decoded(name).eq_ignore_ascii_case(column) && value != NULL).then_some(value)
    })
}

/// A part of a path without the percent signs it was written with.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (first, code) {
            (b'%', Some(code)) => {
                bytes.push(code);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| part.to_owned())
}

/// The values that files have for partition columns: a row a file.
pub(super) fn values(files: &[ObjectMeta], columns: &[FieldRef]) -> Result<RecordBatch, DataFusionError> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let arrays = columns.iter().map(|column| {
        let texts: StringArray = files.iter().map(|file| text(&file.location, column.name())).collect();
        let texts: ArrayRef = Arc::new(texts);
        cast_with_options(&texts, column.data_type(), &options)
            .map_err(|error| DataFusionError::from(error).context(format!("partition column \"{}\"", column.name())))
    });
    let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(files.len()));
    let schema = Arc::new(Schema::new(columns.to_vec()));
    Ok(RecordBatch::try_new_with_options(schema, arrays, &options)?)
}

/// The values of one file.
pub(super) fn row(values: &RecordBatch, file: usize) -> Result<Vec<ScalarValue>, DataFusionError> {
    values.columns().iter().map(|column| ScalarValue::try_from_array(column, file)).collect()
}

/// Whether a filter is about partition columns alone, so that it can tell which files are needed.
pub(super) fn tells_files(filter: &Expr, columns: &[FieldRef]) -> bool {
    !columns.is_empty()
        && !filter.is_volatile()
        && filter.column_refs().iter().all(|used| columns.iter().any(|column| column.name() == used.name()))
}

/// Which files may hold rows that pass all of `filters`.
pub(super) fn needed(
    session: &dyn Session,
    values: &RecordBatch,
    filters: &[Expr],
) -> Result<Vec<bool>, DataFusionError> {
    let mut needed = vec![true; values.num_rows()];
    let schema = DFSchema::try_from(values.schema())?;
    let columns: Vec<_> = values.schema().fields().iter().cloned().collect();
    for filter in filters.iter().filter(|filter| tells_files(filter, &columns)) {
        let unqualified = datafusion::logical_expr::utils::conjunction([without_relation(filter.clone())?]);
        let Some(filter) = unqualified else { continue };
        let passes = session.create_physical_expr(filter, &schema)?.evaluate(values)?;
        let passes = passes.into_array(values.num_rows())?;
        for (needed, passes) in needed.iter_mut().zip(passes.as_boolean()) {
            *needed &= passes == Some(true);
        }
    }
    Ok(needed)
}

fn without_relation(filter: Expr) -> Result<Expr, DataFusionError> {
    use datafusion::common::Column;
    use datafusion::common::tree_node::{Transformed, TreeNode};
    Ok(filter
        .transform(|part| {
            Ok(match part {
                Expr::Column(column) => {
                    Transformed::yes(Expr::Column(Column::new_unqualified(column.name().to_owned())))
                }
                other => Transformed::no(other),
            })
        })?
        .data)
}

/// The type of a partition column with these values: a number or a date where every one of them is.
pub(super) fn type_of<'text>(texts: impl Iterator<Item = &'text str> + Clone) -> SqlType {
    let mut any = texts.clone();
    if any.next().is_none() {
        return SqlType::Varchar;
    }
    if texts.clone().all(|text| text.parse::<i64>().is_ok()) {
        SqlType::BigInt
    } else if texts.clone().all(is_date) {
        SqlType::Date
    } else {
        SqlType::Varchar
    }
}

fn is_date(text: &str) -> bool {
    use arrow::compute::kernels::cast_utils::Parser;
    text.len() == 10 && text.is_ascii() && arrow::datatypes::Date32Type::parse(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_from_paths_as_they_were_meant() {
        let path = Path::parse("year=2024/city=S%C3%A3o%2520Paulo/gone=__HIVE_DEFAULT_PARTITION__/p.parquet").unwrap();
        assert_eq!(text(&path, "year").as_deref(), Some("2024"));
        assert_eq!(text(&path, "gone"), None);
        assert_eq!(text(&path, "month"), None);
    }

    #[test]
    fn partition_columns_are_numbers_or_dates_only_where_all_values_are() {
        assert_eq!(type_of(["1", "-2"].into_iter()), SqlType::BigInt);
        assert_eq!(type_of(["2024-01-01", "2024-02-29"].into_iter()), SqlType::Date);
        assert_eq!(type_of(["2024-01-01", "x"].into_iter()), SqlType::Varchar);
        assert_eq!(type_of([].into_iter()), SqlType::Varchar);
    }
}
