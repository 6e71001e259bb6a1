//! What a session is in, how it is brought back, and what it may not do.

use super::*;
use crate::engine::{Holder, StateEntry, TableFilter};

#[tokio::test]
async fn settings_variables_and_place_are_journaled_and_brought_back() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE SCHEMA \"odd,name\"").await;
    let mut journal = std::collections::BTreeMap::new();
    for sql in [
        "SET integer_division = true",
        "SET VARIABLE answer = [42, 43]",
        "SET pivot_limit = 10",
        "RESET pivot_limit",
        "USE memory.\"odd,name\"",
    ] {
        for StateEntry { key, sql } in run(&session, sql).await.unwrap().state {
            journal.insert(key, sql);
        }
    }
    assert_eq!(journal.remove("setting:pivot_limit"), Some(None));
    let replay: Vec<_> = journal.into_iter().map(|(key, sql)| StateEntry { key, sql }).collect();
    assert_eq!(replay.len(), 3, "{replay:?}");

    let again = fixture.engine.open_session(&Holder::default(), &replay).await.unwrap();
    assert_eq!(number(&again, "SELECT 7 / 2").await, 3);
    assert_eq!(number(&again, "SELECT list_sum(getvariable('answer'))").await, 85);
    assert_eq!(again.location().await.unwrap().schema, "odd,name");
    // Others are as they were.
    assert_eq!(number(&fixture.session().await, "SELECT (7 / 2 * 2)").await, 7);
}

#[tokio::test]
async fn what_a_text_of_several_statements_sets_is_journaled_even_when_it_fails() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE t (i INT)").await;
    for sql in ["SET pivot_limit = 11; SELECT * FROM range(1000000)", "SET pivot_limit = 12; INSERT INTO t VALUES (1)"]
    {
        let outcome = run(&session, sql).await.unwrap();
        assert_eq!(outcome.state.len(), 1, "{sql}");
        outcome.rows.batches.try_collect::<Vec<_>>().await.unwrap();
    }
    failure(&session, "SET pivot_limit = 13; SELECT * FROM nothing_there").await;
    let told = run(&session, "INSERT INTO t VALUES (2)").await.unwrap().state;
    assert!(told[0].sql.as_ref().unwrap().contains("13"), "{told:?}");
}

#[tokio::test]
async fn what_cannot_be_brought_back_is_said() {
    let fixture = Fixture::new();
    let entry = StateEntry { key: "location".into(), sql: Some("SET search_path = 'nowhere'".into()) };
    let error = fixture.engine.open_session(&Holder::default(), &[entry]).await.err().unwrap();
    assert_eq!(error.code, crate::error::ErrorCode::SessionUnreclaimable);
}

#[tokio::test]
async fn options_change_settings_and_place() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE SCHEMA s").await;
    assert_eq!(session.set_location(None, Some("s")).await.unwrap().len(), 1);
    assert_eq!(session.location().await.unwrap().schema, "s");
    assert_eq!(session.set_location(None, Some("none")).await.unwrap_err().sqlstate.0, "3F000");
    assert_eq!(session.set_location(Some("none"), None).await.unwrap_err().sqlstate.0, "3D000");
    assert_eq!(session.set_setting("integer_division", Some("true")).await.unwrap().len(), 1);
    assert!(session.settings().await.unwrap().contains(&("integer_division".to_owned(), "true".to_owned())));
    assert!(session.set_setting("threads", Some("1")).await.is_err());
}

#[tokio::test]
async fn the_catalog_lists_what_users_make() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE SCHEMA s_1; CREATE TABLE s_1.t (i INT NOT NULL, s VARCHAR)").await;
    rows(&session, "CREATE SCHEMA sx1; CREATE VIEW sx1.v AS SELECT 1 AS one; CREATE TEMP TABLE tmp (d DATE)").await;
    assert_eq!(session.catalogs().await.unwrap(), ["datasets", "memory", "temp"]);
    let schemas = session.schemas(Some("memory"), Some("s\\_1")).await.unwrap();
    assert_eq!(schemas.len(), 1);
    assert_eq!(schemas[0].schema, "s_1");
    let all = session.tables(&TableFilter { with_schema: true, ..Default::default() }).await.unwrap();
    let listed: Vec<_> = all.iter().map(|t| (t.table_type.as_str(), t.name.as_str())).collect();
    assert_eq!(listed, [("BASE TABLE", "t"), ("LOCAL TEMPORARY", "tmp"), ("VIEW", "v")]);
    let schema = all[0].schema.clone().unwrap();
    assert!(!schema.field(0).is_nullable() && schema.field(1).is_nullable());
    let filter = TableFilter { types: vec!["VIEW".into()], table_pattern: Some("_".into()), ..Default::default() };
    assert_eq!(session.tables(&filter).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_reaches_beyond_the_session_is_refused() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("x.csv");
    std::fs::write(&file, "a\n1\n").unwrap();
    let attach = format!("ATTACH '{}'", elsewhere.path().join("other.db").display());
    for sql in [
        attach.as_str(),
        "LOAD icu",
        "INSTALL icu",
        "SET threads = 1",
        "SET GLOBAL integer_division = true",
        "SET errors_as_json = false",
        "SET enable_external_access = true",
        "PRAGMA enable_profiling",
        "CREATE SECRET s (TYPE http)",
        "SELECT 1; CREATE SECRET s (TYPE http)",
        &format!("SELECT * FROM '{}'", file.display()),
        &format!("COPY (SELECT 1) TO '{}'", elsewhere.path().join("out.csv").display()),
    ] {
        let error = failure(&session, sql).await;
        assert!(["42501", "22023", "0A000"].contains(&error.sqlstate.0), "{sql}: {} {error}", error.sqlstate);
        assert_eq!(number(&session, "SELECT 1").await, 1);
    }
}

#[tokio::test]
async fn failures_have_their_sqlstate_and_position() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE flights (carrier VARCHAR NOT NULL)").await;
    for (sql, state) in [
        ("", "42601"),
        ("-- nothing", "42601"),
        ("SELEKT 1", "42601"),
        ("SELECT * FROM flight", "42P01"),
        ("SELECT carier FROM flights", "42703"),
        ("SELECT nosuchfunction(1)", "42883"),
        ("CREATE TABLE flights (i INT)", "42P07"),
        ("INSERT INTO flights VALUES (NULL)", "23502"),
        ("SELECT 'abc'::INT", "22P02"),
        ("SELECT 300::TINYINT", "22003"),
        ("USE nowhere", "3F000"),
        ("COMMIT", "25000"),
    ] {
        let error = failure(&session, sql).await;
        assert_eq!(error.sqlstate.0, state, "{sql}: {error}");
    }
    assert!(failure(&session, "SELECT * FROM flight").await.message.contains("flights"));
    assert_eq!(failure(&session, "SELECT 1,\n  carier FROM flights").await.position, Some(12));
    assert!(failure(&session, "SELEKT 1").await.position.is_some());
}
