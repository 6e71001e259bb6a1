//! The flags and variables by which commands that are clients find their servers, and say who they are.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use thiserror::Error;
use zeroize::Zeroizing;

use super::file_error::FileError;
use crate::client::{ClientTls, Credentials, ServerUri};

/// Where a server is whose operator chose nothing else.
const DEFAULT_URI: &str = "grpc://127.0.0.1:8815";

/// Where such a server leaves the password that it made up.
const GENERATED_PASSWORD: &str = "pintail-data/initial-password";

/// The variable with a password. There is no flag for it: other users of the machine see those.
pub(super) const PASSWORD_VARIABLE: &str = "PINTAIL_PASSWORD";

/// Why it can't be told how to connect.
#[derive(Debug, Error)]
pub(super) enum ConnectingError {
    /// What was asked for is wrong.
    #[error("{0}")]
    Usage(String),
    /// A file can't be read.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The flags.
pub(super) fn arguments() -> Vec<Arg> {
    let flag = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let file = |name: &'static str, variable: &'static str, help: &'static str| {
        flag(name, "FILE", help).env(variable).value_parser(value_parser!(PathBuf))
    };
    vec![
        Arg::new("uri")
            .value_name("URI")
            .num_args(0..)
            .env("PINTAIL_URI")
            .value_delimiter(' ')
            .default_value(DEFAULT_URI)
            .help("Servers: grpc://HOST:PORT or grpc+tls://HOST:PORT; the next is tried when one fails"),
        flag("user", "NAME", "Who begins the session").env("PINTAIL_USER").default_value("pintail"),
        file("password-file", "PINTAIL_PASSWORD_FILE", "File with the password, on one line"),
        file(
            "tls-ca",
            "PINTAIL_TLS_CA",
            "PEM file with the CA of the server's certificate, if the system does not trust it",
        ),
        file("tls-client-cert", "PINTAIL_TLS_CLIENT_CERT", "PEM file with this client's certificate")
            .requires("tls-client-key"),
        file("tls-client-key", "PINTAIL_TLS_CLIENT_KEY", "PEM file with its key").requires("tls-client-cert"),
        flag("tls-server-name", "NAME", "The name in the server's certificate, if not that of the URI"),
        Arg::new("insecure")
            .long("insecure")
            .action(ArgAction::SetTrue)
            .help("Sends the password without TLS to other machines too"),
        flag("connect-timeout", "TIME", "For how long it is tried to connect at first")
            .default_value("10s")
            .value_parser(humantime::parse_duration),
    ]
}

/// How long it is tried to connect.
pub(super) fn connect_timeout(flags: &ArgMatches) -> Duration {
    flags.get_one::<Duration>("connect-timeout").copied().unwrap_or(Duration::from_secs(10))
}

/// What TLS needs.
pub(super) fn tls(flags: &ArgMatches) -> Result<ClientTls, ConnectingError> {
    let path = |name| flags.get_one::<PathBuf>(name);
    let read = |path: &PathBuf| fs::read(path).map_err(FileError::doing(format!("read {}", path.display())));
    let identity = match (path("tls-client-cert"), path("tls-client-key")) {
        (Some(certificate), Some(key)) => Some((read(certificate)?, read(key)?)),
        _ => None,
    };
    Ok(ClientTls {
        authorities: path("tls-ca").map(read).transpose()?,
        identity,
        server_name: flags.get_one::<String>("tls-server-name").cloned(),
    })
}

/// Where the servers are.
pub(super) fn servers(flags: &ArgMatches) -> Result<Vec<ServerUri>, ConnectingError> {
    let texts = flags.get_many::<String>("uri").unwrap_or_default();
    let servers = texts
        .map(|text| text.parse::<ServerUri>().map_err(|error| ConnectingError::Usage(error.to_string())))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(open) = servers.iter().find(|uri| !uri.is_encrypted() && !uri.is_loopback())
        && !flags.get_flag("insecure")
    {
        return Err(ConnectingError::Usage(format!(
            "{open} is on another machine, and what is sent to it, the password too, would not be encrypted: use grpc+tls://, \
             or --insecure if the network is trusted"
        )));
    }
    Ok(servers)
}

/// Who it is that connects; a password is asked for if there is none.
pub(super) fn credentials(flags: &ArgMatches, servers: &[ServerUri]) -> Result<Credentials, ConnectingError> {
    let user = flags.get_one::<String>("user").cloned().unwrap_or_default();
    let generated = Path::new(GENERATED_PASSWORD);
    let password = if let Some(file) = flags.get_one::<PathBuf>("password-file") {
        one_line(file)?
    } else if let Ok(password) = std::env::var(PASSWORD_VARIABLE) {
        Zeroizing::new(password)
    } else if servers.iter().all(ServerUri::is_loopback) && generated.is_file() {
        one_line(generated)?
    } else if std::io::stdin().is_terminal() {
        let prompt = format!("Password of {user}: ");
        Zeroizing::new(rpassword::prompt_password(prompt).map_err(FileError::doing("read the password"))?)
    } else {
        return Err(ConnectingError::Usage(format!(
            "there is no password for {user}: give --password-file, or the variable {PASSWORD_VARIABLE}"
        )));
    };
    Ok(Credentials { user, password })
}

/// The secret in a file.
pub(super) fn one_line(file: &Path) -> Result<Zeroizing<String>, ConnectingError> {
    let text = fs::read_to_string(file).map(Zeroizing::new);
    let text = text.map_err(FileError::doing(format!("read {}", file.display())))?;
    let line = Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
    match line.is_empty() || line.contains('\n') {
        true => Err(ConnectingError::Usage(format!("{} has to have one line in it", file.display()))),
        false => Ok(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(given: &[&str]) -> ArgMatches {
        let command = clap::Command::new("x").args(arguments());
        command.try_get_matches_from(std::iter::once(&"x").chain(given)).unwrap()
    }

    #[test]
    fn passwords_leave_the_machine_encrypted_or_when_told() {
        let remote = "grpc://db.internal:8815";
        assert!(
            matches!(servers(&parsed(&[remote])), Err(ConnectingError::Usage(text)) if text.contains("grpc+tls://"))
        );
        assert_eq!(servers(&parsed(&[remote, "--insecure"])).unwrap().len(), 1);
        assert_eq!(servers(&parsed(&["grpc+tls://db.internal:8815", "grpc://localhost:1"])).unwrap().len(), 2);
        assert_eq!(servers(&parsed(&[])).unwrap()[0].to_string(), DEFAULT_URI);
    }

    #[test]
    fn a_secret_is_one_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "secret\n").unwrap();
        assert_eq!(one_line(file.path()).unwrap().as_str(), "secret");
        for wrong in ["", "\n", "a\nb\n"] {
            fs::write(file.path(), wrong).unwrap();
            assert!(matches!(one_line(file.path()), Err(ConnectingError::Usage(_))), "{wrong:?}");
        }
    }
}
