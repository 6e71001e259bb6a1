//! A Flight SQL client that hands out every status as it came.
//!
//! `arrow-flight`'s own client folds a status into a text, so what an error carries could not be looked at.

use std::collections::HashMap;

use arrow::array::RecordBatch;
use arrow::util::display::array_value_to_string;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{
    ActionBeginTransactionRequest, ActionBeginTransactionResult, ActionClosePreparedStatementRequest,
    ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, ActionEndTransactionRequest, Any,
    CommandPreparedStatementQuery, CommandStatementQuery, CommandStatementUpdate, DoPutUpdateResult, ProstMessageExt,
};
use arrow_flight::{Action, FlightData, FlightDescriptor, FlightInfo, HandshakeRequest, PollInfo, Ticket};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use prost::Message;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::Server;
use crate::messages::{
    CloseSessionResult, GetSessionOptionsResult, SessionOptionValue, SetSessionOptionsRequest, SetSessionOptionsResult,
};

/// What a call of this client returns.
pub type Result<T> = std::result::Result<T, Status>;

/// A client with one session.
#[derive(Clone)]
pub struct Client {
    flight: FlightServiceClient<Channel>,
    channel: Channel,
    headers: Vec<(&'static str, String)>,
}

impl Client {
    /// Shakes hands with `server` as its user.
    pub async fn connect(server: &Server) -> Self {
        let (user, password) = server.user();
        let client = Self::without_credentials(server).await;
        let token = client.handshake(user, password).await.expect("a handshake");
        client.with_token(&token)
    }

    /// Goes on with the session of `token`.
    pub async fn resume(server: &Server, token: &str) -> Self {
        Self::without_credentials(server).await.with_token(token)
    }

    /// As [`Self::connect`], by a driver that names itself `user_agent`.
    pub async fn connect_as(server: &Server, user_agent: &'static str) -> Self {
        let (user, password) = server.user();
        let endpoint = Endpoint::from_shared(server.flight()).expect("an endpoint");
        let client = Self::of(endpoint.user_agent(user_agent).expect("a user agent")).await;
        let token = client.handshake(user, password).await.expect("a handshake");
        client.with_token(&token)
    }

    /// A connection that says nothing about who calls.
    pub async fn without_credentials(server: &Server) -> Self {
        Self::of(Endpoint::from_shared(server.flight()).expect("an endpoint")).await
    }

    async fn of(endpoint: Endpoint) -> Self {
        let channel = endpoint.connect().await.expect("a connection");
        let flight = FlightServiceClient::new(channel.clone()).max_decoding_message_size(usize::MAX);
        Self { flight, channel, headers: Vec::new() }
    }

    /// The same connection with this header on each call.
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.into()));
        self
    }

    /// The same connection as the session of `token`.
    pub fn with_token(self, token: &str) -> Self {
        self.with_header("authorization", format!("Bearer {token}"))
    }

    /// The same connection with Basic credentials on each call.
    pub fn with_password(self, user: &str, password: &str) -> Self {
        self.with_header("authorization", format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))))
    }

    /// The token of its session.
    pub fn token(&self) -> &str {
        let header = self.headers.iter().find(|(name, _)| *name == "authorization");
        header.and_then(|(_, value)| value.strip_prefix("Bearer ")).expect("a session")
    }

    /// Its connection.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A request with its headers.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        for (name, value) in &self.headers {
            request.metadata_mut().append(*name, value.parse().expect("a header"));
        }
        request
    }

    /// Shakes hands, as ADBC does: unpadded Basic, and no handshake message. Returns the token.
    pub async fn handshake(&self, user: &str, password: &str) -> Result<String> {
        let basic = format!("Basic {}", BASE64_STANDARD_NO_PAD.encode(format!("{user}:{password}")));
        let request = self.clone().with_header("authorization", basic).request(stream::empty::<HandshakeRequest>());
        let answer = self.flight.clone().handshake(request).await?;
        let token = answer.metadata().get("authorization").expect("a token in the header").to_str().expect("text");
        let token = token.strip_prefix("Bearer ").expect("a Bearer token").to_owned();
        answer.into_inner().try_collect::<Vec<_>>().await?;
        Ok(token)
    }

    /// GetFlightInfo of a command.
    pub async fn info(&self, command: &impl ProstMessageExt) -> Result<FlightInfo> {
        self.info_of(command.as_any().encode_to_vec()).await
    }

    /// GetFlightInfo of any bytes.
    pub async fn info_of(&self, command: impl Into<Bytes>) -> Result<FlightInfo> {
        let request = self.request(FlightDescriptor::new_cmd(command));
        Ok(self.flight.clone().get_flight_info(request).await?.into_inner())
    }

    /// PollFlightInfo of a descriptor.
    pub async fn poll(&self, descriptor: FlightDescriptor) -> Result<PollInfo> {
        Ok(self.flight.clone().poll_flight_info(self.request(descriptor)).await?.into_inner())
    }

    /// DoGet of a ticket: the batches, as they come.
    pub async fn stream(&self, ticket: Ticket) -> Result<impl Stream<Item = Result<RecordBatch>> + use<>> {
        let data = self.flight.clone().do_get(self.request(ticket)).await?.into_inner();
        let batches = FlightRecordBatchStream::new_from_flight_data(data.map_err(Into::into));
        Ok(batches.map_err(Into::into))
    }

    /// DoGet of a ticket, to its end.
    pub async fn rows(&self, ticket: Ticket) -> Result<Vec<RecordBatch>> {
        self.stream(ticket).await?.try_collect().await
    }

    /// The rows of a command.
    pub async fn run(&self, command: &impl ProstMessageExt) -> Result<Vec<RecordBatch>> {
        self.rows(ticket_of(self.info(command).await?)).await
    }

    /// The rows of a query.
    pub async fn query(&self, sql: impl Into<String>) -> Result<Vec<RecordBatch>> {
        self.run(&CommandStatementQuery { query: sql.into(), transaction_id: None }).await
    }

    /// The first value of a query, as text; empty when it is NULL.
    pub async fn value(&self, sql: impl Into<String>) -> Result<String> {
        Ok(first_value(&self.query(sql).await?))
    }

    /// Runs an update and returns how many rows it changed.
    pub async fn update(&self, sql: impl Into<String>) -> Result<i64> {
        self.update_in(sql, None).await
    }

    /// Runs an update in a transaction.
    pub async fn update_in(&self, sql: impl Into<String>, transaction_id: Option<Bytes>) -> Result<i64> {
        let command = CommandStatementUpdate { query: sql.into(), transaction_id };
        let message = FlightData {
            flight_descriptor: Some(FlightDescriptor::new_cmd(command.as_any().encode_to_vec())),
            ..FlightData::default()
        };
        self.put(stream::iter([message])).await
    }

    /// DoPut of these messages; the number of rows it answers with.
    pub async fn put(&self, messages: impl Stream<Item = FlightData> + Send + 'static) -> Result<i64> {
        let answer = self.flight.clone().do_put(self.request(messages)).await?.into_inner();
        let results: Vec<_> = answer.try_collect().await?;
        let result = results.first().expect("a PutResult");
        Ok(DoPutUpdateResult::decode(result.app_metadata.clone()).expect("an update result").record_count)
    }

    /// DoPut of a command with batches.
    pub async fn put_batches(&self, command: &impl ProstMessageExt, batches: Vec<RecordBatch>) -> Result<i64> {
        self.put(encoded(command.as_any(), batches)).await
    }

    /// Binds rows of parameters to a prepared query.
    pub async fn bind(&self, handle: &Bytes, rows: Vec<RecordBatch>) -> Result<()> {
        let command = CommandPreparedStatementQuery { prepared_statement_handle: handle.clone() };
        let answer = self.flight.clone().do_put(self.request(encoded(command.as_any(), rows))).await?.into_inner();
        answer.try_collect::<Vec<_>>().await.map(drop)
    }

    /// Prepares a statement.
    pub async fn prepare(&self, sql: &str) -> Result<ActionCreatePreparedStatementResult> {
        let request = ActionCreatePreparedStatementRequest { query: sql.to_owned(), transaction_id: None };
        let answer = self.sql_action("CreatePreparedStatement", &request).await?.expect("a result");
        Ok(unpack(answer))
    }

    /// The rows of a prepared query.
    pub async fn run_prepared(&self, handle: &Bytes) -> Result<Vec<RecordBatch>> {
        self.run(&CommandPreparedStatementQuery { prepared_statement_handle: handle.clone() }).await
    }

    /// Closes a prepared statement.
    pub async fn close_prepared(&self, handle: &Bytes) -> Result<()> {
        let request = ActionClosePreparedStatementRequest { prepared_statement_handle: handle.clone() };
        self.sql_action("ClosePreparedStatement", &request).await.map(drop)
    }

    /// Begins a transaction and returns its id.
    pub async fn begin(&self) -> Result<Bytes> {
        let answer = self.sql_action("BeginTransaction", &ActionBeginTransactionRequest {}).await?;
        Ok(unpack::<ActionBeginTransactionResult>(answer.expect("a result")).transaction_id)
    }

    /// Ends a transaction: commits, or rolls back.
    pub async fn end(&self, transaction_id: Bytes, commit: bool) -> Result<()> {
        let action = if commit { 1 } else { 2 };
        self.sql_action("EndTransaction", &ActionEndTransactionRequest { transaction_id, action }).await.map(drop)
    }

    /// Sets session options; the answer names those that were refused.
    pub async fn set_options<const N: usize>(
        &self,
        options: [(&str, SessionOptionValue); N],
    ) -> Result<SetSessionOptionsResult> {
        let session_options = options.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let request = SetSessionOptionsRequest { session_options }.encode_to_vec();
        let answer = self.action("SetSessionOptions", request).await?.expect("a result");
        Ok(SetSessionOptionsResult::decode(answer).expect("a result"))
    }

    /// All session options.
    pub async fn options(&self) -> Result<HashMap<String, SessionOptionValue>> {
        let answer = self.action("GetSessionOptions", Vec::new()).await?.expect("a result");
        Ok(GetSessionOptionsResult::decode(answer).expect("a result").session_options)
    }

    /// Closes the session.
    pub async fn close_session(&self) -> Result<CloseSessionResult> {
        let answer = self.action("CloseSession", Vec::new()).await?.expect("a result");
        Ok(CloseSessionResult::decode(answer).expect("a result"))
    }

    /// A Flight SQL action, whose messages are wrapped in `Any`.
    async fn sql_action(&self, name: &str, request: &impl ProstMessageExt) -> Result<Option<Bytes>> {
        self.action(name, request.as_any().encode_to_vec()).await
    }

    /// An action of any bytes: the body of its first result.
    pub async fn action(&self, name: &str, body: impl Into<Bytes>) -> Result<Option<Bytes>> {
        let request = self.request(Action::new(name, body));
        let results: Vec<_> = self.flight.clone().do_action(request).await?.into_inner().try_collect().await?;
        Ok(results.into_iter().next().map(|result| result.body))
    }
}

/// The messages of an upload of batches.
pub fn encoded(command: Any, batches: Vec<RecordBatch>) -> impl Stream<Item = FlightData> + Send + 'static {
    FlightDataEncoderBuilder::new()
        .with_flight_descriptor(Some(FlightDescriptor::new_cmd(command.encode_to_vec())))
        .build(stream::iter(batches.into_iter().map(Ok)))
        .map(|message| message.expect("an encoded batch"))
}

/// The ticket of the first endpoint.
pub fn ticket_of(info: FlightInfo) -> Ticket {
    info.endpoint.into_iter().next().and_then(|endpoint| endpoint.ticket).expect("an endpoint with a ticket")
}

/// The first value of the first row, as text; empty when it is NULL.
pub fn first_value(batches: &[RecordBatch]) -> String {
    let batch = batches.iter().find(|batch| batch.num_rows() > 0).expect("a row");
    array_value_to_string(batch.column(0), 0).expect("a value that can be shown")
}

/// All values of the column `name`, as text.
pub fn column(batches: &[RecordBatch], name: &str) -> Vec<String> {
    let values = |batch: &RecordBatch| -> Vec<String> {
        let array = batch.column_by_name(name).unwrap_or_else(|| panic!("a column {name} in {}", batch.schema()));
        (0..batch.num_rows()).map(|row| array_value_to_string(array, row).expect("a value")).collect()
    };
    batches.iter().flat_map(values).collect()
}

/// The message that was wrapped in `Any`.
fn unpack<M: ProstMessageExt + Message + Default>(body: Bytes) -> M {
    let any = Any::decode(body).expect("an Any");
    any.unpack().expect("the message").expect("the message it should be")
}
