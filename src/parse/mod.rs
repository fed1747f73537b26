//! From bytes to columns: records are checked as a whole and the fields that the job names extracted.
//!
//! This stage runs in several threads at once and knows nothing of order, watermarks or state.

mod args;
pub mod batch;
mod columns;
pub mod csv;
mod dictionary;
pub(crate) mod explain;
pub mod hints;
pub mod json;
pub mod key;
mod keys;
mod lines;
pub mod near;
mod numbers;
mod plain;
pub mod project;
mod recycle;
pub mod rows;
pub mod simd;
mod stage;
