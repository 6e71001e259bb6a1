//! Statements with parameters.

use arrow::array::{Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema};

use super::*;

fn people(ids: Vec<i64>) -> RecordBatch {
    let names: StringArray = ids.iter().map(|id| Some(format!("n{id}"))).collect();
    let schema = Schema::new(vec![Field::new("1", DataType::Int64, true), Field::new("2", DataType::Utf8, true)]);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(Int64Array::from(ids)), Arc::new(names)]).unwrap()
}

fn with(sql: &str, parameters: Vec<RecordBatch>) -> Statement {
    Statement { parameters, ..Statement::new(sql) }
}

#[tokio::test]
async fn types_of_parameters_are_told_where_they_are_known() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE p (id BIGINT, name VARCHAR)").await;
    let plan = session.plan("SELECT name FROM p WHERE id = ? AND name = ?").await.unwrap();
    let types: Vec<_> = plan.parameters.fields().iter().map(|f| (f.name().clone(), f.data_type().clone())).collect();
    assert_eq!(types, [("1".to_owned(), DataType::Int64), ("2".to_owned(), DataType::Utf8)]);
    assert_eq!(plan.schema.unwrap().field(0).name(), "name");
    let plan = session.plan("INSERT INTO p VALUES ($1, $2)").await.unwrap();
    assert!(plan.is_update);
    assert_eq!(plan.parameters.field(0).data_type(), &DataType::Int64);
    let untyped = session.plan("SELECT ?").await.unwrap();
    assert!(untyped.schema.is_none() && untyped.parameters.fields().len() == 1);
    let named = session.plan("SELECT id FROM p WHERE name = $who AND id > $least").await.unwrap();
    let names: Vec<_> = named.parameters.fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names, ["who", "least"]);
    assert_eq!(session.plan("SELECT ? + $1").await.unwrap_err().sqlstate.0, "42601");
}

#[tokio::test]
async fn rows_of_parameters_are_executed_one_by_one_and_an_update_changes_all_or_nothing() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE p (id INT, name VARCHAR)").await;
    let insert = "INSERT INTO p VALUES (?, ?)";
    let outcome = session.execute(with(insert, vec![people(vec![1, 2]), people(vec![3])])).await.unwrap();
    assert_eq!(outcome.changed, Some(3));
    // The third does not fit its column, and takes the others with it.
    let error = session.execute(with(insert, vec![people(vec![7, 8, 1 << 40])])).await.err().unwrap();
    assert_eq!(error.sqlstate.0, "22003", "{error}");
    assert_eq!(number(&session, "SELECT count(*) FROM p").await, 3);

    let query = with("SELECT CAST(id AS BIGINT), $2 AS given FROM p WHERE id = $1", vec![people(vec![1, 3, 2])]);
    let batches: Vec<_> = session.execute(query).await.unwrap().rows.batches.try_collect().await.unwrap();
    let ids: Vec<_> = batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    assert_eq!(ids, [1, 3, 2]);
    assert_eq!(batches[0].column(1).as_string::<i32>().value(0), "n1");
    let short = with("SELECT ?", vec![people(vec![1])]);
    assert_eq!(session.execute(short).await.err().unwrap().sqlstate.0, "07001");
    assert_eq!(failure(&session, "SELECT * FROM p WHERE id = ?").await.sqlstate.0, "07001");
}

#[tokio::test]
async fn statements_are_prepared_by_text_too() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE p (id INT); PREPARE add(INT) AS INSERT INTO p VALUES ($1)").await;
    rows(&session, "EXECUTE add(1); EXECUTE add(2)").await;
    assert_eq!(number(&session, "SELECT sum(id) FROM p").await, 3);
    rows(&session, "PREPARE all_of AS SELECT CAST(count(*) AS BIGINT) FROM p").await;
    let batches = rows(&session, "EXECUTE all_of").await;
    assert_eq!(batches[0].column(0).as_primitive::<Int64Type>().value(0), 2);
    rows(&session, "DEALLOCATE all_of").await;
    failure(&session, "EXECUTE all_of").await;
}
