//! A real server on a real socket, over an engine made for the purpose.

mod bad_input;
pub(super) mod batches;
mod delivery;
mod engine;
mod prepared;
mod queries;
mod sessions;
mod transport;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ::session::{ManualClock, ModelStore, NodeRole};
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::datatypes::SchemaRef;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{Any, CommandStatementQuery, ProstMessageExt};
use arrow_flight::{Action, FlightData, FlightDescriptor, FlightInfo, IpcMessage, PutResult, SchemaResult, Ticket};
use base64::Engine as _;
use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use self::engine::TestEngine;
use super::server::{FlightServer, ServerError};
use crate::auth::{ClusterSecret, Users};
use crate::node::{Node, NodeOptions};
use crate::peer::{Badges, Forwarder};

/// Hashing passwords is slow on purpose, so all tests share the users.
static USERS: LazyLock<Arc<Users>> = LazyLock::new(|| Arc::new(Users::single("ada", "engine").unwrap()));

struct TestServer {
    engine: Arc<TestEngine>,
    node: Arc<Node>,
    channel: Channel,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServerError>>,
}

impl TestServer {
    async fn start() -> Self {
        let engine = Arc::new(TestEngine::default());
        let options = NodeOptions {
            statement_timeout: None,
            stream_grace: Duration::from_secs(30),
            name: "heron".to_owned(),
            home: Uuid::from_u128(1),
            advertised_uri: "grpc://heron:8815".to_owned(),
            peer_uri: None,
            role: NodeRole::Both,
            memory_limit: 0,
            lease: Duration::from_secs(600),
            idle_timeout: Duration::from_secs(600),
            max_age: Duration::from_secs(6000),
            spool: None,
            data_dir: std::env::temp_dir(),
            version: "0".to_owned(),
            default_engine: "test".to_owned(),
            datasets: crate::node::DatasetOptions::default(),
        };
        let store = Arc::new(ModelStore::new(Arc::new(ManualClock::default())));
        let secret = ClusterSecret::new([9_u8; 32]).unwrap();
        let node = Node::start(options, store, vec![engine.clone()], USERS.clone(), &secret).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let forwarder = Arc::new(Forwarder::new(node.clone(), Badges::new(&secret), None));
        let server = FlightServer::new(listener, None, node.clone(), &forwarder);
        let address = server.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.serve(async {
            let _ = stopped.await;
        }));
        let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        Self { engine, node, channel, stop, task }
    }

    /// A client with a session of its own.
    async fn client(&self) -> Client {
        let mut flight = FlightServiceClient::new(self.channel.clone());
        let mut request = Request::new(futures::stream::empty());
        request.metadata_mut().insert("authorization", basic("ada", "engine"));
        let response = flight.handshake(request).await.unwrap();
        let token = response.metadata().get("authorization").unwrap().clone();
        let messages: Vec<_> = response.into_inner().try_collect().await.unwrap();
        assert_eq!(messages, [], "a handshake has no message");
        Client { flight, authorization: token }
    }

    fn executed(&self) -> Vec<String> {
        self.engine.seen.executed.lock().clone()
    }
}

struct Client {
    flight: FlightServiceClient<Channel>,
    authorization: AsciiMetadataValue,
}

impl Client {
    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.authorization.clone());
        request
    }

    async fn info(&mut self, command: &impl ProstMessageExt) -> Result<FlightInfo, Status> {
        let request = self.request(descriptor(command));
        self.flight.get_flight_info(request).await.map(Response::into_inner)
    }

    async fn query(&mut self, sql: &str) -> Result<FlightInfo, Status> {
        self.info(&statement(sql)).await
    }

    async fn schema(&mut self, command: &impl ProstMessageExt) -> Result<Schema, Status> {
        let request = self.request(descriptor(command));
        let SchemaResult { schema } = self.flight.get_schema(request).await?.into_inner();
        Ok(Schema::try_from(IpcMessage(schema)).unwrap())
    }

    async fn get(&mut self, ticket: impl Into<Bytes>) -> Result<(SchemaRef, Vec<RecordBatch>), Status> {
        let request = self.request(Ticket { ticket: ticket.into() });
        let messages = self.flight.do_get(request).await?.into_inner().map_err(FlightError::from);
        let mut stream = FlightRecordBatchStream::new_from_flight_data(messages);
        let mut batches = Vec::new();
        loop {
            match stream.try_next().await {
                Ok(Some(batch)) => batches.push(batch),
                Ok(None) => return Ok((stream.schema().unwrap().clone(), batches)),
                Err(FlightError::Tonic(status)) => return Err(*status),
                Err(other) => panic!("{other}"),
            }
        }
    }

    async fn act(&mut self, name: &str, body: impl Into<Bytes>) -> Result<Vec<Bytes>, Status> {
        let request = self.request(Action { r#type: name.to_owned(), body: body.into() });
        let results = self.flight.do_action(request).await?.into_inner();
        results.map_ok(|result| result.body).try_collect().await
    }

    async fn act_sql<R: ProstMessageExt>(&mut self, name: &str, request: &impl ProstMessageExt) -> Result<R, Status> {
        let results = self.act(name, request.as_any().encode_to_vec()).await?;
        Ok(Any::decode(results[0].clone()).unwrap().unpack().unwrap().unwrap())
    }

    async fn put(&mut self, messages: impl Stream<Item = FlightData> + Send + 'static) -> Result<Bytes, Status> {
        let request = self.request(messages);
        let mut results = self.flight.do_put(request).await?.into_inner();
        let PutResult { app_metadata } = results.try_next().await?.unwrap();
        Ok(app_metadata)
    }
}

fn basic(user: &str, password: &str) -> AsciiMetadataValue {
    let encoded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(format!("{user}:{password}"));
    format!("Basic {encoded}").parse().unwrap()
}

fn statement(sql: &str) -> CommandStatementQuery {
    CommandStatementQuery { query: sql.to_owned(), transaction_id: None }
}

fn descriptor(command: &impl ProstMessageExt) -> FlightDescriptor {
    FlightDescriptor::new_cmd(command.as_any().encode_to_vec())
}

fn ticket(info: &FlightInfo) -> Bytes {
    assert_eq!(info.endpoint.len(), 1);
    assert!(info.endpoint[0].location.is_empty());
    assert!(info.ordered);
    info.endpoint[0].ticket.clone().unwrap().ticket
}

fn schema_of(info: &FlightInfo) -> Schema {
    Schema::try_from(IpcMessage(info.schema.clone())).unwrap()
}

/// The whole of what a typed error must have; its gRPC code and the name and SQLSTATE it carries.
fn typed(status: &Status) -> (Code, String, String) {
    let text = |metadata: &MetadataMap, name| metadata.get(name).unwrap().to_str().unwrap().to_owned();
    let code = text(status.metadata(), "x-pintail-code");
    let sqlstate = text(status.metadata(), "x-pintail-sqlstate");
    assert!(status.message().starts_with(&format!("[{sqlstate}] ")), "{}", status.message());
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!((&info.reason, &info.metadata["sqlstate"]), (&code, &sqlstate));
    (status.code(), code, sqlstate)
}

/// Waits until `condition` holds; a test that waits in vain fails.
async fn until(condition: impl Fn() -> bool) {
    let held = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), held).await.unwrap();
}
