//! Datasets, their columns, and what nodes say of them.

use session::{DatasetRecord, DatasetState, DatasetVersion, Generation, Incarnation, NewDataset, StoreError};
use uuid::Uuid;

use crate::scene::{KEEP, LEASE};
use crate::{HOUR, Scene};

fn new(name: &str) -> NewDataset {
    NewDataset {
        name: name.to_owned(),
        url: format!("s3://lake/{name}/*.parquet"),
        format: "parquet".to_owned(),
        secret: None,
        replace: false,
    }
}

fn replacing(name: &str) -> NewDataset {
    NewDataset { replace: true, format: "csv".to_owned(), ..new(name) }
}

fn failed(reason: &str) -> DatasetState {
    DatasetState::Failed(reason.to_owned())
}

/// Puts a dataset, and returns its generation.
async fn put(scene: &Scene, name: &str) -> Generation {
    scene.put_dataset(&new(name)).await.unwrap();
    one(scene, name).await.generation
}

async fn one(scene: &Scene, name: &str) -> DatasetRecord {
    scene.datasets().await.unwrap().into_iter().find(|dataset| dataset.name == name).expect("the dataset is there")
}

async fn version(scene: &Scene) -> DatasetVersion {
    scene.dataset_version().await.unwrap()
}

/// What nodes say of a dataset, as `node=reason`, or `node` where it fares well.
async fn said(scene: &Scene, name: &str) -> Vec<String> {
    let health = one(scene, name).await.health;
    assert!(health.iter().all(|health| health.dataset == name));
    health.into_iter().map(|health| told(health.node, health.state)).collect()
}

fn told(node: String, state: DatasetState) -> String {
    match state {
        DatasetState::Ok => node,
        DatasetState::Failed(reason) => format!("{node}={reason}"),
    }
}

pub async fn a_dataset_reads_back_as_it_was_put(scene: Scene) {
    let secret = Some("a \u{1F980} secret".to_owned());
    scene.put_dataset(&NewDataset { secret: secret.clone(), ..new("Flights") }).await.unwrap();
    let record = one(&scene, "Flights").await;
    assert_eq!((record.url.as_str(), record.format.as_str()), ("s3://lake/Flights/*.parquet", "parquet"));
    assert_eq!((record.secret, record.columns, record.health), (secret, None, Vec::new()));
    assert!(record.generation > Generation::CONFIGURED);
}

pub async fn names_of_datasets_are_compared_without_case(scene: Scene) {
    let generation = put(&scene, "Flights").await;
    let taken = StoreError::DatasetExists { name: "FLIGHTS".to_owned() };
    assert_eq!(scene.put_dataset(&new("FLIGHTS")).await, Err(taken));
    assert_eq!(scene.set_dataset_columns("fLIGHTS", generation, "[]").await.unwrap().as_deref(), Some("[]"));
    let node = scene.node("a").await;
    scene.report_dataset("flights", generation, node, &DatasetState::Ok).await.unwrap();
    assert_eq!(one(&scene, "Flights").await.health.len(), 1);
    assert!(scene.request_dataset_refresh(Some("flights")).await.unwrap());
    scene.put_dataset(&replacing("flights")).await.unwrap();
    assert_eq!(one(&scene, "flights").await.format, "csv");
    assert!(scene.remove_dataset("FLights").await.unwrap());
    assert!(scene.datasets().await.unwrap().is_empty());
}

pub async fn a_name_is_taken_only_once_unless_it_is_to_be_replaced(scene: Scene) {
    let first = put(&scene, "d").await;
    scene.set_dataset_columns("d", first, "[]").await.unwrap();
    let node = scene.node("a").await;
    scene.report_dataset("d", first, node, &DatasetState::Ok).await.unwrap();
    let before = version(&scene).await;
    assert_eq!(scene.put_dataset(&new("d")).await, Err(StoreError::DatasetExists { name: "d".to_owned() }));
    assert_eq!(version(&scene).await, before);

    scene.put_dataset(&replacing("d")).await.unwrap();
    let record = one(&scene, "d").await;
    assert_eq!((record.format.as_str(), record.columns, record.health), ("csv", None, Vec::new()));
    assert!(record.generation > first);
    scene.put_dataset(&replacing("new")).await.unwrap();
    assert_eq!(scene.datasets().await.unwrap().len(), 2);
}

pub async fn datasets_are_listed_by_name(scene: Scene) {
    for name in ["b", "C", "a", "_"] {
        put(&scene, name).await;
    }
    let names: Vec<_> = scene.datasets().await.unwrap().into_iter().map(|dataset| dataset.name).collect();
    assert_eq!(names, ["_", "a", "b", "C"]);
}

pub async fn a_removed_dataset_is_gone_with_what_was_said_of_it(scene: Scene) {
    let generation = put(&scene, "d").await;
    let node = scene.node("a").await;
    scene.report_dataset("d", generation, node, &failed("x")).await.unwrap();
    assert!(scene.remove_dataset("d").await.unwrap());
    assert!(!scene.remove_dataset("d").await.unwrap());
    assert!(scene.datasets().await.unwrap().is_empty());
    put(&scene, "d").await;
    assert!(said(&scene, "d").await.is_empty());
}

pub async fn every_change_raises_the_version_and_nothing_else_does(scene: Scene) {
    assert_eq!(version(&scene).await, DatasetVersion::default());
    let mut last = version(&scene).await;
    let mut rises = async |what: &str, expected: bool| {
        let now = version(&scene).await;
        assert_eq!(now.version > last.version, expected, "{what}");
        last = now;
    };
    let generation = put(&scene, "d").await;
    rises("put", true).await;
    scene.set_dataset_columns("d", generation, "[]").await.unwrap();
    rises("columns", true).await;
    scene.set_dataset_columns("d", generation, "[1]").await.unwrap();
    rises("columns of a slower node", false).await;
    let node = scene.node("a").await;
    scene.report_dataset("d", generation, node, &DatasetState::Ok).await.unwrap();
    rises("health", false).await;
    scene.request_dataset_refresh(Some("d")).await.unwrap();
    rises("refresh", true).await;
    scene.request_dataset_refresh(None).await.unwrap();
    rises("refresh of all", true).await;
    scene.remove_dataset("d").await.unwrap();
    rises("remove", true).await;
    scene.remove_dataset("d").await.unwrap();
    rises("remove of nothing", false).await;
}

pub async fn the_first_who_describes_a_dataset_fixes_its_columns(scene: Scene) {
    let generation = put(&scene, "d").await;
    assert_eq!(scene.set_dataset_columns("d", generation, "first").await.unwrap().as_deref(), Some("first"));
    assert_eq!(scene.set_dataset_columns("d", generation, "second").await.unwrap().as_deref(), Some("first"));
    assert_eq!(one(&scene, "d").await.columns.as_deref(), Some("first"));
}

pub async fn one_of_many_concurrent_describers_wins_and_all_learn_the_same(scene: Scene) {
    let generation = put(&scene, "d").await;
    let describers: Vec<_> = (0..8)
        .map(|n| {
            let store = scene.clone();
            tokio::spawn(async move { store.set_dataset_columns("d", generation, &n.to_string()).await.unwrap() })
        })
        .collect();
    for describer in describers {
        let learned = describer.await.unwrap();
        assert!(learned.is_some());
        assert_eq!(learned, one(&scene, "d").await.columns);
    }
}

pub async fn columns_of_a_generation_that_is_over_are_refused(scene: Scene) {
    let generation = put(&scene, "d").await;
    scene.put_dataset(&replacing("d")).await.unwrap();
    assert_eq!(scene.set_dataset_columns("d", generation, "stale").await.unwrap(), None);
    assert_eq!(one(&scene, "d").await.columns, None);
    assert_eq!(scene.set_dataset_columns("unknown", generation, "stale").await.unwrap(), None);
}

pub async fn a_name_that_is_used_again_has_a_generation_that_none_ever_had(scene: Scene) {
    let mut seen = vec![put(&scene, "d").await, put(&scene, "e").await];
    for _ in 0..3 {
        scene.remove_dataset("d").await.unwrap();
        seen.push(put(&scene, "d").await);
        scene.request_dataset_refresh(None).await.unwrap();
        seen.extend(scene.datasets().await.unwrap().into_iter().map(|dataset| dataset.generation));
    }
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count);
}

pub async fn a_refreshed_dataset_is_to_be_described_anew(scene: Scene) {
    let (one_before, other_before) = (put(&scene, "d").await, put(&scene, "e").await);
    scene.set_dataset_columns("d", one_before, "[]").await.unwrap();
    let node = scene.node("a").await;
    scene.report_dataset("d", one_before, node, &DatasetState::Ok).await.unwrap();
    let refresh = version(&scene).await.refresh;
    assert!(scene.request_dataset_refresh(Some("d")).await.unwrap());
    let record = one(&scene, "d").await;
    assert_eq!((record.columns, record.health), (None, Vec::new()));
    assert!(record.generation > one_before);
    assert_eq!(one(&scene, "e").await.generation, other_before);
    assert_eq!(version(&scene).await.refresh, refresh, "the configured ones were not meant");
}

pub async fn a_refresh_of_all_reaches_the_configured_ones_too(scene: Scene) {
    assert!(!scene.request_dataset_refresh(None).await.unwrap(), "there is none");
    let first = version(&scene).await;
    assert_eq!(first.refresh, first.version);
    let (d, e) = (put(&scene, "d").await, put(&scene, "e").await);
    assert!(scene.request_dataset_refresh(None).await.unwrap());
    assert!(version(&scene).await.refresh > first.refresh);
    assert!(one(&scene, "d").await.generation > d && one(&scene, "e").await.generation > e);
}

pub async fn a_refresh_of_what_is_not_here_is_one_of_the_configured_ones(scene: Scene) {
    let generation = put(&scene, "d").await;
    assert!(!scene.request_dataset_refresh(Some("configured")).await.unwrap());
    assert!(version(&scene).await.refresh > generation.0);
    assert_eq!(one(&scene, "d").await.generation, generation);
}

pub async fn what_nodes_say_of_a_dataset_is_shown_by_node(scene: Scene) {
    let generation = put(&scene, "d").await;
    put(&scene, "e").await;
    let (b, a) = (scene.node("b").await, scene.node("a").await);
    scene.report_dataset("d", generation, b, &failed("no such bucket")).await.unwrap();
    scene.report_dataset("d", generation, a, &DatasetState::Ok).await.unwrap();
    assert_eq!(said(&scene, "d").await, ["a", "b=no such bucket"]);
    assert!(said(&scene, "e").await.is_empty());
}

pub async fn what_a_node_says_replaces_what_it_said(scene: Scene) {
    let generation = put(&scene, "d").await;
    let node = scene.node("a").await;
    scene.report_dataset("d", generation, node, &failed("one")).await.unwrap();
    scene.report_dataset("d", generation, node, &failed("two")).await.unwrap();
    assert_eq!(said(&scene, "d").await, ["a=two"]);
    scene.report_dataset("d", generation, node, &DatasetState::Ok).await.unwrap();
    assert_eq!(said(&scene, "d").await, ["a"]);
}

pub async fn what_is_said_of_a_generation_that_is_over_is_passed_over(scene: Scene) {
    let generation = put(&scene, "d").await;
    let node = scene.node("a").await;
    scene.request_dataset_refresh(Some("d")).await.unwrap();
    scene.report_dataset("d", generation, node, &failed("late")).await.unwrap();
    scene.report_dataset("unknown", generation, node, &failed("late")).await.unwrap();
    assert!(said(&scene, "d").await.is_empty());
    assert!(scene.configured_dataset_health().await.unwrap().is_empty());
}

pub async fn what_is_said_of_configured_datasets_stands_by_itself(scene: Scene) {
    let generation = put(&scene, "d").await;
    let (b, a) = (scene.node("b").await, scene.node("a").await);
    scene.report_dataset("d", generation, a, &DatasetState::Ok).await.unwrap();
    for node in [b, a] {
        scene.report_dataset("z", Generation::CONFIGURED, node, &DatasetState::Ok).await.unwrap();
        scene.report_dataset("D", Generation::CONFIGURED, node, &failed("x")).await.unwrap();
    }
    let health = scene.configured_dataset_health().await.unwrap();
    let told: Vec<_> =
        health.into_iter().map(|health| format!("{}:{}", health.dataset, told(health.node, health.state))).collect();
    assert_eq!(told, ["D:a=x", "D:b=x", "z:a", "z:b"]);
    assert_eq!(said(&scene, "d").await, ["a"]);
    scene.remove_dataset("d").await.unwrap();
    scene.request_dataset_refresh(None).await.unwrap();
    assert_eq!(scene.configured_dataset_health().await.unwrap().len(), 4);
}

pub async fn a_node_that_is_not_alive_says_nothing(scene: Scene) {
    let generation = put(&scene, "d").await;
    let node = scene.node("a").await;
    scene.pass(LEASE + HOUR).await;
    for node in [node, Incarnation(Uuid::from_u128(7))] {
        for generation in [generation, Generation::CONFIGURED] {
            let refused = scene.report_dataset("d", generation, node, &DatasetState::Ok).await;
            assert_eq!(refused, Err(StoreError::NodeGone));
        }
    }
}

pub async fn what_a_dead_node_said_is_not_shown(scene: Scene) {
    let generation = put(&scene, "d").await;
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    for node in [a, b] {
        scene.report_dataset("d", generation, node, &DatasetState::Ok).await.unwrap();
        scene.report_dataset("c", Generation::CONFIGURED, node, &DatasetState::Ok).await.unwrap();
    }
    scene.pass_and_keep(LEASE + HOUR, &[b]).await;
    assert_eq!(said(&scene, "d").await, ["b"]);
    assert_eq!(scene.configured_dataset_health().await.unwrap().len(), 1);
}

pub async fn a_sweep_forgets_what_dead_nodes_said(scene: Scene) {
    let generation = put(&scene, "d").await;
    let home = Uuid::new_v4();
    let node = scene.node_at("a", home).await;
    // A session keeps the row of its dead owner.
    scene.held_by(node).await;
    scene.report_dataset("d", generation, node, &failed("x")).await.unwrap();
    let other = scene.node("b").await;
    scene.report_dataset("d", generation, other, &DatasetState::Ok).await.unwrap();
    scene.node_at("a", home).await;
    scene.sweep(KEEP).await.unwrap();
    assert_eq!(said(&scene, "d").await, ["b"]);
    assert_eq!(one(&scene, "d").await.generation, generation);
}

pub async fn the_moment_of_a_report_is_the_store_s(scene: Scene) {
    let generation = put(&scene, "d").await;
    let node = scene.node("a").await;
    let created_at = one(&scene, "d").await.created_at;
    scene.report_dataset("d", generation, node, &DatasetState::Ok).await.unwrap();
    let first = one(&scene, "d").await.health[0].checked_at;
    assert!(first >= created_at);
    scene.pass(HOUR).await;
    scene.report_dataset("d", generation, node, &DatasetState::Ok).await.unwrap();
    // Passing moves what is stored: the difference of the two stays an hour on both stores.
    let second = one(&scene, "d").await;
    assert!(second.health[0].checked_at.duration_since(second.created_at).unwrap() >= HOUR);
}
