//! Why batches cannot be brought to their wire schema.

use std::fmt::{self, Display, Formatter};

use crate::{TypeError, ValueError};

/// A column that cannot be normalised, the place in it, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}", Place(&.0), .0.problem)]
pub struct NormaliseError(Box<Located>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Located {
    column: Option<String>,
    path: String,
    problem: Problem,
}

/// What keeps a column from being normalised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Its type has no faithful counterpart; no value of it can pass.
    #[error(transparent)]
    Type(#[from] TypeError),
    /// One of its values has none.
    #[error(transparent)]
    Value(#[from] ValueError),
}

impl NormaliseError {
    /// Whether the type is the problem, and so every batch; otherwise it is a value.
    pub fn is_type(&self) -> bool {
        matches!(self.0.problem, Problem::Type(_))
    }

    /// Name of the column, if the problem is with one.
    pub fn column(&self) -> Option<&str> {
        self.0.column.as_deref()
    }

    /// The place inside a nested column: `.name` for a struct's field or a union's member, `[]` for the elements of a
    /// list, `.key` and `.value` for those of a map. Empty at the column itself.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// What is wrong there.
    pub fn problem(&self) -> &Problem {
        &self.0.problem
    }

    /// The same problem, one level further out.
    pub(super) fn inside(mut self, step: &str) -> NormaliseError {
        self.0.path.insert_str(0, step);
        self
    }

    /// The same problem, in a column.
    pub(super) fn in_column(mut self, column: &str) -> NormaliseError {
        self.0.column = Some(column.to_owned());
        self
    }
}

impl From<TypeError> for NormaliseError {
    fn from(error: TypeError) -> NormaliseError {
        NormaliseError(Box::new(Located { column: None, path: String::new(), problem: error.into() }))
    }
}

impl From<ValueError> for NormaliseError {
    fn from(error: ValueError) -> NormaliseError {
        NormaliseError(Box::new(Located { column: None, path: String::new(), problem: error.into() }))
    }
}

/// Where an error happened, as the message begins.
struct Place<'a>(&'a Located);

impl Display for Place<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Located { column, path, .. } = self.0;
        match column {
            Some(column) if path.is_empty() => write!(f, "column {column:?}: "),
            Some(column) => write!(f, "column {column:?} at {path}: "),
            None => Ok(()),
        }
    }
}
