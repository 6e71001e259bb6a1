//! Primary and foreign keys, as engines tell of them.

/// The name of a table; parts that are `None` narrow nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableName {
    /// Its catalog.
    pub catalog: Option<String>,
    /// Its schema.
    pub schema: Option<String>,
    /// Its own name.
    pub table: String,
}

/// A column of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyColumn {
    /// The table's catalog.
    pub catalog: String,
    /// The table's schema.
    pub schema: String,
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The name of the key; `None` when it has none.
    pub key: Option<String>,
}

/// A column of a primary key, with its place in it, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrimaryKeyColumn {
    /// The column.
    pub column: KeyColumn,
    /// Its place in the key.
    pub sequence: i32,
}

/// A column of a foreign key, and the one that it refers to. Changes of the latter are refused (`NO ACTION`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKeyColumn {
    /// The column that is referred to.
    pub primary: KeyColumn,
    /// The column that refers to it.
    pub foreign: KeyColumn,
    /// Its place in the key, from 1.
    pub sequence: i32,
}
