//! Columns of lists, arrays, maps, structs and unions.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, ListArray, MapArray, StructArray, UnionArray};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use super::column::{Column, ConvertError, unexpected_layout};
use super::nulls::{Nulls, is_valid};
use crate::engine::duckdb::ffi::{ListEntry, Vector};

/// LIST, and MAP, which is a list of entries.
pub(super) struct Lists {
    wire: DataType,
    offsets: Vec<i32>,
    nulls: Nulls,
    element: Box<dyn Column>,
}

impl Lists {
    pub(super) fn new(wire: DataType, element: Box<dyn Column>) -> Self {
        Self { wire, offsets: vec![0], nulls: Nulls::default(), element }
    }

    /// A map, whose entries have the columns `entry`: key and value.
    pub(super) fn of_entries(wire: DataType, entry: Vec<Box<dyn Column>>) -> Self {
        let entries = match &wire {
            DataType::Map(field, _) => field.data_type().clone(),
            other => other.clone(),
        };
        Self { wire, offsets: vec![0], nulls: Nulls::default(), element: Box::new(Structs::new(entries, entry)) }
    }
}

fn elements(entry: ListEntry) -> Range<usize> {
    entry.offset as usize..(entry.offset + entry.length) as usize
}

impl Column for Lists {
    fn width(&self) -> usize {
        size_of::<i32>()
    }

    fn varies(&self) -> bool {
        true
    }

    fn add_lengths(&self, vector: &Vector<'_>, rows: Range<usize>, lengths: &mut [usize]) {
        let (Some(entries), Some(child)) = (vector.values::<ListEntry>(), vector.element()) else { return };
        let validity = vector.validity();
        let width = self.element.width();
        let mut inner = Vec::new();
        for (length, row) in lengths.iter_mut().zip(rows) {
            if !is_valid(validity, row) {
                continue;
            }
            let range = elements(entries[row]);
            *length += range.len() * width;
            if self.element.varies() {
                inner.clear();
                inner.resize(range.len(), 0);
                self.element.add_lengths(&child, range, &mut inner);
                *length += inner.iter().sum::<usize>();
            }
        }
    }

    fn append(&mut self, vector: &Vector<'_>, rows: Range<usize>) -> Result<(), ConvertError> {
        let layout = || unexpected_layout(vector.physical());
        let entries = vector.values::<ListEntry>().ok_or_else(layout)?;
        let child = vector.element().ok_or_else(layout)?;
        let validity = vector.validity();
        let mut end = self.offsets.last().copied().unwrap_or(0);
        // Neighbouring lists mostly stand one after the other, and are then copied as one.
        let mut run: Range<usize> = 0..0;
        for row in rows.clone() {
            if is_valid(validity, row) {
                let range = elements(entries[row]);
                end = i32::try_from(range.len())
                    .ok()
                    .and_then(|length| end.checked_add(length))
                    .ok_or_else(|| ConvertError::Layout("a batch has more than 2^31 list elements".to_owned()))?;
                if range.start == run.end {
                    run.end = range.end;
                } else if !range.is_empty() {
                    self.element.append(&child, run)?;
                    run = range;
                }
            }
            self.offsets.push(end);
        }
        self.element.append(&child, run)?;
        self.nulls.append(validity, rows);
        Ok(())
    }

    fn append_nulls(&mut self, count: usize) {
        let end = self.offsets.last().copied().unwrap_or(0);
        self.offsets.resize(self.offsets.len() + count, end);
        self.nulls.append_nulls(count);
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(&mut self.offsets, vec![0])));
        let values = self.element.finish()?;
        let nulls = self.nulls.finish();
        match &self.wire {
            DataType::List(field) => Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, values, nulls)?)),
            DataType::Map(field, ordered) => {
                let entries = StructArray::from(values.to_data());
                Ok(Arc::new(MapArray::try_new(Arc::clone(field), offsets, entries, nulls, *ordered)?))
            }
            other => Err(unexpected_wire(other)),
        }
    }
}

/// The runs of rows for which `holds` holds, and of those for which not, in order. `always` says that it holds for all.
fn runs(rows: Range<usize>, always: bool, holds: impl Fn(usize) -> bool) -> impl Iterator<Item = (Range<usize>, bool)> {
    let mut start = rows.start;
    std::iter::from_fn(move || {
        if start == rows.end {
            return None;
        }
        let held = always || holds(start);
        let end = if always { None } else { (start + 1..rows.end).find(|row| holds(*row) != held) };
        let run = start..end.unwrap_or(rows.end);
        start = run.end;
        Some((run, held))
    })
}

/// Copies the values of `child` for which `is_seen` holds; the others are hidden by what they are part of. They become NULL,
/// and raise nothing.
fn append_seen(
    column: &mut dyn Column,
    child: &Vector<'_>,
    rows: Range<usize>,
    all: bool,
    is_seen: impl Fn(usize) -> bool,
) -> Result<(), ConvertError> {
    for (run, seen) in runs(rows, all, is_seen) {
        if seen {
            column.append(child, run)?;
        } else {
            column.append_nulls(run.len());
        }
    }
    Ok(())
}

/// ARRAY: so many elements a row.
pub(super) struct Arrays {
    wire: DataType,
    size: usize,
    nulls: Nulls,
    element: Box<dyn Column>,
}

impl Arrays {
    pub(super) fn new(wire: DataType, size: usize, element: Box<dyn Column>) -> Self {
        Self { wire, size, nulls: Nulls::default(), element }
    }
}

impl Column for Arrays {
    fn width(&self) -> usize {
        self.size * self.element.width()
    }

    fn varies(&self) -> bool {
        self.element.varies()
    }

    fn add_lengths(&self, vector: &Vector<'_>, rows: Range<usize>, lengths: &mut [usize]) {
        let Some(child) = vector.element() else { return };
        let mut inner = vec![0; rows.len() * self.size];
        self.element.add_lengths(&child, rows.start * self.size..rows.end * self.size, &mut inner);
        for (length, inner) in lengths.iter_mut().zip(inner.chunks(self.size.max(1))) {
            *length += inner.iter().sum::<usize>();
        }
    }

    fn append(&mut self, vector: &Vector<'_>, rows: Range<usize>) -> Result<(), ConvertError> {
        let child = vector.element().ok_or_else(|| unexpected_layout(vector.physical()))?;
        let (size, validity) = (self.size, vector.validity());
        for (run, is_valid) in runs(rows.clone(), validity.is_none(), |row| is_valid(validity, row)) {
            if is_valid {
                self.element.append(&child, run.start * size..run.end * size)?;
            } else {
                self.element.append_nulls(run.len() * size);
            }
        }
        self.nulls.append(validity, rows);
        Ok(())
    }

    fn append_nulls(&mut self, count: usize) {
        self.element.append_nulls(self.size * count);
        self.nulls.append_nulls(count);
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let DataType::FixedSizeList(field, size) = &self.wire else { return Err(unexpected_wire(&self.wire)) };
        let values = self.element.finish()?;
        Ok(Arc::new(FixedSizeListArray::try_new(Arc::clone(field), *size, values, self.nulls.finish())?))
    }
}

/// STRUCT, and the entries of a map.
pub(super) struct Structs {
    wire: DataType,
    nulls: Nulls,
    members: Vec<Box<dyn Column>>,
}

impl Structs {
    pub(super) fn new(wire: DataType, members: Vec<Box<dyn Column>>) -> Self {
        Self { wire, nulls: Nulls::default(), members }
    }
}

impl Column for Structs {
    fn width(&self) -> usize {
        self.members.iter().map(|member| member.width()).sum()
    }

    fn varies(&self) -> bool {
        self.members.iter().any(|member| member.varies())
    }

    fn add_lengths(&self, vector: &Vector<'_>, rows: Range<usize>, lengths: &mut [usize]) {
        for (index, member) in self.members.iter().enumerate() {
            if let Some(child) = vector.member(index).filter(|_| member.varies()) {
                member.add_lengths(&child, rows.clone(), lengths);
            }
        }
    }

    fn append(&mut self, vector: &Vector<'_>, rows: Range<usize>) -> Result<(), ConvertError> {
        let validity = vector.validity();
        for (index, member) in self.members.iter_mut().enumerate() {
            let child = vector.member(index).ok_or_else(|| unexpected_layout(vector.physical()))?;
            append_seen(member.as_mut(), &child, rows.clone(), validity.is_none(), |row| is_valid(validity, row))?;
        }
        self.nulls.append(validity, rows);
        Ok(())
    }

    fn append_nulls(&mut self, count: usize) {
        for member in &mut self.members {
            member.append_nulls(count);
        }
        self.nulls.append_nulls(count);
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let DataType::Struct(fields) = &self.wire else { return Err(unexpected_wire(&self.wire)) };
        let arrays = self.members.iter_mut().map(|member| member.finish()).collect::<Result<Vec<_>, _>>()?;
        let (rows, nulls): (usize, Option<NullBuffer>) = (self.nulls.len(), self.nulls.finish());
        Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), arrays, nulls, rows)?))
    }
}

/// UNION, sparse: every member has a value a row, of which the tag chooses one.
pub(super) struct Unions {
    wire: DataType,
    tags: Vec<i8>,
    members: Vec<Box<dyn Column>>,
}

impl Unions {
    pub(super) fn new(wire: DataType, members: Vec<Box<dyn Column>>) -> Self {
        Self { wire, tags: Vec::new(), members }
    }
}

impl Column for Unions {
    fn width(&self) -> usize {
        1 + self.members.iter().map(|member| member.width()).sum::<usize>()
    }

    fn varies(&self) -> bool {
        self.members.iter().any(|member| member.varies())
    }

    fn add_lengths(&self, vector: &Vector<'_>, rows: Range<usize>, lengths: &mut [usize]) {
        for (index, member) in self.members.iter().enumerate() {
            if let Some(child) = vector.member(index + 1).filter(|_| member.varies()) {
                member.add_lengths(&child, rows.clone(), lengths);
            }
        }
    }

    fn append(&mut self, vector: &Vector<'_>, rows: Range<usize>) -> Result<(), ConvertError> {
        let layout = || unexpected_layout(vector.physical());
        let tag_vector = vector.member(0).ok_or_else(layout)?;
        let tags = tag_vector.values::<u8>().ok_or_else(layout)?;
        let (whole, tagged) = (vector.validity(), tag_vector.validity());
        for row in rows.clone() {
            // A NULL union is a NULL of its first member: Arrow's unions have no NULL of their own.
            let valid = is_valid(whole, row) && is_valid(tagged, row);
            let tag = if valid { i8::try_from(tags[row]).map_err(|_| layout())? } else { 0 };
            self.tags.push(tag);
        }
        let chosen = &self.tags[self.tags.len() - rows.len()..];
        for (index, member) in self.members.iter_mut().enumerate() {
            let child = vector.member(index + 1).ok_or_else(layout)?;
            let is_chosen = |row: usize| {
                is_valid(whole, row) && is_valid(tagged, row) && usize::try_from(chosen[row - rows.start]) == Ok(index)
            };
            append_seen(member.as_mut(), &child, rows.clone(), false, is_chosen)?;
        }
        Ok(())
    }

    fn append_nulls(&mut self, count: usize) {
        // Arrow's unions have no NULL of their own: it is one of the first member.
        self.tags.resize(self.tags.len() + count, 0);
        for member in &mut self.members {
            member.append_nulls(count);
        }
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let DataType::Union(fields, _) = &self.wire else { return Err(unexpected_wire(&self.wire)) };
        let arrays = self.members.iter_mut().map(|member| member.finish()).collect::<Result<Vec<_>, _>>()?;
        let tags = ScalarBuffer::from(std::mem::take(&mut self.tags));
        Ok(Arc::new(UnionArray::try_new(fields.clone(), tags, None, arrays)?))
    }
}

/// The error of a nested type for which the type map gives another wire type than is built here.
pub(super) fn unexpected_wire(wire: &DataType) -> ArrowError {
    ArrowError::SchemaError(format!("the type map gives {wire} for a nested type, which is not built here"))
}
