//! What is known of a comparison: a value that can't be read makes it neither true nor false.

/// Three-valued truth (Kleene's strong logic). Or is the greatest, and the least.
///
/// A comparison with a value that can't be read as what its operator compares, on either side, is unknown. A statement that allows
/// applies only if its conditions are known to hold, one that denies unless one of them is known to fail: so an error never allows
/// (AWS, "Policy evaluation logic": "if the code finds an error at any point, it generates an exception and closes").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Truth {
    False,
    Unknown,
    True,
}

impl Truth {
    /// Or over many, which ends with the first that is true.
    pub(crate) fn any(truths: impl IntoIterator<Item = Self>) -> Self {
        let mut any = Self::False;
        for truth in truths {
            any = any.max(truth);
            if any == Self::True {
                break;
            }
        }
        any
    }

    /// And over many, which ends with the first that is false.
    pub(crate) fn all(truths: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::True;
        for truth in truths {
            all = all.min(truth);
            if all == Self::False {
                break;
            }
        }
        all
    }

    /// The opposite where `negated`; what is unknown stays so.
    pub(crate) fn not_if(self, negated: bool) -> Self {
        match (self, negated) {
            (Self::False, true) => Self::True,
            (Self::True, true) => Self::False,
            (truth, _) => truth,
        }
    }
}

impl From<bool> for Truth {
    fn from(known: bool) -> Self {
        if known { Self::True } else { Self::False }
    }
}

#[cfg(test)]
mod tests {
    use super::Truth::{self, False, True, Unknown};

    #[test]
    fn what_is_unknown_decides_nothing_alone() {
        assert_eq!(Truth::any([False, Unknown]), Unknown);
        assert_eq!(Truth::any([Unknown, True, False]), True);
        assert_eq!(Truth::any([]), False);
        assert_eq!(Truth::all([True, Unknown]), Unknown);
        assert_eq!(Truth::all([Unknown, False, True]), False);
        assert_eq!(Truth::all([]), True);
        assert_eq!([False, Unknown, True].map(|t| t.not_if(true)), [True, Unknown, False]);
        assert_eq!([False, Unknown, True].map(|t| t.not_if(false)), [False, Unknown, True]);
    }
}
