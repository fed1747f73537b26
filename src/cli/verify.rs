//! placeholder
use super::args::VerifyArgs;
use crate::error::Result;
pub fn verify(_args: &VerifyArgs) -> Result<()> { Ok(()) }
