//! What became of a write is told to a client that asks: by the id of its request, or by that of its query.

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{CommandStatementQuery, ProstMessageExt};
use arrow_flight::{CancelFlightInfoRequest, Empty, FlightDescriptor};
use bytes::Bytes;
use pintail_tests::{Client, DEADLINE, Server, assert_failure};
use prost::Message;
use tokio::time::timeout;
use tonic::Code;

use crate::requests::{id, with_id};

const OUTCOME: &str = "x-pintail-outcome";

/// Takes longer than any test.
const LONG: &str = "INSERT INTO t SELECT 1 FROM range(100000000000) a(i), range(100) b(j) WHERE i < j";

/// What is answered to the question what became of a write.
async fn told(client: &Client, id: impl Into<String>) -> String {
    let asking = client.clone().with_header(OUTCOME, id);
    let answer = FlightServiceClient::new(asking.channel()).list_actions(asking.request(Empty {})).await.unwrap();
    answer.metadata().get(OUTCOME).unwrap().to_str().unwrap().to_owned()
}

/// The same, of the request with this number.
async fn outcome(client: &Client, number: u32) -> String {
    told(client, id(number)).await
}

fn text(sql: &str, transaction: Option<&Bytes>) -> CommandStatementQuery {
    CommandStatementQuery { query: sql.to_owned(), transaction_id: transaction.cloned() }
}

/// The id that a FlightInfo gives its query.
fn query_id(app_metadata: &[u8]) -> String {
    let about: serde_json::Value = serde_json::from_slice(app_metadata).unwrap();
    about["query_id"].as_str().unwrap().to_owned()
}

/// Runs a statement by GetFlightInfo; the id of its query.
async fn run(client: &Client, sql: &str, transaction: Option<&Bytes>) -> String {
    query_id(&client.info(&text(sql, transaction)).await.unwrap().app_metadata)
}

/// Starts a statement by PollFlightInfo; the id of its query, and what is polled next while it runs.
async fn start(client: &Client, sql: &str) -> (String, Option<FlightDescriptor>) {
    let descriptor = FlightDescriptor::new_cmd(text(sql, None).as_any().encode_to_vec());
    let poll = client.poll(descriptor).await.unwrap();
    (query_id(&poll.info.unwrap().app_metadata), poll.flight_descriptor)
}

#[tokio::test]
async fn what_became_of_a_write_can_be_asked() {
    let mut server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    client.update("CREATE TABLE t (i INTEGER)").await.unwrap();
    assert_eq!(outcome(&client, 1).await, "aborted");
    with_id(&client, 1).update("INSERT INTO nowhere VALUES (1)").await.unwrap_err();
    assert_eq!(outcome(&client, 1).await, "aborted");
    with_id(&client, 1).update("INSERT INTO t VALUES (1)").await.unwrap();
    assert_eq!(outcome(&client, 1).await, "committed");

    let transaction = client.begin().await.unwrap();
    with_id(&client, 2).update_in("INSERT INTO t VALUES (2)", Some(transaction.clone())).await.unwrap();
    assert_eq!(outcome(&client, 2).await, "running");
    with_id(&client, 3).end(transaction, true).await.unwrap();
    assert_eq!((outcome(&client, 2).await, outcome(&client, 3).await), ("committed".into(), "committed".into()));

    let long = tokio::spawn({
        let client = with_id(&client, 4);
        async move { client.update(LONG).await }
    });
    let told_to_run = async {
        while outcome(&client, 4).await != "running" {
            assert!(!long.is_finished(), "it is told to run as long as it does");
        }
    };
    timeout(DEADLINE, told_to_run).await.expect("a question is answered while the write runs");
    long.abort();

    let token = client.token().to_owned();
    server.kill().await;
    server = Server::start_again(&server, &[]).await;
    let client = Client::resume(&server, &token).await;
    assert_eq!(outcome(&client, 2).await, "committed");
    // Its receipt could be with the tables of another node.
    assert_eq!(outcome(&client, 4).await, "unknown");
    let bad = client.clone().with_header(OUTCOME, "one").update("INSERT INTO t VALUES (5)").await.unwrap_err();
    assert_failure(&bad, Code::InvalidArgument, "REQUEST_INVALID", "22023");
    server.finish().await;
}

#[tokio::test]
async fn a_write_without_a_request_id_is_asked_about_by_the_id_of_its_query() {
    for engine in ["duckdb", "datafusion"] {
        let server = Server::start(&["--engine", engine]).await;
        let client = Client::connect(&server).await;
        client.update("CREATE TABLE t (i BIGINT)").await.unwrap();
        let (polled, next) = start(&client, "INSERT INTO t VALUES (1)").await;
        assert_eq!(next, None, "it is done");
        let run = run(&client, "INSERT INTO t VALUES (2)", None).await;
        assert_eq!((told(&client, polled).await, told(&client, run).await), ("committed".into(), "committed".into()));
        // That of a query that only reads, or of nothing at all.
        let read = self::run(&client, "SELECT 1", None).await;
        assert_eq!(told(&client, read).await, "unknown", "{engine}");
        server.finish().await;
    }
}

#[tokio::test]
async fn a_statement_in_a_transaction_ends_with_it() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    client.update("CREATE TABLE t (i INTEGER)").await.unwrap();
    for (commit, word) in [(true, "committed"), (false, "aborted")] {
        let transaction = client.begin().await.unwrap();
        let run = run(&client, "INSERT INTO t VALUES (1)", Some(&transaction)).await;
        let (polled, _) = start(&client, "INSERT INTO t VALUES (2)").await;
        for id in [&run, &polled] {
            assert_eq!(told(&client, id).await, "running");
        }
        client.end(transaction, commit).await.unwrap();
        for id in [&run, &polled] {
            assert_eq!(told(&client, id).await, word);
        }
    }
    for (begin, end, word) in [
        ("BEGIN", "COMMIT", "committed"),
        ("BEGIN", "ROLLBACK", "aborted"),
        ("BEGIN", "SELECT 1; ROLLBACK", "unknown"),
        ("BEGIN", "ROLLBACK; BEGIN", "aborted"),
    ] {
        client.update(begin).await.unwrap();
        let run = run(&client, "INSERT INTO t VALUES (1)", None).await;
        assert_eq!(told(&client, &run).await, "running");
        client.update(end).await.unwrap();
        assert_eq!(told(&client, run).await, word, "{end}");
    }
    client.update("ROLLBACK").await.unwrap();
    // Whether it holds, the text itself has decided.
    let run = run(&client, "BEGIN; INSERT INTO t VALUES (1); ROLLBACK", None).await;
    assert_eq!(told(&client, run).await, "unknown");
    server.finish().await;
}

#[tokio::test]
async fn a_write_that_is_polled_has_a_receipt_and_is_told_after_its_node_died() {
    let mut server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    client.update("CREATE TABLE t (i INTEGER)").await.unwrap();
    let (done, _) = start(&client, "INSERT INTO t VALUES (1)").await;
    let run = run(&client, "INSERT INTO t VALUES (2)", None).await;
    let (several, _) = start(&client, "INSERT INTO t VALUES (3); INSERT INTO t VALUES (4)").await;
    for id in [&done, &run, &several] {
        assert_eq!(told(&client, id).await, "committed");
    }
    let (long, next) = start(&client, LONG).await;
    assert!(next.is_some(), "it runs");
    assert_eq!(told(&client, &long).await, "running");

    let token = client.token().to_owned();
    server.kill().await;
    server = Server::start_again(&server, &[]).await;
    let client = Client::resume(&server, &token).await;
    assert_eq!(told(&client, done).await, "committed");
    // There is no receipt of them, or it could be with the tables of another node.
    for id in [run, several, long] {
        assert_eq!(told(&client, id).await, "unknown");
    }
    assert_eq!(client.value("SELECT count(*) FROM t").await.unwrap(), "4");
    server.finish().await;
}

#[tokio::test]
async fn a_write_that_is_polled_and_cancelled_is_aborted() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    client.update("CREATE TABLE t (i INTEGER)").await.unwrap();
    let descriptor = FlightDescriptor::new_cmd(text(LONG, None).as_any().encode_to_vec());
    let poll = client.poll(descriptor).await.unwrap();
    let id = query_id(&poll.info.as_ref().unwrap().app_metadata);
    assert_eq!(told(&client, &id).await, "running");
    let cancel = CancelFlightInfoRequest { info: poll.info };
    client.action("CancelFlightInfo", cancel.encode_to_vec()).await.unwrap();
    let error = client.poll(poll.flight_descriptor.unwrap()).await.unwrap_err();
    assert_failure(&error, Code::Cancelled, "STATEMENT_CANCELLED", "57014");
    assert_eq!(told(&client, id).await, "aborted");
    server.finish().await;
}
