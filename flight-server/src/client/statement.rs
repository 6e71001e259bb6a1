//! A statement on its way to the server: asked for by PollFlightInfo, so that it can be seen how far it is, and cancelled.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use arrow::datatypes::{Schema, SchemaRef};
use arrow_flight::sql::{CommandStatementQuery, ProstMessageExt};
use arrow_flight::{
    CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightDescriptor, FlightInfo, IpcMessage, PollInfo,
    Ticket,
};
use prost::Message as _;

use super::error::ClientError;
use super::operation::Operation;
use super::rows::Rows;
use super::session::{KNOWS_REQUESTS, Link, Repeat, Session, request_header};
use super::sql_text::{StatementKind, kind};

/// How long the server is given to take note that a statement is cancelled.
const CANCELLING: Duration = Duration::from_secs(5);

/// For how long a statement that was cancelled is asked after, to know whether it was done.
const AFTER: Duration = Duration::from_secs(15);

/// What the server says of a result when it does not have it, or not any more.
pub(super) const GONE: [&str; 2] = ["RESULT_GONE", "TICKET_EXPIRED"];

/// What is told how much of a statement is done, from 0 to 1.
pub type Progress<'a> = Option<&'a (dyn Fn(f64) + Send + Sync)>;

/// What came of a statement.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// It has rows, which are still to come.
    Rows(Box<Rows<'a>>),
    /// It was done, and has no rows; how many it changed, where that is known.
    Done {
        /// How many rows it changed.
        changed: Option<u64>,
    },
}

/// A statement with what names all of its tries.
pub(super) struct Asked {
    pub(super) kind: StatementKind,
    command: FlightDescriptor,
    headers: Vec<(&'static str, String)>,
    repeat: Repeat,
}

impl Asked {
    pub(super) fn new(sql: &str) -> Self {
        let kind = kind(sql);
        let command = CommandStatementQuery { query: sql.to_owned(), transaction_id: None };
        let (headers, repeat) = match kind {
            StatementKind::Read => (Vec::new(), Repeat::Always),
            _ => (vec![request_header()], Repeat::ById),
        };
        Self { kind, command: FlightDescriptor::new_cmd(command.as_any().encode_to_vec()), headers, repeat }
    }
}

impl Session {
    /// Runs a statement. Rows are waited for up to the first of them; `progress` is told how much is done, from 0 to 1, where
    /// the server can tell.
    ///
    /// # Errors
    /// Those of the statement and of the session; `OUTCOME_UNKNOWN` when nobody knows whether a write was done.
    pub async fn run<'a>(
        &'a self,
        sql: &str,
        operation: &'a Operation,
        progress: Progress<'a>,
    ) -> Result<Outcome<'a>, ClientError> {
        let asked = Asked::new(sql);
        let info = self.ask(&asked, operation, progress).await?;
        let Some(info) = info else { return Ok(Outcome::Done { changed: None }) };
        let schema = schema_of(&info)?;
        if let Some(changed) = changed_by(asked.kind, &info, &schema) {
            return Ok(Outcome::Done { changed });
        }
        let rows = Rows::open(self, operation, asked, info, schema, progress).await?;
        Ok(Outcome::Rows(Box::new(rows)))
    }

    /// Asks for a statement's FlightInfo until it is there. None for one that was done by an earlier try, so that the engine
    /// refused to do it once more.
    pub(super) async fn ask(
        &self,
        asked: &Asked,
        operation: &Operation,
        progress: Progress<'_>,
    ) -> Result<Option<FlightInfo>, ClientError> {
        let mut descriptor = asked.command.clone();
        let mut running: Option<FlightInfo> = None;
        loop {
            let (answer, tries) = {
                let tries = AtomicU32::new(0);
                let poll = self.perform(operation, asked.repeat, async |link: Link| {
                    tries.fetch_add(1, Ordering::Relaxed);
                    self.poll_on(link, &descriptor, &asked.headers).await
                });
                let mut poll = std::pin::pin!(poll);
                let answer = tokio::select! {
                    answer = &mut poll => answer,
                    () = operation.cancelled() => match &running {
                        Some(info) => return self.cancelled_while_running(info).await.map(Some),
                        // The server is about to say by what it is cancelled, unless it has yet to plan it. Given up, it is
                        // not begun.
                        None => match tokio::time::timeout(CANCELLING, poll).await {
                            Ok(answer) => answer,
                            Err(_elapsed) => Err(ClientError::cancelled()),
                        },
                    },
                };
                (answer, tries.load(Ordering::Relaxed))
            };
            let error = match answer {
                Ok(PollInfo { info: Some(info), flight_descriptor: None, .. }) => return Ok(Some(info)),
                Ok(PollInfo { info: Some(info), flight_descriptor: Some(next), progress: done, .. }) => {
                    if let (Some(tell), Some(done)) = (progress, done) {
                        tell(done);
                    }
                    if operation.is_cancelled() {
                        return self.cancelled_while_running(&info).await.map(Some);
                    }
                    (descriptor, running) = (next, Some(info));
                    continue;
                }
                Ok(_) => return Err(ClientError::malformed("PollFlightInfo")),
                Err(error) => error,
            };
            if was_done_before(asked.kind, &error) && tries > 1 {
                return Ok(None);
            }
            // The node that ran it is gone, and what it was asked by with it: it is sent again, under the same id.
            if running.is_none() || !GONE.contains(&error.code.as_str()) {
                return Err(error);
            }
            if asked.repeat == Repeat::ById && !self.can(KNOWS_REQUESTS) {
                return Err(ClientError::outcome_unknown(&error));
            }
            if !operation.pause().await {
                return Err(operation.check().err().unwrap_or(error));
            }
            (descriptor, running) = (asked.command.clone(), None);
        }
    }

    async fn poll_on(
        &self,
        mut link: Link,
        descriptor: &FlightDescriptor,
        headers: &[(&'static str, String)],
    ) -> Result<PollInfo, ClientError> {
        let request = self.request(descriptor.clone(), headers)?;
        Ok(self.heard(link.calls.poll_flight_info(request).await)?.into_inner())
    }

    /// How much of a read is done whose rows are being computed, from 0 to 1, where the server can tell.
    ///
    /// # Errors
    /// `REQUEST_INVALID` of a server that does not tell it; those of the connection.
    pub(super) async fn progress_of(&self, ticket: &Ticket) -> Result<Option<f64>, ClientError> {
        let Some(link) = self.link() else { return Ok(None) };
        Ok(self.poll_on(link, &FlightDescriptor::new_cmd(ticket.ticket.clone()), &[]).await?.progress)
    }

    /// Cancels what a FlightInfo was given out for, beside whatever is under way.
    ///
    /// # Errors
    /// When the server could not be told.
    pub async fn cancel(&self, info: &FlightInfo) -> Result<CancelStatus, ClientError> {
        let body = CancelFlightInfoRequest::new(info.clone()).encode_to_vec();
        let answer = self.act_beside("CancelFlightInfo", body.into(), CANCELLING * 3).await?;
        let result = CancelFlightInfoResult::decode(answer).map_err(|_| ClientError::malformed("CancelFlightInfo"))?;
        Ok(result.status())
    }

    /// Cancels a statement that the server runs; its FlightInfo if it was done before that.
    async fn cancelled_while_running(&self, info: &FlightInfo) -> Result<FlightInfo, ClientError> {
        match self.cancel(info).await {
            Ok(CancelStatus::NotCancellable) => {
                let descriptor = info.flight_descriptor.clone().unwrap_or_default();
                let after = Operation::new(AFTER);
                let poll = async |link: Link| self.poll_on(link, &descriptor, &[]).await;
                let answer = self.perform(&after, Repeat::Always, poll).await?;
                answer.info.filter(|_| answer.flight_descriptor.is_none()).ok_or_else(ClientError::cancelled)
            }
            Ok(CancelStatus::Cancelled) => Err(ClientError::cancelled()),
            Err(error) if error.is_cancelled() => Err(error),
            Ok(_) => Err(ClientError::new(
                "STATEMENT_CANCELLED",
                "57014",
                "the statement was cancelled, and is about to end",
            )),
            Err(error) => Err(ClientError::new(
                "STATEMENT_CANCELLED",
                "57014",
                format!("the statement was given up, and the server may go on with it: {}", error.message),
            )),
        }
    }
}

/// Whether the engine's refusal says that an earlier try, whose answer was lost, did it: there is a transaction already, or
/// there is none any more.
fn was_done_before(kind: StatementKind, error: &ClientError) -> bool {
    match kind {
        StatementKind::Begin => error.sqlstate == "25001",
        StatementKind::RollBack => matches!(error.sqlstate.as_str(), "25P01" | "25000"),
        _ => false,
    }
}

/// How many rows a statement changed, if what it gave is that number alone.
fn changed_by(kind: StatementKind, info: &FlightInfo, schema: &Schema) -> Option<Option<u64>> {
    if kind == StatementKind::Read {
        return None;
    }
    let is_count = matches!(schema.fields().as_ref(), [field] if matches!(field.name().as_str(), "Count" | "Success"));
    (is_count || schema.fields().is_empty()).then(|| u64::try_from(info.total_records).ok())
}

/// The columns of a result.
pub(super) fn schema_of(info: &FlightInfo) -> Result<SchemaRef, ClientError> {
    let schema = Schema::try_from(IpcMessage(info.schema.clone())).map_err(|_| ClientError::malformed("the schema"))?;
    Ok(schema.into())
}
