//! Compiles the part of the DuckDB wrapper that its C API has no call for.

fn main() {
    println!("cargo:rerun-if-changed=src/engine/duckdb/ffi/gate.cpp");
    #[cfg(feature = "duckdb")]
    compile_gate();
}

#[cfg(feature = "duckdb")]
fn compile_gate() {
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
        .file("src/engine/duckdb/ffi/gate.cpp")
        .compile("pintail_gate");
}
