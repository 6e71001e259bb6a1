//! The table of settings.

use super::kind::Kind;

/// One thing that can be set.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name: the TOML key, and after `--` the flag.
    pub name: &'static str,
    /// What stands for its value in help texts.
    pub value: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// What holds when it is not set, in words.
    pub default: &'static str,
    /// What it means.
    pub help: &'static str,
}

impl Setting {
    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.name.replace('-', "_").to_ascii_uppercase())
    }

    /// The flag that sets it.
    pub fn flag(&self) -> String {
        format!("--{}", self.name)
    }

    /// Whether it can stand in the configuration file under its name: all can but the one that names the file, and the
    /// one that has tables of its own there.
    pub fn in_file(&self) -> bool {
        !matches!(self.name, "config" | "dataset")
    }
}

/// What the names of all environment variables of this program begin with.
pub(super) const VARIABLE_PREFIX: &str = "PINTAIL_";

/// Variables of `pintail sql` that are no settings of a server, which may find them in its environment.
pub(crate) const CLIENT_VARIABLES: [&str; 6] = [
    "PINTAIL_PASSWORD",
    "PINTAIL_TLS_CA",
    "PINTAIL_TLS_CLIENT_CERT",
    "PINTAIL_TLS_CLIENT_KEY",
    "PINTAIL_TOKEN_FILE",
    "PINTAIL_URI",
];

/// The setting of that name.
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

const fn setting(
    name: &'static str,
    value: &'static str,
    kind: Kind,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting { name, value, kind, default, help }
}

/// Everything that can be set, in the order of help and documentation.
pub static SETTINGS: &[Setting] = &[
    setting(
        "config",
        "FILE",
        Kind::Path,
        "`pintail.toml` in the working directory, when it exists",
        "TOML file with settings.",
    ),
    setting(
        "listen",
        "ADDR",
        Kind::Address,
        "`127.0.0.1:8815`",
        "Where Flight SQL is served. Port 0 picks a free one. Another address than loopback needs TLS or `--insecure`.",
    ),
    setting(
        "http",
        "ADDR",
        Kind::Address,
        "`127.0.0.1:8816`",
        "Where health is served, as plain HTTP. Port 0 picks a free one.",
    ),
    setting(
        "peer-listen",
        "ADDR",
        Kind::Address,
        "off; needed in a cluster",
        "Where other nodes pass calls on to this one. They prove that they know the cluster secret, and, with `--peer-tls-ca`, \
         who they are.",
    ),
    setting(
        "peer-advertise",
        "URI",
        Kind::Uri,
        "from `--peer-listen`",
        "How other nodes reach this one, when not by the address it listens on.",
    ),
    setting(
        "peer-tls-ca",
        "FILE",
        Kind::Path,
        "plain text between nodes, on loopback only",
        "PEM file with the CA that has signed the certificates of all nodes: they talk to each other by mutual TLS, with \
         `--tls-cert` and `--tls-key`.",
    ),
    setting(
        "role",
        "ROLE",
        Kind::Choice(&["both", "engine", "front"]),
        "`both`",
        "`front`: no engine; the node gives each new session to the engine node with the most room, and passes calls on. \
         `engine`: takes the sessions of fronts. `both` does it all.",
    ),
    setting(
        "advertise",
        "URI",
        Kind::Uri,
        "from `--listen`",
        "How clients reach this node, when not by the address it listens on.",
    ),
    setting(
        "node-name",
        "NAME",
        Kind::Name,
        "host name and port",
        "What this node is called in logs and in the session store.",
    ),
    setting(
        "data-dir",
        "DIR",
        Kind::Path,
        "`pintail-data` in the working directory",
        "Everything the server writes goes here. One server at a time.",
    ),
    setting(
        "store",
        "URL",
        Kind::Store,
        "`sqlite:<data-dir>/sessions.db`",
        "The session store, in which sessions outlive the process.",
    ),
    setting(
        "database",
        "PATH",
        Kind::Database,
        "`<data-dir>/pintail.duckdb`",
        "The DuckDB database: a file, `:memory:` for one that ends with the process, or `ducklake:postgres://…` for tables that \
         all nodes share: a DuckLake whose catalog is in that PostgreSQL database.",
    ),
    setting(
        "data-path",
        "PATH",
        Kind::DataPath,
        "what the catalog says; a new one needs it",
        "Where the files of the shared tables of `--database ducklake:…` are: a directory that every node reaches by this \
         path, or `s3://bucket/prefix`.",
    ),
    setting(
        "data-path-secret",
        "NAME",
        Kind::Name,
        "the environment's credentials",
        "The secret of the configuration file (`[secrets.NAME]`) that opens an `s3:` URL of `--data-path`.",
    ),
    setting(
        "spool",
        "PATH",
        Kind::DataPath,
        "`<data-dir>/spool`; none for a node with `--peer-listen`, whose peers could not read it",
        "Where the contents of temporary tables are kept for whichever node goes on with their session: a directory that every \
         node reaches by this path, or `s3://bucket/prefix`. They are encrypted with a key of the cluster's secret.",
    ),
    setting(
        "spool-secret",
        "NAME",
        Kind::Name,
        "the environment's credentials",
        "The secret of the configuration file (`[secrets.NAME]`) that opens an `s3:` URL of `--spool`.",
    ),
    setting(
        "snapshot-limit",
        "SIZE",
        Kind::Size,
        "`64MB`",
        "How much of a session's temporary tables is kept in the spool. Those beyond it end with their node, as `pintail sessions \
         why` says.",
    ),
    setting(
        "engine",
        "NAME",
        Kind::Choice(&["duckdb", "datafusion"]),
        "`duckdb`; `datafusion` in a build without it",
        "The engine of a new session.",
    ),
    setting("user", "NAME", Kind::Name, "`pintail`", "The name of the first user."),
    setting(
        "password-file",
        "FILE",
        Kind::Path,
        "a password is generated, printed at the first start, and kept in `<data-dir>/initial-password`",
        "File with the first user's password, on one line.",
    ),
    setting(
        "tls-cert",
        "FILE",
        Kind::Path,
        "no TLS",
        "Certificate chain (PEM) the Flight port shows. Needs `--tls-key`.",
    ),
    setting("tls-key", "FILE", Kind::Path, "no TLS", "Private key (PEM) of the certificate. Needs `--tls-cert`."),
    setting(
        "tls-client-ca",
        "FILE",
        Kind::Path,
        "clients need no certificate",
        "Certificates (PEM) that must have signed a client's own certificate.",
    ),
    setting(
        "insecure",
        "BOOL",
        Kind::Switch,
        "`false`",
        "Allows listening on other addresses than loopback without TLS: passwords and data then travel readable.",
    ),
    setting(
        "session-idle-timeout",
        "TIME",
        Kind::Duration(1),
        "`30m`",
        "A session that is not used for this long ends.",
    ),
    setting("session-max-age", "TIME", Kind::Duration(1), "`24h`", "A session this old ends, used or not."),
    setting(
        "node-lease",
        "TIME",
        Kind::Duration(300),
        "`3s`",
        "How long this node holds its sessions without renewing, which it does every third of this time.",
    ),
    setting(
        "drain-timeout",
        "TIME",
        Kind::Duration(1),
        "none: as long as they need",
        "How long running statements may go on after SIGTERM before they are interrupted.",
    ),
    setting(
        "stream-grace",
        "TIME",
        Kind::Duration(0),
        "`30s`",
        "How long a result whose connection broke waits for its client, if that has said that it comes again; `0s` for not at all.",
    ),
    setting(
        "statement-timeout",
        "TIME",
        Kind::Duration(1),
        "none: as long as they need",
        "How long a statement may take, from its start to its last row, in sessions that do not set `pintail.statement_timeout`.",
    ),
    setting(
        "memory-limit",
        "SIZE",
        Kind::Size,
        "`75%`",
        "Memory the engines may use together: of two, that of new sessions (`--engine`) gets three quarters, the other a quarter. A percentage is of the limit of the control group, or of the machine where that is less.",
    ),
    setting("threads", "N", Kind::Count, "all cores", "Threads each engine computes with."),
    setting(
        "allow-files",
        "DIR",
        Kind::Paths,
        "none",
        "Directories of the server whose files SQL may read (`FROM 'x.parquet'`); repeatable. The rest of the file system is refused.",
    ),
    setting(
        "allow-writes",
        "DIR",
        Kind::Paths,
        "none",
        "Directories of the server into which SQL may write files (`COPY … TO`), and whose files it may read; repeatable.",
    ),
    setting(
        "dataset",
        "NAME=URL",
        Kind::Datasets,
        "none",
        "Files at a URL as a table of every engine, beside those of `pintail dataset add`; repeatable.",
    ),
    setting(
        "dataset-refresh",
        "TIME",
        Kind::Duration(1000),
        "`30s`",
        "How long after new files of a dataset are seen, and a dataset that could not be read is tried again.",
    ),
    setting(
        "cluster-secret-file",
        "FILE",
        Kind::Path,
        "made in the data directory",
        "The secret that signs tickets and tokens. It must stay the same for sessions to survive.",
    ),
    setting("extension-dir", "DIR", Kind::Path, "DuckDB's own", "Where DuckDB extensions are loaded from."),
    setting(
        "log-format",
        "FORMAT",
        Kind::Choice(&["text", "json"]),
        "`text` on a terminal, else `json`",
        "How log lines are written to standard error.",
    ),
    setting(
        "log-level",
        "LEVEL",
        Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
        "`info`",
        "The least important log lines that are written.",
    ),
    setting(
        "print-ready",
        "BOOL",
        Kind::Switch,
        "`false`",
        "Prints one line of JSON to standard output once the server serves: addresses, user, generated password, node.",
    ),
];
