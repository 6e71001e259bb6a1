//! `pintail-test-scenario <scenario>`: Pintail's Flight layer before handlers that follow the script of one of the Arrow
//! project's integration scenarios, whose client is another program, of another implementation.
//!
//! The server is the real one up to its handlers: the transport, the decoding of commands, actions and uploads, the encoding of
//! rows, the session messages, and the statuses of errors. It prints a line of JSON with its `port`, and ends with its
//! standard input.

mod app_metadata;
mod auth;
mod echo;
mod expiration;
mod flight_sql;
mod ingestion;
mod location;
mod middleware;
mod ordered;
mod polling;
mod script;
mod session_options;

use std::error::Error;
use std::io::{Read, Write};

use flight_server::flight::{FlightServer, Handlers};
use serde_json::json;
use tokio::net::TcpListener;

type Ended = Result<(), Box<dyn Error>>;

#[tokio::main]
async fn main() -> Ended {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let [scenario] = &arguments[..] else { return Err("usage: pintail-test-scenario <scenario>".into()) };
    match scenario.as_str() {
        "app_metadata_flight_info_endpoint" => serve(app_metadata::AppMetadata).await,
        "auth:basic_proto" => serve(auth::BasicProto::new()?).await,
        "do_exchange:echo" => serve(echo::Echo).await,
        "expiration_time:cancel_flight_info"
        | "expiration_time:do_get"
        | "expiration_time:list_actions"
        | "expiration_time:renew_flight_endpoint" => serve(expiration::Expiration::default()).await,
        "flight_sql" | "flight_sql:extension" => serve(flight_sql::FlightSql).await,
        "flight_sql:ingestion" => serve(ingestion::Ingestion).await,
        "location:reuse_connection" => serve(location::ReuseConnection).await,
        "middleware" => serve(middleware::Middleware).await,
        "ordered" => serve(ordered::Ordered).await,
        "poll_flight_info" => serve(polling::Polling).await,
        "session_options" => serve(session_options::SessionOptions::default()).await,
        other => Err(format!("there is no scenario {other:?}").into()),
    }
}

async fn serve(handlers: impl Handlers) -> Ended {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let server = FlightServer::with_handlers(listener, None, handlers);
    let mut output = std::io::stdout();
    writeln!(output, "{}", json!({ "port": server.local_addr()?.port() }))?;
    output.flush()?;
    let ended = tokio::task::spawn_blocking(|| {
        // Whatever it says, its end is what is waited for.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
    });
    Ok(server.serve(async { ended.await.unwrap_or_default() }).await?)
}
