//! Logs: structured lines on standard error.
//!
//! What happened is the message; what it happened to are fields. No field carries a token, a password or a ticket.

use std::io::{self, IsTerminal};

use thiserror::Error;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{LogFormat, LogLevel};

/// Logging could not be set up: something set it up before.
#[derive(Debug, Error)]
#[error("cannot set up logging: {0}")]
pub struct TelemetryError(#[from] TryInitError);

/// Begins to log, for the rest of the process.
///
/// # Errors
/// When the process logs already.
pub fn init(format: LogFormat, level: LogLevel) -> Result<(), TelemetryError> {
    let filter = filter(level);
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let layer = match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
    };
    Ok(tracing_subscriber::registry().with(layer.with_filter(filter)).try_init()?)
}

/// Pintail's own crates at `level`; the libraries beneath only where they warn, since their talk is not about what
/// an operator did or can do.
fn filter(level: LogLevel) -> Targets {
    let own = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    Targets::new()
        .with_default(own.min(LevelFilter::WARN))
        // What a database says to connections that it ends. Whoever used one tells what that meant.
        .with_target("sqlx::postgres::notice", LevelFilter::OFF)
        .with_targets(["flight_server", "pintail", "session", "typemap"].map(|target| (target, own)))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn own_lines_go_by_the_level_and_libraries_only_warn() {
        let chatty = filter(LogLevel::Debug);
        assert!(chatty.would_enable("flight_server::node", &Level::DEBUG));
        assert!(!chatty.would_enable("flight_server::node", &Level::TRACE));
        assert!(chatty.would_enable("h2::codec", &Level::WARN) && !chatty.would_enable("h2::codec", &Level::INFO));
        let quiet = filter(LogLevel::Error);
        assert!(!quiet.would_enable("h2::codec", &Level::WARN) && quiet.would_enable("session", &Level::ERROR));
    }
}
