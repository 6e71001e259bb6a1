//! What stands behind the calls: a server is the layer that reads and writes Flight's messages, and handlers of what they ask
//! for.
//!
//! The layer decodes commands, actions and uploads, encodes rows and answers, turns errors into statuses, and finds in the
//! headers where credentials may be. The handlers know who is calling, and do what was asked for: those of a node are
//! [`super::NodeHandlers`].

use std::collections::{BTreeMap, HashMap};

use arrow::datatypes::SchemaRef;
use arrow_flight::sql::{EndTransaction, SubstraitPlan};
use arrow_flight::{
    Action, ActionType, CancelStatus, Criteria, FlightDescriptor, FlightEndpoint, FlightInfo, PollInfo, Ticket,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use http::HeaderMap;
use tonic::Status;

use super::command::{Transaction, not_implemented, shown};
use super::marks::Marks;
use super::parameters::Upload;
use super::paused::Place;
use crate::engine::Rows;
use crate::error::{Error, Result};
use crate::node::{Compression, OptionValue, Origin};

/// The handlers of a server. Those that are not given refuse their calls as not supported.
#[async_trait]
pub trait Handlers: Send + Sync + 'static {
    /// One call of somebody who is known.
    type Call: Send + Sync + 'static;

    /// Who is calling.
    ///
    /// # Errors
    /// What is wrong with the credentials.
    async fn enter(&self, headers: &HeaderMap, origin: Origin) -> Result<Self::Call>;

    /// The same for a handshake, whose credentials may have come in its message: they stand in the headers here too.
    ///
    /// # Errors
    /// What is wrong with the credentials.
    async fn handshake(&self, headers: &HeaderMap) -> Result<Self::Call> {
        self.enter(headers, Origin::Client(None)).await
    }

    /// What the client gets in the headers of its answer, be that an error or not. It is asked once.
    fn headers(&self, call: &Self::Call) -> HeaderMap {
        let _ = call;
        HeaderMap::new()
    }

    /// The error that the client gets of a call.
    fn explain(&self, call: &Self::Call, error: Error) -> Error {
        let _ = call;
        error
    }

    /// Whether calls are welcome, as the server's health tells.
    fn is_serving(&self) -> bool {
        true
    }

    /// GetFlightInfo.
    async fn flight_info(&self, call: &Self::Call, descriptor: FlightDescriptor) -> Result<FlightInfo> {
        let _ = (call, descriptor);
        Err(not_implemented("GetFlightInfo"))
    }

    /// GetSchema.
    async fn schema(&self, call: &Self::Call, descriptor: FlightDescriptor) -> Result<SchemaRef> {
        let _ = (call, descriptor);
        Err(not_implemented("GetSchema"))
    }

    /// PollFlightInfo.
    async fn poll(&self, call: &Self::Call, descriptor: FlightDescriptor) -> Result<PollInfo> {
        let _ = (call, descriptor);
        Err(not_implemented("PollFlightInfo"))
    }

    /// ListFlights.
    async fn list(
        &self,
        call: &Self::Call,
        criteria: Criteria,
    ) -> Result<BoxStream<'static, Result<FlightInfo, Status>>> {
        let _ = (call, criteria);
        Err(not_implemented("ListFlights"))
    }

    /// Where the rows of a ticket are kept, when the client can go on with them after a break.
    ///
    /// # Errors
    /// Those of the ticket.
    fn place(&self, call: &Self::Call, ticket: &Ticket) -> Result<Option<Place>> {
        let _ = (call, ticket);
        Ok(None)
    }

    /// DoGet.
    async fn rows(&self, call: &Self::Call, ticket: Ticket) -> Result<Delivered> {
        let _ = (call, ticket);
        Err(not_implemented("DoGet"))
    }

    /// DoPut.
    async fn put(&self, call: &Self::Call, upload: &mut Upload) -> Result<Put> {
        let _ = (call, upload);
        Err(not_implemented("DoPut"))
    }

    /// DoExchange.
    async fn exchange(&self, call: &Self::Call, upload: &mut Upload) -> Result<Exchanged> {
        let _ = (call, upload);
        Err(not_implemented("DoExchange"))
    }

    /// The actions there are.
    fn actions(&self) -> Vec<ActionType> {
        Vec::new()
    }

    /// Prepares a statement.
    async fn prepare(&self, call: &Self::Call, sql: String, transaction: Transaction) -> Result<PreparedStatement> {
        let _ = (call, sql, transaction);
        Err(not_implemented("action CreatePreparedStatement"))
    }

    /// Prepares a Substrait plan.
    async fn prepare_plan(
        &self,
        call: &Self::Call,
        plan: SubstraitPlan,
        transaction: Transaction,
    ) -> Result<PreparedStatement> {
        let _ = (call, plan, transaction);
        Err(not_implemented("action CreatePreparedSubstraitPlan"))
    }

    /// Forgets a prepared statement.
    async fn close_prepared(&self, call: &Self::Call, handle: Bytes) -> Result<()> {
        let _ = (call, handle);
        Err(not_implemented("action ClosePreparedStatement"))
    }

    /// Begins a transaction; its id.
    async fn begin(&self, call: &Self::Call) -> Result<Bytes> {
        let _ = call;
        Err(not_implemented("action BeginTransaction"))
    }

    /// Commits a transaction, or rolls it back.
    async fn end(&self, call: &Self::Call, transaction: Bytes, end: EndTransaction) -> Result<()> {
        let _ = (call, transaction, end);
        Err(not_implemented("action EndTransaction"))
    }

    /// Sets a savepoint in a transaction; its id.
    async fn begin_savepoint(&self, call: &Self::Call, transaction: Bytes, name: String) -> Result<Bytes> {
        let _ = (call, transaction, name);
        Err(not_implemented("action BeginSavepoint"))
    }

    /// Releases a savepoint, or rolls back to it.
    async fn end_savepoint(&self, call: &Self::Call, savepoint: Bytes, end: EndSavepoint) -> Result<()> {
        let _ = (call, savepoint, end);
        Err(not_implemented("action EndSavepoint"))
    }

    /// Sets session options; those that were not set, and why.
    async fn set_options(
        &self,
        call: &Self::Call,
        options: BTreeMap<String, OptionValue>,
    ) -> Result<HashMap<String, OptionProblem>> {
        let _ = (call, options);
        Err(not_implemented("action SetSessionOptions"))
    }

    /// All session options.
    async fn options(&self, call: &Self::Call) -> Result<BTreeMap<String, OptionValue>> {
        let _ = call;
        Err(not_implemented("action GetSessionOptions"))
    }

    /// Ends the session.
    async fn close_session(&self, call: &Self::Call) -> Result<()> {
        let _ = call;
        Err(not_implemented("action CloseSession"))
    }

    /// Cancels the query of a FlightInfo.
    async fn cancel(&self, call: &Self::Call, info: FlightInfo) -> Result<CancelStatus> {
        let _ = (call, info);
        Err(not_implemented("action CancelFlightInfo"))
    }

    /// Gives an endpoint its whole time again.
    async fn renew(&self, call: &Self::Call, endpoint: FlightEndpoint) -> Result<FlightEndpoint> {
        let _ = (call, endpoint);
        Err(not_implemented("action RenewFlightEndpoint"))
    }

    /// An action that is none of Flight's; the body of its result, if it has one.
    async fn other(&self, call: &Self::Call, action: Action) -> Result<Option<Bytes>> {
        let _ = call;
        Err(not_implemented(&format!("action {}", shown(&action.r#type))))
    }
}

/// Rows, and how they are sent.
pub struct Delivered {
    /// The rows.
    pub rows: Rows,
    /// How their buffers are compressed.
    pub compression: Compression,
    /// What each batch is marked by, where its client may go on from there.
    pub marks: Option<Marks>,
}

impl Delivered {
    /// These rows, as they are.
    pub fn plain(rows: Rows) -> Self {
        Self { rows, compression: Compression::None, marks: None }
    }
}

/// What a DoPut came to.
pub enum Put {
    /// That many rows were changed; -1 when it is not known.
    Updated(i64),
    /// Values were bound to the prepared statement with this handle.
    Bound(Bytes),
}

/// What a DoExchange came to.
pub enum Exchanged {
    /// These rows.
    Rows(Delivered),
    /// What the client sends.
    Echo,
}

/// A prepared statement, as its client is told of it.
pub struct PreparedStatement {
    /// What it is known by.
    pub handle: Bytes,
    /// The schema of its rows, where it has rows of its own.
    pub dataset: Option<SchemaRef>,
    /// The schema of its parameters; `None` when it has none.
    pub parameters: Option<SchemaRef>,
    /// Whether it is to be run for its effect; `None` when that is left to the client.
    pub is_update: Option<bool>,
}

/// How a savepoint ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndSavepoint {
    /// What was done since becomes part of the transaction.
    Release,
    /// What was done since is undone.
    Rollback,
}

/// Why a session option was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionProblem {
    /// There is no option of that name.
    InvalidName,
    /// It does not take that value.
    InvalidValue,
    /// Something else went wrong.
    Error,
}
