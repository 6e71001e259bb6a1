//! Any text is a type that prints and reads as itself, or an error that points into the text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use typemap::SqlType;
use typemap::wire::{WireOptions, wire_field};

fuzz_target!(|text: &str| {
    match text.parse::<SqlType>() {
        Ok(ty) => {
            let printed = ty.to_string();
            assert_eq!(printed.parse::<SqlType>().as_ref(), Ok(&ty), "{printed}");
            let _ = wire_field("c", &ty, true, &WireOptions::default());
        }
        Err(error) => assert!(error.position <= text.chars().count(), "{text:?}: {error}"),
    }
});
