//! `pintail-test-nothing`: a Flight SQL server that does nothing, and answers every statement with the number 42.
//!
//! What a statement takes from it is what its calls take: the driver, gRPC, and the network. It looks at no credentials, keeps no
//! session, and has no engine. It prints a line of JSON with its `port`, and ends with its standard input.

use std::error::Error;
use std::io::{Read, Write};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::sql::{
    ActionCreatePreparedStatementResult, Any, CommandGetSqlInfo, CommandPreparedStatementUpdate,
    DoPutPreparedStatementResult, DoPutUpdateResult, ProstMessageExt,
};
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo, HandshakeRequest,
    HandshakeResponse, IpcMessage, PollInfo, PutResult, SchemaAsIpc, SchemaResult, Ticket,
};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use prost::Message;
use serde_json::json;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

const HANDLE: &[u8] = b"42";

struct Nothing {
    /// The answer to every statement, as its messages, and its schema as drivers are told it.
    answer: Vec<FlightData>,
    schema: Bytes,
}

impl Nothing {
    async fn new() -> Result<Self, Box<dyn Error>> {
        let column: ArrayRef = Arc::new(Int32Array::from(vec![42]));
        let batch = RecordBatch::try_from_iter([("42", column)])?;
        let options = IpcWriteOptions::default();
        let schema = IpcMessage::try_from(SchemaAsIpc::new(batch.schema_ref(), &options))?.0;
        let messages = FlightDataEncoderBuilder::new().build(stream::iter([Ok(batch)]));
        Ok(Self { answer: messages.try_collect().await?, schema })
    }
}

type Answers<T> = Result<Response<BoxStream<'static, Result<T, Status>>>, Status>;

fn answers<T: Send + 'static>(all: Vec<T>) -> Answers<T> {
    Ok(Response::new(stream::iter(all).map(Ok).boxed()))
}

fn unasked<T>() -> Result<T, Status> {
    Err(Status::unimplemented("no statement needs it"))
}

#[async_trait::async_trait]
impl FlightService for Nothing {
    type HandshakeStream = BoxStream<'static, Result<HandshakeResponse, Status>>;
    type ListFlightsStream = BoxStream<'static, Result<FlightInfo, Status>>;
    type DoGetStream = BoxStream<'static, Result<FlightData, Status>>;
    type DoPutStream = BoxStream<'static, Result<PutResult, Status>>;
    type DoExchangeStream = BoxStream<'static, Result<FlightData, Status>>;
    type DoActionStream = BoxStream<'static, Result<arrow_flight::Result, Status>>;
    type ListActionsStream = BoxStream<'static, Result<ActionType, Status>>;

    async fn handshake(&self, _: Request<Streaming<HandshakeRequest>>) -> Answers<HandshakeResponse> {
        let mut response = answers(Vec::new())?;
        response.metadata_mut().insert("authorization", tonic::metadata::MetadataValue::from_static("Bearer nobody"));
        Ok(response)
    }

    async fn list_flights(&self, _: Request<Criteria>) -> Answers<FlightInfo> {
        unasked()
    }

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<FlightInfo>, Status> {
        let asked = request.into_inner();
        let endpoint = FlightEndpoint { ticket: Some(Ticket { ticket: HANDLE.into() }), ..FlightEndpoint::default() };
        // Drivers ask what the server can do when they connect, and take no answer for nothing in particular.
        let is_question = Any::decode(&*asked.cmd).is_ok_and(|any| any.is::<CommandGetSqlInfo>());
        Ok(Response::new(FlightInfo {
            schema: self.schema.clone(),
            flight_descriptor: Some(asked),
            endpoint: if is_question { Vec::new() } else { vec![endpoint] },
            total_records: -1,
            total_bytes: -1,
            ..FlightInfo::default()
        }))
    }

    async fn poll_flight_info(&self, _: Request<FlightDescriptor>) -> Result<Response<PollInfo>, Status> {
        unasked()
    }

    async fn get_schema(&self, _: Request<FlightDescriptor>) -> Result<Response<SchemaResult>, Status> {
        Ok(Response::new(SchemaResult { schema: self.schema.clone() }))
    }

    async fn do_get(&self, _: Request<Ticket>) -> Answers<FlightData> {
        answers(self.answer.clone())
    }

    async fn do_put(&self, request: Request<Streaming<FlightData>>) -> Answers<PutResult> {
        let (mut sent, mut is_update) = (request.into_inner(), false);
        while let Some(message) = sent.message().await? {
            let command = message.flight_descriptor.map(|descriptor| descriptor.cmd).unwrap_or_default();
            is_update |= Any::decode(&*command).is_ok_and(|any| any.is::<CommandPreparedStatementUpdate>());
        }
        let answer = match is_update {
            true => DoPutUpdateResult { record_count: 1 }.encode_to_vec(),
            false => DoPutPreparedStatementResult { prepared_statement_handle: Some(HANDLE.into()) }.encode_to_vec(),
        };
        answers(vec![PutResult { app_metadata: answer.into() }])
    }

    async fn do_exchange(&self, _: Request<Streaming<FlightData>>) -> Answers<FlightData> {
        unasked()
    }

    async fn do_action(&self, request: Request<Action>) -> Answers<arrow_flight::Result> {
        if request.get_ref().r#type != "CreatePreparedStatement" {
            return answers(Vec::new());
        }
        let prepared = ActionCreatePreparedStatementResult {
            prepared_statement_handle: HANDLE.into(),
            dataset_schema: self.schema.clone(),
            parameter_schema: Bytes::new(),
        };
        answers(vec![arrow_flight::Result { body: prepared.as_any().encode_to_vec().into() }])
    }

    async fn list_actions(&self, _: Request<Empty>) -> Answers<ActionType> {
        answers(Vec::new())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?.with_nodelay(Some(true));
    let mut output = std::io::stdout();
    writeln!(output, "{}", json!({ "port": incoming.local_addr()?.port() }))?;
    output.flush()?;
    let ended = tokio::task::spawn_blocking(|| {
        // Whatever it says, its end is what is waited for.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
    });
    let service = FlightServiceServer::new(Nothing::new().await?);
    Ok(Server::builder()
        .add_service(service)
        .serve_with_incoming_shutdown(incoming, async { ended.await.unwrap_or_default() })
        .await?)
}
