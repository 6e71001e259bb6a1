//! What the store knows of a session's open transaction.
//!
//! A transaction ends with its node. Its client may name it by an id, and is told so by that; but it may also have begun
//! it by SQL text and name it by nothing, and would go on in autocommit without a word. So the store is told when a
//! transaction begins and before it ends, and whoever takes the session over tells the client what became of it.

use session::JournalEntry;
use tokio::time::Instant;
use uuid::Uuid;

use super::drain::PATIENCE;
use super::ending::Ending;
use super::receipts::Decided;
use super::session::{Session, Turn};
use super::transaction::TransactionId;
use crate::engine::{Request, StateEntry, StatementKind, TransactionStatus};
use crate::error::{Error, ErrorCode, Result};

/// The key of the mark in the journal. Engines know nothing of it.
pub(super) const KEY: &str = "pintail:transaction";

/// What the mark says: that a transaction is open, that it is being ended, or that it was open without having been used
/// when the session was handed back. The id by which clients know it follows, if they do.
const OPEN: &str = "open";
const ENDING: &str = "ending";
const UNUSED: &str = "unused";

/// What is known of the open transaction, or of one that an earlier owner of the session had open.
#[derive(Debug, Default)]
pub(super) struct TransactionLife {
    /// Whether a statement ran in it.
    used: bool,
    /// When a statement last ran in it, or it began.
    touched: Option<Instant>,
    /// It was rolled back when the session was taken over, and the client has not been told, or has not answered.
    lost: bool,
    /// It was being ended when its node did.
    undecided: Option<Ending>,
    /// It was committed by SQL text, and its client was told of a failure of the store instead.
    committed_untold: bool,
    /// The mark, but for what it tells of the session's state, while the one in the store does.
    foretold: Option<StateEntry>,
}

/// Whether a mark says that a transaction is open.
pub(super) fn is_open(mark: &str) -> bool {
    matches!(mark.split(' ').next(), Some(OPEN | UNUSED))
}

/// What an earlier owner left of a transaction.
pub(super) enum Inherited {
    /// None was open.
    Nothing,
    /// It was rolled back.
    Lost,
    /// Whether it was committed its receipt tells.
    Undecided(Ending),
    /// Nothing had run in it, so that it goes on as it was, under this id.
    Unused(Option<TransactionId>),
}

impl Inherited {
    /// Takes the mark out of a journal.
    pub(super) fn take_out_of(journal: &mut Vec<JournalEntry>) -> Self {
        let Some(at) = journal.iter().position(|entry| entry.key == KEY) else { return Self::Nothing };
        let mark = journal.remove(at).statement.unwrap_or_default();
        let (word, id) = mark.split_once(' ').unwrap_or((&mark, ""));
        match word {
            OPEN => Self::Lost,
            ENDING => Self::Undecided(Ending::of(id)),
            UNUSED => Self::Unused(TransactionId::from_hex(id)),
            _ => Self::Nothing,
        }
    }
}

/// What a statement does to transactions, as its first word has it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Begin,
    Commit,
    RollBack,
    Else,
}

impl Does {
    fn of(sql: &str) -> Self {
        let word = first_word(sql);
        let is = |words: &[&str]| words.iter().any(|other| word.eq_ignore_ascii_case(other));
        match () {
            () if is(&["begin", "start"]) => Self::Begin,
            () if is(&["commit", "end"]) => Self::Commit,
            () if is(&["rollback", "abort"]) => Self::RollBack,
            () => Self::Else,
        }
    }
}

/// Whether a text of several statements may end a transaction with one that is not its first.
fn may_end(sql: &str) -> bool {
    let Some((_, rest)) = sql.split_once(';') else { return false };
    let mut words = rest.split(|c: char| !c.is_ascii_alphabetic());
    words.any(|word| ["commit", "end", "rollback", "abort"].iter().any(|end| word.eq_ignore_ascii_case(end)))
}

/// The first word of a text, after white space and comments.
fn first_word(sql: &str) -> &str {
    let mut rest = sql.trim_start();
    loop {
        rest = if let Some(comment) = rest.strip_prefix("--") {
            comment.split_once('\n').map_or("", |(_, rest)| rest)
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/").map_or("", |(_, rest)| rest)
        } else {
            break;
        }
        .trim_start();
    }
    rest.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default()
}

/// What a statement found when it began: see [`Session::before_statement`].
pub(super) struct Found {
    open: bool,
    marked_ending: bool,
    /// Whether it commits the open transaction or rolls it back, where its first word says so.
    commits: Option<bool>,
    /// What it is to be run with, so that there is a receipt of what it commits.
    pub(super) request: Option<Request>,
    /// It is the second commit of a transaction, and the first was made.
    pub(super) is_committed: bool,
}

impl Session {
    /// Sees to it that a statement does not run outside the transaction its client takes it to be in, and that the store
    /// knows of one that may end with it.
    ///
    /// # Errors
    /// `TRANSACTION_LOST`, until the client has ended the transaction, or begun another; `COMMIT_UNKNOWN` for a second
    /// commit of one whose first was cut off, where no receipt can tell; those of the store.
    pub(super) async fn before_statement(
        &self,
        turn: &mut Turn,
        sql: &str,
        request: Option<&Request>,
    ) -> Result<Found> {
        let does = Does::of(sql);
        let (lost, undecided, was_untold) = {
            let mut life = self.transaction_life.lock();
            life.committed_untold &= does == Does::Commit;
            (life.lost, life.undecided.clone(), life.committed_untold)
        };
        let mut is_committed = was_untold && !self.is_in_transaction();
        if lost {
            match does {
                Does::Else => return Err(lost_transaction()),
                Does::Commit => {
                    self.forget_transaction(turn).await?;
                    return Err(lost_transaction());
                }
                Does::Begin => self.forget_transaction(turn).await?,
                Does::RollBack => {
                    self.forget_transaction(turn).await?;
                    // So that there is one to roll back: to the client it is still open.
                    self.fix_engine().begin().await.map_err(|error| self.explain(error))?;
                }
            }
        } else if let Some(ending) = undecided {
            match does {
                // It stays known until something else comes: this answer may be lost as the first one was.
                Does::Commit => match self.outcome(&ending).await? {
                    Decided::NotCommitted => return Err(lost_transaction()),
                    Decided::Unknown => return Err(commit_unknown()),
                    Decided::Committed => is_committed = true,
                },
                Does::Begin | Does::RollBack | Does::Else => self.forget_transaction(turn).await?,
            }
        }
        let open = self.is_in_transaction();
        let mut request = request.cloned();
        let ends_by = match does {
            Does::Commit if open => Some(Some(request.get_or_insert_with(Request::of_own_commit).id)),
            Does::RollBack => Some(None),
            // Whether it commits is known when it has run, and no receipt would tell.
            _ => may_end(sql).then_some(None),
        };
        let marked_ending = open && ends_by.is_some();
        if let (true, Some(receipt)) = (open, ends_by) {
            self.mark_ending(turn, receipt).await?;
        }
        let commits = match does {
            Does::Commit => Some(true),
            Does::RollBack => Some(false),
            Does::Begin | Does::Else => None,
        };
        Ok(Found { open, marked_ending, commits, request, is_committed })
    }

    /// The client is not told that a statement was run: if that was a commit, it will be when it sends it again.
    pub(super) fn note_untold(&self, found: &Found) {
        let is_commit = found.request.is_some() && found.marked_ending && !self.is_in_transaction();
        self.transaction_life.lock().committed_untold = is_commit;
    }

    /// Remembers what became of a statement, and by it of those that ran before in its transaction.
    pub(super) fn log_statement(&self, query: Option<Uuid>, found: &Found, ran: Option<StatementKind>) {
        let open = self.is_in_transaction();
        let mut log = self.statement_log.lock();
        if found.open && (found.marked_ending || !open) {
            // Of a text that fails after it has ended a transaction nobody knows how.
            log.transaction_ended(found.commits.filter(|_| ran.is_some()));
        }
        // One that ends transactions among other statements may have taken these back.
        if let (Some(id), Some(StatementKind::Write | StatementKind::Definition | StatementKind::Other)) = (query, ran)
        {
            log.ran(id, open);
        }
    }

    /// Notes what a statement that has run did to transactions: what is to be journaled of it.
    pub(super) fn after_statement(&self, found: &Found) -> Option<StateEntry> {
        let open = self.is_in_transaction();
        let mut life = self.transaction_life.lock();
        life.touched = Some(Instant::now());
        match (found.open, open) {
            (false, false) => None,
            (false, true) => {
                life.used = false;
                Some(self.mark(OPEN))
            }
            (true, true) => {
                life.used = true;
                found.marked_ending.then(|| self.mark(OPEN))
            }
            (true, false) => (!found.marked_ending).then(ended_mark),
        }
    }

    /// Tells the store that a transaction is open, before its client is told.
    pub(super) async fn mark_open(&self, turn: &mut Turn) -> Result<()> {
        {
            let mut life = self.transaction_life.lock();
            *life = TransactionLife { touched: Some(Instant::now()), ..TransactionLife::default() };
        }
        self.write_state(turn, &[self.mark(OPEN)]).await
    }

    /// Tells the store that the open transaction is being ended, and what the receipt of its commit will name, where there will
    /// be one.
    pub(super) async fn mark_ending(&self, turn: &mut Turn, receipt: Option<Uuid>) -> Result<()> {
        let ending = match receipt {
            None => Ending::default(),
            Some(id) => {
                let state = self.engine().state_of_commit().await.map_err(|error| self.explain(error))?;
                Ending::by_commit(id, &self.engine_of().facts().database, state)
            }
        };
        let rest = if ending.state.is_empty() { None } else { Some(ending_mark(&ending.without_state())?) };
        let written = self.write_state(turn, &[ending_mark(&ending)?]).await;
        self.transaction_life.lock().foretold = rest;
        written
    }

    /// What has to be written with these changes of the session's state: a mark that foretells changes must not outlive others that
    /// come later, or it would undo them.
    pub(super) fn mark_with(&self, state: &[StateEntry]) -> Option<StateEntry> {
        if state.is_empty() {
            return None;
        }
        let rest = self.transaction_life.lock().foretold.take();
        rest.filter(|_| !state.iter().any(|entry| entry.key == KEY))
    }

    /// The client has ended a transaction that an earlier owner of the session had open, or goes on after it. Until the store has
    /// that, nothing is forgotten.
    pub(super) async fn forget_transaction(&self, turn: &mut Turn) -> Result<()> {
        let is_inherited = {
            let life = self.transaction_life.lock();
            life.lost || life.undecided.is_some()
        };
        if is_inherited {
            self.write_state(turn, &[ended_mark()]).await?;
            let mut life = self.transaction_life.lock();
            life.lost = false;
            life.undecided = None;
        }
        Ok(())
    }

    /// Takes over what an earlier owner left; `is_applied` when the session's state is what a commit that was cut off was to make it.
    pub(super) async fn inherit(&self, inherited: Inherited, is_applied: bool) -> Result<()> {
        match inherited {
            Inherited::Nothing => {}
            Inherited::Lost => self.transaction_life.lock().lost = true,
            Inherited::Undecided(ending) => {
                // The engine has that state already.
                if is_applied {
                    let mark = ending_mark(&ending.without_state())?;
                    let mut turn = self.turn.lock().await;
                    self.write_state(&mut turn, &[ending.state.as_slice(), &[mark]].concat()).await?;
                }
                self.transaction_life.lock().undecided = Some(ending);
            }
            Inherited::Unused(id) => {
                self.fix_engine().begin().await?;
                *self.transaction.lock() = id;
                let mut turn = self.turn.lock().await;
                self.mark_open(&mut turn).await?;
            }
        }
        Ok(())
    }

    /// The end that was cut off, of which a commit of a transaction that is not open may be the second.
    pub(super) fn undecided(&self) -> Option<Ending> {
        self.transaction_life.lock().undecided.clone()
    }

    /// Whether the client is in the middle of a transaction.
    pub(super) fn is_amid_transaction(&self) -> bool {
        let life = self.transaction_life.lock();
        let recent = life.touched.is_some_and(|touched| touched.elapsed() < PATIENCE);
        life.used && recent && self.is_in_transaction()
    }

    /// Lets whoever takes the session go on with a transaction in which nothing has run.
    pub(super) async fn carry_transaction(&self) -> Result<()> {
        if !self.is_in_transaction() || self.transaction_life.lock().used {
            return Ok(());
        }
        let mut turn = self.turn.lock().await;
        self.write_state(&mut turn, &[self.mark(UNUSED)]).await
    }

    fn is_in_transaction(&self) -> bool {
        self.engine().transaction() != TransactionStatus::Autocommit
    }

    fn mark(&self, word: &str) -> StateEntry {
        let id = self.current_transaction().map(|id| id.to_hex()).unwrap_or_default();
        StateEntry { key: KEY.to_owned(), sql: Some(format!("{word} {id}").trim_end().to_owned()) }
    }
}

/// No transaction is open, or being ended.
fn ended_mark() -> StateEntry {
    StateEntry { key: KEY.to_owned(), sql: None }
}

fn ending_mark(ending: &Ending) -> Result<StateEntry> {
    let mark = format!("{ENDING} {}", ending.text()?);
    Ok(StateEntry { key: KEY.to_owned(), sql: Some(mark.trim_end().to_owned()) })
}

/// The transaction ended with its node.
pub(super) fn lost_transaction() -> Error {
    Error::new(
        ErrorCode::TransactionLost,
        "the transaction was rolled back when its session was taken over; roll back, then run it again from its \
         beginning",
    )
}

/// The node ended while it committed.
pub(super) fn commit_unknown() -> Error {
    Error::new(
        ErrorCode::CommitUnknown,
        "the node that ran the transaction ended while it was being committed, so whether it was is not known; look at \
         what it was to change before it is run again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_found_behind_comments() {
        for (sql, word) in [
            ("commit", "commit"),
            ("  \n-- why\n /* a */ COMMIT;", "COMMIT"),
            ("ROLLBACK;SELECT 1", "ROLLBACK"),
            ("", ""),
            ("-- only", ""),
            ("/* open", ""),
            ("'commit'", ""),
            ("commits", "commits"),
        ] {
            assert_eq!(first_word(sql), word, "{sql}");
        }
        assert!(Does::of("commits") == Does::Else);
    }

    #[test]
    fn a_text_may_end_a_transaction_with_a_later_statement() {
        for sql in ["INSERT INTO t VALUES (1); COMMIT", "SELECT 1;\n/* so */ end", "SELECT 1; ROLLBACK;"] {
            assert!(may_end(sql), "{sql}");
        }
        for sql in ["COMMIT", "SELECT 'commit'", "SELECT 1; SELECT 2", "SELECT 1;"] {
            assert!(!may_end(sql), "{sql}");
        }
    }
}
