//! Primary and foreign keys, in exactly the schemas Flight SQL prescribes.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray, UInt8Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::sql::{
    CommandGetCrossReference, CommandGetExportedKeys, CommandGetImportedKeys, CommandGetPrimaryKeys,
};

use crate::engine::{EngineSession, ForeignKeyColumn, KeyColumn, TableName};
use crate::error::{Error, Result};

/// What becomes of a foreign key when the row that it refers to changes or goes: `NO ACTION` of `UpdateDeleteRules`.
const NO_ACTION: u8 = 3;

/// A question about keys.
#[derive(Debug, Clone, PartialEq)]
pub enum Keys {
    /// The primary key of a table.
    Primary(CommandGetPrimaryKeys),
    /// The foreign keys that refer to a table.
    Exported(CommandGetExportedKeys),
    /// The foreign keys of a table.
    Imported(CommandGetImportedKeys),
    /// The foreign keys of one table that refer to another.
    CrossReference(CommandGetCrossReference),
}

impl Keys {
    /// The name of its message.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Primary(_) => "CommandGetPrimaryKeys",
            Self::Exported(_) => "CommandGetExportedKeys",
            Self::Imported(_) => "CommandGetImportedKeys",
            Self::CrossReference(_) => "CommandGetCrossReference",
        }
    }
}

/// The schema of the answer.
pub(super) fn schema(keys: &Keys) -> SchemaRef {
    let (text, number) = (DataType::Utf8, DataType::Int32);
    let fields: &[(&str, &DataType, bool)] = match keys {
        Keys::Primary(_) => &[
            ("catalog_name", &text, true),
            ("db_schema_name", &text, true),
            ("table_name", &text, false),
            ("column_name", &text, false),
            // The protocol's text has these two the other way round; its implementations, and their clients, as here.
            ("key_sequence", &number, false),
            ("key_name", &text, true),
        ],
        Keys::Exported(_) | Keys::Imported(_) | Keys::CrossReference(_) => &[
            ("pk_catalog_name", &text, true),
            ("pk_db_schema_name", &text, true),
            ("pk_table_name", &text, false),
            ("pk_column_name", &text, false),
            ("fk_catalog_name", &text, true),
            ("fk_db_schema_name", &text, true),
            ("fk_table_name", &text, false),
            ("fk_column_name", &text, false),
            ("key_sequence", &number, false),
            ("fk_key_name", &text, true),
            ("pk_key_name", &text, true),
            ("update_rule", &DataType::UInt8, false),
            ("delete_rule", &DataType::UInt8, false),
        ],
    };
    let field = |(name, ty, nullable): &(&str, &DataType, bool)| Field::new(*name, (*ty).clone(), *nullable);
    Arc::new(Schema::new(fields.iter().map(field).collect::<Vec<_>>()))
}

/// The answer, as the session sees it.
///
/// # Errors
/// Those of the engine.
pub(super) async fn answer(keys: Keys, session: &dyn EngineSession) -> Result<RecordBatch> {
    let schema = schema(&keys);
    match keys {
        Keys::Primary(asked) => primary(schema, table(asked.catalog, asked.db_schema, asked.table), session).await,
        Keys::Exported(asked) => {
            let table = table(asked.catalog, asked.db_schema, asked.table);
            let mut found = session.foreign_keys(Some(&table), None).await?;
            found.sort_by(|a, b| order(&a.foreign, a.sequence).cmp(&order(&b.foreign, b.sequence)));
            foreign(schema, &found)
        }
        Keys::Imported(asked) => {
            let table = table(asked.catalog, asked.db_schema, asked.table);
            by_primary_key(schema, session.foreign_keys(None, Some(&table)).await?)
        }
        Keys::CrossReference(asked) => {
            let primary = table(asked.pk_catalog, asked.pk_db_schema, asked.pk_table);
            let foreign = table(asked.fk_catalog, asked.fk_db_schema, asked.fk_table);
            by_primary_key(schema, session.foreign_keys(Some(&primary), Some(&foreign)).await?)
        }
    }
}

fn table(catalog: Option<String>, schema: Option<String>, table: String) -> TableName {
    TableName { catalog, schema, table }
}

/// In the order that the protocol has for the columns of keys.
fn order(column: &KeyColumn, sequence: i32) -> (&str, &str, &str, Option<&str>, i32) {
    (&column.catalog, &column.schema, &column.table, column.key.as_deref(), sequence)
}

async fn primary(schema: SchemaRef, table: TableName, session: &dyn EngineSession) -> Result<RecordBatch> {
    let mut found = session.primary_keys(&table).await?;
    found.sort_by(|a, b| order(&a.column, a.sequence).cmp(&order(&b.column, b.sequence)));
    let columns: Vec<_> = found.iter().map(|key| &key.column).collect();
    let mut arrays = place(&columns);
    arrays.push(Arc::new(Int32Array::from_iter_values(found.iter().map(|key| key.sequence))));
    arrays.push(texts(columns.iter().map(|column| column.key.as_deref())));
    batch(schema, arrays)
}

fn by_primary_key(schema: SchemaRef, mut found: Vec<ForeignKeyColumn>) -> Result<RecordBatch> {
    // Several keys may refer to one.
    let order = |key: &ForeignKeyColumn| {
        let (catalog, schema, table, name, sequence) = order(&key.primary, key.sequence);
        let foreign = (key.foreign.table.clone(), key.foreign.key.clone());
        (catalog.to_owned(), schema.to_owned(), table.to_owned(), name.map(str::to_owned), foreign, sequence)
    };
    found.sort_by_cached_key(order);
    foreign(schema, &found)
}

fn foreign(schema: SchemaRef, found: &[ForeignKeyColumn]) -> Result<RecordBatch> {
    let primary: Vec<_> = found.iter().map(|key| &key.primary).collect();
    let foreign: Vec<_> = found.iter().map(|key| &key.foreign).collect();
    let mut arrays = place(&primary);
    arrays.extend(place(&foreign));
    arrays.push(Arc::new(Int32Array::from_iter_values(found.iter().map(|key| key.sequence))));
    arrays.push(texts(foreign.iter().map(|column| column.key.as_deref())));
    arrays.push(texts(primary.iter().map(|column| column.key.as_deref())));
    let rules: ArrayRef = Arc::new(UInt8Array::from_value(NO_ACTION, found.len()));
    arrays.extend([Arc::clone(&rules), rules]);
    batch(schema, arrays)
}

/// Catalog, schema, table and name of columns.
fn place(columns: &[&KeyColumn]) -> Vec<ArrayRef> {
    let part = |part: fn(&KeyColumn) -> &str| texts(columns.iter().map(|column| Some(part(column))));
    vec![
        part(|column| &column.catalog),
        part(|column| &column.schema),
        part(|column| &column.table),
        part(|column| &column.column),
    ]
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn batch(schema: SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(schema, columns)
        .map_err(|error| Error::internal(format_args!("an answer about keys cannot be built: {error}")))
}
