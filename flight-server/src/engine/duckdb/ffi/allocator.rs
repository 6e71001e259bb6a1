//! The C library's allocator, from which DuckDB takes its memory.

/// Makes the allocator give memory back that statements have freed.
///
/// Each of its arenas keeps what was freed in it, so there are few of them; and it learns to keep large blocks too, so
/// that is switched off: blocks of `large` bytes and more are always had from, and given back to, the operating system.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(in crate::engine::duckdb) fn keep_little(arenas: i32, large: i32) {
    const M_MMAP_THRESHOLD: i32 = -3;
    const M_ARENA_MAX: i32 = -8;
    unsafe extern "C" {
        fn mallopt(param: i32, value: i32) -> i32;
    }
    // SAFETY: `mallopt` takes two integers and reads no memory of ours.
    unsafe { mallopt(M_ARENA_MAX, arenas) };
    // SAFETY: as above.
    unsafe { mallopt(M_MMAP_THRESHOLD, large) };
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
pub(in crate::engine::duckdb) fn keep_little(_arenas: i32, _large: i32) {}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(in crate::engine::duckdb) fn release_free_memory() {}
