//! What drivers ask an engine about.

/// What an engine says of itself.
#[derive(Debug, Clone, Default)]
pub struct EngineFacts {
    /// The engine's own version, such as `1.5.5`.
    pub version: String,
    /// Words that must be quoted to be used as identifiers, beyond those of SQL-92; upper case, sorted.
    pub keywords: Vec<String>,
    /// Scalar functions over numbers, text, time and the system, as XDBC groups them; sorted.
    pub numeric_functions: Vec<String>,
    /// See `numeric_functions`.
    pub string_functions: Vec<String>,
    /// See `numeric_functions`.
    pub datetime_functions: Vec<String>,
    /// See `numeric_functions`.
    pub system_functions: Vec<String>,
    /// Whether it refuses every write.
    pub read_only: bool,
    /// Whether several statements can be one transaction.
    pub transactions: bool,
    /// Whether it keeps receipts of writes with what they write to, so that they are there as long as that is.
    pub receipts: bool,
    /// Which database it writes to, the same wherever that is opened; empty where it keeps no receipts.
    pub database: String,
    /// Whether every node writes to that database.
    pub shared: bool,
}
