//! `location:reuse_connection`: an endpoint that is where its ticket came from, and says so.

use arrow::datatypes::Schema;
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, Location};
use async_trait::async_trait;
use flight_server::error::Result;
use flight_server::flight::Handlers;
use flight_server::node::Origin;
use http::HeaderMap;

use crate::script::{endpoint, info};

const SAME_CONNECTION: &str = "arrow-flight-reuse-connection://?";

pub(crate) struct ReuseConnection;

#[async_trait]
impl Handlers for ReuseConnection {
    type Call = ();

    async fn enter(&self, _: &HeaderMap, _: Origin) -> Result<()> {
        Ok(())
    }

    async fn flight_info(&self, (): &(), descriptor: FlightDescriptor) -> Result<FlightInfo> {
        let location = vec![Location { uri: SAME_CONNECTION.to_owned() }];
        info(descriptor, &Schema::empty(), vec![FlightEndpoint { location, ..endpoint("reuse") }])
    }
}
