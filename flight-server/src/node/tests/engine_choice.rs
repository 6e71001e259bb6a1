//! The engine of a session, chosen before its first statement.

use super::engine::Renamed;
use super::*;
use crate::engine::Statement;
use crate::node::{ENGINE_OPTION, OptionError, OptionValue};

fn text(value: &str) -> OptionValue {
    OptionValue::String(value.to_owned())
}

/// A node with two engines, `test` being the default.
async fn node_of_two(cluster: &Cluster) -> Arc<Node> {
    let engines: Vec<Arc<dyn Engine>> = vec![cluster.engine.clone(), Arc::new(Renamed(cluster.engine.clone()))];
    let options = cluster.options(Uuid::from_u128(1));
    Node::start(options, cluster.store.clone(), engines, Arc::clone(&ADA), &cluster.secret).await.unwrap()
}

#[tokio::test]
async fn the_engine_is_chosen_before_the_first_statement_and_stays_after_a_restart() {
    let cluster = Cluster::new();
    let node = node_of_two(&cluster).await;
    let (caller, token) = connect(&node).await;
    caller.session.set_option("schema", text("attic")).await.unwrap();
    caller.session.set_option(ENGINE_OPTION, text("other")).await.unwrap();
    assert_eq!(caller.session.engine_of().name(), "other");
    assert_eq!((cluster.engine.opened(), cluster.engine.closed()), (2, 1), "what was open in the first is closed");
    let options = caller.session.options().await.unwrap();
    assert_eq!((&options[ENGINE_OPTION], &options["schema"]), (&text("other"), &text("main")), "it begins anew");

    caller.session.set_option("x", text("7")).await.unwrap();
    drop(caller);
    drop(node);
    let node = node_of_two(&cluster).await;
    let session = call(&node, &token).await.unwrap().session;
    assert_eq!(session.engine_of().name(), "other");
    assert_eq!(cluster.engine.replayed(), ["setting:x=SET x=7"], "nothing of the first engine is set again");
}

#[tokio::test]
async fn the_engine_is_fixed_by_the_first_statement() {
    let cluster = Cluster::new();
    let node = node_of_two(&cluster).await;
    for statement in ["run", "planned", "prepared", "begun"] {
        let (caller, _) = connect(&node).await;
        match statement {
            "run" => drop(caller.session.execute(Statement::new("SELECT 1")).await.unwrap()),
            "planned" => drop(caller.session.plan("SELECT 1").await.unwrap()),
            "prepared" => drop(caller.session.prepare("SELECT 1").await.unwrap()),
            _ => drop(caller.session.begin().await.unwrap()),
        }
        match caller.session.set_option(ENGINE_OPTION, text("other")).await {
            Err(OptionError::Error(error)) => {
                assert_eq!((error.code, error.sqlstate.0), (ErrorCode::OptionInvalid, "25001"), "{statement}");
            }
            other => panic!("{statement}: {other:?}"),
        }
        caller.session.set_option(ENGINE_OPTION, text("test")).await.unwrap();
        assert_eq!(caller.session.engine_of().name(), "test");
    }
}

#[tokio::test]
async fn the_default_engine_can_be_gone_back_to_before_the_first_statement() {
    let cluster = Cluster::new();
    let node = node_of_two(&cluster).await;
    let (caller, _) = connect(&node).await;
    caller.session.set_option(ENGINE_OPTION, text("other")).await.unwrap();
    caller.session.set_option(ENGINE_OPTION, OptionValue::Empty).await.unwrap();
    assert_eq!(caller.session.engine_of().name(), "test");
    assert_eq!(caller.session.set_option(ENGINE_OPTION, text("none")).await, Err(OptionError::InvalidValue));
}
