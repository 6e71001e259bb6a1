//! Results: where they are cut, what they hold, and several of them at once.

use futures::StreamExt;

use super::*;
use crate::engine::{Cut, StatementKind};

#[tokio::test]
async fn rows_come_in_order_and_batches_are_cut_by_the_rows_alone() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let cut = Cut { rows: 1000, bytes: 1 << 20 };
    let sql = "SELECT i, repeat('x', (i % 7)::INT * 40) AS s FROM range(10000) t(i)";
    let mut shapes = Vec::new();
    for _ in 0..2 {
        let outcome = session.execute(Statement { cut, ..Statement::new(sql) }).await.unwrap();
        let batches: Vec<_> = outcome.rows.batches.try_collect().await.unwrap();
        let all: Vec<i64> =
            batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
        assert_eq!(all, (0..10_000).collect::<Vec<_>>());
        shapes.push(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>());
    }
    assert_eq!(shapes[0], vec![1000; 10]);
    assert_eq!(shapes[0], shapes[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_its_session_ends_in_fails_wherever_its_reader_is() {
    for read in 0..8 {
        let fixture = Fixture::new();
        let session = fixture.session().await;
        let cut = Cut { rows: 1000, bytes: 1 << 20 };
        let sql = "SELECT i FROM range(10000000) t(i)";
        let mut rows = session.execute(Statement { cut, ..Statement::new(sql) }).await.unwrap().rows.batches;
        for _ in 0..read {
            rows.next().await.unwrap().unwrap();
        }
        session.close().await;
        let rest: Vec<_> = rows.collect().await;
        assert!(rest.len() < 10_000 - read);
        assert!(rest.last().unwrap().is_err(), "after {read} batches, and {} more", rest.len());
    }
}

/// The integers of the first column, and how many rows each batch has.
async fn integers(session: &Arc<dyn EngineSession>, statement: Statement) -> (Vec<i64>, Vec<usize>) {
    let batches: Vec<_> =
        session.execute(statement).await.unwrap().rows.batches.try_collect::<Vec<RecordBatch>>().await.unwrap();
    let values = batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    (values, batches.iter().map(RecordBatch::num_rows).collect())
}

#[tokio::test]
async fn rows_that_several_threads_read_keep_their_order_and_are_always_cut_alike() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE many AS SELECT i, repeat('z', (i % 50)::INT) AS t FROM range(800000) s(i)").await;
    rows(&session, "CREATE TABLE more AS SELECT i + 800000 AS i, 'more' AS t FROM range(300000) s(i)").await;
    let all: Vec<i64> = (0..1_100_000).collect();
    let few = |keep: fn(&i64) -> bool| all[..800_000].iter().copied().filter(keep).collect::<Vec<_>>();
    for (sql, expected) in [
        ("FROM many", all[..800_000].to_vec()),
        ("FROM many UNION ALL FROM more", all.clone()),
        ("FROM many WHERE i % 997 < 2", few(|i| i % 997 < 2)),
        ("FROM many WHERE i < 10 OR i > 799990", few(|i| *i < 10 || *i > 799_990)),
        ("FROM many LIMIT 400000 OFFSET 130000", all[130_000..530_000].to_vec()),
        ("FROM many ORDER BY i DESC", all[..800_000].iter().rev().copied().collect()),
        ("SELECT i, row_number() OVER () AS n FROM many", all[..800_000].to_vec()),
    ] {
        let (values, cut) = integers(&session, Statement::new(sql)).await;
        assert!(values == expected, "{sql}");
        for _ in 0..3 {
            assert!(integers(&session, Statement::new(sql)).await == (expected.clone(), cut.clone()), "{sql}");
        }
        // Without the order that they are stored in they are the same, and what has one of its own keeps it.
        let (mut values, _) = integers(&session, Statement { in_order: false, ..Statement::new(sql) }).await;
        if !sql.contains("ORDER BY") && !sql.contains("LIMIT") {
            values.sort_unstable();
        }
        if sql.contains("LIMIT") {
            assert_eq!(values.len(), expected.len());
        } else {
            assert!(values == expected, "{sql}, in any order");
        }
    }
}

#[tokio::test]
async fn whoever_leaves_rows_that_several_threads_read_leaves_the_session_as_it_was() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE many AS SELECT i, repeat('z', 100) AS t FROM range(2000000) s(i)").await;
    for in_order in [true, false] {
        for taken in 0..4 {
            session.begin().await.unwrap();
            let statement = Statement { in_order, ..Statement::new("FROM many") };
            let mut batches = session.execute(statement).await.unwrap().rows.batches;
            for _ in 0..taken {
                assert!(batches.next().await.unwrap().unwrap().num_rows() > 0);
            }
            drop(batches);
            assert_eq!(number(&session, "SELECT count(*) FROM many").await, 2_000_000);
            session.commit(None).await.unwrap();
        }
        let failing = "SELECT if(i = 1900000, error('late')::BIGINT, i) AS i FROM many";
        let statement = Statement { in_order, ..Statement::new(failing) };
        let error = match session.execute(statement).await {
            Ok(outcome) => outcome.rows.batches.try_collect::<Vec<_>>().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(error.message.contains("late"), "{error}");
        assert_eq!(number(&session, "SELECT 1").await, 1);
    }
}

#[tokio::test]
async fn a_batch_holds_no_more_bytes_than_it_may_unless_a_row_does() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let cut = Cut { rows: 65_536, bytes: 100_000 };
    let sql = "SELECT repeat('y', CASE WHEN i = 500 THEN 300000 ELSE 900 END) AS s FROM range(1000) t(i)";
    let outcome = session.execute(Statement { cut, ..Statement::new(sql) }).await.unwrap();
    let batches: Vec<_> = outcome.rows.batches.try_collect().await.unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 1000);
    for batch in &batches {
        let bytes = batch.column(0).as_string::<i32>().values().len();
        assert!(bytes <= 100_000 || batch.num_rows() == 1, "{bytes} bytes in {} rows", batch.num_rows());
    }
    assert!(batches.iter().any(|batch| batch.num_rows() == 1));
}

#[tokio::test]
async fn two_open_results_of_one_session_are_read_in_turns() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    for inside in [false, true] {
        if inside {
            session.begin().await.unwrap();
            rows(&session, "CREATE TEMP TABLE mine AS SELECT i FROM range(300000) t(i)").await;
        }
        let source = if inside { "mine" } else { "range(300000) t(i)" };
        let sql = format!("SELECT i FROM {source} ORDER BY i");
        let mut first = run(&session, &sql).await.unwrap().rows.batches;
        let mut second = run(&session, &sql).await.unwrap().rows.batches;
        let (mut from_first, mut from_second) = (0, 0);
        loop {
            let (one, two) = (first.next().await, second.next().await);
            from_first += one.as_ref().map_or(0, |batch| batch.as_ref().unwrap().num_rows());
            from_second += two.as_ref().map_or(0, |batch| batch.as_ref().unwrap().num_rows());
            // Other statements in between do not disturb either.
            assert_eq!(number(&session, "SELECT 42").await, 42);
            if one.is_none() && two.is_none() {
                break;
            }
        }
        assert_eq!((from_first, from_second), (300_000, 300_000));
    }
    session.rollback().await.unwrap();
}

#[tokio::test]
async fn values_the_wire_type_cannot_hold_are_errors_naming_the_column() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    for (sql, column) in [
        ("SELECT 170141183460469231731687303715884105727::HUGEINT AS wide", "wide"),
        ("SELECT 'infinity'::TIMESTAMP AS forever", "forever"),
        ("SELECT [1::HUGEINT, 170141183460469231731687303715884105727] AS listed", "listed"),
        (
            "SELECT CASE WHEN i = 150000 THEN 'infinity'::DATE ELSE '2024-01-01' END AS late FROM range(200000) t(i)",
            "late",
        ),
    ] {
        let error = failure(&session, sql).await;
        assert_eq!(error.sqlstate.0, "22003", "{sql}: {error}");
        assert!(error.message.contains(column), "{sql}: {error}");
        assert_eq!(number(&session, "SELECT 1").await, 1);
    }
}

#[tokio::test]
async fn a_failure_in_mid_stream_comes_after_the_rows_before_it() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let sql = "SELECT CASE WHEN i = 900000 THEN error('here') ELSE i::VARCHAR END FROM range(1000000) t(i)";
    let mut batches = run(&session, sql).await.unwrap().rows.batches;
    let mut before = 0;
    let error = loop {
        match batches.next().await.unwrap() {
            Ok(batch) => before += batch.num_rows(),
            Err(error) => break error,
        }
    };
    assert!(before > 0 && before <= 900_000, "{before}");
    assert!(error.message.contains("here"), "{error}");
    assert!(batches.next().await.is_none());
}

#[tokio::test]
async fn a_statement_is_planned_without_being_executed() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let plan = session.plan("CREATE TABLE planned (i INT)").await.unwrap();
    assert!(plan.is_update && plan.kind == StatementKind::Definition);
    assert_eq!(failure(&session, "SELECT * FROM planned").await.sqlstate.0, "42P01");

    let plan = session.plan("SELECT $1::INTEGER AS a, $2::VARCHAR AS b").await.unwrap();
    assert_eq!(plan.parameters.fields().len(), 2);
    let untyped = session.plan("SELECT ?").await.unwrap();
    assert!(untyped.schema.is_none() && untyped.parameters.fields().len() == 1);
}

#[tokio::test]
async fn strings_that_come_out_of_a_dictionary_are_what_they_stand_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().canonicalize().unwrap();
    let fixture = Fixture::with(|options| {
        options.allow_files = vec![path.clone()];
        options.allow_writes = vec![path.clone()];
    });
    let session = fixture.session().await;
    let values = ["", "a", "of 12 bytes.", "of 13 bytes: ", "größer als zwölf", &"long".repeat(50)];
    let list = values.map(|value| format!("'{value}'")).join(", ");
    let file = path.join("strings.parquet");
    let of = |i: i64| (i % 7 > 0).then(|| values[i as usize % values.len()]);
    let copy = format!(
        "COPY (SELECT i, [{list}][i % 6 + 1] AS t, CASE WHEN i % 7 > 0 THEN [{list}][i % 6 + 1] END AS n,
                      encode([{list}][i % 6 + 1]) AS b FROM range(300000) s(i)) TO '{}' (ROW_GROUP_SIZE 50000)",
        file.display()
    );
    rows(&session, &copy).await;
    let from = format!("FROM '{}'", file.display());
    for (sql, keep) in [
        (from.clone(), (|_| true) as fn(i64) -> bool),
        (format!("{from} WHERE i % 5 < 2"), |i| i % 5 < 2),
        (format!("{from} WHERE t <> 'a'"), |i| i % 6 != 1),
        (format!("SELECT f.* {from} f JOIN range(0, 300000, 3) r(i) USING (i)"), |i| i % 3 == 0),
        (format!("SELECT i, min(t) AS t, min(n) AS n, min(b) AS b {from} GROUP BY i"), |_| true),
    ] {
        for in_order in [true, false] {
            let cut = Cut { rows: 1500, bytes: 100_000 };
            let outcome = session.execute(Statement { cut, in_order, ..Statement::new(sql.as_str()) }).await.unwrap();
            let schema = Arc::clone(&outcome.rows.schema);
            let batches: Vec<_> = outcome.rows.batches.try_collect().await.unwrap();
            let read = arrow::compute::concat_batches(&schema, &batches).unwrap();
            let numbers = read.column(0).as_primitive::<Int64Type>().values();
            let (texts, nullable) = (read.column(1).as_string::<i32>(), read.column(2).as_string::<i32>());
            let bytes = read.column(3).as_binary::<i32>();
            for (row, i) in numbers.iter().enumerate() {
                let value = values[*i as usize % values.len()];
                assert_eq!(texts.value(row), value, "{sql}, row {row}");
                assert_eq!(nullable.is_valid(row).then(|| nullable.value(row)), of(*i), "{sql}, row {row}");
                assert_eq!(bytes.value(row), value.as_bytes(), "{sql}, row {row}");
            }
            let mut found = numbers.to_vec();
            found.sort_unstable();
            assert!(found == (0..300_000).filter(|i| keep(*i)).collect::<Vec<_>>(), "{sql}");
        }
    }
}
