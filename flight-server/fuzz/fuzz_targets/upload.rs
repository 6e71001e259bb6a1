//! Any messages of an upload are rows whose every value can be looked at, or an error.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: {
        // The reader's panics are expected and caught; the fuzzer's own hook would end the process. One that is not caught
        // still does.
        std::panic::set_hook(Box::new(|_| {}));
    },
    |bytes: &[u8]| flight_server::flight::fuzzing::upload(bytes)
);
