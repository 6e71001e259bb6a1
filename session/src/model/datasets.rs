//! The datasets of the model.

use std::collections::{BTreeMap, BTreeSet};

use super::table::Now;
use crate::period::moment;
use crate::{
    DatasetHealth, DatasetRecord, DatasetState, DatasetVersion, Generation, Incarnation, NewDataset, Result, StoreError,
};

/// All datasets, by their names in lower case, and how they fare.
#[derive(Default)]
pub(super) struct Datasets {
    rows: BTreeMap<String, DatasetRecord>,
    version: DatasetVersion,
    /// What was said of a dataset: its name as it was spelt, how it fares, and when that was.
    health: BTreeMap<(String, Generation, Incarnation), (String, DatasetState, f64)>,
}

/// The names of the nodes that are alive, as the caller knows them.
pub(super) type AliveNodes = BTreeMap<Incarnation, String>;

impl Datasets {
    pub(super) fn version(&self) -> DatasetVersion {
        self.version
    }

    pub(super) fn put(&mut self, now: Now, new: &NewDataset) -> Result<()> {
        let key = new.name.to_ascii_lowercase();
        if self.rows.contains_key(&key) && !new.replace {
            return Err(StoreError::DatasetExists { name: new.name.clone() });
        }
        let record = DatasetRecord {
            name: new.name.clone(),
            url: new.url.clone(),
            format: new.format.clone(),
            secret: new.secret.clone(),
            columns: None,
            generation: Generation(self.next_version()),
            created_at: moment(now.0),
            health: Vec::new(),
        };
        self.rows.insert(key, record);
        self.forget_past_generations();
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) -> bool {
        let is_here = self.rows.remove(&name.to_ascii_lowercase()).is_some();
        if is_here {
            self.next_version();
            self.forget_past_generations();
        }
        is_here
    }

    pub(super) fn all(&self, alive: &AliveNodes) -> Vec<DatasetRecord> {
        let with_health = |record: &DatasetRecord| {
            let health = self.health_of(alive, |(_, generation, _)| *generation == record.generation);
            DatasetRecord { health, ..record.clone() }
        };
        self.rows.values().map(with_health).collect()
    }

    pub(super) fn configured(&self, alive: &AliveNodes) -> Vec<DatasetHealth> {
        let mut health = self.health_of(alive, |(_, generation, _)| *generation == Generation::CONFIGURED);
        health.sort_by_key(|health| health.dataset.to_ascii_lowercase());
        health
    }

    pub(super) fn set_columns(&mut self, name: &str, generation: Generation, columns: &str) -> Option<String> {
        let record = self.rows.get_mut(&name.to_ascii_lowercase()).filter(|record| record.generation == generation)?;
        if record.columns.is_none() {
            record.columns = Some(columns.to_owned());
            self.version.version += 1;
        }
        record.columns.clone()
    }

    pub(super) fn refresh(&mut self, name: Option<&str>) -> bool {
        let name = name.map(str::to_ascii_lowercase);
        let keys: Vec<String> =
            self.rows.keys().filter(|key| name.as_ref().is_none_or(|name| name == *key)).cloned().collect();
        for key in &keys {
            let generation = Generation(self.next_version());
            if let Some(record) = self.rows.get_mut(key) {
                record.generation = generation;
                record.columns = None;
            }
        }
        if name.is_none() || keys.is_empty() {
            self.version.refresh = self.next_version();
        }
        self.forget_past_generations();
        !keys.is_empty()
    }

    /// Notes how a dataset fares. The caller has found the node alive.
    pub(super) fn report(
        &mut self,
        now: Now,
        name: &str,
        generation: Generation,
        node: Incarnation,
        state: &DatasetState,
    ) {
        let key = name.to_ascii_lowercase();
        let is_present = self.rows.get(&key).is_some_and(|record| record.generation == generation);
        if generation == Generation::CONFIGURED || is_present {
            self.health.insert((key, generation, node), (name.to_owned(), state.clone(), now.0));
        }
    }

    pub(super) fn forget_dead_nodes(&mut self, alive: &AliveNodes) {
        self.health.retain(|(_, _, node), _| alive.contains_key(node));
    }

    fn health_of(
        &self,
        alive: &AliveNodes,
        wanted: impl Fn(&(String, Generation, Incarnation)) -> bool,
    ) -> Vec<DatasetHealth> {
        let mut found: Vec<(Incarnation, DatasetHealth)> = self
            .health
            .iter()
            .filter(|(key, _)| wanted(key))
            .filter_map(|((_, _, node), (dataset, state, checked_at))| {
                let health = DatasetHealth {
                    dataset: dataset.clone(),
                    node: alive.get(node)?.clone(),
                    state: state.clone(),
                    checked_at: moment(*checked_at),
                };
                Some((*node, health))
            })
            .collect();
        found.sort_by(|(a, left), (b, right)| left.node.cmp(&right.node).then(a.cmp(b)));
        found.into_iter().map(|(_, health)| health).collect()
    }

    fn forget_past_generations(&mut self) {
        let present: BTreeSet<Generation> = self.rows.values().map(|record| record.generation).collect();
        self.health
            .retain(|(_, generation, _), _| *generation == Generation::CONFIGURED || present.contains(generation));
    }

    fn next_version(&mut self) -> i64 {
        self.version.version += 1;
        self.version.version
    }
}
