//! What of a session could not be brought along when another node took it over, as servers tell it.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;

/// One thing that was lost.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(untagged)]
pub enum Lost {
    /// It is named.
    Named {
        /// What it was.
        what: String,
        /// Why it was not brought along.
        why: String,
        /// The epoch that began with the takeover which lost it.
        epoch: i64,
    },
    /// So many others.
    More {
        /// Their number.
        more: usize,
    },
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named { what, why, .. } => write!(f, "{what} ({why})"),
            Self::More { more } => write!(f, "{more} others"),
        }
    }
}

/// All that was lost so far. Several answers tell the same, in case one of them is lost.
#[derive(Default)]
pub(super) struct LostSoFar {
    all: Vec<Lost>,
    known: BTreeSet<Lost>,
    untold: Vec<Lost>,
}

impl LostSoFar {
    /// An answer tells this.
    pub(super) fn hear(&mut self, header: &str) {
        // What is not understood is nothing that could be told.
        for lost in serde_json::from_str::<Vec<Lost>>(header).unwrap_or_default() {
            if self.known.insert(lost.clone()) {
                self.all.push(lost.clone());
                self.untold.push(lost);
            }
        }
    }

    pub(super) fn all(&self) -> Vec<Lost> {
        self.all.clone()
    }

    pub(super) fn take_untold(&mut self) -> Vec<Lost> {
        std::mem::take(&mut self.untold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_again_is_taken_once() {
        let mut lost = LostSoFar::default();
        let once = r#"[{"what": "temporary table \"t\"", "why": "too large", "epoch": 2}, {"more": 3}]"#;
        lost.hear(once);
        lost.hear(once);
        let told = |lost: &[Lost]| lost.iter().map(Lost::to_string).collect::<Vec<_>>();
        assert_eq!(told(&lost.take_untold()), ["temporary table \"t\" (too large)", "3 others"]);
        lost.hear(once);
        lost.hear("nonsense");
        assert!(lost.take_untold().is_empty());
        // Made again, and lost again.
        lost.hear(&once.replace("2}", "5}"));
        assert_eq!(lost.take_untold().len(), 1);
        assert_eq!(lost.all().len(), 3);
    }
}
