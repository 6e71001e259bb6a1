//! One column of a chunk, or what is nested in it: read-only views of DuckDB's memory.

use std::marker::PhantomData;
use std::ops::Range;
use std::{ptr, slice};

use duckdb::ffi;

unsafe extern "C" {
    fn pintail_vector_layout(vector: ffi::duckdb_vector, out_elements: *mut u64) -> u8;
}

/// How DuckDB lays out the values of a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine::duckdb) enum Physical {
    /// One byte, 0 or 1.
    Bool,
    /// Signed integers, by their width in bits.
    I8,
    /// See `I8`.
    I16,
    /// See `I8`.
    I32,
    /// See `I8`.
    I64,
    /// Two words: [`HugeInt`].
    I128,
    /// Unsigned integers, by their width in bits.
    U8,
    /// See `U8`.
    U16,
    /// See `U8`.
    U32,
    /// See `U8`.
    U64,
    /// Two words: [`UHugeInt`].
    U128,
    /// Floating-point numbers.
    F32,
    /// See `F32`.
    F64,
    /// [`Interval`].
    Interval,
    /// Text or bytes of any length.
    Bytes,
    /// Entries of offset and length into one child.
    List,
    /// So many elements of one child a row.
    Array(usize),
    /// One child a member; for a union, the tag first.
    Struct,
    /// Nothing that this wrapper can read.
    Opaque,
}

impl Physical {
    /// That of a vector.
    ///
    /// # Safety
    /// `raw` is live.
    pub(super) unsafe fn of_vector(raw: ffi::duckdb_vector) -> Self {
        let mut elements = 0;
        // SAFETY: the vector is live and the out pointer ours. The numbers are those of DuckDB's `PhysicalType`.
        match unsafe { pintail_vector_layout(raw, &mut elements) } {
            1 => Self::Bool,
            2 => Self::U8,
            3 => Self::I8,
            4 => Self::U16,
            5 => Self::I16,
            6 => Self::U32,
            7 => Self::I32,
            8 => Self::U64,
            9 => Self::I64,
            11 => Self::F32,
            12 => Self::F64,
            21 => Self::Interval,
            23 => Self::List,
            24 => Self::Struct,
            29 => Self::Array(elements as usize),
            200 => Self::Bytes,
            203 => Self::U128,
            204 => Self::I128,
            _ => Self::Opaque,
        }
    }
}

/// DuckDB's 128-bit signed integer.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(in crate::engine::duckdb) struct HugeInt {
    lower: u64,
    upper: i64,
}

impl From<HugeInt> for i128 {
    fn from(value: HugeInt) -> Self {
        (i128::from(value.upper) << 64) | i128::from(value.lower)
    }
}

impl From<i128> for HugeInt {
    fn from(value: i128) -> Self {
        Self { lower: value as u64, upper: (value >> 64) as i64 }
    }
}

/// DuckDB's 128-bit unsigned integer.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(in crate::engine::duckdb) struct UHugeInt {
    lower: u64,
    upper: u64,
}

impl From<UHugeInt> for u128 {
    fn from(value: UHugeInt) -> Self {
        (u128::from(value.upper) << 64) | u128::from(value.lower)
    }
}

impl From<u128> for UHugeInt {
    fn from(value: u128) -> Self {
        Self { lower: value as u64, upper: (value >> 64) as u64 }
    }
}

/// DuckDB's interval.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(in crate::engine::duckdb) struct Interval {
    /// Months.
    pub(in crate::engine::duckdb) months: i32,
    /// Days.
    pub(in crate::engine::duckdb) days: i32,
    /// Microseconds.
    pub(in crate::engine::duckdb) micros: i64,
}

/// Where a list's elements are in the child vector.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(in crate::engine::duckdb) struct ListEntry {
    /// The first element.
    pub(in crate::engine::duckdb) offset: u64,
    /// How many there are.
    pub(in crate::engine::duckdb) length: u64,
}

/// A type whose values stand in a vector as they are, whatever their bits.
pub(in crate::engine::duckdb) trait Plain: Copy + private::Sealed {
    /// The layout it has.
    const PHYSICAL: Physical;
}

mod private {
    pub(in crate::engine::duckdb) trait Sealed {}
}

macro_rules! plain {
    ($($ty:ty => $physical:ident),+ $(,)?) => {
        $(
            impl private::Sealed for $ty {}
            impl Plain for $ty {
                const PHYSICAL: Physical = Physical::$physical;
            }
        )+
    };
}

plain! {
    i8 => I8, i16 => I16, i32 => I32, i64 => I64, u8 => U8, u16 => U16, u32 => U32, u64 => U64, f32 => F32,
    f64 => F64, HugeInt => I128, UHugeInt => U128, Interval => Interval, ListEntry => List,
}

/// A column's values, borrowed from its chunk.
#[derive(Clone, Copy)]
pub(in crate::engine::duckdb) struct Vector<'chunk> {
    raw: ffi::duckdb_vector,
    physical: Physical,
    len: usize,
    chunk: PhantomData<&'chunk ()>,
}

impl<'chunk> Vector<'chunk> {
    /// # Safety
    /// `raw` holds `len` flat values laid out as `physical`, and lives and stays unchanged during `'chunk`.
    pub(super) unsafe fn borrowed(raw: ffi::duckdb_vector, physical: Physical, len: usize) -> Self {
        Self { raw, physical, len, chunk: PhantomData }
    }

    /// How its values are laid out.
    pub(in crate::engine::duckdb) fn physical(&self) -> Physical {
        self.physical
    }

    /// One bit a value, set where it is not NULL, least significant first; `None` when no value is NULL.
    pub(in crate::engine::duckdb) fn validity(&self) -> Option<&'chunk [u8]> {
        // SAFETY: the vector is live.
        let mask = unsafe { ffi::duckdb_vector_get_validity(self.raw) };
        if mask.is_null() || self.len == 0 {
            return None;
        }
        // SAFETY: the mask has a bit for each value, in whole 64-bit words, and lives as long as the vector.
        Some(unsafe { slice::from_raw_parts(mask.cast::<u8>(), self.len.div_ceil(64) * 8) })
    }

    /// The values, when they are laid out as `T`. What stands at a NULL is arbitrary.
    pub(in crate::engine::duckdb) fn values<T: Plain>(&self) -> Option<&'chunk [T]> {
        (T::PHYSICAL == self.physical).then(|| self.slice())
    }

    /// The values of a boolean vector, one byte each: 0 is false.
    pub(in crate::engine::duckdb) fn booleans(&self) -> Option<&'chunk [u8]> {
        (self.physical == Physical::Bool).then(|| self.slice())
    }

    /// The values of a text or binary vector.
    pub(in crate::engine::duckdb) fn bytes(&self) -> Option<Bytes<'chunk>> {
        (self.physical == Physical::Bytes).then(|| Bytes {
            strings: self.slice(),
            validity: self.validity(),
            chunk: PhantomData,
        })
    }

    /// The one child of a list or array.
    pub(in crate::engine::duckdb) fn element(&self) -> Option<Vector<'chunk>> {
        let (raw, len) = match self.physical {
            // SAFETY: the vector is live and a list.
            Physical::List => unsafe {
                (ffi::duckdb_list_vector_get_child(self.raw), ffi::duckdb_list_vector_get_size(self.raw) as usize)
            },
            // SAFETY: the vector is live and an array.
            Physical::Array(size) => (unsafe { ffi::duckdb_array_vector_get_child(self.raw) }, self.len * size),
            _ => return None,
        };
        self.child(raw, len)
    }

    /// The member at `index` of a struct; of a union, the tag is the first.
    pub(in crate::engine::duckdb) fn member(&self, index: usize) -> Option<Vector<'chunk>> {
        if self.physical != Physical::Struct {
            return None;
        }
        // SAFETY: the vector is live and a struct; the caller's index comes from the struct's own type.
        let raw = unsafe { ffi::duckdb_struct_vector_get_child(self.raw, index as u64) };
        self.child(raw, self.len)
    }

    fn child(&self, raw: ffi::duckdb_vector, len: usize) -> Option<Vector<'chunk>> {
        if raw.is_null() {
            return None;
        }
        // SAFETY: the child is live; it has the length its parent gives it and lives as long as its parent.
        Some(unsafe { Vector::borrowed(raw, Physical::of_vector(raw), len) })
    }

    fn slice<T>(&self) -> &'chunk [T] {
        // SAFETY: the vector is live.
        let data = unsafe { ffi::duckdb_vector_get_data(self.raw) };
        if data.is_null() || self.len == 0 {
            return &[];
        }
        debug_assert!(data.cast::<T>().is_aligned());
        // SAFETY: the callers have checked that the vector's layout is `T`, any bits of which are a value of it; there
        // are `len` of them, and they live as long as the vector.
        unsafe { slice::from_raw_parts(data.cast::<T>(), self.len) }
    }
}

/// The values of a text or binary vector.
#[derive(Clone, Copy)]
pub(in crate::engine::duckdb) struct Bytes<'chunk> {
    strings: &'chunk [StringT],
    validity: Option<&'chunk [u8]>,
    chunk: PhantomData<&'chunk ()>,
}

/// DuckDB's `string_t`: up to twelve bytes in place, else a pointer.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct StringT {
    length: u32,
    prefix: [u8; 4],
    pointer: *const u8,
}

impl StringT {
    const INLINE: usize = 12;

    /// Where the bytes are that stand in place: behind the length.
    fn in_place(&self) -> *const u8 {
        ptr::from_ref(self).cast::<u8>().wrapping_add(4)
    }

    /// These bytes: in place, or where they are. `None` when there are too many.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let length = u32::try_from(bytes.len()).ok()?;
        if bytes.len() > Self::INLINE {
            let prefix = [bytes[0], bytes[1], bytes[2], bytes[3]];
            return Some(Self { length, prefix, pointer: bytes.as_ptr() });
        }
        let mut place = [0_u8; Self::INLINE];
        place[..bytes.len()].copy_from_slice(bytes);
        let (prefix, rest) = place.split_at(4);
        let rest = rest.iter().rev().fold(0_usize, |word, byte| (word << 8) | usize::from(*byte));
        // What is in place of the pointer is not one, and is read as bytes.
        Some(Self {
            length,
            prefix: [prefix[0], prefix[1], prefix[2], prefix[3]],
            pointer: ptr::without_provenance(usize::from_le(rest)),
        })
    }
}

impl<'chunk> Bytes<'chunk> {
    /// So much room behind what it appends is written to.
    pub(in crate::engine::duckdb) const BEYOND: usize = StringT::INLINE;

    /// The value at `row`, or `None` where it is NULL or there is no such row.
    pub(in crate::engine::duckdb) fn get(&self, row: usize) -> Option<&'chunk [u8]> {
        let string = self.valid(row)?;
        let length = string.length as usize;
        let start = if length <= StringT::INLINE { string.in_place() } else { string.pointer };
        // SAFETY: the value is not NULL, so its length is true and its bytes are in place or at the pointer, where they
        // live as long as the chunk.
        Some(unsafe { slice::from_raw_parts(start, length) })
    }

    /// Appends the bytes of these rows to `bytes`, and to `ends` how many there are behind each; whether there are such rows, and
    /// their ends can be told. A call of the library's copy for each text costs more than the copying of most.
    pub(in crate::engine::duckdb) fn append_to(
        &self,
        rows: Range<usize>,
        bytes: &mut Vec<u8>,
        ends: &mut Vec<i32>,
    ) -> bool {
        let Some(strings) = self.strings.get(rows.clone()) else { return false };
        ends.reserve(strings.len());
        for (row, string) in rows.zip(strings) {
            if self.is_valid(row) {
                let length = string.length as usize;
                bytes.reserve(length.max(StringT::INLINE));
                let at = bytes.len();
                // SAFETY: there is room behind the end for the text, and for all that may be in place. The value is not NULL, so
                // its length is true, and its bytes are in place or at the pointer, where they live as long as the chunk.
                unsafe {
                    let end = bytes.as_mut_ptr().add(at);
                    if length <= StringT::INLINE {
                        ptr::copy_nonoverlapping(string.in_place(), end, StringT::INLINE);
                    } else {
                        copy_text(string.pointer, end, length);
                    }
                    bytes.set_len(at + length);
                }
            }
            match i32::try_from(bytes.len()) {
                Ok(end) => ends.push(end),
                Err(_) => return false,
            }
        }
        true
    }

    /// The length in bytes of the value at `row`: 0 where it is NULL, whose stored length means nothing.
    pub(in crate::engine::duckdb) fn length(&self, row: usize) -> usize {
        self.valid(row).map_or(0, |string| string.length as usize)
    }

    fn valid(&self, row: usize) -> Option<&'chunk StringT> {
        self.strings.get(row).filter(|_| self.is_valid(row))
    }

    fn is_valid(&self, row: usize) -> bool {
        self.validity.is_none_or(|mask| mask[row / 8] & (1 << (row % 8)) != 0)
    }
}

/// Copies a text of more than [`StringT::INLINE`] bytes: a short one by two pieces, which overlap.
///
/// # Safety
/// There are `length` bytes at `from`, and room for them at `to`, and these are not the same.
unsafe fn copy_text(from: *const u8, to: *mut u8, length: usize) {
    // SAFETY: each piece is within the text, which is as long as a piece at least.
    unsafe {
        match length {
            StringT::INLINE..=16 => copy_ends::<8>(from, to, length),
            17..=32 => copy_ends::<16>(from, to, length),
            33..=64 => copy_ends::<32>(from, to, length),
            _ => ptr::copy_nonoverlapping(from, to, length),
        }
    }
}

/// Copies `PIECE` bytes from the beginning on, and as many up to the end.
///
/// # Safety
/// As of [`copy_text`], for `PIECE` bytes at least, and two times that at most.
unsafe fn copy_ends<const PIECE: usize>(from: *const u8, to: *mut u8, length: usize) {
    // SAFETY: as the caller guarantees.
    unsafe {
        let last = from.add(length - PIECE).cast::<[u8; PIECE]>().read_unaligned();
        to.cast::<[u8; PIECE]>().write_unaligned(from.cast::<[u8; PIECE]>().read_unaligned());
        to.add(length - PIECE).cast::<[u8; PIECE]>().write_unaligned(last);
    }
}
