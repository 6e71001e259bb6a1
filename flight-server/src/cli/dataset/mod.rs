//! `pintail dataset`: the datasets of the session store, for all nodes.
//!
//! The commands work on the store itself, whether a server runs on it or not; a server that does sees within a second what
//! they changed.

mod error;
mod list;

use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Arg, ArgAction, ArgMatches, Command};
use session::{NewDataset, SessionStore, StoreError};

use self::error::DatasetError;
use super::rows::RowFormat;
use super::{store, wait_for};
use crate::config::{Config, StoreUrl, arguments_of};
use crate::dataset::Definition;

/// The subcommands.
pub(super) fn command() -> Command {
    // What tells which store is meant, the same as for `serve`.
    let place = || arguments_of(&["config", "data-dir", "store"]);
    let name = || Arg::new("name").value_name("NAME").help("The dataset's name: that of its table");
    let add = Command::new("add")
        .about("Shows files at a URL as a table, on every node and in every engine")
        .arg(name().required(true))
        .arg(Arg::new("url").value_name("URL").required(true).help(
            "One file, a pattern (*, **) or a directory: a path of the nodes' machines, or a URL of s3, gs, az, abfs, abfss, http, https",
        ))
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORMAT")
                .value_parser(["parquet", "csv", "json"])
                .help("What the files hold [default: what their extension says]"),
        )
        .arg(Arg::new("secret").long("secret").value_name("NAME").help(
            "The secret of the nodes' configuration that opens it [default: the credentials of the nodes' environment]",
        ))
        .arg(Arg::new("replace").long("replace").action(ArgAction::SetTrue).help("Replaces a dataset of the same name"))
        .args(place());
    let ls = Command::new("ls")
        .about("Lists the datasets, and how they fare on the nodes")
        .arg(RowFormat::argument())
        .args(place());
    let rm = Command::new("rm").about("Removes a dataset; its files stay").arg(name().required(true)).args(place());
    let refresh = Command::new("refresh")
        .about("Has a dataset, or all, described anew: its columns and its files")
        .arg(name())
        .args(place());
    Command::new("dataset")
        .about("Names over files that every engine shows as tables")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([add, ls, rm, refresh])
}

/// Runs the subcommand that was chosen.
pub(super) fn run(chosen: &ArgMatches) -> ExitCode {
    wait_for(dispatch(chosen), DatasetError::exit_code)
}

async fn dispatch(chosen: &ArgMatches) -> Result<(), DatasetError> {
    let Some((what, flags)) = chosen.subcommand() else { return Ok(()) };
    let config = Config::load(flags)?;
    let name = flags.try_get_one::<String>("name").ok().flatten().map(String::as_str);
    match (what, name) {
        ("add", Some(name)) => add(&config, name, flags).await,
        ("rm", Some(name)) => remove(&config, name).await,
        ("refresh", name) => refresh(&config, name).await,
        _ => {
            let rows = list::rows(&config, &*store::open_existing(&config).await?).await?;
            rows.write(RowFormat::chosen(flags), &mut io::stdout().lock()).map_err(DatasetError::Output)
        }
    }
}

async fn add(config: &Config, name: &str, flags: &ArgMatches) -> Result<(), DatasetError> {
    let text = |id: &str| flags.get_one::<String>(id).map(String::as_str);
    let format = text("format").map(str::parse).transpose().map_err(DatasetError::Wrong)?;
    let secret = text("secret").map(str::to_owned);
    let url = text("url").unwrap_or_default();
    let dataset = Definition::new(name, url, format, secret).map_err(DatasetError::Wrong)?;
    if let Some(name) = &dataset.secret {
        match config.secrets.iter().find(|secret| secret.name() == name) {
            Some(secret) => dataset.check_secret_kind(name, secret.kind()).map_err(DatasetError::Wrong)?,
            None => talk(&format!("note: this configuration has no [secrets.{name}]; that of every node needs it")),
        }
    }
    if configured(config, name).is_some() {
        talk(&format!("note: the configuration has a dataset {name}, which wins over this one where it is used"));
    }
    let new = NewDataset {
        name: dataset.name.clone(),
        url: dataset.url.to_string(),
        format: dataset.format.to_string(),
        secret: dataset.secret.clone(),
        replace: flags.get_flag("replace"),
    };
    open_or_create(config).await?.put_dataset(&new).await.map_err(|error| match error {
        StoreError::DatasetExists { name } => DatasetError::Exists(name),
        error => error.into(),
    })?;
    talk(&format!("dataset {name} added; `pintail dataset ls` tells how it fares on the nodes"));
    Ok(())
}

async fn remove(config: &Config, name: &str) -> Result<(), DatasetError> {
    let store = store::open_existing(config).await?;
    if store.remove_dataset(name).await? {
        talk(&format!("dataset {name} removed; its files are where they were"));
        return Ok(());
    }
    match configured(config, name) {
        Some(_) => Err(DatasetError::Configured(name.to_owned())),
        None => Err(unknown(config, &*store, name).await?),
    }
}

async fn refresh(config: &Config, name: Option<&str>) -> Result<(), DatasetError> {
    let store = store::open_existing(config).await?;
    if let Some(name) = name
        && !list::names(config, &*store).await?.iter().any(|known| known.eq_ignore_ascii_case(name))
    {
        return Err(unknown(config, &*store, name).await?);
    }
    store.request_dataset_refresh(name).await?;
    let what = name.map_or("all datasets are".to_owned(), |name| format!("dataset {name} is"));
    talk(&format!("{what} described anew; `pintail dataset ls` tells how it goes"));
    Ok(())
}

/// The dataset of that name in the configuration.
fn configured<'a>(config: &'a Config, name: &str) -> Option<&'a Definition> {
    config.datasets.iter().find(|dataset| dataset.name.eq_ignore_ascii_case(name))
}

async fn unknown(config: &Config, store: &dyn SessionStore, name: &str) -> Result<DatasetError, DatasetError> {
    Ok(DatasetError::Unknown { name: name.to_owned(), known: list::names(config, store).await? })
}

/// The store, made where there is none: datasets may be added before a server has ever run.
async fn open_or_create(config: &Config) -> Result<Arc<dyn SessionStore>, DatasetError> {
    if let StoreUrl::Sqlite(path) = &config.store
        && let Some(directory) = path.parent().filter(|directory| *directory == config.data_dir)
    {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(|source| DatasetError::DataDir { path: directory.to_owned(), source })?;
    }
    Ok(store::open(&config.store).await?)
}

/// Says something that is no data.
fn talk(text: &str) {
    // When standard error is closed, nobody wants to know.
    let _ = writeln!(io::stderr().lock(), "{text}");
}
