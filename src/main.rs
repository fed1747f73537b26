//! The windrow binary. Everything is in the library, where tests can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(windrow::cli::main(std::env::args_os()))
}
