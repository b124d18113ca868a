//! Answers about accounts against the evaluator: who can, what can, and who from outside.

use std::{collections::BTreeMap, sync::Arc};

use proptest::{prelude::*, sample::select};
use tidegate_policy::{
    PolicyKind, PolicySet, authorize,
    backwards::{
        Account, CallerKind, ExternalAccess, Member, Target, Verdict, Zone, external_access,
        what_can, who_can,
    },
};

use crate::{
    case::{ACCOUNT, Ask, Caller, Texts, Who, compile, compile_all},
    generate::{ask, policy, texts},
    words::{ACTIONS, RESOURCES},
};

const USER: Who = Who::User { path: "/", name: "ada", id: "AIDAADA" };

fn role(session: &'static str) -> Who {
    Who::Role { path: "/ops/", name: "deploy", id: "AROADEPLOY", session }
}

/// An account with one member, besides its root user.
fn account(set: &PolicySet, ask: &Ask) -> Account {
    let principal = ask.asked().principal;
    let member = Member {
        arn: Arc::clone(&principal.entity_arn),
        principal,
        identity: set.identity.clone(),
        boundary: set.boundary.clone(),
    };
    Account {
        id: ACCOUNT.parse().unwrap(),
        members: vec![member],
        trust: BTreeMap::new(),
        organization: None,
        service_control: set.service_control.clone(),
        resource_control: set.resource_control.clone(),
    }
}

/// An ask by this caller, without what an account does not know of.
fn by(who: Who, ask: &Ask) -> Ask {
    let caller = Caller { who, canonical: None, ..ask.caller.clone() };
    Ask { caller, owner: None, facts: None, ..ask.clone() }
}

fn plain(texts: Texts) -> PolicySet {
    compile_all(&Texts { session: None, endpoint: None, ..texts })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn who_can_is_who_may(
        texts in texts(),
        asks in prop::collection::vec(ask(), 4),
        is_role in any::<bool>(),
        action in select(&ACTIONS[..]),
        resource in select(&RESOURCES[..]),
    ) {
        let set = plain(texts);
        let first = &asks[0];
        // A role's member is one of any session.
        let mut member = by(if is_role { role("*") } else { USER }, first);
        member.caller.session = None;
        let account = account(&set, &member);
        let owner = ACCOUNT.parse().ok();
        let target = Target { policy: set.resource.as_ref(), owner, ..Target::new(action, resource) };
        let found = who_can(&account, &target);
        for ask in &asks {
            let who = if is_role { role(select_session(ask)) } else { USER };
            let mut ask = by(who, ask);
            // Another session of the same caller.
            ask.caller = Caller { session: ask.caller.session.clone(), who, ..member.caller.clone() };
            (ask.action, ask.resource) = (action.to_owned(), resource);
            let asked = ask.asked();
            let request = asked.request();
            let named = found.iter().find(|can| *can.caller.name == *asked.principal.arn);
            let can = named.or_else(|| found.iter().find(|can| can.caller.kind != CallerKind::Root && *can.caller.name == *asked.principal.entity_arn));
            let can = can.unwrap();
            let allowed = authorize(&set, &request).is_allowed();
            match &can.verdict {
                Verdict::Always => prop_assert!(allowed, "{:#?}", can),
                Verdict::Never => prop_assert!(!allowed, "{:#?}", can),
                Verdict::When(formula) => prop_assert_eq!(formula.holds(&request), allowed, "{:#?}", can),
            }
        }
    }

    #[test]
    fn what_can_is_what_is_allowed(texts in texts(), asks in prop::collection::vec(ask(), 6)) {
        let set = PolicySet { resource: None, ..plain(texts) };
        let mut member = by(USER, &asks[0]);
        member.caller.session = None;
        let account = account(&set, &member);
        let found = what_can(&account, &account.members[0]);
        for ask in &asks {
            let mut ask = by(USER, ask);
            ask.caller = Caller { session: ask.caller.session.clone(), ..member.caller.clone() };
            let asked = ask.asked();
            let request = asked.request();
            let granted = found.grants.iter().any(|grant| grant.allows(&request));
            prop_assert_eq!(granted, authorize(&set, &request).is_allowed(), "{:#?}", found.grants);
        }
    }
}

/// One of the session's names, of which policies name only the first.
fn select_session(ask: &Ask) -> &'static str {
    if ask.action.len().is_multiple_of(2) { "s1" } else { "s9" }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn whoever_gets_in_from_outside_is_found(
        text in policy(PolicyKind::Resource),
        asks in prop::collection::vec(ask(), 16),
        who in select(vec![Who::Anonymous, Who::Service("ec2.amazonaws.com"), Who::Provider("accounts.google.com")]),
    ) {
        let policy = compile(&text, PolicyKind::Resource);
        let mut asks = asks;
        for ask in &mut asks {
            ask.caller = Caller { who, tags: vec![], organization: None, session: None, canonical: None };
            (ask.owner, ask.facts) = (Some(ACCOUNT), None);
        }
        let account = Account { members: vec![], ..account(&PolicySet::default(), &asks[0]) };
        let zone = Zone { accounts: [account.id].into(), ..Zone::default() };
        let set = PolicySet { resource: Some(Arc::clone(&policy)), ..PolicySet::default() };
        let resource = asks[0].resource;
        let external = external_access(&account, &zone, resource, &policy, false);
        let homeless = |access: &&ExternalAccess| access.caller.principal.account.is_none();
        for access in external.found.iter().filter(homeless) {
            prop_assert!(authorize(&set, &access.witness.request()).is_allowed());
        }
        for mut ask in asks {
            ask.resource = resource;
            // Whom `*` lets in stands for services and providers too.
            if authorize(&set, &ask.asked().request()).is_allowed() {
                prop_assert!(!external.found.is_empty() || !external.limits.is_empty(), "{:#?}", ask);
            }
        }
    }
}
