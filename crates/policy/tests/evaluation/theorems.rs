//! What holds of every policy and every request.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tidegate_policy::{
    Action, Decision, Effect, PolicyDocument, PolicyKind, PolicyType, PrincipalKind, authorize,
};

use crate::{
    generate::{Ask, ask, compile, compile_all, policy, statement, texts},
    oracle::Texts,
};

fn decide(texts: &Texts, ask: &Ask) -> Decision {
    authorize(&compile_all(texts), &ask.request())
}

fn statements(policy: &mut Json) -> &mut Vec<Json> {
    policy["Statement"].as_array_mut().unwrap()
}

fn every_statement(texts: &mut Texts) -> impl Iterator<Item = &mut Vec<Json>> {
    let Texts { identity, boundary, session, resource, .. } = texts;
    identity
        .iter_mut()
        .chain(boundary)
        .chain(session.iter_mut().flatten())
        .chain(resource)
        .map(statements)
}

proptest! {
    #[test]
    fn explicit_deny_wins(mut texts in texts(), ask in ask(), place in 0..4_usize) {
        let deny = json!({"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}});
        match place {
            0 => texts.identity.push(deny),
            1 => texts.boundary = Some(deny),
            2 => texts.session.get_or_insert_default().push(deny),
            _ => {
                let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "*"});
                texts.resource = Some(json!({"Statement": [deny]}));
                texts.trust = false;
            }
        }
        let decision = decide(&texts, &ask);
        prop_assert_eq!(decision.effect, Effect::ExplicitDeny);
        prop_assert_eq!(decision.statements.len(), 1);
    }

    #[test]
    fn order_does_not_matter(texts in texts(), ask in ask()) {
        let mut turned = texts.clone();
        turned.identity.reverse();
        turned.session.iter_mut().for_each(|list| list.reverse());
        every_statement(&mut turned).for_each(|list| list.reverse());
        prop_assert_eq!(decide(&texts, &ask).effect, decide(&turned, &ask).effect);
    }

    #[test]
    fn adding_an_allow_never_removes_access(texts in texts(), ask in ask(), mut more in statement(PolicyKind::Identity)) {
        more["Effect"] = json!("Allow");
        let mut widened = texts.clone();
        widened.identity.push(json!({"Version": "2012-10-17", "Statement": [more]}));
        prop_assert!(!decide(&texts, &ask).is_allowed() || decide(&widened, &ask).is_allowed());
    }

    #[test]
    fn a_boundary_only_removes(texts in texts(), ask in ask(), boundary in policy(PolicyKind::Boundary)) {
        let unbounded = Texts { boundary: None, ..texts };
        let bounded = Texts { boundary: Some(boundary), ..unbounded.clone() };
        prop_assert!(!decide(&bounded, &ask).is_allowed() || decide(&unbounded, &ask).is_allowed());
    }

    #[test]
    fn a_session_policy_only_removes(texts in texts(), ask in ask(), session in policy(PolicyKind::Session)) {
        prop_assume!(ask.principal.kind != PrincipalKind::FederatedUser, "such a session has nothing without a policy");
        let free = Texts { session: None, ..texts };
        let limited = Texts { session: Some(vec![session]), ..free.clone() };
        prop_assert!(!decide(&limited, &ask).is_allowed() || decide(&free, &ask).is_allowed());
    }

    #[test]
    fn nothing_is_allowed_that_nothing_allows(mut texts in texts(), ask in ask()) {
        prop_assume!(ask.principal.kind != PrincipalKind::Root);
        every_statement(&mut texts).for_each(|list| list.iter_mut().for_each(|s| s["Effect"] = json!("Deny")));
        prop_assert!(!decide(&texts, &ask).is_allowed());
    }

    #[test]
    fn an_unknown_key_never_grants(mut texts in texts(), ask in ask()) {
        prop_assume!(ask.principal.kind != PrincipalKind::Root);
        for statement in every_statement(&mut texts).flatten() {
            statement["Condition"]["StringLike"] = json!({"un:known": "*"});
        }
        prop_assert_eq!(decide(&texts, &ask).effect, Effect::ImplicitDeny);
    }

    #[test]
    fn across_accounts_the_resource_must_allow(texts in texts(), mut ask in ask()) {
        ask.foreign = true;
        let texts = Texts { resource: None, trust: false, ..texts };
        let decision = decide(&texts, &ask);
        prop_assert!(!decision.is_allowed());
        if decision.effect == Effect::ImplicitDeny {
            prop_assert_eq!(decision.policy_type, Some(PolicyType::Resource));
        }
    }

    #[test]
    fn the_case_of_an_action_does_not_matter(texts in texts(), ask in ask()) {
        let upper = Ask { action: Action::parse(&ask.action.as_str().to_uppercase()).unwrap(), ..ask.clone() };
        prop_assert_eq!(decide(&texts, &ask).effect, decide(&texts, &upper).effect);
    }

    #[test]
    fn printing_and_parsing_change_nothing(text in policy(PolicyKind::Resource), ask in ask()) {
        let document = PolicyDocument::parse(&text.to_string(), PolicyKind::Resource).unwrap();
        let printed = document.to_json();
        let again = PolicyDocument::parse(&printed, PolicyKind::Resource).unwrap();
        prop_assert_eq!(again.to_json(), printed.clone());
        prop_assert!(document.statements().iter().zip(again.statements()).all(|(a, b)| a.says_the_same(b)));
        let alone = |text: &Json| {
            let resource = Some(compile(text, PolicyKind::Resource));
            let set = tidegate_policy::PolicySet { resource, ..Default::default() };
            authorize(&set, &ask.request()).effect
        };
        prop_assert_eq!(alone(&text), alone(&serde_json::from_str(&printed).unwrap()));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[\\{\\}\\[\\]\":,a-zA-Z0-9*?$é\\\\ \n]{0,80}") {
        if let Err(error) = PolicyDocument::parse(&text, PolicyKind::Identity) {
            prop_assert!(error.line() >= 1 && error.column() >= 1);
        }
    }

    #[test]
    fn a_cut_policy_is_refused_behind_its_first_character(text in policy(PolicyKind::Identity), cut in 0.0..1.0_f64) {
        let text = text.to_string();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a text")]
        let end = (text.len() as f64 * cut) as usize;
        prop_assume!(text.is_char_boundary(end));
        let error = PolicyDocument::parse(&text[..end], PolicyKind::Identity).unwrap_err();
        prop_assert!(error.column() <= end + 1);
    }
}
