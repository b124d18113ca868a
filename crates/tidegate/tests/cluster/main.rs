//! Real processes under faults: what was acknowledged stays, what can't be promised is refused by name, and all nodes agree again
//! afterwards. One cluster runs at a time.
//!
//! The long forms: `TIDEGATE_KILL_ROUNDS=20` for `kill_nine`, `TIDEGATE_POWER_ROUNDS=10` for `power_cut`, `TIDEGATE_CUT_SECONDS=600`
//! for `alone`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop where it stands"
)]

mod alone;
mod bad_input;
mod black_hole;
mod check;
mod clock;
mod cut_off;
mod disk;
mod doctor;
mod forgotten;
mod full_disk;
mod harness;
mod join;
mod kill_nine;
mod membership;
mod moves;
mod one_trace;
mod power_cut;
mod quarantine;
mod recover;
mod relearn;
mod secrets;
mod strangers;
mod taken_over;
mod upgrade;
mod voters;
