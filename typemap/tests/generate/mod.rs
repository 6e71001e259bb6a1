//! Arrow types and arrays of every kind, made from bytes: the same bytes make the same arrays.

use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::*;

/// Bytes that choices are made by; zeros when they have run out.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Bytes<'_> {
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below `most`.
    pub(crate) fn below(&mut self, most: usize) -> usize {
        usize::from(self.byte()) % most
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// A small number most often, and one at the edges now and then.
    pub(crate) fn integer(&mut self) -> i128 {
        match self.byte() {
            0 => i128::MAX,
            1 => i128::MIN,
            2 => i128::from(i64::MAX),
            3 => -i128::from(i64::MAX),
            4 => i128::from(i64::MIN),
            5 => i128::from(i32::MAX),
            6 => -i128::from(i32::MAX),
            7 => 10_i128.pow(38),
            8..100 => i128::from(self.byte()) - 128,
            _ => {
                let bytes = std::array::from_fn(|index| if index < 6 { self.byte() } else { 0 });
                i128::from(i64::from_le_bytes(bytes)) - (1 << 40)
            }
        }
    }
}

/// Which values arrays are made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    /// Any that Arrow admits.
    Any,
    /// Only those that every SQL type of the layout can hold, on the wire and in a table.
    Plain,
}

/// Any Arrow type of which an array can be made.
pub(crate) fn any_type(bytes: &mut Bytes<'_>, depth: usize) -> DataType {
    use TimeUnit::*;
    let unit = |bytes: &mut Bytes<'_>| [Second, Millisecond, Microsecond, Nanosecond][bytes.below(4)];
    let child =
        |bytes: &mut Bytes<'_>, name: &str| Arc::new(Field::new(name, any_type(bytes, depth.saturating_sub(1)), true));
    match bytes.below(if depth == 0 { 34 } else { 46 }) {
        0 => DataType::Null,
        1 => DataType::Boolean,
        2 => DataType::Int8,
        3 => DataType::Int16,
        4 => DataType::Int32,
        5 => DataType::Int64,
        6 => DataType::UInt8,
        7 => DataType::UInt16,
        8 => DataType::UInt32,
        9 => DataType::UInt64,
        10 => DataType::Float16,
        11 => DataType::Float32,
        12 => DataType::Float64,
        13 => DataType::Utf8,
        14 => DataType::LargeUtf8,
        15 => DataType::Utf8View,
        16 => DataType::Binary,
        17 => DataType::LargeBinary,
        18 => DataType::BinaryView,
        19 => DataType::FixedSizeBinary([16, 1, 3][bytes.below(3)]),
        20 => DataType::Date32,
        21 => DataType::Date64,
        22 => DataType::Time32([Second, Millisecond][bytes.below(2)]),
        23 => DataType::Time64([Microsecond, Nanosecond][bytes.below(2)]),
        24 | 25 => DataType::Timestamp(unit(bytes), None),
        26 => DataType::Timestamp(unit(bytes), Some(["UTC", "Europe/Lisbon", "+02:00"][bytes.below(3)].into())),
        27 => DataType::Duration(unit(bytes)),
        28 => DataType::Interval(
            [IntervalUnit::YearMonth, IntervalUnit::DayTime, IntervalUnit::MonthDayNano][bytes.below(3)],
        ),
        29 => DataType::Decimal32(1 + bytes.below(9) as u8, bytes.below(4) as i8 - 2),
        30 => DataType::Decimal64(1 + bytes.below(18) as u8, bytes.below(6) as i8 - 2),
        31 => DataType::Decimal128(1 + bytes.below(38) as u8, bytes.below(6) as i8 - 2),
        32 => DataType::Decimal256(1 + bytes.below(76) as u8, bytes.below(6) as i8 - 2),
        33 => DataType::Decimal128(38, 0),
        34 => DataType::List(child(bytes, "x")),
        35 => DataType::LargeList(child(bytes, "x")),
        36 => DataType::ListView(child(bytes, "x")),
        37 => DataType::LargeListView(child(bytes, "x")),
        38 => DataType::FixedSizeList(child(bytes, "x"), bytes.below(4) as i32),
        39 | 40 => DataType::Struct((0..bytes.below(3)).map(|i| child(bytes, &format!("f{i}"))).collect()),
        41 => {
            let key = child(bytes, "k");
            let entries = DataType::Struct(vec![key, child(bytes, "v")].into());
            DataType::Map(Arc::new(Field::new("e", entries, false)), bytes.flag())
        }
        42 | 43 => {
            let mode = if bytes.flag() { UnionMode::Dense } else { UnionMode::Sparse };
            let first = bytes.below(100) as i8;
            let members = (0..1 + bytes.below(3) as i8).map(|i| (first + 2 * i, child(bytes, &format!("m{i}"))));
            DataType::Union(members.collect(), mode)
        }
        44 => {
            let keys = [DataType::Int8, DataType::UInt16, DataType::Int32, DataType::UInt64][bytes.below(4)].clone();
            DataType::Dictionary(Box::new(keys), Box::new(any_type(bytes, depth - 1)))
        }
        _ => {
            let ends = [DataType::Int16, DataType::Int32, DataType::Int64][bytes.below(3)].clone();
            DataType::RunEndEncoded(Arc::new(Field::new("run_ends", ends, false)), child(bytes, "values"))
        }
    }
}

fn nulls(bytes: &mut Bytes<'_>, len: usize, nullable: bool) -> Option<NullBuffer> {
    if !nullable || bytes.below(3) == 0 {
        return None;
    }
    Some(NullBuffer::new(BooleanBuffer::collect_bool(len, |_| bytes.below(4) != 0)))
}

fn text(bytes: &mut Bytes<'_>) -> String {
    let length = [0, 1, 3, 20][bytes.below(4)];
    (0..length).map(|_| ['a', 'b', '\'', 'é', '0', '日'][bytes.below(6)]).collect()
}

fn primitive<T: ArrowPrimitiveType>(
    data_type: &DataType,
    len: usize,
    nulls: Option<NullBuffer>,
    mut value: impl FnMut() -> T::Native,
) -> ArrayRef {
    let values: Vec<T::Native> = (0..len).map(|_| value()).collect();
    Arc::new(PrimitiveArray::<T>::new(values.into(), nulls).with_data_type(data_type.clone()))
}

/// Lengths of lists, and the offsets they make.
fn offsets(bytes: &mut Bytes<'_>, len: usize) -> OffsetBuffer<i32> {
    OffsetBuffer::from_lengths((0..len).map(|_| bytes.below(4)))
}

/// An array of `len` values. Under its nulls lies whatever the bytes say.
pub(crate) fn array(
    bytes: &mut Bytes<'_>,
    data_type: &DataType,
    len: usize,
    values: Values,
    nullable: bool,
) -> ArrayRef {
    use TimeUnit::*;
    let plain = values == Values::Plain;
    let nulls = nulls(bytes, len, nullable);
    macro_rules! number {
        ($ty:ty) => {
            primitive::<$ty>(data_type, len, nulls, || bytes.integer() as _)
        };
    }
    // Dates and times of our days, or anything.
    macro_rules! time {
        ($ty:ty, $most:expr, $step:expr) => {
            primitive::<$ty>(data_type, len, nulls, || {
                let v = bytes.integer();
                (if plain { v.rem_euclid($most) / $step * $step } else { v }) as _
            })
        };
    }
    macro_rules! decimal {
        ($ty:ty, $precision:expr, $widen:expr) => {
            primitive::<$ty>(data_type, len, nulls, || {
                let v = bytes.integer();
                let digits = 10_i128.pow(u32::from($precision).min(38));
                $widen(if plain { v % digits } else { v })
            })
        };
    }
    match data_type {
        DataType::Null => Arc::new(NullArray::new(len)),
        DataType::Boolean => Arc::new(BooleanArray::new(BooleanBuffer::collect_bool(len, |_| bytes.flag()), nulls)),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float16 => primitive::<Float16Type>(data_type, len, nulls, || {
            <Float16Type as ArrowPrimitiveType>::Native::from_bits(u16::from(bytes.byte()) << 8)
        }),
        DataType::Float32 => primitive::<Float32Type>(data_type, len, nulls, || bytes.integer() as f32 / 3.0),
        DataType::Float64 => primitive::<Float64Type>(data_type, len, nulls, || bytes.integer() as f64 / 3.0),
        DataType::Decimal32(p, _) => decimal!(Decimal32Type, *p, |v| v as i32),
        DataType::Decimal64(p, _) => decimal!(Decimal64Type, *p, |v| v as i64),
        DataType::Decimal128(p, _) => decimal!(Decimal128Type, *p, |v| v),
        // The one layout of 256 bits that is sent to clients holds no negative numbers.
        DataType::Decimal256(p, _) => {
            decimal!(Decimal256Type, *p, |v: i128| { i256::from_i128(if plain { v.saturating_abs() } else { v }) })
        }
        DataType::Date32 => time!(Date32Type, 50_000, 1),
        DataType::Date64 => time!(Date64Type, 86_400_000 * 50_000, 86_400_000),
        DataType::Time32(Second) => time!(Time32SecondType, 86_400, 1),
        DataType::Time32(_) => time!(Time32MillisecondType, 86_400_000, 1),
        DataType::Time64(Nanosecond) => time!(Time64NanosecondType, 86_400_000_000_000, 1),
        DataType::Time64(_) => time!(Time64MicrosecondType, 86_400_000_000, 1),
        DataType::Timestamp(Second, _) => time!(TimestampSecondType, 1 << 33, 1),
        DataType::Timestamp(Millisecond, _) => time!(TimestampMillisecondType, 1 << 43, 1),
        DataType::Timestamp(Microsecond, _) => time!(TimestampMicrosecondType, 1 << 53, 1),
        DataType::Timestamp(Nanosecond, _) => time!(TimestampNanosecondType, 1 << 62, 1_000),
        DataType::Duration(Second) => time!(DurationSecondType, 1 << 33, 1),
        DataType::Duration(Millisecond) => time!(DurationMillisecondType, 1 << 43, 1),
        DataType::Duration(Microsecond) => time!(DurationMicrosecondType, 1 << 53, 1),
        DataType::Duration(Nanosecond) => time!(DurationNanosecondType, 1 << 62, 1_000),
        DataType::Interval(IntervalUnit::YearMonth) => number!(IntervalYearMonthType),
        DataType::Interval(IntervalUnit::DayTime) => primitive::<IntervalDayTimeType>(data_type, len, nulls, || {
            IntervalDayTime::new(bytes.integer() as i32, bytes.integer() as i32)
        }),
        DataType::Interval(_) => primitive::<IntervalMonthDayNanoType>(data_type, len, nulls, || {
            let nanos = bytes.integer() as i64;
            let nanos = if plain { nanos / 1_000 * 1_000 } else { nanos };
            IntervalMonthDayNano::new(bytes.integer() as i32, bytes.integer() as i32, nanos)
        }),
        DataType::Utf8 => {
            let texts: Vec<_> = (0..len).map(|_| text(bytes)).collect();
            let offsets = OffsetBuffer::from_lengths(texts.iter().map(String::len));
            Arc::new(StringArray::new(offsets, Buffer::from(texts.concat().as_bytes()), nulls))
        }
        DataType::LargeUtf8 => {
            let texts: Vec<_> = (0..len).map(|_| text(bytes)).collect();
            let offsets = OffsetBuffer::from_lengths(texts.iter().map(String::len));
            Arc::new(LargeStringArray::new(offsets, Buffer::from(texts.concat().as_bytes()), nulls))
        }
        DataType::Utf8View => {
            let texts = StringViewArray::from_iter_values((0..len).map(|_| text(bytes)));
            let (views, buffers, _) = texts.into_parts();
            Arc::new(StringViewArray::new(views, buffers, nulls))
        }
        DataType::Binary => {
            let texts: Vec<_> = (0..len).map(|_| text(bytes)).collect();
            let offsets = OffsetBuffer::from_lengths(texts.iter().map(String::len));
            Arc::new(BinaryArray::new(offsets, Buffer::from(texts.concat().as_bytes()), nulls))
        }
        DataType::LargeBinary => {
            let texts: Vec<_> = (0..len).map(|_| text(bytes)).collect();
            let offsets = OffsetBuffer::from_lengths(texts.iter().map(String::len));
            Arc::new(LargeBinaryArray::new(offsets, Buffer::from(texts.concat().as_bytes()), nulls))
        }
        DataType::BinaryView => {
            let texts = BinaryViewArray::from_iter_values((0..len).map(|_| text(bytes)));
            let (views, buffers, _) = texts.into_parts();
            Arc::new(BinaryViewArray::new(views, buffers, nulls))
        }
        DataType::FixedSizeBinary(size) => {
            let content: Vec<u8> = (0..len * *size as usize).map(|_| bytes.byte()).collect();
            Arc::new(FixedSizeBinaryArray::new(*size, content.into(), nulls))
        }
        DataType::List(item) => {
            let offsets = offsets(bytes, len);
            let elements =
                array(bytes, item.data_type(), *offsets.last().unwrap() as usize, values, item.is_nullable());
            Arc::new(ListArray::new(item.clone(), offsets, elements, nulls))
        }
        DataType::LargeList(item) => {
            let offsets = OffsetBuffer::from_lengths((0..len).map(|_| bytes.below(4)));
            let elements =
                array(bytes, item.data_type(), *offsets.last().unwrap() as usize, values, item.is_nullable());
            Arc::new(LargeListArray::new(item.clone(), offsets, elements, nulls))
        }
        DataType::ListView(item) => {
            let elements = array(bytes, item.data_type(), 8, values, item.is_nullable());
            let spans: Vec<_> = (0..len).map(|_| (bytes.below(5) as i32, bytes.below(4) as i32)).collect();
            let offsets = spans.iter().map(|(offset, _)| *offset).collect();
            let sizes = spans.iter().map(|(_, size)| *size).collect();
            Arc::new(ListViewArray::new(item.clone(), offsets, sizes, elements, nulls))
        }
        DataType::LargeListView(item) => {
            let elements = array(bytes, item.data_type(), 8, values, item.is_nullable());
            let spans: Vec<_> = (0..len).map(|_| (bytes.below(5) as i64, bytes.below(4) as i64)).collect();
            let offsets = spans.iter().map(|(offset, _)| *offset).collect();
            let sizes = spans.iter().map(|(_, size)| *size).collect();
            Arc::new(LargeListViewArray::new(item.clone(), offsets, sizes, elements, nulls))
        }
        DataType::FixedSizeList(item, size) => {
            let elements = array(bytes, item.data_type(), len * *size as usize, values, item.is_nullable());
            let lists = FixedSizeListArray::try_new_with_length(item.clone(), *size, elements, nulls, len);
            Arc::new(lists.unwrap())
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().map(|field| array(bytes, field.data_type(), len, values, field.is_nullable()));
            let columns = columns.collect();
            Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, len).unwrap())
        }
        DataType::Map(entries, ordered) => map(bytes, entries, *ordered, len, values, nulls),
        DataType::Union(fields, mode) => {
            let ids: Vec<i8> = fields.iter().map(|(id, _)| id).collect();
            let ids: ScalarBuffer<i8> = (0..len).map(|_| ids[bytes.below(ids.len())]).collect();
            let size = if *mode == UnionMode::Dense { 5 } else { len };
            let members = fields.iter().map(|(_, field)| array(bytes, field.data_type(), size, values, true)).collect();
            let offsets = (*mode == UnionMode::Dense).then(|| (0..len).map(|_| bytes.below(5) as i32).collect());
            Arc::new(UnionArray::try_new(fields.clone(), ids, offsets, members).unwrap())
        }
        DataType::Dictionary(keys, of) => {
            let distinct = array(bytes, of, 5, values, true);
            macro_rules! dictionary {
                ($ty:ty) => {{
                    let keys: Vec<_> = (0..len).map(|_| bytes.below(5) as _).collect();
                    Arc::new(DictionaryArray::<$ty>::new(PrimitiveArray::new(keys.into(), nulls), distinct))
                }};
            }
            match **keys {
                DataType::Int8 => dictionary!(Int8Type),
                DataType::UInt16 => dictionary!(UInt16Type),
                DataType::Int32 => dictionary!(Int32Type),
                _ => dictionary!(UInt64Type),
            }
        }
        DataType::RunEndEncoded(ends, of) => {
            let runs: Vec<i64> = (0..len).map(|_| 1 + bytes.below(3) as i64).collect();
            let runs = runs.into_iter().scan(0, |end, run| {
                *end += run;
                Some(*end)
            });
            let runs: Vec<i64> = runs.collect();
            let distinct = array(bytes, of.data_type(), len, values, true);
            // Runs stand for more rows than are wanted; a slice has just these.
            macro_rules! runs {
                ($ty:ty) => {{
                    let ends: PrimitiveArray<$ty> = runs.iter().map(|end| Some(*end as _)).collect();
                    let whole = RunArray::<$ty>::try_new(&ends, &distinct).unwrap();
                    let start = bytes.below(2).min(whole.len() - len);
                    Arc::new(whole.slice(start, len))
                }};
            }
            match ends.data_type() {
                DataType::Int16 => runs!(Int16Type),
                DataType::Int32 => runs!(Int32Type),
                _ => runs!(Int64Type),
            }
        }
    }
}

fn map(
    bytes: &mut Bytes<'_>,
    entries: &FieldRef,
    ordered: bool,
    len: usize,
    values: Values,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    let DataType::Struct(fields) = entries.data_type() else { unreachable!("a map has entries") };
    // Maps of one entry have no key twice.
    let most = if values == Values::Plain { 2 } else { 4 };
    let no_keys = *fields[0].data_type() == DataType::Null && values == Values::Plain;
    let offsets = OffsetBuffer::from_lengths((0..len).map(|_| if no_keys { 0 } else { bytes.below(most) }));
    let size = *offsets.last().unwrap() as usize;
    let nullable = fields[0].is_nullable() && values == Values::Any;
    let columns = vec![
        array(bytes, fields[0].data_type(), size, values, nullable),
        array(bytes, fields[1].data_type(), size, values, true),
    ];
    let pairs = StructArray::new(fields.clone(), columns, None);
    Arc::new(MapArray::new(entries.clone(), offsets, pairs, nulls, ordered))
}
