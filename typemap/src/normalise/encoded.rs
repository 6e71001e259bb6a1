//! Dictionaries and run-end encodings: each distinct value is converted once, then put where it belongs.

use arrow::array::{Array, ArrayRef, AsArray, RunArray, UInt32Array, new_empty_array};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{ArrowNativeType, DataType, Int16Type, Int32Type, Int64Type, RunEndIndexType};

use super::NormaliseError;
use super::gather::{MAX_UNPACKED, gather};
use super::live::referenced;
use super::node::{Node, refused, typed};
use crate::ValueError;

/// The values of a dictionary array in the type of the wire.
pub(super) fn dictionary(
    values: &Node,
    array: &ArrayRef,
    live: Option<&NullBuffer>,
) -> Result<ArrayRef, NormaliseError> {
    let Some(dictionary) = array.as_any_dictionary_opt() else {
        return Err(ValueError::Array { problem: format!("it is not built as {}", array.data_type()) }.into());
    };
    check_len(array.len())?;
    u32::try_from(dictionary.values().len()).map_err(|_| ValueError::TooLarge)?;
    let keys = cast(dictionary.keys(), &DataType::UInt32).map_err(refused)?;
    let keys = typed::<UInt32Array>(&keys)?;
    unpack(values, dictionary.values(), keys, live)
}

/// The values of a run-end encoded array in the type of the wire.
pub(super) fn run_ends(values: &Node, array: &ArrayRef, live: Option<&NullBuffer>) -> Result<ArrayRef, NormaliseError> {
    check_len(array.len())?;
    if array.is_empty() {
        return Ok(new_empty_array(&values.wire));
    }
    match array.data_type() {
        DataType::RunEndEncoded(ends, _) if *ends.data_type() == DataType::Int16 => {
            runs::<Int16Type>(values, array, live)
        }
        DataType::RunEndEncoded(ends, _) if *ends.data_type() == DataType::Int32 => {
            runs::<Int32Type>(values, array, live)
        }
        _ => runs::<Int64Type>(values, array, live),
    }
}

fn runs<R: RunEndIndexType>(
    values: &Node,
    array: &ArrayRef,
    live: Option<&NullBuffer>,
) -> Result<ArrayRef, NormaliseError> {
    let array = typed::<RunArray<R>>(array)?;
    let ends = array.run_ends();
    let mut keys: Vec<u32> = Vec::with_capacity(array.len());
    for (run, end) in ends.values().iter().enumerate().skip(ends.get_start_physical_index()) {
        let run = u32::try_from(run).map_err(|_| ValueError::TooLarge)?;
        let end = end.as_usize().saturating_sub(ends.offset()).min(array.len());
        keys.resize(end.max(keys.len()), run);
        if end == array.len() {
            break;
        }
    }
    unpack(values, array.values(), &keys.into(), live)
}

fn check_len(len: usize) -> Result<(), ValueError> {
    if len > MAX_UNPACKED { Err(ValueError::TooLarge) } else { Ok(()) }
}

/// Converts `values` and puts them where `keys` say. Only the values count that a live key refers to.
pub(super) fn unpack(
    node: &Node,
    values: &ArrayRef,
    keys: &UInt32Array,
    live: Option<&NullBuffer>,
) -> Result<ArrayRef, NormaliseError> {
    let converted = if node.is_fallible() {
        let seen = keys.iter().enumerate().filter(|(slot, _)| live.is_none_or(|live| live.is_valid(*slot)));
        let seen = referenced(values.len(), seen.filter_map(|(_, key)| key).map(|key| key as usize));
        node.converted(values, Some(&seen))?
    } else {
        node.converted(values, None)?
    };
    Ok(gather(&converted, keys)?)
}
