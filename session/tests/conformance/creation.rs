//! Creating sessions and reading them.

use std::time::Duration;

use session::{Epoch, Incarnation, NodeState, Principal, SessionId, SessionState, StoreError, Token, TokenKey};

use crate::scene::{IDLE, LEASE, MAX_AGE, new_session};
use crate::{HOUR, Scene};

pub async fn a_created_session_is_active_under_the_first_epoch(scene: Scene) {
    let node = scene.node("a").await;
    let new = new_session();
    let record = scene.create_session(&new, node).await.unwrap();
    assert_eq!((&record.id, record.state, record.owner), (&new.id, SessionState::Active, Some(node)));
    assert_eq!((record.epoch, record.close_reason.as_deref()), (Epoch(1), None));
    assert_eq!((record.principal.as_str(), record.engine.as_str()), ("ada", "duckdb"));
    assert!(record.options.is_empty() && !record.expired && !record.owner_lease_over && !record.claimable());
}

pub async fn a_created_session_reads_back_as_it_was_answered(scene: Scene) {
    let node = scene.node("a").await;
    let answered = scene.create_session(&new_session(), node).await.unwrap();
    assert_eq!(format!("{:?}", scene.read(&answered.id).await), format!("{answered:?}"));
    assert_eq!(format!("{:?}", scene.sessions().await.unwrap()), format!("[{answered:?}]"));
}

pub async fn a_session_expires_as_its_timeouts_say(scene: Scene) {
    let node = scene.node("a").await;
    let record = scene.create_session(&new_session(), node).await.unwrap();
    assert_eq!(record.last_used_at, record.created_at);
    let near = |left: Duration, right: Duration| left.abs_diff(right) < Duration::from_millis(1);
    assert!(near(record.idle_expires_at.duration_since(record.created_at).unwrap(), IDLE));
    assert!(near(record.absolute_expires_at.duration_since(record.created_at).unwrap(), MAX_AGE));
}

pub async fn an_unknown_session_is_none(scene: Scene) {
    assert!(scene.session(&SessionId::from_bytes([7; 16])).await.unwrap().is_none());
    assert!(scene.sessions().await.unwrap().is_empty());
}

pub async fn a_session_is_created_only_for_a_node_that_is_alive(scene: Scene) {
    let late = scene.node("late").await;
    scene.pass(LEASE + HOUR).await;
    for owner in [late, Incarnation::random()] {
        assert_eq!(scene.create_session(&new_session(), owner).await.err(), Some(StoreError::NodeGone));
    }
    assert!(scene.sessions().await.unwrap().is_empty());
}

pub async fn a_draining_node_creates_no_session(scene: Scene) {
    let node = scene.node("a").await;
    scene.set_node_state(node, NodeState::Draining).await.unwrap();
    assert_eq!(scene.create_session(&new_session(), node).await.err(), Some(StoreError::NodeDraining));
}

pub async fn an_id_is_taken_only_once(scene: Scene) {
    let node = scene.node("a").await;
    let new = new_session();
    scene.create_session(&new, node).await.unwrap();
    let mut other = new.clone();
    other.principal = Principal("eve".to_owned());
    let refused = scene.create_session(&other, node).await.err();
    assert_eq!(refused, Some(StoreError::SessionExists { session: new.id.clone() }));
    assert_eq!(scene.read(&new.id).await.principal.as_str(), "ada");
}

pub async fn the_token_hash_is_kept(scene: Scene) {
    let node = scene.node("a").await;
    let key = TokenKey::derive(b"a cluster secret");
    let (token, other) = (Token::generate().unwrap(), Token::generate().unwrap());
    let mut new = new_session();
    (new.id, new.token_hash) = (token.id().clone(), key.hash(&token));
    scene.create_session(&new, node).await.unwrap();
    let kept = scene.read(token.id()).await.token_hash;
    assert!(kept.matches(&key.hash(&token)));
    assert!(!kept.matches(&key.hash(&other)));
}

pub async fn a_session_without_time_limits_can_be_read(scene: Scene) {
    let node = scene.node("a").await;
    let mut new = new_session();
    (new.idle_timeout, new.max_age) = (Duration::MAX, Duration::MAX);
    let record = scene.create_session(&new, node).await.unwrap();
    let years = record.absolute_expires_at.duration_since(record.created_at).unwrap().as_secs() / (366 * 24 * 3600);
    assert!((99..=100).contains(&years), "{years}");
    assert!(!record.expired);
}

pub async fn sessions_are_listed_oldest_first(scene: Scene) {
    let node = scene.node("a").await;
    let mut created = Vec::new();
    for _ in 0..20 {
        created.push(scene.held_by(node).await.session);
    }
    let listed: Vec<_> = scene.sessions().await.unwrap().into_iter().map(|record| record.id).collect();
    assert_eq!(listed, created);
}

pub async fn names_of_any_characters_are_kept(scene: Scene) {
    let strange = "é\u{0}'\";--\u{1F980}\n";
    let node = scene.node(strange).await;
    let mut new = new_session();
    (new.principal, new.engine) = (Principal(strange.to_owned()), strange.to_owned());
    let record = scene.create_session(&new, node).await.unwrap();
    assert_eq!((record.principal.as_str(), record.engine.as_str()), (strange, strange));
    assert_eq!(scene.nodes().await.unwrap()[0].name, strange);
}
