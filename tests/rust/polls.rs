//! Statements that run while their client asks how far they are.

use arrow_flight::sql::{CommandGetCatalogs, CommandPreparedStatementQuery, CommandStatementQuery, ProstMessageExt};
use arrow_flight::{CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightDescriptor, PollInfo, Ticket};
use pintail_tests::client::{Result, column, ticket_of};
use pintail_tests::{Client, Server, assert_failure};
use prost::Message;
use tonic::Code;

/// Takes longer than any test.
const BLOCKED: &str = "SELECT count(*) AS n FROM range(100000000000) a(i), range(100) b(i) WHERE (a.i + b.i) % 7 = 9";

fn query(sql: &str) -> FlightDescriptor {
    let command = CommandStatementQuery { query: sql.to_owned(), transaction_id: None };
    FlightDescriptor::new_cmd(command.as_any().encode_to_vec())
}

async fn cancel(client: &Client, poll: &PollInfo) -> Result<CancelStatus> {
    let request = CancelFlightInfoRequest { info: poll.info.clone() };
    let answer = client.action("CancelFlightInfo", request.encode_to_vec()).await?.expect("a result");
    Ok(CancelFlightInfoResult::decode(answer).unwrap().status())
}

/// Polls until the query is complete.
async fn completed(client: &Client, first: FlightDescriptor) -> Result<PollInfo> {
    let mut poll = client.poll(first).await?;
    while let Some(next) = poll.flight_descriptor {
        let info = poll.info.expect("an info with each answer");
        assert!(info.endpoint.is_empty() && poll.expiration_time.is_some());
        poll = client.poll(next).await?;
    }
    Ok(poll)
}

#[tokio::test]
async fn a_read_is_ready_at_once() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    let prepared = client.prepare("SELECT 42 AS n").await.unwrap().prepared_statement_handle;
    let prepared = CommandPreparedStatementQuery { prepared_statement_handle: prepared };
    for descriptor in [
        query("SELECT 42 AS n"),
        FlightDescriptor::new_cmd(prepared.as_any().encode_to_vec()),
        FlightDescriptor::new_cmd(CommandGetCatalogs {}.as_any().encode_to_vec()),
    ] {
        let poll = client.poll(descriptor).await.unwrap();
        assert_eq!((poll.flight_descriptor, poll.progress), (None, Some(1.0)));
        assert!(!client.rows(ticket_of(poll.info.unwrap())).await.unwrap().is_empty());
    }
    server.finish().await;
}

#[tokio::test]
async fn what_changes_something_is_done_once_however_often_it_is_asked_for() {
    for engine in ["duckdb", "datafusion"] {
        let server = Server::start(&["--engine", engine]).await;
        let client = Client::connect(&server).await;
        client.update("CREATE TABLE t (i BIGINT)").await.unwrap();
        let poll = completed(&client, query("INSERT INTO t SELECT * FROM range(1000)")).await.unwrap();
        let info = poll.info.unwrap();
        assert_eq!(info.total_records, 1000, "{engine}");
        for _ in 0..3 {
            assert_eq!(client.rows(ticket_of(info.clone())).await.unwrap()[0].num_rows(), 1);
        }
        assert_eq!(client.value("SELECT count(*) FROM t").await.unwrap(), "1000");
        server.finish().await;
    }
}

#[tokio::test]
async fn a_long_statement_is_polled_while_others_wait_and_is_cancelled() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    let first = client.poll(query(&format!("CREATE TABLE t AS {BLOCKED}"))).await.unwrap();
    let next = first.flight_descriptor.clone().expect("it runs");
    let again = client.poll(next.clone()).await.unwrap();
    assert!(again.flight_descriptor.is_some(), "it still runs");
    for progress in [first.progress, again.progress].into_iter().flatten() {
        assert!((0.0..=1.0).contains(&progress), "{progress}");
    }
    // Its descriptor is no ticket, and nobody else's.
    let status = client.rows(Ticket { ticket: next.cmd.clone() }).await.unwrap_err();
    assert_failure(&status, Code::InvalidArgument, "REQUEST_INVALID", "22023");
    let stranger = Client::connect(&server).await;
    let status = stranger.poll(next.clone()).await.unwrap_err();
    assert_failure(&status, Code::PermissionDenied, "SESSION_FORBIDDEN", "28000");
    let status = cancel(&stranger, &again).await.unwrap_err();
    assert_failure(&status, Code::PermissionDenied, "SESSION_FORBIDDEN", "28000");

    assert_eq!(cancel(&client, &again).await.unwrap(), CancelStatus::Cancelled);
    let status = client.poll(next).await.unwrap_err();
    assert_failure(&status, Code::Cancelled, "STATEMENT_CANCELLED", "57014");
    assert!(client.query("SELECT * FROM t").await.is_err(), "it was not made");
    assert_eq!(client.value("SELECT 6 * 7").await.unwrap(), "42");
    server.finish().await;
}

async fn progress(client: &Client) -> Result<Option<f64>> {
    let answer = client.action("pintail.Progress", Vec::new()).await?.expect("a result");
    let PollInfo { info, flight_descriptor, progress, expiration_time } = PollInfo::decode(answer).unwrap();
    assert!(info.is_none() && flight_descriptor.is_none() && expiration_time.is_none());
    Ok(progress)
}

#[tokio::test]
async fn whatever_runs_in_a_session_tells_how_far_it_is_to_clients_that_cannot_poll() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    client.update("CREATE TABLE t AS SELECT i, i % 1000 AS g FROM range(2000000) t(i)").await.unwrap();
    assert_eq!(progress(&client).await.unwrap(), None, "nothing runs");
    let running = tokio::spawn({
        let client = client.clone();
        // It runs until its client goes away.
        async move { client.update("CREATE TABLE u AS SELECT count(*) AS n FROM t a, t b WHERE a.g + b.g = 17").await.err() }
    });
    let done = loop {
        assert!(!running.is_finished(), "it ended before its time");
        if let Some(done) = progress(&client).await.unwrap() {
            break done;
        }
    };
    assert!((0.0..=1.0).contains(&done), "{done}");
    let other = Client::connect(&server).await;
    assert_eq!(progress(&other).await.unwrap(), None, "nothing runs in this session");
    running.abort();
    assert_eq!(client.value("SELECT 6 * 7").await.unwrap(), "42");

    let status = client.action("pintail.Progress", b"everything".to_vec()).await.unwrap_err();
    assert_failure(&status, Code::InvalidArgument, "REQUEST_MALFORMED", "08P01");
    server.finish().await;
}

#[tokio::test]
async fn a_read_whose_rows_are_computed_tells_how_far_it_is_to_whoever_has_its_ticket() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    client.update("CREATE TABLE t AS SELECT i, i % 1000 AS g FROM range(2000000) t(i)").await.unwrap();
    let long = query("SELECT count(*) AS n FROM t a, t b WHERE a.g + b.g = 17 AND a.i % 7 = b.i % 3");
    let info = client.poll(long).await.unwrap().info.expect("it is ready");
    let ticket = ticket_of(info.clone());
    let ask = FlightDescriptor::new_cmd(ticket.ticket.clone());
    assert_eq!(client.poll(ask.clone()).await.unwrap().progress, None, "nobody has asked for its rows");
    let reading = tokio::spawn({
        let (client, ticket) = (client.clone(), ticket.clone());
        async move { client.rows(ticket).await.map(|_rows| ()) }
    });
    let progress = loop {
        assert!(!reading.is_finished(), "it ended before its time");
        let poll = client.poll(ask.clone()).await.unwrap();
        assert_eq!(poll.flight_descriptor, Some(ask.clone()));
        if let Some(progress) = poll.progress {
            break progress;
        }
    };
    assert!((0.0..=1.0).contains(&progress), "{progress}");
    let stranger = Client::connect(&server).await;
    let status = stranger.poll(ask).await.unwrap_err();
    assert_failure(&status, Code::PermissionDenied, "SESSION_FORBIDDEN", "28000");
    let poll = PollInfo { info: Some(info), ..Default::default() };
    assert_eq!(cancel(&client, &poll).await.unwrap(), CancelStatus::Cancelled);
    let status = reading.await.unwrap().unwrap_err();
    assert_failure(&status, Code::Cancelled, "STATEMENT_CANCELLED", "57014");
    server.finish().await;
}

#[tokio::test]
async fn a_write_that_is_polled_and_sent_again_is_applied_once() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    let with_id = |number: u32| {
        client.clone().with_header("x-pintail-request-id", format!("00000000-0000-4000-8000-{number:012}"))
    };
    for _ in 0..3 {
        // What it makes, and what it drops, is there or gone when it is sent again.
        completed(&with_id(1), query("CREATE TABLE t (i INTEGER)")).await.unwrap();
        let poll = completed(&with_id(2), query("INSERT INTO t VALUES (1), (2)")).await.unwrap();
        assert_eq!(poll.info.unwrap().total_records, 2);
        completed(&with_id(3), query("CREATE TABLE gone (i INTEGER)")).await.unwrap();
        completed(&with_id(4), query("DROP TABLE gone")).await.unwrap();
    }
    assert_eq!(client.value("SELECT count(*) FROM t").await.unwrap(), "2");
    server.finish().await;
}

#[tokio::test]
async fn what_fails_says_so_to_each_poll_and_what_is_done_is_not_cancelled() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    let failing = query("CREATE TABLE f AS SELECT error('no such luck') AS e FROM range(1000000)");
    let status = completed(&client, failing).await.unwrap_err();
    assert!(status.message().contains("no such luck"), "{status}");
    let status = client.poll(query("SELEKT 1")).await.unwrap_err();
    assert_failure(&status, Code::InvalidArgument, "STATEMENT_FAILED", "42601");

    let done = completed(&client, query("CREATE TABLE t AS SELECT 1 AS i")).await.unwrap();
    assert_eq!(cancel(&client, &done).await.unwrap(), CancelStatus::NotCancellable);
    assert_eq!(column(&client.query("SELECT i FROM t").await.unwrap(), "i"), ["1"]);
    server.finish().await;
}

#[tokio::test]
async fn a_statement_that_nobody_polls_any_more_is_done_all_the_same() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    // Long enough that the first poll may come back before its end; the second waits for its turn behind it.
    let sql = "CREATE TABLE t AS SELECT max(a.i) AS m FROM range(20000000) a(i)";
    client.poll(query(sql)).await.unwrap();
    assert_eq!(client.value("SELECT m FROM t").await.unwrap(), "19999999");
    server.finish().await;
}

#[tokio::test]
async fn a_session_that_is_closed_ends_what_runs_in_it() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    let poll = client.poll(query(&format!("CREATE TABLE t AS {BLOCKED}"))).await.unwrap();
    client.close_session().await.unwrap();
    let status = client.poll(poll.flight_descriptor.unwrap()).await.unwrap_err();
    assert_failure(&status, Code::Unauthenticated, "SESSION_CLOSED", "28000");
    // A server with a statement at work would not end on its own.
    server.finish().await;
}
