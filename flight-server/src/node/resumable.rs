//! `SHOW pintail.resumable`: what of a session goes with it when its node dies, for a client that wants to know beforehand.

use super::carried::told;
use super::failure;
use super::session::Session;
use crate::error::Result;

/// What is asked for.
const NAME: &str = "pintail.resumable";

/// A statement with the columns of the answer, which any engine plans.
const COLUMNS: &str = "SELECT '' AS what, '' AS survives, '' AS why";

/// The statement to plan instead of one that asks for it; `None` for any other.
pub(super) fn columns_of(sql: &str) -> Option<&'static str> {
    asks(sql).then_some(COLUMNS)
}

fn asks(sql: &str) -> bool {
    // Looked at for every statement.
    let mut words = sql.split_ascii_whitespace();
    words.next().is_some_and(|word| word.eq_ignore_ascii_case("SHOW"))
        && words.next().is_some_and(|word| word.trim_end_matches(';').eq_ignore_ascii_case(NAME))
        && words.all(|word| word == ";")
}

impl Session {
    /// The statement to execute instead of one that asks for it; `None` for any other.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn answer_to(&self, sql: &str) -> Result<Option<String>> {
        if !asks(sql) {
            return Ok(None);
        }
        let journal = self.core.store.journal(self.id()).await.map_err(|error| failure::of_store(&error))?;
        let options: Vec<_> = self.own_options.lock().keys().cloned().collect();
        let rows: Vec<_> = told(&journal, options.iter().map(String::as_str)).iter().map(row).collect();
        Ok(Some(format!("SELECT * FROM (VALUES {}) AS resumable(what, survives, why)", rows.join(", "))))
    }
}

fn row(texts: &[String; 3]) -> String {
    let literals = texts.each_ref().map(|text| format!("'{}'", text.replace('\'', "''")));
    format!("({})", literals.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_that_is_answered() {
        for sql in ["SHOW pintail.resumable", " show\n Pintail.Resumable ; ", "SHOW pintail.resumable;"] {
            assert_eq!(columns_of(sql), Some(COLUMNS), "{sql}");
        }
        for sql in
            ["", "SHOW", "SHOW pintail.other", "SHOW pintail.resumable; SELECT 1", "SELECT 'SHOW pintail.resumable'"]
        {
            assert_eq!(columns_of(sql), None, "{sql}");
        }
        assert_eq!(row(&["a 'b'".to_owned(), "no".to_owned(), String::new()]), "('a ''b''', 'no', '')");
    }
}
