//! Fronts have nothing of their own: one that dies while a statement runs takes neither the statement nor its result along.

use std::time::Duration;

use arrow_flight::FlightDescriptor;
use arrow_flight::sql::{CommandStatementQuery, ProstMessageExt};
use futures::StreamExt as _;
use pintail_tests::client::ticket_of;
use pintail_tests::{Client, Server};
use prost::Message as _;
use tokio::task::JoinHandle;

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

/// How a statement is sent.
#[derive(Debug, Clone, Copy)]
enum Way {
    Update,
    Query,
    Prepared,
}

/// Sends a text whose first statement makes a table, and returns once that is there: the second one runs by then.
async fn begun(client: &Client, way: Way, statement: &str, watching: &Client) -> JoinHandle<bool> {
    let text = format!("CREATE TABLE began AS SELECT 1; {statement}");
    let sending = client.clone();
    let sent = tokio::spawn(async move {
        match way {
            Way::Update => sending.update(text).await.is_ok(),
            Way::Query => sending.query(text).await.is_ok(),
            Way::Prepared => {
                let handle = sending.prepare(&text).await.unwrap().prepared_statement_handle;
                sending.run_prepared(&handle).await.is_ok()
            }
        }
    });
    let tables = "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'began'";
    while watching.value(tables).await.unwrap() != "1" {
        assert!(!sent.is_finished(), "{way:?}: the text failed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sent
}

#[tokio::test]
async fn a_statement_that_runs_goes_on_without_its_front_and_its_client_finds_what_it_did() {
    for way in [Way::Update, Way::Query, Way::Prepared] {
        let (engine, mut one, other) = cluster().await;
        let client = Client::connect(&one).await;
        client.update("CREATE TABLE t (i BIGINT)").await.unwrap();
        let watching = Client::connect(&other).await;
        let statement = "INSERT INTO t SELECT count(*) FROM range(1000000000) r(i) WHERE i % 7 = 9";
        let sent = begun(&client, way, statement, &watching).await;
        one.kill().await;
        assert!(!sent.await.unwrap(), "{way:?}: the statement was over before its front died");
        // Its place in the session is behind the statement, which nobody waits for any more.
        let client = Client::resume(&other, client.token()).await;
        assert_eq!(client.value("SELECT count(*) FROM t").await.unwrap(), "1", "{way:?}");
        other.finish().await;
        engine.finish().await;
    }
}

#[tokio::test]
async fn a_statement_that_its_client_gives_up_is_interrupted_behind_a_front() {
    for way in [Way::Update, Way::Query, Way::Prepared] {
        let (engine, one, other) = cluster().await;
        let client = Client::connect(&one).await;
        client.update("CREATE TABLE t (i BIGINT)").await.unwrap();
        let watching = Client::connect(&other).await;
        let endless =
            "INSERT INTO t SELECT count(*) FROM range(3000000) a(i), range(3000000) b(i) WHERE a.i + b.i = -1";
        let sent = begun(&client, way, endless, &watching).await;
        sent.abort();
        let client = Client::resume(&other, client.token()).await;
        assert_eq!(client.value("SELECT count(*) FROM t").await.unwrap(), "0", "{way:?}");
        for server in [other, one, engine] {
            server.finish().await;
        }
    }
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
