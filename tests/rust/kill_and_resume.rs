//! A session outlives the process that serves it.

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::client::FlightSqlServiceClient;
use bytes::Bytes;
use futures::TryStreamExt;
use pintail_tests::client::{first_value, ticket_of};
use pintail_tests::messages::text;
use pintail_tests::{Client, Server, assert_failure};
use tonic::Code;

/// What is known of a session from outside, to be found again.
struct Expected {
    token: String,
    schema: String,
    integer_division: bool,
    prepared: Bytes,
}

/// Opens session `number` and gives it a state of its own, by other ways than its neighbours.
async fn open(server: &Server, number: usize) -> Expected {
    let client = Client::connect(server).await;
    let schema = format!("s{number}");
    client.update(format!("CREATE SCHEMA {schema}")).await.unwrap();
    client.update(format!("CREATE TABLE {schema}.kept (i INTEGER)")).await.unwrap();
    if number.is_multiple_of(2) {
        client.query(format!("USE {schema}")).await.unwrap();
    } else {
        let refused = client.set_options([("schema", text(&schema))]).await.unwrap();
        assert!(refused.errors.is_empty(), "{refused:?}");
    }
    let integer_division = number.is_multiple_of(3);
    client.update(format!("SET integer_division = {integer_division}")).await.unwrap();
    client.update(format!("SET VARIABLE number = {number}")).await.unwrap();
    let prepared = client.prepare("SELECT count(*) FROM kept").await.unwrap().prepared_statement_handle;
    Expected { token: client.token().to_owned(), schema, integer_division, prepared }
}

/// What is wrong with a session after `kills` restarts; empty when all is as it was.
async fn differences(server: &Server, expected: &Expected, number: usize, kills: usize) -> Vec<String> {
    let client = Client::resume(server, &expected.token).await;
    let mut differences = Vec::new();
    let mut compare = |what: &str, found: Result<String, tonic::Status>, wanted: String| match found {
        Ok(found) if found == wanted => (),
        found => differences.push(format!("{what} is {found:?}, not {wanted}")),
    };
    compare("the schema", client.value("SELECT current_schema()").await, expected.schema.clone());
    let option = client.options().await.map(|mut options| options.remove("schema"));
    compare("the option", option.map(|value| format!("{value:?}")), format!("{:?}", Some(text(&expected.schema))));
    let quotient = if expected.integer_division { "3" } else { "3.5" };
    compare("the setting", client.value("SELECT 7 / 2").await, quotient.to_owned());
    compare("the variable", client.value("SELECT getvariable('number')").await, number.to_string());
    let prepared = client.run_prepared(&expected.prepared).await.map(|rows| first_value(&rows));
    compare("the prepared count", prepared, (kills - 1).to_string());
    // A row a round, which the next round must find.
    compare(
        "the insert",
        client.update("INSERT INTO kept VALUES (1)").await.map(|rows| rows.to_string()),
        "1".to_owned(),
    );
    differences
}

#[tokio::test]
async fn no_session_is_lost_by_twenty_kills() {
    let mut server = Server::start(&[]).await;
    let mut sessions = Vec::new();
    for number in 0..6 {
        sessions.push(open(&server, number).await);
    }
    for kills in 1..=20 {
        server.kill().await;
        server = Server::start_again(&server, &[]).await;
        for (number, session) in sessions.iter().enumerate() {
            let differences = differences(&server, session, number, kills).await;
            assert!(differences.is_empty(), "after {kills} kills, session {number}: {differences:#?}");
        }
    }
    server.finish().await;
}

#[tokio::test]
async fn the_client_of_the_arrow_project_goes_on_with_its_token() {
    async fn answer(sql: &mut FlightSqlServiceClient<tonic::transport::Channel>, query: &str) -> String {
        let info = sql.execute(query.to_owned(), None).await.unwrap();
        let batches: Vec<_> = sql.do_get(ticket_of(info)).await.unwrap().try_collect().await.unwrap();
        first_value(&batches)
    }
    let mut server = Server::start(&[]).await;
    let channel = Client::without_credentials(&server).await.channel();
    let mut sql = FlightSqlServiceClient::new_from_inner(FlightServiceClient::new(channel));
    let (user, password) = server.user();
    sql.handshake(user, password).await.unwrap();
    let token = sql.token().expect("a token in the header").clone();
    sql.execute_update("CREATE TABLE birds AS SELECT 'pintail' AS name".into(), None).await.unwrap();
    assert_eq!(answer(&mut sql, "SELECT name FROM birds").await, "pintail");
    server.kill().await;

    let server = Server::start_again(&server, &[]).await;
    let channel = Client::without_credentials(&server).await.channel();
    let mut sql = FlightSqlServiceClient::new_from_inner(FlightServiceClient::new(channel));
    sql.set_token(token);
    assert_eq!(answer(&mut sql, "SELECT name FROM birds").await, "pintail");
    server.finish().await;
}

#[tokio::test]
async fn a_broken_prepared_statement_is_broken_in_the_same_way_afterwards() {
    let mut server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    client.update("CREATE TABLE gone (i INTEGER)").await.unwrap();
    let prepared = client.prepare("SELECT i FROM gone").await.unwrap().prepared_statement_handle;
    client.update("DROP TABLE gone").await.unwrap();
    let before = client.run_prepared(&prepared).await.expect_err("its table is gone");
    server.kill().await;
    let server = Server::start_again(&server, &[]).await;
    let client = Client::resume(&server, client.token()).await;
    let after = client.run_prepared(&prepared).await.expect_err("its table is still gone");
    assert_eq!((after.code(), after.message()), (before.code(), before.message()));
    assert_eq!(client.value("SELECT 1").await.unwrap(), "1");
    server.finish().await;
}

#[tokio::test]
async fn an_open_transaction_is_rolled_back_and_its_id_says_so() {
    let mut server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    client.update("CREATE TABLE kept (i INTEGER)").await.unwrap();
    let id = client.begin().await.unwrap();
    client.update_in("INSERT INTO kept VALUES (1)", Some(id.clone())).await.unwrap();
    server.kill().await;

    let server = Server::start_again(&server, &[]).await;
    let client = Client::resume(&server, client.token()).await;
    let status = client.end(id.clone(), true).await.expect_err("the transaction is lost, and not committed in silence");
    assert_failure(&status, Code::Aborted, "TRANSACTION_LOST", "40001");
    client.end(id, false).await.expect("it is rolled back already");
    assert_eq!(client.value("SELECT count(*) FROM kept").await.unwrap(), "0");
    server.finish().await;
}
