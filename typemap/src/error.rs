//! Why a type has no counterpart on the other side.

use crate::{MAX_ARRAY_SIZE, MAX_DECIMAL_PRECISION, MAX_DEPTH};

/// A type that cannot be carried over faithfully. The message does not know the column; the caller adds it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TypeError {
    /// Nesting beyond [`MAX_DEPTH`].
    #[error(
        "the type nests deeper than {MAX_DEPTH} Arrow levels, which Arrow readers refuse; a MAP counts as two levels"
    )]
    TooDeep,
    /// A decimal that no `DECIMAL(p,s)` can hold.
    #[error(
        "a decimal of precision {precision} and scale {scale} does not fit a DECIMAL, which has 1 to \
         {MAX_DECIMAL_PRECISION} digits of which at most all are after the point; cast it to a smaller decimal"
    )]
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point; negative means trailing zeros before it.
        scale: i16,
    },
    /// An array type with no or too many elements.
    #[error("an array type of {size} elements is not possible: it has 1 to {MAX_ARRAY_SIZE}; cast it to a list")]
    ArraySize {
        /// Elements the type asks for.
        size: i64,
    },
    /// A struct or union without members.
    #[error("a {kind} type without members has no values that can be carried; give it at least one member")]
    NoMembers {
        /// `STRUCT` or `UNION`.
        kind: &'static str,
    },
    /// A struct of which only some fields have names, or a union member without one.
    #[error("a {kind} type has a member without a name; name every member")]
    UnnamedMember {
        /// `STRUCT` or `UNION`.
        kind: &'static str,
    },
    /// A union with more members than Arrow can number.
    #[error("a UNION type of {count} members cannot be sent: Arrow numbers at most 128")]
    TooManyMembers {
        /// Members the type has.
        count: usize,
    },
    /// An Arrow map whose entries are not a struct of key and value.
    #[error("an Arrow map must have entries of exactly a key and a value, but has {found}")]
    MapEntries {
        /// The Arrow type found in place of the entries.
        found: String,
    },
    /// An extension type over a storage type that cannot hold it.
    #[error("the Arrow extension type {extension} cannot be stored as {storage}; it needs {expected}")]
    ExtensionStorage {
        /// Name of the extension.
        extension: String,
        /// The Arrow type it was found on.
        storage: String,
        /// What it may be stored as.
        expected: &'static str,
    },
    /// Metadata of an extension type that cannot be read.
    #[error("the metadata of the Arrow extension type {extension} cannot be read: {problem}")]
    ExtensionMetadata {
        /// Name of the extension.
        extension: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An Arrow type whose values are not those of the SQL type asked for.
    #[error("values of the Arrow type {storage} cannot be read as {ty}; cast them to {ty} first")]
    Storage {
        /// The Arrow type.
        storage: String,
        /// The SQL type.
        ty: String,
    },
    /// A map whose keys cannot be compared, so that nobody can tell whether each is there once.
    #[error("a MAP with keys of type {key} cannot be taken in: a key that holds a MAP cannot be compared")]
    MapKey {
        /// The SQL type of the keys.
        key: String,
    },
    /// More or fewer columns than there are types for.
    #[error("there are {found} columns where {expected} are expected")]
    Columns {
        /// Columns that were planned for.
        expected: usize,
        /// Columns that came.
        found: usize,
    },
}
