//! How the allocator keeps memory that has been freed.

/// Has freed memory kept for what is allocated next, up to 32 MiB a thread, in place of given back to the system at once.
///
/// Batches, rows and tables of some megabytes come and go many times a second. The thresholds of the C library, which it
/// sets by what is freed first, had a tenth of the time of a run with many rows spent on clearing the same pages again.
/// To be called before there is a second thread.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::ffi::c_int;
        /// The numbers of the two thresholds, as `malloc.h` has them.
        const M_TRIM_THRESHOLD: c_int = -1;
        const M_MMAP_THRESHOLD: c_int = -3;
        /// The most that the second one may be.
        const KEPT: c_int = 32 << 20;
        // SAFETY: the C library has this function with these types; it takes any numbers, and refuses what it does not know.
        unsafe extern "C" {
            safe fn mallopt(param: c_int, value: c_int) -> c_int;
        }
        // Where it refuses, memory is given back as before.
        mallopt(M_MMAP_THRESHOLD, KEPT);
        mallopt(M_TRIM_THRESHOLD, KEPT);
    }
}
