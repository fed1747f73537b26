//! Asks for memory ahead of its use: what is looked up for the rows of a block lies all over large tables, and the
//! waits for it overlap if the places are named some rows in advance. Speed only, never a result.

/// How many rows ahead places are asked for: about as many loads as a core keeps under way.
pub const AHEAD: usize = 16;

/// What takes up less stays in a core's nearest caches by itself, where asking for it only costs time.
pub const CACHED_BYTES: usize = 16 << 10;

/// Asks for the item at this place, if there is one.
#[inline(always)]
pub fn prefetch<T>(items: &[T], at: usize) {
    if let Some(item) = items.get(at) {
        let first = std::ptr::from_ref(item).cast::<u8>();
        prefetch_address(first);
        // Such items may lie across two cache lines.
        if size_of::<T>() > align_of::<T>() {
            prefetch_address(first.wrapping_add(size_of::<T>() - 1));
        }
    }
}

/// Asks for the cache line of an address, which may be any.
#[inline(always)]
pub fn prefetch_address(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch changes nothing and cannot fault, and SSE is part of x86-64.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Asks for as many bytes as these are, so far ahead of them: whoever reads a text twice, a block at a time, waits for
/// all of each block at its first reading otherwise.
#[inline(always)]
pub fn prefetch_text(text: &[u8], range: std::ops::Range<usize>, ahead: usize) {
    /// Bytes in a line of the caches.
    const LINE: usize = 64;
    let mut at = range.start + ahead;
    // Of a long stretch no more than lies before it: the rest of it would only get in the way.
    let end = range.end.min(range.start + ahead) + ahead;
    while at < end {
        // Behind the end of the text nothing is wanted, and asking for it harms nothing: it costs less than to look.
        prefetch_address(text.as_ptr().wrapping_add(at));
        at += LINE;
    }
}
