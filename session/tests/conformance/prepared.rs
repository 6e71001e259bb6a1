//! Prepared statements that outlive their node.

use session::SessionId;

use crate::scene::{LEASE, prepared};
use crate::{HOUR, Scene};

pub async fn a_prepared_statement_reads_back(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    let statement = prepared(b"h", "SELECT 'é\u{0}\u{1F980}'");
    scene.put_prepared(&held, &statement).await.unwrap();
    assert_eq!(scene.prepared(&held.session, b"h").await.unwrap(), Some(statement));
}

pub async fn an_unknown_handle_is_none(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    assert_eq!(scene.prepared(&held.session, b"h").await.unwrap(), None);
    assert_eq!(scene.prepared(&SessionId::from_bytes([7; 16]), b"h").await.unwrap(), None);
}

pub async fn a_handle_of_another_session_is_none(scene: Scene) {
    let node = scene.node("a").await;
    let (one, two) = (scene.held_by(node).await, scene.held_by(node).await);
    scene.put_prepared(&one, &prepared(b"h", "SELECT 1")).await.unwrap();
    assert_eq!(scene.prepared(&two.session, b"h").await.unwrap(), None);
    scene.delete_prepared(&two, b"h").await.unwrap();
    assert!(scene.prepared(&one.session, b"h").await.unwrap().is_some());
}

pub async fn a_handle_put_again_is_replaced(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    for sql in ["SELECT 1", "SELECT 2", "SELECT 2"] {
        scene.put_prepared(&held, &prepared(b"h", sql)).await.unwrap();
        assert_eq!(scene.prepared(&held.session, b"h").await.unwrap().unwrap().sql, sql);
    }
}

pub async fn a_deleted_handle_is_none(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    scene.put_prepared(&held, &prepared(b"h", "SELECT 1")).await.unwrap();
    scene.put_prepared(&held, &prepared(b"i", "SELECT 2")).await.unwrap();
    scene.delete_prepared(&held, b"h").await.unwrap();
    assert_eq!(scene.prepared(&held.session, b"h").await.unwrap(), None);
    assert!(scene.prepared(&held.session, b"i").await.unwrap().is_some());
}

pub async fn deleting_an_unknown_handle_is_no_error(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    scene.delete_prepared(&held, b"h").await.unwrap();
}

pub async fn handles_are_any_bytes(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    let handles: [&[u8]; 5] = [b"", b"\0", b"\0\0", &[0xff; 300], b"'"];
    for (n, handle) in handles.iter().enumerate() {
        scene.put_prepared(&held, &prepared(handle, &n.to_string())).await.unwrap();
    }
    for (n, handle) in handles.iter().enumerate() {
        assert_eq!(scene.prepared(&held.session, handle).await.unwrap(), Some(prepared(handle, &n.to_string())));
    }
}

pub async fn prepared_statements_survive_a_takeover(scene: Scene) {
    let (a, b) = (scene.node("a").await, scene.node("b").await);
    let held = scene.held_by(a).await;
    scene.put_prepared(&held, &prepared(b"h", "SELECT 1")).await.unwrap();
    scene.pass_and_keep(LEASE + HOUR, &[b]).await;
    let taken = scene.take(&held.session, held.epoch, b).await;
    assert_eq!(scene.prepared(&held.session, b"h").await.unwrap(), Some(prepared(b"h", "SELECT 1")));
    scene.delete_prepared(&taken, b"h").await.unwrap();
    assert_eq!(scene.prepared(&held.session, b"h").await.unwrap(), None);
}

pub async fn concurrent_puts_are_all_kept(scene: Scene) {
    let held = scene.held_by(scene.node("a").await).await;
    let puts: Vec<_> = (0_u8..64)
        .map(|n| {
            let (store, held) = (scene.clone(), held.clone());
            tokio::spawn(async move { store.put_prepared(&held, &prepared(&[n], &n.to_string())).await })
        })
        .collect();
    for put in puts {
        put.await.unwrap().unwrap();
    }
    for n in 0_u8..64 {
        assert_eq!(scene.prepared(&held.session, &[n]).await.unwrap(), Some(prepared(&[n], &n.to_string())));
    }
}
