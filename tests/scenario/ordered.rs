//! `ordered`: three endpoints whose rows are one result in their order.

use std::sync::Arc;

use arrow::array::Int32Array;
use arrow::datatypes::DataType;
use arrow_flight::{FlightDescriptor, FlightInfo, Ticket};
use async_trait::async_trait;
use flight_server::error::Result;
use flight_server::flight::{Delivered, Handlers};
use flight_server::node::Origin;
use http::HeaderMap;

use crate::script::{column, endpoint, info, numbers, unexpected};

/// The tickets, and the number that the rows are multiples of.
const PARTS: [(&str, i32); 3] = [("1", 1), ("2", 10), ("3", 100)];

pub(crate) struct Ordered;

#[async_trait]
impl Handlers for Ordered {
    type Call = ();

    async fn enter(&self, _: &HeaderMap, _: Origin) -> Result<()> {
        Ok(())
    }

    async fn flight_info(&self, (): &(), descriptor: FlightDescriptor) -> Result<FlightInfo> {
        let ordered = *descriptor.cmd == *b"ordered";
        let endpoints = PARTS.map(|(ticket, _)| endpoint(ticket)).into();
        Ok(FlightInfo { ordered, ..info(descriptor, &numbers(DataType::Int32), endpoints)? })
    }

    async fn rows(&self, (): &(), ticket: Ticket) -> Result<Delivered> {
        let part = PARTS.iter().find(|(known, _)| known.as_bytes() == &*ticket.ticket);
        let (_, number) = part.ok_or_else(|| unexpected(&ticket.ticket))?;
        column(numbers(DataType::Int32), Arc::new(Int32Array::from_iter_values((1..=3).map(|row| row * number))))
    }
}
