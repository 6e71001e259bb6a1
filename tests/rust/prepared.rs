//! Prepared statements: what is told of their columns and parameters, and to whom.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, Time32MillisecondArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Schema, TimeUnit};
use arrow_flight::IpcMessage;
use arrow_flight::sql::{
    ActionCreatePreparedStatementResult, CommandPreparedStatementQuery, CommandPreparedStatementUpdate,
};
use pintail_tests::client::column;
use pintail_tests::{Client, Server};

/// The user agent of the JDBC driver.
const JAVA: &str = "grpc-java-netty/1.71.0";

fn schema(bytes: impl Into<bytes::Bytes>) -> Schema {
    Schema::try_from(IpcMessage(bytes.into())).unwrap()
}

fn query(prepared: &ActionCreatePreparedStatementResult) -> CommandPreparedStatementQuery {
    CommandPreparedStatementQuery { prepared_statement_handle: prepared.prepared_statement_handle.clone() }
}

fn values<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, values)| (name, values, true))).unwrap()
}

/// Binds rows of parameters to a query.
async fn bind(client: &Client, prepared: &ActionCreatePreparedStatementResult, rows: RecordBatch) {
    client.bind(&prepared.prepared_statement_handle, vec![rows]).await.unwrap();
}

#[tokio::test]
async fn a_prepared_query_follows_its_table() {
    for engine in ["duckdb", "datafusion"] {
        let server = Server::start(&["--engine", engine]).await;
        let client = Client::connect(&server).await;
        client.update("CREATE TABLE t (i INTEGER)").await.unwrap();
        client.update("INSERT INTO t VALUES (1)").await.unwrap();
        let prepared = client.prepare("SELECT * FROM t").await.unwrap();
        assert_eq!(schema(client.info(&query(&prepared)).await.unwrap().schema).fields().len(), 1);
        client.update("CREATE OR REPLACE TABLE t AS SELECT 1 AS i, 'new' AS v").await.unwrap();
        let told = schema(client.info(&query(&prepared)).await.unwrap().schema);
        let rows = client.run(&query(&prepared)).await.unwrap();
        assert_eq!(rows[0].schema().fields(), told.fields(), "{engine}");
        assert_eq!(column(&rows, "v"), ["new"]);
        server.finish().await;
    }
}

#[tokio::test]
async fn java_is_told_times_in_milliseconds_and_they_arrive_as_they_are() {
    let server = Server::start(&[]).await;
    let java = Client::connect_as(&server, JAVA).await;
    let sql = "SELECT ?::TIMESTAMP_NS AS n, ?::TIME AS t, ?::TIMESTAMP_S AS s";
    let prepared = java.prepare(sql).await.unwrap();
    let told: Vec<_> =
        schema(prepared.parameter_schema.clone()).fields().iter().map(|field| field.data_type().clone()).collect();
    let timestamp = DataType::Timestamp(TimeUnit::Millisecond, None);
    assert_eq!(told, [timestamp.clone(), DataType::Time32(TimeUnit::Millisecond), timestamp]);
    let moment = || Arc::new(TimestampMillisecondArray::from(vec![1_704_164_645_678]));
    let time: ArrayRef = Arc::new(Time32MillisecondArray::from(vec![11_045_678]));
    bind(&java, &prepared, values([("1", moment()), ("2", time), ("3", moment())])).await;
    let rows = java.run(&query(&prepared)).await.unwrap();
    assert_eq!(column(&rows, "n"), ["2024-01-02T03:04:05.678"]);
    assert_eq!(column(&rows, "t"), ["03:04:05.678"]);
    assert_eq!(column(&rows, "s"), ["2024-01-02T03:04:06"]);

    // Whoever can tell its units is told those of the types.
    let other = Client::connect(&server).await.prepare(sql).await.unwrap();
    assert_eq!(schema(other.parameter_schema).field(0).data_type(), &DataType::Timestamp(TimeUnit::Nanosecond, None));
    server.finish().await;
}

#[tokio::test]
async fn java_is_told_of_every_statement_with_rows_that_it_has_columns() {
    for engine in ["duckdb", "datafusion"] {
        let server = Server::start(&["--engine", engine]).await;
        let (java, other) = (Client::connect_as(&server, JAVA).await, Client::connect(&server).await);
        for client in [&java, &other] {
            client.update("CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS k, 2 AS v").await.unwrap();
        }
        let later = ["SELECT ? AS v", "CREATE TABLE made (i INTEGER); SELECT * FROM made", "SELECT 1; SELECT * FROM t"];
        let pivot = (engine == "duckdb").then_some("PIVOT t ON k USING sum(v)");
        for sql in later.into_iter().chain(pivot) {
            assert!(!java.prepare(sql).await.unwrap().dataset_schema.is_empty(), "{engine}: {sql}");
        }
        for update in
            ["INSERT INTO t VALUES (?, ?)", "SELECT 1; INSERT INTO t VALUES (3, 4)", "DROP TABLE IF EXISTS nothing"]
        {
            let prepared = java.prepare(update).await.unwrap();
            assert!(prepared.dataset_schema.is_empty(), "{engine}: {update}");
        }
        // Others read what they are told.
        assert!(other.prepare("SELECT ? AS v").await.unwrap().dataset_schema.is_empty());
        if let Some(pivot) = pivot {
            let prepared = java.prepare(pivot).await.unwrap();
            assert_eq!(column(&java.run(&query(&prepared)).await.unwrap(), "1"), ["2"]);
        }
        server.finish().await;
    }
}

#[tokio::test]
async fn the_last_of_several_statements_is_told_of_when_the_others_leave_its_columns_alone() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    client.update("CREATE TABLE t (i INTEGER)").await.unwrap();
    let prepared = client.prepare("INSERT INTO t VALUES (3); SELECT sum(i)::INTEGER AS s FROM t").await.unwrap();
    assert_eq!(schema(prepared.dataset_schema.clone()).field(0).data_type(), &DataType::Int32);
    assert_eq!(client.value("SELECT count(*) FROM t").await.unwrap(), "0", "nothing has run yet");
    assert_eq!(column(&client.run(&query(&prepared)).await.unwrap(), "s"), ["3"]);
    for unknown in ["ALTER TABLE t ADD COLUMN v VARCHAR; SELECT * FROM t", "CREATE TABLE u (i INTEGER); FROM u"] {
        assert!(client.prepare(unknown).await.unwrap().dataset_schema.is_empty(), "{unknown}");
    }

    // Run for its effect, as drivers do what answers no rows, it counts as it does alone.
    let prepared = client.prepare("SELECT 1; INSERT INTO t VALUES (4), (5)").await.unwrap();
    assert!(prepared.dataset_schema.is_empty());
    let update = CommandPreparedStatementUpdate { prepared_statement_handle: prepared.prepared_statement_handle };
    let once = RecordBatch::new_empty(Arc::new(Schema::empty()));
    assert_eq!(client.put_batches(&update, vec![once]).await.unwrap(), 2);

    let status = client.prepare("SELECT 1; SELECT ?::INTEGER").await.unwrap_err();
    assert!(status.message().contains("run the statements one by one"), "{}", status.message());
    server.finish().await;
}

#[tokio::test]
async fn no_row_for_a_parameter_without_a_type_is_an_empty_result_with_the_columns_of_its_values() {
    for engine in ["duckdb", "datafusion"] {
        let server = Server::start(&["--engine", engine]).await;
        let client = Client::connect(&server).await;
        let prepared = client.prepare("SELECT ? AS v").await.unwrap();
        let none: ArrayRef = Arc::new(Int64Array::from(Vec::<i64>::new()));
        bind(&client, &prepared, values([("1", none)])).await;
        let info = client.info(&query(&prepared)).await.unwrap();
        assert_eq!(schema(info.schema).field(0).data_type(), &DataType::Int64, "{engine}");
        assert_eq!(client.run(&query(&prepared)).await.unwrap(), []);
        server.finish().await;
    }
}
