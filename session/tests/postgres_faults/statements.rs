//! How many statements what costs, counted in the server's log.

use session::{NodeLoad, PostgresStore, SessionId, SessionStore};

use crate::stage::{HOUR, Turn, held, new_session, run};

/// The statements that clients of this name sent while something was done.
async fn statements<T>(turn: &Turn, name: &str, done: impl Future<Output = T>) -> (Vec<String>, T) {
    let begin = mark(turn).await;
    let done = done.await;
    let end = mark(turn).await;
    let prefix = format!("{name}|");
    let mine = |line: &String| {
        line.starts_with(&prefix) && (line.contains("LOG:  statement:") || line.contains("LOG:  execute"))
    };
    (turn.log()[begin..end].iter().filter(|line| mine(line)).cloned().collect(), done)
}

/// Where the log is complete: a statement of its own stands there, which came after all others.
async fn mark(turn: &Turn) -> usize {
    let marker = format!("SELECT 'marker of {}'", uuid::Uuid::new_v4());
    run(&mut turn.raw().await, &marker).await;
    turn.logged(&marker)
}

#[tokio::test]
async fn a_schema_that_is_in_order_costs_one_round_trip_at_start() {
    let turn = Turn::take().await;
    turn.open().await;
    let url = format!("{}&application_name=starter", turn.store_url());
    let (sent, _) = statements(&turn, "starter", async { PostgresStore::open(&url).await.unwrap() }).await;
    assert_eq!(sent.len(), 1, "{sent:#?}");
    // A simple query: no message went ahead to prepare it.
    assert!(sent[0].contains("LOG:  statement:"), "{sent:#?}");
}

async fn beat(store: &dyn SessionStore, node: session::Incarnation, used: &[SessionId]) {
    store.renew_node(node, HOUR, &NodeLoad::default()).await.unwrap();
    store.touch(used, node).await.unwrap();
    store.dataset_version().await.unwrap();
    store.sweep(HOUR).await.unwrap();
}

#[tokio::test]
async fn a_node_at_rest_sends_as_many_statements_however_many_sessions_there_are() {
    let turn = Turn::take().await;
    let url = format!("{}&application_name=rester", turn.store_url());
    let store = PostgresStore::open(&url).await.unwrap();
    let fence = held(&store).await;
    let mut used = vec![fence.session];
    let (few, ()) = statements(&turn, "rester", beat(&store, fence.incarnation, &used)).await;
    for _ in 0..300 {
        used.push(store.create_session(&new_session(), fence.incarnation).await.unwrap().id);
    }
    let (many, ()) = statements(&turn, "rester", beat(&store, fence.incarnation, &used)).await;
    assert_eq!((few.len(), many.len()), (4, 4), "{many:#?}");
}

#[tokio::test]
async fn a_sweep_of_many_sessions_does_them_all_in_parts() {
    let turn = Turn::take().await;
    let store = turn.open().await;
    let fence = held(&store).await;
    let mut db = turn.raw().await;
    run(
        &mut db,
        "INSERT INTO sessions (id, token_hash, principal, engine, state, owner, epoch, idle_timeout, created_at,
                               last_used_at, idle_expires_at, absolute_expires_at)
         SELECT lpad(to_hex(n), 32, '0'), token_hash, principal, engine, state, owner, epoch, idle_timeout, created_at,
                last_used_at, created_at, created_at
         FROM sessions, generate_series(1, 1700) n",
    )
    .await;
    let swept = store.sweep(HOUR).await.unwrap();
    assert_eq!((swept.expired.len(), swept.sessions_deleted), (1700, 0));
    assert!(swept.expired.is_sorted_by(|a, b| a.id < b.id));
    let swept = store.sweep(std::time::Duration::ZERO).await.unwrap();
    assert_eq!((swept.expired.len(), swept.sessions_deleted), (0, 1700));
    assert!(store.session(&fence.session).await.unwrap().is_some());
}
