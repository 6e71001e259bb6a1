//! What each type's values become, in whatever they are nested, and what values beyond the wire are told as.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Int32Type};
use futures::StreamExt;
use typemap::wire::{Infinity, WideIntegers, WireOptions};

use super::*;

const LENIENT: WireOptions = WireOptions { wide_integers: WideIntegers::Decimal256, infinity: Infinity::Null };

/// The columns of `test_all_types()` , none of whose values is beyond the wire with these options.
const ALL: &str = "SELECT * FROM test_all_types()";

#[tokio::test]
async fn every_type_of_duckdb_is_carried_alone_and_nested() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    session.set_wire_options(LENIENT);
    let plan = session.plan(ALL).await.unwrap();
    let flat = whole(&session, ALL).await;
    assert_eq!(plan.schema.unwrap(), flat.schema());
    assert_eq!(flat.num_rows(), 3);
    let names: Vec<_> = flat.schema().fields().iter().map(|field| field.name().clone()).collect();
    for (index, name) in names.iter().enumerate() {
        let column = flat.column(index);
        if !matches!(column.data_type(), DataType::Union(..)) {
            assert!(column.is_null(2), "the last row is NULL in {name}");
        }
        // The same values as elements, members and map values are the same.
        let sql = format!(
            "SELECT [\"{name}\"] AS l, {{'m': \"{name}\"}} AS s, MAP {{'k': \"{name}\"}} AS m,
                    array_value(\"{name}\", NULL) AS a, union_value(u := \"{name}\") AS u FROM test_all_types()"
        );
        let nested = whole(&session, &sql).await;
        let every_second = arrow::array::UInt32Array::from(vec![0, 2, 4]);
        let inner: [ArrayRef; 5] = [
            Arc::clone(nested.column(0).as_list::<i32>().values()),
            Arc::clone(nested.column(1).as_struct().column(0)),
            Arc::clone(nested.column(2).as_map().values()),
            arrow::compute::take(nested.column(3).as_fixed_size_list().values(), &every_second, None).unwrap(),
            Arc::clone(nested.column(4).as_union().child(0)),
        ];
        for (place, values) in inner.iter().enumerate() {
            assert_eq!(values.to_data(), column.to_data(), "{name}, nested in place {place}");
        }
    }
}

#[tokio::test]
async fn values_beyond_the_wire_are_errors_wherever_they_are_and_the_session_lives_on() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let wide = "170141183460469231731687303715884105727::HUGEINT";
    for (bad, good) in [
        (wide, "1::HUGEINT"),
        ("'infinity'::TIMESTAMP", "'2024-01-01'::TIMESTAMP"),
        ("'-infinity'::DATE", "'2024-01-01'::DATE"),
        ("'infinity'::TIMESTAMP_NS", "'2024-01-01'::TIMESTAMP_NS"),
        ("'-infinity'::TIMESTAMPTZ", "'2024-01-01'::TIMESTAMPTZ"),
        ("to_hours(24 * 366 * 400)", "INTERVAL 1 DAY"),
    ] {
        let shapes = ["{v}", "[{v}]", "{'a': {v}}", "MAP {'k': {v}}", "array_value({v})", "union_value(u := {v})"];
        // The rows before a late value fill many batches.
        for (first, rows) in [(0, 10), (150_000, 160_000)] {
            for shape in shapes {
                let value = format!("CASE WHEN i = {first} THEN {bad} ELSE {good} END");
                let shaped = shape.replace("{v}", &value);
                let sql = format!("SELECT i, {shaped} AS culprit FROM range({rows}) t(i)");
                let mut batches = match run(&session, &sql).await {
                    Ok(outcome) => outcome.rows.batches,
                    Err(error) => {
                        assert_eq!(first, 0, "{sql}: {error}");
                        check(&error, &sql);
                        continue;
                    }
                };
                let error = loop {
                    match batches.next().await.expect("a failure before the end") {
                        Ok(_) => {}
                        Err(error) => break error,
                    }
                };
                check(&error, &sql);
                drop(batches);
                assert_eq!(number(&session, "SELECT 1").await, 1);
            }
        }
    }

    fn check(error: &Error, sql: &str) {
        assert_eq!(error.sqlstate.0, "22003", "{sql}: {error}");
        assert!(error.message.contains("culprit"), "{sql}: {error}");
    }
}

#[tokio::test]
async fn session_options_send_wide_integers_and_infinities_in_every_path() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    session.set_wire_options(LENIENT);
    let sql = "SELECT 170141183460469231731687303715884105727::HUGEINT AS h, 'infinity'::DATE AS d,
                      ['-infinity'::TIMESTAMP, '2024-01-01'] AS l, {'t': 'infinity'::TIMESTAMPTZ} AS s";
    let batch = whole(&session, sql).await;
    let wide = batch.column(0).as_primitive::<Decimal256Type>().value(0);
    assert_eq!(wide.to_string(), "170141183460469231731687303715884105727");
    assert!(batch.column(1).is_null(0));
    let list = batch.column(2).as_list::<i32>();
    assert!(list.values().is_null(0) && list.values().is_valid(1));
    assert!(batch.column(3).as_struct().column(0).is_null(0));
    // A table, and so through the gate as well.
    rows(&session, "CREATE TABLE t AS SELECT 'infinity'::TIMESTAMP AS forever, 1::HUGEINT AS one").await;
    let batch = whole(&session, "SELECT * FROM t").await;
    assert!(batch.column(0).is_null(0));
    assert_eq!(batch.column(1).data_type(), &DataType::Decimal256(39, 0));
    let filter = crate::engine::TableFilter { with_schema: true, ..Default::default() };
    let listed = session.tables(&filter).await.unwrap()[0].schema.clone().unwrap();
    assert_eq!(listed.field(1).data_type(), &DataType::Decimal256(39, 0));
    let plan = session.plan("SELECT $1::HUGEINT").await.unwrap();
    assert_eq!(plan.parameters.field(0).data_type(), &DataType::Decimal256(39, 0));

    session.set_wire_options(WireOptions::default());
    assert_eq!(failure(&session, "SELECT forever FROM t").await.sqlstate.0, "22003");
    let batch = whole(&session, "SELECT one FROM t").await;
    assert_eq!(batch.column(0).as_primitive::<Decimal128Type>().value(0), 1);
}

#[tokio::test]
async fn values_that_a_null_hides_raise_nothing() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let wide = "170141183460469231731687303715884105727::HUGEINT";
    for sql in [
        format!("SELECT CASE WHEN i < 0 THEN {{'h': {wide}}} END AS s FROM range(3) t(i)"),
        format!("SELECT CASE WHEN i < 0 THEN array_value({wide}, {wide}) END AS a FROM range(3) t(i)"),
        format!("SELECT CASE WHEN i < 0 THEN [{wide}] END AS l FROM range(3) t(i)"),
        format!(
            "SELECT u FROM (SELECT CASE WHEN i = 0 THEN union_value(n := 1::INTEGER)::UNION(n INTEGER, h HUGEINT) END AS u, {wide} FROM range(3) t(i))"
        ),
    ] {
        assert_eq!(whole(&session, &sql).await.num_rows(), 3, "{sql}");
    }
}

#[tokio::test]
async fn a_geometry_is_well_known_binary_and_keeps_its_reference_system() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let sql = "SELECT 'POINT(1 2)'::GEOMETRY AS g, 'POINT(1 2)'::GEOMETRY('OGC:CRS84') AS c, NULL::GEOMETRY AS n,
                      [('LINESTRING(0 0, 1 1)'::GEOMETRY)] AS l";
    let batch = whole(&session, sql).await;
    let mut point = vec![1, 1, 0, 0, 0];
    point.extend(1_f64.to_le_bytes());
    point.extend(2_f64.to_le_bytes());
    assert_eq!(batch.column(0).as_binary::<i32>().value(0), point);
    assert_eq!(batch.column(1).as_binary::<i32>().value(0), point);
    assert!(batch.column(2).is_null(0));
    let schema = batch.schema();
    let metadata = schema.field(1).metadata();
    assert_eq!(metadata["ARROW:extension:name"], "geoarrow.wkb");
    assert!(metadata["ARROW:extension:metadata"].contains("OGC:CRS84"), "{metadata:?}");
    assert_eq!(schema.field(0).metadata()["ARROW:extension:metadata"], "{}");
    // A table whose columns have a reference system is read outside of a transaction as well.
    rows(&session, "CREATE TABLE places AS SELECT 'POINT(1 2)'::GEOMETRY('OGC:CRS84') AS place").await;
    assert_eq!(whole(&session, "SELECT place FROM places").await.column(0).as_binary::<i32>().value(0), point);
}

#[tokio::test]
async fn a_variant_is_json_and_null_stays_null_wherever_it_is() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let sql = "SELECT v, [v, NULL] AS l, {'a': v} AS s, MAP {'k': v} AS m FROM
                 (VALUES ({'a': 1, 'b': [1, NULL]}::VARIANT), ('x'::VARIANT), (NULL)) t(v)";
    let plan = session.plan(sql).await.unwrap();
    let batch = whole(&session, sql).await;
    assert_eq!(plan.schema.unwrap(), batch.schema());
    assert_eq!(batch.schema().field(0).metadata()["ARROW:extension:name"], "arrow.json");
    let expected = arrow::array::StringArray::from(vec![Some("{\"a\":1,\"b\":[1,null]}"), Some("\"x\""), None]);
    assert_eq!(batch.column(0).as_string::<i32>(), &expected);
    let list = batch.column(1).as_list::<i32>();
    assert_eq!((list.value(0).null_count(), list.value(2).null_count()), (1, 2));
    assert_eq!(batch.column(2).as_struct().column(0).as_string::<i32>(), &expected);
    assert_eq!(batch.column(3).as_map().values().as_string::<i32>(), &expected);
    // Many of them, and batches cut within a chunk.
    let sql = "SELECT i, {'n': i, 's': repeat('y', 100)}::VARIANT AS v FROM range(20000) t(i)";
    let cut = crate::engine::Cut { rows: 1500, bytes: 2 << 20 };
    let outcome = session.execute(Statement { cut, ..Statement::new(sql) }).await.unwrap();
    let batches: Vec<_> = outcome.rows.batches.try_collect().await.unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 20_000);
    let last = batches.last().unwrap();
    let text = last.column(1).as_string::<i32>().value(last.num_rows() - 1);
    assert!(text.starts_with("{\"n\":19999,"), "{text}");
}

#[tokio::test]
async fn unions_show_the_member_that_was_chosen() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let sql = "SELECT CASE WHEN i = 0 THEN union_value(n := 7::INTEGER)::UNION(n INTEGER, s VARCHAR)
                           WHEN i = 1 THEN union_value(s := 'x')::UNION(n INTEGER, s VARCHAR) END AS u FROM range(3) t(i)";
    let batch = whole(&session, sql).await;
    let union = batch.column(0).as_union();
    assert_eq!((union.type_id(0), union.type_id(1)), (0, 1));
    assert_eq!(union.child(0).as_primitive::<Int32Type>().value(0), 7);
    assert_eq!(union.child(1).as_string::<i32>().value(1), "x");
    assert!(union.child(0).is_null(1) && union.child(1).is_null(0) && union.value(2).is_null(0));
}

#[tokio::test]
async fn texts_of_any_length_are_carried() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let sql = "SELECT CASE WHEN i % 7 <> 3 THEN text END AS some, text, text::BLOB AS bytes
               FROM (SELECT i, repeat(chr(97 + (i % 26)::INTEGER), (i % 150)::BIGINT) || right(i::VARCHAR, (i % 2)::BIGINT) AS text
                     FROM range(6000) t(i)) ORDER BY i";
    let batch = whole(&session, sql).await;
    let (some, texts, bytes) =
        (batch.column(0).as_string::<i32>(), batch.column(1).as_string::<i32>(), batch.column(2).as_binary::<i32>());
    for i in 0..6000_usize {
        let letter = char::from(b'a' + (i % 26) as u8).to_string();
        let last = if i % 2 == 1 { (i % 10).to_string() } else { String::new() };
        let expected = letter.repeat(i % 150) + &last;
        assert_eq!((texts.value(i), bytes.value(i)), (expected.as_str(), expected.as_bytes()));
        assert_eq!((some.is_null(i), some.value(i)), if i % 7 == 3 { (true, "") } else { (false, expected.as_str()) });
    }
}

#[tokio::test]
async fn values_from_the_dictionaries_of_a_file_are_those_that_were_written() {
    let files = tempfile::tempdir().unwrap();
    let fixture = Fixture::with(|options| {
        options.allow_files = vec![files.path().to_owned()];
        options.allow_writes = vec![files.path().to_owned()];
    });
    let session = fixture.session().await;
    let types = [
        "BOOLEAN",
        "TINYINT",
        "USMALLINT",
        "INTEGER",
        "UBIGINT",
        "FLOAT",
        "DOUBLE",
        "DECIMAL(4, 1)",
        "DECIMAL(9, 2)",
        "DECIMAL(18, 3)",
        "DECIMAL(30, 2)",
        "VARCHAR",
    ];
    let mut columns: Vec<String> = types
        .iter()
        .enumerate()
        .map(|(n, ty)| {
            format!("CASE WHEN i % {} <> 1 THEN (i % 11)::{ty} END AS c{n}, (i % 13)::{ty} AS full{n}", n + 5)
        })
        .collect();
    columns.push("CASE WHEN i % 3 > 0 THEN DATE '2026-01-01' + (i % 9)::INTEGER END AS day".to_owned());
    columns.push("CASE WHEN i % 3 > 0 THEN md5((i % 9)::VARCHAR)::UUID END AS id".to_owned());
    columns.push("[(i % 5)::VARCHAR, NULL] AS l, {'m': i % 5} AS s".to_owned());
    rows(&session, &format!("CREATE TABLE written AS SELECT {} FROM range(20000) t(i)", columns.join(", "))).await;
    let file = files.path().join("f.parquet");
    rows(&session, &format!("COPY written TO '{}' (FORMAT parquet, ROW_GROUP_SIZE 5000)", file.display())).await;
    let (written, read) =
        (whole(&session, "FROM written").await, whole(&session, &format!("FROM '{}'", file.display())).await);
    assert_eq!(written.num_rows(), 20_000);
    for (index, field) in written.schema().fields().iter().enumerate() {
        assert_eq!(read.column(index), written.column(index), "{field}");
    }
}
