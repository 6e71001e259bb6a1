//! Sessions, transactions and options over the wire; health and the server's end.

use std::collections::HashMap;

use arrow_flight::sql::{
    ActionBeginTransactionRequest, ActionBeginTransactionResult, ActionEndTransactionRequest, CommandStatementQuery,
};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::super::messages::session_option_value::Value;
use super::super::messages::{
    CloseSessionResult, CloseSessionStatus, GetSessionOptionsResult, SessionOptionValue, SetSessionOptionErrorValue,
    SetSessionOptionsRequest, SetSessionOptionsResult,
};
use super::*;

async fn end(client: &mut Client, id: &Bytes, action: i32) -> Result<Vec<Bytes>, Status> {
    let request = ActionEndTransactionRequest { transaction_id: id.clone(), action };
    client.act("EndTransaction", request.as_any().encode_to_vec()).await
}

async fn set(client: &mut Client, options: &[(&str, &str)]) -> Result<HashMap<String, i32>, Status> {
    let value = |text: &str| SessionOptionValue { value: Some(Value::String(text.into())) };
    let session_options = options.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect();
    let request = SetSessionOptionsRequest { session_options };
    let results = client.act("SetSessionOptions", request.encode_to_vec()).await?;
    let result = SetSessionOptionsResult::decode(results[0].clone()).unwrap();
    Ok(result.errors.into_iter().map(|(name, error)| (name, error.value)).collect())
}

#[tokio::test]
async fn basic_on_any_call_grants_a_session_even_when_the_call_fails() {
    let server = TestServer::start().await;
    let mut flight = FlightServiceClient::new(server.channel.clone());
    let mut request = Request::new(descriptor(&statement("NONSENSE")));
    request.metadata_mut().insert("authorization", basic("ada", "engine"));
    let status = flight.get_flight_info(request).await.unwrap_err();
    assert_eq!(typed(&status).1, "STATEMENT_FAILED");
    let authorization = status.metadata().get("authorization").unwrap().clone();
    assert!(status.metadata().get("set-cookie").is_some());
    let mut client = Client { flight, authorization };
    client.query("READ 1").await.unwrap();
}

#[tokio::test]
async fn transactions_are_begun_and_ended_by_their_id() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let begin = ActionBeginTransactionRequest {};
    let begun: ActionBeginTransactionResult = client.act_sql("BeginTransaction", &begin).await.unwrap();
    let id = begun.transaction_id;
    let inside = |id: &Bytes| CommandStatementQuery { query: "READ 1".into(), transaction_id: Some(id.clone()) };
    client.info(&inside(&id)).await.unwrap();
    client.info(&inside(&Bytes::new())).await.unwrap();
    let unknown = Bytes::from_static(b"unknown");
    let failures = [
        client.info(&inside(&unknown)).await.unwrap_err(),
        client.schema(&inside(&unknown)).await.unwrap_err(),
        end(&mut client, &unknown, 1).await.unwrap_err(),
    ];
    for status in failures {
        assert_eq!(typed(&status), (Code::NotFound, "TRANSACTION_UNKNOWN".into(), "25000".into()));
    }
    assert_eq!(typed(&end(&mut client, &id, 0).await.unwrap_err()).1, "REQUEST_INVALID");
    assert_eq!(typed(&end(&mut client, &id, 9).await.unwrap_err()).1, "REQUEST_INVALID");
    assert_eq!(end(&mut client, &id, 1).await.unwrap(), [""; 0]);
    assert_eq!(end(&mut client, &id, 2).await.unwrap(), [""; 0], "what is over is rolled back already");
    assert_eq!(end(&mut client, &id, 1).await.unwrap(), [""; 0], "what is committed already is told so");
}

#[tokio::test]
async fn a_second_begin_is_a_typed_error() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    client.query("BEGIN").await.unwrap();
    let status = client.query("BEGIN").await.unwrap_err();
    assert_eq!(typed(&status), (Code::InvalidArgument, "STATEMENT_FAILED".into(), "25001".into()));
}

#[tokio::test]
async fn options_are_set_and_read() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    assert!(set(&mut client, &[("schema", "main"), ("timezone", "Europe/Berlin")]).await.unwrap().is_empty());
    let errors = set(&mut client, &[("colour", "blue"), ("timezone", "nowhere"), ("schema", "main")]).await.unwrap();
    let expected = [
        ("colour".to_owned(), SetSessionOptionErrorValue::InvalidName.into()),
        ("timezone".to_owned(), SetSessionOptionErrorValue::InvalidValue.into()),
    ];
    assert_eq!(errors, HashMap::from(expected));
    let status = set(&mut client, &[("schema", "nowhere")]).await.unwrap_err();
    assert_eq!(typed(&status), (Code::NotFound, "STATEMENT_FAILED".into(), "3F000".into()));

    let results = client.act("GetSessionOptions", Bytes::new()).await.unwrap();
    let options = GetSessionOptionsResult::decode(results[0].clone()).unwrap().session_options;
    assert_eq!(options["catalog"].value, Some(Value::String("memory".into())));
    assert_eq!(options["timezone"].value, Some(Value::String("UTC".into())));
}

#[tokio::test]
async fn a_closed_session_says_so() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let results = client.act("CloseSession", Bytes::new()).await.unwrap();
    let result = CloseSessionResult::decode(results[0].clone()).unwrap();
    assert_eq!(result.status(), CloseSessionStatus::Closed);
    let status = client.query("READ 1").await.unwrap_err();
    assert_eq!(typed(&status), (Code::Unauthenticated, "SESSION_CLOSED".into(), "28000".into()));
}

#[tokio::test]
async fn health_follows_the_node_and_the_server_ends_when_told() {
    let server = TestServer::start().await;
    let mut health = HealthClient::new(server.channel.clone());
    let ask = |service: &str| HealthCheckRequest { service: service.to_owned() };
    let flight = "arrow.flight.protocol.FlightService";
    for service in ["", flight] {
        let answer = health.check(ask(service)).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving);
    }
    assert_eq!(health.check(ask("other")).await.unwrap_err().code(), Code::NotFound);
    let mut watch = health.watch(ask("")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);

    let mut client = server.client().await;
    let info = client.query("READ 3").await.unwrap();
    let request = client.request(Ticket { ticket: ticket(&info) });
    let rows = client.flight.do_get(request).await.unwrap().into_inner();

    server.node.drain();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert!(watch.message().await.unwrap().is_none());
    let answer = health.check(ask(flight)).await.unwrap().into_inner();
    assert_eq!(answer.status(), ServingStatus::NotServing);

    let TestServer { stop, task, channel, .. } = server;
    stop.send(()).unwrap();
    let messages: Vec<_> = rows.try_collect().await.unwrap();
    assert_eq!(messages.len(), 4, "what runs comes to its end");
    drop((health, client, channel));
    tokio::time::timeout(Duration::from_secs(20), task).await.unwrap().unwrap().unwrap();
}
