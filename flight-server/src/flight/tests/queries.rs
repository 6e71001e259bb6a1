//! Statements on the query path and on the update path.

use std::sync::atomic::Ordering;

use arrow::array::AsArray;
use arrow_flight::sql::{
    CommandGetCatalogs, CommandGetDbSchemas, CommandGetSqlInfo, CommandGetTableTypes, CommandGetTables,
    CommandStatementUpdate, DoPutUpdateResult,
};
use futures::StreamExt;

use super::engine::{batch, schema};
use super::*;

#[tokio::test]
async fn a_read_runs_when_its_rows_are_fetched_and_each_time() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let expected = client.schema(&statement("READ 3")).await.unwrap();
    let info = client.query("READ 3").await.unwrap();
    assert_eq!(server.executed(), [""; 0]);
    assert_eq!((info.total_records, info.total_bytes), (-1, -1));
    assert_eq!(schema_of(&info), expected);
    for _ in 0..2 {
        let (schema, batches) = client.get(ticket(&info)).await.unwrap();
        assert_eq!(*schema, expected);
        assert_eq!(batches, [batch(0), batch(1), batch(2)]);
    }
    assert_eq!(server.executed(), ["READ 3", "READ 3"]);
}

#[tokio::test]
async fn a_write_on_the_query_path_runs_once_however_often_it_is_fetched() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let info = client.query("WRITE 7").await.unwrap();
    assert_eq!(info.total_records, 7);
    for _ in 0..3 {
        let (schema, batches) = client.get(ticket(&info)).await.unwrap();
        assert_eq!((*schema).clone(), schema_of(&info));
        assert_eq!(batches, []);
    }
    let info = client.query("RETURNING").await.unwrap();
    assert_eq!(info.total_records, 1);
    for _ in 0..2 {
        assert_eq!(client.get(ticket(&info)).await.unwrap().1, [batch(0)]);
    }
    assert_eq!(server.executed(), ["WRITE 7", "RETURNING"]);
}

#[tokio::test]
async fn asking_for_a_schema_runs_nothing() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    assert_eq!(client.schema(&statement("RETURNING")).await.unwrap(), *schema());
    for unknown_before in ["WRITE", "LATE"] {
        let status = client.schema(&statement(unknown_before)).await.unwrap_err();
        assert_eq!(typed(&status).1, "NOT_IMPLEMENTED");
    }
    assert_eq!(server.executed(), [""; 0]);
}

#[tokio::test]
async fn a_read_whose_schema_comes_late_runs_once_and_is_kept() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let info = client.query("LATE").await.unwrap();
    assert_eq!(schema_of(&info), *schema());
    assert_eq!(info.total_records, 1);
    assert_eq!(client.get(ticket(&info)).await.unwrap().1, [batch(0)]);
    assert_eq!(client.get(ticket(&info)).await.unwrap().1, [batch(0)]);
    assert_eq!(server.executed(), ["LATE"]);
}

#[tokio::test]
async fn a_statement_too_long_for_a_ticket_is_kept_by_the_session() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let long = format!("READ 2{}", " ".repeat(10 << 20));
    let info = client.query(&long).await.unwrap();
    assert!(ticket(&info).len() < 1_000);
    assert_eq!(client.get(ticket(&info)).await.unwrap().1, [batch(0), batch(1)]);
}

#[tokio::test]
async fn an_error_in_mid_stream_comes_after_the_rows_before_it() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let info = client.query("FAIL 2").await.unwrap();
    let status = client.get(ticket(&info)).await.unwrap_err();
    assert_eq!(typed(&status), (Code::InvalidArgument, "STATEMENT_FAILED".into(), "22012".into()));
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_statement() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let info = client.query("ENDLESS").await.unwrap();
    for vanished in 1..=20 {
        let request = client.request(Ticket { ticket: ticket(&info) });
        let mut messages = client.flight.do_get(request).await.unwrap().into_inner();
        messages.next().await.unwrap().unwrap();
        drop(messages);
        until(|| server.engine.seen.dropped.load(Ordering::SeqCst) == vanished).await;
    }
    assert_eq!(server.node.running_statements(), 0);
}

#[tokio::test]
async fn two_results_can_be_read_in_turns() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let info = client.query("READ 5").await.unwrap();
    let mut streams = Vec::new();
    for _ in 0..2 {
        let request = client.request(Ticket { ticket: ticket(&info) });
        streams.push(client.flight.do_get(request).await.unwrap().into_inner());
    }
    for _ in 0..6 {
        for stream in &mut streams {
            stream.next().await.unwrap().unwrap();
        }
    }
    for stream in &mut streams {
        assert!(stream.next().await.is_none());
    }
}

#[tokio::test]
async fn an_update_is_answered_before_its_upload_ends() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let command = CommandStatementUpdate { query: "WRITE 4".into(), transaction_id: None };
    let first = FlightData::default().with_descriptor(descriptor(&command));
    let open_end = futures::stream::iter([first]).chain(futures::stream::pending());
    let result = client.put(open_end).await.unwrap();
    assert_eq!(DoPutUpdateResult::decode(result).unwrap().record_count, 4);
    assert_eq!(server.executed(), ["WRITE 4"]);
}

#[tokio::test]
async fn a_read_run_as_an_update_is_run_to_its_end() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let put = |sql: &str| {
        let command = CommandStatementUpdate { query: sql.into(), transaction_id: None };
        futures::stream::iter([FlightData::default().with_descriptor(descriptor(&command))])
    };
    let result = client.put(put("READ 2")).await.unwrap();
    assert_eq!(DoPutUpdateResult::decode(result).unwrap().record_count, -1);
    assert_eq!(typed(&client.put(put("FAIL 2")).await.unwrap_err()).2, "22012");
}

#[tokio::test]
async fn metadata_has_one_schema_in_info_and_stream() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let infos = [
        (client.info(&CommandGetCatalogs {}).await, 1),
        (client.info(&CommandGetDbSchemas::default()).await, 1),
        (client.info(&CommandGetTableTypes {}).await, 2),
        (client.info(&CommandGetTables::default()).await, 5_000),
        (client.info(&CommandGetTables { include_schema: true, ..Default::default() }).await, 5_000),
        (client.info(&CommandGetSqlInfo { info: vec![8] }).await, 1),
        (client.info(&CommandGetSqlInfo { info: vec![4_711] }).await, 0),
    ];
    for (info, expected) in infos {
        let info = info.unwrap();
        let (schema, batches) = client.get(ticket(&info)).await.unwrap();
        assert_eq!(*schema, schema_of(&info));
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), expected);
    }
    let asked = client.schema(&CommandGetSqlInfo::default()).await.unwrap();
    assert_eq!(asked, *super::super::sql_info::schema());
}

#[tokio::test]
async fn a_tables_schema_is_an_ipc_message() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let info = client.info(&CommandGetTables { include_schema: true, ..Default::default() }).await.unwrap();
    let (_, batches) = client.get(ticket(&info)).await.unwrap();
    let bytes = Bytes::copy_from_slice(batches[0].column(4).as_binary::<i32>().value(0));
    assert_eq!(Schema::try_from(IpcMessage(bytes)).unwrap(), *schema());
}
