//! From fired windows to bytes: rows are formatted where they fire, merged in order, and written once.

pub mod builder;
pub mod cells;
pub mod chart;
pub mod descriptor;
pub mod durable;
mod file;
pub mod fired;
pub mod json;
pub mod ledger;
pub mod mark;
pub mod merge;
pub mod numbered;
pub mod plan;
pub mod rank;
pub mod set_aside;
pub mod sink;
pub mod stream;
pub mod table;
mod tail;

#[cfg(test)]
mod tests;
