//! `pintail doctor`: looks at everything that a server needs before it starts, and says what to do.
//!
//! It changes nothing but what a start would, and can be run beside a running server.

mod certificate;
mod directories;
mod engine;
mod lake;
mod network;
mod report;
mod resources;
mod spool;
mod store;
mod tls;

use std::process::ExitCode;

use clap::ArgMatches;

pub(super) use self::report::format_argument;
use self::report::{Check, Format, State};
use super::{complain, with_causes};
use crate::config::Config;

/// Prints what every check found. It fails when one does.
pub(super) fn run(flags: &ArgMatches) -> ExitCode {
    let format = Format::of(flags);
    let checks = match Config::load(flags) {
        // Without a configuration there is nothing else to look at.
        Err(error) => vec![Check::fail("configuration", with_causes(&error))],
        Ok(config) => {
            let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    complain(&error);
                    return ExitCode::FAILURE;
                }
            };
            runtime.block_on(examine(&config))
        }
    };
    if let Err(error) = report::print(&mut std::io::stdout().lock(), &checks, format) {
        complain(&error);
        return ExitCode::FAILURE;
    }
    match checks.iter().any(|check| check.state == State::Fail) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

async fn examine(config: &Config) -> Vec<Check> {
    let mut checks = vec![Check::ok("configuration", "every setting can be used")];
    let server = directories::running_server(&config.data_dir);
    checks.extend(directories::data_directory(&config.data_dir, server));
    checks.extend(directories::opened_to_sql(config));
    checks.extend(store::session_store(&config.store).await);
    checks.extend(engine::duckdb(config).await);
    checks.extend(lake::lake(config).await);
    checks.push(spool::spool(config).await);
    checks.extend(network::ports(config, server).await);
    checks.extend(tls::tls(config));
    checks.extend(resources::resources(config));
    checks
}
