//! One dataset that fails harms no other.

use super::*;

#[tokio::test]
async fn one_that_can_not_be_read_keeps_no_other_from_being_shown_and_says_so() {
    let lake = Lake::new();
    for name in ["a", "z"] {
        lake.write(name);
    }
    for name in ["a", "sick", "z"] {
        lake.put(name).await;
    }
    let mut shore = lake.shore("n").await;
    shore.round().await;
    assert_eq!(shore.shown(), [["a", "z"], ["a", "z"]]);
    let said = lake.said("sick").await;
    assert!(said[0].starts_with("n=") && said[0].contains("there is no file"), "{said:?}");
    assert!(!said[0].contains("duckdb:"), "what both engines say is said once: {said:?}");

    // Only the sick one is tried again, and only when a refresh is due.
    shore.calls();
    shore.round().await;
    assert_eq!(shore.calls(), NOTHING);
    shore.refresh().await;
    assert_eq!(shore.calls(), [["describe sick"], ["describe sick"]]);
    lake.write("sick");
    shore.refresh().await;
    assert_eq!(shore.shown(), [["a", "sick", "z"], ["a", "sick", "z"]]);
    assert_eq!(lake.said("sick").await, ["n"]);
    shore.expect_rest().await;
}

#[tokio::test]
async fn one_that_hangs_delays_no_other() {
    let lake = Lake::new();
    for name in ["a", "hangs", "z"] {
        lake.write(name);
        lake.put(name).await;
    }
    let mut shore = lake.shore("n").await;
    shore.engines[0].set("hangs", Fault::DescribeHangs, true);
    // It hangs for longer than any test lasts.
    shore.datasets.start(Duration::ZERO).await;
    let engines = shore.engines.clone();
    let running = tokio::spawn(shore.datasets.run());
    until(|| engines.iter().all(|engine| engine.shown() == ["a", "z"])).await;
    // Nor does its removal, or the arrival of another.
    lake.store().remove_dataset("hangs").await.unwrap();
    lake.write("b");
    lake.put("b").await;
    until(|| engines.iter().all(|engine| engine.shown() == ["a", "b", "z"])).await;
    running.abort();
}

#[tokio::test]
async fn one_that_takes_too_long_has_failed() {
    let lake = Lake::new();
    lake.write("hangs");
    lake.put("hangs").await;
    let options = DatasetOptions { patience: Duration::from_millis(10), ..DatasetOptions::default() };
    let mut shore = lake.shore_with("n", options).await;
    for engine in &shore.engines {
        engine.set("hangs", Fault::DescribeHangs, true);
    }
    shore.round().await;
    assert_eq!(lake.said("hangs").await, ["n=describing it took longer than 10ms"]);
}

#[tokio::test]
async fn an_engine_that_panics_over_one_harms_no_other() {
    let lake = Lake::new();
    for name in ["a", "panics"] {
        lake.write(name);
        lake.put(name).await;
    }
    let mut shore = lake.shore("n").await;
    shore.engines[0].set("panics", Fault::DescribePanics, true);
    shore.round().await;
    assert_eq!(shore.shown(), [["a"], ["a"]]);
    assert!(lake.said("panics").await[0].starts_with("n=internal error"));
    shore.engines[0].set("panics", Fault::DescribePanics, false);
    shore.refresh().await;
    assert_eq!(lake.said("panics").await, ["n"]);
}

#[tokio::test]
async fn what_one_engine_can_not_show_another_shows() {
    let lake = Lake::new();
    lake.write("d");
    lake.put("d").await;
    let mut shore = lake.shore("a").await;
    shore.engines[0].set("d", Fault::PutFails, true);
    shore.round().await;
    assert_eq!(shore.shown(), [vec![], vec!["d"]]);
    assert_eq!(lake.said("d").await, ["a=duckdb: no such format here"]);
    shore.calls();
    shore.engines[0].set("d", Fault::PutFails, false);
    shore.refresh().await;
    assert_eq!(shore.calls(), [vec!["put d(d_of_duckdb BIGINT)"], vec![]], "only what is missing is done");
    assert_eq!(lake.said("d").await, ["a"]);
}

#[tokio::test]
async fn a_dataset_needs_its_secret_on_the_node() {
    let lake = Lake::new();
    let dataset = NewDataset {
        name: "d".to_owned(),
        url: "s3://lake/d.csv".to_owned(),
        format: "csv".to_owned(),
        secret: Some("key".to_owned()),
        replace: true,
    };
    lake.store().put_dataset(&dataset).await.unwrap();
    let mut without = lake.shore("a").await;
    without.round().await;
    let secrets = vec![Secret::new("key", SecretKind::Azure, [])];
    let mut wrong = lake.shore_with("b", DatasetOptions { secrets, ..DatasetOptions::default() }).await;
    wrong.round().await;
    let said = lake.said("d").await;
    assert!(said[0].starts_with("a=it needs the secret key") && said[0].contains("[secrets.key]"), "{said:?}");
    assert!(said[1].starts_with("b=") && said[1].contains("azure"), "{said:?}");
    assert_eq!(without.calls(), NOTHING);
}

#[tokio::test]
async fn what_a_newer_version_put_into_the_store_is_told_and_harms_no_other() {
    let lake = Lake::new();
    lake.write("d");
    lake.put("d").await;
    let dataset = NewDataset {
        name: "future".to_owned(),
        url: "s4://lake/".to_owned(),
        format: "orc".to_owned(),
        secret: None,
        replace: false,
    };
    lake.store().put_dataset(&dataset).await.unwrap();
    let mut shore = lake.shore("a").await;
    shore.round().await;
    assert_eq!(shore.shown(), [["d"], ["d"]]);
    assert!(lake.said("future").await[0].contains("orc"));
}

#[tokio::test]
async fn one_that_an_engine_does_not_let_go_is_tried_again_and_blocks_nothing() {
    let lake = Lake::new();
    for name in ["stuck", "new"] {
        lake.write(name);
    }
    lake.put("stuck").await;
    let mut shore = lake.shore("a").await;
    shore.round().await;
    shore.engines[0].set("stuck", Fault::RemoveFails, true);
    lake.store().remove_dataset("stuck").await.unwrap();
    lake.put("new").await;
    shore.round().await;
    assert_eq!(shore.shown(), [vec!["new", "stuck"], vec!["new"]]);
    shore.calls();
    shore.round().await;
    assert_eq!(shore.calls(), NOTHING);
    shore.engines[0].set("stuck", Fault::RemoveFails, false);
    shore.refresh().await;
    assert_eq!(shore.shown(), [["new"], ["new"]]);
    shore.expect_rest().await;
}
