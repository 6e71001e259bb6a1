//! Tests of the configuration as a whole.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod tables;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Command;
use figment::value::{Dict, Value};

use super::*;

/// Reads flags, variables and the text of a file as the server does.
fn load(flags: &[(&str, &str)], variables: &[(&str, &str)], file: &str) -> Result<Config, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pintail.toml");
    std::fs::write(&path, file).unwrap();
    let flags: Dict = flags.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
    let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Config::from_sources(&Sources::from_parts(flags, variables, &path)?)
}

fn message(flags: &[(&str, &str)], variables: &[(&str, &str)], file: &str) -> String {
    load(flags, variables, file).expect_err("a configuration that is wrong").to_string()
}

#[test]
fn a_flag_beats_a_variable_which_beats_the_file_which_beats_the_default() {
    let file = "user = \"file\"\nthreads = 1";
    let variables = [("PINTAIL_USER", "variable"), ("PINTAIL_THREADS", "2"), ("OTHER", "x")];
    assert_eq!(load(&[], &[], "").unwrap().user, "pintail");
    assert_eq!(load(&[], &[], file).unwrap().user, "file");
    assert_eq!(load(&[], &variables, file).unwrap().user, "variable");
    let config = load(&[("user", "flag")], &variables, file).unwrap();
    assert_eq!((config.user.as_str(), config.threads), ("flag", 2));
    assert!(!config.is_default("user") && config.is_default("listen"));
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let config = load(&[], &[], "").unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8815");
    assert_eq!(config.http.to_string(), "127.0.0.1:8816");
    assert_eq!(config.data_dir, Path::new("pintail-data"));
    assert_eq!(config.store, StoreUrl::Sqlite("pintail-data/sessions.db".into()));
    assert_eq!(config.database, Database::File("pintail-data/pintail.duckdb".into()));
    assert_eq!(config.cluster_secret_file, Path::new("pintail-data/cluster-secret"));
    assert_eq!(config.session_idle_timeout, Duration::from_secs(1800));
    assert_eq!(config.session_max_age, Duration::from_secs(86_400));
    assert_eq!(config.node_lease, Duration::from_secs(3));
    assert_eq!(config.stream_grace, Duration::from_secs(30));
    assert_eq!(
        (config.drain_timeout, config.statement_timeout, &config.tls, config.print_ready),
        (None, None, &None, false)
    );
    let memory = MemoryLimits::of_this_process().available();
    assert_eq!(config.memory_limit, Size::Percent(75).of(memory));
    assert!(config.threads > 0 && config.allow_files.is_empty() && config.allow_writes.is_empty());
    assert!(config.datasets.is_empty() && config.secrets.is_empty());
    assert_eq!(config.dataset_refresh, Duration::from_secs(30));
    assert_eq!(SETTINGS.iter().filter(|setting| config.is_default(setting.name)).count(), SETTINGS.len());
}

#[test]
fn what_is_written_goes_into_the_data_directory_that_was_chosen() {
    let config = load(&[("data-dir", "/d")], &[], "").unwrap();
    assert_eq!(config.store, StoreUrl::Sqlite("/d/sessions.db".into()));
    assert_eq!(config.database.as_duckdb(), "/d/pintail.duckdb");
}

#[test]
fn values_of_every_kind_are_read() {
    let file = r#"
        listen = "0.0.0.0:1"
        http = "localhost:2"
        advertise = "grpc+tls://db.example.org:443"
        node-name = "north 1"
        store = "sqlite:/s/sessions.db"
        database = ":memory:"
        tls-cert = "c"
        tls-key = "k"
        tls-client-ca = "a"
        session-idle-timeout = "1h 30m"
        drain-timeout = "500ms"
        statement-timeout = "5m"
        memory-limit = "2GB"
        allow-files = ["/a", "b:c"]
        allow-writes = "/w"
        dataset-refresh = "2m"
        log-format = "text"
        log-level = "debug"
        print-ready = true
    "#;
    let config = load(&[], &[], file).unwrap();
    assert_eq!(config.listen.to_string(), "0.0.0.0:1");
    assert_eq!(config.http.to_string(), "127.0.0.1:2");
    assert_eq!(config.advertise.as_deref(), Some("grpc+tls://db.example.org:443"));
    assert_eq!(config.node_name.as_deref(), Some("north 1"));
    assert_eq!(config.store, StoreUrl::Sqlite("/s/sessions.db".into()));
    assert_eq!(config.database, Database::Memory);
    assert_eq!(config.tls, Some(Tls { certificate: "c".into(), key: "k".into(), client_ca: Some("a".into()) }));
    assert_eq!(config.session_idle_timeout, Duration::from_secs(5400));
    assert_eq!(config.drain_timeout, Some(Duration::from_millis(500)));
    assert_eq!(config.statement_timeout, Some(Duration::from_secs(300)));
    assert_eq!(config.memory_limit, 2_000_000_000);
    assert_eq!(config.allow_files, [PathBuf::from("/a"), PathBuf::from("b:c")]);
    assert_eq!(config.allow_writes, [PathBuf::from("/w")]);
    assert_eq!(config.dataset_refresh, Duration::from_secs(120));
    assert_eq!((config.log_format, config.log_level), (LogFormat::Text, LogLevel::Debug));
    assert!(config.print_ready);
}

#[test]
fn several_directories_fit_into_a_variable_and_a_stronger_list_replaces_a_weaker() {
    let file = "allow-files = '/one:two'";
    assert_eq!(load(&[], &[], file).unwrap().allow_files, [PathBuf::from("/one:two")]);
    let variables = [("PINTAIL_ALLOW_FILES", "/a:/b")];
    assert_eq!(load(&[], &variables, file).unwrap().allow_files, [PathBuf::from("/a"), PathBuf::from("/b")]);
}

#[test]
fn a_text_that_looks_like_a_number_stays_the_text_it_is() {
    assert_eq!(load(&[], &[("PINTAIL_USER", "1e3")], "").unwrap().user, "1e3");
    assert_eq!(load(&[], &[("PINTAIL_USER", "true")], "").unwrap().user, "true");
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_known_one() {
    let text = message(&[], &[], "data_dir = '/d'");
    assert!(
        text.starts_with("unknown key `data_dir` in ") && text.ends_with("pintail.toml; did you mean `data-dir`?"),
        "{text}"
    );
    let text = message(&[], &[("PINTAIL_LISTNE", "x")], "");
    assert_eq!(text, "unknown environment variable PINTAIL_LISTNE; did you mean `PINTAIL_LISTEN`?");
    let text = message(&[], &[("PINTAIL_QQQQ", "x")], "");
    assert_eq!(text, "unknown environment variable PINTAIL_QQQQ");
    let text = message(&[], &[], "config = 'x'");
    assert!(text.starts_with("unknown key `config` in "), "{text}");
    let text = message(&[], &[], "[server]\nlisten = 'x'");
    assert!(text.starts_with("unknown key `server` in "), "{text}");
}

#[test]
fn a_bad_value_is_named_with_where_it_came_from_and_what_it_may_be() {
    let ends = [
        (
            "listen",
            "8815",
            "an IP address with a port, such as `127.0.0.1:8815` or `[::1]:0`; did you mean `127.0.0.1:8815`?",
        ),
        ("http", ":80", "or `[::1]:0`; did you mean `0.0.0.0:80`?"),
        ("http", "example.org:80", "or `[::1]:0`"),
        ("advertise", "db:1", "a URI `grpc://host:port` or `grpc+tls://host:port`; did you mean `grpc://db:1`?"),
        ("advertise", "http://db:1", "or `grpc+tls://host:port`"),
        ("node-name", "a\tb", "a text of printable characters"),
        ("user", "a:b", "a text of printable characters"),
        ("store", "mysql:x", "`sqlite:` and the path of a file, or `postgres://user@host/database`"),
        (
            "database",
            "ducklake:x",
            "the path of a database file, `:memory:`, or `ducklake:postgres://user@host/database`",
        ),
        ("data-path", "s3://", "a directory, or `s3://bucket/prefix`"),
        ("data-path", "gs://bucket/lake", "a directory, or `s3://bucket/prefix`"),
        ("engine", "duckbd", "must be one of `duckdb`, `datafusion`; did you mean `duckdb`?"),
        ("log-level", "warning", "`debug`, `trace`; did you mean `warn`?"),
        ("log-format", "jsn", "one of `text`, `json`; did you mean `json`?"),
        ("session-max-age", "30", "a time such as `500ms`, `30s` or `2h 30m`; did you mean `30s`?"),
        ("session-idle-timeout", "0s", "a time such as `500ms`, `30s` or `2h 30m`"),
        ("drain-timeout", "900000000 years", "a time such as `500ms`, `30s` or `2h 30m`"),
        ("node-lease", "1ms", "a time of at least `300ms`, such as `30s` or `2h 30m`"),
        ("dataset-refresh", "999ms", "a time of at least `1000ms`, such as `30s` or `2h 30m`"),
        ("memory-limit", "4", "a size such as `4GB`, `512MiB` or `75%`; did you mean `4GB`?"),
        ("memory-limit", "4g", "; did you mean `4gB`?"),
        ("threads", "0", "a whole number from 1"),
        ("insecure", "yes", "`true` or `false`; did you mean `true`?"),
        ("data-dir", "", "is empty, but must be a path"),
    ];
    for (name, value, end) in ends {
        let text = message(&[(name, value)], &[], "");
        assert!(text.starts_with(&format!("--{name} is ")) && text.ends_with(end), "{text}");
    }
    assert!(message(&[], &[("PINTAIL_THREADS", "many")], "").starts_with("PINTAIL_THREADS is `many`, but must be "));
    let text = message(&[], &[], "threads = 1.5");
    assert!(
        text.starts_with("key `threads` in ") && text.contains("pintail.toml is `1.5`, but must be a whole number"),
        "{text}"
    );
    assert!(message(&[], &[], "user = ['a']").contains("is `a list or table`"));
    assert!(
        message(&[], &[("PINTAIL_ALLOW_FILES", "/a:")], "")
            .starts_with("PINTAIL_ALLOW_FILES is `/a:`, but must be paths")
    );
    assert!(message(&[], &[], "allow-files = [1, []]").contains("must be paths"));
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_with_its_line_and_without_its_text() {
    let text = message(&[], &[], "threads = 1\nstore = 'postgres://u:hunter2@h\n");
    assert!(text.contains("cannot read the configuration file") && text.contains("line 2"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    let text = message(&[("config", "/no/such/file.toml")], &[], "");
    assert!(text.starts_with("cannot read the configuration file /no/such/file.toml: "), "{text}");
}

#[test]
fn a_missing_default_file_is_no_error() {
    let sources = Sources::from_parts(Dict::new(), [], Path::new("/no/such/pintail.toml")).unwrap();
    assert_eq!(Config::from_sources(&sources).unwrap().user, "pintail");
}

#[test]
fn a_store_in_postgresql_is_never_shown_with_its_password() {
    let config = load(&[("store", "postgres://me:hunter2@db/x?schema=s")], &[], "").unwrap();
    assert_eq!(config.store, StoreUrl::Postgres("postgres://me:hunter2@db/x?schema=s".to_owned()));
    assert!(!format!("{config:?}").contains("hunter2"), "{config:?}");
    for wrong in ["mysql://me:hunter2@db/x", "postgres://me:hunter2@db:port/x"] {
        let text = message(&[("store", wrong)], &[], "");
        assert!(text.contains("://…`, but must be ") && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn other_addresses_than_loopback_need_tls_or_an_explicit_word() {
    let text = message(&[], &[("PINTAIL_LISTEN", "0.0.0.0:8815")], "");
    assert!(text.starts_with("PINTAIL_LISTEN is 0.0.0.0:8815, which other machines can reach"), "{text}");
    assert!(load(&[("listen", "0.0.0.0:8815"), ("insecure", "true")], &[], "").is_ok());
    assert!(load(&[("listen", "0.0.0.0:8815"), ("tls-cert", "c"), ("tls-key", "k")], &[], "").is_ok());
    assert!(load(&[("listen", "[::1]:8815")], &[], "").is_ok());
}

#[test]
fn the_files_of_tls_go_together() {
    assert_eq!(message(&[("tls-cert", "c")], &[], ""), "--tls-cert needs --tls-key with it");
    assert_eq!(message(&[("tls-key", "k")], &[], ""), "--tls-key needs --tls-cert with it");
    assert_eq!(message(&[("tls-client-ca", "a")], &[], ""), "--tls-client-ca needs --tls-cert with it");
}

#[test]
fn flags_of_the_command_line_reach_the_configuration() {
    let command = Command::new("serve").args(arguments());
    let words = [
        "serve",
        "--listen",
        "0.0.0.0:9",
        "--insecure",
        "--allow-files",
        "/a",
        "--allow-files",
        "/b:c",
        "--print-ready=false",
    ];
    let matches = command.clone().try_get_matches_from(words).unwrap();
    let sources = Sources::from_parts(source::flag_values(&matches), [], Path::new("/no/such/file")).unwrap();
    let config = Config::from_sources(&sources).unwrap();
    assert_eq!(config.listen.to_string(), "0.0.0.0:9");
    assert_eq!(config.allow_files, [PathBuf::from("/a"), PathBuf::from("/b:c")]);
    assert!(!config.print_ready && !config.is_default("print-ready"));
    assert!(command.try_get_matches_from(["serve", "--lisen", "x"]).unwrap_err().to_string().contains("--listen"));
}

#[test]
fn names_of_settings_are_unique_and_alike() {
    for (index, setting) in SETTINGS.iter().enumerate() {
        assert!(setting.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", setting.name);
        assert!(SETTINGS[..index].iter().all(|other| other.name != setting.name), "{}", setting.name);
        assert!(
            !setting.help.contains('|') && !setting.default.contains('|'),
            "{} would break its table",
            setting.name
        );
    }
}

#[test]
fn documentation_is_what_the_table_of_settings_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, reference()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written == reference(), "docs/configuration.md is out of date: run this test with UPDATE_DOCS=1");
}
