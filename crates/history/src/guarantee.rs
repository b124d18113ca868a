//! The promises by name, as docs/consistency.md has them.

/// What Tidegate promises to its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guarantee {
    /// What was acknowledged is there at the end, at every node.
    AcknowledgedWritesSurvive,
    /// The writes of an account have one order, which contradicts nobody's clock.
    AccountOrder,
    /// A strong read sees what was acknowledged before it began.
    StrongReads,
    /// An answer at a token uses no older state than the token.
    TokenFloor,
    /// A session that carries its tokens sees its own writes.
    ReadYourWrites,
    /// No node goes back: neither its answers, nor its positions, nor the tokens that it gave.
    NodesNeverGoBack,
    /// An explicit deny stays until a later write takes it away.
    DenyStays,
    /// What was deleted does not come back.
    DeletedStaysDeleted,
    /// A staleness bound is never below the truth, and a bounded answer within its bound.
    StalenessBound,
    /// Where a change was said to have arrived it is seen.
    ArrivedIsVisible,
    /// Nobody sees what nobody wrote.
    NothingInvented,
    /// Equal positions mean equal states, and all nodes become equal once the faults are over.
    Convergence,
}

impl Guarantee {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::AcknowledgedWritesSurvive,
        Self::AccountOrder,
        Self::StrongReads,
        Self::TokenFloor,
        Self::ReadYourWrites,
        Self::NodesNeverGoBack,
        Self::DenyStays,
        Self::DeletedStaysDeleted,
        Self::StalenessBound,
        Self::ArrivedIsVisible,
        Self::NothingInvented,
        Self::Convergence,
    ];

    /// Its name, for reports and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AcknowledgedWritesSurvive => "acknowledged-writes-survive",
            Self::AccountOrder => "account-order",
            Self::StrongReads => "strong-reads",
            Self::TokenFloor => "token-floor",
            Self::ReadYourWrites => "read-your-writes",
            Self::NodesNeverGoBack => "nodes-never-go-back",
            Self::DenyStays => "deny-stays",
            Self::DeletedStaysDeleted => "deleted-stays-deleted",
            Self::StalenessBound => "staleness-bound",
            Self::ArrivedIsVisible => "arrived-is-visible",
            Self::NothingInvented => "nothing-invented",
            Self::Convergence => "convergence",
        }
    }

    /// What is promised, in one sentence.
    pub const fn promise(self) -> &'static str {
        match self {
            Self::AcknowledgedWritesSurvive => {
                "What was acknowledged is there at the end, at every node."
            }
            Self::AccountOrder => {
                "No two writes of an account have one revision, and a write that began after another was acknowledged has a higher one."
            }
            Self::StrongReads => {
                "A strong read sees every write that was acknowledged before it began."
            }
            Self::TokenFloor => "An answer at a token uses no older state than the token.",
            Self::ReadYourWrites => {
                "A session that carries its tokens sees its own writes, at every node."
            }
            Self::NodesNeverGoBack => {
                "No node goes back, over restarts as well: neither its answers, nor its positions, nor the tokens that it gave."
            }
            Self::DenyStays => {
                "An explicit deny that was seen at a node stays there until a later write takes it away."
            }
            Self::DeletedStaysDeleted => "What was deleted does not come back.",
            Self::StalenessBound => {
                "A staleness bound is never below the truth, and a bounded answer is within the bound that was asked for."
            }
            Self::ArrivedIsVisible => {
                "Where a change was said to have arrived, every later answer sees it."
            }
            Self::NothingInvented => "Nobody sees what nobody wrote.",
            Self::Convergence => {
                "Equal positions mean equal digests, and once the faults are over all nodes become equal."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_all_are_listed() {
        let names: BTreeSet<_> = Guarantee::ALL.iter().map(|g| g.name()).collect();
        assert_eq!(names.len(), Guarantee::ALL.len());
    }
}
