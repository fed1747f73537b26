//! windrow: event-time windows over streams and archives, each result written once.
//!
//! The modules stand in the order in which data flows through them.
//!
#![doc = include_str!("ARCHITECTURE.md")]

pub mod cli;

pub mod job;

pub mod input;

pub mod parse;

pub mod operator;

pub mod window;

pub mod aggregate;

pub mod chart;
pub mod outline;
pub mod output;

pub mod checkpoint;

pub mod live;
pub mod pipeline;

pub mod profile;
pub mod verify;
pub mod why;

pub mod metrics;
pub mod stats;

// What several of them speak of.
pub mod digest;
pub mod distribution;
pub mod error;
pub mod expr;
pub mod number;
pub mod paths;
pub mod prefetch;
pub mod suggest;
pub mod time;
pub mod value;
