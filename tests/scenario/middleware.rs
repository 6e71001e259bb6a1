//! `middleware`: a header of the call comes back with its answer, be that an error or not.

use arrow::datatypes::Schema;
use arrow_flight::{FlightDescriptor, FlightInfo};
use async_trait::async_trait;
use flight_server::error::Result;
use flight_server::flight::Handlers;
use flight_server::node::Origin;
use http::HeaderMap;

use crate::script::{endpoint, expect, info};

const HEADER: &str = "x-middleware";

pub(crate) struct Middleware;

#[async_trait]
impl Handlers for Middleware {
    /// The header, if it was sent.
    type Call = HeaderMap;

    async fn enter(&self, headers: &HeaderMap, _: Origin) -> Result<HeaderMap> {
        let mut kept = HeaderMap::new();
        if let Some(value) = headers.get(HEADER) {
            kept.insert(HEADER, value.clone());
        }
        Ok(kept)
    }

    fn headers(&self, call: &HeaderMap) -> HeaderMap {
        call.clone()
    }

    async fn flight_info(&self, _: &HeaderMap, descriptor: FlightDescriptor) -> Result<FlightInfo> {
        expect(&*descriptor.cmd, b"success")?;
        info(descriptor, &Schema::empty(), vec![endpoint("foo")])
    }
}
