//! What of a session's state goes with it to the next node, by its journal.

use session::JournalEntry;

use super::lost_state::{self, LOST};
use super::{spooled, transaction_mark};
use crate::engine::{RECEIPT, UNKEPT};

/// Whether a piece of a session's state goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Carried {
    /// It is brought about again.
    Yes,
    /// It ends with its node, and why.
    No(String),
    /// It has ended with an earlier node, and why.
    Lost(String),
    /// It is a transaction.
    RolledBack,
}

/// What is known of a session's state, in the words of people: what it is, whether it is there after its node died, and why.
pub(crate) fn told<'a>(journal: &[JournalEntry], options: impl Iterator<Item = &'a str>) -> Vec<[String; 3]> {
    let line = |what: String, survives: &str, why: &str| [what, survives.to_owned(), why.to_owned()];
    let of_journal = carried(journal).into_iter().map(|(what, carried)| match carried {
        Carried::Yes => line(what, "yes", "it is in the session store"),
        Carried::No(why) => line(what, "no", &format!("{why}; who takes the session over tells its client")),
        Carried::Lost(why) => line(what, "lost", &format!("{why}; it ended with the node that had it")),
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
        let statement = entry.statement.as_deref().unwrap_or_default();
        if entry.key.starts_with(UNKEPT) {
            let why = if statement.is_empty() { "it is on its node alone" } else { statement };
            return Some((in_words(&entry.key), Carried::No(why.to_owned())));
        }
        if entry.key.starts_with(LOST) {
            return Some((in_words(&entry.key), Carried::Lost(lost_state::reason(statement))));
        }
        if entry.key == transaction_mark::KEY {
            let open = transaction_mark::is_open(statement);
            return open.then(|| ("open transaction".to_owned(), Carried::RolledBack));
        }
        let is_told = !entry.key.starts_with(RECEIPT) && !spooled::is_result(&entry.key);
        is_told.then(|| (in_words(&entry.key), Carried::Yes))
    };
    journal.iter().filter_map(of).collect()
}

/// What a key of the journal names, in the words of people.
pub(super) fn in_words(key: &str) -> String {
    let what = key.strip_prefix(UNKEPT).or_else(|| key.strip_prefix(LOST)).unwrap_or(key);
    match what.split_once(':') {
        Some((kind, name)) if kind.bytes().all(|byte| byte.is_ascii_lowercase()) => format!("{kind} {name}"),
        _ => what.to_owned(),
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
        let journal = vec![
            entry("setting:TimeZone", "SET x"),
            entry("unkept:temporary table t", ""),
            entry("unkept:temporary table u", "it is too large"),
            entry("temporary table \"a:b\"", "{}"),
            entry("lost:temporary table w", r#"{"why": "it was too large", "epoch": 2}"#),
            entry(transaction_mark::KEY, "open 00"),
            entry("receipt:0190163d-8694-739b-aea5-966c26f8ad91", "d 1 -"),
        ];
        let told = carried(&journal);
        let expected = [
            ("setting TimeZone", Carried::Yes),
            ("temporary table t", Carried::No("it is on its node alone".to_owned())),
            ("temporary table u", Carried::No("it is too large".to_owned())),
            ("temporary table \"a:b\"", Carried::Yes),
            ("temporary table w", Carried::Lost("it was too large".to_owned())),
            ("open transaction", Carried::RolledBack),
        ];
        assert_eq!(told, expected.map(|(what, carried)| (what.to_owned(), carried)));
        assert!(carried(&[entry(transaction_mark::KEY, "ending")]).is_empty());
    }
}
