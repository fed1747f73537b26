//! Tests of whole jobs: within the test's process and through the binary.

mod cases;
mod common;
mod continued;
mod exposition;
mod followed;
mod generate;
mod golden;
mod kept;
mod metrics;
mod model;
mod outputs;
mod profile;
mod property;
mod prove;
mod readme;
mod real;
mod repeated;
mod rotated;
mod served;
mod signals;
mod state;
mod status;
mod streams;
mod watched;
mod why;
