//! What `pintail dataset ls` lists: the datasets of the store, and those of configurations.

use session::{DatasetHealth, DatasetRecord, DatasetState, SessionStore, StoreError};

use crate::cli::rows::{Cell, Rows};
use crate::config::Config;
use crate::dataset::{Definition, Format};
use crate::node::count_columns;

const NAMES: [&str; 7] = ["name", "format", "url", "secret", "source", "columns", "state"];

/// The datasets of the store, then those of this configuration, then those that only nodes know, of theirs.
pub(super) async fn rows(config: &Config, store: &dyn SessionStore) -> Result<Rows<7>, StoreError> {
    let health = store.configured_dataset_health().await?;
    let said_of = |name: &str| health.iter().filter(|health| health.dataset.eq_ignore_ascii_case(name)).collect();
    let mut rows: Vec<_> = store.datasets().await?.iter().map(stored).collect();
    rows.extend(config.datasets.iter().map(|dataset| configured(dataset, said_of(&dataset.name))));
    for name in names_elsewhere(config, &health) {
        rows.push(row(name, [const { Cell::Nothing }; 3], "config", Cell::Nothing, &said_of(name)));
    }
    Ok(Rows { names: NAMES, rows })
}

/// The names of all of them.
pub(super) async fn names(config: &Config, store: &dyn SessionStore) -> Result<Vec<String>, StoreError> {
    let health = store.configured_dataset_health().await?;
    let mut names: Vec<String> = store.datasets().await?.into_iter().map(|dataset| dataset.name).collect();
    names.extend(config.datasets.iter().map(|dataset| dataset.name.clone()));
    names.extend(names_elsewhere(config, &health).into_iter().map(str::to_owned));
    Ok(names)
}

/// What nodes have in their configurations, and this one has not.
fn names_elsewhere<'a>(config: &Config, health: &'a [DatasetHealth]) -> Vec<&'a str> {
    let is_here = |name: &str| config.datasets.iter().any(|dataset| dataset.name.eq_ignore_ascii_case(name));
    let mut names: Vec<&str> = health.iter().map(|health| health.dataset.as_str()).collect();
    names.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
    names.retain(|name| !is_here(name));
    names
}

fn stored(record: &DatasetRecord) -> [Cell; 7] {
    // What is not shown of a URL that this version can read is not shown of any other.
    let format = record.format.parse::<Format>().ok();
    let definition = Definition::new(&record.name, &record.url, format, record.secret.clone()).ok();
    let url = definition.map_or_else(|| before_query(&record.url).to_owned(), |definition| definition.shown_url());
    let what = [Cell::Text(record.format.clone()), Cell::Text(url), record.secret.clone().into()];
    let columns = record.columns.as_deref().and_then(count_columns).map_or(Cell::Nothing, Cell::Number);
    row(&record.name, what, "store", columns, &record.health.iter().collect::<Vec<_>>())
}

fn configured(dataset: &Definition, health: Vec<&DatasetHealth>) -> [Cell; 7] {
    let what = [Cell::Text(dataset.format.to_string()), Cell::Text(dataset.shown_url()), dataset.secret.clone().into()];
    row(&dataset.name, what, "config", Cell::Nothing, &health)
}

fn row(name: &str, what: [Cell; 3], source: &str, columns: Cell, health: &[&DatasetHealth]) -> [Cell; 7] {
    let [format, url, secret] = what;
    let text = |text: &str| Cell::Text(text.to_owned());
    [text(name), format, url, secret, text(source), columns, Cell::Text(state(health))]
}

/// How a dataset fares: `new` where no node has said, `ok` where all that did say so, else which ones say what.
fn state(health: &[&DatasetHealth]) -> String {
    let failures: Vec<String> = health
        .iter()
        .filter_map(|health| match &health.state {
            DatasetState::Ok => None,
            DatasetState::Failed(reason) => Some(format!("{reason} ({})", health.node)),
        })
        .collect();
    match (health, failures.as_slice()) {
        ([], _) => "new".to_owned(),
        (_, []) => "ok".to_owned(),
        (_, failures) => format!("failed: {}", failures.join("; ")),
    }
}

fn before_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(before, _)| before)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use session::Generation;

    use super::*;

    fn health(node: &str, state: DatasetState) -> DatasetHealth {
        DatasetHealth { dataset: "d".to_owned(), node: node.to_owned(), state, checked_at: SystemTime::UNIX_EPOCH }
    }

    fn record(health: Vec<DatasetHealth>) -> DatasetRecord {
        DatasetRecord {
            name: "d".to_owned(),
            url: "https://host/d.csv?version=hunter2".to_owned(),
            format: "csv".to_owned(),
            secret: None,
            columns: Some(r#"[["a","BIGINT"],["b","VARCHAR"]]"#.to_owned()),
            generation: Generation(1),
            created_at: SystemTime::UNIX_EPOCH,
            health,
        }
    }

    #[test]
    fn a_dataset_is_new_until_a_node_says_how_it_fares() {
        let [.., columns, state] = stored(&record(Vec::new()));
        assert_eq!((columns, state), (Cell::Number(2), Cell::Text("new".to_owned())));
    }

    #[test]
    fn a_dataset_is_ok_when_all_nodes_say_so_and_else_tells_who_does_not_and_why() {
        let (good, bad) = (health("a", DatasetState::Ok), health("b", DatasetState::Failed("no bucket".to_owned())));
        let [.., state] = stored(&record(vec![good.clone()]));
        assert_eq!(state, Cell::Text("ok".to_owned()));
        let [.., state] = stored(&record(vec![good, bad.clone()]));
        assert_eq!(state, Cell::Text("failed: no bucket (b)".to_owned()));
        let [.., state] = stored(&record(vec![bad.clone(), DatasetHealth { node: "c".to_owned(), ..bad }]));
        assert_eq!(state, Cell::Text("failed: no bucket (b); no bucket (c)".to_owned()));
    }

    #[test]
    fn no_query_is_listed_also_of_what_this_version_can_not_read() {
        for url in ["https://host/d.csv?version=hunter2", "s4://host/d?key=hunter2"] {
            let row = stored(&DatasetRecord { url: url.to_owned(), ..record(Vec::new()) });
            assert!(!format!("{row:?}").contains("hunter2"), "{row:?}");
        }
    }
}
