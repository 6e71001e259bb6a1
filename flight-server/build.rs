//! Compiles the parts of the DuckDB wrapper that its C API has no call for.

/// The files of the wrapper that are C++.
const SOURCES: [&str; 7] = [
    "src/engine/duckdb/ffi/client_context.cpp",
    "src/engine/duckdb/ffi/dataset_catalog.cpp",
    "src/engine/duckdb/ffi/dataset_files.cpp",
    "src/engine/duckdb/ffi/gate.cpp",
    "src/engine/duckdb/ffi/reach.cpp",
    "src/engine/duckdb/ffi/variant.cpp",
    "src/engine/duckdb/ffi/written.cpp",
];

fn main() {
    for source in SOURCES {
        println!("cargo:rerun-if-changed={source}");
    }
    #[cfg(feature = "duckdb")]
    compile_wrapper();
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
