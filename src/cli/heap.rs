//! How the allocator keeps memory that has been freed.

/// Has the allocator keep freed memory for what is allocated next, in place of giving it back to the system at once: up to
/// 32 MiB at the end of what each thread has allocated from, less with many cores, since shards are smaller then.
///
/// Batches, rows and tables of some megabytes come and go many times a second. With the thresholds of the C library, which
/// it sets by what is freed first, a run with many rows spent a tenth of its time on clearing the same pages again.
/// To be called before there is a second thread.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::ffi::c_int;
        /// The numbers of the two thresholds, as `malloc.h` has them.
        const M_TRIM_THRESHOLD: c_int = -1;
        const M_MMAP_THRESHOLD: c_int = -3;
        // SAFETY: the C library has this function with these types; it takes any numbers, and refuses what it does not know.
        unsafe extern "C" {
            safe fn mallopt(param: c_int, value: c_int) -> c_int;
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // The most that the first one may be is 32 MiB. Where it refuses, memory is given back as before.
        let kept = c_int::try_from((64 << 20) / cores).unwrap_or(0).clamp(4 << 20, 32 << 20);
        mallopt(M_MMAP_THRESHOLD, kept);
        mallopt(M_TRIM_THRESHOLD, kept);
    }
}
