//! What is in the catalogs, for the drivers' metadata calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use typemap::wire::{WireOptions, table_field};
use typemap::{SqlType, metadata};

use super::ffi::{Connection, Value};
use super::internal::rows;
use super::receipts::SCHEMA;
use crate::engine::{Location, TableEntry, TableFilter};
use crate::error::Result;

/// Tables and views with the type names that drivers know. DuckDB's own views are left out.
const TABLES: &str = "
    SELECT database_name, schema_name, table_name,
           CASE WHEN temporary THEN 'LOCAL TEMPORARY' ELSE 'BASE TABLE' END AS table_type
    FROM duckdb_tables() WHERE NOT internal
    UNION ALL
    SELECT database_name, schema_name, view_name, 'VIEW' FROM duckdb_views() WHERE NOT internal";

/// The types that [`TABLES`] can give.
pub(super) const TABLE_TYPES: [&str; 3] = ["BASE TABLE", "LOCAL TEMPORARY", "VIEW"];

/// Databases that hold what users make: attached ones, and that of temporary objects.
const VISIBLE: &str = "database_name IN
    (SELECT database_name FROM duckdb_databases() WHERE NOT internal OR database_name = 'temp')";

pub(super) fn catalogs(connection: &Connection) -> Result<Vec<String>> {
    let sql = format!("SELECT database_name FROM duckdb_databases() WHERE {VISIBLE} ORDER BY 1");
    Ok(rows(connection, &sql, &[])?.into_iter().flatten().flatten().collect())
}

pub(super) fn schemas(connection: &Connection, catalog: Option<&str>, pattern: Option<&str>) -> Result<Vec<Location>> {
    let sql = format!(
        "SELECT database_name, schema_name FROM duckdb_schemas()
         WHERE {VISIBLE} AND schema_name <> '{SCHEMA}' AND ($1::VARCHAR IS NULL OR database_name = $1)
           AND ($2::VARCHAR IS NULL OR schema_name LIKE $2 ESCAPE '\\')
         ORDER BY 1, 2"
    );
    let found = rows(connection, &sql, &[&optional(catalog), &optional(pattern)])?;
    Ok(found
        .into_iter()
        .filter_map(|row| match <[Option<String>; 2]>::try_from(row) {
            Ok([Some(catalog), Some(schema)]) => Some(Location { catalog, schema }),
            _ => None,
        })
        .collect())
}

pub(super) fn tables(connection: &Connection, filter: &TableFilter, options: &WireOptions) -> Result<Vec<TableEntry>> {
    let matching = format!(
        "SELECT * FROM ({TABLES}) AS t WHERE {VISIBLE} AND schema_name <> '{SCHEMA}' AND ($1::VARCHAR IS NULL OR database_name = $1)
           AND ($2::VARCHAR IS NULL OR schema_name LIKE $2 ESCAPE '\\')
           AND ($3::VARCHAR IS NULL OR table_name LIKE $3 ESCAPE '\\')"
    );
    let parameters = [
        &optional(filter.catalog.as_deref()),
        &optional(filter.schema_pattern.as_deref()),
        &optional(filter.table_pattern.as_deref()),
    ];
    let found = rows(connection, &format!("{matching} ORDER BY table_type, 1, 2, 3"), &parameters)?;
    let mut columns =
        if filter.with_schema { columns(connection, &matching, &parameters, options)? } else { BTreeMap::new() };
    let wanted = |table_type: &str| {
        filter.types.is_empty()
            // Tools that don't ask which types there are say TABLE.
            || filter.types.iter().any(|ty| ty == table_type || (ty == "TABLE" && table_type == "BASE TABLE"))
    };
    Ok(found
        .into_iter()
        .filter_map(|row| <[Option<String>; 4]>::try_from(row).ok())
        .filter_map(|[catalog, schema, name, table_type]| {
            let (location, name) = (Location { catalog: catalog?, schema: schema? }, name?);
            let table_type = table_type.filter(|ty| wanted(ty))?;
            let fields = columns.remove(&(location.clone(), name.clone())).unwrap_or_default();
            let schema = filter.with_schema.then(|| Arc::new(Schema::new(fields)));
            Some(TableEntry { location, name, table_type, schema })
        })
        .collect())
}

type Columns = BTreeMap<(Location, String), Vec<Field>>;

fn columns(connection: &Connection, matching: &str, parameters: &[&Value], options: &WireOptions) -> Result<Columns> {
    let sql = format!(
        "SELECT c.database_name, c.schema_name, c.table_name, c.column_name, c.data_type,
                CASE WHEN c.is_nullable THEN 'YES' ELSE 'NO' END, c.comment,
                CASE WHEN starts_with(c.column_default, 'nextval(') THEN 'YES' END
         FROM duckdb_columns() c SEMI JOIN ({matching}) m USING (database_name, schema_name, table_name)
         ORDER BY c.database_name, c.schema_name, c.table_name, c.column_index"
    );
    let mut columns = Columns::new();
    for row in rows(connection, &sql, parameters)? {
        let Ok([Some(catalog), Some(schema), Some(table), Some(column), Some(ty), nullable, comment, numbered]) =
            <[Option<String>; 8]>::try_from(row)
        else {
            continue;
        };
        let nullable = nullable.as_deref() != Some("NO");
        let mut field = column_field([&catalog, &schema, &table, &column], &ty, nullable, options);
        if numbered.is_some() {
            field.metadata_mut().insert(metadata::IS_AUTO_INCREMENT.to_owned(), "1".to_owned());
        }
        if let Some(comment) = comment.filter(|comment| !comment.is_empty()) {
            field.metadata_mut().insert(metadata::REMARKS.to_owned(), comment);
        }
        columns.entry((Location { catalog, schema }, table)).or_default().push(field);
    }
    Ok(columns)
}

/// A column as it is listed. One whose type can't be carried is listed as text, with its type's name.
fn column_field(place: [&str; 4], type_name: &str, nullable: bool, options: &WireOptions) -> Field {
    let [catalog, schema, table, column] = place;
    type_name
        .parse::<SqlType>()
        .ok()
        .and_then(|ty| table_field(catalog, schema, table, column, &ty, nullable, options).ok())
        .unwrap_or_else(|| {
            let name = metadata::TYPE_NAME.to_owned();
            Field::new(column, DataType::Utf8, nullable).with_metadata([(name, type_name.to_owned())].into())
        })
}

fn optional(text: Option<&str>) -> Value {
    text.map_or_else(Value::null, Value::text)
}
