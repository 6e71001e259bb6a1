//! Who is calling, and which session a call gets.

use ::session::{SessionStore as _, Token};
use futures::future::join_all;
use uuid::Uuid;

use super::*;
use crate::engine::Statement;

#[tokio::test]
async fn a_handshake_grants_a_token_that_opens_its_session_again() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, token) = connect(&node).await;
    let again = call(&node, &token).await.unwrap();
    assert!(Arc::ptr_eq(&caller.session, &again.session));
    assert!(again.grant.is_none());
    assert_eq!(again.session.principal().as_str(), "ada");
    assert_eq!(again.session.epoch().0, 1);
    assert_eq!(node.live_sessions(), 1);
}

#[tokio::test]
async fn a_basic_handshake_is_always_a_new_session_and_a_bearer_one_never() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (first, token) = connect(&node).await;
    let (second, _) = connect(&node).await;
    assert_ne!(first.session.id(), second.session.id());
    let again = node.handshake(&bearer(&token)).await.unwrap();
    assert_eq!(again.session.id(), first.session.id());
    assert!(again.grant.is_none());
}

#[tokio::test]
async fn wrong_credentials_open_nothing() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    assert_eq!(code(node.handshake(&basic("ada", "wrong")).await), ErrorCode::CredentialsWrong);
    assert_eq!(code(node.caller(&basic("bob", "tablet"), peer(1)).await), ErrorCode::CredentialsWrong);
    assert_eq!(code(node.caller(&HeaderMap::new(), peer(1)).await), ErrorCode::CredentialsMissing);
    assert_eq!(cluster.engine.opened(), 0);
}

#[tokio::test]
async fn basic_on_every_call_shares_one_session_for_each_connection() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let headers = ada();
    let callers = join_all((0..8).map(|_| node.caller(&headers, peer(1)))).await;
    let callers: Vec<_> = callers.into_iter().map(Result::unwrap).collect();
    assert!(callers.iter().all(|caller| caller.session.id() == callers[0].session.id()));
    assert_eq!(callers.iter().filter(|caller| caller.grant.is_some()).count(), 1, "it is granted once");
    assert_eq!(cluster.engine.opened(), 1);

    let other = node.caller(&headers, peer(2)).await.unwrap();
    assert_ne!(other.session.id(), callers[0].session.id());
    let unconnected = node.caller(&headers, Origin::Client(None)).await.unwrap();
    assert!(unconnected.grant.is_some());
    assert_eq!(node.live_sessions(), 3);
}

#[tokio::test]
async fn a_connection_whose_session_was_closed_gets_a_new_one_and_is_told() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let first = node.caller(&ada(), peer(1)).await.unwrap();
    node.close_session(&first).await.unwrap();
    let second = node.caller(&ada(), peer(1)).await.unwrap();
    assert_ne!(second.session.id(), first.session.id());
    assert!(second.grant.is_some());
    assert_eq!(cluster.engine.closed(), 1);
}

#[tokio::test]
async fn the_session_of_a_connection_is_resumed_after_its_engine_state_was_dropped() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let first = node.caller(&ada(), peer(1)).await.unwrap();
    node.core.fence();
    super::super::Heartbeat::new(Arc::clone(&node.core)).beat().await;
    let second = node.caller(&ada(), peer(1)).await.unwrap();
    assert_eq!(second.session.id(), first.session.id());
    assert_eq!(second.session.epoch().0, 2);
}

#[tokio::test]
async fn cookie_and_header_name_a_session_for_its_principal_only() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, token) = connect(&node).await;
    let cookie = format!("theme=dark; pintail_session={token}");
    for headers in [with(ada(), "cookie", &cookie), with(ada(), "x-pintail-session", &token)] {
        let named = node.caller(&headers, peer(1)).await.unwrap();
        assert_eq!(named.session.id(), caller.session.id());
        assert!(named.grant.is_none());
    }

    let unknown = Token::generate().unwrap().expose();
    let headers = with(ada(), "x-pintail-session", &unknown);
    assert_eq!(code(node.caller(&headers, peer(1)).await), ErrorCode::TokenUnknown);
    let headers = with(ada(), "x-pintail-session", "nonsense");
    assert_eq!(code(node.caller(&headers, peer(1)).await), ErrorCode::TokenMalformed);

    drop(node);
    let bobs = cluster.start(cluster.options(Uuid::from_u128(1)), &BOB).await;
    let headers = with(basic("bob", "tablet"), "x-pintail-session", &token);
    assert_eq!(code(bobs.caller(&headers, peer(1)).await), ErrorCode::SessionForbidden);
    assert_eq!(code(call(&bobs, &token).await), ErrorCode::SessionForbidden, "its user no longer exists");
    assert_eq!(cluster.engine.opened(), 1, "nothing is rebuilt for who may not have it");
}

#[tokio::test]
async fn a_token_that_is_none_and_one_with_a_wrong_secret_are_told_apart_from_each_other_only_by_form() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (caller, token) = connect(&node).await;
    assert_eq!(code(call(&node, "pt1.x").await), ErrorCode::TokenMalformed);
    assert_eq!(code(call(&node, &Token::generate().unwrap().expose()).await), ErrorCode::TokenUnknown);

    let other = Token::generate().unwrap().expose();
    let secret = other.rsplit('.').next().unwrap();
    let forged = format!("pt1.{}.{secret}", caller.session.id());
    let live = call(&node, &forged).await.unwrap_err();
    assert_eq!(live.code, ErrorCode::TokenUnknown);
    assert!(!live.message.contains(secret));

    let node = cluster.restart(node).await;
    assert_eq!(call(&node, &forged).await.unwrap_err(), live, "the same while it does not live here");
    assert!(call(&node, &token).await.is_ok());
}

#[tokio::test]
async fn a_closed_session_says_so_to_late_calls_and_only_that_one_is_closed() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (first, first_token) = connect(&node).await;
    let (_, second_token) = connect(&node).await;
    node.close_session(&first).await.unwrap();
    assert_eq!(cluster.engine.closed(), 1);
    assert_eq!(code(call(&node, &first_token).await), ErrorCode::SessionClosed);
    assert_eq!(code(first.session.begin().await), ErrorCode::SessionClosed);
    assert_eq!(code(node.close_session(&first).await), ErrorCode::SessionClosed);
    assert!(call(&node, &second_token).await.is_ok());

    let node = cluster.restart(node).await;
    assert_eq!(code(call(&node, &first_token).await), ErrorCode::SessionClosed);
}

#[tokio::test]
async fn a_session_that_expired_by_the_stores_clock_says_so() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (_, token) = connect(&node).await;
    drop(node);
    cluster.clock.advance(Duration::from_secs(601));
    let node = cluster.node(1).await;
    assert_eq!(code(call(&node, &token).await), ErrorCode::SessionExpired);
    cluster.store.sweep(Duration::MAX).await.unwrap();
    assert_eq!(code(call(&node, &token).await), ErrorCode::SessionExpired, "also when the row is marked");
    cluster.store.sweep(Duration::ZERO).await.unwrap();
    assert_eq!(code(call(&node, &token).await), ErrorCode::TokenUnknown, "and once it is deleted it is unknown");
}

#[tokio::test]
async fn a_store_that_is_down_is_never_a_wrong_credential() {
    let cluster = Cluster::new();
    let node = cluster.node(1).await;
    let (_, token) = connect(&node).await;
    let (closing, _) = connect(&node).await;
    cluster.store.set_down(true);
    assert!(call(&node, &token).await.is_ok(), "what lives here goes on while the lease runs");
    assert_eq!(code(node.handshake(&ada()).await), ErrorCode::StoreUnavailable);
    assert_eq!(code(call(&node, &Token::generate().unwrap().expose()).await), ErrorCode::StoreUnavailable);
    assert_eq!(code(node.close_session(&closing).await), ErrorCode::StoreUnavailable);
    let goes_on = closing.session.execute(Statement::new("SELECT 1")).await;
    assert!(goes_on.is_ok(), "a session that could not be closed goes on");
    assert_eq!(
        code(closing.session.begin().await),
        ErrorCode::StoreUnavailable,
        "nobody could tell of it after a kill"
    );
    assert_eq!(cluster.engine.opened(), 3);
    until(|| cluster.engine.closed() == 1).await;
    assert_eq!(node.live_sessions(), 2, "what was opened for the failed handshake is closed again");
}
