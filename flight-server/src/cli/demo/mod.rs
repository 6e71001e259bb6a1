//! `pintail demo`: a session that outlives the servers it is on, which are killed with `kill -9`: three peers, real data, a real
//! client over TCP.

#[cfg(feature = "duckdb")]
mod client;
#[cfg(feature = "duckdb")]
mod error;
#[cfg(feature = "duckdb")]
mod hints;
#[cfg(feature = "duckdb")]
mod nodes;
#[cfg(feature = "duckdb")]
mod sample;
#[cfg(feature = "duckdb")]
mod server;
#[cfg(feature = "duckdb")]
mod story;

use std::process::ExitCode;

// What measures takeovers needs such servers too.
#[cfg(feature = "duckdb")]
pub(super) use self::{client::Client, error::DemoError, nodes::Nodes};

/// Shows it; keeps serving afterwards unless `exit` is set.
#[cfg(feature = "duckdb")]
pub(super) fn run(exit: bool) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            super::complain(&error);
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(story::show(exit)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            super::complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Says that there is nothing to show it with.
#[cfg(not(feature = "duckdb"))]
pub(super) fn run(_exit: bool) -> ExitCode {
    #[derive(Debug, thiserror::Error)]
    #[error("the demo runs SQL, and this build has no engine: build it with the feature `duckdb`")]
    struct NoEngine;

    super::complain(&NoEngine);
    ExitCode::FAILURE
}
