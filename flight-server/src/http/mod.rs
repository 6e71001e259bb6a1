//! Health over plain HTTP, for load balancers and supervisors.
//!
//! It reads what the node says of itself and owns no state.

use std::io;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::net::TcpListener;

/// Whether a node is to be given calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It serves.
    Serving,
    /// It takes no new sessions.
    Draining,
    /// It has no lease, since the session store does not answer, and can serve nobody until it has one.
    WithoutLease,
}

/// What health is told from.
#[derive(Clone)]
pub struct Health {
    node: Arc<str>,
    status: Arc<dyn Fn() -> Status + Send + Sync>,
}

impl Health {
    /// The health of the node of that name, which is asked at each request.
    pub fn new(node: impl Into<Arc<str>>, status: impl Fn() -> Status + Send + Sync + 'static) -> Self {
        Self { node: node.into(), status: Arc::new(status) }
    }
}

/// The answer of `GET /healthz`.
#[derive(Debug, Serialize)]
struct HealthAnswer<'a> {
    status: &'static str,
    node: &'a str,
}

/// Serves until `shutdown` is done, and then until the requests that are under way have their answer.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    health: Health,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let routes = Router::new().route("/healthz", get(healthz)).with_state(health);
    axum::serve(listener, routes).with_graceful_shutdown(shutdown).await
}

/// 200 while the node takes new sessions, 503 once it drains or while it has no lease, so that a balancer stops sending them.
async fn healthz(State(health): State<Health>) -> Response {
    let (code, status) = match (health.status)() {
        Status::Serving => (StatusCode::OK, "serving"),
        Status::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        Status::WithoutLease => (StatusCode::SERVICE_UNAVAILABLE, "without lease"),
    };
    (code, Json(HealthAnswer { status, node: &health.node })).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;

    use super::*;

    async fn get(address: std::net::SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn health_tells_serving_from_draining_and_ends_when_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let status = Arc::new(parking_lot::Mutex::new(Status::Serving));
        let seen = Arc::clone(&status);
        let health = Health::new("north", move || *seen.lock());
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, health, async move {
            let _ = stopped.await;
        }));

        let answer = get(address, "/healthz").await;
        assert!(
            answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(r#"{"status":"serving","node":"north"}"#),
            "{answer}"
        );
        for (now, told) in [(Status::Draining, "draining"), (Status::WithoutLease, "without lease")] {
            *status.lock() = now;
            let answer = get(address, "/healthz").await;
            let expected = format!(r#"{{"status":"{told}","node":"north"}}"#);
            assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with(&expected), "{answer}");
        }
        assert!(get(address, "/").await.starts_with("HTTP/1.1 404 "));

        stop.send(()).unwrap();
        server.await.unwrap().unwrap();
    }
}
