//! What stands around the calls: compressed messages, credentials in messages, and reflection.

use arrow_flight::sql::{CommandStatementUpdate, DoPutUpdateResult};
use arrow_flight::{BasicAuth, HandshakeRequest, HandshakeResponse, PollInfo};
use futures::StreamExt;
use prost_reflect::{DescriptorPool, DynamicMessage};
use tonic::codec::CompressionEncoding;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{FileDescriptorResponse, ServerReflectionRequest};

use super::engine::batch;
use super::*;

/// The encoding an answer claims.
fn encoding<T>(response: &Response<T>) -> Option<String> {
    response.metadata().get("grpc-encoding").map(|value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn messages_are_compressed_for_clients_that_compress_theirs() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    for (encoded, name) in [(CompressionEncoding::Gzip, "gzip"), (CompressionEncoding::Zstd, "zstd")] {
        let flight = FlightServiceClient::new(server.channel.clone()).accept_compressed(encoded);
        client.flight = flight.clone().send_compressed(encoded);
        let request = client.request(descriptor(&statement("READ 2")));
        let info = client.flight.get_flight_info(request).await.unwrap();
        assert_eq!(encoding(&info).as_deref(), Some(name));
        let request = client.request(Ticket { ticket: ticket(info.get_ref()) });
        assert_eq!(encoding(&client.flight.do_get(request).await.unwrap()).as_deref(), Some(name));
        assert_eq!(client.get(ticket(info.get_ref())).await.unwrap().1, [batch(0), batch(1)]);
        // It can read compressed messages, and did not ask for any.
        client.flight = flight;
        let request = client.request(descriptor(&statement("READ 2")));
        assert_eq!(encoding(&client.flight.get_flight_info(request).await.unwrap()), None, "{name}");
    }
}

#[tokio::test]
async fn compressed_requests_are_read() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    for sent in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        client.flight = FlightServiceClient::new(server.channel.clone()).send_compressed(sent);
        let info = client.query("READ 1").await.unwrap();
        assert_eq!(client.get(ticket(&info)).await.unwrap().1, [batch(0)]);
    }
}

/// Before anybody knows whose a call is, its message is decompressed.
#[tokio::test]
async fn a_message_larger_than_any_statement_is_refused_unless_it_is_of_an_upload() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let sql = |word: &str| format!("{}{word}", " ".repeat(65 << 20));
    for sent in [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)] {
        let flight = FlightServiceClient::new(server.channel.clone());
        client.flight = sent.map_or(flight.clone(), |sent| flight.send_compressed(sent));
        let nobody = Request::new(descriptor(&statement(&sql("READ 1"))));
        for refused in
            [client.query(&sql("READ 1")).await.unwrap_err(), client.flight.get_flight_info(nobody).await.unwrap_err()]
        {
            assert_eq!(typed(&refused).1, "REQUEST_INVALID", "{sent:?}");
            assert!(refused.message().contains("too large"), "{refused}");
        }
        let update = CommandStatementUpdate { query: sql("WRITE 3"), transaction_id: None };
        let upload = FlightData { flight_descriptor: Some(descriptor(&update)), ..FlightData::default() };
        let done = client.put(futures::stream::iter([upload])).await.unwrap();
        assert_eq!(DoPutUpdateResult::decode(done).unwrap().record_count, 3, "{sent:?}");
    }
}

#[tokio::test]
async fn credentials_in_the_handshakes_message_are_answered_with_a_token_for_the_calls_header() {
    let server = TestServer::start().await;
    let mut flight = FlightServiceClient::new(server.channel.clone());
    let message = |password: &str| {
        let auth = BasicAuth { username: "ada".into(), password: password.into() };
        HandshakeRequest { protocol_version: 0, payload: auth.encode_to_vec().into() }
    };
    let refused = flight.handshake(futures::stream::iter([message("wrong")])).await.unwrap_err();
    assert_eq!(typed(&refused).1, "CREDENTIALS_WRONG");
    let nobody = flight.handshake(futures::stream::empty()).await.unwrap_err();
    assert_eq!(typed(&nobody).1, "CREDENTIALS_MISSING");

    // Its client sends no end before it has read the token.
    let open_end = futures::stream::iter([message("engine")]).chain(futures::stream::pending());
    let mut messages = flight.handshake(open_end).await.unwrap().into_inner();
    let HandshakeResponse { payload: token, .. } = messages.message().await.unwrap().unwrap();
    let mut request = Request::new(descriptor(&statement("READ 1")));
    let header = tonic::metadata::BinaryMetadataValue::from_bytes(&token);
    request.metadata_mut().insert_bin("auth-token-bin", header);
    let info = flight.get_flight_info(request).await.unwrap().into_inner();
    let authorization = format!("Bearer {}", std::str::from_utf8(&token).unwrap()).parse().unwrap();
    let mut client = Client { flight, authorization };
    assert_eq!(client.get(ticket(&info)).await.unwrap().1, [batch(0)], "it is the same session by either header");
}

async fn asked(server: &TestServer, request: MessageRequest) -> MessageResponse {
    let mut client = ServerReflectionClient::new(server.channel.clone());
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    let mut answers = client.server_reflection_info(futures::stream::iter([request])).await.unwrap().into_inner();
    answers.message().await.unwrap().unwrap().message_response.unwrap()
}

/// The description of Flight, as a client puts it together that asks for one file after the other.
async fn described(server: &TestServer) -> DescriptorPool {
    let mut wanted = vec![MessageRequest::FileContainingSymbol("arrow.flight.protocol.FlightService".to_owned())];
    let mut pool = DescriptorPool::new();
    let mut files = Vec::new();
    while let Some(request) = wanted.pop() {
        let answer = asked(server, request).await;
        let MessageResponse::FileDescriptorResponse(FileDescriptorResponse { file_descriptor_proto }) = answer else {
            panic!("another answer came: {answer:?}")
        };
        for bytes in file_descriptor_proto {
            let file = prost_types::FileDescriptorProto::decode(bytes.as_slice()).unwrap();
            wanted.extend(file.dependency.iter().cloned().map(MessageRequest::FileByFilename));
            files.push(file);
        }
    }
    pool.add_file_descriptor_protos(files).unwrap();
    pool
}

#[tokio::test]
async fn reflection_lists_the_services_there_are() {
    let server = TestServer::start().await;
    let MessageResponse::ListServicesResponse(list) = asked(&server, MessageRequest::ListServices(String::new())).await
    else {
        panic!("another answer came")
    };
    let mut names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    names.sort();
    let expected = [
        "arrow.flight.protocol.FlightService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn reflection_describes_every_call_of_flight_and_its_messages() {
    let server = TestServer::start().await;
    let pool = described(&server).await;
    let service = pool.get_service_by_name("arrow.flight.protocol.FlightService").unwrap();
    let calls: Vec<_> = service
        .methods()
        .map(|call| {
            let side = |streams| if streams { "stream " } else { "" };
            let (input, output) = (call.input().name().to_owned(), call.output().name().to_owned());
            let (sent, answered) = (side(call.is_client_streaming()), side(call.is_server_streaming()));
            format!("{}({sent}{input}) {answered}{output}", call.name())
        })
        .collect();
    let expected = [
        "Handshake(stream HandshakeRequest) stream HandshakeResponse",
        "ListFlights(Criteria) stream FlightInfo",
        "GetFlightInfo(FlightDescriptor) FlightInfo",
        "PollFlightInfo(FlightDescriptor) PollInfo",
        "GetSchema(FlightDescriptor) SchemaResult",
        "DoGet(Ticket) stream FlightData",
        "DoPut(stream FlightData) stream PutResult",
        "DoExchange(stream FlightData) stream FlightData",
        "DoAction(Action) stream Result",
        "ListActions(Empty) stream ActionType",
    ];
    assert_eq!(calls, expected);

    // A real message with all its fields: nothing of it is unknown to the description, and it is the same again.
    let mut client = server.client().await;
    let info = client.query("READ 1").await.unwrap();
    assert!(info.endpoint[0].expiration_time.is_some());
    let poll = PollInfo {
        info: Some(info),
        flight_descriptor: Some(FlightDescriptor::new_path(vec!["a".into(), "b".into()])),
        progress: Some(0.5),
        expiration_time: Some(prost_types::Timestamp { seconds: 7, nanos: 8 }),
    };
    let data = FlightData {
        flight_descriptor: Some(FlightDescriptor::new_cmd("c")),
        data_header: "h".into(),
        app_metadata: "m".into(),
        data_body: "b".into(),
    };
    for (name, bytes) in [("PollInfo", poll.encode_to_vec()), ("FlightData", data.encode_to_vec())] {
        let descriptor = pool.get_message_by_name(&format!("arrow.flight.protocol.{name}")).unwrap();
        let message = DynamicMessage::decode(descriptor, bytes.as_slice()).unwrap();
        assert_eq!(unknown_fields(&message), 0, "{name}");
        assert_eq!(message.encode_to_vec().len(), bytes.len());
    }
}

fn unknown_fields(message: &DynamicMessage) -> usize {
    let inside: usize = message
        .fields()
        .map(|(_, value)| match value {
            prost_reflect::Value::Message(message) => unknown_fields(message),
            prost_reflect::Value::List(values) => {
                values.iter().filter_map(|value| value.as_message()).map(unknown_fields).sum()
            }
            _ => 0,
        })
        .sum();
    message.unknown_fields().count() + inside
}
