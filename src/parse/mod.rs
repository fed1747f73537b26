//! From bytes to columns: records are checked as a whole and the fields that the job names extracted.
//!
//! This stage runs in several threads at once and knows nothing of order, watermarks or state.

pub mod batch;
pub mod csv;
pub mod json;
pub mod key;
pub mod project;
