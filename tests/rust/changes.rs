//! What statements that change something are answered with, and what they refuse.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal256Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, i256};
use arrow_flight::sql::{CommandPreparedStatementUpdate, CommandStatementIngest, CommandStatementQuery};
use futures::stream;
use pintail_tests::{Client, Server, assert_failure};
use tonic::{Code, Status};

/// Runs an update with rows of parameters.
async fn update(client: &Client, sql: &str, rows: RecordBatch) -> Result<i64, Status> {
    let prepared_statement_handle = client.prepare(sql).await?.prepared_statement_handle;
    client.put_batches(&CommandPreparedStatementUpdate { prepared_statement_handle }, vec![rows]).await
}

/// Appends rows to a table.
async fn append(client: &Client, table: &str, rows: RecordBatch) -> Result<i64, Status> {
    let mut command = CommandStatementIngest { table: table.to_owned(), ..CommandStatementIngest::default() };
    // Fails without a table, appends to the one there is.
    command.table_definition_options =
        Some(arrow_flight::sql::TableDefinitionOptions { if_not_exist: 2, if_exists: 2 });
    client.put_batches(&command, vec![rows]).await
}

fn json(texts: Vec<&str>) -> RecordBatch {
    let field = Field::new("v", DataType::Utf8, true)
        .with_metadata([("ARROW:extension:name".to_owned(), "arrow.json".to_owned())].into());
    RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::new(StringArray::from(texts))]).unwrap()
}

fn wide(numbers: Vec<i256>) -> RecordBatch {
    let values: ArrayRef = Arc::new(Decimal256Array::from(numbers).with_precision_and_scale(39, 0).expect("39 digits"));
    RecordBatch::try_from_iter_with_nullable([("v", values, true)]).unwrap()
}

#[tokio::test]
async fn a_table_made_of_a_query_counts_its_rows_and_other_definitions_count_none() {
    for engine in ["duckdb", "datafusion"] {
        let server = Server::start(&["--engine", engine]).await;
        let client = Client::connect(&server).await;
        let sql = "CREATE TABLE made AS SELECT * FROM (VALUES (1), (2), (3)) AS v(i)";
        assert_eq!(client.update(sql).await.unwrap(), 3, "{engine}");
        let info = CommandStatementQuery { query: sql.replace("made", "other"), transaction_id: None };
        assert_eq!(client.info(&info).await.unwrap().total_records, 3, "{engine}");
        for definition in ["CREATE TABLE plain (i INTEGER)", "CREATE VIEW seen AS SELECT 1 AS i", "DROP TABLE plain"] {
            assert_eq!(client.update(definition).await.unwrap(), 0, "{engine}: {definition}");
        }
        server.finish().await;
    }
}

#[tokio::test]
async fn a_commit_of_a_transaction_that_has_failed_says_that_nothing_is_written() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    client.update("CREATE TABLE t (i INTEGER)").await.unwrap();

    let id = client.begin().await.unwrap();
    client.update_in("INSERT INTO t VALUES (1)", Some(id.clone())).await.unwrap();
    client.query("SELECT 'x'::INTEGER").await.unwrap_err();
    let status = client.end(id.clone(), true).await.unwrap_err();
    assert_failure(&status, Code::InvalidArgument, "STATEMENT_FAILED", "25P02");
    assert!(status.message().contains("nothing of it is written"), "{}", status.message());
    // It is over: another can begin, and rolling the old one back is fine.
    client.end(id, false).await.unwrap();
    let id = client.begin().await.unwrap();
    client.update_in("INSERT INTO t VALUES (2)", Some(id.clone())).await.unwrap();
    client.end(id, true).await.unwrap();

    client.update("BEGIN").await.unwrap();
    client.update("INSERT INTO t VALUES (3)").await.unwrap();
    client.query("SELECT 'x'::INTEGER").await.unwrap_err();
    let status = client.update("/* by text */ commit").await.unwrap_err();
    assert_failure(&status, Code::InvalidArgument, "STATEMENT_FAILED", "25P02");
    client.update("BEGIN").await.unwrap();
    client.query("SELECT 'x'::INTEGER").await.unwrap_err();
    client.update("ROLLBACK").await.unwrap();
    assert_eq!(client.value("SELECT list(i)::VARCHAR FROM t").await.unwrap(), "[2]");
    server.finish().await;
}

#[tokio::test]
async fn an_upload_of_nothing_is_an_ingest_of_no_rows_by_go_and_a_mistake_of_others() {
    let server = Server::start(&[]).await;
    let adbc =
        Client::connect_as(&server, "ADBC Flight SQL Driver (unknown or development build) grpc-go/1.84.0").await;
    assert_eq!(adbc.put(stream::empty()).await.unwrap(), 0);
    let status = Client::connect(&server).await.put(stream::empty()).await.unwrap_err();
    assert_failure(&status, Code::InvalidArgument, "REQUEST_MALFORMED", "08P01");
    server.finish().await;
}

#[tokio::test]
async fn a_text_that_is_no_json_is_refused_wherever_it_is_said_to_be_json() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    client.update("CREATE TABLE j (v JSON)").await.unwrap();
    client.update("CREATE TEMP TABLE u (v VARIANT)").await.unwrap();
    let good = json(vec![r#"{"a": [1, null]}"#, "\"duck\""]);
    assert_eq!(update(&client, "INSERT INTO j VALUES (?)", good.clone()).await.unwrap(), 2);
    assert_eq!(append(&client, "j", good.clone()).await.unwrap(), 2);
    assert_eq!(update(&client, "INSERT INTO u VALUES (?)", good).await.unwrap(), 2);
    for table in ["j", "u"] {
        for bad in ["duck {", "\"duck", ""] {
            let insert = format!("INSERT INTO {table} VALUES (?)");
            let status = update(&client, &insert, json(vec!["1", bad])).await.unwrap_err();
            assert_failure(&status, Code::InvalidArgument, "STATEMENT_FAILED", "22P02");
            assert!(status.message().contains("Malformed JSON"), "{}", status.message());
        }
    }
    let status = append(&client, "j", json(vec!["1", "duck {"])).await.unwrap_err();
    assert_failure(&status, Code::InvalidArgument, "STATEMENT_FAILED", "22P02");
    assert_eq!(client.value("SELECT count(*) || ' ' || bool_and(json_valid(v)) FROM j").await.unwrap(), "4 true");
    assert_eq!(client.value("SELECT v.a[1]::VARCHAR FROM u LIMIT 1").await.unwrap(), "1");
    server.finish().await;
}

#[tokio::test]
async fn whole_numbers_in_256_bits_are_written_into_columns_of_wide_numbers() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    let (small, large) = (i256::from_i128(5), i256::from_parts(u128::MAX, 0));
    for (ty, numbers) in [
        ("HUGEINT", vec![small, i256::from_i128(i128::MIN)]),
        ("UHUGEINT", vec![small, large]),
        ("DECIMAL(38,0)", vec![small, i256::from_i128(-7)]),
        ("BIGNUM", vec![small, large]),
        ("BIGINT", vec![small, i256::from_i128(-7)]),
    ] {
        client.update(format!("CREATE OR REPLACE TABLE w (v {ty})")).await.unwrap();
        assert_eq!(update(&client, "INSERT INTO w VALUES (?)", wide(numbers.clone())).await.unwrap(), 2, "{ty}");
        assert_eq!(append(&client, "w", wide(numbers.clone())).await.unwrap(), 2, "{ty}");
        let expected: Vec<_> = [&numbers[..], &numbers[..]].concat().iter().map(ToString::to_string).collect();
        let found = client.value("SELECT string_agg(v::VARCHAR, ',') FROM w").await.unwrap();
        assert_eq!(found, expected.join(","), "{ty}");
    }
    client.update("CREATE OR REPLACE TABLE w (v HUGEINT)").await.unwrap();
    for status in [
        update(&client, "INSERT INTO w VALUES (?)", wide(vec![large])).await.unwrap_err(),
        append(&client, "w", wide(vec![large])).await.unwrap_err(),
    ] {
        assert_eq!(status.code(), Code::InvalidArgument, "{}", status.message());
    }
    server.finish().await;
}
