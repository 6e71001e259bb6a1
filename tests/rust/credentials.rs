//! Who may have a session: each refusal says which case it is, and none of them makes a new session in silence.

use std::time::Duration;

use arrow_flight::FlightDescriptor;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{CommandStatementQuery, ProstMessageExt};
use pintail_tests::{Client, Server, assert_failure};
use prost::Message;
use tonic::{Code, Status};

/// Checks that a call is refused as unauthenticated with this code and SQLSTATE.
async fn assert_unauthenticated(client: &Client, code: &str, sqlstate: &str) {
    let status = client.query("SELECT 1").await.expect_err(code);
    assert_failure(&status, Code::Unauthenticated, code, sqlstate);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_get_the_same_answer() {
    let server = Server::start(&[]).await;
    let (user, password) = server.user();
    let anybody = Client::without_credentials(&server).await;
    let refusals: Vec<Status> = [
        anybody.handshake(user, "wrong").await.expect_err("a wrong password"),
        anybody.handshake("nobody", password).await.expect_err("an unknown user"),
        anybody.clone().with_password(user, "wrong").query("SELECT 1").await.expect_err("a wrong password"),
    ]
    .into();
    for status in &refusals {
        assert_failure(status, Code::Unauthenticated, "CREDENTIALS_WRONG", "28P01");
        assert_eq!(status.message(), refusals[0].message(), "the answer tells nobody which users there are");
    }
    assert_unauthenticated(&anybody, "CREDENTIALS_MISSING", "28000").await;
    let answer = anybody.with_password(user, password).value("SELECT 1").await;
    assert_eq!(answer.expect("Basic on any call"), "1");
    server.finish().await;
}

#[tokio::test]
async fn a_header_that_cannot_be_read_is_malformed() {
    let server = Server::start(&[]).await;
    let anybody = Client::without_credentials(&server).await;
    for header in ["Basic !!!", "Basic", "Basic bm9jb2xvbg==", "Negotiate abc", "pt1"] {
        let client = anybody.clone().with_header("authorization", header);
        assert_unauthenticated(&client, "CREDENTIALS_MALFORMED", "28000").await;
    }
    server.finish().await;
}

#[tokio::test]
async fn only_the_token_that_was_handed_out_is_taken() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    let token = client.token().to_owned();
    assert!(token.starts_with("pt1."), "a token says what it is");

    for malformed in
        ["x", "pt1", "pt1.", "pt1..", "pt2.a.b", "pt1.a.b.c", &token[..token.len() - 1], &format!("{token}x")]
    {
        assert_unauthenticated(&client.clone().with_token(malformed), "TOKEN_MALFORMED", "28000").await;
    }
    let empty = client.clone().with_header("authorization", "Bearer ");
    let status = empty.query("SELECT 1").await.expect_err("an empty token");
    assert_eq!(status.code(), Code::Unauthenticated, "{status}");

    // The secret of another session, and that of a session that never was.
    let other = Client::connect(&server).await;
    let parts: Vec<&str> = token.split('.').collect();
    let others: Vec<&str> = other.token().split('.').collect();
    for unknown in [format!("pt1.{}.{}", parts[1], others[2]), format!("pt1.{}.{}", others[1], parts[2])] {
        assert_unauthenticated(&client.clone().with_token(&unknown), "TOKEN_UNKNOWN", "28000").await;
    }
    let strange = Server::start(&[]).await;
    assert_unauthenticated(&Client::resume(&strange, &token).await, "TOKEN_UNKNOWN", "28000").await;

    assert_eq!(client.value("SELECT 1").await.expect("the session is unharmed"), "1");
    strange.finish().await;
    server.finish().await;
}

#[tokio::test]
async fn a_session_that_was_closed_stays_closed() {
    let server = Server::start(&[]).await;
    let client = Client::connect(&server).await;
    assert_eq!(client.value("SELECT 1").await.unwrap(), "1");
    assert_eq!(client.close_session().await.unwrap().status, 1, "CLOSED");
    assert_unauthenticated(&client, "SESSION_CLOSED", "28000").await;
    let token = client.token().to_owned();
    let mut server = server;
    server.kill().await;
    let server = Server::start_again(&server, &[]).await;
    assert_unauthenticated(&Client::resume(&server, &token).await, "SESSION_CLOSED", "28000").await;
    server.finish().await;
}

#[tokio::test]
async fn an_idle_session_expires_and_one_in_use_does_not() {
    let server = Server::start(&["--session-idle-timeout", "2s"]).await;
    let idle = Client::connect(&server).await;
    let busy = Client::connect(&server).await;
    // Sleeping is what is tested here: the idle one is silent for longer than it may be, the busy one never is.
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(busy.value("SELECT 1").await.expect("a session in use"), "1");
    }
    assert_unauthenticated(&idle, "SESSION_EXPIRED", "28000").await;
    server.finish().await;
}

#[tokio::test]
async fn a_session_expires_at_its_greatest_age_though_in_use() {
    let server = Server::start(&["--session-max-age", "2s"]).await;
    let client = Client::connect(&server).await;
    let status = loop {
        if let Err(status) = client.query("SELECT 1").await {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_failure(&status, Code::Unauthenticated, "SESSION_EXPIRED", "28000");
    server.finish().await;
}

#[tokio::test]
async fn a_session_serves_nobody_but_its_user() {
    let mut server = Server::start(&[]).await;
    let ada = Client::connect(&server).await;
    ada.update("CREATE TABLE hers AS SELECT 1815 AS born").await.unwrap();
    let cookie = cookie_of(&server).await;
    server.kill().await;

    // The next server has another user, and the first one no more.
    let mut server = Server::start_as(&server, ("bob", "another password"), &[]).await;
    let status =
        Client::resume(&server, ada.token()).await.query("SELECT 1").await.expect_err("a removed user's token");
    assert_failure(&status, Code::PermissionDenied, "SESSION_FORBIDDEN", "28000");
    let bob = Client::without_credentials(&server).await.with_password("bob", "another password");
    let status =
        bob.clone().with_header("cookie", &cookie).query("SELECT 1").await.expect_err("another user's session");
    assert_failure(&status, Code::PermissionDenied, "SESSION_FORBIDDEN", "28000");
    assert_eq!(bob.value("SELECT 1").await.expect("a session of his own"), "1");
    server.kill().await;

    // Nothing of that harmed hers.
    let server = Server::start_as(&server, pintail_tests::server::USER, &[]).await;
    let back = Client::resume(&server, ada.token()).await;
    assert_eq!(back.value("SELECT born FROM hers").await.expect("her session"), "1815");
    server.finish().await;
}

/// The session cookie of a call with Basic credentials.
async fn cookie_of(server: &Server) -> String {
    let (user, password) = server.user();
    let client = Client::without_credentials(server).await.with_password(user, password);
    let query = CommandStatementQuery { query: "SELECT 1".into(), transaction_id: None };
    let descriptor = FlightDescriptor::new_cmd(query.as_any().encode_to_vec());
    let answer = FlightServiceClient::new(client.channel()).get_flight_info(client.request(descriptor)).await.unwrap();
    let cookie = answer.metadata().get("set-cookie").expect("a cookie for a caller without a token");
    let cookie = cookie.to_str().unwrap();
    assert!(cookie.starts_with("pintail_session="), "the cookie has its name");
    assert!(!cookie.to_ascii_lowercase().contains("max-age"), "a plain session cookie: drivers misread Max-Age");
    cookie.split(';').next().unwrap().to_owned()
}
