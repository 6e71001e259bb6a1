//! The columns of a dataset, as the session store keeps them: `[["id","BIGINT"],["tags","VARCHAR[]"]]`.

use typemap::SqlType;

/// Names and types, in their order.
pub(super) type Columns = Vec<(String, SqlType)>;

/// Columns as text.
pub(super) fn to_text(columns: &[(String, SqlType)]) -> String {
    let columns: Vec<[String; 2]> = columns.iter().map(|(name, sql)| [name.clone(), sql.to_string()]).collect();
    serde_json::Value::from_iter(columns.into_iter().map(|column| column.to_vec())).to_string()
}

/// Columns from text; `None` when it is not what this version writes.
pub(super) fn from_text(text: &str) -> Option<Columns> {
    let columns: Vec<[String; 2]> = serde_json::from_str(text).ok()?;
    columns.into_iter().map(|[name, sql]| Some((name, sql.parse().ok()?))).collect()
}

/// How many columns a text holds; `None` when it can't be told.
pub(crate) fn count(text: &str) -> Option<usize> {
    serde_json::from_str::<Vec<serde_json::Value>>(text).ok().map(|columns| columns.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn columns_read_back_as_they_were_written() {
        for text in [
            "[]",
            r#"[["id","BIGINT"]]"#,
            r#"[["a \"b\" é","VARCHAR"],["d","DECIMAL(38,2)"],["s","STRUCT(a INTEGER, b VARCHAR[])"]]"#,
        ] {
            let columns = from_text(text).unwrap();
            assert_eq!(to_text(&columns), text);
            assert_eq!(count(text), Some(columns.len()));
        }
    }

    #[test]
    fn what_is_no_list_of_columns_is_not_read() {
        for text in ["", "{}", r#"[["id"]]"#, r#"[["id","NO SUCH TYPE("]]"#, r#"[["id",1]]"#] {
            assert_eq!(from_text(text), None, "{text}");
        }
    }
}
