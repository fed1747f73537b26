//! From fired windows to bytes: rows are formatted where they fire, merged in order, and written once.

pub mod json;
pub mod merge;
pub mod numbered;
pub mod rows;
pub mod set_aside;
pub mod sink;
pub mod table;
