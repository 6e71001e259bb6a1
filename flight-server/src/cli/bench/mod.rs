//! `pintail bench`: measures a server of Flight SQL, as its clients see it.

mod error;
mod figures;
mod statements;
#[cfg(feature = "duckdb")]
mod takeover;
mod target;
mod transfers;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};

use self::error::BenchError;
use self::target::Target;
use super::rows::RowFormat;
use super::{complain, connecting};

/// What nearly every server of SQL can run.
const SHORT: &str = "SELECT 42";

/// Ten million rows, of servers over DuckDB.
const LONG: &str = "SELECT range AS n, range / 7 AS f, 'row ' || range AS t FROM range(10000000)";

/// The subcommands.
pub(super) fn command() -> Command {
    let flag = |name: &'static str, value: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).default_value(default).help(help)
    };
    let number = |name: &'static str, default: &'static str, help: &'static str| {
        flag(name, "N", default, help).value_parser(value_parser!(u32).range(1..=100_000_000))
    };
    let duration =
        || flag("duration", "TIME", "5s", "For how long it is measured").value_parser(humantime::parse_duration);
    let measured = |name: &'static str| Command::new(name).args(connecting::arguments()).arg(RowFormat::argument());
    let latency = measured("latency")
        .about("How long a statement takes on one connection, beside a call that does nothing")
        .arg(flag("sql", "SQL", SHORT, "The statement"))
        .arg(duration());
    let throughput = measured("throughput")
        .about("How many statements several connections run in a second")
        .arg(flag("sql", "SQL", SHORT, "The statement"))
        .arg(number("connections", "16", "How many connections there are"))
        .arg(duration());
    let bulk = measured("bulk")
        .about("How fast a large result comes")
        .arg(flag("sql", "SQL", LONG, "The query"))
        .arg(number("rounds", "5", "How often it is run"));
    let ingest = measured("ingest")
        .about("How fast rows are ingested into a new table, which is dropped afterwards")
        .arg(number("rows", "1000000", "How many rows"))
        .arg(number("rounds", "5", "How often"));
    let takeover = Command::new("takeover")
        .about("How long a session is away whose node is killed: starts three servers on this machine for it")
        .arg(RowFormat::argument())
        .arg(number("rounds", "10", "How often a node is killed"));
    Command::new("bench")
        .about("Measures a server of Flight SQL, Pintail's or another")
        .after_help("Compare servers in the same hour on the same machine: only ratios mean something.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([latency, throughput, bulk, ingest, takeover])
}

/// Runs the subcommand that was chosen.
pub(super) fn run(chosen: &ArgMatches) -> ExitCode {
    // Clients of a server that is fast need more than one thread.
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&error);
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(measure(chosen)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            error.exit_code()
        }
    }
}

async fn measure(chosen: &ArgMatches) -> Result<(), BenchError> {
    let Some((what, flags)) = chosen.subcommand() else { return Ok(()) };
    let count = |name| flags.get_one::<u32>(name).copied().unwrap_or(1) as usize;
    let sql = || flags.get_one::<String>("sql").cloned().unwrap_or_default();
    let duration = || flags.get_one::<Duration>("duration").copied().unwrap_or(Duration::from_secs(5));
    let figures = match what {
        "latency" => statements::latency(&Target::of(flags)?, &sql(), duration()).await?,
        "throughput" => statements::throughput(&Target::of(flags)?, &sql(), duration(), count("connections")).await?,
        "bulk" => transfers::bulk(&Target::of(flags)?, &sql(), count("rounds")).await?,
        "ingest" => transfers::ingest(&Target::of(flags)?, count("rows"), count("rounds")).await?,
        #[cfg(feature = "duckdb")]
        _ => takeover::takeover(count("rounds")).await?,
        #[cfg(not(feature = "duckdb"))]
        _ => return Err(BenchError::NoEngine),
    };
    figures.write(RowFormat::chosen(flags), &mut io::stdout().lock())?;
    Ok(())
}
