//! Statements out of a longer text.

use crate::client::{PieceKind, Scanner};

/// Takes a text as it comes, and gives its statements one by one.
#[derive(Debug, Default)]
pub(super) struct Script {
    text: String,
    scanner: Scanner,
    /// Something that is no blank has been read of the statement that has not ended.
    begun: bool,
}

impl Script {
    /// More text.
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// The next statement that has ended, without its semicolon.
    pub(super) fn next(&mut self) -> Option<String> {
        while let Some(piece) = self.scanner.next(&self.text) {
            match piece.kind {
                PieceKind::Semicolon => {
                    let statement = self.text[..piece.start].trim().to_owned();
                    self.text.drain(..piece.end);
                    self.scanner.forget(piece.end);
                    if std::mem::take(&mut self.begun) {
                        return Some(statement);
                    }
                }
                PieceKind::Word | PieceKind::Other => self.begun = true,
                PieceKind::Blank => {}
            }
        }
        None
    }

    /// What is left at the end: a statement needs no semicolon there.
    pub(super) fn rest(&mut self) -> Option<String> {
        let text = std::mem::take(&mut self.text);
        self.scanner = Scanner::default();
        std::mem::take(&mut self.begun).then(|| text.trim().to_owned())
    }

    /// Whether all that was read has ended, so that a new statement would begin here.
    pub(super) fn is_at_start(&self) -> bool {
        !self.begun && self.scanner.is_between()
    }
}

/// All statements of a text.
pub(super) fn statements(text: &str) -> Vec<String> {
    let mut script = Script::default();
    script.push(text);
    let mut statements: Vec<String> = std::iter::from_fn(|| script.next()).collect();
    statements.extend(script.rest());
    statements
}

/// Whether a text, typed so far, has ended: with a semicolon, or without anything.
pub(super) fn is_complete(text: &str) -> bool {
    let mut script = Script::default();
    script.push(text);
    while script.next().is_some() {}
    script.is_at_start()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_with_semicolons_that_are_not_quoted() {
        assert_eq!(
            statements("SELECT ';'; ;; -- x;\n/* ; */ SELECT 2 ; SELECT 3"),
            ["SELECT ';'", "-- x;\n/* ; */ SELECT 2", "SELECT 3"]
        );
        assert!(statements(" ; -- nothing\n").is_empty());
    }

    #[test]
    fn what_has_not_ended_waits_for_more() {
        for incomplete in ["SELECT 1", "SELECT ';", "SELECT $$;", "/* ;", "SELECT 1; SELECT"] {
            assert!(!is_complete(incomplete), "{incomplete}");
        }
        for complete in ["", ";", "SELECT 1;", "SELECT 1; -- more\n", "SELECT ';';"] {
            assert!(is_complete(complete), "{complete}");
        }
    }

    #[test]
    fn lines_make_the_same_statements() {
        let text = "CREATE TABLE t AS\nSELECT 'a;\nb' AS x;\nSELECT 1;\nSELECT\n2";
        let mut script = Script::default();
        let mut found = Vec::new();
        for line in text.split_inclusive('\n') {
            script.push(line);
            found.extend(std::iter::from_fn(|| script.next()));
        }
        found.extend(script.rest());
        assert_eq!(found, statements(text));
        assert_eq!(found.len(), 3);
    }
}
