//! One step of a plan: how the arrays of one type become arrays of their wire type.

use arrow::array::{Array, ArrayRef, BooleanArray, Int8Array, new_empty_array, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use super::check::Check;
use super::gather::MAX_UNPACKED;
use super::list::{FixedList, List, ListView};
use super::map::Map;
use super::number::Number;
use super::temporal::{Spans, Times};
use super::union::Union;
use super::{NormaliseError, encoded, list, text};
use crate::ValueError;

/// How arrays of one Arrow type become arrays of another.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// The type of what comes out.
    pub(super) wire: DataType,
}

/// What has to be done.
#[derive(Debug)]
pub(super) enum Kind {
    /// Nothing.
    Same,
    /// Nothing, once the values are checked, but perhaps another label: a zone, a precision.
    Check(Check),
    /// Nulls of no type become nulls of one.
    Nulls,
    /// A conversion that every value survives, by Arrow's own kernel.
    Cast,
    /// Bytes that are zero or not become booleans.
    Bool8,
    /// Exact numbers.
    Number(Box<Number>),
    /// Dates, times of day and timestamps.
    Times(Times),
    /// Durations and the lesser intervals.
    Spans(Spans),
    /// Text and bytes laid out otherwise.
    Bytes,
    /// Values by number.
    Dictionary(Box<Node>),
    /// Values by run.
    RunEnds(Box<Node>),
    /// Lists with offsets of 32 or 64 bits.
    List(List),
    /// Lists with an offset and a size each.
    ListView(ListView),
    /// Lists of one size, as such or as lists of any.
    FixedList(FixedList),
    /// Structs.
    Struct(Vec<Node>),
    /// Maps.
    Map(Box<Map>),
    /// Unions.
    Union(Union),
}

impl Node {
    pub(super) fn is_same(&self) -> bool {
        matches!(self.kind, Kind::Same)
    }

    /// Whether a single value may be refused, so that it matters which values are live.
    pub(super) fn is_fallible(&self) -> bool {
        match &self.kind {
            Kind::Same | Kind::Nulls | Kind::Cast | Kind::Bool8 | Kind::Bytes => false,
            Kind::Check(_) | Kind::Number(_) | Kind::Times(_) | Kind::Spans(_) | Kind::Map(_) => true,
            Kind::Dictionary(values) | Kind::RunEnds(values) => values.is_fallible(),
            Kind::List(list) => list.item.is_fallible(),
            Kind::ListView(list) => list.item.is_fallible(),
            Kind::FixedList(list) => list.item.is_fallible(),
            Kind::Struct(fields) => fields.iter().any(Node::is_fallible),
            Kind::Union(union) => union.members.iter().any(Node::is_fallible),
        }
    }

    /// Converts `array`, of whose slots only those in `live` can be seen. None means that it is fine as it is.
    ///
    /// # Errors
    ///
    /// A live value cannot be carried.
    pub(super) fn convert(
        &self,
        array: &ArrayRef,
        live: Option<&NullBuffer>,
    ) -> Result<Option<ArrayRef>, NormaliseError> {
        let converted = match &self.kind {
            Kind::Same => return Ok(None),
            Kind::Check(check) => return Ok(check.convert(array, live, &self.wire)?),
            Kind::Nulls => nulls(&self.wire, array.len())?,
            Kind::Cast => cast(array, &self.wire)?,
            Kind::Bool8 => bool8(array)?,
            Kind::Number(number) => number.convert(array, live, &self.wire)?,
            Kind::Times(times) => times.convert(array, live, &self.wire)?,
            Kind::Spans(spans) => spans.convert(array, live, &self.wire)?,
            Kind::Bytes => text::convert(array, &self.wire)?,
            Kind::Dictionary(values) => encoded::dictionary(values, array, live)?,
            Kind::RunEnds(values) => encoded::run_ends(values, array, live)?,
            Kind::List(list) => return list.convert(array, live, &self.wire),
            Kind::ListView(list) => list.convert(array, live, &self.wire)?,
            Kind::FixedList(list) => return list.convert(array, live, &self.wire),
            Kind::Struct(fields) => return list::structs(fields, array, live, &self.wire),
            Kind::Map(map) => return map.convert(array, live, &self.wire),
            Kind::Union(union) => return union.convert(array, live, &self.wire),
        };
        Ok(Some(converted))
    }

    /// As [`convert`](Node::convert), giving the array itself where it is fine.
    pub(super) fn converted(&self, array: &ArrayRef, live: Option<&NullBuffer>) -> Result<ArrayRef, NormaliseError> {
        Ok(self.convert(array, live)?.unwrap_or_else(|| array.clone()))
    }
}

/// `array` as what its type says it is.
///
/// # Errors
///
/// It is not, which no plan admits.
pub(super) fn typed<A: Array + 'static>(array: &ArrayRef) -> Result<&A, ValueError> {
    array
        .as_any()
        .downcast_ref::<A>()
        .ok_or_else(|| ValueError::Array { problem: format!("it is not built as {}", array.data_type()) })
}

/// The error for what Arrow refuses to build.
pub(super) fn refused(error: ArrowError) -> ValueError {
    match error {
        ArrowError::OffsetOverflowError(_) => ValueError::TooLarge,
        error => ValueError::Array { problem: error.to_string() },
    }
}

/// Casts with Arrow's kernel, which must not fail for any value.
pub(super) fn cast(array: &dyn Array, wire: &DataType) -> Result<ArrayRef, ValueError> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, wire, &strict).map_err(refused)
}

fn bool8(array: &ArrayRef) -> Result<ArrayRef, ValueError> {
    let bytes = typed::<Int8Array>(array)?;
    let values = bytes.values().iter().map(|byte| *byte != 0).collect();
    Ok(std::sync::Arc::new(BooleanArray::new(values, bytes.nulls().cloned())))
}

fn nulls(wire: &DataType, len: usize) -> Result<ArrayRef, ValueError> {
    if len == 0 {
        return Ok(new_empty_array(wire));
    }
    match len.checked_mul(slots(wire)) {
        Some(slots) if slots <= MAX_UNPACKED => Ok(new_null_array(wire, len)),
        _ => Err(ValueError::TooLarge),
    }
}

/// How many values a null of this type takes room for.
fn slots(wire: &DataType) -> usize {
    match wire {
        DataType::FixedSizeList(item, size) => {
            slots(item.data_type()).saturating_mul(usize::try_from(*size).unwrap_or(usize::MAX)).saturating_add(1)
        }
        DataType::Struct(fields) => {
            fields.iter().fold(1, |sum: usize, field| sum.saturating_add(slots(field.data_type())))
        }
        DataType::Union(members, _) => {
            members.iter().fold(1, |sum: usize, (_, field)| sum.saturating_add(slots(field.data_type())))
        }
        _ => 1,
    }
}
