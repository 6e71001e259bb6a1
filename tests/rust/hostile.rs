//! Malformed and hostile requests, one by one: each is refused with a code and a SQLSTATE, none is the server's fault, and
//! the session goes on as if nothing had been.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionEndTransactionRequest, Any, CommandPreparedStatementQuery,
    CommandPreparedStatementUpdate, CommandStatementIngest, CommandStatementQuery, CommandStatementUpdate,
    ProstMessageExt, TableDefinitionOptions,
};
use arrow_flight::{
    CancelFlightInfoRequest, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo, RenewFlightEndpointRequest,
    SchemaAsIpc, Ticket,
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use pintail_tests::client::ticket_of;
use pintail_tests::failure::trailer;
use pintail_tests::{Client, Server, raw};
use prost::Message;
use tonic::{Code, Status};

const RPCS_OF_DESCRIPTORS: [&str; 3] = [
    "/arrow.flight.protocol.FlightService/GetFlightInfo",
    "/arrow.flight.protocol.FlightService/GetSchema",
    "/arrow.flight.protocol.FlightService/PollFlightInfo",
];

const COMMANDS: [&str; 14] = [
    "CommandStatementQuery",
    "CommandPreparedStatementQuery",
    "CommandStatementUpdate",
    "CommandPreparedStatementUpdate",
    "CommandStatementIngest",
    "CommandGetCatalogs",
    "CommandGetDbSchemas",
    "CommandGetTables",
    "CommandGetTableTypes",
    "CommandGetSqlInfo",
    "CommandGetXdbcTypeInfo",
    "CommandGetPrimaryKeys",
    "CommandGetImportedKeys",
    "CommandGetCrossReference",
];

const ACTIONS: [&str; 10] = [
    "CreatePreparedStatement",
    "ClosePreparedStatement",
    "BeginTransaction",
    "EndTransaction",
    "SetSessionOptions",
    "GetSessionOptions",
    "CancelFlightInfo",
    "CancelQuery",
    "RenewFlightEndpoint",
    "CreatePreparedSubstraitPlan",
];

/// Requests that were refused, by what they were.
#[derive(Default)]
struct Refused(BTreeSet<String>);

impl Refused {
    /// Notes a request that had to be refused.
    #[track_caller]
    fn note<T>(&mut self, what: impl Into<String>, answer: Result<T, Status>) {
        let what = what.into();
        let Err(status) = answer else { panic!("{what} was not refused") };
        let (code, state) = (trailer(&status, "x-pintail-code"), trailer(&status, "x-pintail-sqlstate"));
        assert!(code.is_some() && state.is_some_and(|state| state.len() == 5), "{what}: {status:?}");
        assert!(!matches!(status.code(), Code::Internal | Code::Unknown | Code::Ok), "{what}: {status:?}");
        assert!(!status.message().is_empty() && status.message().len() < 8_192, "{what}: {status:?}");
        assert!(self.0.insert(what.clone()), "{what} was tried before");
    }
}

fn any(name: &str, body: &[u8]) -> Vec<u8> {
    let type_url = format!("type.googleapis.com/arrow.flight.protocol.sql.{name}");
    Any { type_url, value: Bytes::copy_from_slice(body) }.encode_to_vec()
}

async fn answers(client: &Client) {
    assert_eq!(client.value("SELECT 42").await.expect("the session still answers"), "42");
}

#[tokio::test]
async fn every_malformed_request_is_told_what_is_wrong_with_it() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    let mut refused = Refused::default();
    descriptors(&client, &mut refused).await;
    answers(&client).await;
    actions(&client, &mut refused).await;
    answers(&client).await;
    tickets(&server, &client, &mut refused).await;
    answers(&client).await;
    handles(&server, &client, &mut refused).await;
    answers(&client).await;
    uploads(&client, &mut refused).await;
    answers(&client).await;
    ingests(&client, &mut refused).await;
    answers(&client).await;
    statements(&client, &mut refused).await;
    answers(&client).await;
    assert!(refused.0.len() >= 200, "{} requests", refused.0.len());
    server.finish().await;
}

/// Commands that are none, or are cut or damaged.
async fn descriptors(client: &Client, refused: &mut Refused) {
    let whole = CommandStatementQuery { query: "SELECT 1".into(), transaction_id: None }.as_any().encode_to_vec();
    let mut commands: Vec<(String, Vec<u8>)> = vec![
        ("no bytes".into(), Vec::new()),
        ("SQL text".into(), b"SELECT 1".to_vec()),
        ("a byte".into(), vec![0xff]),
        ("a byte of ours".into(), vec![1]),
        ("a cut command".into(), whole[..whole.len() - 3].to_vec()),
        ("an action".into(), any("ActionBeginTransactionRequest", b"")),
        ("a result".into(), any("DoPutUpdateResult", b"")),
        ("an unknown message".into(), any("CommandBrewCoffee", b"")),
        ("another package".into(), {
            Any { type_url: "type.googleapis.com/google.protobuf.Empty".into(), value: Bytes::new() }.encode_to_vec()
        }),
        ("no type".into(), Any { type_url: String::new(), value: Bytes::new() }.encode_to_vec()),
        ("a Substrait plan".into(), any("CommandStatementSubstraitPlan", b"")),
        ("an unknown transaction".into(), {
            let transaction_id = Some(Bytes::from_static(b"none"));
            CommandStatementQuery { query: "SELECT 1".into(), transaction_id }.as_any().encode_to_vec()
        }),
    ];
    commands.extend(COMMANDS.map(|name| (format!("{name} of garbage"), any(name, &[0xff, 0xff, 0xff]))));
    for rpc in RPCS_OF_DESCRIPTORS {
        for (what, command) in &commands {
            let descriptor = FlightDescriptor::new_cmd(command.clone()).encode_to_vec();
            refused.note(format!("{rpc}: {what}"), raw::unary(client, rpc, descriptor).await);
        }
        let path = FlightDescriptor::new_path(vec!["flights".into()]).encode_to_vec();
        refused.note(format!("{rpc}: a path"), raw::unary(client, rpc, path).await);
        let odd = FlightDescriptor { r#type: 99, ..Default::default() }.encode_to_vec();
        refused.note(format!("{rpc}: an odd type"), raw::unary(client, rpc, odd).await);
        refused.note(format!("{rpc}: no protobuf"), raw::unary(client, rpc, vec![0x0a, 5, 1]).await);
    }
}

async fn actions(client: &Client, refused: &mut Refused) {
    for name in ACTIONS {
        let bodies: [(&str, Vec<u8>); 3] = [
            ("garbage", vec![0xff, 0xff]),
            ("another message", any("CommandStatementQuery", &[0x0a, 200])),
            ("a cut length", vec![0x0a, 100, 1]),
        ];
        for (what, body) in bodies {
            // To a message without fields every field is one of a later version, to be passed over.
            if (name, what) == ("GetSessionOptions", "another message") {
                continue;
            }
            refused.note(format!("{name}: {what}"), client.action(name, body).await);
        }
    }
    for name in ["CreatePreparedStatement", "EndTransaction", "CancelFlightInfo", "CancelQuery", "RenewFlightEndpoint"]
    {
        refused.note(format!("{name}: nothing"), client.action(name, Vec::new()).await);
    }
    for name in ["", "BrewCoffee", "closesession", "Close\0Session", "BeginSavepoint", "EndSavepoint", "\u{1f986}"] {
        refused.note(format!("action {name:?}"), client.action(name, Vec::new()).await);
    }
    let long = "x".repeat(100_000);
    refused.note("an action with a long name", client.action(&long, Vec::new()).await);
    for action in [0, 3, -1] {
        let request = ActionEndTransactionRequest { transaction_id: Bytes::from_static(b"none"), action };
        let answer = client.action("EndTransaction", request.as_any().encode_to_vec()).await;
        refused.note(format!("to end a transaction by {action}"), answer);
    }
}

async fn tickets(server: &Server, client: &Client, refused: &mut Refused) {
    let query = CommandStatementQuery { query: "SELECT 1".into(), transaction_id: None };
    let whole = ticket_of(client.info(&query).await.unwrap()).ticket;
    let stranger = Client::connect(server).await;
    let foreign = ticket_of(stranger.info(&query).await.unwrap()).ticket;
    let elsewhere = Server::start(&[]).await;
    let other_cluster = ticket_of(Client::connect(&elsewhere).await.info(&query).await.unwrap()).ticket;
    elsewhere.finish().await;
    let mut flipped = whole.to_vec();
    flipped[10] ^= 1;
    let mut signature = whole.to_vec();
    *signature.last_mut().unwrap() ^= 1;
    let mut version = whole.to_vec();
    version[0] = 9;
    let tickets: [(&str, Bytes); 11] = [
        ("no bytes", Bytes::new()),
        ("a byte", Bytes::from_static(&[1])),
        ("a text", Bytes::from_static(b"SELECT 1")),
        ("a command", query.as_any().encode_to_vec().into()),
        ("a flipped bit", flipped.into()),
        ("another signature", signature.into()),
        ("another version", version.into()),
        ("a cut one", whole.slice(..whole.len() - 1)),
        ("a longer one", [whole.as_ref(), &[0]].concat().into()),
        ("one of another session", foreign),
        ("one of another cluster", other_cluster),
    ];
    for (what, ticket) in tickets {
        let ticket = Ticket { ticket };
        refused.note(format!("DoGet: {what}"), client.rows(ticket.clone()).await);
        let endpoint = FlightEndpoint { ticket: Some(ticket), ..Default::default() };
        let renew = RenewFlightEndpointRequest { endpoint: Some(endpoint.clone()) }.encode_to_vec();
        refused.note(format!("RenewFlightEndpoint: {what}"), client.action("RenewFlightEndpoint", renew).await);
        let info = FlightInfo { endpoint: vec![endpoint], ..Default::default() };
        let cancel = CancelFlightInfoRequest { info: Some(info) }.encode_to_vec();
        refused.note(format!("CancelFlightInfo: {what}"), client.action("CancelFlightInfo", cancel).await);
    }
}

async fn handles(server: &Server, client: &Client, refused: &mut Refused) {
    let stranger = Client::connect(server).await;
    let foreign = stranger.prepare("SELECT 1").await.unwrap().prepared_statement_handle;
    let closed = client.prepare("SELECT 1").await.unwrap().prepared_statement_handle;
    client.close_prepared(&closed).await.unwrap();
    let handles: [(&str, Bytes); 5] = [
        ("no bytes", Bytes::new()),
        ("a text", Bytes::from_static(b"SELECT 1")),
        ("a long one", vec![7; 100_000].into()),
        ("one of another session", foreign),
        ("a closed one", closed),
    ];
    for (what, prepared_statement_handle) in handles {
        let query = CommandPreparedStatementQuery { prepared_statement_handle: prepared_statement_handle.clone() };
        let update = CommandPreparedStatementUpdate { prepared_statement_handle: prepared_statement_handle.clone() };
        refused.note(format!("to run {what}"), client.info(&query).await);
        refused.note(format!("to bind {what}"), client.put_batches(&query, vec![numbers()]).await);
        refused.note(format!("to update by {what}"), client.put_batches(&update, vec![numbers()]).await);
        // To close what is not there is no error: drivers close twice.
        let close = ActionClosePreparedStatementRequest { prepared_statement_handle };
        assert!(client.action("ClosePreparedStatement", close.as_any().encode_to_vec()).await.is_ok(), "{what}");
    }
    let two = client.prepare("SELECT ?::INTEGER + ?::INTEGER").await.unwrap().prepared_statement_handle;
    let query = CommandPreparedStatementQuery { prepared_statement_handle: two.clone() };
    refused.note("two parameters and none bound", client.info(&query).await);
    refused.note("two parameters and one bound", client.put_batches(&query, vec![numbers()]).await);
    let three = RecordBatch::try_from_iter(["1", "2", "3"].map(|name| (name, column()))).unwrap();
    refused.note("two parameters and three bound", client.put_batches(&query, vec![three]).await);
}

fn column() -> ArrayRef {
    Arc::new(Int32Array::from(vec![1, 2, 3]))
}

fn numbers() -> RecordBatch {
    RecordBatch::try_from_iter([("i", column())]).unwrap()
}

async fn messages(command: Vec<u8>, batches: Vec<RecordBatch>) -> Vec<FlightData> {
    let descriptor = FlightDescriptor::new_cmd(command);
    let built = FlightDataEncoderBuilder::new().with_flight_descriptor(Some(descriptor));
    built.build(stream::iter(batches.into_iter().map(Ok))).map(Result::unwrap).collect().await
}

/// Uploads whose messages are not what they must be.
async fn uploads(client: &Client, refused: &mut Refused) {
    client.update("CREATE TABLE taken (i INTEGER)").await.unwrap();
    let handle = client.prepare("INSERT INTO taken VALUES (?)").await.unwrap().prepared_statement_handle;
    let update = CommandPreparedStatementUpdate { prepared_statement_handle: handle }.as_any().encode_to_vec();
    let whole = messages(update.clone(), vec![numbers(), numbers()]).await;
    let with = |change: &dyn Fn(&mut Vec<FlightData>)| {
        let mut messages = whole.clone();
        change(&mut messages);
        messages
    };
    let cases: Vec<(&str, Vec<FlightData>)> = vec![
        ("no message", Vec::new()),
        ("no descriptor", with(&|messages| messages[0].flight_descriptor = None)),
        ("a batch before its schema", with(&|messages| messages[0].data_header = Bytes::new())),
        (
            "a second schema",
            with(&|messages| {
                let schema = FlightData { flight_descriptor: None, ..messages[0].clone() };
                messages.insert(1, schema);
            }),
        ),
        (
            "a type that no array has",
            with(&|messages| {
                let ends = Field::new("run_ends", DataType::UInt32, false);
                let runs =
                    DataType::RunEndEncoded(Arc::new(ends), Arc::new(Field::new("values", DataType::Int32, true)));
                let schema = Schema::new(vec![Field::new("i", runs, true)]);
                let schema = FlightData::from(SchemaAsIpc::new(&schema, &IpcWriteOptions::default()));
                messages[0].data_header = schema.data_header;
                messages.truncate(1);
            }),
        ),
        ("a header of garbage", with(&|messages| messages[1].data_header = Bytes::from_static(&[0xff; 40]))),
        ("a cut header", with(&|messages| messages[1].data_header.truncate(9))),
        ("a cut body", with(&|messages| messages[1].data_body.truncate(1))),
        ("no body", with(&|messages| messages[1].data_body.clear())),
        ("a body and no header", with(&|messages| messages[1].data_header.clear())),
        ("a query", messages(CommandStatementQuery::default().as_any().encode_to_vec(), vec![numbers()]).await),
        ("catalogs", messages(any("CommandGetCatalogs", b""), vec![numbers()]).await),
        ("an unknown command", messages(any("CommandBrewCoffee", b""), vec![numbers()]).await),
        ("garbage", messages(vec![0xff; 8], vec![numbers()]).await),
        ("an unknown transaction", {
            let transaction_id = Some(Bytes::from_static(b"none"));
            let update = CommandStatementUpdate { query: "DELETE FROM taken".into(), transaction_id };
            messages(update.as_any().encode_to_vec(), vec![numbers()]).await
        }),
    ];
    for (what, messages) in cases {
        refused.note(format!("DoPut: {what}"), client.put(stream::iter(messages)).await);
    }
    assert_eq!(client.value("SELECT count(*) FROM taken").await.unwrap(), "0", "nothing of it was done");
}

fn ingest(table: &str, if_not_exist: i32, if_exists: i32) -> CommandStatementIngest {
    CommandStatementIngest {
        table_definition_options: Some(TableDefinitionOptions { if_not_exist, if_exists }),
        table: table.to_owned(),
        schema: None,
        catalog: None,
        temporary: false,
        transaction_id: None,
        options: Default::default(),
    }
}

async fn ingests(client: &Client, refused: &mut Refused) {
    const CREATE: i32 = 1;
    const FAIL: i32 = 2;
    const FAIL_IF_EXISTS: i32 = 1;
    const APPEND: i32 = 2;
    let batch = numbers();
    let named = |names: &[&str]| {
        let schema = Schema::new(names.iter().map(|name| Field::new(*name, DataType::Int32, true)).collect::<Vec<_>>());
        RecordBatch::try_new(Arc::new(schema), names.iter().map(|_| column()).collect()).unwrap()
    };
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["1", "x", "3"]));
    let texts = RecordBatch::try_from_iter([("i", texts)]).unwrap();
    let create = |table: &str| ingest(table, CREATE, FAIL_IF_EXISTS);
    let cases: Vec<(&str, CommandStatementIngest, RecordBatch)> = vec![
        ("no table", create(""), batch.clone()),
        ("a table that is there", create("taken"), batch.clone()),
        ("a table that is not there", ingest("absent", FAIL, APPEND), batch.clone()),
        (
            "no word of what to do",
            CommandStatementIngest { table_definition_options: None, ..create("t") },
            batch.clone(),
        ),
        ("fail and fail", ingest("t", FAIL, FAIL_IF_EXISTS), batch.clone()),
        ("fail and replace", ingest("t", FAIL, 3), batch.clone()),
        ("odd modes", ingest("t", 77, 78), batch.clone()),
        ("a name with a NUL", create("a\0b"), batch.clone()),
        ("an unknown schema", CommandStatementIngest { schema: Some("nowhere".into()), ..create("t") }, batch.clone()),
        (
            "an unknown catalog",
            CommandStatementIngest { catalog: Some("nowhere".into()), ..create("t") },
            batch.clone(),
        ),
        (
            "the server's catalog",
            CommandStatementIngest { catalog: Some("datasets".into()), ..create("t") },
            batch.clone(),
        ),
        (
            "a temporary table elsewhere",
            { CommandStatementIngest { temporary: true, catalog: Some("nowhere".into()), ..create("t") } },
            batch.clone(),
        ),
        (
            "an unknown transaction",
            { CommandStatementIngest { transaction_id: Some(Bytes::from_static(b"none")), ..create("t") } },
            batch.clone(),
        ),
        (
            "an unknown option",
            { CommandStatementIngest { options: [("speed".into(), "high".into())].into(), ..create("t") } },
            batch.clone(),
        ),
        ("two columns of one name", create("t"), named(&["i", "i"])),
        ("two columns that differ in case", create("t"), named(&["i", "I"])),
        ("a column without a name", create("t"), named(&[""])),
        ("a column with a NUL", create("t"), named(&["a\0b"])),
        ("a column that is not there", ingest("taken", FAIL, APPEND), named(&["j"])),
        ("one column too many", ingest("taken", FAIL, APPEND), named(&["i", "j"])),
        ("values that don't fit", ingest("taken", FAIL, APPEND), texts),
    ];
    for (what, command, batch) in cases {
        refused.note(format!("ingest: {what}"), client.put_batches(&command, vec![batch]).await);
    }
    let none = RecordBatch::new_empty(Arc::new(Schema::empty()));
    refused.note("ingest: no columns", client.put_batches(&create("t"), vec![none]).await);
    refused.note("ingest: no rows and no schema", {
        let descriptor = FlightDescriptor::new_cmd(create("t").as_any().encode_to_vec());
        client.put(stream::iter([FlightData { flight_descriptor: Some(descriptor), ..Default::default() }])).await
    });
    assert_eq!(client.value("SELECT count(*) FROM taken").await.unwrap(), "0", "nothing of it was done");
    // Names that are odd, and no more: these are tables like others, and so is one of ten thousand columns.
    let wide = (0..10_000).map(|column| format!("c{column}")).collect::<Vec<_>>();
    let wide = named(&wide.iter().map(String::as_str).collect::<Vec<_>>());
    for (table, batch) in
        [("a \"quoted\" one", batch.clone()), ("';--", batch.clone()), ("\u{1f986}", batch), ("wide", wide)]
    {
        assert_eq!(client.put_batches(&create(table), vec![batch]).await.unwrap(), 3, "{table}");
        let quoted = table.replace('"', "\"\"");
        assert_eq!(client.value(format!("SELECT count(*) FROM \"{quoted}\"")).await.unwrap(), "3", "{table}");
    }
}

async fn statements(client: &Client, refused: &mut Refused) {
    let long = format!("SELECT {}", "x".repeat(70_000));
    for sql in [
        "",
        ";",
        ";;;",
        "--",
        "/*",
        "'",
        "\"",
        "$$",
        "(",
        ")",
        "SELECT",
        "SELECT FROM",
        "SELECT 1 1",
        "SELECT 1,,2",
        "SELECT 'a",
        "SELECT 1; SELEKT 2",
        "SELECT \0",
        "SELECT nosuch",
        "SELECT nosuch()",
        "SELECT * FROM nosuch",
        "SELECT * FROM nowhere.nosuch",
        "SELECT * FROM a.b.c.d",
        "SELECT 1::NOSUCHTYPE",
        "SELECT ?",
        "SELECT $1, ?",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/no.csv'",
        "ATTACH '/tmp/no.db'",
        "INSTALL spatial",
        "LOAD '/tmp/no.so'",
        "SET memory_limit = '1TB'",
        "SET GLOBAL threads = 1",
        "RESET GLOBAL threads",
        "CREATE SECRET s (TYPE s3)",
        "DETACH datasets",
        "DROP SCHEMA datasets.main",
        "EXECUTE nosuch",
        "ROLLBACK",
        "COMMIT",
        "USE nowhere",
        &long,
    ] {
        let what = sql.chars().take(40).collect::<String>();
        refused.note(format!("statement {what:?}"), client.query(sql).await);
        answers(client).await;
    }
}
