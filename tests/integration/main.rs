//! Tests of whole jobs: within the process and through the binary.

mod common;
