//! What a session is in, how it is brought back, and what it may not do.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::engine::{Holder, Location, StateEntry, TableFilter};
use crate::error::ErrorCode;

/// A journal as the store keeps it: the last entry of a key, in the order of their last writes.
#[derive(Default)]
struct Journal(Vec<StateEntry>);

impl Journal {
    fn write(&mut self, entries: Vec<StateEntry>) {
        for entry in entries {
            self.0.retain(|known| known.key != entry.key);
            if entry.sql.is_some() {
                self.0.push(entry);
            }
        }
    }
}

#[tokio::test]
async fn settings_place_schemas_views_and_external_tables_are_brought_back() {
    let fixture = Fixture::new();
    std::fs::write(fixture.path("read/n.csv"), "n\n1\n2\n").unwrap();
    let session = fixture.session().await;
    let mut journal = Journal::default();
    let external =
        format!("CREATE EXTERNAL TABLE files STORED AS CSV LOCATION '{}'", fixture.path("read/n.csv").display());
    for sql in [
        "SET datafusion.execution.batch_size = 100",
        "SET datafusion.execution.time_zone = '+02:00'",
        "RESET datafusion.execution.time_zone",
        "CREATE SCHEMA s",
        "CREATE VIEW a AS SELECT 1 AS one",
        "CREATE VIEW b AS SELECT one + 1 AS two FROM a",
        // Written after the view that stands upon it.
        "CREATE OR REPLACE VIEW a AS SELECT 2 AS one",
        "CREATE VIEW gone AS SELECT 1; DROP VIEW gone",
        "CREATE TABLE rows AS SELECT 1 AS i",
        &external,
        "USE s",
        "CREATE VIEW c AS SELECT n FROM main.files",
    ] {
        journal.write(run(&session, sql).await.unwrap().state);
    }
    let keys: Vec<_> = journal.0.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "setting:datafusion.execution.batch_size",
            "schema:pintail.s",
            "relation:pintail.main.b",
            "relation:pintail.main.a",
            "unkept:table \"rows\" in pintail.main",
            "relation:pintail.main.files",
            "location",
            "relation:pintail.s.c",
        ]
    );
    let again = fixture.engine.open_session(&Holder::default(), &journal.0).await.unwrap();
    assert_eq!(again.location().await.unwrap(), Location { catalog: "pintail".into(), schema: "s".into() });
    assert_eq!(number(&again, "SELECT two FROM main.b").await, 3);
    assert_eq!(number(&again, "SELECT sum(n) FROM c").await, 3);
    let settings: BTreeMap<_, _> = again.settings().await.unwrap().into_iter().collect();
    assert_eq!(settings["datafusion.execution.batch_size"], "100");
    // Tables in memory are not brought back.
    assert_eq!(failure(&again, "SELECT * FROM main.rows").await.sqlstate.0, "42P01");
    // Others are as they were, and what was replayed is not journaled again.
    assert!(run(&again, "SELECT 1").await.unwrap().state.is_empty());
    let settings: BTreeMap<_, _> = fixture.session().await.settings().await.unwrap().into_iter().collect();
    assert_eq!(settings["datafusion.execution.batch_size"], "8192");
}

#[tokio::test]
async fn what_cannot_be_brought_back_is_said() {
    let fixture = Fixture::new();
    let entry = |key: &str, sql: &str| StateEntry { key: key.into(), sql: Some(sql.into()) };
    let place = [entry("location", "USE nowhere")];
    let error = fixture.engine.open_session(&Holder::default(), &place).await.err().unwrap();
    assert_eq!(error.code, ErrorCode::SessionUnreclaimable);
    assert!(error.message.contains("location"), "{error}");
    // Views end with the tables that they read; others are there.
    let views = [
        entry("relation:pintail.main.v", "USE pintail.main; CREATE VIEW v AS SELECT * FROM rows_of_another_life"),
        entry("relation:pintail.main.over_it", "USE pintail.main; CREATE VIEW over_it AS SELECT * FROM v"),
        entry("relation:pintail.main.other", "USE pintail.main; CREATE VIEW other AS SELECT 7 AS n"),
    ];
    let session = fixture.engine.open_session(&Holder::default(), &views).await.unwrap();
    let lost = ["relation pintail.main.over_it", "relation pintail.main.v"];
    assert_eq!(session.take_lost().into_iter().collect::<BTreeSet<_>>(), lost.map(String::from).into());
    assert!(session.take_lost().is_empty(), "once");
    assert_eq!(number(&session, "SELECT n FROM other").await, 7);
}

#[tokio::test]
async fn of_tables_in_memory_the_journal_has_the_names() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let mut journal = Journal::default();
    for sql in [
        "CREATE SCHEMA s",
        "CREATE TABLE kept_no_more AS SELECT 1 AS i",
        "CREATE OR REPLACE TABLE kept_no_more AS SELECT 2 AS i",
        "CREATE TABLE dropped AS SELECT 1 AS i; DROP TABLE dropped",
        "CREATE TABLE now_a_view AS SELECT 1 AS i",
        "CREATE OR REPLACE VIEW now_a_view AS SELECT 2 AS i",
        "CREATE VIEW now_a_table AS SELECT 1 AS i",
        "CREATE OR REPLACE TABLE now_a_table AS SELECT 2 AS i",
        "CREATE TABLE s.in_it AS SELECT 1 AS i",
        "DROP SCHEMA s CASCADE",
    ] {
        journal.write(run(&session, sql).await.unwrap().state);
    }
    let keys: BTreeSet<_> = journal.0.iter().map(|entry| entry.key.as_str()).collect();
    let expected = [
        "relation:pintail.main.now_a_view",
        "unkept:table \"kept_no_more\" in pintail.main",
        "unkept:table \"now_a_table\" in pintail.main",
    ];
    assert_eq!(keys, expected.into());
}

#[tokio::test]
async fn what_a_failed_text_set_is_told_with_the_next_success() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    failure(&session, "SET datafusion.execution.batch_size = 13; SELECT * FROM nothing_there").await;
    let told = run(&session, "SELECT 1").await.unwrap().state;
    assert!(told[0].sql.as_ref().unwrap().contains("13"), "{told:?}");
}

#[tokio::test]
async fn settings_that_are_not_the_session_s_are_refused() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    for sql in [
        "SET datafusion.runtime.memory_limit = '1G'",
        "SET datafusion.runtime.temp_directory = '/'",
        "RESET datafusion.runtime.memory_limit",
        "SET datafusion.catalog.information_schema = false",
        "SET datafusion.catalog.location = '/etc'",
        "SET datafusion.sql_parser.dialect = 'mysql'",
        "SET GLOBAL datafusion.execution.batch_size = 1",
        "CREATE DATABASE d",
        "ATTACH 'x.db'",
        "LOAD icu",
    ] {
        let error = failure(&session, sql).await;
        assert_eq!(error.code, ErrorCode::StatementForbidden, "{sql}: {} {error}", error.sqlstate);
    }
    for (name, value) in [
        ("datafusion.execution.batch_size", "0"),
        ("datafusion.execution.target_partitions", "100000"),
        ("datafusion.execution.time_zone", "Nowhere/Land"),
        ("datafusion.optimizer.prefer_hash_join", "perhaps"),
    ] {
        let error = session.set_setting(name, Some(value)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::OptionInvalid, "{name}: {error}");
    }
    assert_eq!(session.set_location(None, Some("none")).await.unwrap_err().sqlstate.0, "3F000");
    assert_eq!(session.set_location(Some("none"), None).await.unwrap_err().sqlstate.0, "3D000");
    let entries = session.set_location(Some("datasets"), None).await.unwrap();
    assert_eq!(entries[0].sql.as_deref(), Some("USE \"datasets\".\"main\""));
}

#[tokio::test]
async fn the_catalog_lists_what_users_make() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    rows(&session, "CREATE SCHEMA s_1; CREATE TABLE s_1.t (i INT NOT NULL, s VARCHAR)").await;
    rows(&session, "CREATE SCHEMA sx1; CREATE VIEW sx1.v AS SELECT 1 AS one; CREATE TEMP TABLE tmp (d DATE)").await;
    assert_eq!(session.catalogs().await.unwrap(), ["datasets", "pintail"]);
    let schemas = session.schemas(Some("pintail"), Some("s\\_1")).await.unwrap();
    assert_eq!(schemas.iter().map(|found| found.schema.as_str()).collect::<Vec<_>>(), ["s_1"]);
    let all = session.tables(&TableFilter { with_schema: true, ..Default::default() }).await.unwrap();
    let listed: Vec<_> = all.iter().map(|t| (t.table_type.as_str(), t.name.as_str())).collect();
    assert_eq!(listed, [("BASE TABLE", "t"), ("LOCAL TEMPORARY", "tmp"), ("VIEW", "v")]);
    let types = session.table_types().await.unwrap();
    assert!(all.iter().all(|table| types.contains(&table.table_type)));
    let schema = all[0].schema.clone().unwrap();
    assert!(!schema.field(0).is_nullable() && schema.field(1).is_nullable());
    assert_eq!(schema.field(0).metadata()[typemap::metadata::TABLE_NAME], "t");
    let filter = TableFilter { types: vec!["VIEW".into()], table_pattern: Some("_".into()), ..Default::default() };
    assert_eq!(session.tables(&filter).await.unwrap().len(), 1);
    let listed = texts(&session, "SELECT table_name FROM information_schema.tables WHERE table_schema = 's_1'").await;
    assert_eq!(listed, ["t"]);
}

#[tokio::test]
async fn the_engine_says_what_it_is() {
    let fixture = Fixture::new();
    let facts = fixture.engine.facts();
    assert_eq!(facts.version, "54.1.0");
    assert!(facts.keywords.contains(&"SELECT".to_owned()) && facts.keywords.is_sorted());
    for (functions, one) in [
        (&facts.numeric_functions, "sqrt"),
        (&facts.string_functions, "lower"),
        (&facts.datetime_functions, "date_trunc"),
        (&facts.system_functions, "version"),
    ] {
        assert!(functions.contains(&one.to_owned()) && functions.is_sorted(), "{one} in {functions:?}");
    }
}

#[tokio::test]
async fn no_session_is_opened_once_the_engine_has_ended() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    fixture.engine.shutdown().await;
    assert_eq!(fixture.engine.open_session(&Holder::default(), &[]).await.err().unwrap().code, ErrorCode::Draining);
    assert_eq!(run(&session, "SELECT 1").await.err().unwrap().code, ErrorCode::SessionClosed);
}
