//! What became of the statements that came without a request id, by the ids of their queries: known where they ran, while the session
//! is there.

use std::collections::VecDeque;

use uuid::Uuid;

use super::write_outcome::WriteOutcome;

/// How many statements of a session are remembered. The oldest is forgotten first.
const MOST: usize = 1_024;

/// The statements of one session that have run.
#[derive(Default)]
pub(super) struct StatementLog(VecDeque<(Uuid, WriteOutcome)>);

impl StatementLog {
    /// A statement has run, in autocommit or in the transaction that is open.
    pub(super) fn ran(&mut self, id: Uuid, is_in_transaction: bool) {
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back((id, if is_in_transaction { WriteOutcome::Running } else { WriteOutcome::Committed }));
    }

    /// The transaction that was open has ended; `committed` where it is known how.
    pub(super) fn transaction_ended(&mut self, committed: Option<bool>) {
        let outcome = match committed {
            Some(true) => WriteOutcome::Committed,
            Some(false) => WriteOutcome::Aborted,
            None => WriteOutcome::Unknown,
        };
        self.0.iter_mut().filter(|(_, known)| *known == WriteOutcome::Running).for_each(|(_, known)| *known = outcome);
    }

    /// What became of one, if it is remembered.
    pub(super) fn outcome(&self, id: Uuid) -> Option<WriteOutcome> {
        self.0.iter().rev().find(|(known, _)| *known == id).map(|(_, outcome)| *outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> Uuid {
        Uuid::from_u128(n as u128)
    }

    #[test]
    fn statements_end_with_their_transaction() {
        let mut log = StatementLog::default();
        log.ran(id(1), false);
        log.ran(id(2), true);
        log.ran(id(3), true);
        assert_eq!(log.outcome(id(1)), Some(WriteOutcome::Committed));
        assert_eq!(log.outcome(id(2)), Some(WriteOutcome::Running));
        log.transaction_ended(Some(true));
        log.ran(id(4), true);
        log.transaction_ended(Some(false));
        log.ran(id(5), true);
        log.transaction_ended(None);
        let outcomes = [2, 3, 4, 5, 6].map(|n| log.outcome(id(n)));
        let [committed, aborted, unknown] = [WriteOutcome::Committed, WriteOutcome::Aborted, WriteOutcome::Unknown];
        assert_eq!(outcomes, [Some(committed), Some(committed), Some(aborted), Some(unknown), None]);
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let mut log = StatementLog::default();
        (0..=MOST).for_each(|n| log.ran(id(n), false));
        assert_eq!(log.outcome(id(0)), None);
        assert_eq!(log.outcome(id(1)), Some(WriteOutcome::Committed));
    }
}
