//! Tests of whole jobs: within the test's process and through the binary.

mod cases;
mod common;
mod continued;
mod generate;
mod golden;
mod kept;
mod model;
mod outputs;
mod profile;
mod property;
mod prove;
mod readme;
mod real;
mod rotated;
mod signals;
mod state;
mod streams;
