//! The rows of a result, over as many connections as it takes.

use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::decode::{DecodedPayload, FlightDataDecoder};
use arrow_flight::error::FlightError;
use arrow_flight::{FlightInfo, Ticket};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use super::error::{ClientError, Effect, code};
use super::mark::{GoOn, Position};
use super::operation::Operation;
use super::session::{Link, RESUMES, Repeat, Session};
use super::sql_text::StatementKind;
use super::statement::{Asked, GONE, Progress, schema_of};

/// How often the server is asked how far it is.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// A batch and its mark.
type Item = (RecordBatch, Bytes);

/// The rows of one statement.
pub struct Rows<'a> {
    session: &'a Session,
    operation: &'a Operation,
    progress: Progress<'a>,
    asked: Asked,
    info: FlightInfo,
    schema: SchemaRef,
    position: Position,
    open: Option<Open>,
    /// Its batches go on behind a mark, if the node that has the session can do that.
    can_resume: bool,
}

/// The answer to a ticket.
struct Open {
    link: Link,
    batches: FlightDataDecoder,
    /// The first batch, for which the answer was waited.
    first: Option<Item>,
}

impl<'a> Rows<'a> {
    /// Waits for the first batch, so that what fails at once fails here.
    pub(super) async fn open(
        session: &'a Session,
        operation: &'a Operation,
        asked: Asked,
        info: FlightInfo,
        schema: SchemaRef,
        progress: Progress<'a>,
    ) -> Result<Self, ClientError> {
        let can_resume = session.can(RESUMES);
        let position = Position::default();
        let mut rows = Self { session, operation, progress, asked, info, schema, position, open: None, can_resume };
        rows.or_cancelled(async |rows: &mut Self| rows.open_next().await).await?;
        Ok(rows)
    }

    /// The columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The next batch; none at the end. Ends the query on the server when the operation is cancelled.
    ///
    /// # Errors
    /// Those of the statement; `RESULT_CHANGED` and `RESULT_BROKEN` when it broke off and can't go on.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, ClientError> {
        self.or_cancelled(async |rows: &mut Self| rows.take().await).await
    }

    /// Gives up what has not been read, which ends the query on the server.
    pub async fn give_up(&mut self) {
        // Its node may be gone, and what ran on it too. Reading no more ends it as well.
        let _ = self.session.cancel(&self.info).await;
        self.open = None;
    }

    async fn or_cancelled<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Self) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let (session, operation) = (self.session, self.operation);
        let (ticket, progress) = (self.ticket(), self.progress);
        let done = tokio::select! {
            biased;
            () = operation.cancelled() => None,
            done = work(self) => Some(done),
            () = tell_progress(session, &ticket, progress) => None,
        };
        match done {
            Some(done) => done,
            None => {
                self.give_up().await;
                Err(ClientError::cancelled())
            }
        }
    }

    /// The ticket of the current endpoint; an empty one behind the last.
    fn ticket(&self) -> Ticket {
        let endpoint = self.info.endpoint.get(self.position.endpoint);
        endpoint.and_then(|endpoint| endpoint.ticket.clone()).unwrap_or_default()
    }

    async fn open_next(&mut self) -> Result<(), ClientError> {
        while self.open.is_none() && self.position.endpoint < self.info.endpoint.len() {
            self.open_current().await?;
        }
        Ok(())
    }

    async fn take(&mut self) -> Result<Option<RecordBatch>, ClientError> {
        loop {
            self.open_next().await?;
            let Some(open) = &mut self.open else { return Ok(None) };
            let item = match open.first.take() {
                Some(first) => Ok(Some(first)),
                None => next_item(self.session, &mut open.batches).await,
            };
            match item {
                Ok(Some((batch, metadata))) => {
                    if !self.position.batch(&metadata, self.can_resume) {
                        let message = "the server went on with the result at another batch than the one that follows";
                        return Err(ClientError::new("RESULT_CHANGED", "40001", message));
                    }
                    if self.position.mark().is_some() {
                        // What goes on at the exact batch has got further; what begins again may not have.
                        self.operation.budget.lock().renew();
                    }
                    self.position.handed();
                    return Ok(Some(batch));
                }
                Ok(None) => {
                    self.open = None;
                    self.position.next_endpoint();
                }
                Err(error) => self.go_on_after(error).await?,
            }
        }
    }

    /// Opens the current endpoint, at the beginning or behind what has come of it.
    async fn open_current(&mut self) -> Result<(), ClientError> {
        let ticket = self.ticket();
        let mark = self.position.mark().map(str::to_owned);
        let session = self.session;
        let opened = session.perform(self.operation, Repeat::Always, async |link: Link| {
            open_on(session, link, ticket.clone(), mark.as_deref()).await
        });
        match opened.await {
            Ok(open) => {
                self.open = Some(open);
                Ok(())
            }
            Err(error) => {
                let again = self.asked.kind == StatementKind::Read
                    && GONE.contains(&error.code.as_str())
                    && self.position.without_result() != GoOn::GiveUp
                    && self.operation.pause().await;
                if !again {
                    return Err(error);
                }
                let info = Box::pin(session.ask(&self.asked, self.operation, self.progress)).await?;
                self.begin(info.ok_or(error)?)
            }
        }
    }

    async fn go_on_after(&mut self, error: ClientError) -> Result<(), ClientError> {
        let Some(open) = self.open.take() else { return Err(error) };
        self.session.note(&error, &open.link, self.operation);
        if error.effect == Effect::Final {
            return Err(error);
        }
        match self.position.go_on() {
            GoOn::Resume | GoOn::SameTicket => {}
            GoOn::FromTheBeginning => self.position.restart(),
            GoOn::GiveUp => {
                let message = format!(
                    "the result broke off, and the server can't go on with it: run the statement again ({})",
                    error.message
                );
                return Err(ClientError::new(code::RESULT_BROKEN, "08006", message));
            }
        }
        match self.operation.pause().await {
            true => Ok(()),
            false => Err(error),
        }
    }

    /// Begins again with the result of another run.
    fn begin(&mut self, info: FlightInfo) -> Result<(), ClientError> {
        if schema_of(&info)? != self.schema {
            let message = "the statement was run again after a break, and its columns are others now";
            return Err(ClientError::new("RESULT_CHANGED", "40001", message));
        }
        self.info = info;
        self.position.restart();
        Ok(())
    }
}

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("schema", &self.schema).finish_non_exhaustive()
    }
}

async fn open_on(session: &Session, link: Link, ticket: Ticket, mark: Option<&str>) -> Result<Open, ClientError> {
    if mark.is_some() && !session.can(RESUMES) {
        let message =
            "the result broke off, and the node that has the session now can't go on with it: run the statement again";
        return Err(ClientError::new(code::RESULT_BROKEN, "08006", message));
    }
    let mut headers = vec![("x-pintail-resumable", "1".to_owned())];
    headers.extend(mark.map(|mark| ("x-pintail-resume", mark.to_owned())));
    let request = session.request(ticket, &headers)?;
    let mut calls = link.calls.clone();
    let answer = session.heard(calls.do_get(request).await)?.into_inner();
    let mut batches = FlightDataDecoder::new(answer.map_err(|status| FlightError::Tonic(Box::new(status))).boxed());
    let first = next_item(session, &mut batches).await?;
    Ok(Open { link, batches, first })
}

/// Asks the server now and then how far it is with the rows of a ticket, and tells it. It has no end.
async fn tell_progress(session: &Session, ticket: &Ticket, progress: Progress<'_>) {
    if let Some(tell) = progress {
        loop {
            tokio::time::sleep(ASK_AGAIN).await;
            match session.progress_of(ticket).await {
                Ok(done) => done.into_iter().for_each(tell),
                // A server that does not tell it. What else fails is seen by what the rows are read by.
                Err(error) if error.code == "REQUEST_INVALID" => break,
                Err(_) => {}
            }
        }
    }
    std::future::pending::<()>().await;
}

/// The next batch; none at the end.
async fn next_item(session: &Session, batches: &mut FlightDataDecoder) -> Result<Option<Item>, ClientError> {
    while let Some(decoded) = batches.next().await {
        let decoded = decoded.map_err(|error| match error {
            FlightError::Tonic(status) => session.failure(&status),
            other => ClientError::malformed(&other.to_string()),
        })?;
        if let DecodedPayload::RecordBatch(batch) = decoded.payload {
            return Ok(Some((batch, decoded.inner.app_metadata)));
        }
    }
    Ok(None)
}
