//! The handlers of a node: each call is one of a session's owner.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow_flight::sql::EndTransaction;
use arrow_flight::{
    Action, ActionType, CancelStatus, Criteria, FlightDescriptor, FlightEndpoint, FlightInfo, PollInfo, Ticket,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use http::{HeaderMap, HeaderValue};
use tonic::Status;

use super::call::Call;
use super::command::{Command, Transaction, not_implemented};
use super::handlers::{Delivered, Exchanged, Handlers, OptionProblem, PreparedStatement, Put};
use super::lost_state::{LOST_HEADER, lost_state};
use super::marks::{self, Mark, Marks};
use super::parameters::Upload;
use super::paused::{Key, Place, Streams};
use super::ticket::{self, Claim, Contents};
use super::trace_context::TraceId;
use super::{
    actions, exchange, features, listing, metadata, options, polls, prepared, queries, request_id, statements, uploads,
    write_outcome,
};
use crate::engine::{Request, Statement};
use crate::error::{Error, ErrorCode, Result};
use crate::node::{Node, OptionValue, Origin, QueryId};

/// The handlers of one node.
pub struct NodeHandlers {
    node: Arc<Node>,
    streams: Arc<Streams>,
}

impl NodeHandlers {
    /// Those of `node`.
    pub fn new(node: Arc<Node>) -> Self {
        Self { streams: Streams::new(Arc::clone(&node)), node }
    }
}

#[async_trait]
impl Handlers for NodeHandlers {
    type Call = Call;

    async fn enter(&self, headers: &HeaderMap, origin: Origin) -> Result<Call> {
        let caller = self.node.caller(headers, origin).await?;
        let trace = TraceId::from_headers(headers);
        let (request, behind) = (request_id::of(headers)?, Mark::of_call(headers)?);
        let comes_again = marks::comes_again(headers);
        let asked = match write_outcome::asked(headers)? {
            Some(id) => Some(caller.session.write_outcome(id).await?),
            None => None,
        };
        let node = Arc::clone(&self.node);
        let query = QueryId::random();
        Ok(Call { node, caller, trace, request, query, asked, comes_again, behind, is_handshake: false })
    }

    async fn handshake(&self, headers: &HeaderMap) -> Result<Call> {
        let caller = self.node.handshake(headers).await?;
        let trace = TraceId::from_headers(headers);
        let (request, asked, behind, comes_again) = (None, None, None, false);
        let node = Arc::clone(&self.node);
        let query = QueryId::random();
        Ok(Call { node, caller, trace, request, query, asked, comes_again, behind, is_handshake: true })
    }

    /// The token of its session, when that is new, what clients may rely on, which is told with it and in each handshake,
    /// what of the session could not be brought along, and what became of a write that was asked for.
    fn headers(&self, call: &Call) -> HeaderMap {
        let mut headers = call.caller.grant.as_ref().map(|grant| grant.headers()).unwrap_or_default();
        if call.is_handshake || call.caller.grant.is_some() {
            headers.insert(features::HEADER, features::ALL);
        }
        if let Some(lost) = lost_state(&call.session().lost_to_tell()) {
            headers.insert(LOST_HEADER, lost);
        }
        if let Some(outcome) = call.asked {
            headers.insert(write_outcome::HEADER, HeaderValue::from_static(outcome.as_str()));
        }
        headers
    }

    fn explain(&self, call: &Call, error: Error) -> Error {
        call.session().explain_by_loss(error)
    }

    fn is_serving(&self) -> bool {
        !self.node.is_draining() && self.node.holds_lease()
    }

    async fn flight_info(&self, call: &Call, descriptor: FlightDescriptor) -> Result<FlightInfo> {
        match Command::from_descriptor(&descriptor)? {
            Command::StatementQuery { sql, transaction } => statements::info(call, descriptor, sql, transaction).await,
            Command::PreparedQuery { handle } => prepared::info(call, descriptor, &handle).await,
            Command::Metadata(command) => {
                let claim = Claim::Metadata(descriptor.cmd.clone());
                call.flight_info(descriptor, &metadata::schema(&command), vec![claim], None)
            }
            other => Err(no_query(&other)),
        }
    }

    async fn schema(&self, call: &Call, descriptor: FlightDescriptor) -> Result<SchemaRef> {
        match Command::from_descriptor(&descriptor)? {
            Command::StatementQuery { sql, transaction } => statements::schema(call, &sql, &transaction).await,
            Command::PreparedQuery { handle } => prepared::schema(call, &handle).await,
            Command::Metadata(command) => Ok(metadata::schema(&command)),
            other => Err(no_query(&other)),
        }
    }

    async fn poll(&self, call: &Call, descriptor: FlightDescriptor) -> Result<PollInfo> {
        polls::poll(call, descriptor).await
    }

    async fn list(&self, call: &Call, criteria: Criteria) -> Result<BoxStream<'static, Result<FlightInfo, Status>>> {
        listing::list(call, criteria).await
    }

    fn place(&self, call: &Call, ticket: &Ticket) -> Result<Option<Place>> {
        if !call.comes_again || self.node.options().stream_grace.is_zero() {
            return Ok(None);
        }
        let Contents { claim, query, .. } = call.redeem(ticket)?;
        let part = if let Claim::Part(_, part) | Claim::Spooled(_, part) = claim { part } else { 0 };
        Ok(Some(self.streams.place(Key { session: call.session().id().clone(), query, part }, call.behind)))
    }

    async fn rows(&self, call: &Call, ticket: Ticket) -> Result<Delivered> {
        let Contents { claim, query, compression } = call.redeem(&ticket)?;
        let rows = match claim {
            Claim::Read { sql, parameters, cut, in_order } => {
                let parameters = ticket::parameters(&parameters)?;
                let rows = statements::read(call, Statement { parameters, cut, in_order, ..Statement::new(sql) });
                call.session().until_cancelled(query, rows).await?
            }
            Claim::Kept(id) => call.session().until_cancelled(query, statements::fetch_kept(call, &id)).await?,
            Claim::Part(id, part) => {
                let rows = async { statements::fetch_part(call, &id, part) };
                call.session().until_cancelled(query, rows).await?
            }
            Claim::Spooled(name, part) => {
                call.session().until_cancelled(query, statements::fetch_spooled(call, &name, part)).await?
            }
            Claim::Metadata(command) => match Command::decode(&command)? {
                Command::Metadata(command) => {
                    metadata::rows(command, &*call.session().engine_of(), &*call.session().engine()).await?
                }
                other => return Err(Error::internal(format_args!("a ticket for metadata holds {}", other.name()))),
            },
            Claim::Polled => {
                return Err(Error::new(
                    ErrorCode::RequestInvalid,
                    "the descriptor of a poll is no ticket: poll with it until the query is complete, and fetch its \
                     endpoints",
                ));
            }
        };
        Ok(Delivered { rows, compression, marks: Some(Marks::new(call.behind)) })
    }

    async fn put(&self, call: &Call, upload: &mut Upload) -> Result<Put> {
        uploads::put(call, upload).await
    }

    async fn exchange(&self, call: &Call, upload: &mut Upload) -> Result<Exchanged> {
        exchange::exchange(call, upload).await
    }

    fn actions(&self) -> Vec<ActionType> {
        actions::there_are()
    }

    async fn prepare(&self, call: &Call, sql: String, transaction: Transaction) -> Result<PreparedStatement> {
        prepared::create(call, &sql, &transaction).await
    }

    async fn close_prepared(&self, call: &Call, handle: Bytes) -> Result<()> {
        call.session().close_prepared(&handle).await
    }

    async fn begin(&self, call: &Call) -> Result<Bytes> {
        Ok(Bytes::copy_from_slice(call.session().begin().await?.as_bytes()))
    }

    async fn end(&self, call: &Call, transaction: Bytes, end: EndTransaction) -> Result<()> {
        match end {
            EndTransaction::Rollback => call.session().rollback(&transaction).await,
            EndTransaction::Commit | EndTransaction::Unspecified => {
                let request = call.request.map(|id| Request::of_commit(id, &transaction));
                call.session().commit(&transaction, request.as_ref()).await
            }
        }
    }

    async fn set_options(
        &self,
        call: &Call,
        options: BTreeMap<String, OptionValue>,
    ) -> Result<HashMap<String, OptionProblem>> {
        options::set(call, options).await
    }

    async fn options(&self, call: &Call) -> Result<BTreeMap<String, OptionValue>> {
        call.session().options().await
    }

    async fn close_session(&self, call: &Call) -> Result<()> {
        call.node.close_session(&call.caller).await
    }

    async fn cancel(&self, call: &Call, info: FlightInfo) -> Result<CancelStatus> {
        queries::cancel(call, info).await
    }

    async fn renew(&self, call: &Call, endpoint: FlightEndpoint) -> Result<FlightEndpoint> {
        queries::renew(call, endpoint)
    }

    async fn other(&self, call: &Call, action: Action) -> Result<Option<Bytes>> {
        match action.r#type.as_str() {
            actions::PROGRESS => polls::progress(call, &action.body).map(Some),
            name => Err(actions::unknown(name)),
        }
    }
}

/// The error for a command that asks for no rows, or whose rows are not to be had.
pub(super) fn no_query(command: &Command) -> Error {
    match command {
        Command::Substrait { .. } => not_implemented(command.name()),
        _ => Error::new(
            ErrorCode::RequestInvalid,
            format!("{} is sent for its effect: send it with DoPut", command.name()),
        ),
    }
}
