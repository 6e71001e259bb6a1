//! What can't be read is said, without a secret, and hurts nothing else.

use std::io::Write;
use std::sync::{LazyLock, Mutex};
use std::time::Instant;

use futures::StreamExt;

use super::*;

/// Everything that is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn keep() -> (Self, tracing::subscriber::DefaultGuard) {
        // While nobody listens, as other tests on other threads do not, what would be logged is found to be of no interest, and
        // that is remembered. Somebody who always listens keeps that from being so.
        static LISTENER: LazyLock<tracing::Dispatch> = LazyLock::new(|| {
            tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(std::io::sink).finish().into()
        });
        LazyLock::force(&LISTENER);
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

#[tokio::test]
async fn a_wrong_key_is_told_and_no_credential_is_shown_anywhere() {
    let (fixture, files) = (Fixture::new(), Files::new());
    files.write("lake/t/a.parquet", "SELECT 1 AS i");
    files.write("good.parquet", "SELECT 1 AS i");
    let bucket = Bucket::over(files.directory.path());
    let wrong = bucket.secret("wrong-hunter2-key");
    let url = Url::parse("s3://lake/t/").unwrap();
    let (log, _guard) = Log::keep();
    let source = source_with("t", url, Format::Parquet, Some(&wrong), NEVER);
    // On this thread, so that all that the client logs is seen.
    let told = source.files().await.unwrap_err();
    let described = fixture.engine.describe_dataset(&source).await.unwrap_err();
    fixture.engine.put_dataset(&source, &[("i".to_owned(), SqlType::Integer)]).await.unwrap();
    let session = fixture.session().await;
    let queried = failure(&session, "SELECT * FROM t").await;
    let mut shown = format!("{source:?} {:?} {}", source.store(), log.text());
    for error in [&told, &described, &queried] {
        assert_eq!(error.code, ErrorCode::DatasetUnreadable, "{error}");
        assert_eq!(error.sqlstate.0, "58030");
        assert!(error.message.contains("\"t\"") && error.message.contains("403"), "{error}");
        shown.push_str(&format!("{error} {error:?}"));
    }
    let list = source.store().list(None).next().await.unwrap().unwrap_err();
    let mut next: Option<&dyn std::error::Error> = Some(&list);
    while let Some(cause) = next {
        shown.push_str(&format!("{cause} {cause:?}"));
        next = cause.source();
    }
    assert!(log.text().contains("hyper"), "nothing was logged at all");
    for secret in ["hunter2", KEY.0, KEY.1, "Signature=", "Credential="] {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
    // The others are there as before.
    fixture.show(&super::source("good", files.url("good.parquet"), Format::Parquet)).await;
    assert_eq!(number(&session, "SELECT i FROM good").await, 1);
}

#[tokio::test]
async fn what_is_missing_is_told_from_what_is_empty_and_what_is_unreachable() {
    let (fixture, files) = (Fixture::new(), Files::new());
    files.write("lake/t/a.parquet", "SELECT 1 AS i");
    std::fs::create_dir(files.path("nothing")).unwrap();
    let bucket = Bucket::over(files.directory.path());
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let dead = secret_for(&format!("http://{unused}"), KEY.1);
    let dead = source_with("d", Url::parse("s3://lake/t/").unwrap(), Format::Parquet, Some(&dead), NEVER);
    for (source, told) in [
        (bucket.source("d", "s3://nowhere/t/"), "there is nothing of that name"),
        (bucket.source("d", "s3://lake/other/"), "there is no file at its URL"),
        (bucket.source("d", "s3://lake/t/b.parquet"), "there is no file at its URL"),
        (source("d", files.url("nothing/"), Format::Parquet), "there is no file at its URL"),
        (source("d", files.url("nowhere.parquet"), Format::Parquet), "there is no file at its URL"),
        (dead, "the connection to the server failed"),
    ] {
        let begun = Instant::now();
        let error = fixture.engine.describe_dataset(&source).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::DatasetUnreadable);
        assert!(error.message.contains(told), "{error}, not {told}");
        assert!(error.message.contains("dataset \"d\""), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{told}");
    }
}

#[tokio::test]
async fn a_bucket_that_vanishes_in_mid_query_is_an_error_and_the_session_lives_on() {
    let (fixture, files) = (Fixture::new(), Files::new());
    for file in 0..100 {
        files.write(&format!("lake/t/{file:03}.parquet"), "SELECT range AS i, repeat('x', 100) AS s FROM range(20000)");
    }
    let bucket = Bucket::over(files.directory.path());
    fixture.show(&bucket.source("t", "s3://lake/t/")).await;
    let session = fixture.session().await;
    rows(&session, "CREATE TABLE mine AS SELECT 7 AS i").await;
    let mut batches = run(&session, "SELECT * FROM t").await.unwrap().rows.batches;
    assert!(batches.next().await.unwrap().unwrap().num_rows() > 0);
    std::fs::remove_dir_all(files.path("lake")).unwrap();
    let error = loop {
        match batches.next().await.expect("the rest of the files is gone") {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.code, ErrorCode::DatasetUnreadable, "{error}");
    assert!(error.message.contains("the file ") && error.message.contains("there is nothing of that name"), "{error}");
    assert_eq!(number(&session, "SELECT i FROM mine").await, 7);
}

#[tokio::test]
async fn a_damaged_file_is_named() {
    let (fixture, files) = (Fixture::new(), Files::new());
    let session = fixture.session().await;
    files.write("lake/t/a.parquet", "SELECT range AS i, md5(range::VARCHAR) AS s FROM range(10000)");
    let bucket = Bucket::over(files.directory.path());
    let whole = std::fs::read(files.path("lake/t/a.parquet")).unwrap();
    let mut flipped = whole.clone();
    flipped[100..2000].fill(0xff);
    let of_another = [&whole[..whole.len() / 2], b"PAR1"].concat();
    for (index, bytes) in [&whole[..whole.len() / 2], &of_another, &flipped, b"PAR1"].into_iter().enumerate() {
        let name = format!("t{index}");
        for source in [
            bucket.source(&name, "s3://lake/t/"),
            source(&format!("local{index}"), files.url("lake/t/"), Format::Parquet),
        ] {
            std::fs::write(files.path("lake/t/a.parquet"), &whole).unwrap();
            source.refresh_listing().await.unwrap();
            fixture.show(&source).await;
            std::fs::write(files.path("lake/t/a.parquet"), bytes).unwrap();
            source.refresh_listing().await.unwrap();
            let error = failure(&session, &format!("SELECT sum(i), max(s) FROM {}", source.name())).await;
            assert_eq!(error.code, ErrorCode::DatasetUnreadable, "{index}: {error}");
            assert!(error.message.contains(source.name()), "{index}: {error}");
            assert_eq!(number(&session, "SELECT 1").await, 1);
        }
    }
    // A file cut after it was listed.
    std::fs::write(files.path("lake/t/a.parquet"), &whole).unwrap();
    let source = bucket.source("cut", "s3://lake/t/");
    fixture.show(&source).await;
    std::fs::write(files.path("lake/t/a.parquet"), &whole[..whole.len() / 2]).unwrap();
    let again = bucket.source("cut", "s3://lake/t/*.parquet");
    fixture.engine.put_dataset(&again, &[("i".to_owned(), SqlType::BigInt)]).await.unwrap();
    assert_eq!(failure(&session, "SELECT sum(i) FROM cut").await.code, ErrorCode::DatasetUnreadable);
}

#[tokio::test]
async fn text_that_does_not_fit_its_column_is_an_error_that_names_the_file() {
    let (fixture, files) = (Fixture::new(), Files::new());
    let session = fixture.session().await;
    for (format, good, bad) in [
        (Format::Csv, "i,s\n1,a\n2,b\n", "i,s\n3,c\nx,d\n"),
        (Format::Json, "{\"i\": 1}\n", "{\"i\": 1}\n{\"i\": \n"),
        (Format::Json, "{\"i\": 1}\n", "{\"i\": \"x\"}\n"),
    ] {
        let name = format.name();
        std::fs::create_dir_all(files.path(name)).unwrap();
        std::fs::write(files.path(&format!("{name}/a.{name}")), good).unwrap();
        fixture.show(&source_with(name, files.url(&format!("{name}/")), format, None, Duration::ZERO)).await;
        std::fs::write(files.path(&format!("{name}/b.{name}")), bad).unwrap();
        let error = failure(&session, &format!("SELECT sum(i) FROM {name}")).await;
        assert_eq!(error.code, ErrorCode::DatasetUnreadable, "{error}");
        assert!(error.message.contains(&format!("b.{name}")), "{error}");
        std::fs::remove_file(files.path(&format!("{name}/b.{name}"))).unwrap();
    }
}

#[tokio::test]
async fn a_statement_stops_while_the_server_does_not_answer() {
    let (fixture, files) = (Fixture::new(), Files::new());
    files.write("lake/t/a.parquet", "SELECT range AS i FROM range(10)");
    let bucket = Bucket::over(files.directory.path());
    let source = bucket.source_refreshed("t", "s3://lake/t/", Duration::ZERO);
    fixture.show(&source).await;
    let session = fixture.session().await;
    for spared in [0, 1] {
        // Once the listing hangs, once the file.
        let other =
            bucket.source_refreshed("t", &format!("s3://lake/t/{}", ["*", "**"][spared as usize]), Duration::ZERO);
        fixture.engine.put_dataset(&other, &[("i".to_owned(), SqlType::BigInt)]).await.unwrap();
        bucket.control.answer(Answer::Hang, spared);
        let call = run(&session, "SELECT sum(i) FROM t");
        assert!(tokio::time::timeout(Duration::from_millis(300), call).await.is_err());
        let begun = Instant::now();
        assert_eq!(number(&session, "SELECT 1").await, 1);
        assert!(begun.elapsed() < Duration::from_secs(15), "the statement went on: {:?}", begun.elapsed());
        bucket.control.answer(Answer::Real, 0);
        assert_eq!(number(&session, "SELECT sum(i) FROM t").await, 45);
    }
}

#[tokio::test]
async fn a_server_that_is_busy_for_a_moment_is_asked_again() {
    let files = Files::new();
    files.write("lake/t/a.parquet", "SELECT 1 AS i");
    let bucket = Bucket::over(files.directory.path());
    let source = bucket.source("t", "s3://lake/t/");
    bucket.control.answer(Answer::Busy, 0);
    let control = Arc::clone(&bucket.control);
    let (listed, ()) = tokio::join!(source.files(), async {
        while control.take_requests().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        control.answer(Answer::Real, 0);
    });
    assert_eq!(listed.unwrap().len(), 1);
    // One that stays busy is given up.
    bucket.control.take_requests();
    bucket.control.answer(Answer::Busy, 0);
    let error = source.refresh_listing().await.unwrap_err();
    assert!(error.message.contains("503"), "{error}");
    assert_eq!(bucket.requests("ListObjectsV2"), 3);
}
