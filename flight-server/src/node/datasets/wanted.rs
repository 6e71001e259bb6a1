//! Which datasets a node is to show: those of its configuration, and those of the session store.

use std::collections::BTreeMap;

use session::{DatasetRecord, DatasetVersion, Generation};

use crate::dataset::{Definition, Format};

/// A dataset that is to be shown.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Its name, as it is spelt.
    pub(super) name: String,
    /// What it is; or why that can't be told, as of one that a newer version put into the store.
    pub(super) definition: Result<Definition, String>,
    /// Its generation in the store.
    pub(super) generation: Generation,
    /// Rises when it is to be brought up anew.
    edition: i64,
    /// Its columns in the store, where they are fixed.
    pub(super) columns: Option<String>,
}

impl Wanted {
    /// Whether what was done for `self` is done for `other` too.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.generation == other.generation && self.edition == other.edition && self.is_alike(other)
    }

    /// Whether both are one table over the same files.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        self.name == other.name && self.definition == other.definition
    }
}

/// All that is wanted.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// What is to be shown, by [key](Definition::key).
    pub(super) wanted: BTreeMap<String, Wanted>,
    /// Those of the store that one of the configuration hides.
    pub(super) hidden: Vec<(String, Generation)>,
}

/// What is wanted when the configuration says `configured` and the store holds `records`.
pub(super) fn plan(configured: &[Definition], records: Vec<DatasetRecord>, version: DatasetVersion) -> Plan {
    let mut plan = Plan::default();
    for definition in configured {
        let wanted = Wanted {
            name: definition.name.clone(),
            definition: Ok(definition.clone()),
            generation: Generation::CONFIGURED,
            edition: version.refresh,
            columns: None,
        };
        plan.wanted.insert(definition.key(), wanted);
    }
    for record in records {
        let key = record.name.to_ascii_lowercase();
        if plan.wanted.contains_key(&key) {
            plan.hidden.push((record.name, record.generation));
            continue;
        }
        let wanted = Wanted {
            definition: definition(&record),
            name: record.name,
            generation: record.generation,
            edition: record.generation.0,
            columns: record.columns,
        };
        plan.wanted.insert(key, wanted);
    }
    plan
}

fn definition(record: &DatasetRecord) -> Result<Definition, String> {
    let format: Format = record.format.parse().map_err(|error: crate::error::Error| error.message)?;
    Definition::new(&record.name, &record.url, Some(format), record.secret.clone()).map_err(|error| error.message)
}
