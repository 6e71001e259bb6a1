//! The configuration as the server uses it: every setting checked, and with its default.

use std::fmt;
use std::io::IsTerminal;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ArgMatches;
use session::NodeRole;

use super::error::ConfigError;
use super::kind::Kind;
use super::lake::{LakeCatalog, RECEIPT_AGE};
use super::memory::MemoryLimits;
use super::secret::{SecretKind, SecretSource};
use super::setting::{SETTINGS, find};
use super::size::Size;
use super::source::Sources;
use super::store_url::StoreUrl;
use super::tables;
use crate::dataset::Definition;

/// What `pintail serve` was asked to do. The fields are the settings of [`SETTINGS`], which say what they mean.
#[derive(Debug, Clone)]
pub struct Config {
    /// `--listen`
    pub listen: SocketAddr,
    /// `--http`
    pub http: SocketAddr,
    /// `--peer-listen`; no peers when not given.
    pub peer_listen: Option<SocketAddr>,
    /// `--peer-advertise`; from the address that was bound when not given.
    pub peer_advertise: Option<String>,
    /// `--peer-tls-ca` with the certificate and key of `--tls-cert` and `--tls-key`; plain text between nodes when not
    /// given.
    pub peer_tls: Option<PeerTlsFiles>,
    /// `--role`
    pub role: NodeRole,
    /// `--advertise`; from the address that was bound when not given.
    pub advertise: Option<String>,
    /// `--node-name`; from host name and bound port when not given.
    pub node_name: Option<String>,
    /// `--data-dir`
    pub data_dir: PathBuf,
    /// `--store`
    pub store: StoreUrl,
    /// `--database`
    pub database: Database,
    /// `--data-path`
    pub data_path: Option<String>,
    /// `--data-path-secret`
    pub data_path_secret: Option<SecretSource>,
    /// `--engine`
    pub engine: String,
    /// `--user`
    pub user: String,
    /// `--password-file`; a password is generated when not given.
    pub password_file: Option<PathBuf>,
    /// `--tls-cert`, `--tls-key` and `--tls-client-ca`; plain text when not given.
    pub tls: Option<Tls>,
    /// `--spool`; nowhere when not given to a node that has peers.
    pub spool: Option<String>,
    /// `--spool-secret`; the environment's credentials when not given.
    pub spool_secret: Option<SecretSource>,
    /// `--snapshot-limit`, in bytes.
    pub snapshot_limit: u64,
    /// `--session-idle-timeout`
    pub session_idle_timeout: Duration,
    /// `--session-max-age`
    pub session_max_age: Duration,
    /// `--node-lease`
    pub node_lease: Duration,
    /// `--drain-timeout`; statements may take any time when not given.
    pub drain_timeout: Option<Duration>,
    /// `--statement-timeout`; statements may take any time when not given.
    pub statement_timeout: Option<Duration>,
    /// `--stream-grace`
    pub stream_grace: Duration,
    /// `--memory-limit`, in bytes.
    pub memory_limit: u64,
    /// `--threads`
    pub threads: usize,
    /// `--allow-files`
    pub allow_files: Vec<PathBuf>,
    /// `--allow-writes`
    pub allow_writes: Vec<PathBuf>,
    /// `--dataset` and the tables `[datasets.NAME]`.
    pub datasets: Vec<Definition>,
    /// `--dataset-refresh`
    pub dataset_refresh: Duration,
    /// The tables `[secrets.NAME]`.
    pub secrets: Vec<SecretSource>,
    /// `--cluster-secret-file`
    pub cluster_secret_file: PathBuf,
    /// `--extension-dir`; DuckDB's own when not given.
    pub extension_dir: Option<PathBuf>,
    /// `--log-format`
    pub log_format: LogFormat,
    /// `--log-level`
    pub log_level: LogLevel,
    /// `--print-ready`
    pub print_ready: bool,
    /// The names of the settings that were not given, so that their value here is a default.
    defaults: Vec<&'static str>,
}

/// Which DuckDB database is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// One that ends with the process.
    Memory,
    /// One in this file.
    File(PathBuf),
    /// Tables that nodes share, whose catalog is here.
    Lake(LakeCatalog),
}

/// The files of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain the server shows.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Who must have signed the certificates of clients; clients need none when not given.
    pub client_ca: Option<PathBuf>,
}

/// The files of TLS between nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerTlsFiles {
    /// The certificate chain this node shows its peers.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Who must have signed the certificates of all nodes.
    pub ca: PathBuf,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one object a line.
    Json,
}

/// The least important log lines that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// What the server could not do.
    Error,
    /// What may lead there.
    Warn,
    /// What happens, in few lines.
    Info,
    /// What happens, call by call.
    Debug,
    /// Everything.
    Trace,
}

impl Config {
    /// Reads the configuration of this process.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn load(flags: &ArgMatches) -> Result<Self, ConfigError> {
        Self::from_sources(&Sources::read(flags)?)
    }

    /// Whether the setting of that name has its default.
    pub fn is_default(&self, name: &str) -> bool {
        self.defaults.contains(&name)
    }

    pub(super) fn from_sources(sources: &Sources) -> Result<Self, ConfigError> {
        let path = |name| sources.parsed(name, nonempty);
        let time = |name| sources.parsed(name, |text| duration(name, text));
        let switch = |name| sources.parsed(name, |text| text.parse::<bool>().ok()).map(Option::unwrap_or_default);

        let data_dir = path("data-dir")?.unwrap_or_else(|| PathBuf::from("pintail-data"));
        let insecure = switch("insecure")?;
        let secrets = tables::secrets(sources)?;
        let config = Self {
            listen: sources.parsed("listen", address)?.unwrap_or_else(|| loopback(8815)),
            http: sources.parsed("http", address)?.unwrap_or_else(|| loopback(8816)),
            peer_listen: sources.parsed("peer-listen", address)?,
            peer_advertise: sources.parsed("peer-advertise", uri)?,
            peer_tls: peer_tls(sources)?,
            role: sources.parsed("role", |text| text.parse().ok())?.unwrap_or_default(),
            advertise: sources.parsed("advertise", uri)?,
            node_name: sources.parsed("node-name", name)?,
            store: sources
                .parsed("store", StoreUrl::parse)?
                .unwrap_or_else(|| StoreUrl::Sqlite(data_dir.join("sessions.db"))),
            database: sources
                .parsed("database", database)?
                .unwrap_or_else(|| Database::File(data_dir.join("pintail.duckdb"))),
            data_path: sources.parsed("data-path", data_path)?,
            data_path_secret: place_secret(sources, &secrets, "data-path-secret")?,
            spool: sources.parsed("spool", data_path)?,
            spool_secret: place_secret(sources, &secrets, "spool-secret")?,
            snapshot_limit: snapshot_limit(sources)?,
            engine: sources.parsed("engine", |text| word("engine", text))?.unwrap_or_else(default_engine),
            user: sources.parsed("user", user)?.unwrap_or_else(|| "pintail".into()),
            password_file: path("password-file")?,
            tls: tls(sources)?,
            session_idle_timeout: time("session-idle-timeout")?.unwrap_or(Duration::from_secs(30 * 60)),
            session_max_age: time("session-max-age")?.unwrap_or(Duration::from_secs(24 * 3600)),
            node_lease: time("node-lease")?.unwrap_or(Duration::from_secs(3)),
            drain_timeout: time("drain-timeout")?,
            statement_timeout: time("statement-timeout")?,
            stream_grace: time("stream-grace")?.unwrap_or(Duration::from_secs(30)),
            memory_limit: memory_limit(sources)?,
            threads: match sources.parsed("threads", |text| text.parse().ok().filter(|n| *n > 0))? {
                Some(threads) => threads,
                None => std::thread::available_parallelism().map_or(1, usize::from),
            },
            allow_files: sources.list("allow-files")?.into_iter().map(PathBuf::from).collect(),
            allow_writes: sources.list("allow-writes")?.into_iter().map(PathBuf::from).collect(),
            datasets: tables::datasets(sources, &secrets)?,
            dataset_refresh: time("dataset-refresh")?.unwrap_or(Duration::from_secs(30)),
            secrets,
            cluster_secret_file: path("cluster-secret-file")?.unwrap_or_else(|| data_dir.join("cluster-secret")),
            extension_dir: path("extension-dir")?,
            log_format: sources.parsed("log-format", log_format)?.unwrap_or_else(default_log_format),
            log_level: sources.parsed("log-level", log_level)?.unwrap_or(LogLevel::Info),
            print_ready: switch("print-ready")?,
            data_dir,
            defaults: SETTINGS.iter().map(|setting| setting.name).filter(|name| !sources.is_set(name)).collect(),
        };
        if let Some(given) = ["data-path", "data-path-secret"].into_iter().find(|name| sources.is_set(name))
            && !matches!(config.database, Database::Lake(_))
        {
            return Err(ConfigError::Conflict(format!(
                "{} is for tables that nodes share, and --database names none: give --database ducklake:postgres://…",
                sources.origin(given),
            )));
        }
        if config.session_max_age > RECEIPT_AGE && matches!(config.database, Database::Lake(_)) {
            return Err(ConfigError::Conflict(format!(
                "{} is more than {} days, for which the catalog of shared tables remembers what the writes of a session were; give \
                 less, or another --database",
                sources.origin("session-max-age"),
                RECEIPT_AGE.as_secs() / 86_400,
            )));
        }
        if let Some(address) = config.peer_listen
            && config.peer_tls.is_none()
            && !address.ip().is_loopback()
            && !insecure
        {
            return Err(ConfigError::Conflict(format!(
                "{} is {address}, which other machines can reach, and there is no TLS between nodes: session tokens and data \
                 would travel readable; give --peer-tls-ca, --tls-cert and --tls-key, listen on 127.0.0.1, or allow it with \
                 --insecure",
                sources.origin("peer-listen"),
            )));
        }
        if config.role != NodeRole::Both && config.peer_listen.is_none() {
            return Err(ConfigError::Conflict(format!(
                "{} is {}, and a node of that role works with others: it needs --peer-listen",
                sources.origin("role"),
                config.role,
            )));
        }
        if config.tls.is_none() && !config.listen.ip().is_loopback() && !insecure {
            return Err(ConfigError::Conflict(format!(
                "{} is {}, which other machines can reach, and there is no TLS: passwords and data would travel readable; \
                 give --tls-cert and --tls-key, listen on 127.0.0.1, or allow it with --insecure",
                sources.origin("listen"),
                config.listen,
            )));
        }
        Ok(config)
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

fn address(text: &str) -> Option<SocketAddr> {
    // The one name whose meaning needs no resolver.
    match text.strip_prefix("localhost:") {
        Some(port) => port.parse().ok().map(loopback),
        None => text.parse().ok(),
    }
}

fn uri(text: &str) -> Option<String> {
    let parsed: http::Uri = text.parse().ok()?;
    let scheme = parsed.scheme_str()?;
    let is_flight = ["grpc", "grpc+tcp", "grpc+tls"].contains(&scheme);
    (is_flight && parsed.port_u16().is_some() && parsed.path().trim_matches('/').is_empty()).then(|| text.to_owned())
}

fn name(text: &str) -> Option<String> {
    (!text.trim().is_empty() && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// A user's name stands before the colon of Basic credentials, so that it has none itself.
fn user(text: &str) -> Option<String> {
    name(text).filter(|name| !name.contains(':'))
}

fn nonempty(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(text))
}

fn duration(name: &str, text: &str) -> Option<Duration> {
    let least = match find(name)?.kind {
        Kind::Duration(milliseconds) => Duration::from_millis(milliseconds),
        _ => return None,
    };
    // Far longer than anybody waits, and far from where sums of times overflow.
    let most = Duration::from_secs(100 * 366 * 24 * 3600);
    humantime::parse_duration(text).ok().filter(|time| (least..=most).contains(time))
}

fn word(name: &str, text: &str) -> Option<String> {
    match find(name)?.kind {
        Kind::Choice(words) => words.contains(&text).then(|| text.to_owned()),
        _ => None,
    }
}

fn database(text: &str) -> Option<Database> {
    if text == ":memory:" {
        return Some(Database::Memory);
    }
    if let Some(catalog) = LakeCatalog::parse(text) {
        return Some(Database::Lake(catalog));
    }
    // DuckDB takes `md:x`, `ducklake:x` or `postgres:x` as another kind of database, which can't be served.
    let prefix = text.split_once(':').map(|(prefix, _)| prefix).filter(|prefix| !prefix.contains('/'));
    (!text.is_empty() && prefix.is_none()).then(|| Database::File(PathBuf::from(text)))
}

/// A directory, or a place in an object store.
fn data_path(text: &str) -> Option<String> {
    let is_place = match text.split_once("://") {
        Some((scheme, place)) => {
            scheme == "s3" && !place.trim_matches('/').is_empty() && !place.contains(['?', '#', '@'])
        }
        None => !text.is_empty(),
    };
    (is_place && !text.contains('\0')).then(|| text.to_owned())
}

/// The secret of a place in an object store, as the setting of this name has it.
fn place_secret(
    sources: &Sources,
    secrets: &[SecretSource],
    setting: &'static str,
) -> Result<Option<SecretSource>, ConfigError> {
    let Some(wanted) = sources.parsed(setting, name)? else { return Ok(None) };
    match secrets.iter().find(|secret| secret.name() == wanted) {
        Some(secret) if secret.kind() == SecretKind::S3 => Ok(Some(secret.clone())),
        Some(secret) => Err(ConfigError::Conflict(format!(
            "{} is {wanted}, a secret of type {}, which opens no s3: URL",
            sources.origin(setting),
            secret.kind().name(),
        ))),
        None => Err(ConfigError::Conflict(format!(
            "{} is {}, which is none of the secrets of the configuration file ([secrets.NAME])",
            sources.origin(setting),
            wanted.escape_debug(),
        ))),
    }
}

fn tls(sources: &Sources) -> Result<Option<Tls>, ConfigError> {
    let path = |name| sources.parsed(name, nonempty);
    let needs = |given: &str, needed: &str| {
        Err(ConfigError::Conflict(format!("{} needs --{needed} with it", sources.origin(given))))
    };
    match (path("tls-cert")?, path("tls-key")?, path("tls-client-ca")?) {
        (Some(certificate), Some(key), client_ca) => Ok(Some(Tls { certificate, key, client_ca })),
        (Some(_), None, _) => needs("tls-cert", "tls-key"),
        (None, Some(_), _) => needs("tls-key", "tls-cert"),
        (None, None, Some(_)) => needs("tls-client-ca", "tls-cert"),
        (None, None, None) => Ok(None),
    }
}

fn peer_tls(sources: &Sources) -> Result<Option<PeerTlsFiles>, ConfigError> {
    let path = |name| sources.parsed(name, nonempty);
    match (path("peer-tls-ca")?, path("tls-cert")?, path("tls-key")?) {
        (Some(ca), Some(certificate), Some(key)) => Ok(Some(PeerTlsFiles { certificate, key, ca })),
        (Some(_), _, _) => Err(ConfigError::Conflict(format!(
            "{} needs --tls-cert and --tls-key with it: nodes show each other the certificate that they show clients",
            sources.origin("peer-tls-ca")
        ))),
        (None, _, _) => Ok(None),
    }
}

fn memory_limit(sources: &Sources) -> Result<u64, ConfigError> {
    let size = sources.parsed("memory-limit", Size::parse)?.unwrap_or(Size::Percent(75));
    Ok(size.of(MemoryLimits::of_this_process().available()))
}

fn snapshot_limit(sources: &Sources) -> Result<u64, ConfigError> {
    let size = sources.parsed("snapshot-limit", Size::parse)?.unwrap_or(Size::Bytes(64_000_000));
    Ok(size.of(MemoryLimits::of_this_process().available()))
}

fn log_level(text: &str) -> Option<LogLevel> {
    Some(match text {
        "error" => LogLevel::Error,
        "warn" => LogLevel::Warn,
        "info" => LogLevel::Info,
        "debug" => LogLevel::Debug,
        "trace" => LogLevel::Trace,
        _ => return None,
    })
}

fn log_format(text: &str) -> Option<LogFormat> {
    match text {
        "text" => Some(LogFormat::Text),
        "json" => Some(LogFormat::Json),
        _ => None,
    }
}

/// The engine of new sessions: DuckDB, in a build that has it.
fn default_engine() -> String {
    let is_alone = cfg!(feature = "datafusion") && !cfg!(feature = "duckdb");
    if is_alone { "datafusion".into() } else { "duckdb".into() }
}

fn default_log_format() -> LogFormat {
    if std::io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory | Self::File(_) => f.write_str(&self.as_duckdb()),
            Self::Lake(catalog) => catalog.fmt(f),
        }
    }
}

impl Database {
    /// As DuckDB names what it opens: of tables that nodes share it opens nothing that is its own.
    pub fn as_duckdb(&self) -> String {
        match self {
            Self::Memory | Self::Lake(_) => ":memory:".to_owned(),
            Self::File(file) => file.to_string_lossy().into_owned(),
        }
    }

    /// The file, where there is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Memory | Self::Lake(_) => None,
            Self::File(file) => Some(file),
        }
    }
}
