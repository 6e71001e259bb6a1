//! What SQLite's failures mean to a caller.

use crate::StoreError;

/// Result codes after which trying again can't help: the file or its contents are wrong. The primary codes are those
/// of SQLite's documentation: ERROR, CORRUPT, CONSTRAINT, MISMATCH, FORMAT, NOTADB.
const DAMAGED: [i32; 6] = [1, 11, 19, 20, 24, 26];
/// The primary code of "somebody else has the lock".
const BUSY: i32 = 5;

/// Classifies a failure. Its text names tables and columns, never values: every value is bound, and SQLite does not
/// repeat bound values.
pub(super) fn failed(error: sqlx::Error) -> StoreError {
    let text = error.to_string();
    match error {
        sqlx::Error::Database(_) if primary_code(&error).is_some_and(|code| DAMAGED.contains(&code)) => {
            StoreError::Corrupt(text)
        }
        sqlx::Error::RowNotFound
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_) => StoreError::Corrupt(text),
        _ => StoreError::Unavailable(text),
    }
}

/// Whether the statement found the file locked.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    primary_code(error) == Some(BUSY)
}

/// SQLite's primary result code: the low byte of the extended one.
fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<i32>().ok().map(|code| code & 0xff)
}
