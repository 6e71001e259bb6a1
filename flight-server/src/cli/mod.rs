//! The command line: one file or folder a subcommand. It parses, calls, and prints; what it calls is elsewhere.
//!
//! Data goes to standard output, talk to standard error. Exit status 0, 1 when something failed, 2 when the command
//! or the configuration is wrong.

mod bench;
mod connecting;
mod dataset;
mod demo;
mod doctor;
mod file_error;
#[cfg(feature = "duckdb")]
mod lake;
mod moment;
mod nodes;
mod rows;
mod serve;
mod sessions;
mod spool;
mod sql;
mod store;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command};

use crate::client::with_causes;
use crate::config::arguments;

/// What went wrong in what was asked for, as opposed to in doing it.
const USAGE: u8 = 2;

/// Does what the arguments say. The first one is the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(answer) => {
            // Help that was asked for goes to standard output, everything else to standard error; nothing can be done
            // when neither takes it.
            let _ = answer.print();
            return match answer.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(USAGE),
            };
        }
    };
    match matches.subcommand() {
        Some(("serve", flags)) => serve::run(flags),
        Some(("doctor", flags)) => doctor::run(flags),
        Some(("dataset", chosen)) => dataset::run(chosen),
        Some(("sessions", chosen)) => sessions::run(chosen),
        Some(("nodes", chosen)) => nodes::run(chosen),
        Some(("sql", flags)) => sql::run(flags),
        Some(("bench", chosen)) => bench::run(chosen),
        Some(("demo", flags)) => demo::run(flags.get_flag("exit")),
        // Clap lets no other subcommand pass, and none only with an error.
        _ => ExitCode::from(USAGE),
    }
}

fn command() -> Command {
    let serve = Command::new("serve")
        .about("Runs the server; no argument is needed")
        .after_help("Settings can also stand in a TOML file, under the flag's name without the dashes.")
        .args(arguments());
    let demo = Command::new("demo")
        .about("Shows a session that survives kill -9 of the servers it is on, on real data; then keeps serving")
        .arg(Arg::new("exit").long("exit").action(ArgAction::SetTrue).help("Ends after the last step"));
    let doctor = Command::new("doctor")
        .about("Checks everything a server needs with these settings, and says what to do")
        .args(arguments())
        .arg(doctor::format_argument());
    Command::new("pintail")
        .about("An Arrow Flight SQL query service whose sessions outlive the node that runs them")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([
            serve,
            sessions::command(),
            nodes::command(),
            dataset::command(),
            sql::command(),
            demo,
            doctor,
            bench::command(),
        ])
}

/// Waits for what a subcommand does, and tells what went wrong. Its exit status is `failed_as` of that.
fn wait_for<E: std::error::Error>(
    work: impl Future<Output = Result<(), E>>,
    failed_as: impl FnOnce(&E) -> ExitCode,
) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&error);
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            failed_as(&error)
        }
    }
}

/// Says on standard error what failed, with its causes.
fn complain(error: &dyn std::error::Error) {
    // When standard error is closed, nobody can be told.
    let _ = writeln!(std::io::stderr().lock(), "error: {}", with_causes(error));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn no_subcommand_is_answered_with_help_as_wrong_usage() {
        let answer =
            command().try_get_matches_from(["pintail"]).map(|_| ()).map_err(|error| (error.kind(), error.to_string()));
        assert!(
            matches!(answer, Err((ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand, text)) if text.contains("serve"))
        );
    }

    #[test]
    fn a_misspelt_flag_is_answered_with_the_nearest() {
        let answer = command().try_get_matches_from(["pintail", "serve", "--lisen", "x"]).map(|_| ());
        assert!(answer.is_err_and(|error| error.to_string().contains("'--listen'")));
    }
}
