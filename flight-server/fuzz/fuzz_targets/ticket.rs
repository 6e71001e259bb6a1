//! Any bytes are no ticket; signed, they are one that says the same again, or none.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| flight_server::flight::fuzzing::ticket(bytes));
