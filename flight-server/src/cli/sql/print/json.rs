//! Rows as JSON.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type};
use arrow::error::ArrowError;
use serde_json::Value;

use super::values::{OPTIONS, formatter};

/// Writes the value of a row at the end of a text.
type Encode<'a> = Box<dyn Fn(usize, &mut String) -> Result<(), ArrowError> + 'a>;

/// The rows of a batch as objects.
pub(super) fn objects<E: From<ArrowError>>(
    batch: &RecordBatch,
    mut take: impl FnMut(String) -> Result<(), E>,
) -> Result<(), E> {
    let fields = batch.schema_ref().fields();
    let columns = batch
        .columns()
        .iter()
        .zip(fields)
        .map(|(array, field)| Ok((quoted(field.name()), encoder(array, field)?)))
        .collect::<Result<Vec<_>, ArrowError>>()?;
    for row in 0..batch.num_rows() {
        let mut text = String::new();
        members(&columns, row, &mut text)?;
        take(text)?;
    }
    Ok(())
}

fn members(columns: &[(String, Encode<'_>)], row: usize, out: &mut String) -> Result<(), ArrowError> {
    out.push('{');
    for (at, (name, encode)) in columns.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(name);
        out.push(':');
        encode(row, out)?;
    }
    out.push('}');
    Ok(())
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// What writes the values of a column: numbers as numbers with all of their digits, lists and structs as such, maps as objects,
/// and everything else as the text that a table has.
fn encoder<'a>(array: &'a dyn Array, field: &'a Field) -> Result<Encode<'a>, ArrowError> {
    let some: Encode<'a> = match array.data_type() {
        DataType::Null => Box::new(|_, out| {
            out.push_str("null");
            Ok(())
        }),
        DataType::Boolean | DataType::Decimal128(..) | DataType::Decimal256(..) => written(array, field, false)?,
        number if number.is_integer() => written(array, field, false)?,
        DataType::Float32 => {
            let (values, written) = (array.as_primitive::<Float32Type>(), written(array, field, false)?);
            finite(move |row| values.value(row).is_finite(), written, array, field)?
        }
        DataType::Float64 => {
            let (values, written) = (array.as_primitive::<Float64Type>(), written(array, field, false)?);
            finite(move |row| values.value(row).is_finite(), written, array, field)?
        }
        DataType::List(item) => {
            let list = array.as_list::<i32>();
            let offsets = list.value_offsets();
            let item = encoder(list.values(), item)?;
            items(move |row| offsets[row] as usize..offsets[row + 1] as usize, item)
        }
        DataType::FixedSizeList(item, length) => {
            let list = array.as_fixed_size_list();
            let (length, item) = (*length as usize, encoder(list.values(), item)?);
            items(move |row| row * length..(row + 1) * length, item)
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter().zip(fields);
            let columns = columns
                .map(|(array, field)| Ok((quoted(field.name()), encoder(array, field)?)))
                .collect::<Result<Vec<_>, ArrowError>>()?;
            Box::new(move |row, out| members(&columns, row, out))
        }
        DataType::Map(entry, _) => {
            let map = array.as_map();
            let offsets = map.value_offsets();
            let DataType::Struct(fields) = entry.data_type() else {
                return Err(ArrowError::SchemaError("a map whose entries are no structs".to_owned()));
            };
            let keys = formatter(map.keys(), &OPTIONS, &fields[0])?;
            let values = encoder(map.values(), &fields[1])?;
            Box::new(move |row, out| {
                out.push('{');
                let entries = offsets[row] as usize..offsets[row + 1] as usize;
                for (at, entry) in entries.enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    out.push_str(&quoted(&keys.value(entry).try_to_string()?));
                    out.push(':');
                    values(entry, out)?;
                }
                out.push('}');
                Ok(())
            })
        }
        DataType::Union(members, _) => {
            let union = array.as_union();
            let encoders = members
                .iter()
                .map(|(id, field)| Ok((id, encoder(union.child(id), field)?)))
                .collect::<Result<Vec<_>, ArrowError>>()?;
            Box::new(move |row, out| {
                let id = union.type_id(row);
                match encoders.iter().find(|(of, _)| *of == id) {
                    Some((_, encode)) => encode(union.value_offset(row), out),
                    None => Err(ArrowError::SchemaError(format!("a union has no member {id}"))),
                }
            })
        }
        _ => written(array, field, true)?,
    };
    if array.null_count() == 0 {
        return Ok(some);
    }
    Ok(Box::new(move |row, out| {
        if array.is_null(row) {
            out.push_str("null");
            return Ok(());
        }
        some(row, out)
    }))
}

/// The text of each value, in quotes or as it is.
fn written<'a>(array: &'a dyn Array, field: &'a Field, quotes: bool) -> Result<Encode<'a>, ArrowError> {
    let formatter = formatter(array, &OPTIONS, field)?;
    Ok(Box::new(move |row, out| {
        match quotes {
            true => out.push_str(&quoted(&formatter.value(row).try_to_string()?)),
            false => formatter.value(row).write(out)?,
        }
        Ok(())
    }))
}

/// Floats: JSON has no number for some, which are written as texts.
fn finite<'a>(
    is_finite: impl Fn(usize) -> bool + 'a,
    number: Encode<'a>,
    array: &'a dyn Array,
    field: &'a Field,
) -> Result<Encode<'a>, ArrowError> {
    let text = written(array, field, true)?;
    Ok(Box::new(move |row, out| if is_finite(row) { number(row, out) } else { text(row, out) }))
}

fn items<'a>(range: impl Fn(usize) -> std::ops::Range<usize> + 'a, item: Encode<'a>) -> Encode<'a> {
    Box::new(move |row, out| {
        out.push('[');
        for (at, index) in range(row).enumerate() {
            if at > 0 {
                out.push(',');
            }
            item(index, out)?;
        }
        out.push(']');
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int32Builder;
    use arrow::array::{
        ArrayRef, Decimal128Array, Float64Array, Int64Array, ListArray, MapBuilder, StringArray, StringBuilder,
        StructArray,
    };
    use arrow::datatypes::Int32Type;

    use super::*;

    fn encoded(columns: Vec<(&str, ArrayRef)>) -> Vec<Value> {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut rows = Vec::new();
        objects::<ArrowError>(&batch, |text| {
            rows.push(serde_json::from_str(&text).unwrap());
            Ok(())
        })
        .unwrap();
        rows
    }

    #[test]
    fn every_shape_is_json_that_others_can_read() {
        let decimals = Decimal128Array::from(vec![Some(12_345), None]).with_precision_and_scale(10, 2).unwrap();
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), Some(vec![])]);
        let inner = StructArray::try_from(vec![
            ("x", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef),
            ("y\"", Arc::new(StringArray::from(vec![Some("a\nb"), None])) as ArrayRef),
        ])
        .unwrap();
        let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        maps.keys().append_value("k");
        maps.values().append_value(7);
        maps.append(true).unwrap();
        maps.append(false).unwrap();
        let rows = encoded(vec![
            ("d", Arc::new(decimals)),
            ("f", Arc::new(Float64Array::from(vec![1.5, f64::INFINITY]))),
            ("l", Arc::new(lists)),
            ("s", Arc::new(inner)),
            ("m", Arc::new(maps.finish())),
        ]);
        let expected = [
            r#"{"d":123.45,"f":1.5,"l":[1,null],"s":{"x":1,"y\"":"a\nb"},"m":{"k":7}}"#,
            r#"{"d":null,"f":"inf","l":[],"s":{"x":2,"y\"":null},"m":null}"#,
        ];
        let expected: Vec<Value> = expected.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn slices_are_read_where_they_begin() {
        let lists =
            ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)]), Some(vec![Some(2), Some(3)])]);
        let rows = encoded(vec![("l", Arc::new(lists.slice(1, 1)))]);
        assert_eq!(rows[0]["l"], serde_json::json!([2, 3]));
    }
}
