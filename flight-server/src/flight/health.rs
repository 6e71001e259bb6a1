//! gRPC health checks: the server serves until it drains, and not while its node has no lease.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::handlers::Handlers;

/// The name Flight is asked about by. The empty name is the server as a whole, which is the same here.
const FLIGHT: &str = "arrow.flight.protocol.FlightService";

/// How soon those who watch the server's health are told that it changed.
const WATCH_INTERVAL: Duration = Duration::from_millis(250);

/// The health of a server.
pub(super) struct ServerHealth<H> {
    handlers: Arc<H>,
}

impl<H> ServerHealth<H> {
    pub(super) fn new(handlers: Arc<H>) -> Self {
        Self { handlers }
    }
}

#[tonic::async_trait]
impl<H: Handlers> Health for ServerHealth<H> {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        if is_known(&request.into_inner()) {
            Ok(Response::new(response(status(&*self.handlers))))
        } else {
            Err(Status::not_found(format!("there is no such service here; there is {FLIGHT}")))
        }
    }

    /// Tells of the health now, and once more when it drains or loses its lease, with which the answer ends.
    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        if !is_known(&request.into_inner()) {
            return Ok(Response::new(stream::iter([Ok(response(ServingStatus::ServiceUnknown))]).boxed()));
        }
        let now = status(&*self.handlers);
        let first = stream::iter([Ok(response(now))]);
        if now == ServingStatus::NotServing {
            return Ok(Response::new(first.boxed()));
        }
        let handlers = self.handlers.clone();
        let last = stream::once(async move {
            while status(&*handlers) == ServingStatus::Serving {
                tokio::time::sleep(WATCH_INTERVAL).await;
            }
            Ok(response(ServingStatus::NotServing))
        });
        Ok(Response::new(first.chain(last).boxed()))
    }
}

fn is_known(request: &HealthCheckRequest) -> bool {
    request.service.is_empty() || request.service == FLIGHT
}

fn status<H: Handlers>(handlers: &H) -> ServingStatus {
    if handlers.is_serving() { ServingStatus::Serving } else { ServingStatus::NotServing }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
