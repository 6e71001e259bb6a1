//! The time a client gives its call: when it is over, the call is dropped and its client told so.
//!
//! The transport does the same, and calls it cancelled. Here the time begins before it begins there, so that this comes first.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use tokio::time::{Instant, sleep_until};
use tonic::body::Body;
use tower::{Layer, Service};

use super::status::status;
use crate::error::{Error, ErrorCode};

/// Where a client says how long a call may take.
const HEADER: &str = "grpc-timeout";

/// Puts [`Timed`] around a service.
#[derive(Clone, Copy)]
pub(super) struct DeadlineLayer;

impl<S> Layer<S> for DeadlineLayer {
    type Service = Timed<S>;

    fn layer(&self, inner: S) -> Timed<S> {
        Timed { inner }
    }
}

/// A service whose answers are in time, or say that they are not.
#[derive(Clone)]
pub(super) struct Timed<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for Timed<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let deadline = given(request.headers()).and_then(|time| Instant::now().checked_add(time));
        let response = self.inner.call(request);
        match deadline {
            None => Box::pin(response),
            Some(deadline) => Box::pin(async move {
                tokio::select! {
                    // A peer that has the call has its time too, which may be over in the same tick of the clock.
                    biased;
                    () = sleep_until(deadline) => Ok(status(&is_over()).into_http()),
                    response = response => response,
                }
            }),
        }
    }
}

fn is_over() -> Error {
    Error::new(
        ErrorCode::DeadlineExceeded,
        "the time that the client gave the call is over, and what ran for it was cancelled; give it more (in ADBC, the \
         options adbc.flight.sql.rpc.timeout_seconds.*)",
    )
}

/// The time that a call is given: at most eight digits, and the letter of a unit.
fn given(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(HEADER)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3_600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::pending;

    use http::{HeaderName, HeaderValue};
    use tonic::{Code, Status};

    use super::*;
    use crate::flight::status::CODE_HEADER;

    /// Answers after some time, or never.
    struct After(Option<Duration>);

    impl Service<Request<Body>> for After {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            let time = self.0;
            Box::pin(async move {
                match time {
                    None => pending().await,
                    Some(time) => tokio::time::sleep(time).await,
                }
                Ok(Response::new(Body::empty()))
            })
        }
    }

    async fn answer(after: Option<Duration>, time: &'static str) -> Response<Body> {
        let mut request = Request::new(Body::empty());
        request.headers_mut().insert(HEADER, HeaderValue::from_static(time));
        DeadlineLayer.layer(After(after)).call(request).await.unwrap()
    }

    /// What has the call, such as a peer, may have the same time, and its clock the same ticks.
    #[tokio::test(start_paused = true)]
    async fn of_two_times_that_are_over_at_once_this_one_is_told() {
        let late = answer(Some(Duration::from_millis(20)), "20m").await;
        assert_eq!(Status::from_header_map(late.headers()).unwrap().code(), Code::DeadlineExceeded);
        let in_time = answer(Some(Duration::from_millis(19)), "20m").await;
        assert!(Status::from_header_map(in_time.headers()).is_none());
    }

    #[tokio::test]
    async fn a_call_whose_time_is_over_is_told_so_and_one_in_time_gets_its_answer() {
        let late = answer(None, "1m").await;
        let status = Status::from_header_map(late.headers()).unwrap();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert_eq!(late.headers()[CODE_HEADER], "DEADLINE_EXCEEDED");
        assert!(status.message().starts_with("[57014] "), "{}", status.message());
        let in_time = answer(Some(Duration::ZERO), "1H").await;
        assert!(Status::from_header_map(in_time.headers()).is_none());
    }

    #[test]
    fn the_time_is_read_in_every_unit_and_nonsense_is_none() {
        let given = |text: &'static str| {
            given(&HeaderMap::from_iter([(HeaderName::from_static(HEADER), HeaderValue::from_static(text))]))
        };
        assert_eq!(given("2H"), Some(Duration::from_secs(7_200)));
        assert_eq!(given("3M"), Some(Duration::from_secs(180)));
        assert_eq!(given("4S"), Some(Duration::from_secs(4)));
        assert_eq!(given("500m"), Some(Duration::from_millis(500)));
        assert_eq!(given("99999999u"), Some(Duration::from_micros(99_999_999)));
        assert_eq!(given("7n"), Some(Duration::from_nanos(7)));
        for nonsense in ["", "S", "5", "5s", "-5S", "+5S", "999999999S", "5.0S"] {
            assert_eq!(given(nonsense), None, "{nonsense}");
        }
    }
}
