//! Receipts of writes that changed nothing but what goes with the session, its temporary tables above all: in the session's
//! journal, where the change is, and in the same write.

use std::collections::VecDeque;

use uuid::Uuid;

use crate::engine::{RECEIPT, Receipt, Request, Returned, StateEntry};

/// How many of them a session keeps. The oldest is forgotten first.
const MOST: usize = 1_024;

/// How many of them keep the rows that their writes answered with.
const MOST_WITH_ROWS: usize = 64;

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
            return Some(Receipt { request, changed: None, returned: Returned::Nothing });
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
            entries.push(entry(&receipt));
            let has_rows = receipt.returned.kept().is_some();
            self.writes.push_back(receipt);
            if has_rows {
                entries.extend(self.drop_rows());
            }
            if self.writes.len() > MOST
                && let Some(oldest) = self.writes.pop_front()
            {
                entries.push(StateEntry { key: format!("{RECEIPT}{}", oldest.request.id), sql: None });
            }
        }
        entries
    }

    /// Keeps no more rows than it should: those of the oldest go first.
    fn drop_rows(&mut self) -> Option<StateEntry> {
        let mut with_rows = self.writes.iter_mut().rev().filter(|receipt| receipt.returned.kept().is_some());
        let oldest = with_rows.nth(MOST_WITH_ROWS)?;
        oldest.returned = Returned::Unkept;
        Some(entry(oldest))
    }
}

fn entry(receipt: &Receipt) -> StateEntry {
    StateEntry { key: format!("{RECEIPT}{}", receipt.request.id), sql: Some(written(receipt)) }
}

fn written(receipt: &Receipt) -> String {
    let changed = receipt.changed.map_or_else(|| "-".to_owned(), |changed| changed.to_string());
    let rows = match &receipt.returned {
        Returned::Nothing => "-",
        Returned::Unkept => "rows",
        Returned::Kept(rows) => return format!("{} {changed} rows {rows}", receipt.request.digest),
    };
    format!("{} {changed} {rows}", receipt.request.digest)
}

fn read(id: Uuid, text: &str) -> Option<Receipt> {
    let mut words = text.split(' ');
    let (digest, changed, rows) = (words.next()?, words.next()?, words.next()?);
    let request = Request { id, digest: digest.to_owned(), is_own: false };
    Some(Receipt { request, changed: changed.parse().ok(), returned: Returned::read(rows == "rows", words.next()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(id: u128, changed: Option<u64>, returned: Returned) -> Receipt {
        let request = Request { id: Uuid::from_u128(id), digest: format!("d{id}"), is_own: false };
        Receipt { request, changed, returned }
    }

    /// A journal after these entries were written to it.
    fn write(journal: &mut Vec<StateEntry>, entries: Vec<StateEntry>) {
        for entry in entries {
            journal.retain(|other| other.key != entry.key);
            journal.extend(entry.sql.is_some().then_some(entry));
        }
    }

    #[test]
    fn what_is_journaled_is_read_back() {
        let all = [
            receipt(1, Some(7), Returned::Nothing),
            receipt(2, None, Returned::Unkept),
            receipt(5, Some(1), Returned::Kept("AAAA".into())),
        ];
        let mut own = receipt(3, None, Returned::Nothing);
        own.request.is_own = true;
        let mut kept = JournaledReceipts::default();
        let journal = kept.keep([all.to_vec(), vec![own]].concat());
        assert_eq!(journal.len(), 4);
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
            write(&mut journal, kept.keep(vec![receipt(id, None, Returned::Nothing)]));
        }
        assert_eq!(journal.len(), MOST);
        let again = JournaledReceipts::of(&journal);
        assert!(again.find(Uuid::from_u128(2 * MOST as u128)).is_some());
        assert!(again.find(Uuid::from_u128(2 * MOST as u128 - 1)).is_none());
    }
    #[test]
    fn the_newest_keep_their_rows() {
        let mut kept = JournaledReceipts::default();
        let mut journal: Vec<StateEntry> = Vec::new();
        let most = MOST_WITH_ROWS as u128;
        for id in 0..2 * most {
            write(&mut journal, kept.keep(vec![receipt(id, None, Returned::Kept("AAAA".into()))]));
        }
        let again = JournaledReceipts::of(&journal);
        for id in 0..2 * most {
            let expected = if id < most { Returned::Unkept } else { Returned::Kept("AAAA".into()) };
            for receipts in [&kept, &again] {
                assert_eq!(receipts.find(Uuid::from_u128(id)).map(|receipt| receipt.returned), Some(expected.clone()));
            }
        }
    }
}
