//! Many files.

use std::time::Instant;

use super::*;

/// How many files; their names are as long as those of real ones.
const FILES: usize = 10_000;

#[tokio::test]
async fn ten_thousand_small_files_are_read_with_one_request_each_and_then_with_none() {
    let (fixture, files) = (Fixture::new(), Files::new());
    files.write("one.parquet", "SELECT range AS i, 'x' || range AS s FROM range(10)");
    for file in 0..FILES {
        let path = files.path(&format!("lake/t/part={}/part-{file:05}.parquet", file % 10));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::copy(files.path("one.parquet"), path).unwrap();
    }
    let bucket = Bucket::over(files.directory.path());
    let session = fixture.session().await;
    let (remote, local) =
        (bucket.source("remote", "s3://lake/t/"), source("local", files.url("lake/t/"), Format::Parquet));
    for source in [&remote, &local] {
        let begun = Instant::now();
        fixture.show(source).await;
        println!("{}: described and shown in {:?}", source.name(), begun.elapsed());
    }
    assert_eq!(bucket.requests("ListObjectsV2"), 10);
    for source in [&remote, &local] {
        let sql = format!("SELECT sum(i) + count(DISTINCT part) FROM {}", source.name());
        for time in ["first", "second"] {
            let begun = Instant::now();
            assert_eq!(number(&session, &sql).await, 45 * FILES as i64 + 10);
            println!("{}: {time} query in {:?}", source.name(), begun.elapsed());
            let requests = bucket.control.take_requests();
            let read = requests.get("GetObject").copied().unwrap_or_default();
            let expected = if time == "first" && source.name() == "remote" { FILES as u64 } else { 0 };
            assert!(read <= expected, "{requests:?}");
            assert_eq!(requests.len(), usize::from(expected > 0), "{requests:?}");
        }
    }
}
