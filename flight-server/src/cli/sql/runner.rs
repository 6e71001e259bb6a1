//! Runs statements in a session and shows what comes of them.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use super::error::SqlError;
use super::interrupts::Interrupts;
use super::output::Output;
use super::print::{Column, Printer, Shape, Table};
use super::progress::ProgressLine;
use super::settings::{Entrance, Settings};
use crate::cli::rows::RowFormat;
use crate::client::{ClientError, Operation, Outcome, Session, StatementKind, kind};

/// A session, and how its results are shown.
pub(super) struct Runner {
    settings: Settings,
    session: Arc<Session>,
    interrupts: Interrupts,
    pub(super) shape: Shape,
    pub(super) pager: bool,
    pub(super) timing: bool,
    /// How often the session had been brought to another server when that was told last.
    reattachments: u64,
    /// The session stays when this ends.
    kept: bool,
    transaction: bool,
}

impl Runner {
    /// Begins a session, or goes on with one.
    pub(super) async fn connect(settings: Settings, interrupts: Interrupts) -> Result<Self, SqlError> {
        let session = Arc::new(open(&settings).await?);
        Ok(Self {
            shape: settings.shape,
            pager: settings.pager,
            timing: false,
            reattachments: 0,
            kept: matches!(settings.entrance, Entrance::Resume(_)),
            transaction: false,
            settings,
            session,
            interrupts,
        })
    }

    pub(super) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Whether a transaction was begun and not ended.
    pub(super) fn is_in_transaction(&self) -> bool {
        self.transaction
    }

    /// Ends the session, and begins another.
    pub(super) async fn reconnect(&mut self) -> Result<(), SqlError> {
        let session = Arc::new(open(&self.settings).await?);
        self.close().await;
        self.session = session;
        self.kept = matches!(self.settings.entrance, Entrance::Resume(_));
        (self.transaction, self.reattachments) = (false, 0);
        Ok(())
    }

    /// The session stays when this ends.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }

    /// Ends the session, unless it is to stay.
    pub(super) async fn close(&self) {
        if !self.kept
            && let Err(error) = self.session.close().await
        {
            say(&format!(
                "note: the session was not closed, and ends by itself when it has been idle: {}",
                error.message
            ));
        }
    }

    /// Runs one statement, and shows its rows.
    pub(super) async fn run(&mut self, sql: &str) -> Result<(), SqlError> {
        let session = Arc::clone(&self.session);
        let operation = session.operation();
        let interrupts = self.interrupts.clone();
        let running = interrupts.cancel(operation.canceller());
        let done = self.show(&session, sql, &operation).await;
        drop(running);
        self.tell_moves();
        match &done {
            Ok(()) => match kind(sql) {
                StatementKind::Begin => self.transaction = true,
                StatementKind::Commit | StatementKind::RollBack => self.transaction = false,
                _ => {}
            },
            Err(SqlError::Client(error)) if error.is_session_over() => self.transaction = false,
            Err(_) => {}
        }
        done
    }

    async fn show(&self, session: &Session, sql: &str, operation: &Operation) -> Result<(), SqlError> {
        let progress = ProgressLine::new(self.settings.progress);
        let tell = |done| progress.tell(done);
        let outcome = progress.beside(session.run(sql, operation, Some(&tell))).await?;
        let mut rows = match outcome {
            Outcome::Rows(rows) => rows,
            Outcome::Done { changed } => {
                let took = self.took(progress.elapsed());
                match changed {
                    Some(changed) => say(&format!("{}{took}", counted(changed, "row changed", "rows changed"))),
                    None => say(&format!("done{took}")),
                }
                return Ok(());
            }
        };
        let pager = self.pager && self.shape.format == RowFormat::Table;
        let mut out = Output::new(pager);
        let mut printer = Printer::new(self.shape, rows.schema());
        let mut count = 0;
        let shown: Result<(), SqlError> = async {
            printer.begin(&mut out)?;
            while let Some(batch) = progress.beside(rows.next()).await? {
                count += batch.num_rows() as u64;
                progress.rows(count);
                printer.batch(&batch, &mut out)?;
            }
            printer.end(&mut out)?;
            Ok(())
        }
        .await;
        match shown {
            Err(error) if error.is_closed_output() => {
                rows.give_up().await;
                return Ok(());
            }
            Err(error) => {
                // What came before the failure is shown above it.
                let _ = out.end();
                return Err(error);
            }
            Ok(()) => {}
        }
        match out.end() {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error.into()),
            _ => {}
        }
        if self.shape.format == RowFormat::Table {
            say(&format!("({}){}", counted(count, "row", "rows"), self.took(progress.elapsed())));
        }
        Ok(())
    }

    /// Shows rows that are not from a statement.
    pub(super) fn show_texts(&self, names: &[&str], rows: Vec<Vec<Option<String>>>) -> Result<(), SqlError> {
        let mut out = Output::new(self.pager);
        let mut table = Table::new(names.iter().map(|name| Column::text(name)).collect());
        for row in rows {
            table.row(row, &mut out)?;
        }
        table.end(&mut out)?;
        Ok(out.end()?)
    }

    fn took(&self, time: Duration) -> String {
        if self.timing { format!(", {:.3} s", time.as_secs_f64()) } else { String::new() }
    }

    /// Tells where the session went, and what it lost on the way.
    fn tell_moves(&mut self) {
        let reattachments = self.session.reattachments();
        if std::mem::replace(&mut self.reattachments, reattachments) != reattachments {
            let server = self.session.server().map(|uri| uri.to_string()).unwrap_or_default();
            say(&format!("note: the connection broke; the session goes on at {server}"));
        }
        for lost in self.session.take_untold() {
            say(&format!("warning: another node has the session now, and could not bring along: {lost}"));
        }
    }
}

async fn open(settings: &Settings) -> Result<Session, ClientError> {
    let Settings { servers, tls, patience, entrance, .. } = settings;
    let operation = Operation::new(patience.connect);
    let (servers, tls) = (servers.clone(), tls.clone());
    match entrance {
        Entrance::Begin(credentials) => Session::begin(servers, tls, *patience, credentials, &operation).await,
        Entrance::Resume(token) => Session::resume(servers, tls, *patience, token.clone(), &operation).await,
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Says something that is no data.
pub(super) fn say(text: &str) {
    // When standard error is closed, nobody wants to know.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Says what went wrong with a statement, and shows the place where that is known.
pub(super) fn complain(error: &SqlError, sql: &str) {
    say(&format!("error: {error}"));
    if let SqlError::Client(ClientError { position: Some(position), .. }) = error
        && let Some((line, mark)) = place(sql, *position)
    {
        say(&format!("  {line}\n  {mark}"));
    }
}

/// The line with a character, counted from 0, and a mark below it.
fn place(sql: &str, position: usize) -> Option<(String, String)> {
    let before: String = sql.chars().take(position).collect();
    (before.chars().count() == position).then_some(())?;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = sql[start..].lines().next()?;
    let width = unicode_width::UnicodeWidthStr::width(before[start..].replace('\t', " ").as_str());
    Some((line.replace(char::is_control, " "), format!("{}^", " ".repeat(width))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_an_error_is_marked_in_its_line() {
        let (line, mark) = place("SELECT 1,\n\té FRM t", 14).unwrap();
        assert_eq!((line.as_str(), mark.as_str()), (" é FRM t", "    ^"));
        assert_eq!(place("SELECT", 6), Some(("SELECT".to_owned(), "      ^".to_owned())));
        assert_eq!(place("SELECT", 9), None);
    }
}
