//! What benchmarks work on.

use arrow_flight::sql::{CommandStatementQuery, ProstMessageExt};
use bytes::Bytes;
use prost::Message;

/// Columns like those of TPC-H's `lineitem`, some of them with nulls: more than one batch of them.
pub(crate) const LINEITEM: &str = "
    SELECT i AS orderkey, (i * 7919) % 200000 AS partkey, (i % 7)::INTEGER AS linenumber,
           ((i % 50) + 1)::DECIMAL(15, 2) AS quantity, ((i * 37 % 100000) / 100)::DECIMAL(15, 2) AS extendedprice,
           CASE WHEN i % 11 = 0 THEN NULL ELSE (i % 10 / 100)::DECIMAL(15, 2) END AS discount,
           ['A', 'N', 'R'][i % 3 + 1] AS returnflag, DATE '1992-01-01' + (i % 2500)::INTEGER AS shipdate,
           CASE WHEN i % 13 = 0 THEN NULL ELSE 'carefully final requests ' || (i * 7919 % 1000003) END AS comment
    FROM range(40000) t(i)";

/// Columns by the way in which they are copied.
pub(crate) const COLUMNS: [(&str, &str); 4] = [
    ("integers", "SELECT i, i + 1 AS j, (i % 100)::INTEGER AS k, i * 3 AS l FROM range(40000) t(i)"),
    ("strings", "SELECT repeat('x', 150) || i AS s FROM range(10000) t(i)"),
    ("lists", "SELECT [i, i + 1, NULL] AS l FROM range(20000) t(i)"),
    ("structs", "SELECT {'a': i, 'b': 'text ' || i} AS s FROM range(20000) t(i)"),
];

/// The command of a short statement, as drivers send it.
pub(crate) fn short_command() -> Bytes {
    CommandStatementQuery { query: "SELECT 42 AS answer".to_owned(), transaction_id: None }
        .as_any()
        .encode_to_vec()
        .into()
}
