//! `pintail doctor`: what it looks at, and what it says of what is wrong.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use pintail_tests::Server;
use pintail_tests::server::run;
use serde_json::Value;

const FREE_PORTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"];

/// Its rows as JSON (state and advice by check), and its exit status.
async fn doctor(arguments: &[&str]) -> (BTreeMap<String, (String, String)>, Option<i32>) {
    let arguments: Vec<_> = ["doctor", "--format", "json"].iter().chain(arguments).copied().collect();
    let output = run(&arguments).await;
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let rows = rows.iter().map(|row| (text(row, "check"), (text(row, "state"), text(row, "advice"))));
    (rows.collect(), output.status.code())
}

/// A certificate of one's own that holds so many days, and its key.
fn certificate(directory: &Path, name: &str, days: u32) -> (String, String) {
    let path = |ending: &str| directory.join(format!("{name}.{ending}")).to_str().unwrap().to_owned();
    let (certificate, key) = (path("crt"), path("key"));
    let status = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", &days.to_string()])
        .args(["-out", &certificate, "-keyout", &key])
        .stderr(std::process::Stdio::null())
        .status();
    assert!(status.expect("openssl runs").success());
    (certificate, key)
}

#[tokio::test]
async fn a_machine_that_is_well_passes_and_missing_extensions_are_named_with_their_command() {
    let empty = tempfile::tempdir().unwrap();
    let mut arguments = FREE_PORTS.to_vec();
    arguments.extend(["--extension-dir", empty.path().to_str().unwrap()]);
    let (rows, status) = doctor(&arguments).await;
    assert_eq!(status, Some(0), "{rows:#?}");
    for check in ["configuration", "data directory", "session store", "engine duckdb", "memory", "threads", "TLS"] {
        assert_eq!(rows[check].0, "ok", "{check}: {}", rows[check].1);
    }
    for name in ["icu", "httpfs"] {
        let (state, advice) = &rows[&format!("extension {name}")];
        assert_eq!(state, "warn");
        assert!(advice.contains(&format!("pip install --target DIR duckdb-extension-{name}==1.5.5")), "{advice}");
    }
}

#[tokio::test]
async fn each_thing_that_keeps_a_server_from_starting_fails_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("file"), "x").unwrap();
    std::fs::write(at("store.db"), "no database of anybody's, and long enough not to be taken for an empty one")
        .unwrap();
    std::fs::create_dir(at("extensions")).unwrap();
    std::fs::write(at("extensions/icu.duckdb_extension"), vec![0; 4096]).unwrap();
    let (certificate_a, key_a) = certificate(directory.path(), "a", 90);
    let (_, key_b) = certificate(directory.path(), "b", 90);
    let (soon, soon_key) = certificate(directory.path(), "soon", 2);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    let store = format!("sqlite:{}", at("store.db"));

    let cases: &[(&[&str], &str, &str, &[&str])] = &[
        (&["--lisen", "x"], "", "", &[]),
        (&["--session-idle-timeout", "soon"], "configuration", "fail", &["--session-idle-timeout"]),
        (&["--data-dir", &at("file/below")], "data directory", "fail", &["--data-dir"]),
        (&["--store", &store], "session store", "fail", &["store.db", "--store"]),
        (&["--extension-dir", &at("extensions")], "extension icu", "fail", &["icu.duckdb_extension", "pip install"]),
        (&["--extension-dir", &at("nowhere")], "extensions", "fail", &["nowhere", "--extension-dir"]),
        (&["--listen", &port], &format!("--listen {port}"), "fail", &["in use", "--listen"]),
        (&["--tls-cert", &certificate_a, "--tls-key", &key_a], "TLS key", "ok", &["belongs"]),
        (&["--tls-cert", &certificate_a, "--tls-key", &key_a], "TLS --tls-cert", "ok", &["holds until"]),
        (&["--tls-cert", &certificate_a, "--tls-key", &key_b], "TLS key", "fail", &["certificate"]),
        (&["--tls-cert", &certificate_a, "--tls-key", &at("none")], "TLS --tls-key", "fail", &["none"]),
        (&["--tls-cert", &soon, "--tls-key", &soon_key], "TLS --tls-cert", "warn", &["expires", "renew"]),
        (&["--memory-limit", "1000GiB"], "memory", "fail", &["--memory-limit"]),
        (&["--threads", "10000"], "threads", "warn", &["--threads"]),
        (&["--spool", &at("spool")], "spool", "ok", &["written and read"]),
        (&["--spool", &at("file/below")], "spool", "fail", &["file/below", "--spool"]),
        (&["--peer-listen", "127.0.0.1:0"], "spool", "warn", &["--spool", "temporary tables"]),
        (&["--allow-writes", &at("nowhere")], &format!("--allow-writes {}", at("nowhere")), "fail", &["make it"]),
    ];
    for (arguments, check, state, said) in cases {
        let mut arguments = arguments.to_vec();
        if check.is_empty() {
            // Not a flag at all: that is usage, and nothing was looked at.
            arguments.insert(0, "doctor");
            assert_eq!(run(&arguments).await.status.code(), Some(2));
            continue;
        }
        let given = arguments.clone();
        for pair in FREE_PORTS.chunks(2).filter(|pair| !given.contains(&pair[0])) {
            arguments.extend(pair);
        }
        let (rows, status) = doctor(&arguments).await;
        let (found, advice) = rows.get(*check).unwrap_or_else(|| panic!("{arguments:?}: no {check} in {rows:#?}"));
        assert_eq!(found, state, "{arguments:?}: {advice}");
        for part in *said {
            assert!(advice.contains(part), "{arguments:?} does not say {part}: {advice}");
        }
        assert_eq!(status, Some(i32::from(*state == "fail")), "{arguments:?}: {rows:#?}");
    }
}

#[tokio::test]
async fn it_can_be_run_beside_a_server_and_tells_that_one_runs() {
    let server = Server::start(&[]).await;
    let data = server.directory().join("pintail-data");
    let mut arguments = FREE_PORTS.to_vec();
    arguments.extend(["--data-dir", data.to_str().unwrap()]);
    let (rows, status) = doctor(&arguments).await;
    assert_eq!(status, Some(0), "{rows:#?}");
    assert!(rows["data directory"].1.contains("a server uses it"), "{rows:#?}");
    assert!(rows["session store"].1.contains("nodes alive: 1"), "{rows:#?}");
    assert_eq!(rows["clock"].0, "ok", "{rows:#?}");
    assert!(rows["clock"].1.contains("differ by"), "{rows:#?}");
    server.finish().await;
}

#[tokio::test]
async fn rows_are_printed_in_each_format() {
    let arguments = |format| [&["doctor", "--format", format], &FREE_PORTS[..]].concat();
    let table = run(&arguments("table")).await.stdout;
    let table = String::from_utf8(table).unwrap();
    assert!(table.starts_with("check") && table.lines().count() > 8, "{table}");
    let csv = String::from_utf8(run(&arguments("csv")).await.stdout).unwrap();
    assert!(csv.starts_with("check,state,what to do\nconfiguration,ok,"), "{csv}");
}
