//! Writes that are sent again are applied once, and their first answer comes again.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int32Array, RecordBatch};
use arrow_flight::sql::{
    CommandPreparedStatementUpdate, CommandStatementIngest, TableDefinitionOptions, TableExistsOption,
    TableNotExistOption,
};
use bytes::Bytes;
use pintail_tests::messages::text;
use pintail_tests::{Client, Server, assert_failure};
use tonic::{Code, Status};

const REQUEST: &str = "x-pintail-request-id";

/// The client with a request id: the same number, the same id.
pub(crate) fn with_id(client: &Client, number: u32) -> Client {
    client.clone().with_header(REQUEST, id(number))
}

/// The id of this number.
pub(crate) fn id(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

async fn count(client: &Client) -> String {
    client.value("SELECT count(*) FROM t").await.unwrap()
}

fn ints(values: Vec<i32>) -> RecordBatch {
    RecordBatch::try_from_iter([("i", Arc::new(Int32Array::from(values)) as ArrayRef)]).unwrap()
}

fn ingest_into(table: &str) -> CommandStatementIngest {
    CommandStatementIngest {
        table_definition_options: Some(TableDefinitionOptions {
            if_not_exist: TableNotExistOption::Create.into(),
            if_exists: TableExistsOption::Append.into(),
        }),
        table: table.to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_write_that_is_sent_again_is_applied_once_on_every_path() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    for _ in 0..3 {
        assert_eq!(with_id(&client, 1).update("CREATE TABLE t (i INTEGER)").await.unwrap(), 0);
        assert_eq!(with_id(&client, 2).update("INSERT INTO t VALUES (1), (2)").await.unwrap(), 2);
        // On the path of queries, where statements are planned before they run.
        let rows = with_id(&client, 3).query("INSERT INTO t VALUES (3)").await.unwrap();
        assert_eq!(pintail_tests::client::first_value(&rows), "1");
        with_id(&client, 4).query("CREATE OR REPLACE TABLE gone AS SELECT 1 AS i").await.unwrap();
        with_id(&client, 5).query("DROP TABLE gone").await.unwrap();
        assert_eq!(with_id(&client, 6).put_batches(&ingest_into("t"), vec![ints(vec![4, 5, 6])]).await.unwrap(), 3);
        let several = "INSERT INTO t VALUES (7); UPDATE t SET i = i + 10 WHERE i = 7";
        with_id(&client, 7).update(several).await.unwrap();
    }
    let handle = client.prepare("INSERT INTO t VALUES (?)").await.unwrap().prepared_statement_handle;
    let update = CommandPreparedStatementUpdate { prepared_statement_handle: handle };
    for _ in 0..2 {
        assert_eq!(with_id(&client, 8).put_batches(&update, vec![ints(vec![8, 9])]).await.unwrap(), 2);
    }
    assert_eq!(client.value("SELECT string_agg(i, ',' ORDER BY i) FROM t").await.unwrap(), "1,2,3,4,5,6,8,9,17");
    // Another id is another write, and what has none is applied each time.
    with_id(&client, 9).update("INSERT INTO t VALUES (0)").await.unwrap();
    client.update("INSERT INTO t VALUES (0)").await.unwrap();
    client.update("INSERT INTO t VALUES (0)").await.unwrap();
    assert_eq!(client.value("SELECT count(*) FROM t WHERE i = 0").await.unwrap(), "3");
    // Other sessions have ids of their own.
    let other = Client::connect(&server).await;
    with_id(&other, 9).update("INSERT INTO t VALUES (0)").await.unwrap();
    assert_eq!(client.value("SELECT count(*) FROM t WHERE i = 0").await.unwrap(), "4");
    server.finish().await;
}

#[tokio::test]
async fn an_id_that_comes_again_with_something_else_is_refused_and_nothing_is_run() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    client.update("CREATE TABLE t (i INTEGER)").await.unwrap();
    let handle = client.prepare("INSERT INTO t VALUES (?)").await.unwrap().prepared_statement_handle;
    let update = CommandPreparedStatementUpdate { prepared_statement_handle: handle };
    with_id(&client, 1).put_batches(&update, vec![ints(vec![1])]).await.unwrap();
    let reused = [
        with_id(&client, 1).put_batches(&update, vec![ints(vec![2])]).await.unwrap_err(),
        with_id(&client, 1).update("INSERT INTO t VALUES (3)").await.unwrap_err(),
        with_id(&client, 1).query("INSERT INTO t VALUES (3)").await.unwrap_err(),
        with_id(&client, 1).put_batches(&ingest_into("t"), vec![ints(vec![4])]).await.unwrap_err(),
    ];
    for error in reused {
        assert_failure(&error, Code::InvalidArgument, "REQUEST_ID_REUSED", "22023");
    }
    assert_eq!(count(&client).await, "1");
    let bad = client.clone().with_header(REQUEST, "one").update("INSERT INTO t VALUES (5)").await.unwrap_err();
    assert_failure(&bad, Code::InvalidArgument, "REQUEST_INVALID", "22023");
    let mixed = with_id(&client, 2).update("BEGIN; INSERT INTO t VALUES (6); COMMIT").await.unwrap_err();
    assert_failure(&mixed, Code::InvalidArgument, "REQUEST_INVALID", "22023");
    assert_eq!(count(&client).await, "1");
    server.finish().await;
}

#[tokio::test]
async fn a_failed_write_has_no_receipt() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    let early = with_id(&client, 1).update("INSERT INTO t VALUES (1)").await.unwrap_err();
    assert_failure(&early, Code::NotFound, "STATEMENT_FAILED", "42P01");
    client.update("CREATE TABLE t (i INTEGER)").await.unwrap();
    assert_eq!(with_id(&client, 1).update("INSERT INTO t VALUES (1)").await.unwrap(), 1);
    // What only reads, or only sets, is done each time.
    for _ in 0..2 {
        assert_eq!(with_id(&client, 3).value("SELECT count(*) FROM t").await.unwrap(), "1");
        with_id(&client, 4).update("SET VARIABLE x = 1").await.unwrap();
    }
    server.finish().await;
}

#[tokio::test]
async fn rows_that_a_write_returned_come_again() {
    let spool = tempfile::tempdir().unwrap();
    let arguments = ["--spool", spool.path().to_str().unwrap()];
    let mut server = Server::start(&arguments).await;
    let mut client = Client::connect(&server).await;
    for kind in ["TABLE t", "TEMP TABLE own"] {
        client.update(format!("CREATE {kind} (i INTEGER, text VARCHAR)")).await.unwrap();
    }
    let writes = [
        "INSERT INTO t VALUES (1, 'one'), (2, NULL) RETURNING i + 1 AS next, text, {'a': [i]} AS nested",
        "INSERT INTO own SELECT range, 'of the session' FROM range(3) RETURNING *",
        "DELETE FROM t WHERE i > 100 RETURNING i",
        "INSERT INTO t VALUES (3, 'three'); SELECT sum(i), max(text) FROM t",
    ];
    let mut first = Vec::new();
    for (number, sql) in (1..).zip(writes) {
        first.push(with_id(&client, number).query(sql).await.unwrap());
    }
    client.update("BEGIN").await.unwrap();
    let waiting = "UPDATE t SET text = 'more' WHERE i = 1 RETURNING i, text";
    for _ in 0..2 {
        let rows = with_id(&client, 5).query(waiting).await.unwrap();
        assert_eq!(pintail_tests::client::column(&rows, "text"), ["more"]);
    }
    client.update("COMMIT").await.unwrap();
    first.push(with_id(&client, 5).query(waiting).await.unwrap());
    let many = "INSERT INTO t SELECT range, 'many' FROM range(100_000) RETURNING i";
    let rows = with_id(&client, 6).query(many).await.unwrap();
    assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 100_000);
    let token = client.token().to_owned();
    for _ in 0..2 {
        for ((number, sql), first) in (1..).zip(writes.into_iter().chain([waiting])).zip(&first) {
            assert_eq!(with_id(&client, number).query(sql).await.unwrap(), *first, "{sql}");
        }
        let again = with_id(&client, 6).query(many).await.unwrap_err();
        assert_failure(&again, Code::NotFound, "RESULT_GONE", "24000");
        assert_eq!(count(&client).await, "100003");
        assert_eq!(client.value("SELECT count(*) FROM own").await.unwrap(), "3");
        server.kill().await;
        server = Server::start_again(&server, &arguments).await;
        client = Client::resume(&server, &token).await;
    }
    server.finish().await;
}

#[tokio::test]
async fn transactions_are_committed_once_by_action_and_by_text() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    client.update("CREATE TABLE t (i INTEGER)").await.unwrap();
    let transaction = client.begin().await.unwrap();
    for _ in 0..2 {
        let statement = with_id(&client, 1);
        assert_eq!(statement.update_in("INSERT INTO t VALUES (1)", Some(transaction.clone())).await.unwrap(), 1);
    }
    for _ in 0..3 {
        with_id(&client, 2).end(transaction.clone(), true).await.unwrap();
    }
    assert_eq!(count(&client).await, "1");
    let other = client.begin().await.unwrap();
    let reused = with_id(&client, 2).end(other.clone(), true).await.unwrap_err();
    assert_failure(&reused, Code::InvalidArgument, "REQUEST_ID_REUSED", "22023");
    client.end(other, false).await.unwrap();

    client.update("BEGIN").await.unwrap();
    with_id(&client, 3).update("INSERT INTO t VALUES (2)").await.unwrap();
    for _ in 0..2 {
        with_id(&client, 4).update("COMMIT").await.unwrap();
        // Its write is known by its own id too.
        with_id(&client, 3).update("INSERT INTO t VALUES (2)").await.unwrap();
    }
    assert_eq!(count(&client).await, "2");

    client.update("BEGIN").await.unwrap();
    with_id(&client, 5).update("INSERT INTO t VALUES (3)").await.unwrap();
    client.update("ROLLBACK").await.unwrap();
    // What was rolled back was not applied.
    assert_eq!(with_id(&client, 5).update("INSERT INTO t VALUES (3)").await.unwrap(), 1);
    assert_eq!(count(&client).await, "3");
    server.finish().await;
}

#[tokio::test]
async fn the_place_of_receipts_makes_no_name_ambiguous() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    let catalog = client.value("SELECT current_database()").await.unwrap();
    client.update("CREATE TABLE t AS SELECT 7 AS i").await.unwrap();
    assert_eq!(client.value(format!("SELECT i FROM {catalog}.t")).await.unwrap(), "7");
    server.finish().await;
}

#[tokio::test]
async fn receipts_outlive_the_process_and_are_none_of_the_drivers_business() {
    let mut server = Server::start(&[]).await;
    let mut client = Client::connect(&server).await;
    let token = client.token().to_owned();
    client.update("CREATE TABLE t (i INTEGER)").await.unwrap();
    let transaction = client.begin().await.unwrap();
    client.update_in("INSERT INTO t VALUES (0)", Some(transaction.clone())).await.unwrap();
    with_id(&client, 1).end(transaction.clone(), true).await.unwrap();
    for number in 2..12 {
        with_id(&client, number).update("INSERT INTO t VALUES (1)").await.unwrap();
        server.kill().await;
        server = Server::start_again(&server, &[]).await;
        client = Client::resume(&server, &token).await;
        assert_eq!(with_id(&client, number).update("INSERT INTO t VALUES (1)").await.unwrap(), 1);
        with_id(&client, 1).end(transaction.clone(), true).await.unwrap();
        assert_eq!(count(&client).await, number.to_string());
    }
    let listed = client.run(&arrow_flight::sql::CommandGetTables::default()).await.unwrap();
    assert_eq!(pintail_tests::client::column(&listed, "table_name"), ["t"]);
    let schemas = client.run(&arrow_flight::sql::CommandGetDbSchemas::default()).await.unwrap();
    assert!(!pintail_tests::client::column(&schemas, "db_schema_name").contains(&"pintail_receipts".to_owned()));
    server.finish().await;
}

#[tokio::test]
async fn an_engine_without_transactions_applies_a_write_once_as_long_as_its_tables_live() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    client.set_options([("pintail.engine", text("datafusion"))]).await.unwrap();
    for _ in 0..2 {
        with_id(&client, 1).update("CREATE TABLE t (i INTEGER)").await.unwrap();
        assert_eq!(with_id(&client, 2).update("INSERT INTO t VALUES (1), (2)").await.unwrap(), 2);
        assert_eq!(with_id(&client, 3).put_batches(&ingest_into("t"), vec![ints(vec![3])]).await.unwrap(), 1);
    }
    assert_eq!(count(&client).await, "3");
    server.finish().await;
}

#[tokio::test]
async fn a_write_that_is_sent_many_times_at_once_is_applied_once() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    client.update("CREATE TABLE t (i INTEGER)").await.unwrap();
    let sent = (0..16).map(|_| {
        let again = with_id(&client, 1);
        async move { again.update("INSERT INTO t SELECT range FROM range(1000)").await }
    });
    for answer in futures::future::join_all(sent).await {
        assert_eq!(answer.unwrap(), 1000);
    }
    assert_eq!(count(&client).await, "1000");
    server.finish().await;
}

#[tokio::test]
async fn a_commit_that_was_cut_off_is_answered_by_its_receipt() {
    let mut server = Server::start(&[]).await;
    let token = Client::connect(&server).await.token().to_owned();
    Client::resume(&server, &token).await.update("CREATE TABLE t (i INTEGER)").await.unwrap();
    let mut committed = 0;
    for round in 0..18 {
        let client = Client::resume(&server, &token).await;
        // By action and by text in turn, and in no case by a client that knows of request ids.
        let ending = match round % 3 {
            0 => Ending::Action(client.begin().await.unwrap()),
            1 => Ending::Text("COMMIT"),
            _ => Ending::Text("-- so be it\nCOMMIT; SELECT 1"),
        };
        let transaction = if let Ending::Action(id) = &ending { Some(id.clone()) } else { None };
        if transaction.is_none() {
            client.update("BEGIN").await.unwrap();
        }
        client.update_in("INSERT INTO t VALUES (1)", transaction).await.unwrap();
        // How far the commit gets before the server dies is left to chance: the second one tells.
        let _ = tokio::time::timeout(Duration::from_micros(round * 250), commit(&client, &ending)).await;
        server.kill().await;
        server = Server::start_again(&server, &[]).await;
        let rows: u64 = count(&Client::connect(&server).await).await.parse().unwrap();
        // That answer may be lost in turn, and on a third life the third one tells.
        for _ in 0..2 {
            match commit(&Client::resume(&server, &token).await, &ending).await {
                Ok(()) => assert_eq!(rows, committed + 1, "round {round}: it is said to be committed"),
                Err(error) => {
                    assert_failure(&error, Code::Aborted, "TRANSACTION_LOST", "40001");
                    assert_eq!(rows, committed, "round {round}: it is said to be lost");
                    break;
                }
            }
            server.kill().await;
            server = Server::start_again(&server, &[]).await;
        }
        committed = rows;
    }
    server.finish().await;
}

#[tokio::test]
async fn the_end_of_a_transaction_is_told_again_by_its_id() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    client.update("CREATE TABLE t (i INTEGER)").await.unwrap();
    let transaction = client.begin().await.unwrap();
    client.update_in("INSERT INTO t VALUES (1)", Some(transaction.clone())).await.unwrap();
    for _ in 0..3 {
        client.end(transaction.clone(), true).await.unwrap();
    }
    let other = client.begin().await.unwrap();
    client.update_in("INSERT INTO t VALUES (2)", Some(other.clone())).await.unwrap();
    client.end(other.clone(), false).await.unwrap();
    let error = client.end(other, true).await.unwrap_err();
    assert_failure(&error, Code::NotFound, "TRANSACTION_UNKNOWN", "25000");
    assert!(error.message().contains("rolled back"), "{}", error.message());
    client.end(transaction, true).await.unwrap();
    assert_eq!(count(&client).await, "1");
    server.finish().await;
}

/// How a transaction is committed.
enum Ending {
    Action(Bytes),
    Text(&'static str),
}

async fn commit(client: &Client, ending: &Ending) -> Result<(), Status> {
    match ending {
        Ending::Action(id) => client.end(id.clone(), true).await,
        Ending::Text(sql) => client.update(*sql).await.map(drop),
    }
}
