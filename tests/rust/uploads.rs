//! Uploads that break off are written nowhere, wherever in them that happens.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch};
use arrow_flight::sql::{
    Any, CommandStatementIngest, ProstMessageExt, TableDefinitionOptions, TableExistsOption, TableNotExistOption,
};
use futures::{StreamExt, stream};
use pintail_tests::client::encoded;
use pintail_tests::{Client, Server};
use tokio::sync::oneshot;

/// How often an upload breaks off, for each engine: what is tested is a race.
const TIMES: usize = 100;

fn ingest() -> Any {
    CommandStatementIngest {
        table_definition_options: Some(TableDefinitionOptions {
            if_not_exist: TableNotExistOption::Create.into(),
            if_exists: TableExistsOption::Append.into(),
        }),
        table: "broken".to_owned(),
        ..Default::default()
    }
    .as_any()
}

#[tokio::test]
async fn an_upload_that_is_reset_behind_its_last_message_is_not_taken_for_a_whole_one() {
    let rows: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
    let rows = RecordBatch::try_from_iter([("i", rows)]).unwrap();
    for engine in ["duckdb", "datafusion"] {
        let server = Server::start(&["--engine", engine]).await;
        let client = Client::connect(&server).await;
        for time in 0..TIMES {
            let (sent, all_is_sent) = oneshot::channel();
            let open_end = stream::once(async move {
                // The one who waits may have gone.
                let _ = sent.send(());
                std::future::pending().await
            });
            let uploading = client.clone();
            let messages = encoded(ingest(), vec![rows.clone()]).chain(open_end);
            let upload = tokio::spawn(async move { uploading.put(messages).await });
            all_is_sent.await.unwrap();
            for _ in 0..time % 8 {
                tokio::task::yield_now().await;
            }
            upload.abort();
            // Its place is behind the upload: a session does one thing after the other.
            let tables = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'broken'";
            assert_eq!(client.value(tables).await.unwrap(), "0", "{engine}, the {time}th time");
        }
        server.finish().await;
    }
}
