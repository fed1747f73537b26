//! The windrow binary. Everything is in the library, where tests can reach it.

use std::process::ExitCode;

/// Runs before Rust's runtime does, which would hide that a standard stream is closed.
#[cfg(target_os = "linux")]
#[used]
// SAFETY: the loader calls what stands in this section as a function without arguments; this one makes two
// system calls and stores two flags, which needs nothing of a runtime.
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = windrow::cli::streams::look;

fn main() -> ExitCode {
    ExitCode::from(windrow::cli::main(std::env::args_os()))
}
