//! Rows that clients upload.

use arrow::array::{ArrayRef, DictionaryArray, Float64Array, Int64Array, StringViewArray};
use arrow::datatypes::Int32Type;
use futures::{StreamExt, stream};

use super::*;
use crate::engine::{Ingest, IngestMode, IngestTable};

fn batch(ids: &[i64]) -> RecordBatch {
    let names: DictionaryArray<Int32Type> = ids.iter().map(|_| "x").collect();
    let views = StringViewArray::from_iter_values(ids.iter().map(|id| format!("view of {id}, which is long")));
    RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from(ids.to_vec())) as ArrayRef),
        ("name", Arc::new(names)),
        ("view", Arc::new(views)),
    ])
    .unwrap()
}

fn upload(name: &str, mode: IngestMode, batches: Vec<Result<RecordBatch>>) -> Ingest {
    let schema = batches.iter().flatten().next().unwrap().schema();
    let table = IngestTable { catalog: None, schema: None, name: name.to_owned(), temporary: false };
    Ingest { table, mode, schema, request: None, batches: stream::iter(batches).boxed() }
}

#[tokio::test]
async fn rows_are_written_in_every_mode() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let of = |mode| upload("t", mode, vec![Ok(batch(&[1, 2])), Ok(batch(&[3]))]);
    assert_eq!(session.ingest(of(IngestMode::Append)).await.unwrap_err().sqlstate.0, "42P01");
    assert_eq!(session.ingest(of(IngestMode::Create)).await.unwrap().rows, 3);
    assert_eq!(session.ingest(of(IngestMode::Create)).await.unwrap_err().sqlstate.0, "42P07");
    assert_eq!(session.ingest(of(IngestMode::Append)).await.unwrap().rows, 3);
    assert_eq!(session.ingest(of(IngestMode::CreateAppend)).await.unwrap().rows, 3);
    assert_eq!(number(&session, "SELECT sum(id) FROM t").await, 18);
    assert_eq!(session.ingest(of(IngestMode::Replace)).await.unwrap().rows, 3);
    assert_eq!(number(&session, "SELECT count(*) FROM t WHERE name = 'x' AND view LIKE 'view of %'").await, 3);
    // A view of that name, which a statement would bring back, is gone.
    rows(&session, "CREATE VIEW v AS SELECT 1").await;
    assert_eq!(
        session.ingest(upload("v", IngestMode::Append, vec![Ok(batch(&[1]))])).await.unwrap_err().sqlstate.0,
        "0A000"
    );
    let written = session.ingest(upload("v", IngestMode::Replace, vec![Ok(batch(&[1]))])).await.unwrap();
    assert_eq!((written.state[0].key.as_str(), &written.state[0].sql), ("relation:pintail.main.v", &None));
}

#[tokio::test]
async fn columns_are_found_by_name_and_fit_the_table_or_are_errors() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE t (extra VARCHAR DEFAULT 'none', ID INT NOT NULL)").await;
    let only = |values: ArrayRef, name: &str| {
        let batch = RecordBatch::try_from_iter_with_nullable([(name, values, true)]).unwrap();
        upload("t", IngestMode::Append, vec![Ok(batch)])
    };
    assert_eq!(session.ingest(only(Arc::new(Int64Array::from(vec![5])), "Id")).await.unwrap().rows, 1);
    assert_eq!(texts(&session, "SELECT extra FROM t").await, ["none"]);
    for (values, name, state) in [
        (Arc::new(Int64Array::from(vec![1, 1 << 40])) as ArrayRef, "id", "22003"),
        (Arc::new(Int64Array::from(vec![Some(1), None])), "id", "23502"),
        (Arc::new(Float64Array::from(vec![1.0])), "extra", "23502"),
        (Arc::new(Int64Array::from(vec![1])), "nothing", "42703"),
    ] {
        let error = session.ingest(only(values, name)).await.unwrap_err();
        assert_eq!(error.sqlstate.0, state, "{name}: {error}");
    }
    assert_eq!(number(&session, "SELECT count(*) FROM t").await, 1);
}

#[tokio::test]
async fn an_upload_that_ends_early_or_is_given_up_leaves_nothing() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let broken = vec![Ok(batch(&[1])), Err(Error::internal("the client went away"))];
    assert!(session.ingest(upload("t", IngestMode::Create, broken)).await.is_err());
    assert_eq!(failure(&session, "SELECT * FROM t").await.sqlstate.0, "42P01");

    let mut endless = upload("t", IngestMode::Create, vec![Ok(batch(&[1]))]);
    endless.batches = endless.batches.chain(stream::pending()).boxed();
    let given_up = tokio::time::timeout(std::time::Duration::from_millis(100), session.ingest(endless)).await;
    assert!(given_up.is_err());
    assert_eq!(failure(&session, "SELECT * FROM t").await.sqlstate.0, "42P01");
    assert_eq!(fixture.engine.memory_used(), 0);
}
