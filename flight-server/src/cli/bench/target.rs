//! The server that is measured: any of Flight SQL, with nothing that only Pintail has.

use std::time::Duration;

use arrow::array::RecordBatch;
use arrow_flight::FlightInfo;
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{
    CommandStatementIngest, SqlInfo, TableDefinitionOptions, TableExistsOption, TableNotExistOption,
};
use clap::ArgMatches;
use futures::TryStreamExt;
use tonic::transport::Channel;

use super::error::BenchError;
use crate::cli::connecting;
use crate::client::{ClientTls, Credentials, ServerUri, channel_to};

/// After how much silence a server is asked whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// Where it is, and who asks.
pub(super) struct Target {
    servers: Vec<ServerUri>,
    tls: ClientTls,
    credentials: Credentials,
    patience: Duration,
}

/// A connection to it, with a session where it has such.
pub(super) struct Client(FlightSqlServiceClient<Channel>);

/// How much came.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Came {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) batches: u64,
    /// When the first rows came, from when they were asked for.
    pub(super) first: Option<Duration>,
}

impl Target {
    pub(super) fn of(flags: &ArgMatches) -> Result<Self, BenchError> {
        let servers = connecting::servers(flags)?;
        let credentials = connecting::credentials(flags, &servers)?;
        let (tls, patience) = (connecting::tls(flags)?, connecting::connect_timeout(flags));
        Ok(Self { servers, tls, credentials, patience })
    }

    /// A connection; the `number`-th goes to another server than the one before, where there are several.
    pub(super) async fn connect(&self, number: usize) -> Result<Client, BenchError> {
        let Some(server) = self.servers.get(number % self.servers.len().max(1)) else {
            return Err(connecting::ConnectingError::Usage("there is no server".to_owned()).into());
        };
        let connected = tokio::time::timeout(self.patience, channel_to(server, &self.tls, KEEPALIVE)).await;
        let late =
            || BenchError::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, format!("{server} does not answer")));
        let mut client = FlightSqlServiceClient::new(connected.map_err(|_elapsed| late())??);
        let Credentials { user, password } = &self.credentials;
        client.handshake(user, password).await.map_err(BenchError::call("take the credentials"))?;
        Ok(Client(client))
    }
}

impl Client {
    /// Runs a query as a driver does that prepares nothing, and reads its rows.
    pub(super) async fn query(&mut self, sql: &str) -> Result<Came, BenchError> {
        let failed = BenchError::call::<FlightError>("run the query");
        let begun = tokio::time::Instant::now();
        let info: FlightInfo = self.0.execute(sql.to_owned(), None).await.map_err(&failed)?;
        let mut came = Came::default();
        for endpoint in info.endpoint {
            let Some(ticket) = endpoint.ticket else { continue };
            let mut messages = self.0.do_get(ticket).await.map_err(&failed)?.into_inner();
            while let Some(message) = messages.try_next().await.map_err(&failed)? {
                if let arrow_flight::decode::DecodedPayload::RecordBatch(batch) = &message.payload {
                    came.first.get_or_insert_with(|| begun.elapsed());
                    came.rows += batch.num_rows() as u64;
                    came.batches += 1;
                    came.bytes += message.inner.data_body.len() as u64;
                }
            }
        }
        Ok(came)
    }

    /// Runs a statement without rows.
    pub(super) async fn update(&mut self, sql: &str) -> Result<i64, BenchError> {
        self.0.execute_update(sql.to_owned(), None).await.map_err(BenchError::call("run the statement"))
    }

    /// Asks for something that takes no work: the identifier of what the server is.
    pub(super) async fn nothing(&mut self) -> Result<(), BenchError> {
        let failed = BenchError::call::<FlightError>("tell its name");
        let info = self.0.get_sql_info(vec![SqlInfo::FlightSqlServerName]).await;
        info.map(drop).map_err(failed)
    }

    /// Ingests batches into a table, which is replaced; how many rows the server says it took.
    pub(super) async fn ingest(&mut self, table: &str, batches: Vec<RecordBatch>) -> Result<i64, BenchError> {
        let options = TableDefinitionOptions {
            if_not_exist: TableNotExistOption::Create.into(),
            if_exists: TableExistsOption::Replace.into(),
        };
        let command = CommandStatementIngest {
            table_definition_options: Some(options),
            table: table.to_owned(),
            ..CommandStatementIngest::default()
        };
        let batches = futures::stream::iter(batches.into_iter().map(Ok));
        self.0.execute_ingest(command, batches).await.map_err(BenchError::call("take the rows"))
    }

    /// Ends the session, where the server has such.
    pub(super) async fn close(mut self) {
        // A server that has none says so.
        let _ = self.0.close().await;
    }
}
