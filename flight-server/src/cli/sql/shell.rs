//! The shell on a terminal: lines are read, statements run, until somebody has enough.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use tokio::runtime::Runtime;

use super::commands::{self, Next};
use super::completion::Completion;
use super::error::SqlError;
use super::runner::{Runner, complain, say};
use super::script;

const PROMPT: &str = "pintail> ";
/// Within a transaction.
const PROMPT_WITHIN: &str = "pintail*> ";
const HISTORY: usize = 10_000;

/// What the line editor asks.
struct Assistant(Completion);

impl Helper for Assistant {}
impl Highlighter for Assistant {}
impl Hinter for Assistant {
    type Hint = String;
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        Ok(match is_command(text) || script::is_complete(text) {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, position: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, found) = self.0.complete(&line[..position]);
        Ok((start, found.into_iter().map(|text| Pair { display: text.clone(), replacement: text }).collect()))
    }
}

/// Reads and runs until the end. `runtime` serves the connection while somebody types.
pub(super) fn run(runner: &mut Runner, runtime: &Runtime) -> Result<(), SqlError> {
    let config = Config::builder()
        .max_history_size(HISTORY)?
        .history_ignore_dups(true)?
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .build();
    let mut editor: Editor<Assistant, DefaultHistory> = Editor::with_config(config)?;
    let history = history_file();
    if let Some(file) = &history {
        // There is none at first, and one that can't be read is not worth more than that.
        let _ = editor.load_history(file);
    }
    editor.set_helper(Some(Assistant(Completion::new(runner.session().clone(), runtime.handle().clone()))));
    say(&greeting(runner));
    loop {
        let line = match editor.readline(if runner.is_in_transaction() { PROMPT_WITHIN } else { PROMPT }) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if line.trim().is_empty() {
            continue;
        }
        if !names_a_secret(&line) {
            let kept = editor.add_history_entry(line.as_str());
            if let (Ok(true), Some(file)) = (kept, &history) {
                // Without a history everything else works.
                let _ = editor.append_history(file);
            }
        }
        if runtime.block_on(run_line(runner, &line)) == Next::End {
            return Ok(());
        }
        if let Some(Assistant(completion)) = editor.helper_mut() {
            completion.forget(runner.session());
        }
    }
}

/// Runs what was typed. What fails is told, and the rest of the line is not run.
async fn run_line(runner: &mut Runner, line: &str) -> Next {
    if is_command(line) {
        return match commands::run(runner, line).await {
            Ok(next) => next,
            Err(SqlError::Stopped) => Next::GoOn,
            Err(error) => {
                say(&format!("error: {error}"));
                Next::GoOn
            }
        };
    }
    for statement in script::statements(line) {
        if let Err(error) = runner.run(&statement).await {
            complain(&error, &statement);
            if matches!(&error, SqlError::Client(error) if error.is_session_over()) {
                say("the session is over; \\connect begins another");
            }
            break;
        }
    }
    Next::GoOn
}

/// Whether a line is for the shell itself. The words by which other shells are left are understood.
fn is_command(line: &str) -> bool {
    let line = line.trim();
    line.starts_with('\\') || ["exit", "quit"].contains(&line.trim_end_matches(';').to_ascii_lowercase().as_str())
}

fn greeting(runner: &Runner) -> String {
    let server = runner.session().server().map(|uri| uri.to_string()).unwrap_or_default();
    format!("pintail {} at {server}; \\? for help", env!("CARGO_PKG_VERSION"))
}

/// What may have a password in it is not written down.
fn names_a_secret(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    ["secret", "password", "token"].iter().any(|word| line.contains(word))
}

/// Where what was typed is kept, for this user alone: the XDG directory for states.
fn history_file() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let states = variable("XDG_STATE_HOME").or_else(|| Some(variable("HOME")?.join(".local/state")))?;
    let directory = states.join("pintail");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory).ok()?;
    Some(directory.join("sql_history"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_shells_words_for_leaving_are_understood() {
        for command in ["\\q", "  \\x", "exit", "QUIT;"] {
            assert!(is_command(command), "{command}");
        }
        for statement in ["SELECT 1", "exit now", "'\\q'"] {
            assert!(!is_command(statement), "{statement}");
        }
    }

    #[test]
    fn statements_with_secrets_are_not_kept() {
        assert!(names_a_secret("CREATE SECRET s (TYPE s3, KEY_ID 'x')"));
        assert!(names_a_secret("ATTACH 'postgres:password=x'"));
        assert!(!names_a_secret("SELECT 1"));
    }
}
