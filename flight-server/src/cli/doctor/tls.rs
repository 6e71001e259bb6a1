//! The files of TLS: whether they can be read, belong together, and how long they hold.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tonic::transport::{Identity, Server, ServerTlsConfig};

use super::certificate::{certificates, expiry};
use super::report::Check;
use crate::config::Config;

/// How long before its end a certificate should be renewed.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

pub(super) fn tls(config: &Config) -> Vec<Check> {
    let Some(files) = &config.tls else {
        let address = config.listen.ip();
        return vec![match address.is_loopback() {
            true => Check::ok("TLS", "is off; only this machine can connect"),
            false => Check::warn("TLS", "is off: passwords and data travel readable; give --tls-cert and --tls-key"),
        }];
    };
    let mut checks = Vec::new();
    let mut read = |flag: &str, path: &Path| match fs::read(path) {
        Ok(content) => Some(content),
        Err(error) => {
            checks.push(Check::fail(format!("TLS {flag}"), format!("{} can't be read: {error}", path.display())));
            None
        }
    };
    let certificate = read("--tls-cert", &files.certificate);
    let key = read("--tls-key", &files.key);
    let client_ca = files.client_ca.as_deref().map(|path| (path, read("--tls-client-ca", path)));
    if let (Some(certificate), Some(key)) = (&certificate, &key) {
        checks.push(pair(certificate, key));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if let Some(certificate) = &certificate {
        checks.push(time_left("TLS --tls-cert", &files.certificate, certificate, now));
    }
    if let Some((path, Some(authorities))) = &client_ca {
        checks.push(time_left("TLS --tls-client-ca", path, authorities, now));
    }
    checks
}

/// Whether the key is that of the certificate.
fn pair(certificate: &[u8], key: &[u8]) -> Check {
    let tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
    match Server::builder().tls_config(tls) {
        Ok(_) => Check::ok("TLS key", "belongs to the certificate"),
        Err(error) => Check::fail(
            "TLS key",
            format!(
                "key and certificate can't be used together: {}; both must be PEM, and the key the certificate's own",
                crate::cli::with_causes(&error)
            ),
        ),
    }
}

/// How long the certificates of a file hold: as long as the first of them that ends.
fn time_left(name: &str, path: &Path, pem: &[u8], now: Duration) -> Check {
    let ends: Option<Vec<u64>> = certificates(pem).iter().map(|certificate| expiry(certificate)).collect();
    let Some(first) = ends.and_then(|ends| ends.into_iter().min()) else {
        return Check::fail(name, format!("{} holds no certificate that can be read as PEM", path.display()));
    };
    let end = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(first));
    match first.checked_sub(now.as_secs()) {
        None => Check::fail(name, format!("{} has expired on {end}; renew it", path.display())),
        Some(left) if left < SOON.as_secs() => {
            Check::warn(name, format!("{} expires on {end}; renew it", path.display()))
        }
        Some(_) => Check::ok(name, format!("{} holds until {end}", path.display())),
    }
}
