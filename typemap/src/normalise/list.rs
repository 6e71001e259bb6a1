//! Lists of every layout, and structs.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, FixedSizeListArray, GenericListArray, GenericListViewArray, LargeListArray, LargeListViewArray,
    ListArray, ListViewArray, OffsetSizeTrait, StructArray, UInt32Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, FieldRef};

use super::NormaliseError;
use super::encoded::unpack;
use super::gather::MAX_UNPACKED;
use super::live::spread;
use super::node::{Node, refused, typed};
use super::text::rebased;
use crate::ValueError;

/// Lists with offsets, of 32 or 64 bits.
#[derive(Debug)]
pub(super) struct List {
    pub(super) item: Box<Node>,
}

/// Lists with an offset and a size each, of 32 or 64 bits.
#[derive(Debug)]
pub(super) struct ListView {
    pub(super) item: Box<Node>,
}

/// Lists of one size.
#[derive(Debug)]
pub(super) struct FixedList {
    pub(super) item: Box<Node>,
    pub(super) size: usize,
}

impl List {
    pub(super) fn convert(
        &self,
        array: &ArrayRef,
        live: Option<&NullBuffer>,
        wire: &DataType,
    ) -> Result<Option<ArrayRef>, NormaliseError> {
        let item = item_of(wire)?;
        if let DataType::LargeList(_) = array.data_type() {
            let lists = typed::<LargeListArray>(array)?;
            let (offsets, start, length) = rebased(lists.value_offsets())?;
            let values = self.elements(lists, start, length, live)?;
            let values = values.unwrap_or_else(|| lists.values().slice(start, length));
            return Ok(Some(list(item, offsets, values, lists.nulls())?));
        }
        let lists = typed::<ListArray>(array)?;
        let start = lists.value_offsets().first().map_or(0, |offset| offset.unsigned_abs() as usize);
        let end = lists.value_offsets().last().map_or(0, |offset| offset.unsigned_abs() as usize);
        match self.elements(lists, start, end - start, live)? {
            None if array.data_type() == wire => Ok(None),
            None => Ok(Some(list(item, lists.offsets().clone(), lists.values().clone(), lists.nulls())?)),
            Some(values) => {
                let wide: Vec<i64> = lists.value_offsets().iter().map(|offset| i64::from(*offset)).collect();
                let offsets = if start == 0 { lists.offsets().clone() } else { rebased(&wide)?.0 };
                Ok(Some(list(item, offsets, values, lists.nulls())?))
            }
        }
    }

    /// The converted elements from `start`, or none if they are fine.
    fn elements<O: OffsetSizeTrait>(
        &self,
        lists: &GenericListArray<O>,
        start: usize,
        length: usize,
        live: Option<&NullBuffer>,
    ) -> Result<Option<ArrayRef>, NormaliseError> {
        if self.item.is_same() {
            return Ok(None);
        }
        let rows = NullBuffer::union(lists.nulls(), live).filter(|_| self.item.is_fallible());
        let live = rows.map(|rows| spread(&rows, lists.offsets().lengths()));
        let converted = self.item.convert(&lists.values().slice(start, length), live.as_ref());
        converted.map_err(|error| error.inside("[]"))
    }
}

impl ListView {
    pub(super) fn convert(
        &self,
        array: &ArrayRef,
        live: Option<&NullBuffer>,
        wire: &DataType,
    ) -> Result<ArrayRef, NormaliseError> {
        match array.data_type() {
            DataType::ListView(_) => self.gathered(typed::<ListViewArray>(array)?, live, wire),
            _ => self.gathered(typed::<LargeListViewArray>(array)?, live, wire),
        }
    }

    fn gathered<O: OffsetSizeTrait>(
        &self,
        lists: &GenericListViewArray<O>,
        live: Option<&NullBuffer>,
        wire: &DataType,
    ) -> Result<ArrayRef, NormaliseError> {
        let rows = NullBuffer::union(lists.nulls(), live);
        let size = |(row, size): (usize, &O)| match &rows {
            Some(rows) if rows.is_null(row) => 0,
            _ => size.as_usize(),
        };
        let lengths: Vec<usize> = lists.sizes().iter().enumerate().map(size).collect();
        let total = lengths.iter().fold(0, |total: usize, length| total.saturating_add(*length));
        if total > MAX_UNPACKED || u32::try_from(lists.values().len()).is_err() {
            return Err(ValueError::TooLarge.into());
        }
        let mut elements: Vec<u32> = Vec::with_capacity(total);
        for (offset, length) in lists.offsets().iter().zip(&lengths) {
            let start = offset.as_usize();
            // The values are no more than 32 bits can count, and no list reaches beyond them.
            elements.extend((start..start + length).map(|element| element as u32));
        }
        let values = unpack(&self.item, lists.values(), &UInt32Array::from(elements), None);
        let values = values.map_err(|error| error.inside("[]"))?;
        list(item_of(wire)?, OffsetBuffer::from_lengths(lengths), values, lists.nulls())
    }
}

impl FixedList {
    pub(super) fn convert(
        &self,
        array: &ArrayRef,
        live: Option<&NullBuffer>,
        wire: &DataType,
    ) -> Result<Option<ArrayRef>, NormaliseError> {
        let lists = typed::<FixedSizeListArray>(array)?;
        let converted = if self.item.is_same() {
            None
        } else {
            let rows = NullBuffer::union(lists.nulls(), live).filter(|_| self.item.is_fallible());
            let live = rows.map(|rows| rows.expand(self.size));
            self.item.convert(lists.values(), live.as_ref()).map_err(|error| error.inside("[]"))?
        };
        if converted.is_none() && array.data_type() == wire {
            return Ok(None);
        }
        let values = converted.unwrap_or_else(|| lists.values().clone());
        if let DataType::FixedSizeList(item, size) = wire {
            let nulls = lists.nulls().cloned();
            let lists = FixedSizeListArray::try_new_with_length(item.clone(), *size, values, nulls, lists.len());
            return Ok(Some(Arc::new(lists.map_err(refused)?)));
        }
        match self.size.checked_mul(lists.len()).map(i32::try_from) {
            Some(Ok(_)) => {}
            _ => return Err(ValueError::TooLarge.into()),
        }
        let offsets = OffsetBuffer::from_repeated_length(self.size, lists.len());
        Ok(Some(list(item_of(wire)?, offsets, values, lists.nulls())?))
    }
}

/// Converts the fields of structs; none means that all are fine.
pub(super) fn structs(
    nodes: &[Node],
    array: &ArrayRef,
    live: Option<&NullBuffer>,
    wire: &DataType,
) -> Result<Option<ArrayRef>, NormaliseError> {
    let DataType::Struct(fields) = wire else {
        return Err(ValueError::Array { problem: format!("a struct cannot become {wire}") }.into());
    };
    let structs = typed::<StructArray>(array)?;
    let rows = if nodes.iter().any(Node::is_fallible) { NullBuffer::union(structs.nulls(), live) } else { None };
    let mut untouched = true;
    let mut columns = Vec::with_capacity(nodes.len());
    for ((node, column), field) in nodes.iter().zip(structs.columns()).zip(fields) {
        let converted = node.convert(column, rows.as_ref());
        match converted.map_err(|error| error.inside(&format!(".{}", field.name())))? {
            Some(converted) => {
                untouched = false;
                columns.push(converted);
            }
            None => columns.push(column.clone()),
        }
    }
    if untouched && array.data_type() == wire {
        return Ok(None);
    }
    let nulls = structs.nulls().cloned();
    let rebuilt = StructArray::try_new_with_length(fields.clone(), columns, nulls, structs.len());
    Ok(Some(Arc::new(rebuilt.map_err(refused)?)))
}

fn list(
    item: &FieldRef,
    offsets: OffsetBuffer<i32>,
    values: ArrayRef,
    nulls: Option<&NullBuffer>,
) -> Result<ArrayRef, NormaliseError> {
    Ok(Arc::new(ListArray::try_new(item.clone(), offsets, values, nulls.cloned()).map_err(refused)?))
}

fn item_of(wire: &DataType) -> Result<&FieldRef, ValueError> {
    match wire {
        DataType::List(item) => Ok(item),
        other => Err(ValueError::Array { problem: format!("a list cannot become {other}") }),
    }
}
