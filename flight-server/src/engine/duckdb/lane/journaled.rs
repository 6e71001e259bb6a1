//! Receipts of writes that changed nothing but what goes with the session, its temporary tables above all: in the session's
//! journal, where the change is, and in the same write.

use std::collections::VecDeque;

use uuid::Uuid;

use crate::engine::{RECEIPT, Receipt, Request, StateEntry};

/// How many of them a session keeps. The oldest is forgotten first.
const MOST: usize = 1_024;

/// What stands in the key of the server's own last commit, where others have their id.
const COMMIT: &str = "commit";

/// The receipts in a session's journal.
#[derive(Default)]
pub(super) struct JournaledReceipts {
    /// Of clients' writes, the oldest first.
    writes: VecDeque<Receipt>,
    /// The last commit that the server itself asked for: nobody asks for one before it.
    commit: Option<Uuid>,
}

impl JournaledReceipts {
    /// Those of a journal, in its order.
    pub(super) fn of(journal: &[StateEntry]) -> Self {
        let mut receipts = Self::default();
        for entry in journal {
            let (Some(name), Some(text)) = (entry.key.strip_prefix(RECEIPT), &entry.sql) else { continue };
            match name {
                COMMIT => receipts.commit = Uuid::try_parse(text).ok(),
                id => receipts.writes.extend(Uuid::try_parse(id).ok().and_then(|id| read(id, text))),
            }
        }
        receipts
    }

    /// The receipt of a write or a commit.
    pub(super) fn find(&self, id: Uuid) -> Option<Receipt> {
        if self.commit == Some(id) {
            let request = Request { id, digest: String::new(), is_own: true };
            return Some(Receipt { request, changed: None, returned_rows: false });
        }
        self.writes.iter().find(|receipt| receipt.request.id == id).cloned()
    }

    /// Keeps these; what is to be journaled of it.
    pub(super) fn keep(&mut self, receipts: Vec<Receipt>) -> Vec<StateEntry> {
        let mut entries = Vec::new();
        for receipt in receipts {
            let id = receipt.request.id;
            if receipt.request.is_own {
                self.commit = Some(id);
                entries.push(StateEntry { key: format!("{RECEIPT}{COMMIT}"), sql: Some(id.to_string()) });
                continue;
            }
            entries.push(StateEntry { key: format!("{RECEIPT}{id}"), sql: Some(written(&receipt)) });
            self.writes.push_back(receipt);
            if self.writes.len() > MOST
                && let Some(oldest) = self.writes.pop_front()
            {
                entries.push(StateEntry { key: format!("{RECEIPT}{}", oldest.request.id), sql: None });
            }
        }
        entries
    }
}

fn written(receipt: &Receipt) -> String {
    let changed = receipt.changed.map_or_else(|| "-".to_owned(), |changed| changed.to_string());
    format!("{} {changed} {}", receipt.request.digest, if receipt.returned_rows { "rows" } else { "-" })
}

fn read(id: Uuid, text: &str) -> Option<Receipt> {
    let mut words = text.split(' ');
    let (digest, changed, rows) = (words.next()?, words.next()?, words.next()?);
    let request = Request { id, digest: digest.to_owned(), is_own: false };
    Some(Receipt { request, changed: changed.parse().ok(), returned_rows: rows == "rows" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(id: u128, changed: Option<u64>, returned_rows: bool) -> Receipt {
        let request = Request { id: Uuid::from_u128(id), digest: format!("d{id}"), is_own: false };
        Receipt { request, changed, returned_rows }
    }

    #[test]
    fn what_is_journaled_is_read_back() {
        let all = [receipt(1, Some(7), false), receipt(2, None, true)];
        let mut own = receipt(3, None, false);
        own.request.is_own = true;
        let mut kept = JournaledReceipts::default();
        let journal = kept.keep([all.to_vec(), vec![own]].concat());
        assert_eq!(journal.len(), 3);
        let other = [StateEntry { key: "location".to_owned(), sql: Some("SET x".to_owned()) }];
        let again = JournaledReceipts::of(&[journal, other.to_vec()].concat());
        for one in &all {
            assert_eq!(again.find(one.request.id).as_ref(), Some(one));
        }
        assert!(again.find(Uuid::from_u128(3)).is_some());
        assert!(again.find(Uuid::from_u128(4)).is_none());
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut kept = JournaledReceipts::default();
        let mut journal: Vec<StateEntry> = Vec::new();
        for id in 0..3 * MOST as u128 {
            for entry in kept.keep(vec![receipt(id, None, false)]) {
                journal.retain(|other| other.key != entry.key);
                journal.extend(entry.sql.is_some().then_some(entry));
            }
        }
        assert_eq!(journal.len(), MOST);
        let again = JournaledReceipts::of(&journal);
        assert!(again.find(Uuid::from_u128(2 * MOST as u128)).is_some());
        assert!(again.find(Uuid::from_u128(2 * MOST as u128 - 1)).is_none());
    }
}
