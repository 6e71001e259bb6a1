//! Queries after their FlightInfo: cancelled by their identity, and their endpoints renewed.

use arrow_flight::sql::{
    ActionCancelQueryRequest, ActionCancelQueryResult, Any, CommandGetCatalogs, CommandStatementQuery, ProstMessageExt,
};
use arrow_flight::{
    CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightEndpoint, FlightInfo,
    RenewFlightEndpointRequest,
};
use futures::StreamExt;
use pintail_tests::client::{Result, column, ticket_of};
use pintail_tests::messages::{OptionValue, SessionOptionValue};
use pintail_tests::{Client, Server, assert_failure};
use prost::Message;
use tonic::Code;

/// Takes longer than any test, and gives rows all the while.
const ENDLESS: &str = "SELECT i FROM range(1000000000000) t(i)";
/// Gives more rows than are on their way at a time.
const LONG: &str = "SELECT i FROM range(3000000) t(i)";
const LONG_ROWS: usize = 3_000_000;
/// Takes longer than any test, and gives no row before.
const BLOCKED: &str = "SELECT count(*) FROM range(100000000000) a(i), range(100) b(i) WHERE (a.i + b.i) % 7 = 9";

async fn info(client: &Client, sql: &str) -> FlightInfo {
    client.info(&CommandStatementQuery { query: sql.to_owned(), transaction_id: None }).await.unwrap()
}

async fn cancel(client: &Client, info: &FlightInfo) -> Result<CancelStatus> {
    let request = CancelFlightInfoRequest { info: Some(info.clone()) };
    let answer = client.action("CancelFlightInfo", request.encode_to_vec()).await?.expect("a result");
    Ok(CancelFlightInfoResult::decode(answer).unwrap().status())
}

async fn renew(client: &Client, endpoint: FlightEndpoint) -> Result<FlightEndpoint> {
    let request = RenewFlightEndpointRequest { endpoint: Some(endpoint) };
    let answer = client.action("RenewFlightEndpoint", request.encode_to_vec()).await?.expect("an endpoint");
    Ok(FlightEndpoint::decode(answer).unwrap())
}

#[tokio::test]
async fn the_query_that_is_named_is_cancelled_and_no_other() {
    for engine in ["duckdb", "datafusion"] {
        let server = Server::start(&["--engine", engine]).await;
        let client = Client::connect(&server).await;
        let (one, other) = (info(&client, ENDLESS).await, info(&client, LONG).await);
        let mut of_other = Box::pin(client.stream(ticket_of(other.clone())).await.unwrap());
        let mut rows = of_other.next().await.unwrap().unwrap().num_rows();
        let mut of_one = Box::pin(client.stream(ticket_of(one.clone())).await.unwrap());
        assert!(of_one.next().await.unwrap().is_ok());

        assert_eq!(cancel(&client, &one).await.unwrap(), CancelStatus::Cancelled, "{engine}");
        // What was on its way still arrives.
        let status = loop {
            match of_one.next().await.expect("an error and no end") {
                Ok(_) => {}
                Err(status) => break status,
            }
        };
        assert_failure(&status, Code::Cancelled, "STATEMENT_CANCELLED", "57014");
        while let Some(batch) = of_other.next().await {
            rows += batch.unwrap().num_rows();
        }
        assert_eq!(rows, LONG_ROWS, "{engine}");
        // It stays cancelled, and can be cancelled again.
        let again = client.rows(ticket_of(one.clone())).await.unwrap_err();
        assert_failure(&again, Code::Cancelled, "STATEMENT_CANCELLED", "57014");
        assert_eq!(cancel(&client, &one).await.unwrap(), CancelStatus::Cancelled);
        assert_eq!(cancel(&client, &other).await.unwrap(), CancelStatus::Cancelled);
        assert_eq!(client.value("SELECT 6 * 7").await.unwrap(), "42");
        server.finish().await;
    }
}

#[tokio::test]
async fn a_query_is_cancelled_before_its_first_row_and_before_it_is_fetched() {
    for engine in ["duckdb", "datafusion"] {
        let server = Server::start(&["--engine", engine]).await;
        let client = Client::connect(&server).await;
        let blocked = info(&client, BLOCKED).await;
        let fetching = tokio::spawn({
            let (client, ticket) = (client.clone(), ticket_of(blocked.clone()));
            async move { client.rows(ticket).await }
        });
        // Whichever comes first, the fetch or its end.
        assert_eq!(cancel(&client, &blocked).await.unwrap(), CancelStatus::Cancelled);
        let status = fetching.await.unwrap().unwrap_err();
        assert_failure(&status, Code::Cancelled, "STATEMENT_CANCELLED", "57014");
        // Nothing goes on in the session.
        assert_eq!(client.value("SELECT 6 * 7").await.unwrap(), "42");

        let unfetched = info(&client, ENDLESS).await;
        let request = ActionCancelQueryRequest { info: unfetched.encode_to_vec().into() };
        let answer = client.action("CancelQuery", request.as_any().encode_to_vec()).await.unwrap().unwrap();
        let result: ActionCancelQueryResult = Any::decode(answer).unwrap().unpack().unwrap().unwrap();
        assert_eq!(result.result, 1, "cancelled");
        let status = client.rows(ticket_of(unfetched)).await.unwrap_err();
        assert_failure(&status, Code::Cancelled, "STATEMENT_CANCELLED", "57014");
        server.finish().await;
    }
}

#[tokio::test]
async fn what_is_done_or_not_there_is_not_cancelled() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    let made = info(&client, "CREATE TABLE t AS SELECT 1 AS i").await;
    assert_eq!(cancel(&client, &made).await.unwrap(), CancelStatus::NotCancellable);
    assert_eq!(client.value("SELECT i FROM t").await.unwrap(), "1");
    let catalogs = client.info(&CommandGetCatalogs {}).await.unwrap();
    assert_eq!(cancel(&client, &catalogs).await.unwrap(), CancelStatus::NotCancellable);

    let status = cancel(&client, &FlightInfo::default()).await.unwrap_err();
    assert_failure(&status, Code::InvalidArgument, "REQUEST_INVALID", "22023");
    let (one, other) = (info(&client, "SELECT 1").await, info(&client, "SELECT 1").await);
    let both = FlightInfo { endpoint: [one.endpoint, other.endpoint].concat(), ..FlightInfo::default() };
    let status = cancel(&client, &both).await.unwrap_err();
    assert_failure(&status, Code::InvalidArgument, "REQUEST_INVALID", "22023");

    // Nobody cancels the query of another.
    let stranger = Client::connect(&server).await;
    let mine = info(&client, "SELECT 42").await;
    let status = cancel(&stranger, &mine).await.unwrap_err();
    assert_failure(&status, Code::PermissionDenied, "SESSION_FORBIDDEN", "28000");
    assert!(!client.rows(ticket_of(mine)).await.unwrap().is_empty());
    server.finish().await;
}

#[tokio::test]
async fn an_endpoint_says_until_when_it_can_be_used_and_is_renewed() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    let reading = info(&client, "SELECT 42 AS i").await;
    let app_metadata = String::from_utf8(reading.app_metadata.to_vec()).unwrap();
    assert!(app_metadata.contains("query_id"), "{app_metadata}");
    let endpoint = reading.endpoint[0].clone();
    let expires = endpoint.expiration_time.expect("a time").seconds;
    let renewed = renew(&client, endpoint).await.unwrap();
    assert!(renewed.expiration_time.unwrap().seconds >= expires);
    assert_eq!(client.rows(renewed.ticket.clone().unwrap()).await.unwrap()[0].num_rows(), 1);
    // It is still the same query.
    assert_eq!(cancel(&client, &reading).await.unwrap(), CancelStatus::Cancelled);
    assert!(client.rows(renewed.ticket.unwrap()).await.is_err());

    let made = info(&client, "CREATE TABLE t AS SELECT 1 AS i").await;
    let renewed = renew(&client, made.endpoint[0].clone()).await.unwrap();
    assert!(client.rows(renewed.ticket.unwrap()).await.is_ok());
    let status = renew(&client, FlightEndpoint::default()).await.unwrap_err();
    assert_failure(&status, Code::InvalidArgument, "REQUEST_INVALID", "22023");
    server.finish().await;
}

fn text(value: &str) -> SessionOptionValue {
    SessionOptionValue { option_value: Some(OptionValue::Text(value.to_owned())) }
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_cancelled_and_the_session_lives_on() {
    for engine in ["duckdb", "datafusion"] {
        let server = Server::start(&["--engine", engine, "--statement-timeout", "1h"]).await;
        let client = Client::connect(&server).await;
        let set = async |value: &str| client.set_options([("pintail.statement_timeout", text(value))]).await.unwrap();
        for refused in ["", "soon", "-1s", "0s", "5", "1000 years"] {
            assert_eq!(set(refused).await.errors.len(), 1, "{refused}");
        }
        let shown = client.options().await.unwrap()["pintail.statement_timeout"].clone();
        assert_eq!(shown, text("1h"));
        assert!(set("300ms").await.errors.is_empty());
        for sql in [ENDLESS, BLOCKED] {
            let status = client.query(sql).await.unwrap_err();
            assert_failure(&status, Code::Cancelled, "STATEMENT_CANCELLED", "57014");
            assert!(status.message().contains("300ms"), "{status}");
        }
        let status = client.update(format!("CREATE TABLE t AS {BLOCKED}")).await.unwrap_err();
        assert_failure(&status, Code::Cancelled, "STATEMENT_CANCELLED", "57014");
        assert!(set("0").await.errors.is_empty());
        assert_eq!(client.value("SELECT 6 * 7").await.unwrap(), "42");
        assert!(client.value("SELECT count(*) FROM t").await.is_err(), "{engine}: it was not made");
        server.finish().await;
    }
}

#[tokio::test]
async fn a_statement_timeout_comes_back_with_its_session() {
    let mut server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    let set = client.set_options([("pintail.statement_timeout", text("90 s"))]).await.unwrap();
    assert!(set.errors.is_empty());
    server.kill().await;
    let server = Server::start_again(&server, &[]).await;
    let client = Client::resume(&server, client.token()).await;
    assert_eq!(client.options().await.unwrap()["pintail.statement_timeout"], text("1m 30s"));
    server.finish().await;
}

#[tokio::test]
async fn what_goes_with_the_session_when_its_node_dies_can_be_asked() {
    for engine in ["duckdb", "datafusion"] {
        let server = Server::start(&["--engine", engine]).await;
        let client = Client::connect(&server).await;
        let rows = client.query("SHOW pintail.resumable").await.unwrap();
        let told: Vec<_> = column(&rows, "what").into_iter().zip(column(&rows, "survives")).collect();
        assert!(told.contains(&("prepared statements".to_owned(), "yes".to_owned())), "{engine}: {told:?}");
        assert!(told.contains(&("values bound to prepared statements".to_owned(), "no".to_owned())), "{engine}");
        let prepared = client.prepare(" show\tPINTAIL.resumable ;").await.unwrap();
        assert_eq!(client.run_prepared(&prepared.prepared_statement_handle).await.unwrap(), rows, "{engine}");
        server.finish().await;
    }
}
