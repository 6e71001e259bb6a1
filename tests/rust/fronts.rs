//! Fronts have nothing of their own: one that dies while a statement runs takes neither the statement nor its result along.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails in a test ends the test")]

use arrow_flight::FlightDescriptor;
use arrow_flight::sql::{CommandStatementQuery, ProstMessageExt};
use futures::StreamExt as _;
use pintail_tests::client::ticket_of;
use pintail_tests::{Client, Server};
use prost::Message as _;

/// An engine, and two fronts that its clients come by.
async fn cluster() -> (Server, Server, Server) {
    let engine = Server::start(&["--role", "engine", "--peer-listen", "127.0.0.1:0"]).await;
    let data = engine.directory().join("pintail-data");
    let store = format!("sqlite:{}", data.join("sessions.db").display());
    let secret = data.join("cluster-secret").display().to_string();
    let front =
        ["--store", &store, "--cluster-secret-file", &secret, "--role", "front", "--peer-listen", "127.0.0.1:0"];
    let (one, other) = (Server::start(&front).await, Server::start(&front).await);
    (engine, one, other)
}

fn query(sql: &str) -> FlightDescriptor {
    let command = CommandStatementQuery { query: sql.to_owned(), transaction_id: None };
    FlightDescriptor::new_cmd(command.as_any().encode_to_vec())
}

#[tokio::test]
async fn a_statement_that_runs_goes_on_and_is_polled_by_another_front() {
    let (engine, mut one, other) = cluster().await;
    let client = Client::connect(&one).await;
    client.update("CREATE TABLE t (i BIGINT)").await.unwrap();
    let first = client.poll(query("INSERT INTO t SELECT count(*) FROM range(3000000000) r(i) WHERE i % 7 = 9")).await;
    let next = first.unwrap().flight_descriptor.expect("it runs");
    one.kill().await;

    let client = Client::resume(&other, client.token()).await;
    let mut poll = client.poll(next).await.unwrap();
    while let Some(next) = poll.flight_descriptor {
        poll = client.poll(next).await.unwrap();
    }
    let info = poll.info.unwrap();
    assert_eq!(info.total_records, 1);
    assert_eq!(client.rows(ticket_of(info)).await.unwrap()[0].num_rows(), 1);
    assert_eq!(client.value("SELECT count(*) FROM t").await.unwrap(), "1", "it was done once");
    other.finish().await;
    engine.finish().await;
}

#[tokio::test]
async fn a_result_whose_rows_were_being_read_is_read_by_another_front() {
    let (engine, mut one, other) = cluster().await;
    let client = Client::connect(&one).await;
    client.update("CREATE TEMP TABLE mine AS SELECT i, repeat('x', 1000) AS x FROM range(100000) t(i)").await.unwrap();
    let command = CommandStatementQuery { query: "SELECT i, x FROM mine".to_owned(), transaction_id: None };
    let ticket = ticket_of(client.info(&command).await.unwrap());
    let mut rows = client.stream(ticket.clone()).await.unwrap();
    assert!(rows.next().await.unwrap().is_ok());
    one.kill().await;
    // What is left in the buffers may still come, and then the connection is seen to be broken.
    while let Some(Ok(_)) = rows.next().await {}

    let client = Client::resume(&other, client.token()).await;
    let batches = client.rows(ticket).await.unwrap();
    assert_eq!(batches.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(), 100_000);
    other.finish().await;
    engine.finish().await;
}
