//! Datasets on a real S3 server, as their sources read them.

use std::path::Path;
use std::time::Duration;

use flight_server::config::{Secret, SecretKind};
use flight_server::dataset::{Definition, Format, Source, SourceOptions};
use flight_server::error::ErrorCode;
use pintail_tests::S3;
use pintail_tests::s3::KEY;

const NEVER: Duration = Duration::from_secs(3600);

fn source(s3: &S3, url: &str, key: (&str, &str), refresh: Duration) -> Source {
    let options =
        [("access_key_id", key.0), ("secret_access_key", key.1), ("endpoint", s3.endpoint()), ("allow_http", "true")];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned().into()));
    let secret = Secret::new("lake", SecretKind::S3, options);
    let definition = Definition::new("flights", url, Some(Format::Csv), Some("lake".to_owned())).unwrap();
    Source::open(definition, Some(&secret), &SourceOptions { refresh }).unwrap()
}

async fn paths(source: &Source) -> Vec<String> {
    source.files().await.unwrap().iter().map(|file| file.location.to_string()).collect()
}

fn some_file(directory: &Path) -> std::path::PathBuf {
    let file = directory.join("some.csv");
    std::fs::write(&file, "i\n1\n").unwrap();
    file
}

#[tokio::test]
async fn a_directory_a_pattern_and_a_file_are_listed_without_what_is_hidden_or_empty() {
    let s3 = S3::start().await;
    let directory = tempfile::tempdir().unwrap();
    let file = some_file(directory.path());
    for key in ["t/year=2024/a.csv", "t/year=2023/b.csv", "t/c.csv", "t/_tmp/d.csv", "t/.e.csv", "t/f.txt", "tt/g.csv"]
    {
        s3.put("lake", key, &file);
    }
    std::fs::write(s3.bucket("lake").join("t/empty.csv"), "").unwrap();
    let all = ["c.csv", "year=2023/b.csv", "year=2024/a.csv"];
    for (url, expected) in [
        ("s3://lake/t/", &all[..]),
        ("s3://lake/t", &all),
        ("s3://lake/t/**/*.csv", &all),
        ("s3://lake/t/year=*/", &["year=2023/b.csv", "year=2024/a.csv"]),
        ("s3://lake/t/year=2024/*.csv", &["a.csv"]),
        ("s3://lake/t/year=2024/a.csv", &["a.csv"]),
        ("s3://lake/t/f.txt", &["f.txt"]),
        ("s3://lake/t*/%3F.csv", &["t/c.csv", "tt/g.csv"]),
    ] {
        let source = source(&s3, url, KEY, NEVER);
        assert_eq!(paths(&source).await, expected, "{url}");
        let first = source.files().await.unwrap()[0].clone();
        let (bytes, mut read) = (std::fs::read(&file).unwrap(), vec![0; 4]);
        source.read(&first, 0, &mut read).await.unwrap();
        assert_eq!(read, bytes, "{url}");
    }
    let partitioned = source(&s3, "s3://lake/t/year=*/", KEY, NEVER);
    assert_eq!(partitioned.partitions().await.unwrap(), ["year"]);
    assert!(source(&s3, "s3://lake/t/", KEY, NEVER).partitions().await.unwrap().is_empty());
}

fn object_store_path(path: &str) -> object_store::path::Path {
    object_store::path::Path::parse(path).unwrap()
}

#[tokio::test]
async fn many_callers_at_once_cost_one_listing_an_interval() {
    let mut s3 = S3::start().await;
    let directory = tempfile::tempdir().unwrap();
    s3.put("lake", "t/a.csv", &some_file(directory.path()));
    let source = source(&s3, "s3://lake/t/", KEY, NEVER);
    let listed = futures::future::join_all((0..50).map(|_| source.files())).await;
    assert!(listed.into_iter().all(|files| files.unwrap().len() == 1));
    assert_eq!(s3.take_requests().await.get("ListObjectsV2"), Some(&1));
    // As many that want it as it is now share those that are begun after they asked.
    s3.put("lake", "t/b.csv", &some_file(directory.path()));
    let listed = futures::future::join_all((0..50).map(|_| source.refresh_listing())).await;
    assert!(listed.into_iter().all(|files| files.unwrap().len() == 2));
    assert!(s3.take_requests().await["ListObjectsV2"] <= 2);
}

#[tokio::test]
async fn a_wrong_key_and_a_vanished_bucket_are_told_without_a_credential() {
    let mut s3 = S3::start().await;
    let directory = tempfile::tempdir().unwrap();
    s3.put("lake", "t/a.csv", &some_file(directory.path()));
    for key in [("AKIDHUNTER2", KEY.1), (KEY.0, "hunter2")] {
        let error = source(&s3, "s3://lake/t/", key, NEVER).files().await.unwrap_err();
        assert_eq!(error.code, ErrorCode::DatasetUnreadable);
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("403") && shown.contains("flights"), "{shown}");
        assert!(!shown.to_ascii_lowercase().contains("hunter2") && !shown.contains(KEY.0), "{shown}");
    }
    let source = source(&s3, "s3://lake/t/", KEY, NEVER);
    let files = source.files().await.unwrap();
    s3.vanish("lake").await;
    let mut read = [0; 4];
    let error = source.read(&files[0], 0, &mut read).await.unwrap_err();
    assert!(error.message.contains("the file a.csv: there is nothing of that name"), "{error}");
    let error = source.refresh_listing().await.unwrap_err();
    assert!(error.message.contains("there is nothing of that name"), "{error}");
    s3.answer("deny", 0).await;
    assert!(source.refresh_listing().await.unwrap_err().message.contains("403"));
}

#[tokio::test]
async fn the_store_of_a_dataset_has_its_files_alone_and_takes_none() {
    use futures::TryStreamExt;
    use object_store::ObjectStoreExt;
    let s3 = S3::start().await;
    let directory = tempfile::tempdir().unwrap();
    let file = some_file(directory.path());
    for key in ["t/x/y/a.csv", "t/x/b.csv", "t/z/c.csv", "t/x/d.txt", "other.csv"] {
        s3.put("lake", key, &file);
    }
    let source = source(&s3, "s3://lake/t/", KEY, NEVER);
    let store = source.store();
    let x = object_store_path("x");
    let below = store.list(Some(&x)).map_ok(|file| file.location.to_string()).try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(below, ["x/b.csv", "x/y/a.csv"]);
    let level = store.list_with_delimiter(None).await.unwrap();
    assert_eq!(level.common_prefixes, [x.clone(), object_store_path("z")]);
    assert!(level.objects.is_empty());
    let level = store.list_with_delimiter(Some(&x)).await.unwrap();
    assert_eq!(level.objects[0].location.as_ref(), "x/b.csv");
    let got = store.get(&object_store_path("x/b.csv")).await.unwrap();
    assert_eq!((got.meta.location.as_ref(), got.meta.size), ("x/b.csv", 4));
    assert_eq!(&got.bytes().await.unwrap()[..], b"i\n1\n");
    assert_eq!(store.head(&object_store_path("z/c.csv")).await.unwrap().size, 4);
    for path in ["x/d.txt", "../other.csv", "nothing.csv"] {
        let error = store.get(&object_store::path::Path::from(path)).await.unwrap_err();
        assert!(matches!(error, object_store::Error::NotFound { .. }), "{path}: {error}");
    }
    let new = object_store_path("new.csv");
    for error in [
        store.put(&new, "x".into()).await.unwrap_err(),
        store.delete(&object_store_path("x/b.csv")).await.unwrap_err(),
        store.copy(&object_store_path("x/b.csv"), &new).await.unwrap_err(),
    ] {
        assert!(matches!(error, object_store::Error::NotSupported { .. }), "{error}");
    }
    assert!(s3.bucket("lake").join("t/x/b.csv").exists());
}
