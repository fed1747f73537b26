//! From bytes to columns: records are checked as a whole and the fields that the job names extracted.

pub mod batch;
pub mod csv;
pub mod json;
