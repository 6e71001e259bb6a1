//! `do_exchange:echo`: what the client sends after the command `echo` comes back, message for message.

use async_trait::async_trait;
use flight_server::error::Result;
use flight_server::flight::{Exchanged, Handlers, Upload};
use flight_server::node::Origin;
use http::HeaderMap;

use crate::script::expect;

pub(crate) struct Echo;

#[async_trait]
impl Handlers for Echo {
    type Call = ();

    async fn enter(&self, _: &HeaderMap, _: Origin) -> Result<()> {
        Ok(())
    }

    async fn exchange(&self, (): &(), upload: &mut Upload) -> Result<Exchanged> {
        expect(&*upload.descriptor()?.cmd, b"echo")?;
        Ok(Exchanged::Echo)
    }
}
