//! Contents of any size and any characters.

use session::{EndedSession, NewDataset};

use crate::Scene;
use crate::scene::{new_session, options, prepared, set};

/// Texts that a store which built its statements from them would stumble over, and characters that a text may lack.
const STRANGE: [&str; 8] = [
    "'; DROP TABLE sessions; --",
    "' OR '1'='1",
    "$1 ?1 :a @b %s {}",
    "\\' \\x00 \\",
    "\u{0}",
    "a\u{0}b\u{1}c\u{1}0",
    "\u{feff}\u{202e}\u{10ffff}\u{1F980}é",
    "NULL",
];

pub async fn texts_that_look_like_sql_are_kept_everywhere(scene: Scene) {
    for strange in STRANGE {
        let node = scene.node(strange).await;
        assert_eq!(scene.find(node).await.name, strange);
        let mut new = new_session();
        (new.principal.0, new.engine) = (strange.to_owned(), strange.to_owned());
        let record = scene.create_session(&new, node).await.unwrap();
        assert_eq!((record.principal.as_str(), record.engine.as_str()), (strange, strange));
        let held = session::Fence { session: new.id, incarnation: node, epoch: record.epoch };
        scene.set_options(&held, &options(&[(strange, strange)])).await.unwrap();
        scene.write_journal(&held, &[set(strange, strange)]).await.unwrap();
        scene.put_prepared(&held, &prepared(strange.as_bytes(), strange)).await.unwrap();
        assert_eq!(scene.read(&held.session).await.options, options(&[(strange, strange)]));
        assert_eq!(scene.journal(&held.session).await.unwrap(), [set(strange, strange)]);
        let statement = scene.prepared(&held.session, strange.as_bytes()).await.unwrap();
        assert_eq!(statement, Some(prepared(strange.as_bytes(), strange)));
    }
    assert_eq!(scene.sessions().await.unwrap().len(), STRANGE.len());
}

pub async fn reasons_of_any_characters_are_kept(scene: Scene) {
    let node = scene.node("a").await;
    for strange in STRANGE {
        let (closed, ended) = (scene.held_by(node).await, scene.held_by(node).await);
        scene.close(&closed, strange).await.unwrap();
        let order = scene.end_session(&ended.session, strange).await.unwrap();
        assert!(matches!(order, EndedSession::Ended(_)));
        for id in [closed.session, ended.session] {
            assert_eq!(scene.read(&id).await.close_reason.as_deref(), Some(strange));
        }
    }
}

pub async fn datasets_of_any_characters_are_kept(scene: Scene) {
    let node = scene.node("a").await;
    for strange in STRANGE {
        let dataset = NewDataset {
            name: "d".to_owned(),
            url: strange.to_owned(),
            format: strange.to_owned(),
            secret: Some(strange.to_owned()),
            replace: true,
        };
        scene.put_dataset(&dataset).await.unwrap();
        let generation = scene.datasets().await.unwrap()[0].generation;
        assert_eq!(scene.set_dataset_columns("d", generation, strange).await.unwrap().as_deref(), Some(strange));
        let failed = session::DatasetState::Failed(strange.to_owned());
        scene.report_dataset("d", generation, node, &failed).await.unwrap();
        let record = scene.datasets().await.unwrap().remove(0);
        assert_eq!((record.url.as_str(), record.secret.as_deref()), (strange, Some(strange)));
        assert_eq!((record.columns.as_deref(), &record.health[0].state), (Some(strange), &failed));
    }
}

pub async fn keys_that_differ_in_one_character_are_two(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    let keys = ["a", "A", "a ", "a\u{0}", "a\u{1}", "a\u{1}0", "a\u{1}1", "á", "a\u{301}", ""];
    let batch = keys.map(|key| set(key, key));
    scene.write_journal(&held, &batch).await.unwrap();
    assert_eq!(scene.journal(&held.session).await.unwrap(), batch);
}

pub async fn keys_and_handles_of_any_length_are_kept(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    // Not one that packs well.
    let long: String = (0_u32..40_000).filter_map(|n| char::from_u32(0x4e00 + n * 7919 % 20_000)).collect();
    let longer = format!("{long}x");
    let batch = [set(&long, "1"), set(&longer, "2")];
    scene.write_journal(&held, &batch).await.unwrap();
    assert_eq!(scene.journal(&held.session).await.unwrap(), batch);
    for key in [&long, &longer] {
        scene.put_prepared(&held, &prepared(key.as_bytes(), key)).await.unwrap();
    }
    let read = scene.prepared(&held.session, long.as_bytes()).await.unwrap();
    assert_eq!(read, Some(prepared(long.as_bytes(), &long)));
    scene.delete_prepared(&held, longer.as_bytes()).await.unwrap();
    assert!(scene.prepared(&held.session, longer.as_bytes()).await.unwrap().is_none());
}

pub async fn a_huge_journal_is_written_and_read(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    let mut batch: Vec<_> = (0..3000).map(|n| set(&format!("k{n}"), "SET a = 1")).collect();
    batch.push(set("large", &"CREATE VIEW v AS SELECT 1; ".repeat(200_000)));
    scene.write_journal(&held, &batch).await.unwrap();
    assert_eq!(scene.journal(&held.session).await.unwrap(), batch);
    scene.close(&held, "by request").await.unwrap();
    assert!(scene.journal(&held.session).await.unwrap().is_empty());
}

pub async fn options_of_any_size_are_kept(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    let mut many: std::collections::BTreeMap<_, _> = (0..1000).map(|n| (n.to_string(), "v".repeat(n))).collect();
    many.insert("large".to_owned(), "x".repeat(2_000_000));
    scene.set_options(&held, &many).await.unwrap();
    assert_eq!(scene.read(&held.session).await.options, many);
}

pub async fn a_prepared_statement_of_any_size_is_kept(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    for sql in [String::new(), "SELECT 1;".repeat(300_000)] {
        scene.put_prepared(&held, &prepared(b"h", &sql)).await.unwrap();
        assert_eq!(scene.prepared(&held.session, b"h").await.unwrap(), Some(prepared(b"h", &sql)));
    }
}
