//! What is in the files is what is in the table.

use super::*;

const PEOPLE: &str = "SELECT i::INTEGER AS id, 'n' || i AS name, i / 4 AS part, DATE '2024-01-01' + i::INTEGER AS day
                      FROM range(1000) t(i)";

#[tokio::test]
async fn every_format_is_a_table_with_the_same_rows() {
    let (fixture, files) = (Fixture::new(), Files::new());
    let session = fixture.session().await;
    for (format, file) in [(Format::Parquet, "p.parquet"), (Format::Csv, "c.csv"), (Format::Json, "j.json")] {
        files.write(file, PEOPLE);
        let name = format.name();
        let columns = fixture.show(&source(name, files.url(file), format)).await;
        let id = if format == Format::Parquet { "id INTEGER" } else { "id BIGINT" };
        assert_eq!(names_of(&columns), [id, "name VARCHAR", "part DOUBLE", "day DATE"]);
        for table in [name.to_owned(), format!("datasets.{name}"), format!("datasets.main.{name}")] {
            assert_eq!(number(&session, &format!("SELECT sum(id) FROM {table}")).await, 499_500);
        }
        let rest = format!("SELECT count(DISTINCT name) + sum(part)::INT + (DATE '2024-01-02' - min(day)) FROM {name}");
        assert_eq!(number(&session, &rest).await, 1000 + 124_875 + 1);
    }
}

#[tokio::test]
async fn the_columns_are_exactly_those_told() {
    let (fixture, files) = (Fixture::new(), Files::new());
    files.write("p.parquet", "SELECT 1::INTEGER AS i, {'a': 2, 'b': [3]} AS s, 'x' AS \"odd \"\" name\", 5 AS unshown");
    let source = source("d", files.url("p.parquet"), Format::Parquet);
    let types = ["BIGINT", "STRUCT(a BIGINT, b VARCHAR[])", "VARCHAR"];
    let columns = ["i", "s", "odd \" name"].into_iter().zip(types.map(|ty| ty.parse().unwrap()));
    let columns = columns.map(|(name, ty)| (name.to_owned(), ty)).collect::<Vec<_>>();
    fixture.engine.put_dataset(&source, &columns).await.unwrap();
    let session = fixture.session().await;
    let batch = rows(&session, "FROM d").await.remove(0);
    let schema = batch.schema();
    let told = schema.fields().iter().map(|field| field.metadata()[typemap::metadata::TYPE_NAME].clone());
    assert_eq!(told.collect::<Vec<_>>(), types);
    assert_eq!(schema.field(2).name(), "odd \" name");
    // The metadata of drivers says the same.
    let filter =
        crate::engine::TableFilter { catalog: Some("datasets".to_owned()), with_schema: true, ..Default::default() };
    let listed = session.tables(&filter).await.unwrap().remove(0);
    assert_eq!((listed.name.as_str(), listed.table_type.as_str()), ("d", "VIEW"));
    assert_eq!(listed.schema.unwrap().field(0).data_type(), schema.field(0).data_type());
}

#[tokio::test]
async fn hive_partitions_are_the_last_columns_and_spare_files() {
    let (fixture, files) = (Fixture::new(), Files::new());
    for year in [2023, 2024] {
        for (code, day) in [("a", "01"), ("b", "02")] {
            let file = format!("lake/t/year={year}/code={code}/day={year}-01-{day}/x.parquet");
            files.write(&file, &format!("SELECT {year} + 0.5 AS amount FROM range(10)"));
        }
    }
    files.write("lake/t/_temporary/year=1/x.parquet", "SELECT 1 AS other");
    std::fs::write(files.path("lake/t/empty.parquet"), "").unwrap();
    std::fs::write(files.path("lake/t/notes.txt"), "no data").unwrap();
    let bucket = Bucket::over(files.directory.path());
    let source = bucket.source("t", "s3://lake/t/");
    let columns = fixture.show(&source).await;
    assert_eq!(names_of(&columns), ["amount DECIMAL(12,1)", "year BIGINT", "code VARCHAR", "day DATE"]);
    let session = fixture.session().await;
    bucket.control.take_requests();
    let sql = "SELECT count(*) FROM t WHERE year = 2024 AND code = 'b' AND day > '2024-01-01'";
    assert_eq!(number(&session, sql).await, 10);
    assert!(bucket.requests("GetObject") <= 2, "files of other partitions were read");
    assert_eq!(number(&session, "SELECT sum(year) FROM t").await, 2 * (10 * 2023 + 10 * 2024));
    assert_eq!(text(&session, "SELECT string_agg(DISTINCT code, '' ORDER BY code) FROM t").await, "ab");
    // The same on CSV and JSON, whose readers are told the types.
    for format in [Format::Csv, Format::Json] {
        let name = format.name();
        for year in [2023, 2024] {
            files.write(&format!("{name}/year={year}/x.{name}"), "SELECT range AS i, 'x' AS s FROM range(5)");
        }
        let columns = fixture.show(&super::source(name, files.url(&format!("{name}/")), format)).await;
        assert_eq!(names_of(&columns), ["i BIGINT", "s VARCHAR", "year BIGINT"]);
        assert_eq!(
            number(&session, &format!("SELECT sum(year * 100 + i) FROM {name}")).await,
            (202_300 + 202_400) * 5 + 20
        );
    }
}

#[tokio::test]
async fn new_files_appear_when_the_listing_is_refreshed_and_not_before() {
    let (fixture, files) = (Fixture::new(), Files::new());
    files.write("lake/t/a.parquet", "SELECT 1 AS i");
    let bucket = Bucket::over(files.directory.path());
    let (kept, fresh) =
        (bucket.source("kept", "s3://lake/t/*"), bucket.source_refreshed("fresh", "s3://lake/t/*", Duration::ZERO));
    fixture.show(&kept).await;
    fixture.show(&fresh).await;
    let session = fixture.session().await;
    assert_eq!(number(&session, "SELECT count(*) FROM kept").await, 1);
    bucket.control.take_requests();
    files.write("lake/t/b.parquet", "SELECT 2 AS i");
    assert_eq!(number(&session, "SELECT count(*) FROM kept").await, 1);
    assert_eq!(bucket.requests("ListObjectsV2"), 0, "an unchanged dataset costs a listing");
    assert_eq!(number(&session, "SELECT sum(i) FROM fresh").await, 3);
    assert_eq!(kept.refresh_listing().await.unwrap().len(), 2);
    assert_eq!(number(&session, "SELECT sum(i) FROM kept").await, 3);
    // A file in place of another is read anew, though the old one was kept in memory.
    files.write("lake/t/b.parquet", "SELECT 40 AS i, 'another length' AS s");
    kept.refresh_listing().await.unwrap();
    assert_eq!(number(&session, "SELECT sum(i) FROM kept").await, 41);
}

#[tokio::test]
async fn a_replaced_dataset_shows_the_other_files_at_once_and_a_removed_one_is_gone() {
    let (fixture, files) = (Fixture::new(), Files::new());
    files.write("a/x.parquet", "SELECT 1 AS i");
    files.write("b/x.parquet", "SELECT 2 AS i");
    let session = fixture.session().await;
    fixture.show(&source("d", files.url("a/"), Format::Parquet)).await;
    assert_eq!(number(&session, "SELECT i FROM d").await, 1);
    fixture.show(&source("D", files.url("b/"), Format::Parquet)).await;
    assert_eq!(number(&session, "SELECT i FROM d").await, 2);
    // Tables of the session's own place come first.
    rows(&session, "CREATE TABLE d AS SELECT 3 AS i").await;
    assert_eq!(number(&session, "SELECT i FROM d").await, 3);
    assert_eq!(number(&session, "SELECT i FROM datasets.d").await, 2);
    fixture.engine.remove_dataset("d").await.unwrap();
    fixture.engine.remove_dataset("d").await.unwrap();
    assert_eq!(failure(&session, "SELECT * FROM datasets.d").await.sqlstate.0, "42P01");
    let error = failure(&session, "SELECT * FROM 'dataset://d/x.parquet'").await;
    assert_eq!(error.code, ErrorCode::DatasetUnreadable, "{error}");
}

#[tokio::test]
async fn datasets_are_found_by_name_wherever_the_session_is_and_journal_nothing() {
    let (fixture, files) = (Fixture::new(), Files::new());
    files.write("a.parquet", "SELECT 1 AS i");
    fixture.show(&source("d", files.url("a.parquet"), Format::Parquet)).await;
    let session = fixture.session().await;
    assert_eq!(run(&session, "SET pivot_limit = 10").await.unwrap().state.len(), 1);
    assert_eq!(session.location().await.unwrap().schema, "main");
    rows(&session, "CREATE SCHEMA \"odd.name\"").await;
    let moved = session.set_location(None, Some("odd.name")).await.unwrap();
    assert_eq!(session.location().await.unwrap().schema, "odd.name");
    assert_eq!(number(&session, "SELECT i FROM d").await, 1);
    let again = fixture.engine.open_session(&Holder::default(), &moved).await.unwrap();
    assert_eq!(again.location().await.unwrap().schema, "odd.name");
    assert_eq!(number(&again, "SELECT i FROM d").await, 1);
    // Back where it began, nothing is left to be journaled.
    let back = session.set_location(Some("memory"), Some("main")).await.unwrap();
    assert_eq!(back.iter().filter(|entry| entry.sql.is_some()).count(), 0, "{back:?}");
    rows(&session, "USE memory.\"odd.name\"").await;
    assert_eq!(number(&session, "SELECT i FROM datasets.d").await, 1);
    let reset = run(&session, "RESET search_path").await.unwrap().state;
    let again = fixture.engine.open_session(&Holder::default(), &reset).await.unwrap();
    assert_eq!(again.location().await.unwrap().schema, "main");
}

#[tokio::test]
async fn a_web_servers_file_is_a_dataset() {
    let (fixture, files) = (Fixture::new(), Files::new());
    files.write("w/a b.parquet", "SELECT range AS i FROM range(100)");
    let app = axum::Router::new().route("/w/{name}", axum::routing::get(serve_file));
    let app = app.with_state(Arc::new(files.directory.path().to_owned()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let url = Url::parse(&format!("http://{address}/w/a%20b.parquet?version=1")).unwrap();
    fixture.show(&source("w", url, Format::Parquet)).await;
    assert_eq!(number(&fixture.session().await, "SELECT sum(i) FROM w").await, 4950);
}

/// Answers as static file servers do: whole, a range, or what is known of it.
async fn serve_file(
    axum::extract::State(root): axum::extract::State<Arc<PathBuf>>,
    axum::extract::Path(name): axum::extract::Path<String>,
    request: axum::extract::Request,
) -> axum::response::Response {
    let bytes = std::fs::read(root.join("w").join(name)).unwrap();
    let size = bytes.len();
    let response = axum::response::Response::builder().header("etag", "\"one\"");
    let range = request.headers().get("range").map(|range| range.to_str().unwrap().to_owned());
    match range.and_then(|range| {
        let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
        Some((from.parse::<usize>().ok()?, to.parse::<usize>().ok()?))
    }) {
        Some((from, to)) => response
            .status(206)
            .header("content-range", format!("bytes {from}-{to}/{size}"))
            .body(bytes[from..=to].to_vec().into()),
        None => response.header("content-length", size).body(bytes.into()),
    }
    .unwrap()
}
