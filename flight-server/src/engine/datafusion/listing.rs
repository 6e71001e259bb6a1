//! The catalogs of a session as drivers ask for them.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{CatalogProviderList, TableProvider};
use datafusion::logical_expr::TableType;
use typemap::metadata::TYPE_NAME;
use typemap::normalise::engine_type;
use typemap::wire::{WireOptions, table_field};

use super::catalog::Relation;
use super::lane::Lane;
use crate::engine::{DATASET_CATALOG, Location, TableEntry, TableFilter};
use crate::error::Result;

/// The types of table there are, as DuckDB names them too.
pub(super) const TABLE_TYPES: [&str; 3] = ["BASE TABLE", "LOCAL TEMPORARY", "VIEW"];

/// The names of all catalogs, sorted.
pub(super) fn catalogs(lane: &Lane) -> Vec<String> {
    let mut names = lane.catalogs.catalog_names();
    names.sort();
    names
}

/// The schemas that match, sorted.
pub(super) fn schemas(lane: &Lane, catalog: Option<&str>, pattern: Option<&str>) -> Vec<Location> {
    let mut found = Vec::new();
    for name in catalogs(lane).into_iter().filter(|name| catalog.is_none_or(|wanted| wanted == name)) {
        let schemas = lane.catalogs.catalog(&name).map(|catalog| catalog.schema_names()).unwrap_or_default();
        let matching = schemas.into_iter().filter(|schema| pattern.is_none_or(|pattern| like(schema, pattern)));
        found.extend(matching.map(|schema| Location { catalog: name.clone(), schema }));
    }
    found.sort();
    found
}

/// The tables that match, sorted by type, catalog, schema, name.
pub(super) async fn tables(lane: &Lane, filter: &TableFilter) -> Result<Vec<TableEntry>> {
    let mut found = Vec::new();
    for location in schemas(lane, filter.catalog.as_deref(), filter.schema_pattern.as_deref()) {
        for (name, table_type, table) in relations(lane, &location) {
            let is_named = filter.table_pattern.as_ref().is_none_or(|pattern| like(&name, pattern));
            if !is_named || !is_wanted(filter, table_type) {
                continue;
            }
            let schema = match filter.with_schema {
                true => Some(schema(&location, &name, &table).await),
                false => None,
            };
            found.push(TableEntry { location: location.clone(), name, table_type: table_type.to_owned(), schema });
        }
    }
    found.sort_by(|a, b| (&a.table_type, &a.location, &a.name).cmp(&(&b.table_type, &b.location, &b.name)));
    Ok(found)
}

fn is_wanted(filter: &TableFilter, table_type: &str) -> bool {
    filter.types.is_empty()
        // Tools that don't ask which types there are say TABLE.
        || filter.types.iter().any(|ty| ty == table_type || (ty == "TABLE" && table_type == "BASE TABLE"))
}

fn relations(lane: &Lane, location: &Location) -> Vec<(String, &'static str, Relation)> {
    if location.catalog == DATASET_CATALOG {
        let datasets = &lane.instance.datasets;
        let tables = datasets.names().into_iter().filter_map(|name| {
            let table: Arc<dyn TableProvider> = datasets.get(&name)?;
            Some((name, type_name(table.table_type()), Relation::External(table)))
        });
        return tables.collect();
    }
    let schema = lane.catalogs.own().own_schema(&location.schema);
    let relations = schema.map(|schema| schema.relations()).unwrap_or_default();
    relations.into_iter().map(|(name, relation)| (name, type_name(relation.table_type()), relation)).collect()
}

fn type_name(ty: TableType) -> &'static str {
    match ty {
        TableType::Base => TABLE_TYPES[0],
        TableType::Temporary => TABLE_TYPES[1],
        TableType::View => TABLE_TYPES[2],
    }
}

/// The columns of a table. Those of a view that can't be planned any more are not known.
async fn schema(location: &Location, name: &str, table: &Relation) -> SchemaRef {
    let is_view = matches!(table, Relation::View(_));
    let Ok(table) = table.provider().await else { return Arc::new(Schema::empty()) };
    let schema = table.schema();
    let fields = schema.fields().iter().map(|field| column(location, name, field, is_view || field.is_nullable()));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A column as it is listed. One whose type can't be carried is listed as text, with its type's name.
fn column(location: &Location, table: &str, field: &Field, nullable: bool) -> Field {
    let (catalog, schema, name) = (&location.catalog, &location.schema, field.name());
    engine_type(field)
        .and_then(|ty| table_field(catalog, schema, table, name, &ty, nullable, &WireOptions::default()))
        .unwrap_or_else(|_| {
            let type_name = field.data_type().to_string();
            Field::new(name, DataType::Utf8, nullable).with_metadata([(TYPE_NAME.to_owned(), type_name)].into())
        })
}

/// Whether a text matches a LIKE pattern with `\` as escape.
pub(super) fn like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut steps = Vec::new();
    let mut pattern = pattern.chars();
    while let Some(c) = pattern.next() {
        steps.push(match c {
            '%' => Step::Any,
            '_' => Step::One,
            '\\' => Step::Exactly(pattern.next().unwrap_or('\\')),
            c => Step::Exactly(c),
        });
    }
    // Where in the text each step may stand, step by step.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for step in steps {
        let mut next = vec![false; text.len() + 1];
        for index in 0..=text.len() {
            next[index] = match step {
                Step::Any => reached[index] || (index > 0 && next[index - 1]),
                Step::One => index > 0 && reached[index - 1],
                Step::Exactly(c) => index > 0 && reached[index - 1] && text[index - 1] == c,
            };
        }
        reached = next;
    }
    reached[text.len()]
}

/// A step of a LIKE pattern.
enum Step {
    Any,
    One,
    Exactly(char),
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn patterns_match_as_like_does() {
        for (text, pattern, matches) in [
            ("main", "main", true),
            ("main", "m%", true),
            ("main", "%a_n", true),
            ("main", "m_n", false),
            ("s_1", "s\\_1", true),
            ("sx1", "s\\_1", false),
            ("", "%", true),
            ("é", "_", true),
        ] {
            assert_eq!(like(text, pattern), matches, "{text} LIKE {pattern}");
        }
    }
}
