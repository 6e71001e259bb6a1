//! What kinds of values settings take.

use super::error::nearest;
use super::size::Size;

/// What a setting may be. The text that says so is in error messages and in the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An IP address and a port, or `localhost` and a port.
    Address,
    /// The URI under which a Flight client reaches a server.
    Uri,
    /// Any text that is not empty and has no control characters.
    Name,
    /// A path of a file or directory.
    Path,
    /// Several paths: the flag is repeated, the variable has `:` between them, the TOML key is a list.
    Paths,
    /// Several datasets, each `NAME=URL`: the flag is repeated, the variable has spaces between them.
    Datasets,
    /// The URL of a session store.
    Store,
    /// A DuckDB database.
    Database,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A time, of at least so many milliseconds.
    Duration(u64),
    /// An amount of memory.
    Size,
    /// A whole number from 1.
    Count,
    /// A directory, or the URL of a place in an object store.
    DataPath,
    /// On or off.
    Switch,
}

impl Kind {
    /// What a value may be, to follow "must be".
    pub fn expected(self) -> String {
        match self {
            Self::Address => "an IP address with a port, such as `127.0.0.1:8815` or `[::1]:0`".into(),
            Self::Uri => "a URI `grpc://host:port` or `grpc+tls://host:port`".into(),
            Self::Name => "a text of printable characters".into(),
            Self::Path => "a path".into(),
            Self::Paths => "paths: a repeated flag, a list in TOML, or separated by `:` in the environment".into(),
            Self::Datasets => "`NAME=URL`: a repeated flag, or separated by spaces in the environment".into(),
            Self::Store => "`sqlite:` and the path of a file, or `postgres://user@host/database`".into(),
            Self::Database => {
                "the path of a database file, `:memory:`, or `ducklake:postgres://user@host/database`".into()
            }
            Self::DataPath => "a directory, or `s3://bucket/prefix`".into(),
            Self::Choice([only]) => format!("`{only}`"),
            Self::Choice(words) => format!("one of {}", listed(words)),
            Self::Duration(least) if least > 1 => {
                format!("a time of at least `{least}ms`, such as `30s` or `2h 30m`")
            }
            Self::Duration(_) => "a time such as `500ms`, `30s` or `2h 30m`".into(),
            Self::Size => "a size such as `4GB`, `512MiB` or `75%`".into(),
            Self::Count => "a whole number from 1".into(),
            Self::Switch => "`true` or `false`".into(),
        }
    }

    /// The right value that `text` was most likely meant to be.
    pub fn nearest(self, text: &str) -> Option<String> {
        let text = text.trim();
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match self {
            Self::Address if is_number => text.parse::<u16>().ok().map(|port| format!("127.0.0.1:{port}")),
            Self::Address => match text.strip_prefix(':') {
                Some(port) => port.parse::<u16>().ok().map(|port| format!("0.0.0.0:{port}")),
                None => text.parse::<std::net::IpAddr>().ok().map(|ip| std::net::SocketAddr::new(ip, 8815).to_string()),
            },
            Self::Uri => (!text.is_empty() && !text.contains("://")).then(|| format!("grpc://{text}")),
            Self::Choice(words) => nearest(text, words.iter().copied()),
            Self::Duration(_) => is_number.then(|| format!("{text}s")),
            Self::Size => {
                let with_unit = if is_number { format!("{text}GB") } else { format!("{text}B") };
                Size::parse(&with_unit).map(|_| with_unit)
            }
            Self::Switch => match text.to_ascii_lowercase().as_str() {
                "1" | "yes" | "on" | "y" => Some("true".into()),
                "0" | "no" | "off" | "n" => Some("false".into()),
                other => nearest(other, ["true", "false"]),
            },
            Self::Name
            | Self::Path
            | Self::Paths
            | Self::Datasets
            | Self::Store
            | Self::Database
            | Self::DataPath
            | Self::Count => None,
        }
    }
}

/// Words as they stand in messages.
pub(super) fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
