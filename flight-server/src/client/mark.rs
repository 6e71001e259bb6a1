//! How much of a result has come, and how it goes on when its connection breaks.

use bytes::Bytes;

/// How a result goes on after a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GoOn {
    /// The ticket is asked for what follows the last batch.
    Resume,
    /// The ticket is asked for again: nothing has come of it.
    SameTicket,
    /// The result is asked for from its beginning: its reader has nothing of it.
    FromTheBeginning,
    /// It does not.
    GiveUp,
}

/// How much of a result has come, and how much of that its reader has.
#[derive(Debug, Default)]
pub(super) struct Position {
    /// Which endpoint is read.
    pub(super) endpoint: usize,
    mark: Option<(u64, String)>,
    came: u64,
    handed: u64,
}

impl Position {
    /// All of the current endpoint has come.
    pub(super) fn next_endpoint(&mut self) {
        *self = Self { endpoint: self.endpoint + 1, handed: self.handed, ..Self::default() };
    }

    /// Nothing has come, as at the beginning.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }

    /// A batch has come, with this metadata; whether it is the one that follows the last. The metadata of servers which can't
    /// resume may hold anything.
    pub(super) fn batch(&mut self, metadata: &Bytes, can_resume: bool) -> bool {
        self.came += 1;
        let before = self.mark.take().map(|(number, _)| number);
        self.mark = std::str::from_utf8(metadata).ok().filter(|_| can_resume).and_then(parsed);
        match (before, &self.mark) {
            (Some(before), Some((number, _))) => *number == before + 1,
            _ => true,
        }
    }

    /// The reader has the batch that came last.
    pub(super) fn handed(&mut self) {
        self.handed += 1;
    }

    /// What the server is told to go on from.
    pub(super) fn mark(&self) -> Option<&str> {
        self.mark.as_ref().map(|(_, text)| text.as_str())
    }

    /// How it goes on when the connection breaks here.
    pub(super) fn go_on(&self) -> GoOn {
        if self.came == 0 {
            return GoOn::SameTicket;
        }
        if self.mark.is_some() { GoOn::Resume } else { self.without_result() }
    }

    /// How it goes on when the server does not have the result any more: if it can be run again, from its beginning.
    pub(super) fn without_result(&self) -> GoOn {
        if self.handed == 0 { GoOn::FromTheBeginning } else { GoOn::GiveUp }
    }
}

/// A mark is `<n>;<digest>`.
fn parsed(text: &str) -> Option<(u64, String)> {
    let (number, digest) = text.split_once(';')?;
    let is_digest = !digest.is_empty() && digest.chars().all(|c| c.is_ascii_alphanumeric());
    is_digest.then_some((number.parse().ok()?, text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn it_goes_on_behind_the_last_mark() {
        let mut position = Position::default();
        assert_eq!(position.go_on(), GoOn::SameTicket);
        assert!(position.batch(&bytes("1;ab"), true));
        position.handed();
        assert_eq!((position.go_on(), position.mark()), (GoOn::Resume, Some("1;ab")));
        assert!(position.batch(&bytes("2;cd"), true));
        assert!(!position.batch(&bytes("4;ef"), true), "one is missing");
        position.next_endpoint();
        assert_eq!((position.endpoint, position.go_on(), position.mark()), (1, GoOn::SameTicket, None));
        assert_eq!(position.without_result(), GoOn::GiveUp);
    }

    #[test]
    fn without_marks_it_begins_again_as_long_as_nobody_has_seen_anything() {
        for (metadata, can_resume) in [("1;ab", false), ("", true), ("x", true), ("1;", true), ("1;a b", true)] {
            let mut position = Position::default();
            assert!(position.batch(&bytes(metadata), can_resume));
            assert_eq!(position.go_on(), GoOn::FromTheBeginning, "{metadata}");
            position.handed();
            assert_eq!(position.go_on(), GoOn::GiveUp);
        }
    }
}
