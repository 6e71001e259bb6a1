//! The C library's allocator, from which DuckDB takes its memory.

/// Keeps the number of the allocator's arenas small. Each arena keeps what was freed in it, so that with one a
/// thread the freed memory of many short statements would add up.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(in crate::engine::duckdb) fn limit_arenas(arenas: i32) {
    const M_ARENA_MAX: i32 = -8;
    unsafe extern "C" {
        fn mallopt(param: i32, value: i32) -> i32;
    }
    // SAFETY: `mallopt` takes two integers and reads no memory of ours.
    unsafe { mallopt(M_ARENA_MAX, arenas) };
}

/// Gives freed memory back to the operating system.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(in crate::engine::duckdb) fn release_free_memory() {
    unsafe extern "C" {
        fn malloc_trim(pad: usize) -> i32;
    }
    // SAFETY: `malloc_trim` takes an integer, and only returns pages that nothing has allocated.
    unsafe { malloc_trim(0) };
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(in crate::engine::duckdb) fn limit_arenas(_arenas: i32) {}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(in crate::engine::duckdb) fn release_free_memory() {}
