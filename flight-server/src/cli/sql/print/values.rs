//! Values of results as texts, for tables and CSV.

use std::fmt::Write as _;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, ArrayFormatterFactory, DisplayIndex, FormatOptions, FormatResult};
use uuid::Uuid;

/// How values look: as DuckDB writes them, where Arrow's own way is another.
pub(super) const OPTIONS: FormatOptions<'static> = FormatOptions::new()
    .with_display_error(false)
    .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
    .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.f%:z"))
    .with_time_format(Some("%H:%M:%S%.f"))
    .with_formatter_factory(Some(&Uuids));

/// Shows the bytes of UUIDs as UUIDs, wherever they are nested.
#[derive(Debug)]
struct Uuids;

impl ArrayFormatterFactory for Uuids {
    fn create_array_formatter<'a>(
        &self,
        array: &'a dyn Array,
        options: &FormatOptions<'a>,
        field: Option<&'a Field>,
    ) -> Result<Option<ArrayFormatter<'a>>, ArrowError> {
        let is_uuid = field.is_some_and(|field| field.extension_type_name() == Some("arrow.uuid"))
            && *array.data_type() == DataType::FixedSizeBinary(16);
        let null = options.null();
        Ok(is_uuid.then(|| ArrayFormatter::new(Box::new(UuidTexts { array, null }), options.safe())))
    }
}

struct UuidTexts<'a> {
    array: &'a dyn Array,
    null: &'a str,
}

impl DisplayIndex for UuidTexts<'_> {
    fn write(&self, row: usize, out: &mut dyn std::fmt::Write) -> FormatResult {
        if self.array.is_null(row) {
            out.write_str(self.null)?;
        } else if let Ok(uuid) = Uuid::from_slice(self.array.as_fixed_size_binary().value(row)) {
            write!(out, "{uuid}")?;
        }
        Ok(())
    }
}

/// What writes the values of a column.
pub(super) fn formatter<'a>(
    array: &'a dyn Array,
    options: &FormatOptions<'a>,
    field: &'a Field,
) -> Result<ArrayFormatter<'a>, ArrowError> {
    match Uuids.create_array_formatter(array, options, Some(field))? {
        Some(formatter) => Ok(formatter),
        None => ArrayFormatter::try_new(array, options),
    }
}

/// Gives the texts of each row to `take`; nothing where a value is NULL.
pub(super) fn each_row<E: From<ArrowError>>(
    batch: &RecordBatch,
    mut take: impl FnMut(Vec<Option<String>>) -> Result<(), E>,
) -> Result<(), E> {
    let schema = batch.schema_ref();
    let options = OPTIONS.with_null("NULL");
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(array, field)| Ok((array, formatter(array, &options, field)?)))
        .collect::<Result<Vec<_>, ArrowError>>()?;
    for row in 0..batch.num_rows() {
        let texts = columns.iter().map(|(array, formatter)| {
            // Of unions and arrays without types only their own words tell what is null.
            if array.is_null(row) || *array.data_type() == DataType::Null {
                return Ok(None);
            }
            let mut text = String::new();
            formatter.value(row).write(&mut text)?;
            Ok(Some(text))
        });
        take(texts.collect::<Result<_, ArrowError>>()?)?;
    }
    Ok(())
}

/// Whether the values of a type are numbers, which stand at the right of their column.
pub(super) fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

/// A text as it can stand in a line of a terminal: what would end the line, or make the terminal do something, is escaped.
pub(super) fn plain(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character.is_control() {
            // Writing to a string cannot fail.
            true => drop(write!(plain, "{}", character.escape_default())),
            false => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        FixedSizeBinaryArray, Int32Array, ListArray, NullArray, StringArray, TimestampMicrosecondArray,
    };
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::{Schema, TimeUnit};

    use super::*;

    #[test]
    fn values_look_as_duckdb_writes_them() {
        let uuids = FixedSizeBinaryArray::try_from_iter([[0x12_u8; 16]].into_iter()).unwrap();
        let uuid = || {
            Field::new("item", DataType::FixedSizeBinary(16), true)
                .with_metadata([("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned())].into())
        };
        let nested = ListArray::new(Arc::new(uuid()), OffsetBuffer::from_lengths([1]), Arc::new(uuids.clone()), None);
        let schema = Schema::new(vec![
            Field::new("n", DataType::Int32, true),
            Field::new("t", DataType::Timestamp(TimeUnit::Microsecond, None), true),
            Field::new("tz", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
            uuid().with_name("u"),
            Field::new("l", nested.data_type().clone(), true),
            Field::new("s", DataType::Utf8, true),
            Field::new("nothing", DataType::Null, true),
        ]);
        let batch = RecordBatch::try_new(
            Arc::new(schema),
            vec![
                Arc::new(Int32Array::from(vec![None])),
                Arc::new(TimestampMicrosecondArray::from(vec![1_500_000])),
                Arc::new(TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC")),
                Arc::new(uuids),
                Arc::new(nested),
                Arc::new(StringArray::from(vec!["NULL"])),
                Arc::new(NullArray::new(1)),
            ],
        )
        .unwrap();
        let mut rows = Vec::new();
        each_row::<ArrowError>(&batch, |row| {
            rows.push(row);
            Ok(())
        })
        .unwrap();
        let expected = [
            None,
            Some("1970-01-01 00:00:01.500"),
            Some("1970-01-01 00:00:00+00:00"),
            Some("12121212-1212-1212-1212-121212121212"),
            Some("[12121212-1212-1212-1212-121212121212]"),
            Some("NULL"),
            None,
        ];
        assert_eq!(rows, [expected.map(|text| text.map(str::to_owned)).to_vec()]);
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(plain("é\u{1b}[2J\n\t"), "é\\u{1b}[2J\\n\\t");
        assert_eq!(plain("a b"), "a b");
    }
}
