//! Bugs made on purpose: the proof that the differential test would find them.
//!
//! Only the crate's own unit tests can switch one on. In every other build [`bug`] is a constant and leaves no trace.

macro_rules! bugs {
    ($($bug:ident,)*) => {
        /// A bug. Each is one that an evaluator of this language has had, or that a reader of AWS's pages would make.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Bug {
            $($bug,)*
        }

        #[cfg(test)]
        const ALL: &[Bug] = &[$(Bug::$bug,)*];
    };
}

bugs! {
    AnyLevelOfAnOrganizationSuffices,
    RootEscapesServiceControl,
    ServiceLinkedRolesAreBound,
    ServicesEscapeResourceControl,
    RoleArnWaivesTheBoundary,
    StarWaivesOnlyIdentity,
    SessionArnIsTheRoles,
    FederatedSessionNeedsNoPolicy,
    NamingWaivesAcrossAccounts,
    TrustPolicyMayBeSilent,
    NotPrincipalSparesWhoeverIsListed,
    NotPrincipalForgetsTheBoundary,
    ContextSpeaksForThePrincipal,
    MfaIsFalseForLongTermKeys,
    PrincipalArnIsTheSessions,
    MissingKeyFailsNegated,
    ForAllValuesFailsOnNothing,
    EmptyValueCountsInSets,
    UnreadableIsNoMatch,
    ArnWildcardsCrossColons,
    ValuesAreWildcards,
    OldVersionKnowsVariables,
    SeveralValuesInVariables,
    DefaultIsIgnored,
    DenyIsForgottenBehindAnAllow,
    ListedValuesAreNegatedOneByOne,
    ActionsKeepTheirCase,
    TagKeysKeepTheirCase,
    ContextSpeaksForTheResource,
    NothingStandsBehindAStar,
}

/// Whether this bug is switched on.
#[cfg(not(test))]
#[inline]
pub(crate) const fn bug(_: Bug) -> bool {
    false
}

#[cfg(test)]
thread_local! {
    static SWITCHED_ON: core::cell::Cell<Option<Bug>> = const { core::cell::Cell::new(None) };
}

/// Whether this bug is switched on.
#[cfg(test)]
pub(crate) fn bug(wanted: Bug) -> bool {
    SWITCHED_ON.get() == Some(wanted)
}

#[cfg(test)]
mod tests;
