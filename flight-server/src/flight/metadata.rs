//! The catalogs, schemas, tables and table types there are, in exactly the schemas Flight SQL prescribes: drivers
//! compare them strictly, nullability included.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::sql::{CommandGetDbSchemas, CommandGetTables};

use super::command::Metadata;
use super::encode::schema_bytes;
use super::{keys, sql_info, type_info};
use crate::engine::{Engine, EngineSession, Rows, TableFilter};
use crate::error::{Error, Result};

/// The most rows of an answer in one message: with schemas, tens of thousands of tables would not fit in one.
const ROWS_A_BATCH: usize = 2_048;

impl Metadata {
    /// The schema of the answer.
    pub fn schema(&self) -> SchemaRef {
        schema(self)
    }
}

/// The schema of the answer to a metadata command.
pub(super) fn schema(command: &Metadata) -> SchemaRef {
    let fields = match command {
        Metadata::Catalogs => vec![text("catalog_name", false)],
        Metadata::Schemas(_) => vec![text("catalog_name", true), text("db_schema_name", false)],
        Metadata::Tables(CommandGetTables { include_schema, .. }) => {
            let mut fields = vec![
                text("catalog_name", true),
                text("db_schema_name", true),
                text("table_name", false),
                text("table_type", false),
            ];
            if *include_schema {
                fields.push(Field::new("table_schema", DataType::Binary, false));
            }
            fields
        }
        Metadata::TableTypes => vec![text("table_type", false)],
        Metadata::SqlInfo(_) => return sql_info::schema(),
        Metadata::TypeInfo(_) => return type_info::schema(),
        Metadata::Keys(keys) => return keys::schema(keys),
    };
    Arc::new(Schema::new(fields))
}

/// The answer to a metadata command, as the session sees it.
///
/// # Errors
/// Those of the engine.
pub(super) async fn rows(command: Metadata, engine: &dyn Engine, session: &dyn EngineSession) -> Result<Rows> {
    let schema = schema(&command);
    let batch = match command {
        Metadata::Catalogs => batch(&schema, vec![texts(session.catalogs().await?)])?,
        Metadata::Schemas(CommandGetDbSchemas { catalog, db_schema_filter_pattern }) => {
            let found = session.schemas(catalog.as_deref(), db_schema_filter_pattern.as_deref()).await?;
            let (catalogs, schemas): (Vec<_>, Vec<_>) =
                found.into_iter().map(|location| (location.catalog, location.schema)).unzip();
            batch(&schema, vec![texts(catalogs), texts(schemas)])?
        }
        Metadata::Tables(asked) => tables(&schema, asked, session).await?,
        Metadata::TableTypes => batch(&schema, vec![texts(session.table_types().await?)])?,
        Metadata::SqlInfo(codes) => sql_info::answer(engine.facts(), &codes)?,
        Metadata::TypeInfo(code) => type_info::answer(code)?,
        Metadata::Keys(keys) => keys::answer(keys, session).await?,
    };
    let slices: Vec<_> = (0..batch.num_rows())
        .step_by(ROWS_A_BATCH)
        .map(|from| Ok(batch.slice(from, ROWS_A_BATCH.min(batch.num_rows() - from))))
        .collect();
    Ok(Rows { schema, batches: Box::pin(futures::stream::iter(slices)) })
}

async fn tables(schema: &SchemaRef, asked: CommandGetTables, session: &dyn EngineSession) -> Result<RecordBatch> {
    let filter = TableFilter {
        catalog: asked.catalog,
        schema_pattern: asked.db_schema_filter_pattern,
        table_pattern: asked.table_name_filter_pattern,
        types: asked.table_types,
        with_schema: asked.include_schema,
    };
    let found = session.tables(&filter).await?;
    let mut columns = vec![
        texts(found.iter().map(|table| &table.location.catalog)),
        texts(found.iter().map(|table| &table.location.schema)),
        texts(found.iter().map(|table| &table.name)),
        texts(found.iter().map(|table| &table.table_type)),
    ];
    if asked.include_schema {
        let schemas = found.iter().map(|table| match &table.schema {
            Some(schema) => schema_bytes(schema),
            None => Err(Error::internal("the engine gave no schema of a table although it was asked for it")),
        });
        let schemas = schemas.collect::<Result<Vec<_>>>()?;
        columns.push(Arc::new(BinaryArray::from_iter_values(schemas)));
    }
    batch(schema, columns)
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(schema.clone(), columns)
        .map_err(|error| Error::internal(format_args!("a metadata answer cannot be built: {error}")))
}

fn text(name: &str, nullable: bool) -> Field {
    Field::new(name, DataType::Utf8, nullable)
}

fn texts(values: impl IntoIterator<Item = impl AsRef<str>>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_flight::sql::metadata::GetTablesBuilder;
    use arrow_flight::sql::{CommandGetCatalogs, CommandGetTableTypes};

    fn tables(include_schema: bool) -> CommandGetTables {
        CommandGetTables { include_schema, ..Default::default() }
    }

    #[test]
    fn schemas_are_those_of_the_protocol() {
        assert_eq!(schema(&Metadata::Catalogs), CommandGetCatalogs {}.into_builder().schema());
        assert_eq!(schema(&Metadata::TableTypes), CommandGetTableTypes {}.into_builder().schema());
        let schemas = CommandGetDbSchemas::default();
        assert_eq!(schema(&Metadata::Schemas(schemas.clone())), schemas.into_builder().schema());
        for include_schema in [false, true] {
            let asked = tables(include_schema);
            assert_eq!(schema(&Metadata::Tables(asked.clone())), GetTablesBuilder::from(asked).schema());
        }
        assert_eq!(schema(&Metadata::SqlInfo(vec![])), sql_info::schema());
    }

    #[test]
    fn nullability_is_that_of_the_protocol() {
        let nullable = |command| {
            let schema = schema(&command);
            schema.fields().iter().map(|field| field.is_nullable()).collect::<Vec<_>>()
        };
        assert_eq!(nullable(Metadata::Catalogs), [false]);
        assert_eq!(nullable(Metadata::Schemas(CommandGetDbSchemas::default())), [true, false]);
        assert_eq!(nullable(Metadata::Tables(tables(true))), [true, true, false, false, false]);
        assert_eq!(nullable(Metadata::TableTypes), [false]);
        assert_eq!(nullable(Metadata::SqlInfo(vec![])), [false, false]);
    }
}
