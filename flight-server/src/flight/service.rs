//! The Flight RPCs: each finds out whose call it is, reads its message, hands it on, and writes what comes back.

use std::sync::Arc;

use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::{DoPutPreparedStatementResult, DoPutUpdateResult};
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo, HandshakeRequest, HandshakeResponse,
    PollInfo, PutResult, SchemaResult, Ticket,
};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use http::HeaderMap;
use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use super::connection::{Connection, ConnectionEnd};
use super::encode::{ResultMessages, check_schema, schema_bytes};
use super::handlers::{Delivered, Exchanged, Handlers, Put};
use super::parameters::Upload;
use super::row_message::RowMessage;
use super::status::status;
use super::uncopied::{RowMessages, put_beside, wants_compression};
use super::{actions, handshake};
use crate::error::Result;
use crate::node::Origin;
use crate::peer::FromPeer;

type Messages<T> = BoxStream<'static, Result<T, Status>>;

/// Flight, before some handlers.
pub(super) struct Service<H> {
    handlers: Arc<H>,
}

impl<H: Handlers> Service<H> {
    pub(super) fn new(handlers: Arc<H>) -> Self {
        Self { handlers }
    }

    /// The call, and the message it brings.
    async fn enter<T>(&self, request: Request<T>) -> Result<(H::Call, T), Status> {
        let (headers, origin, message) = split(request);
        let call = self.handlers.enter(&headers, origin).await.map_err(|error| status(&error))?;
        Ok((call, message))
    }

    /// The messages of what a ticket is for.
    async fn rows(&self, call: &H::Call, ticket: Ticket, end: Option<ConnectionEnd>) -> Result<RowMessages> {
        let place = self.handlers.place(call, &ticket)?;
        if let Some(place) = &place
            && let Some(rest) = place.take_over(end.clone())?
        {
            return Ok(rest);
        }
        let messages = self.handlers.rows(call, ticket).await.and_then(messages)?;
        Ok(match place {
            Some(place) => place.hold(messages, end),
            None => messages.boxed(),
        })
    }

    /// What the client gets for rows: beside the answer, or in it where they have to be compressed.
    fn answer_rows(
        &self,
        call: &H::Call,
        rows: Result<RowMessages>,
        is_compressed: bool,
    ) -> Result<Response<Messages<FlightData>>, Status> {
        if is_compressed {
            return self.answer(call, rows.map(|rows| rows.map_ok(RowMessage::into_flight_data).boxed()));
        }
        let (rows, nothing) = match rows {
            Ok(rows) => (Some(rows), Ok(stream::empty().boxed())),
            Err(error) => (None, Err(error)),
        };
        let mut answer = self.answer(call, nothing)?;
        if let Some(rows) = rows {
            put_beside(&mut answer, rows);
        }
        Ok(answer)
    }

    /// What the client gets, be it an answer or an error: with the headers of its call.
    fn answer<T>(&self, call: &H::Call, result: Result<T>) -> Result<Response<T>, Status> {
        let result = result.map_err(|error| self.handlers.explain(call, error));
        with_headers(self.handlers.headers(call), result)
    }
}

#[tonic::async_trait]
impl<H: Handlers> FlightService for Service<H> {
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
        let (mut headers, _, mut messages) = split(request);
        let by_message = handshake::take_credentials(&mut headers, &mut messages).await;
        let by_message = by_message.map_err(|error| status(&error))?;
        let call = self.handlers.handshake(&headers).await.map_err(|error| status(&error))?;
        let headers = self.handlers.headers(&call);
        let messages = handshake::answer(messages, by_message, &headers);
        with_headers(headers, Ok(messages))
    }

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<FlightInfo>, Status> {
        let (call, descriptor) = self.enter(request).await?;
        self.answer(&call, self.handlers.flight_info(&call, descriptor).await)
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Result<Response<SchemaResult>, Status> {
        let (call, descriptor) = self.enter(request).await?;
        let schema = self.handlers.schema(&call, descriptor).await;
        let answer = schema.and_then(|schema| {
            check_schema(&schema)?;
            Ok(SchemaResult { schema: schema_bytes(&schema)? })
        });
        self.answer(&call, answer)
    }

    async fn do_get(&self, request: Request<Ticket>) -> Result<Response<Self::DoGetStream>, Status> {
        let end = Connection::of(request.extensions()).map(|connection| connection.end.clone());
        let is_compressed = wants_compression(request.metadata());
        let (call, ticket) = self.enter(request).await?;
        let rows = self.rows(&call, ticket, end).await;
        self.answer_rows(&call, rows, is_compressed)
    }

    async fn do_put(&self, request: Request<Streaming<FlightData>>) -> Result<Response<Self::DoPutStream>, Status> {
        let (call, messages) = self.enter(request).await?;
        let mut upload = match Upload::open(messages).await {
            Ok(upload) => upload,
            Err(error) => return self.answer(&call, Err(error)),
        };
        let result = self.handlers.put(&call, &mut upload).await.map(put_result);
        // The rest of the upload is read after the answer is sent: a client may wait for the one to end the other.
        let rest = stream::once(upload.finish()).filter_map(|()| std::future::ready(None));
        self.answer(&call, result.map(|result| stream::iter([Ok(result)]).chain(rest).boxed()))
    }

    async fn do_action(&self, request: Request<Action>) -> Result<Response<Self::DoActionStream>, Status> {
        let (call, action) = self.enter(request).await?;
        let body = actions::act(&*self.handlers, &call, action).await;
        let results = body.map(|body| stream::iter(body.map(|body| Ok(arrow_flight::Result { body }))).boxed());
        self.answer(&call, results)
    }

    async fn list_actions(&self, request: Request<Empty>) -> Result<Response<Self::ListActionsStream>, Status> {
        let (call, Empty {}) = self.enter(request).await?;
        self.answer(&call, Ok(stream::iter(self.handlers.actions().into_iter().map(Ok)).boxed()))
    }

    async fn poll_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<PollInfo>, Status> {
        let (call, descriptor) = self.enter(request).await?;
        self.answer(&call, self.handlers.poll(&call, descriptor).await)
    }

    async fn list_flights(&self, request: Request<Criteria>) -> Result<Response<Self::ListFlightsStream>, Status> {
        let (call, criteria) = self.enter(request).await?;
        self.answer(&call, self.handlers.list(&call, criteria).await)
    }

    async fn do_exchange(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        let is_compressed = wants_compression(request.metadata());
        let (call, incoming) = self.enter(request).await?;
        let mut upload = match Upload::open(incoming).await {
            Ok(upload) => upload,
            Err(error) => return self.answer(&call, Err(error)),
        };
        let rows = match self.handlers.exchange(&call, &mut upload).await {
            Ok(Exchanged::Echo) => return self.answer(&call, Ok(upload.into_messages().boxed())),
            // A client may wait for one direction to end before it ends the other.
            Ok(Exchanged::Rows(rows)) => messages(rows).map(|messages| {
                let rest = stream::once(upload.finish()).filter_map(|()| std::future::ready(None));
                messages.chain(rest).boxed()
            }),
            Err(error) => Err(error),
        };
        self.answer_rows(&call, rows, is_compressed)
    }
}

fn split<T>(request: Request<T>) -> (HeaderMap, Origin, T) {
    let origin = match request.extensions().get::<FromPeer>() {
        Some(from) => Origin::Peer(from.connection_session.clone()),
        None => Origin::Client(Connection::of(request.extensions()).and_then(|connection| connection.remote)),
    };
    let (metadata, _, message) = request.into_parts();
    (metadata.into_headers(), origin, message)
}

fn with_headers<T>(headers: HeaderMap, result: Result<T>) -> Result<Response<T>, Status> {
    let extend = |metadata: &mut MetadataMap| {
        let mut all = std::mem::take(metadata).into_headers();
        all.extend(headers);
        *metadata = MetadataMap::from_headers(all);
    };
    match result {
        Ok(message) => {
            let mut response = Response::new(message);
            extend(response.metadata_mut());
            Ok(response)
        }
        Err(error) => {
            let mut status = status(&error);
            extend(status.metadata_mut());
            Err(status)
        }
    }
}

fn messages(Delivered { rows, compression, marks }: Delivered) -> Result<ResultMessages> {
    ResultMessages::new(rows, compression, marks)
}

fn put_result(put: Put) -> PutResult {
    let app_metadata = match put {
        Put::Updated(record_count) => DoPutUpdateResult { record_count }.encode_to_vec(),
        Put::Bound(handle) => DoPutPreparedStatementResult { prepared_statement_handle: Some(handle) }.encode_to_vec(),
    };
    PutResult { app_metadata: app_metadata.into() }
}
