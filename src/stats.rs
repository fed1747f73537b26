//! Decimal aggregates of the run.
