//! `pintail sql`: statements of a user's, in a session that outlives the node it is on.

mod commands;
mod completion;
mod error;
mod interrupts;
mod output;
mod print;
mod progress;
mod runner;
mod script;
mod settings;
mod shell;

use std::io::{BufRead, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use clap::{ArgMatches, Command};
use tokio::runtime::{Builder, Runtime};

use self::error::SqlError;
use self::interrupts::Interrupts;
use self::runner::{Runner, complain, say};
use self::script::Script;
use self::settings::{Settings, Source};
use super::file_error::FileError;

/// The subcommand.
pub(super) fn command() -> Command {
    settings::command()
}

/// Runs what the flags say, or what is typed.
pub(super) fn run(flags: &ArgMatches) -> ExitCode {
    match work(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // What stopped it has been told.
            if !matches!(error, SqlError::Stopped) {
                say(&format!("error: {error}"));
            }
            error.exit_code()
        }
    }
}

fn work(flags: &ArgMatches) -> Result<(), SqlError> {
    let settings = Settings::of(flags)?;
    let sources = settings.sources.clone();
    // One thread serves the connection while another reads what is typed, or waits for a pager.
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let is_shell = sources.is_empty() && std::io::stdin().is_terminal();
    let interrupts = Interrupts::listen(&runtime, !is_shell);
    let mut runner = runtime.block_on(Runner::connect(settings, interrupts))?;
    let done = if !sources.is_empty() {
        sources.iter().try_for_each(|source| run_source(&mut runner, &runtime, source))
    } else if is_shell {
        shell::run(&mut runner, &runtime)
    } else {
        run_lines(&mut runner, &runtime, std::io::stdin().lock(), "standard input")
    };
    runtime.block_on(runner.close());
    done
}

fn run_source(runner: &mut Runner, runtime: &Runtime, source: &Source) -> Result<(), SqlError> {
    match source {
        Source::Text(text) => run_lines(runner, runtime, text.as_bytes(), "-c"),
        Source::File(path) if path == Path::new("-") => {
            run_lines(runner, runtime, std::io::stdin().lock(), "standard input")
        }
        Source::File(path) => {
            let name = path.display().to_string();
            let file = std::fs::File::open(path).map_err(FileError::doing(format!("read {name}")))?;
            run_lines(runner, runtime, std::io::BufReader::new(file), &name)
        }
    }
}

/// Runs statements as they come, up to the first that fails.
fn run_lines(runner: &mut Runner, runtime: &Runtime, mut lines: impl BufRead, name: &str) -> Result<(), SqlError> {
    let mut script = Script::default();
    let mut run = |statement: String| match runtime.block_on(runner.run(&statement)) {
        Ok(()) => Ok(()),
        Err(error) => {
            complain(&error, &statement);
            Err(SqlError::Stopped)
        }
    };
    let mut line = String::new();
    loop {
        line.clear();
        let length = lines.read_line(&mut line).map_err(FileError::doing(format!("read {name}")))?;
        script.push(&line);
        while let Some(statement) = script.next() {
            run(statement)?;
        }
        if length == 0 {
            return script.rest().map_or(Ok(()), run);
        }
    }
}
