//! Whatever a client sends, it gets a typed error and the server goes on.

use arrow_flight::Empty;
use arrow_flight::sql::{
    ActionBeginSavepointRequest, ActionCreatePreparedSubstraitPlanRequest, ActionEndSavepointRequest,
    CommandStatementIngest, CommandStatementSubstraitPlan, CommandStatementUpdate,
};
use tower::Service as _;

use super::super::{actions, status};
use super::*;

async fn send(server: &TestServer, authorization: Option<AsciiMetadataValue>) -> Status {
    let mut request = Request::new(descriptor(&statement("READ 1")));
    if let Some(value) = authorization {
        request.metadata_mut().insert("authorization", value);
    }
    FlightServiceClient::new(server.channel.clone()).get_flight_info(request).await.unwrap_err()
}

#[tokio::test]
async fn bad_credentials_each_have_their_own_error() {
    let server = TestServer::start().await;
    let value = |text: &str| Some(text.parse().unwrap());
    let cases = [
        (None, "CREDENTIALS_MISSING"),
        (Some(basic("ada", "wrong")), "CREDENTIALS_WRONG"),
        (Some(basic("nobody", "engine")), "CREDENTIALS_WRONG"),
        (value("Basic !!!"), "CREDENTIALS_MALFORMED"),
        (value("Bearer "), "CREDENTIALS_MALFORMED"),
        (value("Bearer x"), "TOKEN_MALFORMED"),
    ];
    for (authorization, expected) in cases {
        let (code, name, _) = typed(&send(&server, authorization).await);
        assert_eq!((code, name.as_str()), (Code::Unauthenticated, expected));
    }
}

#[tokio::test]
async fn a_ticket_must_be_whole_and_the_callers_own() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let good = ticket(&client.query("READ 1").await.unwrap());
    let mut flipped = good.to_vec();
    flipped[10] ^= 4;
    for bad in [Bytes::new(), Bytes::from_static(b"ticket"), flipped.into(), good.slice(..good.len() - 1)] {
        let status = client.get(bad).await.unwrap_err();
        assert_eq!(typed(&status), (Code::InvalidArgument, "TICKET_INVALID".into(), "22023".into()));
    }
    let mut other = server.client().await;
    let status = other.get(good.clone()).await.unwrap_err();
    assert_eq!(typed(&status), (Code::PermissionDenied, "SESSION_FORBIDDEN".into(), "28000".into()));
    client.get(good).await.unwrap();
}

#[tokio::test]
async fn a_statement_that_is_none_is_a_syntax_error() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    for sql in ["", "   ", "-- nothing"] {
        let status = client.query(sql).await.unwrap_err();
        assert_eq!(typed(&status), (Code::InvalidArgument, "STATEMENT_FAILED".into(), "42601".into()));
    }
    let status = client.query("SELEC 1").await.unwrap_err();
    assert_eq!(status.get_error_details().error_info().unwrap().metadata["position"], "3");
    let long = "NONSENSE".repeat(10 << 17);
    assert_eq!(typed(&client.query(&long).await.unwrap_err()).2, "42601");
}

#[tokio::test]
async fn a_descriptor_must_be_a_command_that_is_supported_here() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let cases = [
        (FlightDescriptor::new_cmd(Bytes::new()), "REQUEST_MALFORMED"),
        (FlightDescriptor::new_cmd("SELECT 1"), "REQUEST_MALFORMED"),
        (FlightDescriptor::default(), "REQUEST_MALFORMED"),
        (FlightDescriptor::new_path(vec!["a".into()]), "NOT_IMPLEMENTED"),
        (descriptor(&CommandStatementSubstraitPlan::default()), "NOT_IMPLEMENTED"),
        (descriptor(&CommandStatementUpdate::default()), "REQUEST_INVALID"),
    ];
    for (descriptor, expected) in cases {
        let request = client.request(descriptor.clone());
        assert_eq!(typed(&client.flight.get_flight_info(request).await.unwrap_err()).1, expected);
        let request = client.request(descriptor);
        assert_eq!(typed(&client.flight.get_schema(request).await.unwrap_err()).1, expected);
    }
}

#[tokio::test]
async fn an_upload_must_begin_with_a_command_that_is_supported_here() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    assert_eq!(typed(&client.put(futures::stream::empty()).await.unwrap_err()).1, "REQUEST_MALFORMED");
    let bare = FlightData::default();
    assert_eq!(typed(&client.put(futures::stream::iter([bare])).await.unwrap_err()).1, "REQUEST_MALFORMED");
    let ingest = FlightData::default().with_descriptor(descriptor(&CommandStatementIngest::default()));
    let status = client.put(futures::stream::iter([ingest])).await.unwrap_err();
    assert_eq!(typed(&status).1, "REQUEST_INVALID", "what is done with the table is not said");
    let query = FlightData::default().with_descriptor(descriptor(&statement("READ 1")));
    assert_eq!(typed(&client.put(futures::stream::iter([query])).await.unwrap_err()).1, "NOT_IMPLEMENTED");
}

#[tokio::test]
async fn what_is_not_done_is_refused_by_name_and_what_is_listed_is_done() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let any = descriptor(&CommandStatementUpdate { query: "WRITE 1".into(), transaction_id: None });
    let request = client.request(futures::stream::iter([FlightData::default().with_descriptor(any)]));
    let exchange = client.flight.do_exchange(request).await.unwrap_err();
    assert_eq!(typed(&exchange).0, Code::Unimplemented);
    assert!(exchange.message().contains("DoExchange of CommandStatementUpdate"), "{}", exchange.message());
    let known = [
        ("BeginSavepoint", ActionBeginSavepointRequest::default().as_any()),
        ("EndSavepoint", ActionEndSavepointRequest { action: 1, ..Default::default() }.as_any()),
        ("CreatePreparedSubstraitPlan", ActionCreatePreparedSubstraitPlanRequest::default().as_any()),
        ("NoSuchAction", Any::default()),
    ];
    for (name, body) in known {
        let status = client.act(name, body.encode_to_vec()).await.unwrap_err();
        assert_eq!(typed(&status).0, Code::Unimplemented);
        assert!(status.message().contains(name), "{}", status.message());
    }
    let request = client.request(Empty {});
    let listed: Vec<_> = client.flight.list_actions(request).await.unwrap().into_inner().try_collect().await.unwrap();
    assert_eq!(listed, actions::there_are());
    for action in listed {
        let status = client.act(&action.r#type, Bytes::from_static(&[0xff])).await.unwrap_err();
        assert_eq!(typed(&status), (Code::InvalidArgument, "REQUEST_MALFORMED".into(), "08P01".into()));
    }
}

#[tokio::test]
async fn a_request_that_is_no_protobuf_is_a_typed_error_too() {
    let server = TestServer::start().await;
    let mut channel = server.channel.clone();
    // A gRPC frame of three bytes: field 1 as text, where a descriptor has a number.
    let frame = String::from_utf8(vec![0, 0, 0, 0, 3, 0x0a, 1, b'x']).unwrap();
    let request = http::Request::post("/arrow.flight.protocol.FlightService/GetFlightInfo")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(tonic::body::Body::new(frame))
        .unwrap();
    std::future::poll_fn(|cx| channel.poll_ready(cx)).await.unwrap();
    let response = channel.call(request).await.unwrap();
    let status = Status::from_header_map(response.headers()).unwrap();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.metadata().get(status::CODE_HEADER).unwrap(), "REQUEST_MALFORMED");
    server.client().await.query("READ 1").await.unwrap();
}
