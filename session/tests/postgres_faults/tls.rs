//! Encryption, with a certificate made for the occasion.

use std::process::Command;

use session::{PostgresStore, SessionStore as _};

use crate::stage::{Turn, in_time, misconfigured, run};

#[tokio::test]
async fn a_server_is_reached_by_tls_and_its_certificate_checked() {
    let turn = Turn::take().await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=a test", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &file("key.pem"), "-out", &file("cert.pem")])
        .output()
        .expect("openssl runs; install it");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    // The server writes the files itself, as its own user and in its own directory.
    let mut db = turn.raw().await;
    for name in ["key.pem", "cert.pem"] {
        let bytes = std::fs::read(file(name)).unwrap();
        let object: i64 =
            sqlx::query_scalar("SELECT lo_from_bytea(0, $1)::bigint").bind(bytes).fetch_one(&mut db).await.unwrap();
        run(&mut db, &format!("SELECT lo_export({object}, '{name}')")).await;
    }
    // It uses no key that others may read.
    run(&mut db, "COPY (SELECT 1) TO PROGRAM 'cat >/dev/null; chmod 600 key.pem'").await;
    run(&mut db, "ALTER SYSTEM SET ssl_key_file = 'key.pem'").await;
    run(&mut db, "ALTER SYSTEM SET ssl_cert_file = 'cert.pem'").await;
    run(&mut db, "ALTER SYSTEM SET ssl = on").await;
    turn.stop();
    turn.restart();

    let url = |parameters: &str| format!("{}&{parameters}", turn.store_url());
    let certificate = file("cert.pem");
    for parameters in ["sslmode=require".to_owned(), format!("sslmode=verify-full&sslrootcert={certificate}")] {
        let url = url(&format!("{parameters}&application_name=encrypted"));
        let store = in_time(PostgresStore::open(&url)).await.unwrap();
        store.nodes().await.unwrap();
        let is_encrypted: bool = sqlx::query_scalar(
            "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
             WHERE application_name = 'encrypted'",
        )
        .fetch_one(&mut turn.raw().await)
        .await
        .unwrap();
        assert!(is_encrypted, "{parameters}");
    }
    // Nobody whom this machine trusts has signed it.
    let told = misconfigured(in_time(PostgresStore::open(&url("sslmode=verify-full"))).await);
    assert!(told.contains("certificate") && told.contains("sslrootcert"), "{told}");
    run(&mut turn.raw().await, "ALTER SYSTEM RESET ALL").await;
    turn.stop();
    turn.restart();
}
