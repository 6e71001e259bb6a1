//! What is shown, in which order, and what that costs.

use super::*;

#[tokio::test]
async fn a_dataset_is_described_by_the_first_engine_and_shown_in_all_with_the_same_columns() {
    let lake = Lake::new();
    lake.write("d");
    let mut shore = lake.shore("a").await;
    shore.round().await;
    assert_eq!(shore.calls(), NOTHING);
    lake.put("d").await;
    shore.round().await;
    let put = "put d(d_of_duckdb BIGINT)";
    assert_eq!(shore.calls(), [vec!["describe d", put], vec![put]]);
    assert_eq!(lake.columns("d").await.as_deref(), Some(r#"[["d_of_duckdb","BIGINT"]]"#));
    assert_eq!(lake.said("d").await, ["a"]);
}

#[tokio::test]
async fn a_healthy_dataset_that_does_not_change_costs_nothing() {
    let lake = Lake::new();
    lake.write("d");
    lake.put("d").await;
    let mut shore = lake.shore("a").await;
    shore.round().await;
    // Not even a listing: nothing notices that the file is gone.
    std::fs::remove_file(lake.path("d")).unwrap();
    shore.expect_rest().await;
    assert_eq!(lake.said("d").await, ["a"]);
    // Nor does a change of another one cost it anything.
    lake.write("e");
    lake.put("e").await;
    shore.round().await;
    assert_eq!(shore.engines[1].calls(), ["put e(e_of_duckdb BIGINT)"]);
}

#[tokio::test]
async fn what_is_removed_goes_before_what_is_new_comes() {
    let lake = Lake::new();
    for name in ["a", "b", "y", "z"] {
        lake.write(name);
    }
    lake.put("y").await;
    lake.put("z").await;
    let mut shore = lake.shore("n").await;
    shore.round().await;
    shore.calls();
    lake.put("a").await;
    lake.put("b").await;
    lake.store().remove_dataset("y").await.unwrap();
    lake.store().remove_dataset("z").await.unwrap();
    shore.round().await;
    for calls in shore.calls() {
        let first_new = calls.iter().position(|call| !call.starts_with("remove")).unwrap();
        assert_eq!(calls[..first_new], ["remove y", "remove z"]);
        assert!(!calls[first_new..].iter().any(|call| call.starts_with("remove")), "{calls:?}");
    }
    assert_eq!(shore.shown(), [["a", "b"], ["a", "b"]]);
}

#[tokio::test]
async fn a_replaced_dataset_goes_before_its_successor_comes() {
    let lake = Lake::new();
    lake.write("old");
    lake.write("new");
    lake.put_over("d", "old").await;
    let mut shore = lake.shore("a").await;
    shore.round().await;
    shore.calls();
    lake.put_over("d", "new").await;
    shore.round().await;
    assert_eq!(shore.engines[1].calls(), ["remove d", "put d(d_of_duckdb BIGINT)"]);
    // One that can't be read must not leave the rows of its predecessor under its name.
    lake.put_over("d", "missing").await;
    shore.round().await;
    assert_eq!(shore.shown(), [const { Vec::<String>::new() }; 2]);
    assert_eq!(lake.said("d").await.len(), 1);
}

#[tokio::test]
async fn a_refresh_on_demand_describes_anew_and_shows_the_old_meanwhile() {
    let lake = Lake::new();
    for name in ["d", "e"] {
        lake.write(name);
        lake.put(name).await;
    }
    let mut shore = lake.shore("a").await;
    shore.round().await;
    shore.calls();
    assert!(lake.store().request_dataset_refresh(Some("d")).await.unwrap());
    assert!(lake.said("d").await.is_empty());
    shore.round().await;
    let put = "put d(d_of_duckdb BIGINT)";
    assert_eq!(shore.calls(), [vec!["describe d", put], vec![put]]);
    assert_eq!(lake.said("d").await, ["a"]);

    // What can't be described any more stays as it was shown, and says why.
    std::fs::remove_file(lake.path("d")).unwrap();
    lake.store().request_dataset_refresh(None).await.unwrap();
    shore.round().await;
    assert_eq!(shore.shown(), [["d", "e"], ["d", "e"]]);
    assert!(lake.said("d").await[0].contains("there is no file"));
    assert_eq!(lake.said("e").await, ["a"]);
}

#[tokio::test]
async fn a_dataset_of_the_configuration_stays_on_its_node_and_hides_the_store_s() {
    let lake = Lake::new();
    lake.write("mine");
    lake.write("d");
    lake.put("D").await;
    let configured = vec![
        Definition::new("d", &lake.url("mine"), None, None).unwrap(),
        Definition::new("gone", &lake.url("gone"), None, None).unwrap(),
    ];
    let mut shore = lake.shore_with("a", DatasetOptions { configured, ..DatasetOptions::default() }).await;
    shore.round().await;
    assert_eq!(shore.shown(), [["d"], ["d"]]);
    assert_eq!(lake.columns("D").await, None, "nothing of it goes into the store's");
    assert_eq!(lake.said("D").await, ["a=the configuration of this node has a dataset of the same name"]);
    let health = lake.store().configured_dataset_health().await.unwrap();
    assert_eq!((health.len(), health[0].dataset.as_str(), &health[0].state), (2, "d", &DatasetState::Ok));
    assert!(matches!(&health[1].state, DatasetState::Failed(reason) if reason.contains("there is no file")));

    // The store's is shown where the configuration has none.
    let mut other = lake.shore("b").await;
    lake.write("D");
    other.round().await;
    assert_eq!(other.shown(), [["D"], ["D"]]);

    // A refresh of all reaches it, and one of a name that only the configuration has.
    shore.calls();
    for name in [None, Some("gone")] {
        lake.store().request_dataset_refresh(name).await.unwrap();
        shore.round().await;
        assert!(shore.engines[0].calls().contains(&"describe d".to_owned()), "{name:?}");
    }
    // When the store's goes, nothing changes here.
    lake.store().remove_dataset("d").await.unwrap();
    shore.calls();
    shore.round().await;
    assert_eq!(shore.calls(), NOTHING);
}

#[tokio::test]
async fn one_that_is_removed_and_put_back_is_there() {
    let lake = Lake::new();
    lake.write("d");
    lake.put("d").await;
    let mut shore = lake.shore("a").await;
    shore.round().await;
    let first = lake.store().datasets().await.unwrap()[0].generation;
    lake.store().remove_dataset("d").await.unwrap();
    // The removal has begun when it is put back.
    shore.datasets.tick(shore.now).await;
    lake.put("d").await;
    assert!(lake.store().datasets().await.unwrap()[0].generation > first && first > Generation::CONFIGURED);
    shore.round().await;
    assert_eq!(shore.shown(), [["d"], ["d"]]);
    assert_eq!(lake.said("d").await, ["a"]);
}

#[tokio::test]
async fn a_node_has_its_datasets_when_it_has_started_and_keeps_them_in_step_until_it_ends() {
    let lake = Lake::new();
    lake.write("d");
    lake.put("d").await;
    let engine = DatasetEngine::new("test");
    let options = lake.cluster.options(Uuid::from_u128(1));
    let store = lake.cluster.store.clone();
    let node = Node::start(options, store, vec![engine.clone()], Arc::clone(&ADA), &lake.cluster.secret).await.unwrap();
    assert_eq!(engine.shown(), ["d"]);
    lake.store().remove_dataset("d").await.unwrap();
    until(|| engine.shown().is_empty()).await;
    node.shutdown().await;
}
