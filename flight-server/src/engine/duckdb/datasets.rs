//! Datasets as DuckDB shows them: views in a catalog of their own, over files that it reads through the datasets' sources.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use typemap::SqlType;

use super::dataset_io::{Registry, SCHEME};
use super::ffi::{Connection, Database, NewView};
use super::internal::{self, quoted_text};
use crate::dataset::{Format, Source};
use crate::engine::quoted_identifier;
use crate::engine::{DATASET_CATALOG, DATASET_SCHEMA};
use crate::error::{Error, ErrorCode, Result};

/// The datasets of an instance.
pub(super) struct Datasets {
    registry: Arc<Registry>,
    /// Held by whoever changes the catalog: DuckDB fails one of two at once.
    changing: Mutex<()>,
    described: AtomicU64,
}

impl Datasets {
    /// Makes the place of the datasets in a database that is not locked down yet.
    ///
    /// # Errors
    /// When the database's own catalog has the name of theirs.
    pub(super) fn open(database: &Database, connection: &Connection) -> Result<Self> {
        let here = internal::rows(connection, "SELECT current_database()", &[])?;
        if here.into_iter().flatten().flatten().any(|name| name.eq_ignore_ascii_case(DATASET_CATALOG)) {
            return Err(Error::new(
                ErrorCode::Internal,
                format!(
                    "its catalog would be named \"{DATASET_CATALOG}\", which is the name of the catalog that shows the \
                     datasets; give the file another name"
                ),
            ));
        }
        let registry = Registry::new()?;
        database.register_dataset_files(Box::new(Arc::clone(&registry)))?;
        internal::run(connection, &format!("ATTACH ':memory:' AS {DATASET_CATALOG}"))?;
        Ok(Self { registry, changing: Mutex::default(), described: AtomicU64::default() })
    }

    /// Opens files of a dataset and tells its columns. It blocks.
    pub(super) fn describe(&self, connection: &Connection, source: &Arc<Source>) -> Result<Vec<(String, SqlType)>> {
        // The dataset may be there already, with other files. No dataset's name has a `+`.
        let name = format!("{}+{}", source.name(), self.described.fetch_add(1, Ordering::Relaxed));
        self.registry.put(&name, Arc::clone(source));
        let described = self.describe_as(connection, &name, source);
        self.registry.remove(&name);
        described.map_err(|mut error| {
            error.message = error.message.replace(&name, source.name());
            error
        })
    }

    fn describe_as(&self, connection: &Connection, name: &str, source: &Source) -> Result<Vec<(String, SqlType)>> {
        let read = reader(name, source.format(), None);
        let sql = format!("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM {read})");
        let column = |row: Vec<Option<String>>| match <[Option<String>; 2]>::try_from(row) {
            Ok([Some(column), Some(ty)]) => match ty.parse::<SqlType>() {
                Ok(parsed) => Ok((column, parsed)),
                Err(error) => Err(Error::new(
                    ErrorCode::TypeUnsupported,
                    format!(
                        "the dataset \"{}\" can't be shown: its column \"{column}\" is of type {ty}: {error}",
                        source.name()
                    ),
                )),
            },
            _ => Err(Error::internal("the engine did not describe the columns of a dataset")),
        };
        let columns = internal::rows(connection, &sql, &[])?.into_iter().map(column).collect::<Result<Vec<_>>>()?;
        // The listing is the one that was just read.
        let partitions = self.registry.partitions(source)?;
        let place =
            |(name, _): &(String, SqlType)| partitions.iter().position(|key| key == name).map_or(0, |at| at + 1);
        let mut columns = columns;
        columns.sort_by_key(place);
        Ok(columns)
    }

    /// Shows a dataset with these columns. Its files are not opened; those of CSV are listed. It blocks.
    pub(super) fn put(
        &self,
        connection: &Connection,
        source: &Arc<Source>,
        columns: &[(String, SqlType)],
    ) -> Result<()> {
        let name = source.name();
        // To be told the types of other columns than a file has is an error to the reader of CSV files.
        let partitions = match source.format() {
            Format::Csv => self.registry.partitions(source)?,
            Format::Parquet | Format::Json => Vec::new(),
        };
        let inner = columns.iter().filter(|(column, _)| !partitions.contains(column)).collect::<Vec<_>>();
        let read = reader(name, source.format(), Some(&inner));
        let select = columns
            .iter()
            .map(|(column, ty)| format!("CAST({0} AS {ty}) AS {0}", quoted_identifier(column)))
            .collect::<Vec<_>>()
            .join(", ");
        let select = format!("SELECT {select} FROM {read}");
        let columns = columns.iter().map(|(column, ty)| (column.clone(), ty.to_string())).collect::<Vec<_>>();
        let (catalog, schema) = (DATASET_CATALOG, DATASET_SCHEMA);
        let _changing = self.changing.lock();
        connection.put_view(&NewView { catalog, schema, name, select: &select, columns: &columns })?;
        self.registry.put(name, Arc::clone(source));
        Ok(())
    }

    /// Takes a dataset away. It blocks.
    pub(super) fn remove(&self, connection: &Connection, name: &str) -> Result<()> {
        let _changing = self.changing.lock();
        let view = quoted_identifier(name);
        internal::run(connection, &format!("DROP VIEW IF EXISTS {DATASET_CATALOG}.{DATASET_SCHEMA}.{view}"))?;
        self.registry.remove(name);
        Ok(())
    }
}

/// The table function that reads a dataset: with these columns, or with those that it finds.
fn reader(name: &str, format: Format, columns: Option<&[&(String, SqlType)]>) -> String {
    let files = quoted_text(&format!("{SCHEME}{name}/**"));
    match (format, columns) {
        (Format::Parquet, None) => format!("read_parquet({files})"),
        // The types of partitions are those of the columns; looking for others takes time with each statement.
        (Format::Parquet, Some(_)) => format!("read_parquet({files}, hive_types_autocast = false)"),
        (Format::Csv, None) => format!("read_csv({files})"),
        (Format::Json, None) => format!("read_json({files}, format = 'newline_delimited')"),
        (Format::Csv, Some(columns)) => {
            format!("read_csv({files}, hive_types_autocast = false, types = {})", type_list(columns))
        }
        (Format::Json, Some(columns)) => {
            format!(
                "read_json({files}, hive_types_autocast = false, format = 'newline_delimited', columns = {})",
                type_list(columns)
            )
        }
    }
}

/// Names and types as a struct of texts.
fn type_list(columns: &[&(String, SqlType)]) -> String {
    let all = columns.iter().map(|(name, ty)| format!("{}: {}", quoted_text(name), quoted_text(&ty.to_string())));
    format!("{{{}}}", all.collect::<Vec<_>>().join(", "))
}

/// The search path of a session in which nothing was set: the database, then the datasets.
pub(super) fn search_path(catalog: &str, schema: &str) -> String {
    let place = format!("{}.{}", quoted_identifier(catalog), quoted_identifier(schema));
    match catalog.eq_ignore_ascii_case(DATASET_CATALOG) {
        true => place,
        false => format!("{place},{DATASET_CATALOG}.{DATASET_SCHEMA}"),
    }
}
