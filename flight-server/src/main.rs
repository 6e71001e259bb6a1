//! The program `pintail`. What it does is in the library's module `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    flight_server::cli::run(std::env::args_os())
}
