//! What nodes that had a session before had of it, and this one has not.
//!
//! It stays in the session's journal until something of that name is made again, so that no further failure hides it. Clients are
//! told in the answers after a takeover, and by the error of a statement that asks for what is not there.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use session::{Epoch, JournalEntry};

use super::carried::in_words;
use super::session::{Session, Turn};
use crate::engine::{StateEntry, UNKEPT, mentions};
use crate::error::{Error, ErrorCode, Result};

/// What begins the key of a journal's entry for something that was lost.
pub(super) const LOST: &str = "lost:";

/// For how long each answer tells of it, from the first: an answer can be lost as well.
const TOLD_FOR: Duration = Duration::from_secs(30);

/// Why something was lost that the journal described, and that could not be made.
const NOT_MADE: &str = "it could not be made again on the node that took the session over";

/// One thing that a session had, and has no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// What it was, in the words of people.
    pub what: String,
    /// Why it was not brought along.
    pub why: String,
    /// The epoch that began with the takeover which lost it.
    pub epoch: i64,
}

/// Why and when something was lost, as it stands in the journal.
#[derive(Serialize, Deserialize)]
struct Noted {
    why: String,
    epoch: i64,
}

/// All that a session has lost.
#[derive(Default)]
pub(super) struct LostState {
    all: BTreeMap<String, Lost>,
    told_until: Option<Instant>,
}

impl LostState {
    /// Takes out of a journal what earlier takeovers have lost, and what this one loses; with what is to be written about that.
    pub(super) fn take_out_of(journal: &mut Vec<JournalEntry>, epoch: Epoch) -> (Self, Vec<StateEntry>) {
        let (mut lost, mut notes) = (Self::default(), Vec::new());
        for entry in std::mem::take(journal) {
            let statement = entry.statement.clone().unwrap_or_default();
            if let Some(what) = entry.key.strip_prefix(LOST) {
                let noted = serde_json::from_str(&statement).unwrap_or(Noted { why: String::new(), epoch: 0 });
                lost.all.insert(what.to_owned(), Lost { what: what.to_owned(), why: noted.why, epoch: noted.epoch });
            } else if let Some(what) = entry.key.strip_prefix(UNKEPT) {
                notes.push(StateEntry { key: entry.key.clone(), sql: None });
                notes.push(lost.add(what, &statement, epoch));
            } else {
                journal.push(entry);
            }
        }
        // What a commit brought about whose node ended before it could write it.
        notes.extend(journal.iter().filter_map(|entry| lost.is_there(&entry.key)));
        (lost, notes)
    }

    /// Adds what could not be made; what is to be written about it.
    pub(super) fn add_unmade(&mut self, unmade: Vec<String>, epoch: Epoch) -> Vec<StateEntry> {
        unmade.iter().map(|what| self.add(what, NOT_MADE, epoch)).collect()
    }

    fn add(&mut self, what: &str, why: &str, epoch: Epoch) -> StateEntry {
        let (what, why, epoch) = (what.to_owned(), why.to_owned(), epoch.0);
        let noted = serde_json::to_string(&Noted { why: why.clone(), epoch }).ok();
        let entry = StateEntry { key: format!("{LOST}{what}"), sql: noted };
        self.all.insert(what.clone(), Lost { what, why, epoch });
        entry
    }

    /// Something of this key is there now; what is to be written about it.
    fn is_there(&mut self, key: &str) -> Option<StateEntry> {
        // That it is lost does not make it.
        if self.all.is_empty() || key.starts_with(LOST) {
            return None;
        }
        let lost = self.all.remove(&in_words(key))?;
        Some(StateEntry { key: format!("{LOST}{}", lost.what), sql: None })
    }

    /// The same of what this state has.
    pub(super) fn made_again(&mut self, state: &[StateEntry]) -> Vec<StateEntry> {
        state.iter().filter(|entry| entry.sql.is_some()).filter_map(|entry| self.is_there(&entry.key)).collect()
    }

    /// What an answer of now tells.
    fn told_now(&mut self, now: Instant) -> Vec<Lost> {
        if self.all.is_empty() || *self.told_until.get_or_insert(now + TOLD_FOR) < now {
            return Vec::new();
        }
        self.all.values().cloned().collect()
    }

    /// The error says what was lost, if it is for the want of that.
    fn explain(&self, error: Error) -> Error {
        // Something that is named is not there, or not what it would have to be.
        if error.code != ErrorCode::StatementFailed || !error.sqlstate.0.starts_with("42") {
            return error;
        }
        let Some(Lost { what, why, .. }) = self.all.values().find(|lost| mentions(&error.message, &name(&lost.what)))
        else {
            return error;
        };
        let message = format!(
            "{}\nThe session's {what} ended with the node that had it: {why}. Make it again.",
            error.message.trim_end()
        );
        Error { message, lost: Some(what.clone()), ..error }
    }
}

/// The reason of a journal's entry for something that was lost.
pub(super) fn reason(statement: &str) -> String {
    serde_json::from_str(statement).map_or_else(|_| String::new(), |noted: Noted| noted.why)
}

/// The name of what words tell of: what is in quotes, or the last of the words.
fn name(what: &str) -> String {
    match (what.find('"'), what.rfind('"')) {
        (Some(first), Some(last)) if first < last => what[first + 1..last].replace("\"\"", "\""),
        _ => what.rsplit(['.', ' ']).next().unwrap_or(what).to_owned(),
    }
}

impl Session {
    /// What takeovers could not bring along, if its client is to be told now.
    pub fn lost_to_tell(&self) -> Vec<Lost> {
        self.lost_state.lock().told_now(Instant::now())
    }

    /// An error of the session, which says what was lost if it is for the want of that.
    pub fn explain_by_loss(&self, error: Error) -> Error {
        self.lost_state.lock().explain(error)
    }

    /// Notes what earlier owners had of the session that is not here.
    pub(super) async fn note_lost_state(&self, lost: LostState, notes: Vec<StateEntry>) -> Result<()> {
        if notes.is_empty() && lost.all.is_empty() {
            return Ok(());
        }
        let names = lost.all.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        tracing::info!(session = %self.id(), lost = names, "the takeover could not bring along all of the session");
        *self.lost_state.lock() = lost;
        let mut turn: tokio::sync::MutexGuard<'_, Turn> = self.turn.lock().await;
        self.write_state(&mut turn, &notes).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::SqlState;

    fn entry(key: &str, statement: &str) -> JournalEntry {
        JournalEntry { key: key.to_owned(), statement: Some(statement.to_owned()) }
    }

    fn state(key: &str, sql: Option<&str>) -> StateEntry {
        StateEntry { key: key.to_owned(), sql: sql.map(str::to_owned) }
    }

    /// A journal after these entries were written to it.
    fn written(journal: &mut Vec<JournalEntry>, notes: &[StateEntry]) {
        for note in notes {
            journal.retain(|entry| entry.key != note.key);
            journal.extend(note.sql.as_ref().map(|sql| entry(&note.key, sql)));
        }
    }

    #[test]
    fn what_was_lost_is_known_to_all_later_owners_until_it_is_made_again() {
        let stored = vec![
            entry("setting:TimeZone", "SET x"),
            entry("unkept:temporary table \"t\"", "too large"),
            entry("unkept:temporary table \"u\"", "too large"),
        ];
        let mut journal = stored.clone();
        let (mut lost, mut notes) = LostState::take_out_of(&mut journal, Epoch(2));
        notes.extend(lost.add_unmade(vec!["temporary view \"v\"".to_owned()], Epoch(2)));
        assert_eq!(journal.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["setting:TimeZone"]);
        assert!(lost.made_again(&notes).is_empty(), "that it is noted does not bring it about");
        let mut stored = stored;
        written(&mut stored, &notes);
        let keys = |journal: &[JournalEntry]| journal.iter().map(|entry| entry.key.clone()).collect::<Vec<_>>();
        let noted = ["lost:temporary table \"t\"", "lost:temporary table \"u\"", "lost:temporary view \"v\""];
        assert_eq!(keys(&stored)[1..], noted);
        // The next owner loses nothing more, and knows when it was.
        let (mut next, notes) = LostState::take_out_of(&mut stored.clone(), Epoch(3));
        assert!(notes.is_empty());
        assert_eq!(next.all.values().map(|lost| lost.epoch).collect::<Vec<_>>(), [2, 2, 2]);
        assert_eq!(next.all["temporary table \"t\""].why, "too large");
        // One is made again, in the same way or another; dropping something brings nothing about.
        let made = next.made_again(&[
            state("temporary table \"t\"", Some("")),
            state("unkept:temporary table \"u\"", Some("")),
            state("temporary view \"v\"", None),
        ]);
        written(&mut stored, &made);
        assert_eq!(keys(&stored), ["setting:TimeZone", "lost:temporary view \"v\""]);
        assert_eq!(next.all.len(), 1);
        // A commit brought another about, and its node ended before it could note that.
        stored.push(entry("temporary view \"v\"", "CREATE"));
        let (last, notes) = LostState::take_out_of(&mut stored, Epoch(4));
        assert_eq!(notes, [state("lost:temporary view \"v\"", None)]);
        assert!(last.all.is_empty());
    }

    #[test]
    fn it_is_told_again_for_a_while_in_case_an_answer_is_lost() {
        let mut lost = LostState::default();
        let now = Instant::now();
        assert!(lost.told_now(now).is_empty());
        lost.add("temporary table \"t\"", "too large", Epoch(2));
        let expected = [Lost { what: "temporary table \"t\"".to_owned(), why: "too large".to_owned(), epoch: 2 }];
        // Its time begins when somebody asks.
        let later = now + 10 * TOLD_FOR;
        assert_eq!(lost.told_now(later), expected);
        assert_eq!(lost.told_now(later + TOLD_FOR), expected);
        assert!(lost.told_now(later + TOLD_FOR + Duration::from_nanos(1)).is_empty());
    }

    #[test]
    fn an_error_says_what_was_lost_if_it_is_about_that() {
        let mut lost = LostState::default();
        lost.add("temporary table \"a \"\"b\"\"\"", "too large", Epoch(2));
        lost.add("relation pintail.main.v", "it read a table", Epoch(2));
        let failed = |sqlstate: &'static str, message: &str| {
            Error::new(ErrorCode::StatementFailed, message).with_sqlstate(SqlState(sqlstate))
        };
        let explained = lost.explain(failed("42P01", "Table with name a \"b\" does not exist!\n"));
        assert_eq!(explained.lost.as_deref(), Some("temporary table \"a \"\"b\"\"\""));
        assert_eq!(
            explained.message,
            "Table with name a \"b\" does not exist!\nThe session's temporary table \"a \"\"b\"\"\" ended with the node that had it: \
             too large. Make it again."
        );
        assert!(lost.explain(failed("42P01", "table 'pintail.main.V' not found")).lost.is_some());
        for other in [
            failed("42P01", "Table with name vv does not exist!"),
            failed("22012", "v is divided by zero"),
            Error::new(ErrorCode::StatementForbidden, "v"),
        ] {
            assert_eq!(lost.explain(other.clone()), other);
        }
    }
}
