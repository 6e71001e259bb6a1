//! What fuzzers try this layer with: see `flight-server/fuzz`. Not part of the server.

use std::time::{Duration, UNIX_EPOCH};

use arrow::array::Array;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use arrow_flight::{Action, FlightData, FlightDescriptor};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream;
use http::HeaderMap;
use prost::Message;
use tokio::runtime::Builder;

use super::actions;
use super::command::Command;
use super::handlers::Handlers;
use super::parameters::Upload;
use super::status::convert;
use super::ticket::{self, Holder};
use crate::error::Result;
use crate::node::Origin;

const KEY: [u8; 32] = [7; 32];
const HOLDER: Holder<'static> = Holder { session: b"fuzz", principal: "fuzz" };

/// Runs what decompresses on threads of a runtime.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().build();
    runtime.unwrap_or_else(|error| panic!("there is no runtime: {error}")).block_on(work)
}

/// Handlers that refuse everything, as their defaults do.
struct Refusing;

#[async_trait]
impl Handlers for Refusing {
    type Call = ();

    async fn enter(&self, _: &HeaderMap, _: Origin) -> Result<()> {
        Ok(())
    }
}

/// Bytes as a descriptor, as a command, and as an action: each is read, or refused with an error that a client can be told.
pub fn command(bytes: &[u8]) {
    let refused = |result: Result<()>| {
        if let Err(error) = result {
            let _ = convert(&error).into_http::<String>();
        }
    };
    if let Ok(descriptor) = FlightDescriptor::decode(bytes) {
        refused(Command::from_descriptor(&descriptor).map(|command| assert!(!command.name().is_empty())));
    }
    refused(Command::decode(&Bytes::copy_from_slice(bytes)).map(drop));
    if let Ok(action) = Action::decode(bytes) {
        refused(block_on(actions::act(&Refusing, &(), action)).map(drop));
    }
}

/// Bytes as a ticket, which they are not, and as what a ticket says, under a signature that holds: that is read and says the
/// same again, or is refused.
pub fn ticket(bytes: &[u8]) {
    let now = UNIX_EPOCH + Duration::from_secs(1_000);
    let raw = Bytes::copy_from_slice(bytes);
    assert!(ticket::redeem(&KEY, HOLDER, &raw, now).is_err(), "nobody but the server can sign");
    let Ok(contents) = ticket::redeem(&KEY, HOLDER, &ticket::sign(&KEY, bytes), now) else { return };
    let again = ticket::issue(&KEY, HOLDER, &contents, now);
    let read = ticket::redeem(&KEY, HOLDER, &again, now);
    assert!(read.is_ok_and(|read| ticket::issue(&KEY, HOLDER, &read, now) == again));
}

/// Bytes as the messages of an upload, one after the other with its length before it: what is read of them can be looked at,
/// value by value.
pub fn upload(bytes: &[u8]) {
    let mut rest = bytes;
    let mut messages = Vec::new();
    while let Ok(message) = FlightData::decode_length_delimited(&mut rest) {
        messages.push(Ok(message));
        if rest.is_empty() {
            break;
        }
    }
    if let Some(Ok(first)) = messages.first_mut() {
        first.flight_descriptor.get_or_insert_default();
    }
    let rows = messages.clone();
    block_on(async {
        let Ok(mut upload) = Upload::open(stream::iter(messages)).await else { return };
        let Ok(values) = upload.values().await else { return };
        for batch in values.into_batches() {
            for column in batch.columns() {
                assert_eq!(column.to_data().validate_full().map_err(|error| error.to_string()), Ok(()));
                let Ok(shown) = ArrayFormatter::try_new(column, &FormatOptions::default()) else { continue };
                for row in 0..column.len().min(64) {
                    let _ = shown.value(row).try_to_string();
                }
            }
        }
    });
    block_on(async {
        let Ok(mut upload) = Upload::open(stream::iter(rows)).await else { return };
        let Ok(schema) = upload.schema().await else { return };
        while let Ok(Some(batch)) = upload.batch().await {
            assert_eq!(batch.num_columns(), schema.fields().len());
        }
        upload.finish().await;
    });
}
