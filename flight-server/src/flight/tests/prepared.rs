//! Prepared statements over the wire.

use arrow::array::{ArrayRef, Int64Array};
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest, CommandPreparedStatementQuery,
    CommandPreparedStatementUpdate, DoPutPreparedStatementResult, DoPutUpdateResult,
};
use arrow_flight::utils::batches_to_flight_data;

use super::super::messages::CreatePreparedStatementResult;
use super::engine::{batch, schema};
use super::*;

async fn prepare(client: &mut Client, sql: &str) -> Result<CreatePreparedStatementResult, Status> {
    let request = ActionCreatePreparedStatementRequest { query: sql.into(), transaction_id: None };
    let results = client.act("CreatePreparedStatement", request.as_any().encode_to_vec()).await?;
    let any = Any::decode(results[0].clone()).unwrap();
    assert_eq!(any.type_url, "type.googleapis.com/arrow.flight.protocol.sql.ActionCreatePreparedStatementResult");
    Ok(CreatePreparedStatementResult::decode(any.value).unwrap())
}

fn values(columns: usize, rows: usize) -> RecordBatch {
    let column = || Arc::new(Int64Array::from(vec![5; rows])) as ArrayRef;
    RecordBatch::try_from_iter((0..columns).map(|n| (n.to_string(), column()))).unwrap()
}

fn upload(command: &impl ProstMessageExt, batch: &RecordBatch) -> impl Stream<Item = FlightData> + Send + 'static {
    let mut messages = batches_to_flight_data(&batch.schema(), vec![batch.clone()]).unwrap();
    messages[0].flight_descriptor = Some(descriptor(command));
    futures::stream::iter(messages)
}

fn query_of(handle: &Bytes) -> CommandPreparedStatementQuery {
    CommandPreparedStatementQuery { prepared_statement_handle: handle.clone() }
}

fn update_of(handle: &Bytes) -> CommandPreparedStatementUpdate {
    CommandPreparedStatementUpdate { prepared_statement_handle: handle.clone() }
}

#[tokio::test]
async fn preparing_tells_queries_from_updates() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let query = prepare(&mut client, "READ ?").await.unwrap();
    assert_eq!(query.is_update, Some(false));
    assert_eq!(Schema::try_from(IpcMessage(query.dataset_schema)).unwrap(), *schema());
    assert_eq!(Schema::try_from(IpcMessage(query.parameter_schema)).unwrap().fields().len(), 1);
    let update = prepare(&mut client, "WRITE").await.unwrap();
    assert_eq!(update.is_update, Some(true));
    assert!(update.dataset_schema.is_empty() && update.parameter_schema.is_empty());
    let returning = prepare(&mut client, "RETURNING").await.unwrap();
    assert_eq!(returning.is_update, Some(false));
    assert_eq!(server.executed(), [""; 0]);
}

#[tokio::test]
async fn a_ticket_keeps_the_values_that_were_bound_when_it_was_made() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let handle = prepare(&mut client, "READ ?").await.unwrap().prepared_statement_handle;
    let result = client.put(upload(&query_of(&handle), &values(1, 2))).await.unwrap();
    let result = DoPutPreparedStatementResult::decode(result).unwrap();
    assert_eq!(result.prepared_statement_handle.unwrap(), handle);
    let two = client.info(&query_of(&handle)).await.unwrap();
    client.put(upload(&query_of(&handle), &values(1, 1))).await.unwrap();
    let one = client.info(&query_of(&handle)).await.unwrap();
    client.put(upload(&query_of(&handle), &values(1, 0))).await.unwrap();
    let none = client.info(&query_of(&handle)).await.unwrap();
    assert_eq!(client.get(ticket(&two)).await.unwrap().1, [batch(0), batch(1)]);
    assert_eq!(client.get(ticket(&one)).await.unwrap().1, [batch(0)]);
    let (empty, batches) = client.get(ticket(&none)).await.unwrap();
    assert_eq!((empty, batches), (schema(), vec![]));
    assert_eq!(client.schema(&query_of(&handle)).await.unwrap(), *schema());
    assert_eq!(server.executed().len(), 2);
}

#[tokio::test]
async fn an_update_runs_as_one_statement_with_all_its_rows() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let handle = prepare(&mut client, "WRITE ?").await.unwrap().prepared_statement_handle;
    for (rows, executions) in [(3, 1), (0, 1)] {
        let result = client.put(upload(&update_of(&handle), &values(1, rows))).await.unwrap();
        assert_eq!(DoPutUpdateResult::decode(result).unwrap().record_count, i64::try_from(rows).unwrap());
        assert_eq!(server.executed().len(), executions);
    }
}

#[tokio::test]
async fn an_update_without_parameters_runs_once_however_its_upload_says_so() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let handle = prepare(&mut client, "WRITE").await.unwrap().prepared_statement_handle;
    let bare = FlightData::default().with_descriptor(descriptor(&update_of(&handle)));
    let uploads = [futures::stream::iter(vec![bare]), {
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(0));
        let empty = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
        let mut messages = batches_to_flight_data(&empty.schema(), vec![empty]).unwrap();
        messages[0].flight_descriptor = Some(descriptor(&update_of(&handle)));
        futures::stream::iter(messages)
    }];
    for (nth, upload) in (1..).zip(uploads) {
        let result = client.put(upload).await.unwrap();
        assert_eq!(DoPutUpdateResult::decode(result).unwrap().record_count, 1);
        assert_eq!(server.executed().len(), nth);
    }
}

#[tokio::test]
async fn the_number_of_parameters_is_checked_before_anything_runs() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let query = prepare(&mut client, "READ ?").await.unwrap().prepared_statement_handle;
    let update = prepare(&mut client, "WRITE ?").await.unwrap().prepared_statement_handle;
    let failures = [
        client.put(upload(&query_of(&query), &values(2, 1))).await.unwrap_err(),
        client.put(upload(&update_of(&update), &values(2, 1))).await.unwrap_err(),
        client.put(upload(&update_of(&update), &values(2, 0))).await.unwrap_err(),
        client.info(&query_of(&query)).await.unwrap_err(),
        client.query("READ ?").await.unwrap_err(),
    ];
    for status in failures {
        assert_eq!(typed(&status), (Code::InvalidArgument, "REQUEST_INVALID".into(), "22023".into()));
    }
    assert_eq!(server.executed(), [""; 0]);
}

#[tokio::test]
async fn a_closed_statement_is_gone_and_closing_it_again_is_fine() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let handle = prepare(&mut client, "READ 1").await.unwrap().prepared_statement_handle;
    let request = ActionClosePreparedStatementRequest { prepared_statement_handle: handle.clone() };
    for _ in 0..2 {
        let results = client.act("ClosePreparedStatement", request.as_any().encode_to_vec()).await.unwrap();
        assert_eq!(results, [""; 0]);
    }
    let status = client.info(&query_of(&handle)).await.unwrap_err();
    assert_eq!(typed(&status), (Code::NotFound, "PREPARED_STATEMENT_UNKNOWN".into(), "26000".into()));
}
