//! The lattices that replicated data merge by.
//!
//! Each is described in one file and obeys the laws of [`Lattice`], which `tests.rs` checks on random values: for each lattice, and for
//! each composition that is replicated. From `crdts` come only those types that never diverged when they were measured (`LWWReg`,
//! `GCounter`); its maps, multi-value registers and lists are not to be used.

mod lww_record;
mod map;
mod max_reg;
mod two_phase_set;
mod windowed_counter;

pub use lww_record::LwwRecord;
pub use max_reg::MaxReg;
pub use two_phase_set::TwoPhaseSet;
pub use windowed_counter::WindowedCounter;

/// A join-semilattice: a value that many write, and that all see alike once they have seen the same writes.
///
/// # Laws
/// For all `a`, `b` and `c`, with `a ∨ b` for `a` after `a.merge(&b)`:
/// - commutative: `a ∨ b = b ∨ a`;
/// - associative: `(a ∨ b) ∨ c = a ∨ (b ∨ c)`;
/// - idempotent: `a ∨ a = a`;
/// - monotone: `(a ∨ b) ∨ b = a ∨ b`: what was merged once adds nothing again, so a value never moves down in the order that
///   `merge` defines.
///
/// So messages may be lost and repeated, doubled and overtaken. Each write, too, must move the value up: one that moves it down is
/// undone by the next merge.
pub trait Lattice {
    /// Moves `self` up to the least upper bound of both.
    fn merge(&mut self, other: &Self);
}

#[cfg(test)]
mod tests;
