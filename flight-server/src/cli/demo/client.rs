//! What the demonstration asks the servers, by the client that goes on with its session, and once by one that does not.

use std::time::{Duration, Instant};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use arrow::util::pretty::pretty_format_batches;
use arrow_flight::sql::client::FlightSqlServiceClient;
use tonic::transport::Endpoint;
use zeroize::Zeroizing;

use super::error::DemoError;
use super::nodes::Nodes;
use super::server::Ready;
use crate::client::{ClientTls, Credentials, Operation, Outcome, Patience, Session};

/// How long the client goes on trying, on a machine that is busy with other things.
const PATIENCE: Patience = Patience {
    deadline: Duration::from_secs(60),
    connect: Duration::from_secs(60),
    keepalive: Duration::from_secs(10),
};

/// A session, wherever it is.
pub(in crate::cli) struct Client(Session);

/// The rows of a result.
pub(in crate::cli) struct Table {
    batches: Vec<RecordBatch>,
}

/// What came of a result whose node was killed while it was read.
pub(super) struct Resumed {
    /// The first batch that came from another node, counted from 1.
    pub(super) batch: usize,
    /// How long after the kill it came.
    pub(super) after: Duration,
    /// The process that was killed.
    pub(super) process: u32,
    /// How many rows came twice, and how many of them did not come.
    pub(super) repeated: i64,
    pub(super) lost: i64,
}

impl Client {
    /// Opens a session on the first of these servers.
    pub(in crate::cli) async fn connect<'a>(servers: impl Iterator<Item = &'a Ready>) -> Result<Self, DemoError> {
        let servers: Vec<_> = servers.collect();
        let Some(first) = servers.first() else { return Err(DemoError::NotTheSame("there is no server".to_owned())) };
        let credentials = Credentials { user: first.user.clone(), password: Zeroizing::new(first.password.clone()) };
        let uris = servers.iter().map(|ready| ready.flight.parse()).collect::<Result<_, _>>()?;
        let operation = Operation::new(PATIENCE.connect);
        let session = Session::begin(uris, ClientTls::default(), PATIENCE, &credentials, &operation).await;
        session.map(Self).map_err(DemoError::client("log in"))
    }

    /// The URI of the server that has the session.
    pub(in crate::cli) fn server(&self) -> String {
        self.0.server().map(|uri| uri.to_string()).unwrap_or_default()
    }

    /// Runs a statement, and reads all its rows.
    pub(in crate::cli) async fn query(&self, sql: &str) -> Result<Table, DemoError> {
        let failed = || DemoError::client(format!("run `{sql}`"));
        let operation = self.0.operation();
        let mut batches = Vec::new();
        if let Outcome::Rows(mut rows) = self.0.run(sql, &operation, None).await.map_err(failed())? {
            while let Some(batch) = rows.next().await.map_err(failed())? {
                batches.push(batch);
            }
        }
        Ok(Table { batches })
    }

    /// Reads `SELECT i, … FROM range(rows) t(i)`, and kills the node that sends it once two fifths have come.
    pub(super) async fn read_through_a_kill(
        &self,
        sql: &str,
        rows: i64,
        nodes: &mut Nodes,
    ) -> Result<Resumed, DemoError> {
        let failed = || DemoError::client(format!("read `{sql}`"));
        let operation = self.0.operation();
        let Outcome::Rows(mut result) = self.0.run(sql, &operation, None).await.map_err(failed())? else {
            return Err(DemoError::NotTheSame("the result has no rows".to_owned()));
        };
        let (node, breaks) = (self.server(), self.0.reattachments());
        let mut resumed = Resumed { batch: 0, after: Duration::ZERO, process: 0, repeated: 0, lost: 0 };
        let (mut batches, mut next, mut killed) = (0, 0, None);
        while let Some(batch) = result.next().await.map_err(failed())? {
            batches += 1;
            for value in batch.column(0).as_primitive::<Int64Type>().values() {
                match value - next {
                    0 => next += 1,
                    ahead @ 1.. => {
                        resumed.lost += ahead;
                        next = value + 1;
                    }
                    _ => resumed.repeated += 1,
                }
            }
            match killed {
                None if next > rows * 2 / 5 => {
                    resumed.process = nodes.kill(&node).await?;
                    killed = Some(Instant::now());
                }
                Some(moment) if resumed.batch == 0 && self.0.reattachments() > breaks => {
                    (resumed.batch, resumed.after) = (batches, moment.elapsed());
                }
                _ => {}
            }
        }
        resumed.lost += rows - next;
        if resumed.batch == 0 {
            return Err(DemoError::NotTheSame("all rows came before the server was dead".to_owned()));
        }
        Ok(resumed)
    }

    /// Sends an INSERT to a server as a client would that knows of request ids and nothing else; how many rows it is told were
    /// inserted.
    pub(super) async fn insert(&self, server: &Ready, sql: &str, request: &str) -> Result<i64, DemoError> {
        let uri = server.flight.replacen("grpc://", "http://", 1);
        let endpoint = Endpoint::from_shared(uri)?.connect_timeout(PATIENCE.connect).timeout(PATIENCE.deadline);
        let mut client = FlightSqlServiceClient::new(endpoint.connect().await?);
        client.set_token(self.0.token().to_string());
        client.set_header("x-pintail-request-id", request);
        client.execute_update(sql.to_owned(), None).await.map_err(DemoError::call(format!("run `{sql}`")))
    }
}

impl Table {
    /// How many rows it has.
    pub(super) fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// As text in a frame.
    pub(in crate::cli) fn text(&self) -> Result<String, DemoError> {
        Ok(pretty_format_batches(&self.batches)?.to_string())
    }
}
