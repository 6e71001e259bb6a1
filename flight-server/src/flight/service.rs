//! The Flight RPCs: each finds out whose call it is, decodes it once, and hands it on.

use std::sync::Arc;

use arrow_flight::flight_service_server::FlightService;
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo, HandshakeRequest, HandshakeResponse,
    PollInfo, PutResult, SchemaResult, Ticket,
};
use futures::stream::{self, BoxStream, StreamExt};
use http::HeaderMap;
use tonic::{Request, Response, Status, Streaming};

use super::call::Call;
use super::command::Command;
use super::encode::{ResultMessages, check_schema, schema_bytes};
use super::parameters::Upload;
use super::status::status;
use super::ticket::{Claim, Redeemed};
use super::{actions, exchange, handshake, listing, metadata, polls, prepared, statements, uploads};
use crate::engine::{Rows, Statement};
use crate::error::{Error, ErrorCode, Result};
use crate::node::{Node, Origin};
use crate::peer::FromPeer;

type Messages<T> = BoxStream<'static, Result<T, Status>>;

/// Flight, for one node.
pub(super) struct Service {
    node: Arc<Node>,
}

impl Service {
    pub(super) fn new(node: Arc<Node>) -> Self {
        Self { node }
    }

    /// The call's session, and the message it brings.
    async fn enter<T>(&self, request: Request<T>) -> Result<(Call, T), Status> {
        let (headers, origin, message) = split(request);
        let caller = self.node.caller(&headers, origin).await.map_err(|error| status(&error))?;
        Ok((Call { node: self.node.clone(), caller }, message))
    }
}

#[tonic::async_trait]
impl FlightService for Service {
    type HandshakeStream = Messages<HandshakeResponse>;
    type ListFlightsStream = Messages<FlightInfo>;
    type DoGetStream = Messages<FlightData>;
    type DoPutStream = Messages<PutResult>;
    type DoExchangeStream = Messages<FlightData>;
    type DoActionStream = Messages<arrow_flight::Result>;
    type ListActionsStream = Messages<ActionType>;

    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        let (headers, _, messages) = split(request);
        let caller = self.node.handshake(&headers).await.map_err(|error| status(&error))?;
        let call = Call { node: self.node.clone(), caller };
        call.answer(Ok(handshake::answer(messages).boxed()))
    }

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<FlightInfo>, Status> {
        let (call, descriptor) = self.enter(request).await?;
        let info = flight_info(&call, descriptor).await;
        call.answer(info)
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Result<Response<SchemaResult>, Status> {
        let (call, descriptor) = self.enter(request).await?;
        let schema = schema(&call, &descriptor).await;
        call.answer(schema)
    }

    async fn do_get(&self, request: Request<Ticket>) -> Result<Response<Self::DoGetStream>, Status> {
        let (call, ticket) = self.enter(request).await?;
        let messages = match rows(&call, &ticket).await {
            Ok(rows) => ResultMessages::new(rows),
            Err(error) => Err(error),
        };
        call.answer(messages.map(StreamExt::boxed))
    }

    async fn do_put(&self, request: Request<Streaming<FlightData>>) -> Result<Response<Self::DoPutStream>, Status> {
        let (call, messages) = self.enter(request).await?;
        let mut upload = match Upload::open(messages).await {
            Ok(upload) => upload,
            Err(error) => return call.answer(Err(error)),
        };
        let result = uploads::put(&call, &mut upload).await;
        // The rest of the upload is read after the answer is sent: a client may wait for the one to end the other.
        let rest = stream::once(upload.finish()).filter_map(|()| std::future::ready(None));
        call.answer(result.map(|result| stream::iter([Ok(result)]).chain(rest).boxed()))
    }

    async fn do_action(&self, request: Request<Action>) -> Result<Response<Self::DoActionStream>, Status> {
        let (call, action) = self.enter(request).await?;
        let body = actions::act(&call, action).await;
        call.answer(body.map(|body| stream::iter(body.map(|body| Ok(arrow_flight::Result { body }))).boxed()))
    }

    async fn list_actions(&self, request: Request<Empty>) -> Result<Response<Self::ListActionsStream>, Status> {
        let (call, Empty {}) = self.enter(request).await?;
        call.answer(Ok(stream::iter(actions::list().map(Ok)).boxed()))
    }

    async fn poll_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<PollInfo>, Status> {
        let (call, descriptor) = self.enter(request).await?;
        let info = polls::poll(&call, descriptor).await;
        call.answer(info)
    }

    async fn list_flights(&self, request: Request<Criteria>) -> Result<Response<Self::ListFlightsStream>, Status> {
        let (call, criteria) = self.enter(request).await?;
        let flights = listing::list(&call, criteria).await;
        call.answer(flights)
    }

    async fn do_exchange(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        let (call, messages) = self.enter(request).await?;
        let answer = exchange::exchange(&call, messages).await;
        call.answer(answer)
    }
}

fn split<T>(request: Request<T>) -> (HeaderMap, Origin, T) {
    let origin = match request.extensions().get::<FromPeer>() {
        Some(from) => Origin::Peer(from.connection_session.clone()),
        None => Origin::Client(request.remote_addr()),
    };
    let (metadata, _, message) = request.into_parts();
    (metadata.into_headers(), origin, message)
}

async fn flight_info(call: &Call, descriptor: FlightDescriptor) -> Result<FlightInfo> {
    match Command::from_descriptor(&descriptor)? {
        Command::StatementQuery { sql, transaction } => statements::info(call, descriptor, sql, transaction).await,
        Command::PreparedQuery { handle } => prepared::info(call, descriptor, &handle).await,
        Command::Metadata(command) => {
            let claim = Claim::Metadata(descriptor.cmd.clone());
            call.flight_info(descriptor, &metadata::schema(&command), &claim, None)
        }
        update @ (Command::StatementUpdate { .. } | Command::PreparedUpdate { .. } | Command::Ingest(_)) => {
            Err(for_put(&update))
        }
    }
}

async fn schema(call: &Call, descriptor: &FlightDescriptor) -> Result<SchemaResult> {
    let schema = match Command::from_descriptor(descriptor)? {
        Command::StatementQuery { sql, transaction } => statements::schema(call, &sql, &transaction).await?,
        Command::PreparedQuery { handle } => prepared::schema(call, &handle).await?,
        Command::Metadata(command) => metadata::schema(&command),
        update @ (Command::StatementUpdate { .. } | Command::PreparedUpdate { .. } | Command::Ingest(_)) => {
            return Err(for_put(&update));
        }
    };
    check_schema(&schema)?;
    Ok(SchemaResult { schema: schema_bytes(&schema)? })
}

async fn rows(call: &Call, ticket: &Ticket) -> Result<Rows> {
    let Redeemed { claim, query } = call.redeem(ticket)?;
    match claim {
        Claim::Read { sql, cut } => {
            let rows = statements::read(call, Statement { cut, ..Statement::new(sql) });
            call.session().until_cancelled(query, rows).await
        }
        Claim::Kept(id) => call.session().until_cancelled(query, statements::fetch_kept(call, &id)).await,
        Claim::Metadata(command) => match Command::decode(&command)? {
            Command::Metadata(command) => {
                metadata::rows(command, &*call.session().engine_of(), &*call.session().engine()).await
            }
            other => Err(Error::internal(format_args!("a ticket for metadata holds {}", other.name()))),
        },
        Claim::Polled => Err(Error::new(
            ErrorCode::RequestInvalid,
            "the descriptor of a poll is no ticket: poll with it until the query is complete, and fetch its endpoints",
        )),
    }
}

/// The error for a command that is sent by another RPC.
pub(super) fn for_put(command: &Command) -> Error {
    Error::new(ErrorCode::RequestInvalid, format!("{} is sent for its effect: send it with DoPut", command.name()))
}
