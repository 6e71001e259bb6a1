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

/// What health is told from.
#[derive(Clone)]
pub struct Health {
    node: Arc<str>,
    is_draining: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Health {
    /// The health of the node of that name, which is asked at each request whether it drains.
    pub fn new(node: impl Into<Arc<str>>, is_draining: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { node: node.into(), is_draining: Arc::new(is_draining) }
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

/// 200 while the node takes new sessions, 503 once it drains, so that a balancer stops sending them.
async fn healthz(State(health): State<Health>) -> Response {
    let (code, status) = match (health.is_draining)() {
        false => (StatusCode::OK, "serving"),
        true => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
    };
    (code, Json(HealthAnswer { status, node: &health.node })).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::atomic::{AtomicBool, Ordering};

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
        let draining = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&draining);
        let health = Health::new("north", move || seen.load(Ordering::Relaxed));
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, health, async move {
            let _ = stopped.await;
        }));

        let answer = get(address, "/healthz").await;
        assert!(
            answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(r#"{"status":"serving","node":"north"}"#),
            "{answer}"
        );
        draining.store(true, Ordering::Relaxed);
        let answer = get(address, "/healthz").await;
        assert!(
            answer.starts_with("HTTP/1.1 503 ") && answer.ends_with(r#"{"status":"draining","node":"north"}"#),
            "{answer}"
        );
        assert!(get(address, "/").await.starts_with("HTTP/1.1 404 "));

        stop.send(()).unwrap();
        server.await.unwrap().unwrap();
    }
}
