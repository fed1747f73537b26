//! Hostile input and surroundings, through the binary: what is said, the exit code, the rows, and how much memory
//! it took. Big inputs are generated while they are read.
//!
//! Not covered here: whatever has to do with state directories, and power loss; see `tests/faults`.

mod archives;
mod big;
mod common;
mod csv;
mod files;
mod json;
mod stream;
mod times;
mod words;
