//! How a driver divides its time between what nodes write and all else: in turns, each of which ends by carrying out what followed.
//!
//! What is urgent has turns of its own, so that it waits neither for the store nor for the sync of what groups write. A turn of the rest is
//! short, by its inputs, records and bytes, since nothing overtakes it once its records are being stored; and it ends when something urgent
//! comes. Where that does not end the two alternate.

use core::ops::AddAssign;

/// Inputs of one turn: enough to share one sync.
const INPUTS_MAX: usize = 256;
/// Records of one turn: at 0.1 ms each they are stored within 13 ms. One input may bring more.
const RECORDS_MAX: usize = 128;
/// Bytes of records of one turn. One input may bring more.
const BYTES_MAX: usize = 256 << 10;

/// What a driver does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It takes an input that is about what nodes write.
    Urgent,
    /// It takes another.
    Rest,
    /// It carries out what followed.
    Ends,
}

/// How much an input brings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Records that may have to be stored or sent on.
    pub records: usize,
    /// Their bytes.
    pub bytes: usize,
}

impl AddAssign for Weight {
    fn add_assign(&mut self, more: Self) {
        self.records += more.records;
        self.bytes += more.bytes;
    }
}

/// The present turn, and whose it is.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    /// Whether it is one of what is urgent; `None`: nothing was taken yet.
    urgent: Option<bool>,
    inputs: usize,
    brought: Weight,
    /// The last one was urgent: if there is anything else, it goes before more that is urgent.
    owed: bool,
}

impl Turns {
    /// What to do, where `urgent` and `rest` say whether there is an input of either kind.
    pub fn next(&self, urgent: bool, rest: bool) -> Turn {
        let first = if urgent && !(self.owed && rest) { Turn::Urgent } else { Turn::Rest };
        match self.urgent {
            None if urgent || rest => first,
            Some(true) if urgent && !self.is_full() => Turn::Urgent,
            Some(false) if rest && !self.is_full() && (self.owed || !urgent) => Turn::Rest,
            _ => Turn::Ends,
        }
    }

    /// An input was taken.
    pub fn took(&mut self, urgent: bool, weight: Weight) {
        self.urgent.get_or_insert(urgent);
        self.inputs += 1;
        self.brought += weight;
    }

    /// The turn is over: what followed is carried out.
    pub fn end(&mut self) {
        *self = Self { owed: self.urgent == Some(true), ..Self::default() };
    }

    fn is_full(&self) -> bool {
        let Weight { records, bytes } = self.brought;
        self.inputs >= INPUTS_MAX || records >= RECORDS_MAX || bytes >= BYTES_MAX
    }
}

#[cfg(test)]
mod tests;
