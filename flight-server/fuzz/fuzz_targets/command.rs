//! Any bytes are a command or an action, or an error that a client can be told.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| flight_server::flight::fuzzing::command(bytes));
