//! How a transaction is being ended, as the store knows it: should the node die meanwhile, whoever takes the session over finds out by
//! it what became of the transaction, and of what it was to change in the session.

use serde::{Deserialize, Serialize};
use session::JournalEntry;
use uuid::Uuid;

use crate::engine::StateEntry;
use crate::error::{Error, Result};

/// Stands for a database where a transaction changed nothing but what goes with the session.
const SESSION: &str = "(session)";

/// The end of a transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ending {
    /// The request that its receipt names, where it was committed.
    pub(super) id: Option<Uuid>,
    /// The database in which that would be.
    database: String,
    /// What its commit changes in the session's state beside what it changes there: its temporary tables above all.
    pub(super) state: Vec<StateEntry>,
}

/// An entry of the state in the text.
#[derive(Serialize, Deserialize)]
struct Entry(String, Option<String>);

impl Ending {
    /// That of a transaction by this commit. `state` is what it changes in the session beside what it changes in `database`; none
    /// where it changes nothing else.
    pub(super) fn by_commit(id: Uuid, database: &str, state: Option<Vec<StateEntry>>) -> Self {
        let database = if state.is_none() { SESSION } else { database };
        Self { id: Some(id), database: database.to_owned(), state: state.unwrap_or_default() }
    }

    /// The same, after the session's state has been written.
    pub(super) fn without_state(&self) -> Self {
        Self { state: Vec::new(), ..self.clone() }
    }

    /// Whether its receipt, if there is one, is found by who has the session and this database.
    pub(super) fn is_told_by(&self, database: &str) -> bool {
        self.database == SESSION || !database.is_empty() && self.database == database
    }

    /// Does to a journal what the commit was to do to it.
    pub(super) fn apply_to(&self, journal: &mut Vec<JournalEntry>) {
        for entry in &self.state {
            journal.retain(|other| other.key != entry.key);
            if let Some(sql) = &entry.sql {
                journal.push(JournalEntry { key: entry.key.clone(), statement: Some(sql.clone()) });
            }
        }
    }

    /// As it stands in the journal.
    ///
    /// # Errors
    /// When the state can't be written down.
    pub(super) fn text(&self) -> Result<String> {
        let Some(id) = self.id else { return Ok(String::new()) };
        if self.state.is_empty() {
            return Ok(format!("{id} {}", self.database));
        }
        let entries: Vec<_> = self.state.iter().map(|entry| Entry(entry.key.clone(), entry.sql.clone())).collect();
        let entries = serde_json::to_string(&entries).map_err(Error::internal)?;
        Ok(format!("{id} {}\n{entries}", self.database))
    }

    /// Reads what [`Self::text`] has given.
    pub(super) fn of(text: &str) -> Self {
        let (words, entries) = text.split_once('\n').unwrap_or((text, ""));
        let (id, database) = words.split_once(' ').unwrap_or((words, ""));
        let entries: Vec<Entry> = serde_json::from_str(entries).unwrap_or_default();
        Self {
            id: Uuid::try_parse(id).ok(),
            database: database.to_owned(),
            state: entries.into_iter().map(|Entry(key, sql)| StateEntry { key, sql }).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, sql: Option<&str>) -> StateEntry {
        StateEntry { key: key.to_owned(), sql: sql.map(str::to_owned) }
    }

    #[test]
    fn an_ending_is_read_as_it_was_written() {
        let id = Uuid::from_u128(7);
        let state = vec![entry("temporary table \"a\"", Some("two\nlines")), entry("unkept:b", None)];
        for ending in [
            Ending::default(),
            Ending::by_commit(id, "a database", None),
            Ending::by_commit(id, "a database", Some(Vec::new())),
            Ending::by_commit(id, "a database", Some(state)),
        ] {
            assert_eq!(Ending::of(&ending.text().unwrap()), ending);
            assert!(ending.without_state().state.is_empty());
        }
        assert_eq!(Ending::of("nonsense"), Ending::default());
    }

    #[test]
    fn whose_receipt_it_is_is_told_by_the_database() {
        let elsewhere = Ending::by_commit(Uuid::nil(), "one", Some(Vec::new()));
        assert!(elsewhere.is_told_by("one") && !elsewhere.is_told_by("two") && !elsewhere.is_told_by(""));
        assert!(Ending::by_commit(Uuid::nil(), "one", None).is_told_by("two"), "it goes with the session");
        assert!(!Ending::default().is_told_by(""));
    }

    #[test]
    fn a_journal_has_the_last_entry_of_a_key() {
        let of =
            |key: &str, statement: &str| JournalEntry { key: key.to_owned(), statement: Some(statement.to_owned()) };
        let mut journal = vec![of("a", "1"), of("b", "2"), of("c", "3")];
        let state = vec![entry("b", Some("4")), entry("c", None), entry("d", Some("5"))];
        Ending::by_commit(Uuid::nil(), "", Some(state)).apply_to(&mut journal);
        assert_eq!(journal, [of("a", "1"), of("b", "4"), of("d", "5")]);
    }
}
