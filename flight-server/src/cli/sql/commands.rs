//! The commands of the shell itself, which begin with a backslash.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::error::SqlError;
use super::runner::{Runner, say};
use super::script;
use crate::cli::file_error::FileError;
use crate::cli::rows::RowFormat;
use crate::client::Table;

/// What each does, for `\?` and for completion.
pub(super) const COMMANDS: [(&str, &str); 11] = [
    ("\\?", "shows this"),
    ("\\q", "ends; the session too, unless \\token has kept it"),
    ("\\d [NAME]", "lists the tables, or the columns of one"),
    ("\\x", "shows tables a column a line, or a row a line again"),
    ("\\format [table|json|csv]", "chooses how results are shown"),
    ("\\pager [on|off]", "shows long results in a pager ($PAGER, or less), or does not"),
    ("\\timing [on|off]", "tells how long each statement took, or does not"),
    ("\\i FILE", "runs the statements in a file, up to the first that fails"),
    ("\\session", "tells which session this is, and what became of it"),
    ("\\token FILE", "writes the session's token to a file, and keeps the session"),
    ("\\connect", "ends the session, and begins another"),
];

/// Whether the shell goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    GoOn,
    End,
}

/// Does what a line that begins with a backslash says.
pub(super) async fn run(runner: &mut Runner, line: &str) -> Result<Next, SqlError> {
    let (name, argument) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    let argument = argument.trim().trim_end_matches(';').trim_end();
    match name.trim_end_matches(';').to_ascii_lowercase().as_str() {
        "\\q" | "\\quit" | "\\exit" | "quit" | "exit" => return Ok(Next::End),
        "\\?" | "\\h" | "\\help" => help(),
        "\\d" | "\\dt" => describe(runner, argument).await?,
        "\\x" => {
            runner.shape.expanded = !runner.shape.expanded;
            say(if runner.shape.expanded { "a column a line" } else { "a row a line" });
        }
        "\\format" => match argument {
            "table" => runner.shape.format = RowFormat::Table,
            "json" => runner.shape.format = RowFormat::Json,
            "csv" => runner.shape.format = RowFormat::Csv,
            _ => return Err(SqlError::Usage("\\format takes table, json or csv".to_owned())),
        },
        "\\pager" => runner.pager = switched(name, argument, runner.pager)?,
        "\\timing" => runner.timing = switched(name, argument, runner.timing)?,
        "\\i" => file(runner, argument).await?,
        "\\session" => tell_session(runner),
        "\\token" => hand_out(runner, argument)?,
        "\\connect" => {
            runner.reconnect().await?;
            say("a new session");
        }
        _ => return Err(SqlError::Usage(format!("there is no command {}; \\? lists them", name.escape_debug()))),
    }
    Ok(Next::GoOn)
}

fn help() {
    say("Statements end with a semicolon and may have several lines. Tab completes names; Ctrl-C cancels a statement.");
    for (usage, does) in COMMANDS {
        say(&format!("  {usage:<26}{does}"));
    }
}

fn switched(name: &str, argument: &str, now: bool) -> Result<bool, SqlError> {
    let on = match argument {
        "on" => true,
        "off" => false,
        "" => !now,
        _ => return Err(SqlError::Usage(format!("{name} takes on or off"))),
    };
    say(&format!("{} is {}", name.trim_start_matches('\\'), if on { "on" } else { "off" }));
    Ok(on)
}

async fn describe(runner: &Runner, name: &str) -> Result<(), SqlError> {
    let tables = runner.session().tables(&runner.session().operation()).await?;
    if name.is_empty() {
        let row = |table: Table| [table.catalog, table.schema, table.name, table.kind].map(Some).to_vec();
        return runner.show_texts(&["catalog", "schema", "name", "kind"], tables.into_iter().map(row).collect());
    }
    let mut found: Vec<Table> = tables.into_iter().filter(|table| is_named(table, name)).collect();
    if found.is_empty() {
        return Err(SqlError::Usage(format!("there is no table {}; \\d lists them", name.escape_debug())));
    }
    found.sort_by(|one, other| (&one.catalog, &one.schema).cmp(&(&other.catalog, &other.schema)));
    for table in found {
        say(&format!("{} {}.{}.{}", table.kind, table.catalog, table.schema, table.name));
        let rows = table.columns.into_iter().map(|(name, kind)| vec![Some(name), Some(kind.unwrap_or_default())]);
        runner.show_texts(&["column", "type"], rows.collect())?;
    }
    Ok(())
}

/// Whether a table is meant by a name, which may be qualified from the right, and quoted.
fn is_named(table: &Table, name: &str) -> bool {
    let parts = [&table.name, &table.schema, &table.catalog];
    let mut wanted = name.rsplit('.').map(|part| part.trim().trim_matches('"'));
    let is_same = parts.iter().zip(wanted.by_ref()).all(|(part, wanted)| part.eq_ignore_ascii_case(wanted));
    is_same && wanted.next().is_none()
}

async fn file(runner: &mut Runner, name: &str) -> Result<(), SqlError> {
    if name.is_empty() {
        return Err(SqlError::Usage("\\i takes the name of a file".to_owned()));
    }
    let text = fs::read_to_string(name).map_err(FileError::doing(format!("read {}", name.escape_debug())))?;
    for statement in script::statements(&text) {
        if let Err(error) = runner.run(&statement).await {
            super::runner::complain(&error, &statement);
            return Err(SqlError::Stopped);
        }
    }
    Ok(())
}

fn tell_session(runner: &Runner) {
    let session = runner.session();
    say(&format!("id:            {}", session.id().unwrap_or_default()));
    say(&format!("server:        {}", session.server().map(|uri| uri.to_string()).unwrap_or_default()));
    say(&format!("reattachments: {}", session.reattachments()));
    for lost in session.lost() {
        say(&format!("lost:          {lost}"));
    }
}

/// Writes the token where nobody else can read it.
fn hand_out(runner: &mut Runner, name: &str) -> Result<(), SqlError> {
    if name.is_empty() {
        return Err(SqlError::Usage("\\token takes the name of a file".to_owned()));
    }
    let path = Path::new(name);
    let failed = || FileError::doing(format!("write {}", path.display()));
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).map_err(failed())?;
    // A file that was there keeps its mode.
    file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(failed())?;
    writeln!(file, "{}", *runner.session().token()).map_err(failed())?;
    runner.keep();
    say(&format!("the session stays when this ends; go on with it by: pintail sql --token-file {}", path.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_qualified_from_the_right() {
        let table = Table {
            catalog: "pintail".into(),
            schema: "main".into(),
            name: "Flights".into(),
            kind: "BASE TABLE".into(),
            columns: Vec::new(),
        };
        for name in ["flights", "main.flights", "pintail.main.Flights", "\"Flights\""] {
            assert!(is_named(&table, name), "{name}");
        }
        for name in ["flight", "other.flights", "x.pintail.main.flights", ""] {
            assert!(!is_named(&table, name), "{name}");
        }
    }
}
