//! Columns of text and bytes, and of what goes over the wire as text.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::error::ArrowError;
use typemap::value::ValueError;

use super::column::{Column, ConvertError, unexpected_layout};
use super::fixed::Batched;
use super::nulls::{Nulls, is_valid};
use crate::engine::duckdb::ffi::vector::Bytes;
use crate::engine::duckdb::ffi::{Physical, Vector};

/// Values of any length, one after the other.
#[derive(Default)]
struct Values {
    /// Where the first begins, and where each ends; none before the first.
    offsets: Batched<i32>,
    bytes: Batched<u8>,
    nulls: Nulls,
}

impl Values {
    fn push(&mut self, value: &[u8]) -> Result<(), ConvertError> {
        self.bytes.values.extend_from_slice(value);
        let end = i32::try_from(self.bytes.values.len()).map_err(|_| too_long())?;
        self.reserve(1).push(end);
        Ok(())
    }

    /// The offsets, with room for so many more values.
    fn reserve(&mut self, more: usize) -> &mut Vec<i32> {
        let is_first = self.offsets.values.is_empty();
        self.offsets.reserve(more + usize::from(is_first));
        if is_first {
            self.offsets.values.push(0);
        }
        &mut self.offsets.values
    }

    fn append_bytes(&mut self, vector: &Vector<'_>, rows: Range<usize>) -> Result<(), ConvertError> {
        let source = vector.bytes().ok_or_else(|| unexpected_layout(vector.physical()))?;
        self.reserve(rows.len());
        // Long values would else make the buffer double, and be copied, again and again.
        let more: usize = rows.clone().map(|row| source.length(row)).sum();
        self.bytes.reserve(more + Bytes::BEYOND);
        if !source.append_to(rows.clone(), &mut self.bytes.values, &mut self.offsets.values) {
            return Err(too_long());
        }
        self.nulls.append(vector.validity(), rows);
        Ok(())
    }

    fn append_made(&mut self, array: &dyn Array, rows: Range<usize>) -> Result<(), ConvertError> {
        let (theirs, bytes) = match array.as_string_opt::<i32>() {
            Some(texts) => (texts.value_offsets(), texts.value_data()),
            None => (array.as_binary::<i32>().value_offsets(), array.as_binary::<i32>().value_data()),
        };
        let (from, to) = (theirs[rows.start], theirs[rows.end]);
        let bytes = &bytes[from as usize..to as usize];
        let begin = i32::try_from(self.bytes.values.len() + bytes.len()).map_err(|_| too_long())? - (to - from);
        self.bytes.reserve(bytes.len());
        self.bytes.values.extend_from_slice(bytes);
        let ends = theirs[rows.start + 1..=rows.end].iter().map(|end| begin + (end - from));
        self.reserve(rows.len()).extend(ends);
        self.nulls.append_made(array.nulls(), rows);
        Ok(())
    }

    fn append_nulls(&mut self, count: usize) {
        let offsets = self.reserve(count);
        let end = offsets.last().copied().unwrap_or(0);
        offsets.resize(offsets.len() + count, end);
        self.nulls.append_nulls(count);
    }

    fn take(&mut self) -> (OffsetBuffer<i32>, Buffer, Option<arrow::buffer::NullBuffer>) {
        self.reserve(0);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets.take()));
        (offsets, Buffer::from_vec(self.bytes.take()), std::mem::take(&mut self.nulls).finish())
    }

    fn text(&mut self) -> Result<ArrayRef, ArrowError> {
        let (offsets, bytes, nulls) = self.take();
        Ok(Arc::new(StringArray::try_new(offsets, bytes, nulls)?))
    }
}

fn too_long() -> ConvertError {
    ConvertError::Layout("a value of more than 2 GiB can't be sent".to_owned())
}

/// VARCHAR, JSON and BLOB: values that stand in DuckDB's vector as they go over the wire.
pub(super) struct Verbatim {
    values: Values,
    is_text: bool,
}

impl Verbatim {
    pub(super) fn text() -> Self {
        Self { values: Values::default(), is_text: true }
    }

    pub(super) fn binary() -> Self {
        Self { values: Values::default(), is_text: false }
    }
}

impl Column for Verbatim {
    fn width(&self) -> usize {
        size_of::<i32>()
    }

    fn varies(&self) -> bool {
        true
    }

    fn add_lengths(&self, vector: &Vector<'_>, rows: Range<usize>, lengths: &mut [usize]) {
        if let Some(source) = vector.bytes() {
            for (length, row) in lengths.iter_mut().zip(rows) {
                *length += source.length(row);
            }
        }
    }

    fn append(&mut self, vector: &Vector<'_>, rows: Range<usize>) -> Result<(), ConvertError> {
        self.values.append_bytes(vector, rows)
    }

    fn append_nulls(&mut self, count: usize) {
        self.values.append_nulls(count);
    }

    fn append_made(&mut self, array: &dyn Array, rows: Range<usize>) -> Result<(), ConvertError> {
        self.values.append_made(array, rows)
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        if self.is_text {
            return self.values.text();
        }
        let (offsets, bytes, nulls) = self.values.take();
        Ok(Arc::new(BinaryArray::try_new(offsets, bytes, nulls)?))
    }
}

/// ENUM: the text of each value, where DuckDB has its number.
pub(super) struct Enums {
    names: Vec<String>,
    longest: usize,
    values: Values,
}

impl Enums {
    pub(super) fn new(names: &[String]) -> Self {
        let longest = names.iter().map(String::len).max().unwrap_or(0);
        Self { names: names.to_vec(), longest, values: Values::default() }
    }
}

impl Column for Enums {
    fn width(&self) -> usize {
        size_of::<i32>() + self.longest
    }

    fn append(&mut self, vector: &Vector<'_>, rows: Range<usize>) -> Result<(), ConvertError> {
        let validity = vector.validity();
        let layout = || unexpected_layout(vector.physical());
        let number: Box<dyn Fn(usize) -> usize> = match vector.physical() {
            Physical::U8 => {
                let values = vector.values::<u8>().ok_or_else(layout)?;
                Box::new(move |row| usize::from(values[row]))
            }
            Physical::U16 => {
                let values = vector.values::<u16>().ok_or_else(layout)?;
                Box::new(move |row| usize::from(values[row]))
            }
            _ => {
                let values = vector.values::<u32>().ok_or_else(layout)?;
                Box::new(move |row| values[row] as usize)
            }
        };
        for row in rows.clone() {
            let name = if is_valid(validity, row) {
                self.names
                    .get(number(row))
                    .ok_or_else(|| ConvertError::Layout("an ENUM value has a number its type does not".to_owned()))?
            } else {
                ""
            };
            self.values.push(name.as_bytes())?;
        }
        self.values.nulls.append(validity, rows);
        Ok(())
    }

    fn append_nulls(&mut self, count: usize) {
        self.values.append_nulls(count);
    }

    fn append_made(&mut self, array: &dyn Array, rows: Range<usize>) -> Result<(), ConvertError> {
        self.values.append_made(array, rows)
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        self.values.text()
    }
}

/// Types that go over the wire as text which the type map writes.
pub(super) struct Rendered {
    render: Render,
    values: Values,
}

enum Render {
    Bytes(fn(&[u8]) -> Result<String, ValueError>),
    Words(fn(u64) -> Result<String, ValueError>),
}

impl Rendered {
    pub(super) fn of_bytes(render: fn(&[u8]) -> Result<String, ValueError>) -> Self {
        Self { render: Render::Bytes(render), values: Values::default() }
    }

    pub(super) fn of_words(render: fn(u64) -> Result<String, ValueError>) -> Self {
        Self { render: Render::Words(render), values: Values::default() }
    }
}

impl Column for Rendered {
    fn width(&self) -> usize {
        // An offset, and about a time of day.
        size_of::<i32>() + 16
    }

    fn varies(&self) -> bool {
        matches!(self.render, Render::Bytes(_))
    }

    fn add_lengths(&self, vector: &Vector<'_>, rows: Range<usize>, lengths: &mut [usize]) {
        if let Some(source) = vector.bytes() {
            for (length, row) in lengths.iter_mut().zip(rows) {
                // A digit a bit is the most that a byte can become.
                *length += source.length(row) * 8;
            }
        }
    }

    fn append(&mut self, vector: &Vector<'_>, rows: Range<usize>) -> Result<(), ConvertError> {
        let validity = vector.validity();
        match self.render {
            Render::Bytes(render) => {
                let source = vector.bytes().ok_or_else(|| unexpected_layout(vector.physical()))?;
                for row in rows.clone() {
                    match source.get(row) {
                        Some(bytes) => self.values.push(render(bytes)?.as_bytes())?,
                        None => self.values.push(&[])?,
                    }
                }
            }
            Render::Words(render) => {
                let source = vector.values::<u64>().ok_or_else(|| unexpected_layout(vector.physical()))?;
                for row in rows.clone() {
                    if is_valid(validity, row) {
                        self.values.push(render(source[row])?.as_bytes())?;
                    } else {
                        self.values.push(&[])?;
                    }
                }
            }
        }
        self.values.nulls.append(validity, rows);
        Ok(())
    }

    fn append_nulls(&mut self, count: usize) {
        self.values.append_nulls(count);
    }

    fn append_made(&mut self, array: &dyn Array, rows: Range<usize>) -> Result<(), ConvertError> {
        self.values.append_made(array, rows)
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        self.values.text()
    }
}
