//! Checkpoints: what a run needs to be continued as if nothing had happened.

pub mod codec;
pub mod ids;
