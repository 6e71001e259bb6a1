//! `poll_flight_info`: a query that is not complete at the first poll, and is at the second.

use std::time::{Duration, SystemTime};

use arrow::datatypes::DataType;
use arrow_flight::{FlightDescriptor, PollInfo};
use async_trait::async_trait;
use flight_server::error::Result;
use flight_server::flight::Handlers;
use flight_server::node::Origin;
use http::HeaderMap;

use crate::script::{endpoint, info, numbers};

/// The command of the second poll.
const AGAIN: &str = "poll";

pub(crate) struct Polling;

#[async_trait]
impl Handlers for Polling {
    type Call = ();

    async fn enter(&self, _: &HeaderMap, _: Origin) -> Result<()> {
        Ok(())
    }

    async fn poll(&self, (): &(), descriptor: FlightDescriptor) -> Result<PollInfo> {
        let is_complete = *descriptor.cmd == *AGAIN.as_bytes();
        let info = info(descriptor, &numbers(DataType::UInt32), vec![endpoint("long-running query")])?;
        Ok(if is_complete {
            PollInfo { info: Some(info), flight_descriptor: None, progress: Some(1.0), expiration_time: None }
        } else {
            PollInfo {
                info: Some(info),
                flight_descriptor: Some(FlightDescriptor::new_cmd(AGAIN)),
                progress: Some(0.1),
                expiration_time: Some((SystemTime::now() + Duration::from_secs(10)).into()),
            }
        })
    }
}
