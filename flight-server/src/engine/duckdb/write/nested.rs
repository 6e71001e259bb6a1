//! Lists, arrays, maps, structs and unions.

use std::ops::Range;

use arrow::array::{Array, AsArray};
use arrow::buffer::NullBuffer;
use typemap::SqlType;

use super::misfit;
use crate::engine::duckdb::ffi::{ListEntry, WritableVector};
use crate::error::Result;

/// Writes these rows of `array`; those that `nulls` has as NULL are NULL in all their parts.
pub(super) fn write<'data>(
    vector: &mut WritableVector<'_, 'data>,
    array: &'data dyn Array,
    ty: &SqlType,
    rows: Range<usize>,
    nulls: Option<&NullBuffer>,
) -> Result<()> {
    match ty {
        SqlType::List(element) => {
            let list = array.as_list_opt::<i32>().ok_or_else(|| misfit(ty, array))?;
            let (mut elements, range) = lists(vector, list.value_offsets(), rows, nulls)?;
            super::write(&mut elements, list.values(), element, range, None)
        }
        SqlType::Map(key, value) => {
            let map = array.as_map_opt().ok_or_else(|| misfit(ty, array))?;
            let (mut entries, range) = lists(vector, map.value_offsets(), rows, nulls)?;
            super::write(&mut entries.member(0)?, map.keys(), key, range.clone(), None)?;
            super::write(&mut entries.member(1)?, map.values(), value, range, None)
        }
        SqlType::Array(element, size) => {
            let list = array.as_fixed_size_list_opt().ok_or_else(|| misfit(ty, array))?;
            let size = *size as usize;
            let start = usize::try_from(list.value_offset(rows.start)).map_err(|_| misfit(ty, array))?;
            let hidden = nulls.map(|nulls| nulls.expand(size));
            let mut elements = vector.array_elements()?;
            super::write(&mut elements, list.values(), element, start..start + rows.len() * size, hidden.as_ref())
        }
        SqlType::Struct(fields) => {
            let structs = array.as_struct_opt().ok_or_else(|| misfit(ty, array))?;
            for (index, ((_, field), column)) in fields.iter().zip(structs.columns()).enumerate() {
                super::write(&mut vector.member(index)?, column, field, rows.clone(), nulls)?;
            }
            Ok(())
        }
        SqlType::Union(members) => union(vector, array, members, rows, nulls),
        other => Err(misfit(other, array)),
    }
}

/// Writes where the elements of each list are, and gives what they are to be written into, and which they are.
fn lists<'vector, 'data>(
    vector: &'vector mut WritableVector<'_, 'data>,
    offsets: &[i32],
    rows: Range<usize>,
    nulls: Option<&NullBuffer>,
) -> Result<(WritableVector<'vector, 'data>, Range<usize>)> {
    // Arrow's offsets are never negative.
    let at = |row: usize| offsets[row] as usize;
    let (first, end) = (at(rows.start), at(rows.end));
    let entry = |row: usize| {
        if nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return ListEntry { offset: 0, length: 0 };
        }
        let (start, end) = (at(rows.start + row), at(rows.start + row + 1));
        ListEntry { offset: (start - first) as u64, length: (end - start) as u64 }
    };
    Ok((vector.lists(entry, end - first)?, first..end))
}

fn union<'data>(
    vector: &mut WritableVector<'_, 'data>,
    array: &'data dyn Array,
    members: &[(String, SqlType)],
    rows: Range<usize>,
    nulls: Option<&NullBuffer>,
) -> Result<()> {
    let misfit = || misfit(&SqlType::Union(members.to_vec()), array);
    let unions = array.as_union_opt().ok_or_else(misfit)?;
    // On the wire, a member's number is its place.
    let chosen = &unions.type_ids()[rows.clone()];
    let mut tags = vector.member(0)?;
    for (tag, id) in tags.values::<u8>().ok_or_else(misfit)?.iter_mut().zip(chosen) {
        *tag = u8::try_from(*id).map_err(|_| misfit())?;
    }
    if let Some(nulls) = nulls {
        tags.set_nulls(|row| nulls.is_null(row));
    }
    for (id, (index, (_, member))) in (0_i8..).zip(members.iter().enumerate()) {
        let seen: NullBuffer = chosen.iter().map(|chosen| *chosen == id).collect();
        let seen = NullBuffer::union(Some(&seen), nulls);
        super::write(&mut vector.member(index + 1)?, unions.child(id), member, rows.clone(), seen.as_ref())?;
    }
    Ok(())
}
