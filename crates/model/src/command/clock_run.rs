//! Whether a clock runs, as `SetClock::run` numbers it.

/// As before.
pub const AS_BEFORE: u32 = 0;
/// It stands still.
pub const FROZEN: u32 = 1;
/// It runs.
pub const RUNS: u32 = 2;
