//! Tries many points at once, and gathers what went wrong.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Why a job did not come to what it should.
pub type Checked<T = ()> = std::result::Result<T, String>;

/// Tries points in parallel, and panics with some of what went wrong.
pub fn in_parallel<P: Sync, T: Send>(
    suite: &str,
    points: &[P],
    try_one: impl Fn(&P) -> Checked<T> + Sync,
) -> Vec<T> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        // A run waits for its threads more than it computes.
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) + 1 {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match try_one(point) {
                        Ok(result) => results.lock().expect("nobody panics with it").push(result),
                        Err(why) => wrong.lock().expect("nobody panics with it").push(why),
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("all threads have ended");
    assert!(
        wrong.is_empty(),
        "{suite}: {} of {} points came out wrong, among them:\n{}",
        wrong.len(),
        points.len(),
        wrong[..wrong.len().min(8)].join("\n")
    );
    results.into_inner().expect("all threads have ended")
}
