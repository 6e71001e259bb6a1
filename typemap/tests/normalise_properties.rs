//! What holds for the normalisation of any batch.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "generate/mod.rs"]
mod generate;

use std::sync::Arc;

use arrow::array::*;
use arrow::compute::{cast, take};
use arrow::datatypes::*;
use generate::{Bytes, Values, any_type, array};
use proptest::prelude::*;
use typemap::SqlType;
use typemap::ingest::Ingest;
use typemap::normalise::{Normaliser, engine_type};
use typemap::wire::{WireOptions, wire_field};

/// A SQL type whose keys and members are never null, so that every array of its wire type is one of it.
fn sql_type(bytes: &mut Bytes<'_>, depth: usize) -> SqlType {
    use SqlType::*;
    let inner = |bytes: &mut Bytes<'_>| Box::new(sql_type(bytes, depth.saturating_sub(1)));
    let members = |bytes: &mut Bytes<'_>| (0..1 + bytes.below(3)).map(|i| (format!("m{i}"), *inner(bytes))).collect();
    match bytes.below(if depth == 0 { 34 } else { 42 }) {
        0 => Boolean,
        1 => TinyInt,
        2 => SmallInt,
        3 => Integer,
        4 => BigInt,
        5 => HugeInt,
        6 => UTinyInt,
        7 => USmallInt,
        8 => UInteger,
        9 => UBigInt,
        10 => UHugeInt,
        11 => Float,
        12 => Double,
        13 => Varchar,
        14 => Json,
        15 => Uuid,
        16 => Blob,
        17 => Bit,
        18 => BigNum,
        19 => Date,
        20 => Time,
        21 => TimeNs,
        22 => TimeTz,
        23 => TimestampS,
        24 => TimestampMs,
        25 => Timestamp,
        26 => TimestampNs,
        27 => TimestampTz,
        28 => Interval,
        29 => Variant,
        30 => Enum(vec!["a".to_owned()]),
        31 => Geometry { crs: bytes.flag().then(|| "OGC:CRS84".to_owned()) },
        32 => Null,
        33 => {
            let precision = 1 + bytes.below(38) as u8;
            Decimal { precision, scale: bytes.below(usize::from(precision) + 1) as u8 }
        }
        34 | 35 => List(inner(bytes)),
        36 => Array(inner(bytes), 1 + bytes.below(3) as u32),
        37 | 38 => Struct(members(bytes)),
        39 => Map(Box::new(sql_type(bytes, 0)), inner(bytes)),
        _ => Union(members(bytes)),
    }
}

fn batch(field: Field, column: ArrayRef) -> RecordBatch {
    RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![column]).unwrap()
}

/// A type, the field that carries it, and an array of it as it goes over the wire.
fn wire_column(bytes: &mut Bytes<'_>, len: usize) -> (SqlType, Field, ArrayRef) {
    let ty = sql_type(bytes, 3);
    let field = wire_field("c", &ty, true, &WireOptions::default()).unwrap();
    let column = array(bytes, field.data_type(), len, Values::Plain, true);
    (ty, field, column)
}

/// The same values in another layout, at every level.
fn reencoded(bytes: &mut Bytes<'_>, array: &ArrayRef) -> ArrayRef {
    let inner = other_layout(bytes, array);
    match bytes.below(6) {
        0 => {
            // The values in reverse, so that keys and positions differ.
            let last = inner.len() as i32 - 1;
            let backwards = UInt32Array::from_iter_values((0..inner.len() as u32).rev());
            let reversed = take(&inner, &backwards, None).unwrap();
            let keys = Int32Array::from_iter_values((0..inner.len() as i32).map(|key| last - key));
            Arc::new(DictionaryArray::<Int32Type>::new(keys, reversed))
        }
        1 if !inner.is_empty() => {
            let ends = Int32Array::from_iter_values(1..=inner.len() as i32);
            Arc::new(RunArray::<Int32Type>::try_new(&ends, &inner).unwrap())
        }
        _ => inner,
    }
}

fn other_field(field: &Field, data_type: &DataType) -> FieldRef {
    Arc::new(Field::new(field.name(), data_type.clone(), field.is_nullable()))
}

fn other_layout(bytes: &mut Bytes<'_>, array: &ArrayRef) -> ArrayRef {
    let choice = bytes.below(4);
    let to = |data_type: DataType| cast(array, &data_type).unwrap();
    match (array.data_type(), choice) {
        (DataType::Utf8, 0) => to(DataType::Utf8View),
        (DataType::Utf8, 1) => to(DataType::LargeUtf8),
        (DataType::Binary, 0) => to(DataType::BinaryView),
        (DataType::Binary, 1) => to(DataType::LargeBinary),
        (DataType::Date32, 0) => to(DataType::Date64),
        (DataType::Int32, 0) => to(DataType::Int64),
        (DataType::Int16, 0) => to(DataType::Decimal128(5, 0)),
        (DataType::Boolean, 0) => to(DataType::Int8),
        (DataType::Decimal128(precision, scale), 0) => to(DataType::Decimal256(*precision, *scale)),
        (DataType::Decimal128(precision @ ..=9, scale), 1) => to(DataType::Decimal32(*precision, *scale)),
        (DataType::Timestamp(unit, Some(_)), 0) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().clone();
            assert_eq!(*unit, TimeUnit::Microsecond);
            Arc::new(micros.with_timezone("Asia/Tokyo"))
        }
        (DataType::List(item), choice) => {
            let lists = array.as_list::<i32>();
            let values = reencoded(bytes, lists.values());
            let item = other_field(item, values.data_type());
            let nulls = lists.nulls().cloned();
            match choice {
                0 => {
                    let offsets = lists.offsets().iter().map(|offset| i64::from(*offset)).collect();
                    let offsets = arrow::buffer::OffsetBuffer::new(offsets);
                    Arc::new(LargeListArray::new(item, offsets, values, nulls))
                }
                1 => {
                    let sizes = lists.offsets().lengths().map(|length| length as i32).collect();
                    let starts = lists.offsets()[..lists.len()].iter().copied().collect();
                    Arc::new(ListViewArray::new(item, starts, sizes, values, nulls))
                }
                _ => Arc::new(ListArray::new(item, lists.offsets().clone(), values, nulls)),
            }
        }
        (DataType::FixedSizeList(item, size), _) => {
            let lists = array.as_fixed_size_list();
            let values = reencoded(bytes, lists.values());
            let item = other_field(item, values.data_type());
            Arc::new(FixedSizeListArray::new(item, *size, values, lists.nulls().cloned()))
        }
        (DataType::Struct(fields), _) => {
            let structs = array.as_struct();
            let columns: Vec<_> = structs.columns().iter().map(|column| reencoded(bytes, column)).collect();
            let fields = fields.iter().zip(&columns).map(|(field, column)| other_field(field, column.data_type()));
            Arc::new(StructArray::new(fields.collect(), columns, structs.nulls().cloned()))
        }
        (DataType::Map(entries, _), _) => {
            let maps = array.as_map();
            let columns = vec![reencoded(bytes, maps.keys()), reencoded(bytes, maps.values())];
            let fields = maps.entries().fields().iter().zip(&columns);
            let fields: Fields = fields.map(|(field, column)| other_field(field, column.data_type())).collect();
            let pairs = StructArray::new(fields.clone(), columns, None);
            let entries = Arc::new(Field::new(entries.name(), DataType::Struct(fields), false));
            Arc::new(MapArray::new(entries, maps.offsets().clone(), pairs, maps.nulls().cloned(), true))
        }
        (DataType::Union(fields, _), choice) => {
            let union = array.as_union();
            let members: Vec<_> = fields.iter().map(|(id, _)| reencoded(bytes, union.child(id))).collect();
            let renumbered = fields
                .iter()
                .zip(&members)
                .map(|((id, field), member)| (id + 5, other_field(field, member.data_type())));
            let ids = union.type_ids().iter().map(|id| id + 5).collect();
            let offsets = (choice < 2).then(|| (0..union.len() as i32).collect());
            Arc::new(UnionArray::try_new(renumbered.collect(), ids, offsets, members).unwrap())
        }
        _ => array.clone(),
    }
}

/// What a reader sees of an array: the array, or where there are unions, whose unchosen members Arrow compares though
/// nobody sees them, its values in writing.
fn seen(ty: &SqlType, array: &ArrayRef) -> Result<ArrayRef, Vec<String>> {
    if !ty.to_string().contains("UNION") {
        return Ok(array.clone());
    }
    Err((0..array.len()).map(|row| written(array, row)).collect())
}

fn written(array: &ArrayRef, row: usize) -> String {
    let all = |values: ArrayRef| (0..values.len()).map(|row| written(&values, row)).collect::<Vec<_>>().join(", ");
    if array.is_null(row) {
        return "NULL".to_owned();
    }
    match array.data_type() {
        DataType::Union(fields, _) => {
            let id = array.as_union().type_id(row);
            let (_, field) = fields.iter().find(|(known, _)| *known == id).unwrap();
            format!("{}: {}", field.name(), written(array.as_union().child(id), row))
        }
        DataType::List(_) => format!("[{}]", all(array.as_list::<i32>().value(row))),
        DataType::FixedSizeList(..) => format!("[{}]", all(array.as_fixed_size_list().value(row))),
        DataType::Map(..) => format!("{{{}}}", all(Arc::new(array.as_map().value(row)))),
        DataType::Struct(_) => {
            let fields: Vec<_> = array.as_struct().columns().iter().map(|column| written(column, row)).collect();
            format!("({})", fields.join(", "))
        }
        DataType::Timestamp(..) => format!("{:?}", cast(&array.slice(row, 1), &DataType::Int64).unwrap()),
        _ => format!("{:?}", array.slice(row, 1)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn a_batch_as_the_wire_wants_it_keeps_its_very_arrays(choices in prop::collection::vec(any::<u8>(), 0..400)) {
        let (ty, field, column) = wire_column(&mut Bytes(&choices), 7);
        let source = batch(field, column);
        let normaliser = Normaliser::new(source.schema_ref(), &WireOptions::default()).unwrap();
        prop_assert_eq!(normaliser.types(), &[ty]);
        prop_assert_eq!(normaliser.schema(), source.schema_ref());
        let normalised = normaliser.normalise(&source).unwrap();
        prop_assert!(Arc::ptr_eq(normalised.column(0), source.column(0)));
    }

    #[test]
    fn every_other_layout_of_the_same_values_becomes_equal_to_them(choices in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut bytes = Bytes(&choices);
        let (ty, field, column) = wire_column(&mut bytes, 9);
        let other = reencoded(&mut bytes, &column);
        let (start, len) = (bytes.below(4), bytes.below(6));
        let source = batch(Field::new("c", other.data_type().clone(), true), other.slice(start, len));
        let normaliser = Normaliser::with_types(source.schema_ref(), std::slice::from_ref(&ty), &WireOptions::default()).unwrap();
        let normalised = normaliser.normalise(&source).unwrap();
        prop_assert_eq!(normalised.schema_ref().field(0), &field);
        prop_assert_eq!(normalised.column(0).to_data().validate_full().map_err(|error| error.to_string()), Ok(()));
        prop_assert_eq!(seen(&ty, normalised.column(0)), seen(&ty, &column.slice(start, len)));
    }

    #[test]
    fn what_is_on_the_wire_can_be_taken_in_and_is_the_same_again(choices in prop::collection::vec(any::<u8>(), 0..400)) {
        let (ty, field, column) = wire_column(&mut Bytes(&choices), 7);
        // UHUGEINT is taken in as BIGNUM, whose wire is digits: another value to compare.
        if ty.to_string().contains("UHUGEINT") {
            return Ok(());
        }
        let source = batch(field, column);
        let ingest = Ingest::new(source.schema_ref()).unwrap();
        let taken = ingest.convert(&source).unwrap();
        prop_assert_eq!(taken.schema_ref(), ingest.schema());
        let normaliser = Normaliser::with_types(ingest.schema(), std::slice::from_ref(&ty), &WireOptions::default()).unwrap();
        let sent = normaliser.normalise(&taken).unwrap();
        prop_assert_eq!(sent.schema_ref(), source.schema_ref());
        prop_assert_eq!(seen(&ty, sent.column(0)), seen(&ty, source.column(0)));
    }

    #[test]
    fn any_array_gives_a_sound_batch_or_an_error(choices in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut bytes = Bytes(&choices);
        let data_type = any_type(&mut bytes, 3);
        let column = array(&mut bytes, &data_type, 9, Values::Any, true);
        let (start, len) = (bytes.below(4), bytes.below(6));
        let source = batch(Field::new("c", data_type, true), column.slice(start, len));
        let infinity = if bytes.flag() { typemap::wire::Infinity::Null } else { typemap::wire::Infinity::Error };
        let options = WireOptions { infinity, ..WireOptions::default() };
        let ty = engine_type(source.schema_ref().field(0));
        let normaliser = Normaliser::new(source.schema_ref(), &options);
        prop_assert_eq!(ty.is_ok(), normaliser.is_ok());
        let normalised = normaliser.and_then(|normaliser| normaliser.normalise(&source));
        let taken = Ingest::new(source.schema_ref()).and_then(|ingest| ingest.convert(&source));
        for result in [normalised, taken].into_iter().flatten() {
            prop_assert_eq!(result.num_rows(), len);
            let sound = result.column(0).to_data().validate_full();
            prop_assert_eq!(sound.map_err(|error| error.to_string()), Ok(()));
        }
    }
}
