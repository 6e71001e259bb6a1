//! A store that answers, but not as it is configured: an operator is told what to do, and no password.

use session::{PostgresStore, SessionStore as _};

use crate::stage::{Turn, misconfigured, run, unavailable};

async fn refused(turn: &Turn, url: &str) -> String {
    let told = misconfigured(PostgresStore::open(url).await);
    assert!(!told.contains(turn.password()) && !told.contains("hunter2"), "{told}");
    told
}

#[tokio::test]
async fn a_wrong_password_is_a_matter_of_configuration() {
    let turn = Turn::take().await;
    let told = refused(&turn, &turn.store_url().replace(turn.password(), "hunter2")).await;
    assert!(told.contains("28P01") && told.contains("check the password"), "{told}");
    let told = refused(&turn, &turn.store_url().replace("pintail:", "nobody:")).await;
    assert!(told.contains("check the password"), "{told}");
}

#[tokio::test]
async fn a_database_that_is_missing_is_a_matter_of_configuration() {
    let turn = Turn::take().await;
    let told = refused(&turn, &turn.url_of("nowhere")).await;
    assert!(told.contains("3D000") && told.contains("create the database"), "{told}");
}

#[tokio::test]
async fn a_user_without_the_right_to_make_a_schema_is_told_so() {
    let turn = Turn::take().await;
    let mut db = turn.raw().await;
    run(&mut db, "DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN PASSWORD 'hunter2'").await;
    let url = turn.store_url().replace(&format!("pintail:{}", turn.password()), "guest:hunter2");
    let told = refused(&turn, &url).await;
    assert!(told.contains("42501"), "{told}");
    // With a schema that is given to it no other right is needed.
    run(&mut db, &format!("CREATE SCHEMA {} AUTHORIZATION guest", turn.schema)).await;
    PostgresStore::open(&url).await.unwrap().nodes().await.unwrap();
}

#[tokio::test]
async fn a_password_that_is_changed_later_is_a_matter_of_configuration_too() {
    let turn = Turn::take().await;
    let mut db = turn.raw().await;
    run(&mut db, "DROP ROLE IF EXISTS moody; CREATE ROLE moody LOGIN SUPERUSER PASSWORD 'hunter2'").await;
    let url = turn.store_url().replace(&format!("pintail:{}", turn.password()), "moody:hunter2");
    let store = PostgresStore::open(&url).await.unwrap();
    run(&mut db, "ALTER ROLE moody PASSWORD 'other'").await;
    store.nodes().await.unwrap();
    turn.stop();
    turn.restart();
    let told = misconfigured(store.nodes().await);
    assert!(!told.contains("hunter2") && told.contains("check the password"), "{told}");
    run(&mut turn.raw().await, "ALTER ROLE moody PASSWORD 'hunter2'").await;
    store.nodes().await.unwrap();
}

#[tokio::test]
async fn a_database_that_can_not_hold_every_name_is_refused() {
    let turn = Turn::take().await;
    let mut db = turn.raw().await;
    run(&mut db, "DROP DATABASE IF EXISTS ascii").await;
    run(&mut db, "CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'").await;
    let told = refused(&turn, &turn.url_of("ascii")).await;
    assert!(told.contains("SQL_ASCII") && told.contains("UTF8"), "{told}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_demanded() {
    let turn = Turn::take().await;
    run(&mut turn.raw().await, "ALTER SYSTEM SET ssl = off").await;
    turn.stop();
    turn.restart();
    for mode in ["require", "verify-full"] {
        let told = refused(&turn, &format!("{}&sslmode={mode}", turn.store_url())).await;
        assert!(told.contains("TLS") && told.contains("sslmode"), "{told}");
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_unavailable() {
    let turn = Turn::take().await;
    turn.stop();
    let told = unavailable(PostgresStore::open(&turn.store_url()).await);
    turn.restart();
    assert!(told.contains("refused") && !told.contains(turn.password()), "{told}");
}

#[tokio::test]
async fn a_store_is_shown_without_its_password() {
    let turn = Turn::take().await;
    let store = turn.open().await;
    let shown = format!("{store:?} {}", store.place());
    assert!(!shown.contains(turn.password()) && shown.contains(&turn.schema), "{shown}");
    assert_eq!(PostgresStore::place_of(&turn.store_url()).unwrap(), store.place());
}
