//! INSERTs that are kept as they were planned: whatever happens in between, what is executed is what the text says.

use arrow::array::{
    Array, ArrayRef, BooleanArray, FixedSizeBinaryArray, Float64Array, Int64Array, StringArray,
    TimestampNanosecondArray, new_null_array,
};
use arrow::datatypes::{DataType, Field, Schema};

use super::extensions::extension_dir;
use super::*;
use crate::engine::Request;

fn values(columns: Vec<ArrayRef>) -> Vec<RecordBatch> {
    let columns = columns.into_iter().enumerate().map(|(index, column)| (format!("{}", index + 1), column, true));
    vec![RecordBatch::try_from_iter_with_nullable(columns).unwrap()]
}

/// One column of an extension type, if it is named.
fn of_type(extension: &str, column: ArrayRef) -> RecordBatch {
    let names = (!extension.is_empty()).then(|| ("ARROW:extension:name".to_owned(), extension.to_owned()));
    let field = Field::new("1", column.data_type().clone(), true).with_metadata(names.into_iter().collect());
    RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![column]).unwrap()
}

/// Executes a write with one whole number for its parameter.
async fn write(session: &Arc<dyn EngineSession>, sql: &str, value: i64) -> Result<Option<u64>> {
    let parameters = values(vec![Arc::new(Int64Array::from(vec![value]))]);
    Ok(session.execute(Statement { parameters, ..Statement::new(sql) }).await?.changed)
}

#[tokio::test]
async fn a_kept_write_is_executed_only_while_it_says_what_the_text_does() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let other = fixture.session().await;
    let insert = "INSERT INTO t (a) VALUES (?)";
    let from_variable = "INSERT INTO t SELECT ? + getvariable('v')::BIGINT";
    let from_macro = "INSERT INTO t (a) VALUES (?), (m())";
    for (by_other, change, sql, seen, expected) in [
        (false, "SELECT 1", insert, "FROM main.t", 6),
        (false, "INSERT INTO t (a) VALUES (100)", insert, "FROM main.t", 106),
        (false, "SET VARIABLE v = 50", from_variable, "FROM main.t", 56),
        (false, "CREATE TEMP TABLE t (a BIGINT)", insert, "FROM temp.t", 3),
        (false, "CREATE SCHEMA s; CREATE TABLE s.t (a BIGINT); USE s", insert, "FROM s.t", 3),
        (false, "BEGIN; CREATE TEMP TABLE t (a BIGINT); INSERT INTO t VALUES (9); COMMIT", insert, "FROM temp.t", 12),
        (false, "BEGIN; CREATE TEMP TABLE t (a BIGINT); ROLLBACK", insert, "FROM main.t", 6),
        (false, "CREATE OR REPLACE TABLE t (x VARCHAR, a SMALLINT)", insert, "FROM main.t", 3),
        (true, "CREATE OR REPLACE TABLE t (x VARCHAR, a SMALLINT)", insert, "FROM main.t", 3),
        (true, "ALTER TABLE t ADD COLUMN b BIGINT DEFAULT 1000", "INSERT INTO t VALUES (?, 7)", "FROM main.t", 3),
        (true, "ALTER TABLE t ALTER a TYPE DOUBLE", insert, "FROM main.t", 6),
        (true, "CREATE OR REPLACE MACRO m() AS 2::BIGINT", from_macro, "FROM main.t", 10),
        (true, "DELETE FROM t", insert, "FROM main.t", 3),
    ] {
        let what = format!("{sql} after {change}, {}", if by_other { "by another session" } else { "by its own" });
        run(&session, "USE main").await.unwrap();
        for sql in [
            "DROP TABLE IF EXISTS temp.t",
            "DROP SCHEMA IF EXISTS s CASCADE",
            "CREATE OR REPLACE TABLE main.t (a BIGINT)",
            "CREATE OR REPLACE MACRO m() AS 1::BIGINT",
            "SET VARIABLE v = 0",
        ] {
            run(&session, sql).await.unwrap();
        }
        let takes_both = sql == "INSERT INTO t VALUES (?, 7)";
        if !takes_both {
            // The first is planned, the second is the kept one.
            write(&session, sql, 1).await.unwrap_or_else(|error| panic!("{what}: {error}"));
            write(&session, sql, 2).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        } else {
            assert_eq!(write(&session, sql, 1).await.unwrap_err().sqlstate.0, "42601", "{what}");
        }
        run(if by_other { &other } else { &session }, change).await.unwrap();
        write(&session, sql, 3).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(number(&session, &format!("SELECT sum(a)::BIGINT {seen}")).await, expected, "{what}");
    }
    run(&other, "DROP TABLE t").await.unwrap();
    run(&session, "DROP TABLE IF EXISTS temp.t").await.unwrap();
    assert_eq!(write(&session, insert, 1).await.unwrap_err().sqlstate.0, "42P01");
}

#[tokio::test]
async fn what_a_function_gives_is_computed_for_each_execution() {
    let directory = extension_dir();
    let has_icu = directory.is_some();
    let fixture = Fixture::with(|options| options.extension_dir = directory.or(options.extension_dir.take()));
    let session = fixture.session().await;
    run(&session, "CREATE SEQUENCE s").await.unwrap();
    let mut values = vec!["now()", "nextval('s')", "random()", "uuid()"];
    if has_icu {
        // DuckDB takes these for functions of nothing, and computes them when it plans.
        values.extend(["LOCALTIMESTAMP", "current_localtime()"]);
    }
    for value in values {
        run(&session, &format!("CREATE OR REPLACE TABLE t (a INTEGER, v VARCHAR, d VARCHAR DEFAULT {value})"))
            .await
            .unwrap();
        for number in 0..3 {
            write(&session, &format!("INSERT INTO t VALUES (?, {value}, DEFAULT)"), number).await.unwrap();
            write(&session, &format!("INSERT INTO t SELECT ?, {value}, 'selected {number}'"), number).await.unwrap();
            write(&session, "INSERT INTO t (a) VALUES (?)", number).await.unwrap();
        }
        let counts = text(&session, "SELECT [count(DISTINCT v), count(DISTINCT d)] FROM t").await;
        assert_eq!(counts, "[6, 9]", "{value}");
    }
    if !has_icu {
        return;
    }
    run(&session, "SET TimeZone = 'UTC'").await.unwrap();
    // A default and a check by functions that are the session's own, whatever their names.
    run(&session, "CREATE MACRO nextval(name) AS current_localtimestamp()::VARCHAR || name").await.unwrap();
    run(&session, "CREATE TABLE m (a INTEGER, d VARCHAR DEFAULT nextval('s'))").await.unwrap();
    for number in 0..3 {
        write(&session, "INSERT INTO m (a) VALUES (?)", number).await.unwrap();
    }
    assert_eq!(number(&session, "SELECT count(DISTINCT d) FROM m").await, 3);
    for check in ["a < 0 OR current_localtimestamp() < TIMESTAMP '{until}'", "(a - 1) <= 0"] {
        // It holds only until that moment.
        let until = text(&session, "SELECT current_localtimestamp() + INTERVAL 1 SECOND").await;
        let minus = format!("CASE WHEN current_localtimestamp() < TIMESTAMP '{until}' THEN 0 ELSE 1 END");
        if check.contains('-') {
            run(&session, &format!("CREATE MACRO \"-\"(a, b) AS {minus}")).await.unwrap();
        }
        let check = check.replace("{until}", &until);
        run(&session, &format!("CREATE OR REPLACE TABLE c (a INTEGER CHECK ({check}))")).await.unwrap();
        let mut taken = 0;
        let failed = loop {
            match write(&session, "INSERT INTO c VALUES (?)", 1).await {
                Ok(_) => taken += 1,
                Err(error) => break error,
            }
            assert!(taken < 1_000_000, "{check} holds for ever");
        };
        assert_eq!(failed.sqlstate.0, "23514", "{check}: {failed}");
    }
}

#[tokio::test]
async fn a_file_is_replaced_only_by_a_whole_one() {
    let files = tempfile::tempdir().unwrap();
    let fixture = Fixture::with(|options| options.allow_writes = vec![files.path().to_owned()]);
    let session = fixture.session().await;
    let file = files.path().join("f.csv");
    let rows = "SELECT i, CASE WHEN i = $1 THEN error('broken') END FROM (SELECT unnest(range(10)) AS i)";
    let copy = format!("COPY ({rows}) TO '{}'", file.display());
    write(&session, &copy, -1).await.unwrap();
    let whole = std::fs::read(&file).unwrap();
    write(&session, &copy, -1).await.unwrap();
    assert!(write(&session, &copy, 5).await.unwrap_err().message.contains("broken"));
    assert_eq!(std::fs::read(&file).unwrap(), whole);
}

#[tokio::test]
async fn a_kept_write_sees_and_keeps_what_its_transaction_does() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let insert = "INSERT INTO t VALUES (?)";
    run(&session, "CREATE TABLE t (a INTEGER PRIMARY KEY)").await.unwrap();
    write(&session, insert, 1).await.unwrap();
    assert_eq!(write(&session, insert, 1).await.unwrap_err().sqlstate.0, "23505");
    assert_eq!(write(&session, insert, 2).await.unwrap(), Some(1));
    session.begin().await.unwrap();
    write(&session, insert, 3).await.unwrap();
    write(&session, "UPDATE t SET a = a + 10 WHERE a >= ?", 2).await.unwrap();
    session.rollback().await.unwrap();
    assert_eq!(write(&session, "UPDATE t SET a = a + 10 WHERE a >= ?", 2).await.unwrap(), Some(1));
    assert_eq!(write(&session, "UPDATE t SET a = a + 10 WHERE a >= ?", 12).await.unwrap(), Some(1));
    write(&session, insert, 3).await.unwrap();
    // An id's second use is not a second execution.
    let again = Request { id: uuid::Uuid::new_v4(), digest: "7".to_owned(), is_own: false };
    for _ in 0..2 {
        let parameters = values(vec![Arc::new(Int64Array::from(vec![4]))]);
        let statement = Statement { parameters, request: Some(again.clone()), ..Statement::new(insert) };
        assert_eq!(session.execute(statement).await.unwrap().changed, Some(1));
    }
    assert_eq!(text(&session, "SELECT list(a ORDER BY a) FROM t").await, "[1, 3, 4, 22]");
    let returning = "INSERT INTO t VALUES (?) RETURNING a * 2";
    for value in 100..103 {
        let parameters = values(vec![Arc::new(Int64Array::from(vec![value]))]);
        let outcome = session.execute(Statement { parameters, ..Statement::new(returning) }).await.unwrap();
        let rows: Vec<_> = outcome.rows.batches.try_collect().await.unwrap();
        assert_eq!(rows[0].num_rows(), 1, "{value}");
    }
}

#[tokio::test]
async fn more_writes_than_are_kept_are_executed_all_the_same() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    run(&session, "CREATE TABLE t (a INTEGER, b INTEGER)").await.unwrap();
    for round in 0..3 {
        for b in 0..40 {
            write(&session, &format!("INSERT INTO t VALUES (?, {b})"), round).await.unwrap();
        }
    }
    assert_eq!(number(&session, "SELECT count(*) FROM (SELECT DISTINCT a, b FROM t)").await, 120);
}

#[tokio::test]
async fn an_inserted_value_is_the_same_in_whatever_type_it_is_bound() {
    // With icu, times with a time zone are cast otherwise.
    let directory = extension_dir();
    let fixture = Fixture::with(|options| options.extension_dir = directory.or(options.extension_dir.take()));
    let session = fixture.session().await;
    run(&session, "CREATE TYPE mood AS ENUM ('sad', '1')").await.unwrap();
    let plain: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![Some(1), Some(-1), Some(300), Some(i64::MAX), None])),
        Arc::new(Float64Array::from(vec![Some(0.5), Some(1.5), Some(-2.5), Some(1e300), Some(f64::NAN), None])),
        Arc::new(StringArray::from(vec![
            Some("1"),
            Some(" 1"),
            Some("sad"),
            Some("true"),
            Some("2024-02-29"),
            Some("2024-02-30"),
            Some("2024-01-01 00:00:00 Nowhere/Land"),
            Some("12:00"),
            Some("['garbage', '2024-02-29']"),
            Some("[1, 2]"),
            Some("{'a': 1}"),
            Some("ab'\\x00"),
            Some(""),
            None,
        ])),
        Arc::new(BooleanArray::from(vec![Some(true), None])),
        Arc::new(TimestampNanosecondArray::from(vec![Some(1_700_000_000_123_456_789), Some(-1), None])),
        new_null_array(&DataType::Null, 1),
    ];
    let json: ArrayRef = Arc::new(StringArray::from(vec![Some("{\"a\": 1}"), Some("\"1\""), Some("sad"), None]));
    let uuids: ArrayRef = Arc::new(FixedSizeBinaryArray::from(vec![&[7_u8; 16]]));
    let given = plain.into_iter().map(|array| ("", array));
    let given: Vec<_> = given.chain([("arrow.json", json), ("arrow.uuid", uuids)]).collect();
    for ty in [
        "BOOLEAN",
        "TINYINT",
        "UTINYINT",
        "INTEGER",
        "UBIGINT",
        "HUGEINT",
        "BIGNUM",
        "FLOAT",
        "DOUBLE",
        "DECIMAL(4,1)",
        "VARCHAR",
        "BLOB",
        "BIT",
        "DATE",
        "TIME",
        "TIME_NS",
        "TIMESTAMP",
        "TIMESTAMP_S",
        "TIMESTAMP_MS",
        "TIMESTAMP_NS",
        "TIMESTAMPTZ",
        "TIMESTAMPTZ[]",
        "TIMETZ",
        "STRUCT(a TIMESTAMPTZ)",
        "INTERVAL",
        "UUID",
        "mood",
        "INTEGER[]",
        "INTEGER[2]",
        "STRUCT(a INTEGER)",
        "UNION(n SMALLINT, t VARCHAR)",
        "VARIANT",
        "JSON",
    ] {
        run(&session, &format!("CREATE OR REPLACE TABLE inserted (v {ty}, t VARCHAR DEFAULT '')")).await.unwrap();
        run(&session, &format!("CREATE OR REPLACE TABLE returned (v {ty}, t VARCHAR DEFAULT '')")).await.unwrap();
        for (extension, column) in &given {
            for row in 0..column.len() {
                let what = format!("{extension} {:?} as {ty}", column.slice(row, 1));
                let mut outcomes = Vec::new();
                // With RETURNING, values are bound in their own types.
                for (table, end) in [("inserted", ""), ("inserted", ""), ("returned", "RETURNING 1")] {
                    run(&session, &format!("DELETE FROM {table}")).await.unwrap();
                    let parameters = vec![of_type(extension, column.slice(row, 1))];
                    let sql = format!("INSERT INTO {table} (v) VALUES ($1) {end}");
                    let written = session.execute(Statement { parameters, ..Statement::new(sql) }).await;
                    outcomes.push(match written {
                        Ok(_) => Ok(text(&session, &format!("SELECT list(v)::VARCHAR FROM {table}")).await),
                        Err(error) => Err((error.sqlstate.0, error.message)),
                    });
                }
                assert_eq!(outcomes[0], outcomes[2], "{what}");
                assert_eq!(outcomes[1], outcomes[2], "{what}, kept");
            }
        }
    }
}

#[tokio::test]
async fn a_parameter_with_other_uses_has_the_type_of_its_value() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    run(&session, "CREATE TABLE t (i INTEGER, d DOUBLE, s VARCHAR)").await.unwrap();
    let half = || values(vec![Arc::new(Float64Array::from(vec![1.5]))]);
    for (sql, expected) in [
        ("INSERT INTO t VALUES ($1, $1, 'twice')", "[2, 1.5, twice]"),
        ("INSERT INTO t VALUES (0, $1, (SELECT typeof($1)))", "[0, 1.5, DOUBLE]"),
        ("INSERT INTO t VALUES ($1 * 2, 0, typeof($1))", "[3, 0.0, DOUBLE]"),
        ("INSERT INTO t SELECT $1, $1, typeof($1)", "[2, 1.5, DOUBLE]"),
    ] {
        for _ in 0..2 {
            run(&session, "DELETE FROM t").await.unwrap();
            session.execute(Statement { parameters: half(), ..Statement::new(sql) }).await.unwrap();
            let stored = text(&session, "SELECT [i::VARCHAR, d::VARCHAR, s] FROM t").await;
            assert_eq!(stored, expected, "{sql}");
        }
    }
}
