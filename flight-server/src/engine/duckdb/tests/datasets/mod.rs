//! Datasets over real files, on this machine and behind a real S3 server.

mod failing;
mod protected;
mod reading;
#[path = "../../../../../../tests/s3/server.rs"]
#[allow(dead_code, unreachable_pub, reason = "the file is a program's of its own too")]
mod s3_server;
mod scale;

use std::path::{Path, PathBuf};
use std::time::Duration;

use typemap::SqlType;
use url::Url;

use s3_server::{Answer, Control};

use super::*;
use crate::config::{Secret, SecretKind};
use crate::dataset::{Definition, Format, Source, SourceOptions};
use crate::engine::duckdb::ffi::Database;
use crate::error::ErrorCode;

/// The key that opens the server.
const KEY: (&str, &str) = ("AKIDPINTAIL", "pintail+secret/key");
/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3600);

/// Files made by a DuckDB that may write them.
struct Files {
    directory: tempfile::TempDir,
    writer: Database,
}

impl Files {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory, writer: Database::open(":memory:", &[]).unwrap() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn url(&self, path: &str) -> Url {
        Url::parse(&format!("file://{}", self.path(path).display())).unwrap()
    }

    /// Writes what a query gives into a file, in the format that its extension tells.
    fn write(&self, path: &str, query: &str) {
        let file = self.path(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let connection = self.writer.connect().unwrap();
        connection.query(&format!("COPY ({query}) TO '{}'", file.display())).map(drop).unwrap();
    }
}

fn source(name: &str, url: Url, format: Format) -> Arc<Source> {
    source_with(name, url, format, None, NEVER)
}

fn source_with(name: &str, url: Url, format: Format, secret: Option<&Secret>, refresh: Duration) -> Arc<Source> {
    let definition = Definition { name: name.to_owned(), url, format, secret: secret.map(|s| s.name().to_owned()) };
    Arc::new(Source::open(definition, secret, &SourceOptions { refresh }).unwrap())
}

/// An S3 server over the directory of [`Files`].
struct Bucket {
    endpoint: String,
    control: Arc<Control>,
    /// It runs on threads of its own, as servers do.
    _runtime: Runtime,
}

struct Runtime(Option<tokio::runtime::Runtime>);

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Bucket {
    fn over(root: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (control, root) = (Arc::new(Control::default()), root.to_owned());
        let started = {
            let control = Arc::clone(&control);
            std::thread::scope(|scope| {
                scope.spawn(|| runtime.block_on(s3_server::start(&root, KEY, control))).join().unwrap()
            })
        };
        Self { endpoint: format!("http://{}", started.unwrap()), control, _runtime: Runtime(Some(runtime)) }
    }

    fn secret(&self, key: &str) -> Secret {
        secret_for(&self.endpoint, key)
    }

    /// A dataset over the objects at `url`.
    fn source(&self, name: &str, url: &str) -> Arc<Source> {
        self.source_refreshed(name, url, NEVER)
    }

    fn source_refreshed(&self, name: &str, url: &str, refresh: Duration) -> Arc<Source> {
        source_with(name, Url::parse(url).unwrap(), Format::Parquet, Some(&self.secret(KEY.1)), refresh)
    }

    /// How many requests of an operation came since any were last asked for.
    fn requests(&self, operation: &str) -> u64 {
        self.control.take_requests().get(operation).copied().unwrap_or_default()
    }
}

fn secret_for(endpoint: &str, key: &str) -> Secret {
    let options = [
        ("access_key_id", KEY.0),
        ("secret_access_key", key),
        ("endpoint", endpoint),
        ("allow_http", "true"),
        ("region", "eu-central-1"),
    ];
    Secret::new("lake", SecretKind::S3, options.map(|(name, value)| (name.to_owned(), value.to_owned().into())))
}

impl Fixture {
    /// Describes a dataset and shows it with the columns that it has.
    async fn show(&self, source: &Arc<Source>) -> Vec<(String, SqlType)> {
        let columns = self.engine.describe_dataset(source).await.unwrap();
        self.engine.put_dataset(source, &columns).await.unwrap();
        columns
    }
}

fn names_of(columns: &[(String, SqlType)]) -> Vec<String> {
    columns.iter().map(|(name, ty)| format!("{name} {ty}")).collect()
}

/// A text as the query gives it.
async fn text(session: &Arc<dyn EngineSession>, sql: &str) -> String {
    let batches = rows(session, &format!("SELECT CAST(({sql}) AS VARCHAR)")).await;
    batches[0].column(0).as_string::<i32>().value(0).to_owned()
}
