//! The DuckDB instance of a node: opened once, locked down before any client reaches it.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::watch;
use typemap::SqlType;

use super::dataset_io::SCHEME;
use super::datasets::{self, Datasets};
use super::extensions::Extensions;
use super::ffi::{Connection, Database, keep_little, release_free_memory};
use super::internal::{self, quoted_text};
use super::lake::{self, Lake, LakeOptions};
use super::receipts::Receipts;
use super::session::DuckDbSession;
use super::validity::Validity;
use crate::dataset::Source;
use crate::engine::priority;
use crate::engine::{Engine, EngineFacts, EngineSession, Holder, StateEntry};
use crate::error::{Error, ErrorCode, Result};
use crate::snapshots::Snapshots;

/// The settings that a client may change for its session. All others are the operator's: they reach beyond the session,
/// write files, or change how the server itself reads results and errors.
const SESSION_SETTINGS: [&str; 27] = [
    "Calendar",
    "TimeZone",
    "asof_loop_join_threshold",
    "deprecated_using_key_syntax",
    "disable_timestamptz_casts",
    "dynamic_or_filter_threshold",
    "enable_caching_operators",
    "explain_output",
    "ieee_floating_point_ops",
    "ignore_unknown_crs",
    "integer_division",
    "lambda_syntax",
    "late_materialization_max_rows",
    "merge_join_threshold",
    "nested_loop_join_threshold",
    "order_by_non_integer_literal",
    "ordered_aggregate_threshold",
    "partitioned_write_flush_threshold",
    "partitioned_write_max_open_files",
    "perfect_ht_threshold",
    "pivot_filter_threshold",
    "pivot_limit",
    "prefer_range_joins",
    "preserve_identifier_case",
    "scalar_subquery_error_on_multiple_rows",
    "schema",
    "search_path",
];

/// How much DuckDB computes ahead of the reader. It counts sixteen bytes a string, whatever its length, so that little of
/// it may hold much; more made bulk transfer no faster.
const STREAMING_BUFFER: &str = "1KB";

/// Arenas of the C library's allocator. More of them keep more freed memory without being faster here.
const ARENAS: i32 = 4;

/// Bytes from which on the C library's allocator gives a block back at once: the blocks in which DuckDB keeps long text, and
/// outgoing batches. With 4 MiB, a stream of 50 kB rows ended with 60 MB more in freed blocks that nothing used.
const LARGE_BLOCK: i32 = 1 << 20;

/// How an instance is opened.
#[derive(Clone)]
pub struct DuckDbOptions {
    /// The database file, or `:memory:`.
    pub database: String,
    /// The most memory DuckDB may use, in bytes; DuckDB's own default when `None`.
    pub memory_limit: Option<u64>,
    /// Worker threads; as many as cores when `None`.
    pub threads: Option<usize>,
    /// Where DuckDB puts what does not fit into memory, and open results are set aside. It exists.
    pub temp_dir: PathBuf,
    /// The most bytes DuckDB may put there; no limit but the disk's when `None`.
    pub temp_limit: Option<u64>,
    /// Directories that SQL may read. Everything else of the file system is closed to it.
    pub allow_files: Vec<PathBuf>,
    /// Directories that SQL may write into by COPY TO, and read as well.
    pub allow_writes: Vec<PathBuf>,
    /// Where extensions are loaded from; DuckDB's own place when `None`.
    pub extension_dir: Option<PathBuf>,
    /// How long a session lives at most: receipts of its writes are kept no longer.
    pub receipt_age: Duration,
    /// Where temporary tables are kept, and how many bytes of each session's at most; they end with the node when not given.
    pub snapshots: Option<(Arc<Snapshots>, usize)>,
    /// The tables shared by nodes in which sessions are, instead of those of `database`, which is then `:memory:`.
    pub lake: Option<LakeOptions>,
}

/// The database files that are open in this process: DuckDB would open one twice without a word, and lose writes.
static OPEN_FILES: LazyLock<Mutex<HashSet<PathBuf>>> = LazyLock::new(Mutex::default);

/// Holds a file's place in [`OPEN_FILES`].
struct OpenFile(Option<PathBuf>);

impl OpenFile {
    fn register(database: &str) -> Result<Self> {
        if database == ":memory:" {
            return Ok(Self(None));
        }
        let path = std::path::absolute(database).map_err(|error| cannot_open(database, &error))?;
        if !OPEN_FILES.lock().insert(path.clone()) {
            return Err(cannot_open(database, &"it is already open in this process"));
        }
        Ok(Self(Some(path)))
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            OPEN_FILES.lock().remove(path);
        }
    }
}

fn cannot_open(database: &str, why: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorCode::Internal, format!("the database {database} can't be opened: {why}"))
        .with_sqlstate(crate::error::SqlState("58030"))
}

/// What all sessions of an instance share.
pub(super) struct Instance {
    /// Taken when it is let go of; closed when the last session's connection is gone too.
    database: Mutex<Option<Database>>,
    /// Whether it is.
    pub(super) is_closed: watch::Receiver<bool>,
    pub(super) validity: Arc<Validity>,
    /// Where open results are set aside.
    pub(super) temp_dir: PathBuf,
    /// The settings that clients may change, as far as they exist here.
    pub(super) settings: Vec<String>,
    /// Directories that COPY TO may write into.
    pub(super) writable: Vec<PathBuf>,
    /// What is loaded beyond DuckDB itself.
    pub(super) extensions: Extensions,
    /// The tables that all nodes share, where sessions are in such.
    pub(super) lake: Option<Lake>,
    /// Where temporary tables are kept, and how many bytes of each session's.
    pub(super) snapshots: Option<(Arc<Snapshots>, usize)>,
    /// Receipts of writes; those of a lake are with its catalog.
    pub(super) receipts: Option<Receipts>,
    /// Held by an autocommit statement that changes the catalog: DuckDB fails one of two at once.
    pub(super) catalog: Mutex<()>,
    /// The place of a session in which nothing was set, as its search path.
    search_path: String,
    datasets: Datasets,
    file: Mutex<Option<OpenFile>>,
}

impl Instance {
    /// Opens a connection.
    pub(super) fn connect(&self) -> Result<Connection> {
        match &*self.database.lock() {
            Some(database) => Ok(database.connect()?),
            None => Err(Error::new(ErrorCode::Draining, "the server is shutting down; connect to another node")),
        }
    }

    /// Opens no more connections; it is closed when the last one is gone.
    pub(super) fn let_go(&self) {
        // Closing may take long, and who asks for a connection meanwhile is not to wait for it.
        let database = self.database.lock().take();
        drop(database);
    }

    /// Lets the file be opened again in this process: the database is closed.
    pub(super) fn free_file(&self) {
        drop(self.file.lock().take());
    }

    /// Shows a dataset.
    pub(super) fn put_dataset(&self, source: &Arc<Source>, columns: &[(String, SqlType)]) -> Result<()> {
        self.datasets.put(&self.connect()?, source, columns)
    }

    /// A failure in words for its client, where it takes more than DuckDB's own.
    pub(super) fn explain(&self, error: Error) -> Error {
        let error = self.validity.judge(error, || self.connect());
        let error = if self.lake.is_some() { lake::explain(error) } else { error };
        self.extensions.explain(error)
    }
}

/// The datasets that are shown, by their names.
pub(super) type Shown = BTreeMap<String, (Arc<Source>, Vec<(String, SqlType)>)>;

/// DuckDB.
pub struct DuckDb {
    /// Another one once it was opened anew.
    pub(super) current: watch::Sender<Arc<Instance>>,
    pub(super) options: DuckDbOptions,
    pub(super) shown: tokio::sync::Mutex<Shown>,
    facts: EngineFacts,
    sessions: Mutex<Vec<std::sync::Weak<DuckDbSession>>>,
}

impl DuckDb {
    /// Opens the database and locks it down. It blocks: reading the write-ahead log may take long.
    ///
    /// # Errors
    /// When the file can't be opened, is open elsewhere, or an option is refused.
    pub fn open(options: DuckDbOptions) -> Result<Arc<Self>> {
        keep_little(ARENAS, LARGE_BLOCK);
        let (instance, facts) = Instance::open(options.clone())?;
        Ok(Arc::new(Self {
            current: watch::Sender::new(Arc::new(instance)),
            options,
            shown: tokio::sync::Mutex::default(),
            facts,
            sessions: Mutex::default(),
        }))
    }

    /// The instance, which may be one that can't be used any more.
    pub(super) fn instance(&self) -> Arc<Instance> {
        Arc::clone(&self.current.borrow())
    }

    /// The sessions that are open.
    pub(super) fn take_sessions(&self) -> Vec<Arc<DuckDbSession>> {
        self.sessions.lock().drain(..).filter_map(|session| session.upgrade()).collect()
    }
}

impl Instance {
    /// Opens the database and locks it down, and reads what drivers ask about it.
    pub(super) fn open(options: DuckDbOptions) -> Result<(Self, EngineFacts)> {
        // DuckDB's workers start as this thread is.
        priority::give_way();
        let file = OpenFile::register(&options.database)?;
        let database = Database::open(&options.database, &open_options(&options))
            .map_err(|failure| cannot_open(&options.database, &Error::from(failure)))?;
        let connection = database.connect()?;
        connection.register_coming_rows()?;
        let extensions = Extensions::load(&connection, options.extension_dir.as_deref())?;
        let lake = options.lake.as_ref().map(|lake| Lake::attach(&connection, lake, &extensions)).transpose()?;
        let datasets =
            Datasets::open(&database, &connection).map_err(|error| cannot_open(&options.database, &error))?;
        lock_down(&connection, &options, lake.as_ref())?;
        let here = internal::rows(&connection, "SELECT current_database(), current_schema()", &[])?;
        let (search_path, catalog) = match here.into_iter().next().map(<[Option<String>; 2]>::try_from) {
            Some(Ok([Some(catalog), Some(schema)])) => (datasets::search_path(&catalog, &schema), catalog),
            _ => return Err(Error::internal("the engine did not say which database it has opened")),
        };
        let receipts = match lake {
            Some(_) => None,
            None => Some(Receipts::open(&connection, &catalog, options.receipt_age)?),
        };
        // Of a lake there is one for all nodes.
        let identity = receipts.as_ref().map_or_else(|| lake::CATALOG.to_owned(), |receipts| receipts.identity.clone());
        let facts = facts(&connection, identity, receipts.is_none())?;
        let settings = existing_settings(&connection)?;
        let instance = Self {
            is_closed: database.is_closed(),
            database: Mutex::new(Some(database)),
            validity: Arc::new(Validity::new()),
            temp_dir: options.temp_dir,
            settings,
            writable: options.allow_writes,
            extensions,
            lake,
            snapshots: options.snapshots,
            receipts,
            catalog: Mutex::new(()),
            search_path,
            datasets,
            file: Mutex::new(Some(file)),
        };
        Ok((instance, facts))
    }
}

fn open_options(options: &DuckDbOptions) -> Vec<(&'static str, String)> {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let mut all = vec![
        ("allow_persistent_secrets", "false".to_owned()),
        ("autoinstall_known_extensions", "false".to_owned()),
        ("autoload_known_extensions", "false".to_owned()),
        ("allow_community_extensions", "false".to_owned()),
        ("temp_directory", path(&options.temp_dir)),
    ];
    if let Some(bytes) = options.memory_limit {
        all.push(("memory_limit", format!("{bytes}B")));
    }
    if let Some(threads) = options.threads {
        all.push(("threads", threads.to_string()));
    }
    if let Some(bytes) = options.temp_limit {
        all.push(("max_temp_directory_size", format!("{bytes}B")));
    }
    all
}

/// Closes what clients must not reach, in the order in which DuckDB lets it be closed: nothing can be set after the last.
fn lock_down(connection: &Connection, options: &DuckDbOptions, lake: Option<&Lake>) -> Result<()> {
    let list =
        |items: &mut dyn Iterator<Item = String>| items.map(|item| quoted_text(&item)).collect::<Vec<_>>().join(", ");
    let allowed = options.allow_files.iter().chain(&options.allow_writes);
    let allowed = allowed.map(|path| path.to_string_lossy().into_owned());
    // The files of datasets are not where external ones are, but DuckDB takes them for such.
    let own = [SCHEME.to_owned()].into_iter().chain(lake.map(|lake| lake.data_path().to_owned()));
    let directories = list(&mut allowed.chain(own));
    // The server sets the streaming buffer of each connection itself, after the lock; a client that changes its own changes
    // how much of its own results is computed ahead.
    let names = SESSION_SETTINGS.iter().chain(&["streaming_buffer_size"]);
    let settings = list(&mut names.map(|name| (*name).to_owned()));
    let statements = [
        // Failures come as JSON, with their class, their position and what else DuckDB knows.
        "SET GLOBAL errors_as_json = true".to_owned(),
        format!("SET allowed_directories = [{directories}]"),
        "SET enable_external_access = false".to_owned(),
        format!("SET allowed_configs = [{settings}]"),
        "SET lock_configuration = true".to_owned(),
    ];
    for statement in statements {
        internal::run(connection, &statement)?;
    }
    Ok(())
}

fn existing_settings(connection: &Connection) -> Result<Vec<String>> {
    let names = internal::rows(connection, "SELECT name FROM duckdb_settings()", &[])?;
    let known = |name: &String| SESSION_SETTINGS.contains(&name.as_str());
    Ok(names.into_iter().flatten().flatten().filter(known).collect())
}

fn facts(connection: &Connection, database: String, shared: bool) -> Result<EngineFacts> {
    let column = |sql: &str| -> Result<Vec<String>> {
        Ok(internal::rows(connection, sql, &[])?.into_iter().flatten().flatten().collect())
    };
    let functions = |types: &str| {
        column(&format!(
            "SELECT DISTINCT function_name FROM duckdb_functions()
             WHERE function_type = 'scalar' AND regexp_full_match(function_name, '[a-z_][a-z0-9_]*')
               AND parameter_types[1] IN ({types}) ORDER BY 1"
        ))
    };
    Ok(EngineFacts {
        version: Database::library_version().trim_start_matches('v').to_owned(),
        keywords: column(
            "SELECT upper(keyword_name) FROM duckdb_keywords() WHERE keyword_category = 'reserved' ORDER BY 1",
        )?,
        numeric_functions: functions(
            "'TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', 'UBIGINT', 'FLOAT', 'DOUBLE', 'DECIMAL'",
        )?,
        string_functions: functions("'VARCHAR'")?,
        datetime_functions: functions(
            "'DATE', 'TIME', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE', 'TIME WITH TIME ZONE', 'INTERVAL'",
        )?,
        system_functions: column(
            "SELECT DISTINCT function_name FROM duckdb_functions()
             WHERE function_type = 'scalar' AND len(parameter_types) = 0
               AND (function_name LIKE 'current%' OR function_name LIKE '%version%' OR function_name LIKE '%user%')
             ORDER BY 1",
        )?,
        read_only: false,
        receipts: true,
        database,
        shared,
        transactions: true,
    })
}

#[async_trait]
impl Engine for DuckDb {
    fn name(&self) -> &'static str {
        super::NAME
    }

    fn facts(&self) -> &EngineFacts {
        &self.facts
    }

    async fn open_session(&self, holder: &Holder, replay: &[StateEntry]) -> Result<Arc<dyn EngineSession>> {
        let session = DuckDbSession::open(self.usable().await?, holder.clone(), replay.to_vec()).await?;
        let mut sessions = self.sessions.lock();
        sessions.retain(|session| session.strong_count() > 0);
        sessions.push(Arc::downgrade(&session));
        Ok(session)
    }

    async fn describe_dataset(&self, source: &Arc<Source>) -> Result<Vec<(String, SqlType)>> {
        let (source, instance) = (Arc::clone(source), self.usable().await?);
        super::session::blocking(move || instance.datasets.describe(&instance.connect()?, &source)).await
    }

    async fn put_dataset(&self, source: &Arc<Source>, columns: &[(String, SqlType)]) -> Result<()> {
        let shown = (Arc::clone(source), columns.to_vec());
        let put = shown.clone();
        let change = move |instance: &Instance| instance.put_dataset(&put.0, &put.1);
        self.change_shown(change, |all| drop(all.insert(source.name().to_owned(), shown.clone()))).await
    }

    async fn remove_dataset(&self, name: &str) -> Result<()> {
        let one = name.to_owned();
        let change = move |instance: &Instance| instance.datasets.remove(&instance.connect()?, &one);
        self.change_shown(change, |all| drop(all.remove(name))).await
    }

    async fn broken(&self) -> String {
        // Of the one that is there now: another one is opened by whoever is told.
        self.instance().validity.lost().await
    }

    async fn reopen(&self) -> Result<()> {
        self.open_anew().await
    }

    async fn release_memory(&self) {
        // It fails only when the runtime ends.
        let _ = tokio::task::spawn_blocking(release_free_memory).await;
    }

    async fn shutdown(&self) {
        for session in self.take_sessions() {
            session.close().await;
        }
        let instance = self.instance();
        // Closing writes the write-ahead log into the file, which may take long.
        let closed = tokio::task::spawn_blocking(move || instance.let_go()).await;
        if let Err(error) = closed {
            tracing::error!(%error, "the database was not closed cleanly; its log is replayed at the next start");
        }
    }
}

/// Makes a new connection that of a client, with its settings beyond the instance's.
pub(super) fn prepare_connection(connection: &Connection, instance: &Instance) -> Result<()> {
    connection.mark_client()?;
    let place = quoted_text(&instance.search_path);
    internal::run(connection, &format!("SET streaming_buffer_size = '{STREAMING_BUFFER}'; SET search_path = {place}"))
}
