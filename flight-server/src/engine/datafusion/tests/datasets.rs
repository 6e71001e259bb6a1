//! Datasets: what files are read as, and who sees them.

use typemap::SqlType;
use typemap::wire::{WireOptions, wire_field};

use super::*;
use crate::dataset::{Definition, Format, Source, SourceOptions};
use crate::engine::TableFilter;

impl Fixture {
    /// A dataset over files below `data/<name>`, which are given by their paths and what stands in them.
    fn dataset(&self, name: &str, format: Format, files: &[(&str, &[u8])]) -> Arc<Source> {
        let root = self.path("data").join(name);
        for (path, content) in files {
            let file = root.join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, content).unwrap();
        }
        let url = format!("file://{}/", root.display());
        let definition = Definition::new(name, &url, Some(format), None).unwrap();
        Arc::new(Source::open(definition, None, &SourceOptions { refresh: std::time::Duration::ZERO }).unwrap())
    }

    /// The bytes of a Parquet file with the rows of a query.
    async fn parquet(&self, query: &str) -> Vec<u8> {
        let file = self.path("write/out.parquet");
        let _ = std::fs::remove_file(&file);
        rows(&self.session().await, &format!("COPY ({query}) TO '{}'", file.display())).await;
        std::fs::read(file).unwrap()
    }
}

#[tokio::test]
async fn partitioned_parquet_is_a_table_with_the_columns_it_was_said_to_have() {
    let fixture = Fixture::new();
    let file = fixture.parquet("SELECT value AS id, CAST(value AS VARCHAR) AS name FROM range(10)").await;
    let files = [("year=2023/day=2023-05-01/a.parquet", &file[..]), ("year=2024/day=2024-05-01/a.parquet", &file)];
    let source = fixture.dataset("sales", Format::Parquet, &files);
    let columns = fixture.engine.describe_dataset(&source).await.unwrap();
    let expected =
        [("id", SqlType::BigInt), ("name", SqlType::Varchar), ("year", SqlType::BigInt), ("day", SqlType::Date)];
    assert_eq!(columns, expected.map(|(name, ty)| (name.to_owned(), ty)));
    let open = fixture.session().await;
    fixture.engine.put_dataset(&source, &columns).await.unwrap();
    // Sessions that are open see it too, by both its names.
    let outcome = run(&open, "SELECT * FROM sales").await.unwrap();
    for (field, (name, ty)) in outcome.rows.schema.fields().iter().zip(&columns) {
        assert_eq!(field.as_ref(), &wire_field(name, ty, true, &WireOptions::default()).unwrap());
    }
    assert_eq!(
        outcome.rows.batches.try_collect::<Vec<_>>().await.unwrap().iter().map(RecordBatch::num_rows).sum::<usize>(),
        20
    );
    assert_eq!(number(&open, "SELECT sum(id + year) FROM datasets.main.sales WHERE year = 2024").await, 45 + 20_240);
    assert_eq!(number(&open, "SELECT count(*) FROM sales WHERE day > DATE '2023-12-31' AND id < 5").await, 5);
    let explained = texts(&open, "EXPLAIN SELECT id FROM sales WHERE year = 2024").await.len();
    assert!(explained > 0);
    let plan = rows(&open, "EXPLAIN SELECT id FROM sales WHERE year = 2024").await;
    let text = arrow::util::pretty::pretty_format_batches(&plan).unwrap().to_string();
    assert!(text.contains("2024") && !text.contains("year=2023"), "files that are not needed are read: {text}");

    let listed = open.tables(&TableFilter { catalog: Some("datasets".into()), ..Default::default() }).await.unwrap();
    assert_eq!((listed[0].name.as_str(), listed[0].table_type.as_str()), ("sales", "VIEW"));
    // A session's own table of that name comes first.
    rows(&open, "CREATE TABLE sales AS SELECT 1 AS mine").await;
    assert_eq!(number(&open, "SELECT count(mine) FROM sales").await, 1);
    assert_eq!(
        failure(&open, "INSERT INTO datasets.main.sales SELECT * FROM datasets.main.sales").await.sqlstate.0,
        "0A000"
    );
    rows(&open, "DROP TABLE sales").await;
    assert_eq!(failure(&open, "DROP TABLE sales").await.sqlstate.0, "42501");

    // Wider types than those of the files, and files that come later.
    let wide =
        [("id", SqlType::HugeInt), ("name", SqlType::Varchar), ("year", SqlType::Varchar), ("day", SqlType::Date)];
    let wide = wide.map(|(name, ty)| (name.to_owned(), ty));
    rows(&open, "CREATE VIEW seen AS SELECT count(*) AS n FROM sales").await;
    fixture.engine.put_dataset(&source, &wide).await.unwrap();
    let outcome = run(&open, "SELECT id, year FROM sales").await.unwrap();
    assert_eq!(outcome.rows.schema.field(0).metadata()[typemap::metadata::TYPE_NAME], "HUGEINT");
    let later = fixture.path("data/sales/year=2025/day=2025-01-01");
    std::fs::create_dir_all(&later).unwrap();
    std::fs::write(later.join("b.parquet"), &file).unwrap();
    assert_eq!(number(&open, "SELECT n FROM seen").await, 30);
    fixture.engine.remove_dataset("sales").await.unwrap();
    fixture.engine.remove_dataset("sales").await.unwrap();
    assert_eq!(failure(&open, "SELECT * FROM sales").await.sqlstate.0, "42P01");
    assert_eq!(failure(&open, "SELECT * FROM seen").await.sqlstate.0, "42P01");
}

#[tokio::test]
async fn datasets_whose_files_have_the_same_names_are_not_mixed_up() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    for (name, query) in [("one", "SELECT 1 AS n"), ("two", "SELECT 2 AS n")] {
        let file = fixture.parquet(query).await;
        let source = fixture.dataset(name, Format::Parquet, &[("part.parquet", &file)]);
        fixture.engine.put_dataset(&source, &[("n".to_owned(), SqlType::BigInt)]).await.unwrap();
        assert_eq!(number(&session, &format!("SELECT sum(n) FROM {name}")).await, if name == "one" { 1 } else { 2 });
    }
    assert_eq!(number(&session, "SELECT sum(one.n * 10 + two.n) FROM one, two").await, 12);
}

#[tokio::test]
async fn text_files_are_read_by_what_their_first_lines_tell() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let text = |columns: &[(&str, SqlType)]| {
        columns.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect::<Vec<_>>()
    };
    type Case<'a> = (&'a str, Format, &'a str, &'a [u8], Vec<(String, SqlType)>, &'a str);
    let cases: [Case<'_>; 4] = [
        (
            "headed",
            Format::Csv,
            "a.csv",
            b"id;name;at\n1;x,y;2024-01-02 03:04:05\n2;\"two\nlines\";\n",
            text(&[("id", SqlType::BigInt), ("name", SqlType::Varchar), ("at", SqlType::Timestamp)]),
            "SELECT sum(id) + count(at) * 10 + count(DISTINCT name) * 100 FROM headed",
        ),
        (
            "headless",
            Format::Csv,
            "a.csv",
            b"1,2.5\n2,3.5\n",
            text(&[("column0", SqlType::BigInt), ("column1", SqlType::Double)]),
            "SELECT sum(column0) + 210 + sum(column1) - 6 FROM headless",
        ),
        (
            "objects",
            Format::Json,
            "a.json",
            b"{\"id\": 1, \"tags\": [\"a\"], \"p\": {\"x\": 1}}\n{\"id\": 2, \"tags\": null, \"p\": {\"x\": 2}}\n",
            text(&[
                ("id", SqlType::BigInt),
                ("p", SqlType::Struct(vec![("x".to_owned(), SqlType::BigInt)])),
                ("tags", SqlType::List(Box::new(SqlType::Varchar))),
            ]),
            "SELECT sum(id) + 207 + sum(p['x']) FROM objects",
        ),
        ("zipped", Format::Csv, "a.csv.gz", ZIPPED, text(&[("n", SqlType::BigInt)]), "SELECT sum(n) FROM zipped"),
    ];
    for (name, format, file, content, expected, query) in cases {
        let source = fixture.dataset(name, format, &[(file, content)]);
        let mut columns = fixture.engine.describe_dataset(&source).await.unwrap();
        if format == Format::Json {
            columns.sort_by(|one, other| one.0.cmp(&other.0));
        }
        assert_eq!(columns, expected, "{name}");
        fixture.engine.put_dataset(&source, &columns).await.unwrap();
        assert_eq!(number(&session, query).await, 213, "{name}");
    }
}

/// `n`, `100` and `113` on a line each, compressed.
const ZIPPED: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xff, 0xcb, 0xe3, 0x32, 0x34, 0x30, 0xe0, 0x32, 0x34, 0x34,
    0xe6, 0x02, 0x00, 0xdb, 0xa3, 0xc4, 0x6f, 0x0a, 0x00, 0x00, 0x00,
];

#[tokio::test]
async fn a_dataset_that_cannot_be_read_is_told_by_its_file() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let file = fixture.parquet("SELECT value AS n FROM range(100000)").await;
    let damaged = fixture.dataset("damaged", Format::Parquet, &[("half.parquet", &file[..file.len() / 2])]);
    let error = fixture.engine.describe_dataset(&damaged).await.unwrap_err();
    assert_eq!(error.code, crate::error::ErrorCode::DatasetUnreadable, "{error}");
    assert!(error.message.contains("half.parquet"), "{error}");
    fixture.engine.put_dataset(&damaged, &[("n".to_owned(), SqlType::BigInt)]).await.unwrap();
    let error = failure(&session, "SELECT * FROM damaged").await;
    assert_eq!(error.sqlstate.0, "58030", "{error}");
    // One sick dataset costs the others nothing.
    let well = fixture.dataset("well", Format::Parquet, &[("whole.parquet", &file)]);
    fixture.engine.put_dataset(&well, &[("n".to_owned(), SqlType::BigInt)]).await.unwrap();
    assert_eq!(number(&session, "SELECT count(*) FROM well").await, 100_000);
    // A type that the format does not give.
    let json = fixture.dataset("json", Format::Json, &[("a.json", b"{}\n")]);
    let error = fixture.engine.put_dataset(&json, &[("u".to_owned(), SqlType::Uuid)]).await.unwrap_err();
    assert_eq!(error.code, crate::error::ErrorCode::TypeUnsupported, "{error}");
    assert!(error.message.contains("\"u\""), "{error}");
}

#[tokio::test]
async fn a_link_out_of_the_directory_of_a_dataset_is_not_followed() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let file = fixture.parquet("SELECT value AS n FROM range(10)").await;
    let source = fixture.dataset("linked", Format::Parquet, &[("a.parquet", &file)]);
    let outside = fixture.path("outside.parquet");
    std::fs::write(&outside, &file).unwrap();
    let columns = [("n".to_owned(), SqlType::BigInt)];
    fixture.engine.put_dataset(&source, &columns).await.unwrap();
    assert_eq!(number(&session, "SELECT count(*) FROM linked").await, 10);
    let link = fixture.path("data/linked/link.parquet");
    std::os::unix::fs::symlink(&outside, &link).unwrap();
    let error = failure(&session, "SELECT sum(n) FROM linked").await;
    assert_eq!(error.sqlstate.0, "58030", "{error}");
    assert!(error.message.contains("the file link.parquet: it is a link"), "{error}");
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("a.parquet", &link).unwrap();
    assert_eq!(number(&session, "SELECT count(*) FROM linked").await, 20);
}
