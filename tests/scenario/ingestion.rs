//! `flight_sql:ingestion`: rows with every option of the command, counted.

use arrow::datatypes::{DataType, Field, Schema};
use arrow_flight::sql::{TableDefinitionOptions, TableExistsOption, TableNotExistOption};
use async_trait::async_trait;
use flight_server::error::Result;
use flight_server::flight::{Command, Handlers, Put, Upload};
use flight_server::node::Origin;
use http::HeaderMap;

use crate::script::{expect, unexpected};

pub(crate) struct Ingestion;

#[async_trait]
impl Handlers for Ingestion {
    type Call = ();

    async fn enter(&self, _: &HeaderMap, _: Origin) -> Result<()> {
        Ok(())
    }

    async fn put(&self, (): &(), upload: &mut Upload) -> Result<Put> {
        let command = match Command::from_descriptor(upload.descriptor()?)? {
            Command::Ingest(command) => command,
            other => return Err(unexpected(other)),
        };
        let definition = TableDefinitionOptions {
            if_not_exist: TableNotExistOption::Create.into(),
            if_exists: TableExistsOption::Replace.into(),
        };
        expect(command.table_definition_options, Some(definition))?;
        expect(command.table.as_str(), "test_table")?;
        expect(command.schema.as_deref(), Some("test_schema"))?;
        expect(command.catalog.as_deref(), Some("test_catalog"))?;
        expect(command.temporary, true)?;
        expect(command.transaction_id.as_deref(), Some(&b"123"[..]))?;
        let options = [("key1", "val1"), ("key2", "val2")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        expect(command.options, options.into())?;

        let expected = Schema::new(vec![Field::new("test_field", DataType::Int64, true)]);
        expect(&*upload.schema().await?, &expected)?;
        let mut rows = 0;
        while let Some(batch) = upload.batch().await? {
            rows += batch.num_rows();
        }
        Ok(Put::Updated(i64::try_from(rows).unwrap_or(-1)))
    }
}
