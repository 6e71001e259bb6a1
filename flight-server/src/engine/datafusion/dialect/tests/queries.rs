//! Queries that DataFusion would plan otherwise than they are meant.

use super::{error, expect};

#[tokio::test]
async fn a_recursive_query_knows_its_columns_by_the_list_after_its_name() {
    expect(&[
        (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n",
            "INTEGER: 1; 2; 3",
        ),
        (
            "WITH RECURSIVE t(a, b) AS (VALUES (1, 'x') UNION ALL SELECT a + 1, b || 'y' FROM t WHERE a < 2) \
             SELECT b, a FROM t",
            "VARCHAR, INTEGER: x|1; xy|2",
        ),
        // A column that only the next rows are made from.
        (
            "WITH RECURSIVE f(a, b) AS (SELECT 0, 1 UNION ALL SELECT b, a + b FROM f WHERE b < 3) SELECT a FROM f",
            "INTEGER: 0; 1; 1; 2",
        ),
        (
            "WITH RECURSIVE f AS (SELECT 0 AS a, 1 AS b UNION ALL SELECT b, a + b FROM f WHERE b < 3) SELECT a FROM f",
            "INTEGER: 0; 1; 1; 2",
        ),
        (
            "SELECT (WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n WHERE i < 9) SELECT max(i) FROM n)",
            "INTEGER: 9",
        ),
    ])
    .await;
}

#[tokio::test]
async fn comparisons_with_all_rows_of_a_subquery_are_right_or_refused() {
    let t = "WITH t(i) AS (VALUES (1), (2), (3), (4))";
    let sql = |condition: &str| format!("{t} SELECT i FROM t WHERE i {condition} (SELECT i FROM t WHERE i < 3)");
    expect(&[
        (&format!("{} ORDER BY i", sql("= ANY")), "INTEGER: 1; 2"),
        (&format!("{} ORDER BY i", sql("<> ALL")), "INTEGER: 3; 4"),
    ])
    .await;
    for condition in ["> ALL", "= ALL", "<= ANY", "<> ANY"] {
        let error = error(&sql(condition)).await;
        assert!(error.contains("over a subquery") && error.contains("pintail.engine"), "{error}");
    }
}

#[tokio::test]
async fn set_operations_that_would_not_count_rows_are_refused() {
    let sql = |operation: &str| format!("SELECT v FROM (VALUES (2), (2)) a(v) {operation} SELECT 2");
    expect(&[(&sql("INTERSECT"), "INTEGER: 2"), (&sql("EXCEPT"), "INTEGER: ")]).await;
    for operation in ["INTERSECT ALL", "EXCEPT ALL"] {
        let error = error(&format!("SELECT count(*) FROM ({}) t", sql(operation))).await;
        assert!(error.contains(operation), "{error}");
    }
}
