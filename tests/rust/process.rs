//! The process: how it starts, how it ends, and what it says of a configuration it cannot use.

use arrow_flight::sql::CommandStatementQuery;
use futures::TryStreamExt;
use pintail_tests::client::ticket_of;
use pintail_tests::server::run;
use pintail_tests::{Client, DEADLINE, Server, raw};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::test]
async fn it_starts_without_a_word_and_names_what_it_guessed() {
    let mut server = Server::start_unconfigured().await;
    let (user, password) = (server.user().0.to_owned(), server.user().1.to_owned());
    assert!(password.len() >= 16, "a generated password is not to be guessed");
    let client = Client::connect(&server).await;
    assert_eq!(client.value("SELECT 1").await.unwrap(), "1");
    let told = server.log().join("\n");
    for flag in ["--password-file", "--data-dir", "--memory-limit"] {
        assert!(told.contains(flag), "the start does not name {flag}:\n{told}");
    }
    server.kill().await;

    let server = Server::start_again(&server, &[]).await;
    let anybody = Client::without_credentials(&server).await;
    anybody.handshake(&user, &password).await.expect("the generated password is kept");
    server.finish().await;
}

#[tokio::test]
async fn health_is_told_over_http_and_grpc() {
    let server = Server::start(&[]).await;
    let mut http = TcpStream::connect(server.http()).await.unwrap();
    http.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    timeout(DEADLINE, http.read_to_string(&mut answer)).await.expect("an answer in time").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    // An empty HealthCheckRequest; field 1 of the answer is 1: SERVING. Nobody has to say who asks.
    let anybody = Client::without_credentials(&server).await;
    let health = raw::unary(&anybody, "/grpc.health.v1.Health/Check", "").await.expect("gRPC health");
    assert_eq!(&health[..], [0x08, 0x01]);
    server.finish().await;
}

#[tokio::test]
async fn sigterm_lets_a_running_statement_finish() {
    let mut server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    let rows = 3_000_000;
    let query = CommandStatementQuery { query: format!("SELECT i FROM range({rows}) t(i)"), transaction_id: None };
    let ticket = ticket_of(client.info(&query).await.unwrap());
    let mut stream = Box::pin(client.stream(ticket).await.unwrap());
    let first = stream.try_next().await.unwrap().expect("a first batch").num_rows();

    server.signal(Signal::TERM);
    let rest: Vec<_> = stream.try_collect().await.expect("the statement runs to its end");
    assert_eq!(first + rest.iter().map(|batch| batch.num_rows()).sum::<usize>(), rows);
    drop(client);
    let status = server.ended().await;
    assert!(status.success(), "{status}");
    server.check_log(&[]);
}

#[tokio::test]
async fn sessions_outlive_a_planned_restart_as_well() {
    let mut server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    client.update("SET VARIABLE kept = 'yes'").await.unwrap();
    server.signal(Signal::TERM);
    server.ended().await;
    server.check_log(&[]);
    let server = Server::start_again(&server, &[]).await;
    let client = Client::resume(&server, client.token()).await;
    assert_eq!(client.value("SELECT getvariable('kept')").await.unwrap(), "yes");
    server.finish().await;
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_named() {
    let cases: [(&[&str], &[&str]); 7] = [
        (&["serve", "--lisen", "127.0.0.1:0"], &["--lisen", "--listen"]),
        (&["serve", "--listen", "nowhere"], &["--listen", "nowhere"]),
        (&["serve", "--session-idle-timeout", "soon"], &["--session-idle-timeout", "soon"]),
        (&["serve", "--log-format", "jsn"], &["--log-format", "json"]),
        (&["serve", "--listen", "0.0.0.0:0"], &["--insecure", "--tls-cert"]),
        (&["serve", "--config", "missing.toml"], &["missing.toml"]),
        (&["sreve"], &["serve"]),
    ];
    for (arguments, said) in cases {
        let output = run(arguments).await;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{arguments:?} talked to stdout");
        for part in said {
            assert!(stderr.contains(part), "{arguments:?} does not name {part}: {stderr}");
        }
    }
}

#[tokio::test]
async fn a_second_server_does_not_share_the_data_directory() {
    let server = Server::start(&[]).await;
    let data = server.directory().join("pintail-data");
    let data = data.to_str().expect("a path of text");
    let output = run(&["serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data-dir", data]).await;
    assert_eq!(output.status.code(), Some(1), "two servers would write the same files");
    assert!(String::from_utf8_lossy(&output.stderr).contains("pintail-data"), "the error names the directory");
    server.finish().await;
}

#[tokio::test]
async fn help_and_version_are_data() {
    for arguments in [["--help"], ["--version"]] {
        let output = run(&arguments).await;
        assert!(output.status.success() && !output.stdout.is_empty());
    }
}
