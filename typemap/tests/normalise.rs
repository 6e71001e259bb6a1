//! Which values pass to the wire, which are refused, and which are not looked at.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::*;
use typemap::ingest::Ingest;
use typemap::normalise::{NormaliseError, Normaliser, Problem, engine_type};
use typemap::wire::{Infinity, WideIntegers, WireOptions};
use typemap::{SqlType, TypeError, ValueError};

const NULLS_FOR_INFINITY: WireOptions =
    WireOptions { wide_integers: WideIntegers::Decimal128, infinity: Infinity::Null };
const WIDE: WireOptions = WireOptions { wide_integers: WideIntegers::Decimal256, infinity: Infinity::Error };

fn batch(column: impl Array + 'static) -> RecordBatch {
    let column: ArrayRef = Arc::new(column);
    RecordBatch::try_from_iter_with_nullable([("c", column, true)]).unwrap()
}

fn named(name: &str, data_type: DataType) -> Field {
    let metadata = HashMap::from([("ARROW:FLIGHT:SQL:TYPE_NAME".to_owned(), name.to_owned())]);
    Field::new("c", data_type, true).with_metadata(metadata)
}

/// The column as `ty`, told so.
fn as_type(ty: &str, options: &WireOptions, column: impl Array + 'static) -> Result<ArrayRef, NormaliseError> {
    let source = batch(column);
    let normaliser = Normaliser::with_types(source.schema_ref(), &[ty.parse().unwrap()], options)?;
    Ok(normaliser.normalise(&source)?.column(0).clone())
}

fn told(ty: &str, column: impl Array + 'static) -> Result<ArrayRef, NormaliseError> {
    as_type(ty, &WireOptions::default(), column)
}

fn taken(column: impl Array + 'static) -> Result<ArrayRef, NormaliseError> {
    let source = batch(column);
    Ok(Ingest::new(source.schema_ref())?.convert(&source)?.column(0).clone())
}

#[track_caller]
fn value_error(result: Result<ArrayRef, NormaliseError>) -> ValueError {
    match result.unwrap_err().problem() {
        Problem::Value(error) => error.clone(),
        Problem::Type(error) => panic!("{error}"),
    }
}

fn wide_decimals(values: impl IntoIterator<Item = Option<i128>>) -> Decimal128Array {
    Decimal128Array::from_iter(values).with_data_type(DataType::Decimal128(38, 0))
}

const TEN_TO_38: i128 = 10_i128.pow(38);

#[test]
fn a_hugeint_of_39_digits_is_refused_and_one_of_38_is_not() {
    let fits = told("HUGEINT", wide_decimals([Some(TEN_TO_38 - 1), None, Some(1 - TEN_TO_38)])).unwrap();
    assert_eq!(fits.as_primitive::<Decimal128Type>().value(0), TEN_TO_38 - 1);
    for v in [TEN_TO_38, -TEN_TO_38, i128::MAX, i128::MIN] {
        let error = told("HUGEINT", wide_decimals([Some(1), Some(v)])).unwrap_err();
        assert!(!error.is_type());
        assert_eq!((error.column(), error.path()), (Some("c"), ""));
        assert_eq!(error.problem(), &Problem::Value(ValueError::HugeIntTooWide { value: v }));
        assert!(error.to_string().starts_with("column \"c\": the HUGEINT"), "{error}");
    }
    let wide = as_type("HUGEINT", &WIDE, wide_decimals([Some(i128::MIN)])).unwrap();
    assert_eq!(wide.data_type(), &DataType::Decimal256(39, 0));
    assert_eq!(wide.as_primitive::<Decimal256Type>().value(0), i256::from_i128(i128::MIN));
}

#[test]
fn a_sum_that_left_its_38_digits_is_refused() {
    let source = Decimal128Array::from(vec![TEN_TO_38]).with_data_type(DataType::Decimal128(38, 2));
    let error = told("DECIMAL(38,2)", source).unwrap_err();
    assert!(error.to_string().contains(&format!("{TEN_TO_38}e-2 does not fit the type DECIMAL(38,2)")), "{error}");
}

#[test]
fn integers_become_hugeint_as_the_same_numbers() {
    let sums = told("HUGEINT", Int64Array::from(vec![Some(i64::MIN), None, Some(7)])).unwrap();
    let expected = wide_decimals([Some(i128::from(i64::MIN)), None, Some(7)]);
    assert_eq!(sums.as_primitive::<Decimal128Type>(), &expected);
}

#[test]
fn numbers_are_narrowed_only_where_they_fit() {
    let narrow = told("TINYINT", Int64Array::from(vec![-128, 127])).unwrap();
    assert_eq!(narrow.as_primitive::<Int8Type>().values().to_vec(), [-128, 127]);
    for v in [128, -129, i64::MAX] {
        let error = value_error(told("TINYINT", Int64Array::from(vec![v])));
        assert_eq!(error, ValueError::NumberOutOfRange { value: v.to_string(), ty: "TINYINT".to_owned() });
    }
    let cents = |v: i32| Decimal32Array::from(vec![v]).with_data_type(DataType::Decimal32(9, 2));
    assert_eq!(told("INTEGER", cents(500)).unwrap().as_primitive::<Int32Type>().value(0), 5);
    let error = value_error(told("INTEGER", cents(501)));
    assert_eq!(error, ValueError::NumberTooFine { value: "501e-2".to_owned(), ty: "INTEGER".to_owned() });
    let error = value_error(told("UHUGEINT", Int8Array::from(vec![-1])));
    assert_eq!(error, ValueError::NumberOutOfRange { value: "-1".to_owned(), ty: "UHUGEINT".to_owned() });
}

#[test]
fn decimals_of_256_bits_are_narrowed_value_by_value() {
    let column = |v: i256| Decimal256Array::from(vec![v]).with_data_type(DataType::Decimal256(76, 10));
    let source = batch(column(i256::from_i128(TEN_TO_38 - 1)));
    let normaliser = Normaliser::new(source.schema_ref(), &WireOptions::default()).unwrap();
    assert_eq!(normaliser.types(), &[SqlType::Decimal { precision: 38, scale: 10 }]);
    let narrow = normaliser.normalise(&source).unwrap();
    assert_eq!(narrow.column(0).as_primitive::<Decimal128Type>().value(0), TEN_TO_38 - 1);
    for too_wide in [i256::from_i128(TEN_TO_38), i256::MAX, i256::MIN] {
        let error = normaliser.normalise(&batch(column(too_wide))).unwrap_err();
        assert!(matches!(error.problem(), Problem::Value(ValueError::NumberOutOfRange { .. })), "{error}");
    }
    let digits = Decimal256Array::from(vec![i256::MAX]).with_data_type(DataType::Decimal256(76, 0));
    let digits = taken(digits).unwrap();
    assert_eq!(digits.as_string::<i32>().value(0), i256::MAX.to_string());
}

#[test]
fn a_uhugeint_beyond_128_bits_or_below_zero_is_refused() {
    let column = |v: i256| Decimal256Array::from(vec![v]).with_data_type(DataType::Decimal256(39, 0));
    assert!(told("UHUGEINT", column(i256::from_parts(u128::MAX, 0))).is_ok());
    for v in [i256::from_parts(0, 1), i256::from_i128(-1)] {
        assert!(matches!(value_error(told("UHUGEINT", column(v))), ValueError::NumberOutOfRange { .. }), "{v}");
    }
}

#[test]
fn infinities_are_errors_or_nulls_in_every_unit() {
    for (ty, unit) in [
        ("TIMESTAMP_S", TimeUnit::Second),
        ("TIMESTAMP_MS", TimeUnit::Millisecond),
        ("TIMESTAMP", TimeUnit::Microsecond),
        ("TIMESTAMP_NS", TimeUnit::Nanosecond),
    ] {
        for (v, name) in [(i64::MAX, "infinity"), (-i64::MAX, "-infinity")] {
            let source =
                || arrow::compute::cast(&Int64Array::from(vec![v, 0]), &DataType::Timestamp(unit, None)).unwrap();
            assert_eq!(value_error(told(ty, source())), ValueError::Infinite { kind: "timestamp", value: name });
            let nulled = as_type(ty, &NULLS_FOR_INFINITY, source()).unwrap();
            assert_eq!((nulled.is_null(0), nulled.is_null(1)), (true, false), "{ty}");
            assert_eq!(value_error(taken(source())), ValueError::Infinite { kind: "timestamp", value: name });
        }
    }
    assert!(told("DATE", Date32Array::from(vec![i32::MAX])).is_err());
    assert!(as_type("DATE", &NULLS_FOR_INFINITY, Date32Array::from(vec![-i32::MAX])).unwrap().is_null(0));
    let zoned = TimestampSecondArray::from(vec![i64::MAX]).with_timezone("Asia/Tokyo");
    assert!(as_type("TIMESTAMPTZ", &NULLS_FOR_INFINITY, zoned).unwrap().is_null(0));
}

#[test]
fn the_least_integer_is_no_time_even_where_infinities_become_nulls() {
    let error = value_error(as_type("TIMESTAMP", &NULLS_FOR_INFINITY, TimestampMicrosecondArray::from(vec![i64::MIN])));
    assert!(matches!(error, ValueError::TimeOutOfRange { kind: "timestamp", .. }), "{error}");
    let error = value_error(as_type("DATE", &NULLS_FOR_INFINITY, Date32Array::from(vec![i32::MIN])));
    assert!(matches!(error, ValueError::TimeOutOfRange { kind: "date", .. }), "{error}");
}

#[test]
fn a_column_without_nulls_may_have_them_where_infinities_become_nulls() {
    let field = Field::new("c", DataType::Date32, false);
    let source = Schema::new(vec![field, Field::new("d", DataType::Int32, false)]);
    let nullable = |options: &WireOptions| {
        let schema = Normaliser::new(&source, options).unwrap().schema().clone();
        schema.fields().iter().map(|field| field.is_nullable()).collect::<Vec<_>>()
    };
    assert_eq!(nullable(&WireOptions::default()), [false, false]);
    assert_eq!(nullable(&NULLS_FOR_INFINITY), [true, false]);
}

#[test]
fn instants_are_in_utc_and_microseconds_whatever_they_came_in() {
    let utc = |v: i64| TimestampMicrosecondArray::from(vec![v]).with_timezone("UTC");
    for zone in ["+02:00", "Europe/Lisbon", "UTC"] {
        let instant = told("TIMESTAMPTZ", TimestampSecondArray::from(vec![3]).with_timezone(zone)).unwrap();
        assert_eq!(instant.as_primitive::<TimestampMicrosecondType>(), &utc(3_000_000));
        let instant = told("TIMESTAMPTZ", TimestampNanosecondArray::from(vec![3_000]).with_timezone(zone)).unwrap();
        assert_eq!(instant.as_primitive::<TimestampMicrosecondType>(), &utc(3));
        let source = TimestampMicrosecondArray::from(vec![3]).with_timezone(zone);
        let buffer = source.values().as_ptr();
        let instant = told("TIMESTAMPTZ", source).unwrap();
        assert_eq!(instant.as_primitive::<TimestampMicrosecondType>(), &utc(3));
        assert_eq!(instant.as_primitive::<TimestampMicrosecondType>().values().as_ptr(), buffer, "{zone} was copied");
    }
    let fine = TimestampNanosecondArray::from(vec![3_001]).with_timezone("UTC");
    assert_eq!(value_error(told("TIMESTAMPTZ", fine)), ValueError::FinerThanMicros { nanos: 3_001 });
    let far = TimestampSecondArray::from(vec![i64::MAX / 10]).with_timezone("UTC");
    assert!(matches!(value_error(told("TIMESTAMPTZ", far)), ValueError::TimeOutOfRange { .. }));
}

#[test]
fn a_wall_clock_never_becomes_an_instant_nor_the_reverse() {
    let wall = told("TIMESTAMPTZ", TimestampMicrosecondArray::from(vec![0])).unwrap_err();
    let instant = told("TIMESTAMP", TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC")).unwrap_err();
    assert!(wall.is_type() && instant.is_type(), "{wall} {instant}");
}

#[test]
fn spans_of_time_become_intervals_or_are_too_long() {
    let expect = |column: ArrayRef, months, days, nanos| {
        let interval = told("INTERVAL", make_array(column.to_data())).unwrap();
        let interval = interval.as_primitive::<IntervalMonthDayNanoType>().value(0);
        assert_eq!(interval, IntervalMonthDayNano::new(months, days, nanos));
    };
    expect(Arc::new(IntervalYearMonthArray::from(vec![14])), 14, 0, 0);
    expect(Arc::new(IntervalDayTimeArray::from(vec![IntervalDayTime::new(-1, 2)])), 0, -1, 2_000_000);
    expect(Arc::new(DurationSecondArray::from(vec![-2])), 0, 0, -2_000_000_000);
    expect(Arc::new(DurationNanosecondArray::from(vec![1])), 0, 0, 1);
    let years_400 = 400 * 365 * 86_400;
    let error = value_error(told("INTERVAL", DurationSecondArray::from(vec![years_400])));
    assert_eq!(error, ValueError::DurationTooLong { value: years_400, unit: "seconds" });
    assert!(matches!(value_error(taken(DurationNanosecondArray::from(vec![1]))), ValueError::FinerThanMicros { .. }));
    let fine = IntervalMonthDayNanoArray::from(vec![IntervalMonthDayNano::new(0, 0, 1_001)]);
    assert!(told("INTERVAL", fine.clone()).is_ok());
    assert_eq!(value_error(taken(fine)), ValueError::FinerThanMicros { nanos: 1_001 });
}

#[test]
fn dates_in_milliseconds_are_whole_days() {
    let date = taken(Date64Array::from(vec![-86_400_000])).unwrap();
    assert_eq!(date.as_primitive::<Date32Type>().value(0), -1);
    assert_eq!(value_error(taken(Date64Array::from(vec![1]))), ValueError::NotWholeDays { millis: 1 });
}

#[test]
fn a_time_taken_in_lies_inside_the_day() {
    assert!(taken(Time64MicrosecondArray::from(vec![0, 86_400_000_000])).is_ok());
    assert!(matches!(value_error(taken(Time64MicrosecondArray::from(vec![-1]))), ValueError::TimeOfDay { .. }));
    assert!(matches!(value_error(taken(Time32SecondArray::from(vec![86_401]))), ValueError::TimeOfDay { .. }));
    assert!(matches!(value_error(taken(Time64NanosecondArray::from(vec![i64::MAX]))), ValueError::TimeOfDay { .. }));
    let time = taken(Time32MillisecondArray::from(vec![1])).unwrap();
    assert_eq!(time.as_primitive::<Time64MicrosecondType>().value(0), 1_000);
}

#[test]
fn a_bad_value_under_a_null_raises_nothing() {
    let bad = || Arc::new(wide_decimals([Some(i128::MAX), Some(1)])) as ArrayRef;
    let first_null = || Some(NullBuffer::from(vec![false, true]));
    let item = Arc::new(named("HUGEINT", DataType::Decimal128(38, 0)).with_name("item"));
    let fields = Fields::from(vec![item.as_ref().clone().with_name("f")]);

    let structs = StructArray::new(fields.clone(), vec![bad()], first_null());
    assert!(told("STRUCT(f HUGEINT)", structs).is_ok());
    let lists = ListArray::new(item.clone(), OffsetBuffer::from_lengths([1, 1]), bad(), first_null());
    assert!(told("HUGEINT[]", lists.clone()).is_ok());
    let arrays = FixedSizeListArray::new(item.clone(), 1, bad(), first_null());
    assert!(told("HUGEINT[1]", arrays).is_ok());
    let outside = ListArray::new(item.clone(), OffsetBuffer::from_lengths([1, 1]), bad(), None);
    assert!(told("HUGEINT[]", outside.slice(1, 1)).is_ok());
    assert_eq!(told("HUGEINT[]", outside).unwrap_err().path(), "[]");
    let deep = StructArray::new(
        vec![Field::new("l", lists.data_type().clone(), true)].into(),
        vec![Arc::new(ListArray::new(item, OffsetBuffer::from_lengths([1, 1]), bad(), None))],
        first_null(),
    );
    assert!(told("STRUCT(l HUGEINT[])", deep.clone()).is_ok());
    let (fields, columns, _) = deep.into_parts();
    let error = told("STRUCT(l HUGEINT[])", StructArray::new(fields, columns, None)).unwrap_err();
    assert_eq!(error.path(), ".l[]");
    assert!(error.to_string().starts_with("column \"c\" at .l[]: "), "{error}");
}

#[test]
fn a_bad_value_that_nothing_refers_to_raises_nothing() {
    let values = || Arc::new(wide_decimals([Some(i128::MAX), Some(1)])) as ArrayRef;
    let unused = DictionaryArray::<Int8Type>::new(Int8Array::from(vec![Some(1), None, Some(1)]), values());
    assert_eq!(
        told("HUGEINT", unused).unwrap().as_primitive::<Decimal128Type>(),
        &wide_decimals([Some(1), None, Some(1)])
    );
    let used = DictionaryArray::<Int8Type>::new(Int8Array::from(vec![0]), values());
    assert!(told("HUGEINT", used.clone()).is_err());
    let hidden = StructArray::new(
        vec![Field::new("f", used.data_type().clone(), true)].into(),
        vec![Arc::new(used)],
        Some(NullBuffer::from(vec![false])),
    );
    assert!(told("STRUCT(f HUGEINT)", hidden).is_ok());
    let runs = RunArray::<Int32Type>::try_new(&Int32Array::from(vec![2, 5]), &values()).unwrap();
    assert!(told("HUGEINT", runs.slice(2, 3)).is_ok());
    assert!(told("HUGEINT", runs.slice(1, 3)).is_err());

    let members = UnionFields::try_new(
        [4, 9],
        [Field::new("h", DataType::Decimal128(38, 0), true), Field::new("s", DataType::Utf8, true)],
    )
    .unwrap();
    let texts = Arc::new(StringArray::from(vec!["x", "y"]));
    let union = |ids: Vec<i8>, offsets: Option<Vec<i32>>| {
        UnionArray::try_new(members.clone(), ids.into(), offsets.map(Into::into), vec![values(), texts.clone()])
    };
    for offsets in [None, Some(vec![1, 1])] {
        let seen = told("UNION(h HUGEINT, s VARCHAR)", union(vec![9, 4], offsets.clone()).unwrap()).unwrap();
        assert_eq!(seen.as_union().type_ids().to_vec(), [1, 0]);
        assert_eq!(seen.as_union().value(1).as_primitive::<Decimal128Type>().value(0), 1);
        assert!(seen.as_union().offsets().is_none());
    }
    assert_eq!(told("UNION(h HUGEINT, s VARCHAR)", union(vec![4, 4], None).unwrap()).unwrap_err().path(), ".h");
}

/// Maps of these lengths whose keys are numbers.
fn maps(lengths: &[usize], keys: Vec<Option<i32>>, nulls: Option<NullBuffer>) -> MapArray {
    let values: Int32Array = keys.iter().map(|_| Some(0)).collect();
    let fields = Fields::from(vec![Field::new("k", DataType::Int32, true), Field::new("v", DataType::Int32, true)]);
    let entries = StructArray::new(fields, vec![Arc::new(Int32Array::from(keys)), Arc::new(values)], None);
    let field = Arc::new(Field::new("e", entries.data_type().clone(), false));
    MapArray::new(field, OffsetBuffer::from_lengths(lengths.iter().copied()), entries, nulls, false)
}

#[test]
fn a_null_key_is_refused_unless_nobody_sees_it() {
    let visible = maps(&[1, 1], vec![Some(1), None], None);
    assert_eq!(value_error(told("MAP(INTEGER, INTEGER)", visible.clone())), ValueError::NullMapKey);
    assert_eq!(value_error(taken(visible.clone())), ValueError::NullMapKey);
    assert!(taken(visible.slice(0, 1)).is_ok());
    let hidden =
        maps(&[1, 2, 1], vec![Some(1), None, Some(5), Some(2)], Some(NullBuffer::from(vec![true, false, true])));
    let seen = taken(hidden).unwrap();
    assert_eq!((seen.is_null(1), seen.as_map().keys().null_count()), (true, 0));
    assert_eq!(seen.as_map().value(2).column(0).as_primitive::<Int32Type>().value(0), 2);
}

#[test]
fn a_key_that_is_there_twice_is_refused_where_a_table_takes_it_in() {
    let twice = maps(&[1, 2], vec![Some(1), Some(1), Some(1)], None);
    assert!(told("MAP(INTEGER, INTEGER)", twice.clone()).is_ok());
    let error = taken(twice).unwrap_err();
    assert_eq!((error.problem(), error.path()), (&Problem::Value(ValueError::DuplicateMapKey), ".key"));
    assert!(taken(maps(&[1, 2], vec![Some(1), Some(1), Some(2)], None)).is_ok());
    let keys = Arc::new(Float64Array::from(vec![0.0, -0.0]));
    let fields = Fields::from(vec![Field::new("k", DataType::Float64, false), Field::new("v", DataType::Null, true)]);
    let entries = StructArray::new(fields, vec![keys, Arc::new(NullArray::new(2))], None);
    let field = Arc::new(Field::new("e", entries.data_type().clone(), false));
    let zeros = MapArray::new(field, OffsetBuffer::from_lengths([2]), entries, None, false);
    assert_eq!(value_error(taken(zeros)), ValueError::DuplicateMapKey);
}

#[test]
fn no_more_is_rebuilt_than_differs() {
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)])]));
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    let view: ArrayRef = Arc::new(StringViewArray::from(vec!["a"]));
    let source = RecordBatch::try_from_iter([("l", list), ("t", text), ("v", view)]).unwrap();
    let normaliser = Normaliser::new(source.schema_ref(), &WireOptions::default()).unwrap();
    assert!(!normaliser.is_identity());
    let normalised = normaliser.normalise(&source).unwrap();
    assert!(Arc::ptr_eq(normalised.column(1), source.column(1)));
    assert_eq!(normalised.column(2).data_type(), &DataType::Utf8);
    // The item's field has metadata now; its buffer is the same.
    let values = |batch: &RecordBatch| batch.column(0).as_list::<i32>().values().clone();
    assert!(Arc::ptr_eq(&values(&normalised), &values(&source)));
    assert_ne!(normalised.column(0).data_type(), source.column(0).data_type());
    let again = Normaliser::new(normalised.schema_ref(), &WireOptions::default()).unwrap();
    assert!(again.is_identity());
}

#[test]
fn a_small_array_that_stands_for_too_many_values_is_refused_before_they_are_made() {
    let many = 1_i64 << 40;
    let runs = RunArray::<Int64Type>::try_new(&Int64Array::from(vec![many]), &Int32Array::from(vec![1])).unwrap();
    assert_eq!(value_error(taken(runs)), ValueError::TooLarge);
    let long = StringArray::from(vec!["x".repeat(1 << 20)]);
    let keys = Int32Array::from(vec![0; 3_000]);
    let dictionary = DictionaryArray::<Int32Type>::new(keys, Arc::new(long));
    assert_eq!(value_error(taken(dictionary)), ValueError::TooLarge);
    let item = Arc::new(Field::new("item", DataType::Int8, true));
    let elements = Arc::new(Int8Array::from(vec![0; 1_000_000]));
    let sizes = vec![1_000_000; 1_000];
    let lists = ListViewArray::new(item, vec![0; 1_000].into(), sizes.into(), elements, None);
    assert_eq!(value_error(taken(lists)), ValueError::TooLarge);
    assert_eq!(value_error(told("INTEGER[100000]", NullArray::new(1 << 20))), ValueError::TooLarge);
}

#[test]
fn a_type_name_is_respected_where_the_storage_tells_less() {
    let of = |name: &str, data_type: DataType| engine_type(&named(name, data_type)).unwrap().to_string();
    for (name, data_type) in [
        ("HUGEINT", DataType::Decimal128(38, 0)),
        ("HUGEINT", DataType::Decimal256(39, 0)),
        ("HUGEINT", DataType::Int64),
        ("UHUGEINT", DataType::Decimal256(39, 0)),
        ("UHUGEINT", DataType::Decimal128(38, 0)),
        ("JSON", DataType::Utf8View),
        ("ENUM('a', 'b')", DataType::Dictionary(Box::new(DataType::UInt8), Box::new(DataType::Utf8))),
        ("BIT", DataType::LargeUtf8),
        ("BIGNUM", DataType::Utf8),
        ("TIME WITH TIME ZONE", DataType::Utf8),
        ("VARIANT", DataType::Utf8),
        ("UUID", DataType::FixedSizeBinary(16)),
        ("GEOMETRY('OGC:CRS84')", DataType::BinaryView),
        ("TIMESTAMP_NS", DataType::Timestamp(TimeUnit::Nanosecond, None)),
        ("INTEGER", DataType::Null),
        ("HUGEINT[]", DataType::new_large_list(DataType::Decimal128(38, 0), true)),
        (
            "STRUCT(a HUGEINT, b JSON)",
            DataType::Struct(
                vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Utf8View, true)].into(),
            ),
        ),
    ] {
        assert_eq!(of(name, data_type.clone()), name, "{data_type}");
    }
}

#[test]
fn a_type_name_that_outlived_a_cast_gives_way_to_the_storage() {
    let of = |name: &str, data_type: DataType| engine_type(&named(name, data_type)).unwrap().to_string();
    assert_eq!(of("INTEGER", DataType::Int64), "BIGINT");
    assert_eq!(of("INTEGER", DataType::Int16), "SMALLINT");
    assert_eq!(of("HUGEINT", DataType::Utf8), "VARCHAR");
    assert_eq!(of("UUID", DataType::Utf8), "VARCHAR");
    assert_eq!(of("DECIMAL(4,1)", DataType::Decimal128(10, 2)), "DECIMAL(10,2)");
    assert_eq!(of("TIMESTAMP", DataType::Date32), "DATE");
    assert_eq!(of("money", DataType::Int32), "INTEGER");
    assert_eq!(
        of("STRUCT(b HUGEINT)", DataType::Struct(vec![Field::new("a", DataType::Int64, true)].into())),
        "STRUCT(a BIGINT)"
    );
    let child = Arc::new(named("HUGEINT", DataType::Int64));
    assert_eq!(of("VARCHAR", DataType::List(child)), "HUGEINT[]");
}

#[test]
fn values_of_another_type_are_a_type_error_that_names_the_place() {
    let error = told("UUID", StringArray::from(vec!["x"])).unwrap_err();
    assert!(error.is_type());
    assert_eq!(
        error.problem(),
        &Problem::Type(TypeError::Storage { storage: "Utf8".to_owned(), ty: "UUID".to_owned() })
    );
    let schema = Schema::new(vec![Field::new("a", DataType::Int8, true)]);
    let error = Normaliser::with_types(&schema, &[], &WireOptions::default()).unwrap_err();
    assert_eq!(error.problem(), &Problem::Type(TypeError::Columns { expected: 0, found: 1 }));
    let empty = Schema::new(vec![Field::new("a", DataType::Struct(Fields::empty()), true)]);
    assert_eq!(Ingest::new(&empty).unwrap_err().column(), Some("a"));
    let normaliser = Normaliser::new(&schema, &WireOptions::default()).unwrap();
    assert!(normaliser.normalise(&batch(StringArray::from(vec!["x"]))).unwrap_err().is_type());
}

#[test]
fn nulls_where_the_schema_has_none_are_told_as_such() {
    let schema = Arc::new(Schema::new(vec![Field::new("c", DataType::Int32, false)]));
    let normaliser = Normaliser::new(&schema, &WireOptions::default()).unwrap();
    let error = normaliser.normalise(&batch(Int32Array::from(vec![None]))).unwrap_err();
    assert_eq!(error.problem(), &Problem::Value(ValueError::UnexpectedNull));
}

#[test]
fn a_batch_without_columns_keeps_its_rows() {
    let options = RecordBatchOptions::new().with_row_count(Some(3));
    let source = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
    let normaliser = Normaliser::new(source.schema_ref(), &WireOptions::default()).unwrap();
    assert_eq!(normaliser.normalise(&source).unwrap().num_rows(), 3);
}

#[test]
fn a_bool_of_a_byte_is_true_for_all_but_zero() {
    let metadata = HashMap::from([("ARROW:extension:name".to_owned(), "arrow.bool8".to_owned())]);
    let field = Field::new("c", DataType::Int8, true).with_metadata(metadata);
    let column = Arc::new(Int8Array::from(vec![Some(0), Some(1), Some(-3), None]));
    let source = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![column]).unwrap();
    let ingest = Ingest::new(source.schema_ref()).unwrap();
    let taken = ingest.convert(&source).unwrap();
    assert_eq!(taken.column(0).as_boolean(), &BooleanArray::from(vec![Some(false), Some(true), Some(true), None]));
}
