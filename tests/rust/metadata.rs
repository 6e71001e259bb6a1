//! What the server tells of itself and its tables.

use arrow::array::{Array, BinaryArray};
use arrow::datatypes::DataType;
use arrow_flight::sql::{
    CommandGetCatalogs, CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys, CommandGetImportedKeys,
    CommandGetPrimaryKeys, CommandGetSqlInfo, CommandGetTableTypes, CommandGetTables, CommandStatementQuery,
};
use arrow_flight::{IpcMessage, SchemaAsIpc};
use pintail_tests::client::column;
use pintail_tests::{Client, Server};

/// A request for all tables whose name matches a pattern.
fn tables(pattern: &str) -> CommandGetTables {
    CommandGetTables { table_name_filter_pattern: Some(pattern.to_owned()), ..CommandGetTables::default() }
}

/// A session in a database with a few tables.
async fn client(server: &Server) -> Client {
    let client = Client::connect(server).await;
    for sql in [
        "CREATE SCHEMA far",
        "CREATE TABLE far.flights (carrier VARCHAR NOT NULL, distance INTEGER, price DECIMAL(9, 2))",
        "CREATE TABLE a_b (i INTEGER)",
        "CREATE TABLE axb (i INTEGER)",
        "CREATE VIEW seen AS SELECT 1 AS one",
    ] {
        client.update(sql).await.unwrap();
    }
    client
}

#[tokio::test]
async fn catalogs_schemas_and_table_types_are_listed_in_order() {
    let server = Server::start(&[]).await;
    let client = client(&server).await;
    let current = client.value("SELECT current_database()").await.unwrap();
    let catalogs = column(&client.run(&CommandGetCatalogs {}).await.unwrap(), "catalog_name");
    assert!(catalogs.contains(&current), "{catalogs:?}");
    assert!(catalogs.is_sorted(), "{catalogs:?}");

    let far = CommandGetDbSchemas { catalog: Some(current.clone()), db_schema_filter_pattern: Some("f_r".into()) };
    let schemas = client.run(&far).await.unwrap();
    assert_eq!(column(&schemas, "db_schema_name"), ["far"]);
    assert_eq!(column(&schemas, "catalog_name"), [current]);
    let nowhere = CommandGetDbSchemas { catalog: Some("nowhere".into()), db_schema_filter_pattern: None };
    assert_eq!(column(&client.run(&nowhere).await.unwrap(), "db_schema_name"), [""; 0]);

    let types = column(&client.run(&CommandGetTableTypes {}).await.unwrap(), "table_type");
    for expected in ["BASE TABLE", "VIEW"] {
        assert!(types.iter().any(|name| name == expected), "{types:?}");
    }
    server.finish().await;
}

#[tokio::test]
async fn tables_are_found_by_pattern_escape_and_type() {
    let server = Server::start(&[]).await;
    let client = client(&server).await;
    let names = async |request: CommandGetTables| column(&client.run(&request).await.unwrap(), "table_name");
    assert_eq!(names(tables("a_b")).await, ["a_b", "axb"], "an underscore stands for any character");
    assert_eq!(names(tables(r"a\_b")).await, ["a_b"], "unless it is escaped");
    assert_eq!(names(tables("fl%")).await, ["flights"]);
    assert_eq!(names(tables("FLIGHTS")).await, [""; 0], "patterns look at case");
    assert_eq!(names(tables("")).await, [""; 0], "an empty pattern matches nothing but an empty name");
    let views = CommandGetTables { table_types: vec!["VIEW".into()], ..tables("%") };
    assert_eq!(names(views).await, ["seen"]);
    let elsewhere = CommandGetTables { db_schema_filter_pattern: Some("far".into()), ..CommandGetTables::default() };
    assert_eq!(names(elsewhere).await, ["flights"]);
    server.finish().await;
}

#[tokio::test]
async fn a_tables_schema_is_the_schema_of_its_rows() {
    let server = Server::start(&[]).await;
    let client = client(&server).await;
    let answer = client.run(&CommandGetTables { include_schema: true, ..tables("flights") }).await.unwrap();
    let column = answer[0].column_by_name("table_schema").unwrap();
    let column = column.as_any().downcast_ref::<BinaryArray>().expect("schemas are bytes");
    assert!(!column.is_null(0));
    let schema = arrow::datatypes::Schema::try_from(IpcMessage(column.value(0).to_vec().into())).unwrap();
    let rows = client.query("SELECT * FROM far.flights").await.unwrap();
    assert!(rows.iter().all(|batch| batch.num_rows() == 0));
    let types: Vec<_> =
        schema.fields().iter().map(|field| (field.name().as_str(), field.data_type().clone())).collect();
    assert_eq!(
        types,
        [("carrier", DataType::Utf8), ("distance", DataType::Int32), ("price", DataType::Decimal128(9, 2))]
    );
    assert!(!schema.field(0).is_nullable() && schema.field(1).is_nullable());
    let name = |index: usize| schema.field(index).metadata().get("ARROW:FLIGHT:SQL:TYPE_NAME").cloned();
    assert_eq!([name(0), name(1), name(2)], ["VARCHAR", "INTEGER", "DECIMAL(9,2)"].map(|name| Some(name.to_owned())));
    server.finish().await;
}

#[tokio::test]
async fn what_is_said_of_a_column_and_whether_it_numbers_itself_is_told_with_its_table_alone() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    for sql in [
        "CREATE SEQUENCE numbers",
        "CREATE TABLE said (id INTEGER DEFAULT nextval('numbers'), name VARCHAR DEFAULT 'nextval')",
        "COMMENT ON COLUMN said.name IS 'as it is written'",
    ] {
        client.update(sql).await.unwrap();
    }
    let answer = client.run(&CommandGetTables { include_schema: true, ..tables("said") }).await.unwrap();
    let column = answer[0].column_by_name("table_schema").unwrap();
    let column = column.as_any().downcast_ref::<BinaryArray>().expect("schemas are bytes");
    let table = arrow::datatypes::Schema::try_from(IpcMessage(column.value(0).to_vec().into())).unwrap();
    let of = |schema: &arrow::datatypes::Schema, column: usize, key: &str| {
        schema.field(column).metadata().get(&format!("ARROW:FLIGHT:SQL:{key}")).cloned()
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!([of(&table, 0, "REMARKS"), of(&table, 1, "REMARKS")], [None, text("as it is written")]);
    let numbered = [of(&table, 0, "IS_AUTO_INCREMENT"), of(&table, 1, "IS_AUTO_INCREMENT")];
    assert_eq!(numbered, [text("1"), text("0")]);

    // A result's columns have the qualities of their types; what is said of a table's would be taken for their names.
    let rows = schema_of_query(&client, "SELECT * FROM said").await;
    assert_eq!([of(&rows, 0, "IS_CASE_SENSITIVE"), of(&rows, 1, "IS_CASE_SENSITIVE")], [text("0"), text("1")]);
    assert_eq!([of(&rows, 0, "IS_SEARCHABLE"), of(&rows, 1, "IS_SEARCHABLE")], [text("1"), text("1")]);
    assert_eq!(of(&rows, 1, "REMARKS"), None);
    server.finish().await;
}

/// The schema that GetFlightInfo tells of a query.
async fn schema_of_query(client: &Client, sql: &str) -> arrow::datatypes::Schema {
    let query = CommandStatementQuery { query: sql.to_owned(), transaction_id: None };
    arrow::datatypes::Schema::try_from(IpcMessage(client.info(&query).await.unwrap().schema)).unwrap()
}

#[tokio::test]
async fn the_schema_of_a_query_is_told_without_running_it() {
    let server = Server::start(&[]).await;
    let client = client(&server).await;
    let prepared = client.prepare("SELECT carrier, distance * 2 AS twice FROM far.flights").await.unwrap();
    let schema = arrow::datatypes::Schema::try_from(IpcMessage(prepared.dataset_schema)).unwrap();
    let options = arrow::ipc::writer::IpcWriteOptions::default();
    let info = client
        .info(&arrow_flight::sql::CommandPreparedStatementQuery {
            prepared_statement_handle: prepared.prepared_statement_handle,
        })
        .await
        .unwrap();
    let expected = IpcMessage::try_from(SchemaAsIpc::new(&schema, &options)).unwrap();
    let told = arrow::datatypes::Schema::try_from(IpcMessage(info.schema)).unwrap();
    assert_eq!(IpcMessage::try_from(SchemaAsIpc::new(&told, &options)).unwrap().0, expected.0);

    client.update("CREATE SEQUENCE counter").await.unwrap();
    client.prepare("SELECT nextval('counter') AS n").await.unwrap();
    assert_eq!(client.value("SELECT nextval('counter')").await.unwrap(), "1", "preparing runs nothing");
    server.finish().await;
}

#[tokio::test]
async fn sql_info_is_true_of_what_the_server_does() {
    let server = Server::start(&[]).await;
    let client = client(&server).await;
    let all = client.run(&CommandGetSqlInfo { info: vec![] }).await.unwrap();
    assert!(column(&all, "info_name").len() > 10);
    // 0: name; 3: read only; 8: transactions (1: yes); 10: cancellation is for a later day unless it says so itself.
    let some = client.run(&CommandGetSqlInfo { info: vec![0, 3, 8] }).await.unwrap();
    assert_eq!(column(&some, "info_name"), ["0", "3", "8"]);
    let values = column(&some, "value");
    assert!(values[0].to_lowercase().contains("pintail"), "{values:?}");
    assert!(values[1].contains("false") && values[2].contains('1'), "{values:?}");
    server.finish().await;
}

#[tokio::test]
async fn keys_are_told_column_by_column_in_their_order() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    for sql in [
        "CREATE SCHEMA s",
        "CREATE TABLE s.airports (country VARCHAR, code VARCHAR, number INTEGER UNIQUE, PRIMARY KEY (country, code))",
        "CREATE TABLE s.flights (id INTEGER PRIMARY KEY, \"to\" VARCHAR, \"from\" VARCHAR, n INTEGER REFERENCES
         s.airports (number), FOREIGN KEY (\"from\", \"to\") REFERENCES s.airports (country, code))",
        "CREATE TABLE airports (code VARCHAR PRIMARY KEY)",
        "CREATE TABLE free (i INTEGER)",
    ] {
        client.update(sql).await.unwrap();
    }
    let table = |table: &str| CommandGetPrimaryKeys { table: table.to_owned(), ..Default::default() };
    let keys = client.run(&table("airports")).await.unwrap();
    assert_eq!(column(&keys, "db_schema_name"), ["main", "s", "s"]);
    assert_eq!(column(&keys, "column_name"), ["code", "country", "code"]);
    assert_eq!(column(&keys, "key_sequence"), ["1", "1", "2"]);
    let far = CommandGetPrimaryKeys { db_schema: Some("s".to_owned()), ..table("airports") };
    assert_eq!(column(&client.run(&far).await.unwrap(), "key_name"), ["airports_country_code_pkey"; 2]);
    for nothing in ["free", "nowhere", "air%"] {
        assert_eq!(column(&client.run(&table(nothing)).await.unwrap(), "column_name"), [""; 0], "{nothing}");
    }

    let exported = CommandGetExportedKeys { table: "airports".to_owned(), ..Default::default() };
    let imported = CommandGetImportedKeys { table: "flights".to_owned(), ..Default::default() };
    let cross = CommandGetCrossReference {
        pk_table: "airports".to_owned(),
        fk_table: "flights".to_owned(),
        fk_db_schema: Some("s".to_owned()),
        ..Default::default()
    };
    for found in
        [client.run(&exported).await.unwrap(), client.run(&imported).await.unwrap(), client.run(&cross).await.unwrap()]
    {
        assert_eq!(column(&found, "pk_db_schema_name"), ["s"; 3]);
        assert_eq!(column(&found, "pk_table_name"), ["airports"; 3]);
        assert_eq!(column(&found, "pk_column_name"), ["country", "code", "number"]);
        assert_eq!(column(&found, "fk_table_name"), ["flights"; 3]);
        assert_eq!(column(&found, "fk_column_name"), ["from", "to", "n"]);
        assert_eq!(column(&found, "key_sequence"), ["1", "2", "1"]);
        assert_eq!(column(&found, "update_rule"), ["3"; 3]);
        assert_eq!(column(&found, "delete_rule"), ["3"; 3]);
    }
    let backwards =
        CommandGetCrossReference { pk_table: "flights".to_owned(), fk_table: "airports".to_owned(), ..cross };
    assert_eq!(column(&client.run(&backwards).await.unwrap(), "fk_column_name"), [""; 0]);
    server.finish().await;
}
