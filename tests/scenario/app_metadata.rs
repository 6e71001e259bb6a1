//! `app_metadata_flight_info_endpoint`: what the command is, the metadata of flight and endpoint are too.

use arrow::datatypes::DataType;
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo};
use async_trait::async_trait;
use flight_server::error::Result;
use flight_server::flight::Handlers;
use flight_server::node::Origin;
use http::HeaderMap;

use crate::script::{info, numbers};

pub(crate) struct AppMetadata;

#[async_trait]
impl Handlers for AppMetadata {
    type Call = ();

    async fn enter(&self, _: &HeaderMap, _: Origin) -> Result<()> {
        Ok(())
    }

    async fn flight_info(&self, (): &(), descriptor: FlightDescriptor) -> Result<FlightInfo> {
        let app_metadata = descriptor.cmd.clone();
        let endpoint = FlightEndpoint { app_metadata: app_metadata.clone(), ..Default::default() };
        let info = info(descriptor, &numbers(DataType::UInt32), vec![endpoint])?;
        Ok(FlightInfo { app_metadata, ..info })
    }
}
