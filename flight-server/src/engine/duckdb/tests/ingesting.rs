//! Rows into tables: all or none.

use arrow::array::{Array, ArrayRef, Int32Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use futures::{StreamExt, stream};
use typemap::wire::{Infinity, WideIntegers, WireOptions};

use super::*;
use crate::engine::{Ingest, IngestMode, IngestTable, TransactionStatus};
use crate::error::ErrorCode;

fn table(name: &str) -> IngestTable {
    IngestTable { catalog: None, schema: None, name: name.to_owned(), temporary: false }
}

fn ints(name: &str, values: impl IntoIterator<Item = i32>) -> RecordBatch {
    let schema = Schema::new(vec![Field::new(name, DataType::Int32, true)]);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(Int32Array::from_iter_values(values))]).unwrap()
}

fn order(table: IngestTable, mode: IngestMode, schema: SchemaRef, batches: Vec<Result<RecordBatch>>) -> Ingest {
    Ingest { table, mode, schema, request: None, batches: stream::iter(batches).boxed() }
}

async fn ingest(
    session: &Arc<dyn EngineSession>,
    table: IngestTable,
    mode: IngestMode,
    batches: Vec<RecordBatch>,
) -> Result<u64> {
    let schema = batches[0].schema();
    let batches = batches.into_iter().map(Ok).collect();
    Ok(session.ingest(order(table, mode, schema, batches)).await?.rows)
}

#[tokio::test]
async fn every_type_goes_in_as_it_came_out() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    session.set_wire_options(WireOptions { wide_integers: WideIntegers::Decimal256, infinity: Infinity::Null });
    // DuckDB can't cast the extremes of HUGEINT and UHUGEINT from the BIGNUM that a decimal of 39 digits is.
    // TIME WITH TIME ZONE, BIT and ENUM go out as text: the table
    // has the types of the columns that they came from.
    let sql = "SELECT COLUMNS(* EXCLUDE (hugeint, uhugeint, medium_enum, large_enum)) FROM test_all_types()";
    rows(&session, &format!("CREATE TABLE target AS {sql} LIMIT 0")).await;
    let batch = whole(&session, sql).await;
    // An infinite date went out as NULL, and is refused as a date: the extremes go in as what came out.
    assert_eq!(ingest(&session, table("target"), IngestMode::Append, vec![batch.clone()]).await.unwrap(), 3);
    let back = whole(&session, "SELECT * FROM target").await;
    for ((field, sent), read) in batch.schema().fields().iter().zip(batch.columns()).zip(back.columns()) {
        assert_eq!(sent.to_data(), read.to_data(), "{}", field.name());
    }
    // Created, the columns have the types that the values mean.
    assert_eq!(ingest(&session, table("made"), IngestMode::Create, vec![batch]).await.unwrap(), 3);
    for (column, ty) in [
        ("bool", "BOOLEAN"),
        ("ubigint", "UBIGINT"),
        ("dec_4_1", "DECIMAL(4,1)"),
        ("uuid", "UUID"),
        ("time_ns", "TIME_NS"),
        ("timestamp_tz", "TIMESTAMP WITH TIME ZONE"),
        ("geometry", "GEOMETRY"),
        ("map", "MAP(VARCHAR, VARCHAR)"),
        ("union", "UNION(\"name\" VARCHAR, age SMALLINT)"),
        ("fixed_nested_varchar_array", "VARCHAR[3][3]"),
    ] {
        assert_eq!(text(&session, &format!("SELECT typeof(\"{column}\") FROM made LIMIT 1")).await, ty, "{column}");
    }
    assert_eq!(number(&session, "SELECT count(*) FROM (SELECT * FROM made WHERE varchar IS NOT NULL)").await, 2);
}

#[tokio::test]
async fn many_rows_of_many_batches_keep_their_order() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let schema = Arc::new(Schema::new(vec![
        Field::new("n", DataType::Int64, false),
        Field::new("a name with \"quotes\"", DataType::Utf8, true),
    ]));
    let batches = (0..30).map(|part| {
        let numbers = (part * 10_000..(part + 1) * 10_000).collect::<Vec<i64>>();
        let texts = numbers.iter().map(|n| (n % 3 != 0).then(|| format!("number {n}, in words too long for place")));
        let columns: Vec<ArrayRef> =
            vec![Arc::new(Int64Array::from(numbers.clone())), Arc::new(StringArray::from_iter(texts))];
        // A slice, whose buffers begin elsewhere.
        RecordBatch::try_new(Arc::clone(&schema), columns).unwrap().slice(1, 9_999)
    });
    let name = "it's \"one\".of those";
    assert_eq!(ingest(&session, table(name), IngestMode::Create, batches.collect()).await.unwrap(), 299_970);
    let quoted = "\"it's \"\"one\"\".of those\"";
    let wrong = format!(
        "SELECT count(*) FROM {quoted} WHERE \"a name with \"\"quotes\"\"\" IS DISTINCT FROM
            CASE WHEN n % 3 <> 0 THEN format('number {{}}, in words too long for place', n) END"
    );
    assert_eq!(number(&session, &wrong).await, 0);
    let unordered =
        format!("SELECT count(*) FROM (SELECT n, lag(n) OVER (ORDER BY rowid) AS l FROM {quoted}) WHERE n <= l");
    assert_eq!(number(&session, &unordered).await, 0);
}

#[tokio::test]
async fn rows_keep_their_order_however_they_are_cut() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let tiny = vec![1; 700];
    for (name, definition, lengths) in [
        ("whole", "n INTEGER", vec![1_000_000]),
        ("groups", "n INTEGER", vec![122_880, 122_880, 0, 122_881, 122_879]),
        ("odd", "n INTEGER", vec![0, 7, 100_003, 1, 2047, 2049, 300_001, 0]),
        ("tiny", "n INTEGER", tiny),
        ("keyed", "n INTEGER PRIMARY KEY", vec![50_000; 8]),
        ("converted", "n HUGEINT", vec![50_000; 8]),
    ] {
        rows(&session, &format!("CREATE TABLE {name} ({definition})")).await;
        let count: i32 = lengths.iter().sum();
        let starts = lengths.iter().scan(0, |end, length| {
            *end += length;
            Some(*end - length)
        });
        let batches = starts.zip(&lengths).map(|(start, length)| ints("n", start..start + length)).collect();
        let ingested = ingest(&session, table(name), IngestMode::Append, batches).await.unwrap();
        assert_eq!(ingested, count as u64, "{name}");
        let elsewhere = format!("SELECT count(*) FILTER (n <> rowid) FROM {name}");
        assert_eq!(number(&session, &elsewhere).await, 0, "{name}");
        assert_eq!(number(&session, &format!("SELECT count(*) FROM {name}")).await, i64::from(count), "{name}");
    }
    let twice = vec![ints("n", 400_000..600_000), ints("n", [17])];
    assert_eq!(ingest(&session, table("keyed"), IngestMode::Append, twice).await.unwrap_err().sqlstate.0, "23505");
    assert_eq!(number(&session, "SELECT count(*) FROM keyed").await, 400_000);
}

#[tokio::test]
async fn rows_come_to_their_ingest_alone_and_those_that_do_not_come_hold_nobody_up() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let sql = "SELECT * FROM pintail_rows()";
    assert_eq!(failure(&session, sql).await.code, ErrorCode::StatementFailed);
    rows(&session, "CREATE TABLE t (i INTEGER)").await;
    // More of them than the engine has threads.
    let mut waiting = Vec::new();
    for _ in 0..6 {
        let session = fixture.session().await;
        let (seen, mut is_seen) = tokio::sync::oneshot::channel();
        let first = stream::once(async move {
            seen.send(()).unwrap();
            Ok(ints("i", 0..200_000))
        });
        let (go_on, goes_on) = tokio::sync::oneshot::channel::<()>();
        let last = stream::once(async move {
            goes_on.await.unwrap();
            Ok(ints("i", 0..1))
        });
        let rows = Ingest {
            batches: first.chain(last).boxed(),
            ..order(table("t"), IngestMode::Append, ints("i", []).schema(), Vec::new())
        };
        let ingest = tokio::spawn(async move { session.ingest(rows).await });
        (&mut is_seen).await.unwrap();
        waiting.push((ingest, go_on));
    }
    assert_eq!(failure(&session, sql).await.code, ErrorCode::StatementFailed, "other sessions' rows are theirs");
    assert_eq!(number(&session, "SELECT count(*) FROM range(3000000) a(i) WHERE i % 7 = 0").await, 428_572);
    assert_eq!(ingest(&session, table("t"), IngestMode::Append, vec![ints("i", 0..300_000)]).await.unwrap(), 300_000);
    for (ingest, go_on) in waiting {
        go_on.send(()).unwrap();
        assert_eq!(ingest.await.unwrap().unwrap().rows, 200_001);
    }
    assert_eq!(number(&session, "SELECT count(*) FROM t").await, 6 * 200_001 + 300_000);
    assert_eq!(failure(&session, sql).await.code, ErrorCode::StatementFailed, "an ingest leaves no rows behind");
}

#[tokio::test]
async fn each_mode_does_what_it_says() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let one = || vec![ints("i", [1])];
    let put = |mode| ingest(&session, table("t"), mode, one());
    assert_eq!(put(IngestMode::Append).await.unwrap_err().sqlstate.0, "42P01");
    put(IngestMode::CreateAppend).await.unwrap();
    put(IngestMode::CreateAppend).await.unwrap();
    assert_eq!(put(IngestMode::Create).await.unwrap_err().sqlstate.0, "42P07");
    put(IngestMode::Append).await.unwrap();
    assert_eq!(number(&session, "SELECT count(*) FROM t").await, 3);
    put(IngestMode::Replace).await.unwrap();
    assert_eq!(number(&session, "SELECT count(*) FROM t").await, 1);

    // Columns go by their names, others have their defaults, and the table's types decide.
    rows(&session, "CREATE TABLE named (a VARCHAR, i VARCHAR DEFAULT 'none', b INTEGER DEFAULT 7)").await;
    ingest(&session, table("named"), IngestMode::Append, vec![ints("A", [5])]).await.unwrap();
    assert_eq!(text(&session, "SELECT a || i || b FROM named").await, "5none7");
    let unknown = ingest(&session, table("named"), IngestMode::Append, vec![ints("nowhere", [5])]).await.unwrap_err();
    assert!(unknown.message.contains("nowhere"), "{unknown}");

    // Elsewhere, and for the session alone.
    rows(&session, "CREATE SCHEMA \"odd \"\"one\"").await;
    let elsewhere = IngestTable { schema: Some("odd \"one".to_owned()), ..table("t") };
    ingest(&session, elsewhere, IngestMode::Create, one()).await.unwrap();
    assert_eq!(number(&session, "SELECT count(*) FROM memory.\"odd \"\"one\".t").await, 1);
    let own = IngestTable { temporary: true, ..table("own") };
    ingest(&session, own, IngestMode::Create, one()).await.unwrap();
    assert_eq!(failure(&fixture.session().await, "SELECT * FROM own").await.sqlstate.0, "42P01");
    let misplaced = IngestTable { temporary: true, schema: Some("s".to_owned()), ..table("own2") };
    assert_eq!(
        ingest(&session, misplaced, IngestMode::Create, one()).await.unwrap_err().code,
        ErrorCode::RequestInvalid
    );
}

#[tokio::test]
async fn rows_that_sql_cannot_name_are_refused() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let twice = Schema::new(vec![Field::new("a", DataType::Int32, true), Field::new("A", DataType::Int32, true)]);
    let column = || Arc::new(Int32Array::from(vec![1])) as ArrayRef;
    let batch = RecordBatch::try_new(Arc::new(twice), vec![column(), column()]).unwrap();
    let error = ingest(&session, table("t"), IngestMode::Create, vec![batch]).await.unwrap_err();
    assert_eq!(error.sqlstate.0, "42701");
    let nothing = order(table("t"), IngestMode::Create, Arc::new(Schema::empty()), Vec::new());
    assert_eq!(session.ingest(nothing).await.unwrap_err().code, ErrorCode::RequestInvalid);
    assert_eq!(failure(&session, "SELECT * FROM t").await.sqlstate.0, "42P01");
    // No rows at all make an empty table.
    let schema = ints("i", []).schema();
    assert_eq!(session.ingest(order(table("t"), IngestMode::Create, schema, Vec::new())).await.unwrap().rows, 0);
    assert_eq!(number(&session, "SELECT count(*) FROM t").await, 0);
}

#[tokio::test]
async fn an_ingest_that_fails_leaves_nothing_behind() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let failed = || Error::new(ErrorCode::RequestInvalid, "the client's own");
    let half = || vec![Ok(ints("i", 0..300_000)), Err(failed())];
    let schema = ints("i", []).schema();
    let error = session.ingest(order(table("t"), IngestMode::Create, Arc::clone(&schema), half())).await.unwrap_err();
    assert_eq!(error.message, "the client's own");
    assert_eq!(failure(&session, "SELECT * FROM t").await.sqlstate.0, "42P01");
    assert_eq!(session.transaction(), TransactionStatus::Autocommit);

    // A value that the table can't hold, after others that were written.
    rows(&session, "CREATE TABLE small (i TINYINT)").await;
    let late = vec![ints("i", (0..300_000).map(|i| i % 100)), ints("i", [1000])];
    assert_eq!(ingest(&session, table("small"), IngestMode::Append, late).await.unwrap_err().sqlstate.0, "22003");
    assert_eq!(number(&session, "SELECT count(*) FROM small").await, 0);

    // Within the client's transaction, nothing of it can be committed.
    session.begin().await.unwrap();
    rows(&session, "INSERT INTO small VALUES (1)").await;
    session.ingest(order(table("small"), IngestMode::Append, schema, half())).await.unwrap_err();
    assert_eq!(session.transaction(), TransactionStatus::Failed);
    assert_eq!(failure(&session, "SELECT 1").await.sqlstate.0, "25P02");
    assert_eq!(session.commit(None).await.unwrap_err().sqlstate.0, "25P02");
    assert_eq!(number(&session, "SELECT count(*) FROM small").await, 0);

    // And what succeeds there is committed with it, or not.
    session.begin().await.unwrap();
    ingest(&session, table("small"), IngestMode::Append, vec![ints("i", [1, 2])]).await.unwrap();
    assert_eq!(number(&session, "SELECT count(*) FROM small").await, 2);
    session.rollback().await.unwrap();
    assert_eq!(number(&session, "SELECT count(*) FROM small").await, 0);
}

#[tokio::test]
async fn an_ingest_that_is_dropped_or_outlived_by_its_session_leaves_nothing() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE t (i INTEGER)").await;
    // Rows that never end: the ingest is under way when it is dropped.
    let endless = |seen: tokio::sync::mpsc::Sender<()>| {
        let batches = stream::repeat_with(|| Ok(ints("i", 0..10_000))).take(40).chain(stream::pending());
        let batches = batches.inspect(move |_| _ = seen.try_send(()));
        Ingest {
            table: table("t"),
            mode: IngestMode::Append,
            schema: ints("i", []).schema(),
            request: None,
            batches: batches.boxed(),
        }
    };
    let (seen, mut under_way) = tokio::sync::mpsc::channel(64);
    {
        let ingest = session.ingest(endless(seen));
        tokio::pin!(ingest);
        let mut batches = 0;
        while batches < 40 {
            tokio::select! {
                _ = &mut ingest => panic!("an endless ingest has ended"),
                _ = under_way.recv() => batches += 1,
            }
        }
    }
    assert_eq!(number(&session, "SELECT count(*) FROM t").await, 0);

    let other = fixture.session().await;
    let (seen, mut under_way) = tokio::sync::mpsc::channel(64);
    let ingest = tokio::spawn({
        let other = Arc::clone(&other);
        async move { other.ingest(endless(seen)).await }
    });
    under_way.recv().await.unwrap();
    other.close().await;
    ingest.await.unwrap().unwrap_err();
    assert_eq!(number(&session, "SELECT count(*) FROM t").await, 0);
}
