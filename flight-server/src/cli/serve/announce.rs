//! What a server says once it serves: to people on standard error, to programs on standard output.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use serde::Serialize;

use super::endpoints::Addresses;
use super::first_user::{FirstUser, PasswordOrigin};
use crate::config::{Config, LogFormat, Size};

/// The line of `--print-ready`.
#[derive(Debug, Serialize)]
struct Ready<'a> {
    ready: bool,
    flight: &'a str,
    http: &'a str,
    user: &'a str,
    /// `null` when the operator gave it: then who may know it knows it.
    password: Option<&'a str>,
    node: &'a str,
}

/// Prints one line of JSON to `out`.
///
/// # Errors
/// When nobody takes it.
pub(super) fn print_ready(out: &mut impl Write, addresses: &Addresses, user: &FirstUser) -> io::Result<()> {
    let ready = Ready {
        ready: true,
        flight: &addresses.flight,
        http: &addresses.http,
        user: &user.name,
        password: user.generated_password(),
        node: &addresses.node_name,
    };
    serde_json::to_writer(&mut *out, &ready)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Tells people where the server is, what it assumed, and which flag says otherwise.
pub(super) fn greet(config: &Config, addresses: &Addresses, user: &FirstUser) {
    let facts = facts(config, addresses, user);
    match config.log_format {
        LogFormat::Text => {
            // A server serves on when its standard error is closed.
            let _ = io::stderr().lock().write_all(banner(&addresses.flight, &facts).as_bytes());
        }
        LogFormat::Json => {
            let assumed: Vec<String> = facts
                .iter()
                .filter(|fact| fact.is_default)
                .map(|fact| format!("--{}: {}", fact.setting, fact.value))
                .collect();
            tracing::info!(
                version = env!("CARGO_PKG_VERSION"),
                node = addresses.node_name,
                flight = addresses.flight,
                http = addresses.http,
                data_dir = %config.data_dir.display(),
                assumed = assumed.join("; "),
                "serving"
            );
        }
    }
    tell_password(user);
}

/// Shows a new password once, and only where a person looks: a file or a collector of logs would keep it.
fn tell_password(user: &FirstUser) {
    let PasswordOrigin::Generated { is_new: true, .. } = user.origin else { return };
    let mut stderr = io::stderr().lock();
    if stderr.is_terminal() {
        let _ = writeln!(stderr, "\n  The password of {} is  {}\n", user.name, user.password.as_str());
    }
}

/// Something a server tells of itself.
struct Fact {
    label: &'static str,
    value: String,
    setting: &'static str,
    is_default: bool,
}

fn facts(config: &Config, addresses: &Addresses, user: &FirstUser) -> Vec<Fact> {
    let time = |time| humantime::format_duration(time).to_string();
    let password = match &user.origin {
        PasswordOrigin::Given => "from its file".to_owned(),
        PasswordOrigin::Generated { file, .. } => format!("generated, kept in {}", file.display()),
    };
    let or = |value: Option<String>, otherwise: &str| value.unwrap_or_else(|| otherwise.to_owned());
    let directories = |paths: &[PathBuf]| match paths {
        [] => "none".to_owned(),
        paths => paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "),
    };
    let spool = match (&config.spool, config.peer_listen) {
        (Some(place), _) => format!("kept in {place}"),
        (None, None) => "kept in the data directory".to_owned(),
        (None, Some(_)) => "end with this node".to_owned(),
    };
    [
        ("Flight SQL", addresses.flight.clone(), "listen"),
        ("Advertised as", addresses.advertised_uri.clone(), "advertise"),
        ("Role", config.role.to_string(), "role"),
        ("Peers", or(addresses.peer_uri.clone(), "none"), "peer-listen"),
        ("TLS", or(config.tls.as_ref().map(|tls| tls.certificate.display().to_string()), "none"), "tls-cert"),
        ("Health", format!("{}/healthz", addresses.http), "http"),
        ("Node", addresses.node_name.clone(), "node-name"),
        ("Data directory", config.data_dir.display().to_string(), "data-dir"),
        ("Session store", config.store.to_string(), "store"),
        ("Cluster secret", config.cluster_secret_file.display().to_string(), "cluster-secret-file"),
        ("Engine", config.engine.clone(), "engine"),
        ("Database", config.database.to_string(), "database"),
        ("Files of shared tables", or(config.data_path.clone(), "as the catalog says"), "data-path"),
        ("Temporary tables", spool, "spool"),
        ("Kept of a session's", Size::Bytes(config.snapshot_limit).to_string(), "snapshot-limit"),
        ("Memory", Size::Bytes(config.memory_limit).to_string(), "memory-limit"),
        ("Threads", config.threads.to_string(), "threads"),
        ("Readable files", directories(&config.allow_files), "allow-files"),
        ("Writable files", directories(&config.allow_writes), "allow-writes"),
        ("Datasets", format!("refreshed every {}", time(config.dataset_refresh)), "dataset-refresh"),
        ("Idle sessions end", format!("after {}", time(config.session_idle_timeout)), "session-idle-timeout"),
        ("All sessions end", format!("after {}", time(config.session_max_age)), "session-max-age"),
        ("Node lease", time(config.node_lease), "node-lease"),
        ("Drain", or(config.drain_timeout.map(time), "as long as statements run"), "drain-timeout"),
        ("Broken results wait", format!("for {}", time(config.stream_grace)), "stream-grace"),
        (
            "Statements end",
            or(config.statement_timeout.map(|limit| format!("after {}", time(limit))), "when they are done"),
            "statement-timeout",
        ),
        ("User", user.name.clone(), "user"),
        ("Password", password, "password-file"),
    ]
    .map(|(label, value, setting)| Fact { label, value, setting, is_default: config.is_default(setting) })
    .into()
}

fn banner(flight_uri: &str, facts: &[Fact]) -> String {
    let longest = |text: fn(&Fact) -> usize| facts.iter().map(text).max().unwrap_or_default();
    let labels = longest(|fact| fact.label.chars().count());
    let values = longest(|fact| fact.value.chars().count()).min(56);
    let mut text = format!(
        "Pintail {} serves Flight SQL at {flight_uri}. A flag stands where nothing was set and a default was taken.\n\n",
        env!("CARGO_PKG_VERSION")
    );
    for Fact { label, value, setting, is_default } in facts {
        let line = match is_default {
            true => format!("  {label:labels$}  {value:values$}  --{setting}"),
            false => format!("  {label:labels$}  {value}"),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use zeroize::Zeroizing;

    use super::*;

    fn addresses() -> Addresses {
        Addresses {
            flight: "grpc://127.0.0.1:1".into(),
            http: "http://127.0.0.1:2".into(),
            advertised_uri: "grpc://db:1".into(),
            peer_uri: None,
            node_name: "north".into(),
        }
    }

    fn user(origin: PasswordOrigin) -> FirstUser {
        FirstUser { name: "me".into(), password: Zeroizing::new("hunter2".into()), origin }
    }

    #[test]
    fn the_ready_line_has_a_generated_password_and_no_given_one() {
        let line = |user: FirstUser| {
            let mut out = Vec::new();
            print_ready(&mut out, &addresses(), &user).unwrap();
            String::from_utf8(out).unwrap()
        };
        let generated = PasswordOrigin::Generated { file: "p".into(), is_new: false };
        let expected = r#"{"ready":true,"flight":"grpc://127.0.0.1:1","http":"http://127.0.0.1:2","user":"me","password":"hunter2","node":"north"}"#;
        assert_eq!(line(user(generated)), format!("{expected}\n"));
        assert!(line(user(PasswordOrigin::Given)).contains(r#""password":null"#));
    }

    #[test]
    fn the_banner_names_each_default_with_its_flag_and_shows_no_password() {
        let flags = clap::Command::new("serve").args(crate::config::arguments());
        let matches = flags.try_get_matches_from(["serve", "--threads", "3", "--config", "/dev/null"]).unwrap();
        let config = Config::load(&matches).unwrap();
        let user = user(PasswordOrigin::Generated { file: "d/initial-password".into(), is_new: true });
        let text = banner("grpc://127.0.0.1:1", &facts(&config, &addresses(), &user));
        for flag in
            ["--listen", "--http", "--node-name", "--data-dir", "--database", "--memory-limit", "--password-file"]
        {
            assert!(text.contains(flag), "{flag} in {text}");
        }
        assert!(!text.contains("--threads") && !text.contains("hunter2"), "{text}");
        assert!(text.contains("kept in d/initial-password"), "{text}");
    }
}
