//! Primary and foreign keys, for the drivers' metadata calls.

use super::ffi::{Connection, Value};
use super::internal::rows;
use crate::engine::{ForeignKeyColumn, KeyColumn, PrimaryKeyColumn, TableName};
use crate::error::Result;

const PRIMARY_KEYS: &str = "
    SELECT database_name, schema_name, table_name, unnest(constraint_column_names), constraint_name,
           generate_subscripts(constraint_column_names, 1)::VARCHAR
    FROM duckdb_constraints()
    WHERE constraint_type = 'PRIMARY KEY'
      AND table_name = $3
      AND ($1::VARCHAR IS NULL OR database_name = $1)
      AND ($2::VARCHAR IS NULL OR schema_name = $2)";

/// A foreign key is in the schema of the table that it refers to: DuckDB has no others.
const FOREIGN_KEYS: &str = "
    SELECT f.database_name, f.schema_name,
           f.referenced_table, unnest(f.referenced_column_names), p.constraint_name,
           f.table_name, unnest(f.constraint_column_names), f.constraint_name,
           generate_subscripts(f.constraint_column_names, 1)::VARCHAR
    FROM duckdb_constraints() f LEFT JOIN duckdb_constraints() p
      ON p.database_oid = f.database_oid AND p.schema_oid = f.schema_oid AND p.table_name = f.referenced_table
     AND p.constraint_type IN ('PRIMARY KEY', 'UNIQUE')
     AND p.constraint_column_names = f.referenced_column_names
    WHERE f.constraint_type = 'FOREIGN KEY'
      AND ($3::VARCHAR IS NULL OR f.referenced_table = $3)
      AND ($1::VARCHAR IS NULL OR f.database_name = $1)
      AND ($2::VARCHAR IS NULL OR f.schema_name = $2)
      AND ($6::VARCHAR IS NULL OR f.table_name = $6)
      AND ($4::VARCHAR IS NULL OR f.database_name = $4)
      AND ($5::VARCHAR IS NULL OR f.schema_name = $5)";

/// The columns of the primary key of a table.
pub(super) fn primary(connection: &Connection, table: &TableName) -> Result<Vec<PrimaryKeyColumn>> {
    let parameters = values(Some(table));
    let found = rows(connection, PRIMARY_KEYS, &parameters.iter().collect::<Vec<_>>())?;
    let column = |row: Vec<Option<String>>| {
        let [catalog, schema, table, column, key, sequence] = <[Option<String>; 6]>::try_from(row).ok()?;
        let column = KeyColumn { catalog: catalog?, schema: schema?, table: table?, column: column?, key };
        Some(PrimaryKeyColumn { column, sequence: sequence?.parse().ok()? })
    };
    Ok(found.into_iter().filter_map(column).collect())
}

/// The columns of the foreign keys of a table, or of those that refer to one, or both.
pub(super) fn foreign(
    connection: &Connection,
    primary: Option<&TableName>,
    foreign: Option<&TableName>,
) -> Result<Vec<ForeignKeyColumn>> {
    let parameters = [values(primary), values(foreign)];
    let found = rows(connection, FOREIGN_KEYS, &parameters.iter().flatten().collect::<Vec<_>>())?;
    let column = |row: Vec<Option<String>>| {
        let [catalog, schema, table, column, key, foreign_table, foreign_column, foreign_key, sequence] =
            <[Option<String>; 9]>::try_from(row).ok()?;
        let (catalog, schema) = (catalog?, schema?);
        let primary =
            KeyColumn { catalog: catalog.clone(), schema: schema.clone(), table: table?, column: column?, key };
        let foreign = KeyColumn { catalog, schema, table: foreign_table?, column: foreign_column?, key: foreign_key };
        Some(ForeignKeyColumn { primary, foreign, sequence: sequence?.parse().ok()? })
    };
    Ok(found.into_iter().filter_map(column).collect())
}

fn values(table: Option<&TableName>) -> [Value; 3] {
    let value = |text: Option<&str>| text.map_or_else(Value::null, Value::text);
    let part = |part: fn(&TableName) -> Option<&str>| value(table.and_then(part));
    [part(|table| table.catalog.as_deref()), part(|table| table.schema.as_deref()), part(|table| Some(&table.table))]
}
