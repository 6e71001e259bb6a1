//! Which Arrow field carries which SQL type, in both directions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, Schema, TimeUnit, UnionFields, UnionMode};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use typemap::arrow_to_sql::sql_type_of;
use typemap::wire::{WideIntegers, WireOptions, table_field, wire_field, wire_type};
use typemap::{MAX_DEPTH, SqlType, TypeError};

const WIDE: WireOptions =
    WireOptions { wide_integers: WideIntegers::Decimal256, infinity: typemap::wire::Infinity::Error };

fn ty(name: &str) -> SqlType {
    name.parse().unwrap()
}

fn wire(name: &str) -> DataType {
    wire_type(&ty(name), &WireOptions::default()).unwrap()
}

fn field(name: &str) -> Field {
    wire_field("c", &ty(name), true, &WireOptions::default()).unwrap()
}

fn sql(data_type: DataType) -> Result<String, TypeError> {
    sql_type_of(&Field::new("c", data_type, true)).map(|ty| ty.to_string())
}

/// A child as it should go over the wire.
fn child(name: &str, data_type: DataType, nullable: bool, type_name: &str) -> Field {
    Field::new(name, data_type, nullable)
        .with_metadata(HashMap::from([("ARROW:FLIGHT:SQL:TYPE_NAME".to_owned(), type_name.to_owned())]))
}

fn extension(data_type: DataType, name: &str, parameters: Option<&str>) -> Field {
    let mut metadata = HashMap::from([("ARROW:extension:name".to_owned(), name.to_owned())]);
    metadata.extend(parameters.map(|text| ("ARROW:extension:metadata".to_owned(), text.to_owned())));
    Field::new("c", data_type, true).with_metadata(metadata)
}

#[test]
fn every_type_without_children_has_the_wire_type_of_the_table() {
    use DataType::*;
    for (name, expected) in [
        ("NULL", Null),
        ("BOOLEAN", Boolean),
        ("TINYINT", Int8),
        ("SMALLINT", Int16),
        ("INTEGER", Int32),
        ("BIGINT", Int64),
        ("HUGEINT", Decimal128(38, 0)),
        ("UTINYINT", UInt8),
        ("USMALLINT", UInt16),
        ("UINTEGER", UInt32),
        ("UBIGINT", UInt64),
        ("UHUGEINT", Decimal256(39, 0)),
        ("FLOAT", Float32),
        ("DOUBLE", Float64),
        ("DECIMAL(4,1)", Decimal128(4, 1)),
        ("DECIMAL(38,38)", Decimal128(38, 38)),
        ("VARCHAR", Utf8),
        ("ENUM('a', 'b')", Utf8),
        ("JSON", Utf8),
        ("UUID", FixedSizeBinary(16)),
        ("BLOB", Binary),
        ("BIT", Utf8),
        ("BIGNUM", Utf8),
        ("DATE", Date32),
        ("TIME", Time64(TimeUnit::Microsecond)),
        ("TIME_NS", Time64(TimeUnit::Nanosecond)),
        ("TIMETZ", Utf8),
        ("TIMESTAMP_S", Timestamp(TimeUnit::Second, None)),
        ("TIMESTAMP_MS", Timestamp(TimeUnit::Millisecond, None)),
        ("TIMESTAMP", Timestamp(TimeUnit::Microsecond, None)),
        ("TIMESTAMP_NS", Timestamp(TimeUnit::Nanosecond, None)),
        ("TIMESTAMPTZ", Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
        ("INTERVAL", Interval(IntervalUnit::MonthDayNano)),
        ("GEOMETRY('OGC:CRS84')", Binary),
        ("VARIANT", Utf8),
    ] {
        assert_eq!(wire(name), expected, "{name}");
        assert_eq!(field(name).metadata()["ARROW:FLIGHT:SQL:TYPE_NAME"], ty(name).to_string());
    }
    assert_eq!(wire_type(&SqlType::HugeInt, &WIDE), Ok(Decimal256(39, 0)));
}

#[test]
fn nested_types_carry_the_metadata_of_their_children() {
    let item = |type_name: &str, data_type| Arc::new(child("item", data_type, true, type_name));
    assert_eq!(wire("INTEGER[]"), DataType::List(item("INTEGER", DataType::Int32)));
    assert_eq!(wire("DATE[3]"), DataType::FixedSizeList(item("DATE", DataType::Date32), 3));
    assert_eq!(wire("DATE[3][]"), DataType::List(item("DATE[3]", wire("DATE[3]"))));
    assert_eq!(
        wire("STRUCT(a INTEGER, \"b c\" VARCHAR)"),
        DataType::Struct(Fields::from(vec![
            child("a", DataType::Int32, true, "INTEGER"),
            child("b c", DataType::Utf8, true, "VARCHAR"),
        ]))
    );
    let entries = DataType::Struct(Fields::from(vec![
        child("key", DataType::Utf8, false, "VARCHAR"),
        child("value", DataType::Int32, true, "INTEGER"),
    ]));
    assert_eq!(wire("MAP(VARCHAR, INTEGER)"), DataType::Map(Arc::new(Field::new("entries", entries, false)), false));
    let members = [
        (0, Arc::new(child("i", DataType::Int32, true, "INTEGER"))),
        (1, Arc::new(child("s", DataType::Utf8, true, "VARCHAR"))),
    ];
    let members: UnionFields = members.into_iter().collect();
    assert_eq!(wire("UNION(i INTEGER, s VARCHAR)"), DataType::Union(members, UnionMode::Sparse));
}

#[test]
fn the_fields_of_an_unnamed_struct_are_named_by_position() {
    let DataType::Struct(fields) = wire("STRUCT(INTEGER, INTEGER)") else { panic!("not a struct") };
    assert_eq!(fields.iter().map(|field| field.name().as_str()).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(field("STRUCT(INTEGER, INTEGER)").metadata()["ARROW:FLIGHT:SQL:TYPE_NAME"], "STRUCT(INTEGER, INTEGER)");
}

#[test]
fn precision_and_scale_stand_on_decimals_alone() {
    let digits = |field: Field| {
        let digit = |key: &str| field.metadata().get(key).cloned();
        (digit("ARROW:FLIGHT:SQL:PRECISION"), digit("ARROW:FLIGHT:SQL:SCALE"))
    };
    let of = |precision: &str, scale: &str| (Some(precision.to_owned()), Some(scale.to_owned()));
    assert_eq!(digits(field("DECIMAL(18,3)")), of("18", "3"));
    assert_eq!(digits(field("HUGEINT")), of("38", "0"));
    assert_eq!(digits(field("UHUGEINT")), of("39", "0"));
    assert_eq!(digits(wire_field("c", &SqlType::HugeInt, true, &WIDE).unwrap()), of("39", "0"));
    assert_eq!(digits(field("INTEGER")), (None, None));
    assert_eq!(digits(field("DECIMAL(18,3)[]")), (None, None));
}

#[test]
fn extension_types_are_named_with_the_metadata_strict_readers_want() {
    let of = |field: Field| {
        let value = |key: &str| field.metadata().get(key).cloned();
        (value("ARROW:extension:name").unwrap(), value("ARROW:extension:metadata"))
    };
    for json in ["JSON", "VARIANT"] {
        assert_eq!(of(field(json)), ("arrow.json".to_owned(), Some(String::new())));
    }
    assert_eq!(of(field("UUID")), ("arrow.uuid".to_owned(), None));
    assert_eq!(of(field("GEOMETRY")), ("geoarrow.wkb".to_owned(), Some("{}".to_owned())));
    let (name, parameters) = of(field("GEOMETRY('OGC:CRS84')"));
    assert_eq!((name.as_str(), parameters.unwrap().contains("OGC:CRS84")), ("geoarrow.wkb", true));
    let DataType::List(item) = wire("UUID[]") else { panic!("not a list") };
    assert_eq!(item.metadata()["ARROW:extension:name"], "arrow.uuid");
}

#[test]
fn an_alias_travels_as_its_base_under_its_own_name() {
    let alias = SqlType::Alias { name: "doc".to_owned(), base: Box::new(SqlType::Json) };
    let field = wire_field("c", &alias, false, &WireOptions::default()).unwrap();
    assert_eq!(field.data_type(), &DataType::Utf8);
    assert!(!field.is_nullable());
    assert_eq!(field.metadata()["ARROW:FLIGHT:SQL:TYPE_NAME"], "doc");
    assert_eq!(field.metadata()["ARROW:extension:name"], "arrow.json");
}

#[test]
fn a_column_of_nulls_is_nullable_whatever_is_said() {
    assert!(wire_field("c", &SqlType::Null, false, &WireOptions::default()).unwrap().is_nullable());
}

#[test]
fn a_table_field_tells_where_it_belongs_and_sets_no_remarks() {
    let field = table_field("db", "main", "t", "c", &SqlType::Varchar, false, &WireOptions::default()).unwrap();
    let mut metadata: Vec<_> =
        field.metadata().iter().map(|(k, v)| (k.trim_start_matches("ARROW:FLIGHT:SQL:"), v.as_str())).collect();
    metadata.sort_unstable();
    let expected = [
        ("CATALOG_NAME", "db"),
        ("DB_SCHEMA_NAME", "main"),
        ("IS_AUTO_INCREMENT", "0"),
        ("IS_CASE_SENSITIVE", "1"),
        ("IS_READ_ONLY", "0"),
        ("IS_SEARCHABLE", "1"),
        ("SCHEMA_NAME", "main"),
        ("TABLE_NAME", "t"),
        ("TYPE_NAME", "VARCHAR"),
    ];
    assert_eq!(metadata, expected);
    let number = table_field("db", "main", "t", "c", &SqlType::BigInt, true, &WireOptions::default()).unwrap();
    assert_eq!(number.metadata()["ARROW:FLIGHT:SQL:IS_CASE_SENSITIVE"], "0");
}

#[test]
fn types_out_of_their_range_have_no_wire_type() {
    let options = WireOptions::default();
    for (precision, scale) in [(0, 0), (39, 0), (3, 4)] {
        let error = wire_type(&SqlType::Decimal { precision, scale }, &options).unwrap_err();
        assert_eq!(error, TypeError::Decimal { precision, scale: i16::from(scale) });
    }
    for size in [0, 100_001, u32::MAX] {
        let error = wire_type(&SqlType::Array(Box::new(SqlType::Integer), size), &options).unwrap_err();
        assert_eq!(error, TypeError::ArraySize { size: i64::from(size) });
    }
    let members = |count: usize| SqlType::Union((0..count).map(|i| (format!("m{i}"), SqlType::Integer)).collect());
    assert_eq!(wire_type(&members(0), &options), Err(TypeError::NoMembers { kind: "UNION" }));
    assert_eq!(wire_type(&members(129), &options), Err(TypeError::TooManyMembers { count: 129 }));
    assert!(wire_type(&members(128), &options).is_ok());
    assert_eq!(wire_type(&SqlType::Struct(vec![]), &options), Err(TypeError::NoMembers { kind: "STRUCT" }));
}

/// Writes and reads a stream with this one field and no rows.
fn through_ipc(field: Field) -> Field {
    let schema = Schema::new(vec![field]);
    let mut bytes = Vec::new();
    StreamWriter::try_new(&mut bytes, &schema).unwrap().finish().unwrap();
    StreamReader::try_new(bytes.as_slice(), None).unwrap().schema().field(0).clone()
}

#[test]
fn the_deepest_type_on_the_wire_can_be_read_back() {
    let lists = |levels: usize| (1..levels).fold(SqlType::Json, |inner, _| SqlType::List(Box::new(inner)));
    let options = WireOptions::default();
    let deepest = wire_field("c", &lists(MAX_DEPTH), true, &options).unwrap();
    assert_eq!(through_ipc(deepest.clone()), deepest);
    assert_eq!(wire_type(&lists(MAX_DEPTH + 1), &options), Err(TypeError::TooDeep));

    let maps =
        |levels: usize| (1..levels).fold(SqlType::Json, |v, _| SqlType::Map(Box::new(SqlType::Uuid), Box::new(v)));
    let deepest = wire_field("c", &maps(MAX_DEPTH / 2), true, &options).unwrap();
    assert_eq!(through_ipc(deepest.clone()), deepest);
    assert_eq!(wire_type(&maps(MAX_DEPTH / 2 + 1), &options), Err(TypeError::TooDeep));
}

#[test]
fn every_arrow_type_without_children_means_a_sql_type() {
    use DataType::*;
    let utc = || Some("Europe/Lisbon".into());
    for (data_type, expected) in [
        (Null, "\"NULL\""),
        (Boolean, "BOOLEAN"),
        (Int8, "TINYINT"),
        (Int16, "SMALLINT"),
        (Int32, "INTEGER"),
        (Int64, "BIGINT"),
        (UInt8, "UTINYINT"),
        (UInt16, "USMALLINT"),
        (UInt32, "UINTEGER"),
        (UInt64, "UBIGINT"),
        (Float16, "FLOAT"),
        (Float32, "FLOAT"),
        (Float64, "DOUBLE"),
        (Decimal32(9, 2), "DECIMAL(9,2)"),
        (Decimal64(18, 2), "DECIMAL(18,2)"),
        (Decimal128(38, 10), "DECIMAL(38,10)"),
        (Decimal256(38, 10), "DECIMAL(38,10)"),
        (Decimal256(76, 0), "BIGNUM"),
        (Decimal128(5, -3), "DECIMAL(8,0)"),
        (Decimal128(2, 5), "DECIMAL(5,5)"),
        (Decimal256(70, -5), "BIGNUM"),
        (Utf8, "VARCHAR"),
        (LargeUtf8, "VARCHAR"),
        (Utf8View, "VARCHAR"),
        (Binary, "BLOB"),
        (LargeBinary, "BLOB"),
        (BinaryView, "BLOB"),
        (FixedSizeBinary(16), "BLOB"),
        (Date32, "DATE"),
        (Date64, "DATE"),
        (Time32(TimeUnit::Second), "TIME"),
        (Time32(TimeUnit::Millisecond), "TIME"),
        (Time64(TimeUnit::Microsecond), "TIME"),
        (Time64(TimeUnit::Nanosecond), "TIME_NS"),
        (Timestamp(TimeUnit::Second, None), "TIMESTAMP_S"),
        (Timestamp(TimeUnit::Millisecond, None), "TIMESTAMP_MS"),
        (Timestamp(TimeUnit::Microsecond, None), "TIMESTAMP"),
        (Timestamp(TimeUnit::Nanosecond, None), "TIMESTAMP_NS"),
        (Timestamp(TimeUnit::Second, utc()), "TIMESTAMP WITH TIME ZONE"),
        (Timestamp(TimeUnit::Nanosecond, utc()), "TIMESTAMP WITH TIME ZONE"),
        (Duration(TimeUnit::Nanosecond), "INTERVAL"),
        (Interval(IntervalUnit::YearMonth), "INTERVAL"),
        (Interval(IntervalUnit::DayTime), "INTERVAL"),
        (Interval(IntervalUnit::MonthDayNano), "INTERVAL"),
        (Dictionary(Box::new(Int32), Box::new(LargeUtf8)), "VARCHAR"),
    ] {
        assert_eq!(sql(data_type.clone()).as_deref(), Ok(expected), "{data_type}");
    }
}

#[test]
fn every_arrow_type_with_children_means_a_sql_type() {
    let item = || Arc::new(Field::new("x", DataType::Utf8View, true));
    let run_ends = Arc::new(Field::new("run_ends", DataType::Int32, false));
    assert_eq!(sql(DataType::List(item())).unwrap(), "VARCHAR[]");
    assert_eq!(sql(DataType::LargeList(item())).unwrap(), "VARCHAR[]");
    assert_eq!(sql(DataType::ListView(item())).unwrap(), "VARCHAR[]");
    assert_eq!(sql(DataType::LargeListView(item())).unwrap(), "VARCHAR[]");
    assert_eq!(sql(DataType::FixedSizeList(item(), 3)).unwrap(), "VARCHAR[3]");
    assert_eq!(sql(DataType::RunEndEncoded(run_ends.clone(), item())).unwrap(), "VARCHAR");
    let json = Arc::new(extension(DataType::Utf8, "arrow.json", None));
    assert_eq!(sql(DataType::RunEndEncoded(run_ends, json)).unwrap(), "JSON");
    for name in ["STRUCT(a INTEGER, \"b c\" VARCHAR[])", "MAP(VARCHAR, UUID)", "UNION(i INTEGER, s JSON)"] {
        assert_eq!(sql(wire(name)).unwrap(), name);
    }
    let dense =
        UnionFields::try_new([3, 7], [Field::new("a", DataType::Int8, true), Field::new("b", DataType::Utf8, true)]);
    assert_eq!(sql(DataType::Union(dense.unwrap(), UnionMode::Dense)).unwrap(), "UNION(a TINYINT, b VARCHAR)");
}

#[test]
fn extension_types_that_are_known_are_respected() {
    let of = |field: Field| sql_type_of(&field).map(|ty| ty.to_string());
    let dictionary = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    assert_eq!(of(extension(DataType::Utf8View, "arrow.json", None)).unwrap(), "JSON");
    assert_eq!(of(extension(dictionary, "arrow.json", Some("{}"))).unwrap(), "JSON");
    assert_eq!(of(extension(DataType::FixedSizeBinary(16), "arrow.uuid", Some(""))).unwrap(), "UUID");
    assert_eq!(of(extension(DataType::Int8, "arrow.bool8", None)).unwrap(), "BOOLEAN");
    let wkb = extension(DataType::LargeBinary, "geoarrow.wkb", Some(r#"{"crs":"OGC:CRS84"}"#));
    assert_eq!(of(wkb).unwrap(), "GEOMETRY('OGC:CRS84')");
    assert_eq!(of(extension(DataType::Binary, "ogc.wkb", None)).unwrap(), "GEOMETRY");
    assert_eq!(of(extension(DataType::Int64, "someone.else", None)).unwrap(), "BIGINT");
    for (data_type, name) in [
        (DataType::Int32, "arrow.json"),
        (DataType::Utf8, "arrow.uuid"),
        (DataType::Boolean, "arrow.bool8"),
        (DataType::Utf8, "geoarrow.wkb"),
    ] {
        let error = sql_type_of(&extension(data_type, name, None)).unwrap_err();
        assert!(matches!(error, TypeError::ExtensionStorage { .. }), "{name}: {error}");
    }
    let damaged = sql_type_of(&extension(DataType::Binary, "geoarrow.wkb", Some("nonsense"))).unwrap_err();
    assert!(matches!(damaged, TypeError::ExtensionMetadata { .. }), "{damaged}");
}

#[test]
fn what_no_sql_type_can_hold_is_a_typed_error() {
    use DataType::*;
    let unnamed = |name: &str| Field::new(name, Int8, true);
    assert_eq!(sql(Decimal256(50, 2)), Err(TypeError::Decimal { precision: 50, scale: 2 }));
    assert_eq!(sql(Decimal128(38, 100)), Err(TypeError::Decimal { precision: 38, scale: 100 }));
    assert_eq!(sql(Struct(Fields::empty())), Err(TypeError::NoMembers { kind: "STRUCT" }));
    assert_eq!(sql(Union(UnionFields::empty(), UnionMode::Dense)), Err(TypeError::NoMembers { kind: "UNION" }));
    let some_named = Fields::from(vec![unnamed("a"), unnamed("")]);
    assert_eq!(sql(Struct(some_named)), Err(TypeError::UnnamedMember { kind: "STRUCT" }));
    assert_eq!(sql(Struct(Fields::from(vec![unnamed(""), unnamed("")]))).unwrap(), "STRUCT(TINYINT, TINYINT)");
    let item = Arc::new(unnamed("item"));
    assert_eq!(sql(FixedSizeList(item.clone(), 0)), Err(TypeError::ArraySize { size: 0 }));
    assert_eq!(sql(FixedSizeList(item.clone(), 100_001)), Err(TypeError::ArraySize { size: 100_001 }));
    assert!(matches!(sql(Map(item, false)), Err(TypeError::MapEntries { .. })));
    let deep = (0..MAX_DEPTH).fold(Int8, |inner, _| List(Arc::new(Field::new("item", inner, true))));
    assert_eq!(sql(deep), Err(TypeError::TooDeep));
}

#[test]
fn a_wire_field_comes_back_as_its_type_or_as_the_one_that_holds_it() {
    for name in [
        "BOOLEAN",
        "TINYINT",
        "UBIGINT",
        "DOUBLE",
        "DECIMAL(9,4)",
        "VARCHAR",
        "JSON",
        "UUID",
        "BLOB",
        "DATE",
        "TIME",
        "TIME_NS",
        "TIMESTAMP_S",
        "TIMESTAMP_MS",
        "TIMESTAMP",
        "TIMESTAMP_NS",
        "TIMESTAMP WITH TIME ZONE",
        "INTERVAL",
        "INTEGER[3][]",
        "GEOMETRY('OGC:CRS84')",
        "STRUCT(a UUID[], b MAP(DATE, JSON))",
        "\"NULL\"",
    ] {
        assert_eq!(sql_type_of(&field(name)).unwrap().to_string(), name);
    }
    for (name, held_as) in [
        ("HUGEINT", "DECIMAL(38,0)"),
        ("UHUGEINT", "BIGNUM"),
        ("ENUM('a')", "VARCHAR"),
        ("BIT", "VARCHAR"),
        ("BIGNUM", "VARCHAR"),
        ("TIMETZ", "VARCHAR"),
        ("VARIANT", "JSON"),
        ("STRUCT(DATE)", "STRUCT(\"1\" DATE)"),
    ] {
        assert_eq!(sql_type_of(&field(name)).unwrap().to_string(), held_as, "{name}");
    }
}
