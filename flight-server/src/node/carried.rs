//! What of a session's state goes with it to the next node, by its journal.

use session::JournalEntry;

use super::session::{Session, Turn};
use super::{spooled, transaction_mark};
use crate::engine::{RECEIPT, StateEntry, UNKEPT};
use crate::error::Result;

/// Whether a piece of a session's state goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Carried {
    /// It is brought about again.
    Yes,
    /// It ends with its node, and why.
    No(String),
    /// It is a transaction.
    RolledBack,
}

/// What is known of a session's state, in the words of people: what it is, whether it is there after its node died, and why.
pub(crate) fn told<'a>(journal: &[JournalEntry], options: impl Iterator<Item = &'a str>) -> Vec<[String; 3]> {
    let line = |what: String, survives: &str, why: &str| [what, survives.to_owned(), why.to_owned()];
    let of_journal = carried(journal).into_iter().map(|(what, carried)| match carried {
        Carried::Yes => line(what, "yes", "it is in the session store"),
        Carried::No(why) => line(what, "no", &format!("{why}; who takes the session over tells its client")),
        Carried::RolledBack => {
            line(what, "no", "a transaction ends with its node; its client is told, and can run it again")
        }
    });
    let of_options = options.map(|name| line(format!("option {name}"), "yes", "it is in the session store"));
    let others = [
        (
            "prepared statements",
            "yes",
            "they are in their handles or the session store, and planned again when they are used",
        ),
        ("values bound to prepared statements", "no", "they are on their node alone until the statement has run"),
    ];
    let others = others.map(|(what, survives, why)| line(what.to_owned(), survives, why));
    of_journal.chain(of_options).chain(others).collect()
}

fn carried(journal: &[JournalEntry]) -> Vec<(String, Carried)> {
    let of = |entry: &JournalEntry| {
        if let Some(what) = entry.key.strip_prefix(UNKEPT) {
            let why = entry.statement.as_deref().filter(|why| !why.is_empty()).unwrap_or("it is on its node alone");
            return Some((what.to_owned(), Carried::No(why.to_owned())));
        }
        if entry.key == transaction_mark::KEY {
            let open = transaction_mark::is_open(entry.statement.as_deref().unwrap_or_default());
            return open.then(|| ("open transaction".to_owned(), Carried::RolledBack));
        }
        let is_told = !entry.key.starts_with(RECEIPT) && !spooled::is_result(&entry.key);
        is_told.then(|| (entry.key.replacen(':', " ", 1), Carried::Yes))
    };
    journal.iter().filter_map(of).collect()
}

/// Takes out of a journal what nothing brings about again; in the words of people.
pub(super) fn take_unkept(journal: &mut Vec<JournalEntry>) -> Vec<String> {
    let mut unkept = Vec::new();
    journal.retain(|entry| match entry.key.strip_prefix(UNKEPT) {
        Some(what) => {
            unkept.push(what.to_owned());
            false
        }
        None => true,
    });
    unkept
}

impl Session {
    /// What a takeover could not bring along, for the client to be told; once.
    pub fn take_lost_state(&self) -> Vec<String> {
        std::mem::take(&mut *self.lost_state.lock())
    }

    /// Notes what an earlier owner had of the session that is not here.
    pub(super) async fn note_lost_state(&self, lost: Vec<String>) -> Result<()> {
        if lost.is_empty() {
            return Ok(());
        }
        tracing::info!(session = %self.id(), lost = lost.join(", "), "the takeover could not bring along all of the session");
        let gone: Vec<_> = lost.iter().map(|what| StateEntry { key: format!("{UNKEPT}{what}"), sql: None }).collect();
        *self.lost_state.lock() = lost;
        let mut turn: tokio::sync::MutexGuard<'_, Turn> = self.turn.lock().await;
        self.write_state(&mut turn, &gone).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, statement: &str) -> JournalEntry {
        JournalEntry { key: key.to_owned(), statement: Some(statement.to_owned()) }
    }

    #[test]
    fn a_journal_tells_what_goes_with_the_session_and_what_does_not() {
        let mut journal = vec![
            entry("setting:TimeZone", "SET x"),
            entry("unkept:temporary table t", ""),
            entry("unkept:temporary table u", "it is too large"),
            entry(transaction_mark::KEY, "open 00"),
            entry("receipt:0190163d-8694-739b-aea5-966c26f8ad91", "d 1 -"),
        ];
        let told = carried(&journal);
        let expected = [
            ("setting TimeZone", Carried::Yes),
            ("temporary table t", Carried::No("it is on its node alone".to_owned())),
            ("temporary table u", Carried::No("it is too large".to_owned())),
            ("open transaction", Carried::RolledBack),
        ];
        assert_eq!(told, expected.map(|(what, carried)| (what.to_owned(), carried)));
        assert_eq!(take_unkept(&mut journal), ["temporary table t", "temporary table u"]);
        assert_eq!(journal.len(), 3);
        assert!(carried(&[entry(transaction_mark::KEY, "ending")]).is_empty());
    }
}
