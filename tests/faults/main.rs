//! Proof of exactly once: jobs with a state directory are disturbed in every way that can be modelled, continued, and
//! must come to what an undisturbed run without a state directory writes.
//!
//! | suite | faults | not covered |
//! |---|---|---|
//! | `sweep` | each call that changes a file: a kill before it, a torn write, EIO, ENOSPC, EINTR, a short write; then a kill of the resumed run too | stores into mapped memory (`output::ledger` has a test) |
//! | `coverage` | none: what the shim counts is compared with what strace sees | |
//! | `kills` | SIGKILL and SIGTERM at random times, several times in a row | |
//! | `power` | states of the disk that a power cut may leave: synced writes stay, any of the others may be lost | wrong sectors, disks that lie |
//! | `mounts` | real power cuts of ext4 and XFS | other file systems |
//! | `flips` | every bit and every length of checkpoints, files of ids and the page for deliveries | |
//! | `planted` | faults in windrow itself, to show that the suites find them | |
//! | `tamper`, `matrix` | inputs and outputs that were changed, two runs at once, writes in doubt, planted files, full disks | |
//!
//! `tests/faults/run.sh` runs the long form. Each suite ends with its counts on one line, and fails if it reached
//! fewer points than it should. `WINDROW_SEED=n` makes the random choices of a run again, timing aside.

mod coverage;
mod disk;
mod events;
mod flips;
mod jobs;
mod kills;
mod matrix;
mod mounts;
mod parallel;
mod place;
mod planted;
mod power;
mod reader;
mod run;
mod shim;
mod size;
mod sweep;
mod tamper;
