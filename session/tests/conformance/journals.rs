//! The journal: what a peer replays.

use session::{FenceLoss, SessionId, StoreError, WriteNumber};

use crate::Scene;
use crate::scene::{forget, options, set};

pub async fn a_journal_reads_back_in_order(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    assert!(scene.journal(&held.session).await.unwrap().is_empty());
    scene.write_journal(&held, &[set("b", "1"), set("a", "2")]).await.unwrap();
    scene.write_journal(&held, &[set("c", "3")]).await.unwrap();
    assert_eq!(scene.journal(&held.session).await.unwrap(), [set("b", "1"), set("a", "2"), set("c", "3")]);
    assert!(scene.journal(&SessionId::from_bytes([7; 16])).await.unwrap().is_empty());
}

pub async fn the_last_write_of_a_key_wins_and_moves_to_the_end(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    scene.write_journal(&held, &[set("a", "1"), set("b", "1")]).await.unwrap();
    scene.write_journal(&held, &[set("a", "2")]).await.unwrap();
    assert_eq!(scene.journal(&held.session).await.unwrap(), [set("b", "1"), set("a", "2")]);
}

pub async fn a_forgotten_key_is_gone(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    scene.write_journal(&held, &[set("a", "1"), set("b", "1")]).await.unwrap();
    scene.write_journal(&held, &[forget("a")]).await.unwrap();
    assert_eq!(scene.journal(&held.session).await.unwrap(), [set("b", "1")]);
}

pub async fn a_key_written_twice_in_one_batch_keeps_the_last(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    let batch = [set("a", "1"), set("b", "1"), set("a", "2"), set("c", "1"), forget("c")];
    scene.write_journal(&held, &batch).await.unwrap();
    assert_eq!(scene.journal(&held.session).await.unwrap(), [set("b", "1"), set("a", "2")]);
}

pub async fn a_key_forgotten_and_written_again_is_at_the_end(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    scene.write_journal(&held, &[set("a", "1"), set("b", "1")]).await.unwrap();
    scene.write_journal(&held, &[forget("a"), forget("b")]).await.unwrap();
    scene.write_journal(&held, &[set("b", "2")]).await.unwrap();
    scene.write_journal(&held, &[set("a", "2")]).await.unwrap();
    assert_eq!(scene.journal(&held.session).await.unwrap(), [set("b", "2"), set("a", "2")]);
}

pub async fn forgetting_an_unknown_key_is_no_error(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    scene.write_journal(&held, &[forget("a")]).await.unwrap();
    assert!(scene.journal(&held.session).await.unwrap().is_empty());
}

pub async fn a_write_that_arrives_after_a_later_one_is_not_made(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    let overtaken = || Err(StoreError::Overtaken { session: held.session.clone() });
    let (early, options_between, late) = (WriteNumber(10), WriteNumber(11), WriteNumber(12));
    scene.write_journal_as(&held, late, &[set("t", "open")]).await.unwrap();
    assert_eq!(scene.write_journal_as(&held, early, &[forget("t"), set("x", "1")]).await, overtaken());
    assert_eq!(scene.set_options_as(&held, options_between, &options(&[("o", "old")])).await, overtaken());
    // The same once more, as by a call whose answer was lost.
    scene.write_journal_as(&held, late, &[set("t", "open")]).await.unwrap();
    assert_eq!(scene.journal(&held.session).await.unwrap(), [set("t", "open")]);
    scene.set_options_as(&held, WriteNumber(13), &options(&[("o", "new")])).await.unwrap();
    assert_eq!(scene.write_journal_as(&held, late, &[forget("t")]).await, overtaken(), "options count too");
    assert_eq!(scene.read(&held.session).await.options, options(&[("o", "new")]));

    // Other sessions and other owners have numbers of their own.
    let second = scene.held_by(a).await;
    scene.write_journal_as(&second, early, &[set("a", "1")]).await.unwrap();
    scene.release(&held).await.unwrap();
    let taken = scene.take(&held.session, held.epoch, b).await;
    scene.write_journal_as(&taken, WriteNumber(1), &[set("u", "1")]).await.unwrap();
    assert_eq!(scene.journal(&held.session).await.unwrap(), [set("t", "open"), set("u", "1")]);
    let refused = StoreError::Fenced { session: held.session.clone(), loss: FenceLoss::Claimed };
    assert_eq!(scene.write_journal_as(&held, WriteNumber(99), &[forget("t")]).await, Err(refused));
}

pub async fn an_empty_batch_is_still_fenced(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    scene.write_journal(&held, &[]).await.unwrap();
    scene.release(&held).await.unwrap();
    let refused = StoreError::Fenced { session: held.session.clone(), loss: FenceLoss::NotActive };
    assert_eq!(scene.write_journal(&held, &[]).await, Err(refused));
}

pub async fn journals_of_two_sessions_do_not_mix(scene: Scene) {
    let node = scene.node("a").await;
    let (one, two) = (scene.held_by(node).await, scene.held_by(node).await);
    scene.write_journal(&one, &[set("a", "1")]).await.unwrap();
    scene.write_journal(&two, &[set("a", "2")]).await.unwrap();
    scene.write_journal(&one, &[set("b", "1")]).await.unwrap();
    scene.write_journal(&two, &[forget("b")]).await.unwrap();
    scene.close(&two, "by request").await.unwrap();
    assert_eq!(scene.journal(&one.session).await.unwrap(), [set("a", "1"), set("b", "1")]);
}

pub async fn a_journal_survives_release_and_claim(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    scene.write_journal(&held, &[set("a", "1")]).await.unwrap();
    scene.release(&held).await.unwrap();
    assert_eq!(scene.journal(&held.session).await.unwrap(), [set("a", "1")]);
    scene.take(&held.session, held.epoch, b).await;
    assert_eq!(scene.journal(&held.session).await.unwrap(), [set("a", "1")]);
}

pub async fn a_new_owner_continues_the_journal(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    scene.write_journal(&held, &[set("a", "1"), set("b", "1")]).await.unwrap();
    scene.release(&held).await.unwrap();
    let taken = scene.take(&held.session, held.epoch, b).await;
    scene.write_journal(&taken, &[set("a", "2")]).await.unwrap();
    assert_eq!(scene.journal(&held.session).await.unwrap(), [set("b", "1"), set("a", "2")]);
}

pub async fn a_long_batch_is_written_whole(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    let batch: Vec<_> = (0..500).map(|n| set(&format!("k{n}"), &n.to_string().repeat(200))).collect();
    scene.write_journal(&held, &batch).await.unwrap();
    assert_eq!(scene.journal(&held.session).await.unwrap(), batch);
}

pub async fn statements_of_any_characters_are_kept(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    let batch = [set("", ""), set("é\u{0}x", "SET a = '\u{0}\u{1F980}'';--\n'"), set("é\u{0}y", "2")];
    scene.write_journal(&held, &batch).await.unwrap();
    assert_eq!(scene.journal(&held.session).await.unwrap(), batch);
}
