//! Compiles the parts of the DuckDB wrapper that its C API has no call for, and the description of Flight's calls that the
//! reflection service shows.

use std::error::Error;
use std::path::Path;

use protox::prost::Message;

/// What describes Flight's calls, and the directory it is in.
const PROTO: [&str; 2] = ["proto/flight.proto", "proto"];

/// The files of the wrapper that are C++.
const SOURCES: [&str; 14] = [
    "src/engine/duckdb/ffi/client_context.cpp",
    "src/engine/duckdb/ffi/dataset_catalog.cpp",
    "src/engine/duckdb/ffi/dataset_files.cpp",
    "src/engine/duckdb/ffi/dictionary.cpp",
    "src/engine/duckdb/ffi/gate.cpp",
    "src/engine/duckdb/ffi/inserted_values.cpp",
    "src/engine/duckdb/ffi/layout.cpp",
    "src/engine/duckdb/ffi/own_functions.cpp",
    "src/engine/duckdb/ffi/reach.cpp",
    "src/engine/duckdb/ffi/row_source.cpp",
    "src/engine/duckdb/ffi/temporary.cpp",
    "src/engine/duckdb/ffi/temporary_writes.cpp",
    "src/engine/duckdb/ffi/variant.cpp",
    "src/engine/duckdb/ffi/written.cpp",
];

/// What they share.
const HEADERS: [&str; 3] =
    ["src/engine/duckdb/ffi/dictionary.hpp", "src/engine/duckdb/ffi/gate.hpp", "src/engine/duckdb/ffi/idle.hpp"];

fn main() -> Result<(), Box<dyn Error>> {
    for source in SOURCES.iter().chain(&HEADERS).chain(&PROTO[..1]) {
        println!("cargo:rerun-if-changed={source}");
    }
    describe_flight()?;
    #[cfg(feature = "duckdb")]
    compile_wrapper();
    Ok(())
}

fn describe_flight() -> Result<(), Box<dyn Error>> {
    let [file, directory] = PROTO;
    let described = protox::compile([file], [directory])?;
    let out = std::env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?;
    std::fs::write(Path::new(&out).join("flight.bin"), described.encode_to_vec())?;
    Ok(())
}

#[cfg(feature = "duckdb")]
fn compile_wrapper() {
    let Some(include) = std::env::var_os("DEP_DUCKDB_INCLUDE") else {
        println!("cargo:warning=libduckdb-sys did not say where DuckDB's headers are");
        return;
    };
    cc::Build::new()
        .cpp(true)
        // As DuckDB itself is compiled: the same standard and definitions give its classes the same layout.
        .std("c++11")
        .define("NDEBUG", None)
        .include(include)
        .warnings(false)
        .debug(false)
        .files(SOURCES)
        .compile("pintail_duckdb");
}
