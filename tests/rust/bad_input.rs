//! Whatever a client sends, it is told by code and SQLSTATE what was wrong, and nothing else is the worse for it.

use arrow_flight::sql::{
    ActionBeginTransactionRequest, Any, CommandPreparedStatementQuery, CommandStatementQuery,
    CommandStatementSubstraitPlan, ProstMessageExt,
};
use arrow_flight::{FlightDescriptor, Ticket};
use bytes::Bytes;
use futures::StreamExt;
use pintail_tests::client::ticket_of;
use pintail_tests::failure::{position, trailer};
use pintail_tests::{Client, Server, assert_failure, raw};
use prost::Message;
use tonic::{Code, Status};

const GET_FLIGHT_INFO: &str = "/arrow.flight.protocol.FlightService/GetFlightInfo";

/// The error of a call that must fail.
#[track_caller]
fn refused<T>(what: &str, answer: Result<T, Status>) -> Status {
    match answer {
        Ok(_) => panic!("{what} was not refused"),
        Err(status) => status,
    }
}

/// Its session still answers.
async fn answers(client: &Client) {
    assert_eq!(client.value("SELECT 42").await.expect("the session still answers"), "42");
}

#[tokio::test]
async fn a_statement_that_cannot_be_run_is_refused_by_class_and_place() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    client.update("CREATE TABLE flights (carrier VARCHAR, distance INTEGER NOT NULL)").await.unwrap();

    let refusals = [
        // SQL, gRPC code, SQLSTATE, a part of the message, where in the text
        ("", Code::InvalidArgument, "42601", "", None),
        ("   \n\t ", Code::InvalidArgument, "42601", "", None),
        ("-- nothing but a comment", Code::InvalidArgument, "42601", "", None),
        ("/* and */ -- another", Code::InvalidArgument, "42601", "", None),
        ("SELECT 1 FORM flights", Code::InvalidArgument, "42601", "flights", Some(14)),
        ("SELEC 1", Code::InvalidArgument, "42601", "SELEC", Some(0)),
        ("SELECT * FROM flihts", Code::NotFound, "42P01", "flights", Some(14)),
        ("SELECT carier FROM flights", Code::InvalidArgument, "42703", "carrier", Some(7)),
        ("SELECT carrrier(1)", Code::InvalidArgument, "42883", "carrrier", Some(7)),
        ("CREATE TABLE flights (i INTEGER)", Code::AlreadyExists, "42P07", "flights", None),
        ("INSERT INTO flights VALUES ('UA', NULL)", Code::InvalidArgument, "23502", "distance", None),
        ("SELECT 'twelve'::INTEGER", Code::InvalidArgument, "22P02", "twelve", None),
    ];
    for (sql, grpc, sqlstate, said, place) in refusals {
        let status = refused(sql, client.query(sql).await);
        assert_failure(&status, grpc, "STATEMENT_FAILED", sqlstate);
        assert!(status.message().contains(said), "{sql}: {}", status.message());
        assert!(status.message().contains(sqlstate), "the message names the SQLSTATE, which drivers drop");
        if place.is_some() {
            assert_eq!(position(&status), place, "{sql}: {}", status.message());
        }
        answers(&client).await;

        // The same, whichever way it comes.
        let update = refused(sql, client.update(sql).await);
        assert_eq!(trailer(&update, "x-pintail-sqlstate"), Some(sqlstate), "{sql}: {}", update.message());
        answers(&client).await;
    }
    server.finish().await;
}

#[tokio::test]
async fn a_statement_that_fails_in_mid_stream_ends_its_stream_with_a_typed_error() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    let failures = [
        // A text that is no number, and the one division that overflows: dividing by zero gives NULL in DuckDB.
        ("SELECT (CASE WHEN i = 900000 THEN 'abc' ELSE i::VARCHAR END)::INTEGER FROM range(1000000) t(i)", "22P02"),
        (
            "SELECT (-9223372036854775808)::BIGINT // (CASE WHEN i = 900000 THEN -1 ELSE 1 END)::BIGINT \
             FROM range(1000000) t(i)",
            "22003",
        ),
    ];
    for (sql, sqlstate) in failures {
        let query = CommandStatementQuery { query: sql.to_owned(), transaction_id: None };
        let ticket = ticket_of(client.info(&query).await.expect("nothing is wrong with the statement itself"));
        let mut stream = Box::pin(client.stream(ticket).await.expect("the stream begins"));
        let mut rows = 0;
        let status = loop {
            match stream.next().await.expect("the stream does not end as if it were complete") {
                Ok(batch) => rows += batch.num_rows(),
                Err(status) => break status,
            }
        };
        assert!((1..=900_000).contains(&rows), "{rows} rows came before the error");
        assert_failure(&status, Code::InvalidArgument, "STATEMENT_FAILED", sqlstate);
        answers(&client).await;
    }
    server.finish().await;
}

#[tokio::test]
async fn ten_megabytes_of_sql_are_served_or_refused_but_hurt_nobody() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    let bystander = Client::connect(&server).await;
    let size = 10 << 20;

    let literal = client.value(format!("SELECT length('{}')", "x".repeat(size))).await;
    assert_eq!(literal.expect("a long literal is just a value"), size.to_string());

    let garbage = refused("garbage", client.query("word ".repeat(size / 5)).await);
    assert_failure(&garbage, Code::InvalidArgument, "STATEMENT_FAILED", "42601");
    assert!(garbage.message().len() < 4096, "a message of {} bytes would break headers", garbage.message().len());

    // Deeper than any stack: the parser's own limit has to hold.
    let deep =
        refused("nesting", client.query(format!("SELECT {}1{}", "(".repeat(size / 2), ")".repeat(size / 2))).await);
    assert_eq!(trailer(&deep, "x-pintail-code"), Some("STATEMENT_FAILED"), "{}", deep.message());

    answers(&client).await;
    answers(&bystander).await;
    server.finish().await;
}

#[tokio::test]
async fn a_transaction_is_begun_once_and_ended_by_its_own_id() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    client.update("CREATE TABLE kept (i INTEGER)").await.unwrap();

    client.update("BEGIN").await.unwrap();
    client.update("INSERT INTO kept VALUES (1)").await.unwrap();
    let second = refused("a second BEGIN", client.update("BEGIN").await);
    assert_failure(&second, Code::InvalidArgument, "STATEMENT_FAILED", "25001");
    client.update("ROLLBACK").await.expect("the transaction can still be ended");
    assert_eq!(client.value("SELECT count(*) FROM kept").await.unwrap(), "0");

    let unknown = Bytes::from_static(b"no such transaction");
    let commit = refused("a commit", client.end(unknown.clone(), true).await);
    assert_failure(&commit, Code::NotFound, "TRANSACTION_UNKNOWN", "25000");
    client.end(unknown.clone(), false).await.expect("what is not open is rolled back already");
    let update = refused("an update", client.update_in("INSERT INTO kept VALUES (2)", Some(unknown.clone())).await);
    assert_failure(&update, Code::NotFound, "TRANSACTION_UNKNOWN", "25000");
    let query = CommandStatementQuery { query: "SELECT 1".into(), transaction_id: Some(unknown) };
    assert_failure(&refused("a query", client.info(&query).await), Code::NotFound, "TRANSACTION_UNKNOWN", "25000");

    let id = client.begin().await.unwrap();
    client.update_in("INSERT INTO kept VALUES (3)", Some(id.clone())).await.unwrap();
    client.end(id.clone(), true).await.unwrap();
    client.end(id.clone(), true).await.expect("what is committed already, it is told so");
    let update = refused("an update", client.update_in("INSERT INTO kept VALUES (4)", Some(id)).await);
    assert_failure(&update, Code::NotFound, "TRANSACTION_UNKNOWN", "25000");
    assert_eq!(client.value("SELECT string_agg(i, ',') FROM kept").await.unwrap(), "3");
    server.finish().await;
}

#[tokio::test]
async fn a_ticket_is_taken_only_as_it_was_handed_out() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    let query = CommandStatementQuery { query: "SELECT 7 AS seven".into(), transaction_id: None };
    let ticket = ticket_of(client.info(&query).await.unwrap()).ticket;

    for unknown in ["", "nonsense", "pintail"] {
        let status = refused(unknown, client.rows(Ticket { ticket: Bytes::from(unknown) }).await);
        assert_failure(&status, Code::InvalidArgument, "TICKET_INVALID", "22023");
    }
    for byte in 0..ticket.len() {
        let mut flipped = ticket.to_vec();
        flipped[byte] ^= 1 << (byte % 8);
        let status = refused("a flipped ticket", client.rows(Ticket { ticket: flipped.into() }).await);
        assert_failure(&status, Code::InvalidArgument, "TICKET_INVALID", "22023");
        let status = refused("a cut ticket", client.rows(Ticket { ticket: ticket.slice(..byte) }).await);
        assert_failure(&status, Code::InvalidArgument, "TICKET_INVALID", "22023");
    }
    let batches = client.rows(Ticket { ticket }).await.expect("the ticket itself is good");
    assert_eq!(pintail_tests::client::first_value(&batches), "7");
    server.finish().await;
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_malformed() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    let query = CommandStatementQuery { query: "SELECT 1".into(), transaction_id: None };
    let whole = query.as_any().encode_to_vec();
    // Every cut is refused. A cut between two fields leaves a readable message, which says nothing that can be run.
    for length in 0..whole.len() {
        let status = refused("a truncated command", client.info_of(whole[..length].to_vec()).await);
        let code = trailer(&status, "x-pintail-code").unwrap_or_default();
        assert!(matches!(code, "REQUEST_MALFORMED" | "STATEMENT_FAILED"), "cut at {length}: {code}: {status}");
        assert_eq!(status.code(), Code::InvalidArgument, "cut at {length}: {status}");
    }
    assert_failure(
        &refused("a cut", client.info_of(whole[..whole.len() - 3].to_vec()).await),
        Code::InvalidArgument,
        "REQUEST_MALFORMED",
        "08P01",
    );

    // The bytes of the call itself, below Flight SQL.
    let descriptor = FlightDescriptor::new_cmd(whole.clone()).encode_to_vec();
    let cut = Bytes::from(descriptor).slice(..20);
    let status = refused("a truncated descriptor", raw::unary(&client, GET_FLIGHT_INFO, cut).await);
    assert_failure(&status, Code::InvalidArgument, "REQUEST_MALFORMED", "08P01");
    answers(&client).await;

    let action = ActionBeginTransactionRequest {}.as_any().encode_to_vec();
    let foreign = Any { type_url: "type.googleapis.com/google.protobuf.Duration".into(), value: Bytes::new() };
    for (what, command) in
        [("an action", action), ("another protocol", foreign.encode_to_vec()), ("text", b"SELECT 1".to_vec())]
    {
        let status = refused(what, client.info_of(command).await);
        assert_failure(&status, Code::InvalidArgument, "REQUEST_MALFORMED", "08P01");
    }
    let status = refused("an action's body", client.action("CreatePreparedStatement", "SELECT 1").await);
    assert_failure(&status, Code::InvalidArgument, "REQUEST_MALFORMED", "08P01");
    answers(&client).await;
    server.finish().await;
}

#[tokio::test]
async fn what_is_not_there_is_refused_by_name() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    let status = refused("a Substrait plan", client.info(&CommandStatementSubstraitPlan::default()).await);
    assert_failure(&status, Code::Unimplemented, "NOT_IMPLEMENTED", "0A000");
    assert!(status.message().contains("CommandStatementSubstraitPlan"), "{status}");
    let status = refused("an action", client.action("BrewCoffee", "").await);
    assert_failure(&status, Code::Unimplemented, "NOT_IMPLEMENTED", "0A000");
    assert!(status.message().contains("BrewCoffee"), "{status}");

    let handle = Bytes::from_static(b"no such handle");
    let unknown = CommandPreparedStatementQuery { prepared_statement_handle: handle.clone() };
    let status = refused("a handle", client.info(&unknown).await);
    assert_failure(&status, Code::NotFound, "PREPARED_STATEMENT_UNKNOWN", "26000");
    client.close_prepared(&handle).await.expect("closing what is not there is no error: drivers break on one");
    answers(&client).await;
    server.finish().await;
}
