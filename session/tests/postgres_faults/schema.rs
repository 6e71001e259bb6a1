//! The schema: its versions, and what is missing in it.

use session::{NodeLoad, PostgresStore, SessionStore as _, StoreError};

use crate::stage::{HOUR, Turn, held, node, number, run};

#[tokio::test]
async fn a_schema_of_a_newer_server_is_refused_and_left_as_it_is() {
    let turn = Turn::take().await;
    turn.open().await;
    let mut db = turn.raw().await;
    run(&mut db, "INSERT INTO schema_versions (version) VALUES (1000); DROP INDEX sessions_by_owner").await;
    let refused = PostgresStore::open(&turn.store_url()).await.err().unwrap();
    let supported = PostgresStore::schema_version();
    assert_eq!(refused, StoreError::SchemaTooNew { found: 1000, supported });
    let told = refused.to_string();
    assert!(told.contains("1000") && told.contains(&supported.to_string()) && told.contains("newer server"), "{told}");
    let indexes = number(
        &mut db,
        "SELECT count(*) FROM pg_indexes WHERE schemaname = current_schema()
                                   AND indexname = 'sessions_by_owner'",
    );
    assert_eq!(indexes.await, 0);
}

#[tokio::test]
async fn a_schema_of_any_earlier_version_is_brought_up_to_date_with_all_it_holds() {
    let turn = Turn::take().await;
    let mut db = turn.raw().await;
    let migrations = [
        include_str!("../../src/postgres/schema/0001_sessions.sql"),
        include_str!("../../src/postgres/schema/0002_calls.sql"),
        include_str!("../../src/postgres/schema/0003_datasets.sql"),
    ];
    for version in 1..=migrations.len() {
        let schema = format!("{}_{version}", turn.schema);
        run(&mut db, &format!("CREATE SCHEMA {schema}; SET search_path = {schema}")).await;
        for migration in &migrations[..version] {
            run(&mut db, migration).await;
        }
        run(
            &mut db,
            &format!(
                "CREATE TABLE schema_versions (version bigint PRIMARY KEY,
                                               applied_at timestamptz NOT NULL DEFAULT clock_timestamp());
                 INSERT INTO schema_versions (version) SELECT generate_series(1, {version});
                 INSERT INTO nodes VALUES ('00000000-0000-0000-0000-000000000001',
                     '00000000-0000-0000-0000-000000000002', 'old', 'grpc://old', NULL, 'both', 'live',
                     clock_timestamp() + interval '1 hour', clock_timestamp(), '0.1.0')"
            ),
        )
        .await;
        let store = PostgresStore::open(&format!("{}?schema={schema}", turn.url())).await.unwrap();
        assert_eq!(store.nodes().await.unwrap()[0].name, "old");
        held(&store).await;
        let found = number(&mut db, "SELECT max(version) FROM schema_versions").await;
        assert_eq!(found, PostgresStore::schema_version());
    }
}

#[tokio::test]
async fn an_index_that_is_missing_or_broken_is_put_back_at_the_next_start() {
    let turn = Turn::take().await;
    let store = turn.open().await;
    let fence = held(&store).await;
    let mut db = turn.raw().await;
    let indexes = "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                   WHERE c.relnamespace = current_schema()::regnamespace AND i.indisvalid";
    let before = number(&mut db, indexes).await;
    run(
        &mut db,
        "DROP INDEX sessions_by_owner, sessions_by_expiry;
         ALTER TABLE prepared DROP CONSTRAINT prepared_pkey;
         UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'sessions_by_end'::regclass",
    )
    .await;
    assert_eq!(number(&mut db, indexes).await, before - 4);
    let mended = turn.open().await;
    assert_eq!(number(&mut db, indexes).await, before);
    assert!(mended.session(&fence.session).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_schema_can_be_made_by_many_at_once() {
    let turn = Turn::take().await;
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let url = turn.store_url();
            tokio::spawn(async move { PostgresStore::open(&url).await.map(drop) })
        })
        .collect();
    for opened in opening {
        opened.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn two_schemas_of_one_database_are_two_stores() {
    let turn = Turn::take().await;
    let one = turn.open().await;
    let two = PostgresStore::open(&format!("{}_other", turn.store_url())).await.unwrap();
    let node = node("a");
    one.register_node(&node).await.unwrap();
    assert!(two.nodes().await.unwrap().is_empty());
    let renewed = two.renew_node(node.incarnation, HOUR, &NodeLoad::default()).await;
    assert_eq!(renewed, Err(StoreError::NodeGone));
}

#[tokio::test]
async fn a_table_that_is_missing_is_reported_as_damage() {
    let turn = Turn::take().await;
    let store = turn.open().await;
    run(&mut turn.raw().await, "DROP TABLE datasets CASCADE").await;
    let damage = store.datasets().await.unwrap_err();
    assert!(matches!(damage, StoreError::Corrupt(_)), "{damage:?}");
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_reported_as_damage_and_not_repeated() {
    let turn = Turn::take().await;
    let store = turn.open().await;
    let fence = held(&store).await;
    run(&mut turn.raw().await, "UPDATE sessions SET options = 'key = hidden'").await;
    let damage = store.session(&fence.session).await.unwrap_err();
    assert!(matches!(damage, StoreError::Corrupt(_)), "{damage:?}");
    assert!(!damage.to_string().contains("hidden"), "{damage}");
}

#[tokio::test]
async fn a_schema_whose_functions_were_made_anew_is_used_by_those_who_knew_the_old_ones() {
    let turn = Turn::take().await;
    let store = turn.open().await;
    let fence = held(&store).await;
    store.nodes().await.unwrap();
    let mut db = turn.raw().await;
    // As a later version of the server may do while this one still runs.
    run(
        &mut db,
        "ALTER TABLE nodes ADD COLUMN later text; CREATE OR REPLACE VIEW node_records AS
        SELECT incarnation, home, name, advertised_uri, peer_uri, role, state, version, drain_requested,
            load_sessions, load_running, load_memory_used, load_memory_limit,
            extract(epoch FROM lease_until)::float8 AS lease_until,
            extract(epoch FROM registered_at)::float8 AS registered_at,
            3600::float8 AS lease_left, later FROM nodes",
    )
    .await;
    assert_eq!(store.nodes().await.unwrap()[0].incarnation, fence.incarnation);
}

#[tokio::test]
async fn what_dead_nodes_left_does_not_grow() {
    let turn = Turn::take().await;
    let store = turn.open().await;
    let mut db = turn.raw().await;
    for _ in 0..5 {
        let fence = held(&store).await;
        store.end_session(&fence.session, "by an operator").await.unwrap();
        store.set_node_state(fence.incarnation, session::NodeState::Gone).await.unwrap();
    }
    assert_eq!(number(&mut db, "SELECT count(*) FROM revocations").await, 5);
    store.sweep(HOUR).await.unwrap();
    assert_eq!(number(&mut db, "SELECT count(*) FROM revocations").await, 0);
    store.sweep(std::time::Duration::ZERO).await.unwrap();
    assert_eq!(number(&mut db, "SELECT count(*) FROM nodes").await, 0);
}
