//! A Flight SQL client, as any Rust program would use it.

use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use arrow_flight::FlightInfo;
use arrow_flight::sql::client::{FlightSqlServiceClient, PreparedStatement};
use futures::TryStreamExt;
use tonic::transport::{Channel, Endpoint};

use super::error::DemoError;
use super::server::Ready;

/// How long any one call may take.
const CALL: Duration = Duration::from_secs(60);

/// A connection, with the session its handshake opened.
pub(super) struct Client(FlightSqlServiceClient<Channel>);

/// A prepared statement of that session.
pub(super) struct Prepared(PreparedStatement<Channel>);

/// The rows of a result.
pub(super) struct Table {
    batches: Vec<RecordBatch>,
}

impl Client {
    /// Connects, and opens a session with user name and password.
    pub(super) async fn connect(ready: &Ready) -> Result<Self, DemoError> {
        let uri = ready.flight.replacen("grpc://", "http://", 1);
        let endpoint = Endpoint::from_shared(uri)?.connect_timeout(CALL).timeout(CALL);
        let mut client = FlightSqlServiceClient::new(endpoint.connect().await?);
        client.handshake(&ready.user, &ready.password).await.map_err(DemoError::call("log in"))?;
        Ok(Self(client))
    }

    /// The session's token. It must not be shown.
    pub(super) fn token(&self) -> Option<&str> {
        self.0.token().map(String::as_str)
    }

    /// Runs a statement that has no rows to read.
    pub(super) async fn run(&mut self, sql: &str) -> Result<(), DemoError> {
        let done = self.0.execute_update(sql.to_owned(), None).await;
        done.map(|_changed| ()).map_err(DemoError::call(format!("run `{sql}`")))
    }

    /// Runs a query and reads all its rows.
    pub(super) async fn query(&mut self, sql: &str) -> Result<Table, DemoError> {
        let info = self.0.execute(sql.to_owned(), None).await;
        let info = info.map_err(DemoError::call(format!("run `{sql}`")))?;
        self.read(info).await
    }

    /// Prepares a statement.
    pub(super) async fn prepare(&mut self, sql: &str) -> Result<Prepared, DemoError> {
        let prepared = self.0.prepare(sql.to_owned(), None).await;
        prepared.map(Prepared).map_err(DemoError::call(format!("prepare `{sql}`")))
    }

    /// Runs a prepared statement and reads all its rows.
    pub(super) async fn execute(&mut self, prepared: &mut Prepared) -> Result<Table, DemoError> {
        let info = prepared.0.execute().await;
        let info = info.map_err(DemoError::call("run the prepared statement"))?;
        self.read(info).await
    }

    async fn read(&mut self, info: FlightInfo) -> Result<Table, DemoError> {
        let mut batches = Vec::new();
        for ticket in info.endpoint.into_iter().filter_map(|endpoint| endpoint.ticket) {
            let stream = self.0.do_get(ticket).await.map_err(DemoError::call("fetch rows"))?;
            batches.extend(stream.try_collect::<Vec<_>>().await.map_err(DemoError::call("fetch rows"))?);
        }
        Ok(Table { batches })
    }
}

impl Table {
    /// How many rows it has.
    pub(super) fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// As text in a frame.
    pub(super) fn text(&self) -> Result<String, DemoError> {
        Ok(pretty_format_batches(&self.batches)?.to_string())
    }
}
