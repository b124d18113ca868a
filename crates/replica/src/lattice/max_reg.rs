//! The greatest value seen.

use super::Lattice;

/// The greatest value seen: last-used times, sessions void before a time, the last step of an MFA device.
///
/// Whoever takes values from outside bounds them: a time in the far future would win for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaxReg<T>(pub T);

impl<T: Ord> MaxReg<T> {
    /// Notes a value; a smaller one changes nothing.
    pub fn raise(&mut self, value: T) {
        if value > self.0 {
            self.0 = value;
        }
    }
}

impl<T: Ord + Clone> Lattice for MaxReg<T> {
    fn merge(&mut self, other: &Self) {
        if other.0 > self.0 {
            self.0.clone_from(&other.0);
        }
    }
}
