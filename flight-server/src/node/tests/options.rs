//! Session options.

use typemap::wire::{Infinity, WireOptions};

use super::*;
use crate::node::{OptionError, OptionValue};

fn text(value: &str) -> OptionValue {
    OptionValue::String(value.to_owned())
}

#[tokio::test]
async fn options_are_the_location_the_engine_and_its_settings() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, _) = connect(&node).await;
    let options: Vec<_> = caller.session.options().await.unwrap().into_iter().collect();
    let expected = [
        ("catalog", "memory"),
        ("pintail.compression", "none"),
        ("pintail.endpoints", "1"),
        ("pintail.engine", "test"),
        ("pintail.infinity", "error"),
        ("pintail.locations", "none"),
        ("pintail.ordered", "true"),
        ("pintail.results", "verify"),
        ("pintail.statement_timeout", "0"),
        ("pintail.wide_integers", "decimal128"),
        ("schema", "main"),
        ("x", "0"),
    ];
    assert_eq!(options, expected.map(|(name, value)| (name.to_owned(), text(value))));
}

#[tokio::test]
async fn options_that_were_set_hold_after_a_restart() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, token) = connect(&node).await;
    caller.session.set_option("schema", text("attic")).await.unwrap();
    caller.session.set_option("x", OptionValue::Int64(4)).await.unwrap();
    caller.session.set_option("pintail.infinity", text("null")).await.unwrap();
    assert_eq!(cluster.engine.wire_options().infinity, Infinity::Null);
    drop(caller);
    let node = cluster.restart(node).await;
    let session = call(&node, &token).await.unwrap().session;
    let options = session.options().await.unwrap();
    assert_eq!((&options["schema"], &options["x"]), (&text("attic"), &text("4")));
    assert_eq!(options["pintail.infinity"], text("null"));
    assert_eq!(cluster.engine.wire_options().infinity, Infinity::Null, "the new engine session was told");
    session.set_option("pintail.infinity", OptionValue::Empty).await.unwrap();
    assert_eq!(cluster.engine.wire_options(), WireOptions::default());
    session.set_option("x", OptionValue::Empty).await.unwrap();
    drop(session);
    let node = cluster.restart(node).await;
    let options = call(&node, &token).await.unwrap().session.options().await.unwrap();
    assert_eq!(options["x"], text("0"), "unset is back at the default");
}

#[tokio::test]
async fn what_cannot_be_set_says_whether_it_is_the_name_or_the_value() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, _) = connect(&node).await;
    let session = &caller.session;
    for name in ["nothing", "pintail.nothing", ""] {
        assert_eq!(session.set_option(name, text("v")).await, Err(OptionError::InvalidName), "{name}");
    }
    let list = OptionValue::StringList(vec!["a".to_owned()]);
    for (name, value) in [
        ("pintail.engine", text("other")),
        ("pintail.infinity", text("maybe")),
        ("pintail.wide_integers", OptionValue::Int64(256)),
        ("catalog", OptionValue::Empty),
        ("schema", OptionValue::Bool(true)),
        ("x", list),
        ("x", text("bad")),
    ] {
        assert_eq!(session.set_option(name, value.clone()).await, Err(OptionError::InvalidValue), "{name} {value:?}");
    }
    match session.set_option("schema", text("nowhere")).await {
        Err(OptionError::Error(error)) => assert_eq!(error.sqlstate.0, "3F000"),
        other => panic!("{other:?}"),
    }
}
