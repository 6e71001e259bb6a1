//! The server dies, stands still, or has no connection left; and comes back.

use std::sync::Arc;
use std::time::Duration;

use session::{Claim, Epoch, Fence, NodeLoad, PostgresStore, PreparedRecord, SessionStore as _, StoreError};
use sqlx::{Connection as _, PgConnection};

use crate::proxy::Proxy;
use crate::stage::{HOUR, Turn, entry, held, in_time, new_session, node, run, unavailable};

/// Longer than an idle connection is trusted to be alive.
const LONG_IDLE: Duration = Duration::from_millis(600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_killed_is_unavailable_until_it_is_back_and_nothing_is_lost() {
    let turn = Turn::take().await;
    let store = turn.open().await;
    let fence = held(&store).await;
    store.write_journal(&fence, &[entry("a")]).await.unwrap();
    turn.kill();
    for _ in 0..2 {
        let told = unavailable(in_time(store.session(&fence.session)).await);
        assert!(told.contains("127.0.0.1") && !told.contains(turn.password()), "{told}");
        unavailable(in_time(store.renew_node(fence.incarnation, HOUR, &NodeLoad::default())).await);
        unavailable(in_time(store.write_journal(&fence, &[entry("b")])).await);
        unavailable(in_time(store.claim(&fence.session, fence.epoch, fence.incarnation)).await);
        unavailable(in_time(store.sweep(HOUR)).await);
        unavailable(in_time(PostgresStore::open(&turn.store_url())).await);
    }
    turn.restart();
    let record = store.session(&fence.session).await.unwrap().unwrap();
    assert_eq!((record.owner, record.epoch), (Some(fence.incarnation), fence.epoch));
    assert_eq!(store.journal(&fence.session).await.unwrap(), [entry("a")]);
    store.write_journal(&fence, &[entry("c")]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_between_two_calls_is_not_noticed() {
    let turn = Turn::take().await;
    let store = turn.open().await;
    let fence = held(&store).await;
    turn.stop();
    turn.restart();
    store.renew_node(fence.incarnation, HOUR, &NodeLoad::default()).await.unwrap();
    turn.stop();
    turn.restart();
    store.write_journal(&fence, &[entry("a")]).await.unwrap();
    turn.kill();
    turn.restart();
    // What must not run twice is not sent on a connection that has idled for long without asking whether it is alive.
    tokio::time::sleep(LONG_IDLE).await;
    store.create_session(&new_session(), fence.incarnation).await.unwrap();
    assert_eq!(store.sessions().await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_idle_connections_that_died_cost_one_retry() {
    let turn = Turn::take().await;
    let store = Arc::new(turn.open().await);
    let fence = held(&*store).await;
    let reads: Vec<_> = (0..32)
        .map(|_| {
            let (store, id) = (store.clone(), fence.session.clone());
            tokio::spawn(async move { store.session(&id).await.unwrap() })
        })
        .collect();
    for read in reads {
        read.await.unwrap();
    }
    turn.stop();
    turn.restart();
    store.session(&fence.session).await.unwrap();
    // The others went with the first: this is no connection that idled.
    store.create_session(&new_session(), fence.incarnation).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_an_administrator_ended_is_replaced() {
    let turn = Turn::take().await;
    let store = turn.open().await;
    let fence = held(&store).await;
    let mut db = turn.raw().await;
    for _ in 0..3 {
        let ended: Vec<bool> = sqlx::query_scalar(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = 'pintail'",
        )
        .fetch_all(&mut db)
        .await
        .unwrap();
        assert!(!ended.is_empty() && ended.iter().all(|ended| *ended));
        store.write_journal(&fence, &[entry("a")]).await.unwrap();
    }
    assert_eq!(store.journal(&fence.session).await.unwrap(), [entry("a")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_in_the_middle_of_writing_loses_nothing_acknowledged() {
    let turn = Turn::take().await;
    let store = Arc::new(turn.open().await);
    let fence = held(&*store).await;
    let (acknowledge, mut acknowledged) = tokio::sync::mpsc::unbounded_channel();
    let writer = {
        let (store, fence) = (store.clone(), fence.clone());
        tokio::spawn(async move {
            let mut failures = 0;
            for n in 0..400 {
                // A write whose fate is unknown is made again: the same key, the same statement.
                while let Err(error) = store.write_journal(&fence, &[entry(&n.to_string())]).await {
                    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
                    failures += 1;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                // Nobody listens any more once it has heard enough.
                let _ = acknowledge.send(n);
            }
            failures
        })
    };
    while in_time(acknowledged.recv()).await.unwrap() < 100 {}
    turn.kill();
    turn.restart();
    in_time(writer).await.unwrap();
    let keys: Vec<_> = store.journal(&fence.session).await.unwrap().into_iter().map(|entry| entry.key).collect();
    assert_eq!(keys, (0..400).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_waits_for_a_server_that_stands_still() {
    let turn = Turn::take().await;
    let store = Arc::new(turn.open().await);
    let fence = held(&*store).await;
    turn.pause();
    let mut calls = Vec::new();
    // More calls than there are connections: those that wait for one give up as well.
    for _ in 0..12 {
        let (store, mine) = (store.clone(), fence.clone());
        calls.push(tokio::spawn(async move { store.write_journal(&mine, &[entry("a")]).await.map(drop) }));
        let (store, id) = (turn.store_url(), fence.session.clone());
        calls.push(tokio::spawn(async move { PostgresStore::open(&store).await?.session(&id).await.map(drop) }));
    }
    for call in calls {
        let told = unavailable(in_time(call).await.unwrap());
        assert!(told.contains("within 5 s") || told.contains("in use for 5 s"), "{told}");
    }
    turn.resume();
    store.write_journal(&fence, &[entry("b")]).await.unwrap();
    let record = store.session(&fence.session).await.unwrap().unwrap();
    assert_eq!((record.owner, record.epoch), (Some(fence.incarnation), fence.epoch));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_a_free_connection_is_unavailable_for_those_who_have_none() {
    let turn = Turn::take().await;
    let store = turn.open().await;
    let fence = held(&store).await;
    let mut db = turn.raw().await;
    // A superuser gets the last connections; a node is none.
    run(
        &mut db,
        "DROP ROLE IF EXISTS plain; CREATE ROLE plain LOGIN PASSWORD 'pw'; GRANT CREATE ON DATABASE postgres TO plain",
    )
    .await;
    let plain = turn.store_url().replace(&format!("pintail:{}", turn.password()), "plain:pw") + "_plain";
    let mut taken = Vec::new();
    while let Ok(connection) = PgConnection::connect(plain.split('?').next().unwrap()).await {
        taken.push(connection);
        assert!(taken.len() < 100);
    }
    let told = unavailable(in_time(PostgresStore::open(&plain)).await);
    assert!(told.contains("53300"), "{told}");
    // Who has one goes on.
    store.write_journal(&fence, &[entry("a")]).await.unwrap();
    for connection in taken {
        connection.close().await.unwrap();
    }
    in_time(async {
        while let Err(error) = PostgresStore::open(&plain).await {
            // The server counts a connection until its process has ended.
            unavailable::<()>(Err(error));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claimant_whose_answer_was_lost_finds_out_by_reading() {
    let turn = Turn::take().await;
    let store = turn.open().await;
    let fence = held(&store).await;
    store.release(&fence).await.unwrap();
    let me = node("b");
    store.register_node(&me).await.unwrap();

    let proxy = Proxy::losing("claim_session", turn.port()).await;
    let url = turn.store_url().replace(&format!(":{}/", turn.port()), &format!(":{}/", proxy.port));
    let mine = PostgresStore::open(&url).await.unwrap();
    unavailable(in_time(mine.claim(&fence.session, fence.epoch, me.incarnation)).await);
    assert!(proxy.has_lost());
    let record = mine.session(&fence.session).await.unwrap().unwrap();
    assert_eq!((record.owner, record.epoch), (Some(me.incarnation), Epoch(2)));
    let again = mine.claim(&fence.session, fence.epoch, me.incarnation).await.unwrap();
    assert!(matches!(again, Claim::Lost(Some(record)) if record.owner == Some(me.incarnation)));
    let won = Fence { session: fence.session, incarnation: me.incarnation, epoch: record.epoch };
    mine.write_journal(&won, &[entry("a")]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_may_run_twice_is_sent_again_when_its_answer_was_lost() {
    let turn = Turn::take().await;
    let store = turn.open().await;
    let fence = held(&store).await;
    let proxy = Proxy::losing("put_prepared", turn.port()).await;
    let url = turn.store_url().replace(&format!(":{}/", turn.port()), &format!(":{}/", proxy.port));
    let mine = PostgresStore::open(&url).await.unwrap();
    let statement = PreparedRecord { handle: vec![1], sql: "SELECT 1".to_owned() };
    mine.put_prepared(&fence, &statement).await.unwrap();
    assert!(proxy.has_lost());
    assert_eq!(store.prepared(&fence.session, &[1]).await.unwrap(), Some(statement));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_is_not_given_back_makes_one_session_unavailable_and_no_other() {
    let turn = Turn::take().await;
    let store = turn.open().await;
    let (fence, other) = (held(&store).await, held(&store).await);
    let mut db = turn.raw().await;
    let mut lock = db.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE")
        .bind(fence.session.to_string())
        .execute(&mut *lock)
        .await
        .unwrap();
    let told = unavailable(in_time(store.write_journal(&fence, &[entry("a")])).await);
    assert!(told.contains("55P03"), "{told}");
    store.write_journal(&other, &[entry("a")]).await.unwrap();
    store.sweep(HOUR).await.unwrap();
    assert!(store.session(&fence.session).await.unwrap().is_some());
    lock.rollback().await.unwrap();
    assert!(store.journal(&fence.session).await.unwrap().is_empty(), "the refused write changed nothing");
    store.write_journal(&fence, &[entry("b")]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_given_up_leave_no_lock_and_no_wrong_answer_behind() {
    let turn = Turn::take().await;
    let store = turn.open().await;
    let fence = held(&store).await;
    let batch: Vec<_> = (0..20).map(|n| entry(&n.to_string())).collect();
    for patience in 0..100 {
        let patience = Duration::from_micros(patience * 20);
        let _ = tokio::time::timeout(patience, store.write_journal(&fence, &batch)).await;
        let _ = tokio::time::timeout(patience, store.session(&fence.session)).await;
        let _ = tokio::time::timeout(patience, store.nodes()).await;
        // The answer is of this call, not of one given up.
        assert_eq!(in_time(store.session(&fence.session)).await.unwrap().unwrap().id, fence.session);
    }
    store.write_journal(&fence, &batch).await.unwrap();
    assert_eq!(store.journal(&fence.session).await.unwrap(), batch);
}
