//! `expiration_time:*`: three endpoints, the first of which can be read once and the others until their time is over. They
//! can be cancelled, and given more time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arrow::array::UInt32Array;
use arrow::datatypes::DataType;
use arrow_flight::{ActionType, CancelStatus, FlightDescriptor, FlightEndpoint, FlightInfo, Ticket};
use async_trait::async_trait;
use bytes::Bytes;
use flight_server::error::{Error, ErrorCode, Result};
use flight_server::flight::{Delivered, Handlers};
use flight_server::node::Origin;
use http::HeaderMap;

use crate::script::{column, endpoint, info, numbers, unexpected};

/// After how many seconds each endpoint expires, if it does.
const LIFETIMES: [Option<u64>; 3] = [None, Some(5), Some(6)];
/// How many more a renewed one has.
const RENEWED: Duration = Duration::from_secs(10);

/// What became of the endpoints that were handed out, by their tickets' numbers.
#[derive(Default)]
pub(crate) struct Expiration(Mutex<HashMap<u32, Endpoint>>);

struct Endpoint {
    expires: Option<SystemTime>,
    was_read: bool,
    cancelled: bool,
}

impl Expiration {
    fn with<T>(&self, ticket: &Bytes, work: impl FnOnce(u32, &mut Endpoint) -> T) -> Result<T> {
        let number = std::str::from_utf8(ticket).ok().and_then(|text| text.parse::<u32>().ok());
        let mut endpoints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = number.and_then(|number| endpoints.get_mut(&number).map(|endpoint| (number, endpoint)));
        let (number, endpoint) = found.ok_or_else(|| unexpected(ticket))?;
        Ok(work(number, endpoint))
    }
}

fn over(why: &str) -> Error {
    Error::new(ErrorCode::TicketExpired, format!("the endpoint {why}"))
}

#[async_trait]
impl Handlers for Expiration {
    type Call = ();

    async fn enter(&self, _: &HeaderMap, _: Origin) -> Result<()> {
        Ok(())
    }

    async fn flight_info(&self, (): &(), descriptor: FlightDescriptor) -> Result<FlightInfo> {
        let now = SystemTime::now();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.clear();
        let endpoints = (0..).zip(LIFETIMES).map(|(number, lifetime)| {
            let expires = lifetime.map(|seconds| now + Duration::from_secs(seconds));
            known.insert(number, Endpoint { expires, was_read: false, cancelled: false });
            FlightEndpoint { expiration_time: expires.map(Into::into), ..endpoint(number.to_string()) }
        });
        info(descriptor, &numbers(DataType::UInt32), endpoints.collect())
    }

    async fn rows(&self, (): &(), ticket: Ticket) -> Result<Delivered> {
        let number = self.with(&ticket.ticket, |number, endpoint| {
            if endpoint.cancelled {
                return Err(over("was cancelled"));
            }
            if endpoint.expires.is_none() && endpoint.was_read {
                return Err(over("can be read only once"));
            }
            if endpoint.expires.is_some_and(|expires| expires < SystemTime::now()) {
                return Err(over("has expired"));
            }
            endpoint.was_read = true;
            Ok(number)
        })??;
        column(numbers(DataType::UInt32), Arc::new(UInt32Array::from(vec![number])))
    }

    fn actions(&self) -> Vec<ActionType> {
        ["CancelFlightInfo", "RenewFlightEndpoint"]
            .map(|name| ActionType { r#type: name.to_owned(), ..Default::default() })
            .into()
    }

    async fn cancel(&self, (): &(), info: FlightInfo) -> Result<CancelStatus> {
        let mut status = CancelStatus::Cancelled;
        for ticket in info.endpoint.into_iter().filter_map(|endpoint| endpoint.ticket) {
            if self.with(&ticket.ticket, |_, endpoint| std::mem::replace(&mut endpoint.cancelled, true))? {
                status = CancelStatus::NotCancellable;
            }
        }
        Ok(status)
    }

    async fn renew(&self, (): &(), endpoint: FlightEndpoint) -> Result<FlightEndpoint> {
        let expires = SystemTime::now() + RENEWED;
        let ticket = endpoint.ticket.clone().unwrap_or_default();
        self.with(&ticket.ticket, |_, known| known.expires = Some(expires))?;
        Ok(FlightEndpoint { expiration_time: Some(expires.into()), ..endpoint })
    }
}
