//! The flags and variables of `pintail sql`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use zeroize::Zeroizing;

use super::error::SqlError;
use super::print::Shape;
use crate::cli::connecting;
use crate::cli::rows::RowFormat;
use crate::client::{ClientTls, Credentials, Patience, ServerUri};

/// How the session is come by.
pub(super) enum Entrance {
    /// A new one.
    Begin(Credentials),
    /// One that there is.
    Resume(Zeroizing<String>),
}

/// What is run when nobody types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Text(String),
    File(PathBuf),
}

/// What the flags and variables say.
pub(super) struct Settings {
    pub(super) servers: Vec<ServerUri>,
    pub(super) tls: ClientTls,
    pub(super) patience: Patience,
    pub(super) entrance: Entrance,
    pub(super) sources: Vec<Source>,
    pub(super) shape: Shape,
    pub(super) pager: bool,
    pub(super) progress: bool,
}

/// The subcommand.
pub(super) fn command() -> Command {
    let flag = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let switch =
        |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("sql")
        .about("A shell for a server; its session goes on by itself when a node dies")
        .after_help(
            "Without -c and -f it reads statements from the terminal, or from standard input, and ends at the first that \
             fails. The password is read from --password-file, from the variable PINTAIL_PASSWORD, from what a server \
             with its data directory here has made up, or from the terminal.",
        )
        .arg(
            flag("command", "SQL", "Runs this, instead of reading statements; may be repeated, also with -f")
                .short('c')
                .action(ArgAction::Append),
        )
        .arg(
            flag("file", "FILE", "Runs what is in a file; - is standard input")
                .short('f')
                .action(ArgAction::Append)
                .value_parser(value_parser!(PathBuf)),
        )
        .args(connecting::arguments())
        .arg(
            flag("token-file", "FILE", "Goes on with the session whose token is in the file, and leaves it open")
                .env("PINTAIL_TOKEN_FILE")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            flag("deadline", "TIME", "For how long what fails is tried again")
                .default_value("60s")
                .value_parser(humantime::parse_duration),
        )
        .arg(RowFormat::argument())
        .arg(switch("expanded", "Shows tables a column a line").short('x'))
        .arg(switch("no-pager", "Shows long results without a pager ($PAGER, or less)"))
        .arg(switch("no-progress", "Shows no progress of long statements"))
}

impl Settings {
    /// What was chosen; a password is asked for if there is none.
    pub(super) fn of(flags: &ArgMatches) -> Result<Self, SqlError> {
        let servers = connecting::servers(flags)?;
        let patience = Patience {
            deadline: flags.get_one::<Duration>("deadline").copied().unwrap_or(Duration::from_secs(60)),
            connect: connecting::connect_timeout(flags),
            keepalive: Duration::from_secs(10),
        };
        let entrance = match flags.get_one::<PathBuf>("token-file") {
            Some(file) => Entrance::Resume(connecting::one_line(file)?),
            None => Entrance::Begin(connecting::credentials(flags, &servers)?),
        };
        Ok(Self {
            servers,
            tls: connecting::tls(flags)?,
            patience,
            entrance,
            sources: sources(flags),
            shape: Shape { format: RowFormat::chosen(flags), expanded: flags.get_flag("expanded") },
            pager: !flags.get_flag("no-pager"),
            progress: !flags.get_flag("no-progress"),
        })
    }
}

/// `-c` and `-f`, in the order in which they were given.
fn sources(flags: &ArgMatches) -> Vec<Source> {
    let texts = flags.get_many::<String>("command").unwrap_or_default().map(|text| Source::Text(text.clone()));
    let files = flags.get_many::<PathBuf>("file").unwrap_or_default().map(|file| Source::File(file.clone()));
    let mut sources: Vec<(usize, Source)> = flags.indices_of("command").unwrap_or_default().zip(texts).collect();
    sources.extend(flags.indices_of("file").unwrap_or_default().zip(files));
    sources.sort_by_key(|(at, _)| *at);
    sources.into_iter().map(|(_, source)| source).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CLIENT_VARIABLES;

    fn parsed(arguments: &[&str]) -> ArgMatches {
        command().try_get_matches_from(std::iter::once(&"sql").chain(arguments)).unwrap()
    }

    #[test]
    fn texts_and_files_are_run_in_the_order_given() {
        let flags = parsed(&["-c", "one", "-f", "two", "-c", "three"]);
        let expected = [Source::Text("one".into()), Source::File("two".into()), Source::Text("three".into())];
        assert_eq!(sources(&flags), expected);
        assert_eq!(sources(&parsed(&[])), []);
    }

    #[test]
    fn a_server_does_not_stumble_over_variables_of_the_shell() {
        let servers: Vec<String> = crate::config::SETTINGS.iter().map(crate::config::Setting::variable).collect();
        for argument in command().get_arguments().filter_map(|argument| argument.get_env()) {
            let name = argument.to_str().unwrap();
            assert!(servers.iter().any(|known| known == name) || CLIENT_VARIABLES.contains(&name), "{name}");
        }
        assert!(CLIENT_VARIABLES.contains(&connecting::PASSWORD_VARIABLE));
    }
}
