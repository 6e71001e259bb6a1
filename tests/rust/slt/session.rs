//! A Flight SQL session as a database of statements.

use std::fmt;

use arrow::datatypes::Schema;
use arrow_flight::IpcMessage;
use arrow_flight::sql::CommandStatementQuery;
use pintail_tests::client::ticket_of;
use pintail_tests::failure::trailer;
use pintail_tests::{Client, Server};
use sqllogictest::{DB, DBOutput};
use tokio::runtime::Handle;
use tonic::Status;

use super::columns::{Kind, row_lines, schema_line};

/// A session of its own.
pub(crate) struct FlightSession {
    runtime: Handle,
    client: Client,
    engine: &'static str,
}

/// What a statement was refused with.
#[derive(Debug)]
pub(crate) struct Failure(Status);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.message())
    }
}

impl std::error::Error for Failure {}

impl FlightSession {
    /// Opens a session.
    pub(crate) fn connect(runtime: Handle, server: &Server, engine: &'static str) -> Self {
        let client = runtime.block_on(Client::connect(server));
        Self { runtime, client, engine }
    }

    async fn query(&self, sql: &str) -> Result<DBOutput<Kind>, Status> {
        let command = CommandStatementQuery { query: sql.to_owned(), transaction_id: None };
        let info = self.client.info(&command).await?;
        let schema = Schema::try_from(IpcMessage(info.schema.clone())).expect("the schema is told before the rows");
        let types = schema.fields().iter().map(|field| Kind::of(field.data_type())).collect();
        let mut rows = vec![vec![schema_line(&schema)]];
        for batch in self.client.rows(ticket_of(info)).await? {
            assert_eq!(*batch.schema(), schema, "the rows have the schema that was told");
            rows.extend(row_lines(&batch).into_iter().map(|line| vec![line]));
        }
        Ok(DBOutput::Rows { types, rows })
    }
}

impl DB for FlightSession {
    type Error = Failure;
    type ColumnType = Kind;

    fn run(&mut self, sql: &str) -> Result<DBOutput<Kind>, Failure> {
        const QUERIES: [&str; 10] =
            ["SELECT", "WITH", "VALUES", "FROM", "EXPLAIN", "SHOW", "DESCRIBE", "TABLE", "(", "SUMMARIZE"];
        let sql = sql.trim();
        let is_query =
            QUERIES.iter().any(|word| sql.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word)));
        let result = self.runtime.block_on(async {
            if is_query {
                return self.query(sql).await;
            }
            let changed = self.client.update(sql).await?;
            Ok(DBOutput::StatementComplete(u64::try_from(changed).unwrap_or(0)))
        });
        result.map_err(Failure)
    }

    fn engine_name(&self) -> &str {
        self.engine
    }

    fn error_sql_state(failure: &Failure) -> Option<String> {
        trailer(&failure.0, "x-pintail-sqlstate").map(str::to_owned)
    }
}
