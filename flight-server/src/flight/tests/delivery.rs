//! How results are handed out: compressed, in several endpoints, at locations, with the trace they were asked for in.

use arrow_flight::sql::CommandPreparedStatementQuery;
use arrow_flight::{
    CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightEndpoint, PollInfo, RenewFlightEndpointRequest,
};

use super::super::messages::session_option_value::Value;
use super::super::messages::{SessionOptionValue, SetSessionOptionsRequest, SetSessionOptionsResult};
use super::engine::{batch, schema};
use super::*;

impl Client {
    /// Sets an option; whether it was taken.
    async fn set(&mut self, name: &str, value: Value) -> bool {
        let session_options = [(name.to_owned(), SessionOptionValue { value: Some(value) })].into();
        let results = self.act("SetSessionOptions", SetSessionOptionsRequest { session_options }.encode_to_vec()).await;
        SetSessionOptionsResult::decode(results.unwrap()[0].clone()).unwrap().errors.is_empty()
    }

    async fn set_text(&mut self, name: &str, value: &str) {
        assert!(self.set(name, Value::String(value.to_owned())).await, "{name} = {value}");
    }

    /// The bytes of a result's batches.
    async fn bodies(&mut self, ticket: Bytes) -> Vec<Bytes> {
        let request = self.request(Ticket { ticket });
        let messages = self.flight.do_get(request).await.unwrap().into_inner();
        messages.map_ok(|message| message.data_body).try_collect().await.unwrap()
    }
}

fn endpoint_ticket(endpoint: &FlightEndpoint) -> Bytes {
    endpoint.ticket.clone().unwrap().ticket
}

#[tokio::test]
async fn a_ticket_gives_the_same_bytes_whatever_is_set_meanwhile() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let mut told = Vec::new();
    for compression in ["none", "lz4", "zstd"] {
        client.set_text("pintail.compression", compression).await;
        for sql in ["READ 3", "RETURNING"] {
            let ticket = ticket(&client.query(sql).await.unwrap());
            told.push((ticket.clone(), client.bodies(ticket).await, sql));
        }
    }
    assert_ne!(told[0].1, told[2].1, "lz4 is not none");
    assert_ne!(told[0].1, told[4].1, "zstd is not none");
    for (ticket, bodies, sql) in told {
        assert_eq!(client.bodies(ticket.clone()).await, bodies);
        let expected = if sql == "READ 3" { vec![batch(0), batch(1), batch(2)] } else { vec![batch(0)] };
        assert_eq!(client.get(ticket).await.unwrap().1, expected, "the released client reads it");
    }
}

#[tokio::test]
async fn an_option_takes_its_own_values_only() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    for (name, value) in [
        ("pintail.compression", Value::String("gzip".into())),
        ("pintail.compression", Value::Bool(true)),
        ("pintail.endpoints", Value::Int64(0)),
        ("pintail.endpoints", Value::Int64(65)),
        ("pintail.endpoints", Value::Double(2.0)),
        ("pintail.endpoints", Value::String("many".into())),
        ("pintail.locations", Value::String("peers".into())),
        ("pintail.endpoint", Value::Int64(2)),
    ] {
        assert!(!client.set(name, value.clone()).await, "{name} = {value:?}");
    }
    assert!(client.set("pintail.endpoints", Value::Int64(64)).await);
    client.set_text("pintail.endpoints", "1").await;
}

#[tokio::test]
async fn endpoints_together_are_the_result_in_its_order_and_each_can_be_fetched_again() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    client.set_text("pintail.endpoints", "3").await;
    let info = client.query("READ 7").await.unwrap();
    assert_eq!((info.endpoint.len(), info.ordered, info.total_records), (3, true, 7));
    assert_eq!(schema_of(&info), *schema());
    for _ in 0..2 {
        let mut whole = Vec::new();
        for endpoint in &info.endpoint {
            let (schema, batches) = client.get(endpoint_ticket(endpoint)).await.unwrap();
            assert_eq!(*schema, schema_of(&info));
            assert!(!batches.is_empty());
            whole.extend(batches);
        }
        assert_eq!(whole, (0..7).map(batch).collect::<Vec<_>>());
    }
    assert_eq!(server.executed(), ["READ 7"], "it ran once");

    let few = client.query("READ 2").await.unwrap();
    assert_eq!(few.endpoint.len(), 2);
    let none = client.query("READ 0").await.unwrap();
    assert_eq!((none.endpoint.len(), none.total_records), (1, 0));
    assert_eq!(client.get(ticket(&none)).await.unwrap().1, []);
    // What is not a read is small, and its result stays in one.
    assert_eq!(client.query("RETURNING").await.unwrap().endpoint.len(), 1);
}

#[tokio::test]
async fn a_prepared_query_and_a_polled_one_are_split_too() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    client.set_text("pintail.endpoints", "2").await;
    let request = client.request(descriptor(&statement("LATE")));
    let PollInfo { info, flight_descriptor, .. } = client.flight.poll_flight_info(request).await.unwrap().into_inner();
    assert_eq!(flight_descriptor, None);
    assert_eq!(info.unwrap().endpoint.len(), 1, "it has a single batch");

    let request = client.request(descriptor(&statement("READ 4")));
    let PollInfo { info, .. } = client.flight.poll_flight_info(request).await.unwrap().into_inner();
    assert_eq!(info.unwrap().endpoint.len(), 2);

    let unknown = CommandPreparedStatementQuery { prepared_statement_handle: Bytes::from_static(b"none") };
    assert_eq!(typed(&client.info(&unknown).await.unwrap_err()).1, "PREPARED_STATEMENT_UNKNOWN");
}

#[tokio::test]
async fn a_split_result_fails_as_a_whole_and_is_over_when_it_is_told() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    client.set_text("pintail.endpoints", "4").await;
    assert_eq!(typed(&client.query("FAIL 2").await.unwrap_err()).2, "22012");

    let info = client.query("READ 4").await.unwrap();
    let request = CancelFlightInfoRequest { info: Some(info.clone()) };
    let answer = client.act("CancelFlightInfo", request.encode_to_vec()).await.unwrap();
    let CancelFlightInfoResult { status } = CancelFlightInfoResult::decode(answer[0].clone()).unwrap();
    assert_eq!(CancelStatus::try_from(status).unwrap(), CancelStatus::NotCancellable);
    let request = RenewFlightEndpointRequest { endpoint: Some(info.endpoint[3].clone()) };
    let answer = client.act("RenewFlightEndpoint", request.encode_to_vec()).await.unwrap();
    let renewed = FlightEndpoint::decode(answer[0].clone()).unwrap();
    assert_eq!(client.get(endpoint_ticket(&renewed)).await.unwrap().1, [batch(3)]);
}

#[tokio::test]
async fn a_split_query_that_is_given_up_is_interrupted() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    client.set_text("pintail.endpoints", "2").await;
    let mut other = Client { flight: client.flight.clone(), authorization: client.authorization.clone() };
    let asked = tokio::spawn(async move { other.query("ENDLESS").await.map(drop) });
    until(|| server.executed() == ["ENDLESS"]).await;
    asked.abort();
    until(|| server.engine.seen.dropped.load(std::sync::atomic::Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn an_endpoint_names_this_node_when_the_session_wants_it() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    client.set_text("pintail.locations", "self").await;
    let info = client.query("READ 1").await.unwrap();
    let locations: Vec<_> = info.endpoint[0].location.iter().map(|location| location.uri.clone()).collect();
    assert_eq!(locations, ["grpc://heron:8815"]);
    client.set_text("pintail.locations", "none").await;
    assert!(client.query("READ 1").await.unwrap().endpoint[0].location.is_empty());
}

#[tokio::test]
async fn the_trace_of_a_call_is_told_with_its_query() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let valid = format!("00-{trace}-b7ad6b7169203331-01");
    for (header, told) in [(Some(valid.as_str()), Some(trace)), (Some("00-nonsense"), None), (None, None)] {
        let mut request = client.request(descriptor(&statement("READ 1")));
        if let Some(header) = header {
            request.metadata_mut().insert("traceparent", header.parse().unwrap());
        }
        let info = client.flight.get_flight_info(request).await.unwrap().into_inner();
        let about: serde_json::Value = serde_json::from_slice(&info.app_metadata).unwrap();
        assert_eq!(about.get("trace_id").and_then(|id| id.as_str()), told);
        let query = about["query_id"].as_str().unwrap();
        assert!(Uuid::parse_str(query).is_ok(), "{query}");
    }
}
