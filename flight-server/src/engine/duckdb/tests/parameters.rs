//! Clients' values for parameters.

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, DictionaryArray,
    FixedSizeBinaryArray, Float32Array, Int32Array, IntervalMonthDayNanoArray, ListArray, ListViewArray, StringArray,
    StringViewArray, StructArray, TimestampMicrosecondArray, UnionArray,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Fields, Int32Type, IntervalMonthDayNano, Schema, UnionFields, i256};

use super::*;

fn batch(fields: Vec<Field>, columns: Vec<ArrayRef>) -> RecordBatch {
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

async fn bound(session: &Arc<dyn EngineSession>, sql: &str, parameters: RecordBatch) -> Result<RecordBatch> {
    let outcome = session.execute(Statement { parameters: vec![parameters], ..Statement::new(sql) }).await?;
    let schema = Arc::clone(&outcome.rows.schema);
    let batches: Vec<_> = outcome.rows.batches.try_collect().await?;
    Ok(arrow::compute::concat_batches(&schema, &batches).unwrap())
}

#[tokio::test]
async fn a_value_of_every_arrow_type_is_bound_as_its_sql_type() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let item = Arc::new(Field::new("item", DataType::Int32, true));
    let members = Fields::from(vec![Field::new("a", DataType::Int32, true), Field::new("b", DataType::Utf8, true)]);
    let ids = UnionFields::try_new([3_i8, 5], members.iter().map(|field| field.as_ref().clone())).unwrap();
    let ints = || Arc::new(Int32Array::from(vec![1, 2])) as ArrayRef;
    let uuid = FixedSizeBinaryArray::from(vec![&[7_u8; 16]]);
    let uuid_field = Field::new("v", DataType::FixedSizeBinary(16), true)
        .with_metadata([("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned())].into());
    let mut point = vec![0, 0, 0, 0, 1];
    point.extend(1_f64.to_be_bytes());
    point.extend(2_f64.to_be_bytes());
    let wkb_field = Field::new("v", DataType::Binary, true)
        .with_metadata([("ARROW:extension:name".to_owned(), "geoarrow.wkb".to_owned())].into());
    let plain = |array: ArrayRef| (Field::new("v", array.data_type().clone(), true), array);
    let cases: Vec<((Field, ArrayRef), &str, &str)> = vec![
        (plain(Arc::new(BooleanArray::from(vec![true]))), "BOOLEAN", "true"),
        (plain(Arc::new(Float32Array::from(vec![1.5]))), "FLOAT", "1.5"),
        (plain(Arc::new(Date32Array::from(vec![1]))), "DATE", "1970-01-02"),
        (
            plain(Arc::new(StringViewArray::from(vec!["a text longer than twelve"]))),
            "VARCHAR",
            "a text longer than twelve",
        ),
        (plain(Arc::new(BinaryArray::from(vec![&b"ab"[..]]))), "BLOB", "ab"),
        (
            plain(Arc::new(Decimal128Array::from(vec![12_345]).with_precision_and_scale(7, 2).unwrap())),
            "DECIMAL(7,2)",
            "123.45",
        ),
        (
            plain(Arc::new(Decimal128Array::from(vec![-1]).with_precision_and_scale(38, 0).unwrap())),
            "DECIMAL(38,0)",
            "-1",
        ),
        (
            plain(Arc::new(
                Decimal256Array::from(vec![i256::from_i128(i128::MAX)]).with_precision_and_scale(45, 0).unwrap(),
            )),
            "BIGNUM",
            "170141183460469231731687303715884105727",
        ),
        (
            plain(Arc::new(TimestampMicrosecondArray::from(vec![0]).with_timezone("Europe/Berlin"))),
            "TIMESTAMP WITH TIME ZONE",
            "1970-01-01 00:00:00+00",
        ),
        (
            plain(Arc::new(IntervalMonthDayNanoArray::from(vec![IntervalMonthDayNano::new(1, 2, 3_000)]))),
            "INTERVAL",
            "1 month 2 days 00:00:00.000003",
        ),
        ((uuid_field, Arc::new(uuid)), "UUID", "07070707-0707-0707-0707-070707070707"),
        ((wkb_field, Arc::new(BinaryArray::from(vec![&point[..]]))), "GEOMETRY", "POINT (1 2)"),
        (
            plain(Arc::new(DictionaryArray::<Int32Type>::from_iter([Some("from a dictionary")]))),
            "VARCHAR",
            "from a dictionary",
        ),
        (
            plain(Arc::new(ListArray::new(Arc::clone(&item), OffsetBuffer::from_lengths([2]), ints(), None))),
            "INTEGER[]",
            "[1, 2]",
        ),
        (
            plain(Arc::new(ListViewArray::new(
                Arc::clone(&item),
                ScalarBuffer::from(vec![1]),
                ScalarBuffer::from(vec![1]),
                ints(),
                None,
            ))),
            "INTEGER[]",
            "[2]",
        ),
        (
            plain(Arc::new(StructArray::new(
                members.clone(),
                vec![Arc::new(Int32Array::from(vec![1])), Arc::new(StringArray::from(vec!["x"]))],
                None,
            ))),
            "STRUCT(a INTEGER, b VARCHAR)",
            "{'a': 1, 'b': x}",
        ),
        (
            // A dense union, whose members are numbered as they like.
            plain(Arc::new(
                UnionArray::try_new(
                    ids,
                    ScalarBuffer::from(vec![5]),
                    Some(ScalarBuffer::from(vec![0])),
                    vec![Arc::new(Int32Array::from(Vec::<i32>::new())), Arc::new(StringArray::from(vec!["chosen"]))],
                )
                .unwrap(),
            )),
            "UNION(a INTEGER, b VARCHAR)",
            "chosen",
        ),
    ];
    for ((field, array), ty, printed) in cases {
        let what = field.data_type().clone();
        let rows =
            bound(&session, "SELECT typeof(v), v::VARCHAR FROM (SELECT $1 AS v)", batch(vec![field], vec![array]))
                .await;
        let rows = rows.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(rows.column(0).as_string::<i32>().value(0), ty, "{what}");
        assert_eq!(rows.column(1).as_string::<i32>().value(0), printed, "{what}");
    }
}

#[tokio::test]
async fn what_cannot_be_bound_names_its_parameter() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let fields = vec![
        Field::new("a", DataType::Int32, true),
        Field::new("b", DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano), true),
    ];
    let finer = IntervalMonthDayNanoArray::from(vec![IntervalMonthDayNano::new(0, 0, 1)]);
    let columns: Vec<ArrayRef> = vec![Arc::new(Int32Array::from(vec![1])), Arc::new(finer)];
    let error = bound(&session, "SELECT $1, $2", batch(fields, columns)).await.unwrap_err();
    assert!(error.message.contains("parameter 2") && error.sqlstate.0 == "22003", "{error}");
    let one = batch(vec![Field::new("a", DataType::Int32, true)], vec![Arc::new(Int32Array::from(vec![1]))]);
    assert_eq!(bound(&session, "SELECT $1, $2", one.clone()).await.unwrap_err().sqlstate.0, "07001");
    assert_eq!(bound(&session, "SELECT 1", one).await.unwrap_err().sqlstate.0, "07001");
    let wkb = Field::new("v", DataType::Binary, true)
        .with_metadata([("ARROW:extension:name".to_owned(), "geoarrow.wkb".to_owned())].into());
    let broken = batch(vec![wkb], vec![Arc::new(BinaryArray::from(vec![&[1_u8, 1][..]]))]);
    bound(&session, "SELECT $1", broken).await.unwrap_err();
    assert_eq!(number(&session, "SELECT 1").await, 1);
}

#[tokio::test]
async fn nulls_of_every_column_are_bound_row_by_row() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE t (i INTEGER, s VARCHAR)").await;
    let fields = vec![Field::new("i", DataType::Int32, true), Field::new("s", DataType::Utf8, true)];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![Some(1), None, Some(3)])),
        Arc::new(StringArray::from(vec![None, Some("x"), Some("")])),
    ];
    let statement =
        Statement { parameters: vec![batch(fields, columns)], ..Statement::new("INSERT INTO t VALUES (?, ?)") };
    assert_eq!(session.execute(statement).await.unwrap().changed, Some(3));
    let all = text(&session, "SELECT list([i::VARCHAR, s] ORDER BY rowid) FROM t").await;
    assert_eq!(all, "[[1, NULL], [NULL, x], [3, '']]");
}
