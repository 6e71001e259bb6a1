//! What nodes and the session store tell each other.

use super::*;

#[tokio::test]
async fn two_nodes_agree_on_the_columns_that_the_first_has_found() {
    let lake = Lake::new();
    lake.write("d");
    lake.put("d").await;
    let (mut one, mut two) = (lake.shore("one").await, lake.shore("two").await);
    // Alone, the second node would find other columns.
    two.engines[0].set("d", Fault::DescribePanics, true);
    one.round().await;
    two.round().await;
    let put = "put d(d_of_duckdb BIGINT)";
    assert_eq!(two.calls(), [[put], [put]], "it is not described twice");
    assert_eq!(lake.said("d").await, ["one", "two"]);
    one.expect_rest().await;
}

#[tokio::test]
async fn of_two_nodes_that_describe_at_once_both_show_the_winner_s_columns() {
    let lake = Lake::new();
    lake.write("d");
    lake.put("d").await;
    let mut shore = lake.shore("slow").await;
    // It begins, and before it is done another node fixes the columns.
    shore.datasets.tick(shore.now).await;
    let generation = lake.store().datasets().await.unwrap()[0].generation;
    lake.store().set_dataset_columns("d", generation, r#"[["x","VARCHAR"]]"#).await.unwrap();
    shore.round().await;
    assert_eq!(shore.calls(), [vec!["describe d", "put d(x VARCHAR)"], vec!["put d(x VARCHAR)"]]);
}

#[tokio::test]
async fn a_node_that_can_not_read_what_another_described_says_so_and_shows_it() {
    let lake = Lake::new();
    lake.put("d").await;
    let generation = lake.store().datasets().await.unwrap()[0].generation;
    let mut shore = lake.shore("a").await;
    shore.round().await;
    assert_eq!(shore.shown(), [const { Vec::<String>::new() }; 2]);
    shore.calls();
    // The columns come from a node that can read it: then there is something to show before the next refresh.
    lake.store().set_dataset_columns("d", generation, r#"[["x","VARCHAR"]]"#).await.unwrap();
    shore.round().await;
    assert_eq!(shore.calls(), [["put d(x VARCHAR)"], ["put d(x VARCHAR)"]]);
    assert!(lake.said("d").await[0].starts_with("a="));
    lake.write("d");
    shore.refresh().await;
    assert_eq!(shore.calls(), NOTHING, "it was shown; only its files were missing");
    assert_eq!(lake.said("d").await, ["a"]);
}

#[tokio::test]
async fn columns_that_this_version_can_not_read_are_told() {
    let lake = Lake::new();
    lake.write("d");
    lake.put("d").await;
    let generation = lake.store().datasets().await.unwrap()[0].generation;
    lake.store().set_dataset_columns("d", generation, "{}").await.unwrap();
    let mut shore = lake.shore("a").await;
    shore.round().await;
    assert!(lake.said("d").await[0].contains("pintail dataset refresh"));
}

#[tokio::test]
async fn while_the_store_is_down_what_is_shown_stays() {
    let lake = Lake::new();
    lake.write("d");
    lake.put("d").await;
    let mut shore = lake.shore("a").await;
    shore.round().await;
    lake.write("e");
    lake.put("e").await;
    lake.cluster.store.set_down(true);
    shore.expect_rest().await;
    assert_eq!(shore.shown(), [["d"], ["d"]]);
    lake.cluster.store.set_down(false);
    shore.round().await;
    assert_eq!(shore.shown(), [["d", "e"], ["d", "e"]]);
    assert_eq!(lake.said("e").await, ["a"]);
}

#[tokio::test]
async fn what_could_not_be_told_to_the_store_is_told_later() {
    let lake = Lake::new();
    lake.put("d").await;
    let mut shore = lake.shore("a").await;
    shore.datasets.tick(shore.now).await;
    lake.cluster.store.set_down(true);
    shore.datasets.settle().await;
    assert!(lake.said("d").await.is_empty());
    lake.cluster.store.set_down(false);
    shore.round().await;
    assert_eq!(lake.said("d").await.len(), 1);
}

#[tokio::test]
async fn a_node_that_starts_anew_after_its_lease_says_again_how_its_datasets_fare() {
    let lake = Lake::new();
    lake.write("d");
    lake.put("d").await;
    let mut shore = lake.shore("a").await;
    shore.round().await;
    lake.cluster.clock.advance(LEASE + Duration::from_secs(1));
    assert!(lake.said("d").await.is_empty());
    shore.round().await;
    shore.core.live.start_anew();
    lake.register("a", shore.core.options.home, shore.core.live.incarnation()).await;
    shore.round().await;
    assert_eq!(lake.said("d").await, ["a"]);
}
