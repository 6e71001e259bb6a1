//! Maps.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, MapArray, StructArray, UInt32Array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::row::{RowConverter, SortField};

use super::NormaliseError;
use super::gather::gather;
use super::live::spread;
use super::node::{Node, refused, typed};
use crate::{SqlType, TypeError, ValueError};

/// Maps, by the plans of their keys and values.
#[derive(Debug)]
pub(super) struct Map {
    keys: Node,
    values: Node,
    /// Whether a key may be there only once.
    distinct: bool,
}

impl Map {
    /// # Errors
    ///
    /// Keys have to be compared but cannot be.
    pub(super) fn plan(keys: Node, values: Node, key: &SqlType, distinct: bool) -> Result<Map, TypeError> {
        if distinct && !RowConverter::supports_fields(&[SortField::new(keys.wire.clone())]) {
            return Err(TypeError::MapKey { key: key.to_string() });
        }
        Ok(Map { keys, values, distinct })
    }

    pub(super) fn convert(
        &self,
        array: &ArrayRef,
        live: Option<&NullBuffer>,
        wire: &DataType,
    ) -> Result<Option<ArrayRef>, NormaliseError> {
        let maps = typed::<MapArray>(array)?;
        let rows = NullBuffer::union(maps.nulls(), live);
        let start = maps.value_offsets().first().map_or(0, |offset| offset.unsigned_abs() as usize);
        let end = maps.value_offsets().last().map_or(0, |offset| offset.unsigned_abs() as usize);
        let live = rows.as_ref().map(|rows| spread(rows, maps.offsets().lengths()));
        let entries = maps.entries().slice(start, end - start);
        let key_column = entries.column(0);
        let keys = self.keys.convert(key_column, live.as_ref()).map_err(|error| error.inside(".key"))?;
        let values = self.values.convert(entries.column(1), live.as_ref()).map_err(|error| error.inside(".value"))?;
        let untouched = keys.is_none() && values.is_none();
        let keys = keys.unwrap_or_else(|| key_column.clone());
        let values = values.unwrap_or_else(|| entries.column(1).clone());

        let missing = NullBuffer::union(keys.logical_nulls().as_ref(), entries.nulls());
        let missing = missing.filter(|missing| missing.null_count() > 0);
        let null_key = |missing: &NullBuffer| match &live {
            None => true,
            Some(live) => live.valid_indices().any(|entry| missing.is_null(entry)),
        };
        if missing.as_ref().is_some_and(null_key) {
            return Err(NormaliseError::from(ValueError::NullMapKey).inside(".key"));
        }
        if self.distinct && has_duplicates(&keys, maps.offsets(), rows.as_ref())? {
            return Err(NormaliseError::from(ValueError::DuplicateMapKey).inside(".key"));
        }
        match (missing, live) {
            // Keys are missing, but only where nobody sees them: these entries go.
            (Some(_), Some(live)) => {
                let seen = live.valid_indices().map(|entry| u32::try_from(entry).map_err(|_| ValueError::TooLarge));
                let seen = UInt32Array::from(seen.collect::<Result<Vec<_>, _>>()?);
                let lengths = maps.offsets().lengths().enumerate();
                let kept = lengths.map(
                    |(row, length)| {
                        if rows.as_ref().is_none_or(|rows| rows.is_valid(row)) { length } else { 0 }
                    },
                );
                let offsets = OffsetBuffer::from_lengths(kept);
                map(wire, offsets, gather(&keys, &seen)?, gather(&values, &seen)?, maps.nulls()).map(Some)
            }
            _ if untouched && array.data_type() == wire => Ok(None),
            _ => {
                let first = maps.value_offsets().first().copied().unwrap_or(0);
                let offsets = if first == 0 {
                    maps.offsets().clone()
                } else {
                    OffsetBuffer::from_lengths(maps.offsets().lengths())
                };
                map(wire, offsets, keys, values, maps.nulls()).map(Some)
            }
        }
    }
}

fn map(
    wire: &DataType,
    offsets: OffsetBuffer<i32>,
    keys: ArrayRef,
    values: ArrayRef,
    nulls: Option<&NullBuffer>,
) -> Result<ArrayRef, NormaliseError> {
    let DataType::Map(entries, ordered) = wire else {
        return Err(ValueError::Array { problem: format!("a map cannot become {wire}") }.into());
    };
    let DataType::Struct(fields) = entries.data_type() else {
        return Err(TypeError::MapEntries { found: entries.data_type().to_string() }.into());
    };
    let pairs = StructArray::try_new(fields.clone(), vec![keys, values], None).map_err(refused)?;
    let maps = MapArray::try_new(entries.clone(), offsets, pairs, nulls.cloned(), *ordered).map_err(refused)?;
    Ok(Arc::new(maps))
}

/// Whether a key is twice in one of the maps that `rows` shows. `keys` start with the first map's.
fn has_duplicates(keys: &ArrayRef, offsets: &OffsetBuffer<i32>, rows: Option<&NullBuffer>) -> Result<bool, ValueError> {
    if offsets.lengths().all(|length| length < 2) {
        return Ok(false);
    }
    let keys = comparable(keys);
    let converter = RowConverter::new(vec![SortField::new(keys.data_type().clone())]).map_err(refused)?;
    let encoded = converter.convert_columns(&[keys]).map_err(refused)?;
    let mut seen = HashSet::new();
    let mut start = 0;
    for (row, length) in offsets.lengths().enumerate() {
        let entries = start..start + length;
        start = entries.end;
        if length < 2 || rows.is_some_and(|rows| rows.is_null(row)) {
            continue;
        }
        seen.clear();
        for entry in entries {
            if !seen.insert(encoded.row(entry)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Keys of which those are bitwise equal that SQL holds to be equal: it knows one zero and one NaN.
fn comparable(keys: &ArrayRef) -> ArrayRef {
    if let Some(floats) = keys.as_primitive_opt::<Float32Type>() {
        return Arc::new(floats.unary::<_, Float32Type>(|v| if v.is_nan() { f32::NAN } else { v + 0.0 }));
    }
    if let Some(floats) = keys.as_primitive_opt::<Float64Type>() {
        return Arc::new(floats.unary::<_, Float64Type>(|v| if v.is_nan() { f64::NAN } else { v + 0.0 }));
    }
    keys.clone()
}
