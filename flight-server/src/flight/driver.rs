//! What one driver has to be told otherwise than the others. Their calls are told apart by their user agents.
//!
//! The JDBC driver writes the milliseconds of a time into a parameter of whatever unit it was told, and takes a statement for
//! an update when no columns of it are told. Both change or lose data unsaid. The client for Go, which is ADBC's too, says
//! nothing at all to ingest no rows, which from others is a mistake.

use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, TimeUnit};
use http::header::USER_AGENT;
use http::{HeaderMap, Request};
use tokio::task::futures::TaskLocalFuture;
use tower::{Layer, Service};

/// A driver that has to be told something otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Driver {
    /// Whatever calls by gRPC for Java, as the JDBC driver does.
    Java,
    /// Whatever calls by gRPC for Go, as ADBC's driver does.
    Go,
}

tokio::task_local! {
    /// Whose call is being answered.
    static DRIVER: Option<Driver>;
}

/// Whether the call that is being answered comes from Java. What was begun by a call and goes on without it comes from nowhere.
pub(super) fn is_java() -> bool {
    is(Driver::Java)
}

/// The same of Go.
pub(super) fn is_go() -> bool {
    is(Driver::Go)
}

fn is(driver: Driver) -> bool {
    DRIVER.try_with(|calling| *calling == Some(driver)).unwrap_or(false)
}

/// Puts [`Told`] around a service.
#[derive(Clone, Copy)]
pub(super) struct DriverLayer;

impl<S> Layer<S> for DriverLayer {
    type Service = Told<S>;

    fn layer(&self, inner: S) -> Told<S> {
        Told { inner }
    }
}

/// A service that knows whose call it answers.
#[derive(Clone)]
pub(super) struct Told<S> {
    inner: S,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Told<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = TaskLocalFuture<Option<Driver>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        DRIVER.scope(named(request.headers()), self.inner.call(request))
    }
}

/// The driver that the user agent names; an application's own name may stand before its.
fn named(headers: &HeaderMap) -> Option<Driver> {
    let agent = headers.get(USER_AGENT)?.to_str().ok()?;
    agent.split_ascii_whitespace().find_map(|product| match product.split('/').next()? {
        "grpc-go" => Some(Driver::Go),
        name if name.starts_with("grpc-java") => Some(Driver::Java),
        _ => None,
    })
}

/// The same parameters with times and timestamps in milliseconds. Their values are cast to what the statement wants.
pub(super) fn in_milliseconds(parameters: &Schema) -> Schema {
    Schema::new(fields_in_milliseconds(parameters.fields()))
}

fn fields_in_milliseconds(fields: &Fields) -> Fields {
    fields.iter().map(field_in_milliseconds).collect()
}

fn field_in_milliseconds(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Time64(_) => DataType::Time32(TimeUnit::Millisecond),
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Millisecond, zone.clone()),
        DataType::List(item) => DataType::List(field_in_milliseconds(item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(field_in_milliseconds(item), *size),
        DataType::Struct(members) => DataType::Struct(fields_in_milliseconds(members)),
        DataType::Map(entries, sorted) => DataType::Map(field_in_milliseconds(entries), *sorted),
        _ => return Arc::clone(field),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// What stands for the columns of a query that are known only after it has run. The driver reads those of the rows then.
pub(super) fn unknown_columns() -> Schema {
    Schema::new(vec![Field::new("known when it has run", DataType::Utf8, true)])
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_driver_is_told_by_its_user_agent_wherever_it_stands_there() {
        let named = |agent: &'static str| named(&HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static(agent))]));
        assert_eq!(named("grpc-java-netty/1.71.0"), Some(Driver::Java));
        assert_eq!(named("my application grpc-java-okhttp/1.71.0"), Some(Driver::Java));
        assert_eq!(named("ADBC Flight SQL Driver (unknown or development build) grpc-go/1.84.0"), Some(Driver::Go));
        assert_eq!(named("grpc-c++/1.71.0 grpc-c/46.0.0 (linux; chttp2)"), None);
        assert_eq!(super::named(&HeaderMap::new()), None);
    }

    #[test]
    fn times_are_told_in_milliseconds_however_deep_they_stand() {
        let timestamp = |unit| DataType::Timestamp(unit, Some("UTC".into()));
        let nested = |time: DataType| {
            let item = Arc::new(Field::new("item", time.clone(), true));
            let members = Fields::from(vec![Field::new("t", time, true), Field::new("i", DataType::Int32, true)]);
            let entries = Arc::new(Field::new("entries", DataType::Struct(members.clone()), false));
            Schema::new(vec![
                Field::new("l", DataType::List(Arc::clone(&item)), true),
                Field::new("a", DataType::FixedSizeList(item, 2), true),
                Field::new("s", DataType::Struct(members), true),
                Field::new("m", DataType::Map(entries, false), true),
            ])
        };
        let milliseconds = nested(timestamp(TimeUnit::Millisecond));
        assert_eq!(in_milliseconds(&nested(timestamp(TimeUnit::Nanosecond))), milliseconds);
        assert_eq!(in_milliseconds(&nested(timestamp(TimeUnit::Second))), milliseconds);
        assert_eq!(
            in_milliseconds(&nested(DataType::Time64(TimeUnit::Nanosecond))),
            nested(DataType::Time32(TimeUnit::Millisecond))
        );
    }
}
