//! What holds of every policy and every request.

use proptest::{prelude::*, sample::select};
use serde_json::{Value as Json, json};
use tidegate_policy::{Decision, Effect, PolicyDocument, PolicyKind, PolicyType, authorize};

use crate::{
    case::{Ask, Texts, Who, compile, compile_all},
    generate::{ask, policy, statement, texts},
    words::PRINCIPALS,
};

fn decide(texts: &Texts, ask: &Ask) -> Decision {
    authorize(&compile_all(texts), &ask.asked().request())
}

fn statements(policy: &mut Json) -> &mut Vec<Json> {
    policy["Statement"].as_array_mut().unwrap()
}

/// All statements but those of resource control policies, which can say little.
fn every_statement(texts: &mut Texts) -> impl Iterator<Item = &mut Vec<Json>> {
    let Texts { identity, boundary, session, resource, endpoint, service_control, .. } = texts;
    identity
        .iter_mut()
        .chain(boundary)
        .chain(session.iter_mut().flatten())
        .chain(resource)
        .chain(endpoint)
        .chain(service_control.iter_mut().flatten())
        .map(statements)
}

/// Keys that only the principal and its session answer.
const OF_PRINCIPAL: [&str; 15] = [
    "aws:username",
    "AWS:UserId",
    "aws:PrincipalArn",
    "aws:PrincipalAccount",
    "aws:PrincipalType",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:PrincipalTag/Team",
    "aws:PrincipalIsAWSService",
    "aws:PrincipalServiceName",
    "aws:MultiFactorAuthPresent",
    "aws:MultiFactorAuthAge",
    "aws:TokenIssueTime",
    "aws:SourceIdentity",
    "aws:AssumedRoot",
];

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
        for levels in [&mut turned.service_control, &mut turned.resource_control] {
            levels.reverse();
            for level in levels {
                level.reverse();
            }
        }
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
        prop_assume!(!matches!(ask.caller.who, Who::Guest { .. }), "such a session has nothing without a policy");
        let free = Texts { session: None, ..texts };
        let limited = Texts { session: Some(vec![session]), ..free.clone() };
        prop_assert!(!decide(&limited, &ask).is_allowed() || decide(&free, &ask).is_allowed());
    }

    #[test]
    fn nothing_is_allowed_that_nothing_allows(mut texts in texts(), ask in ask()) {
        prop_assume!(ask.caller.who != Who::Root);
        every_statement(&mut texts).for_each(|list| list.iter_mut().for_each(|s| s["Effect"] = json!("Deny")));
        prop_assert!(!decide(&texts, &ask).is_allowed());
    }

    #[test]
    fn an_unknown_key_never_grants(mut texts in texts(), ask in ask()) {
        prop_assume!(ask.caller.who != Who::Root);
        texts.resource_control.clear();
        for statement in every_statement(&mut texts).flatten() {
            statement["Condition"]["StringLike"] = json!({"un:known": "*"});
        }
        prop_assert_eq!(decide(&texts, &ask).effect, Effect::ImplicitDeny);
    }

    #[test]
    fn across_accounts_the_resource_must_allow(texts in texts(), mut ask in ask()) {
        ask.owner = Some("210987654321");
        let texts = Texts { resource: None, trust: false, service_control: Vec::new(), resource_control: Vec::new(), endpoint: None, ..texts };
        let decision = decide(&texts, &ask);
        prop_assert!(!decision.is_allowed());
        if decision.effect == Effect::ImplicitDeny {
            prop_assert_eq!(decision.policy_type, Some(PolicyType::Resource));
        }
    }

    #[test]
    fn across_accounts_the_identity_must_allow(texts in texts(), mut ask in ask()) {
        prop_assume!(!matches!(ask.caller.who, Who::Root | Who::Service(_) | Who::Provider(_) | Who::Anonymous));
        ask.owner = Some("210987654321");
        let texts = Texts { identity: Vec::new(), ..texts };
        prop_assert!(!decide(&texts, &ask).is_allowed());
    }

    #[test]
    fn a_service_control_policy_only_removes(texts in texts(), ask in ask(), policy in policy(PolicyKind::ServiceControl)) {
        let free = Texts { service_control: Vec::new(), ..texts };
        let limited = Texts { service_control: vec![vec![policy]], ..free.clone() };
        prop_assert!(!decide(&limited, &ask).is_allowed() || decide(&free, &ask).is_allowed());
    }

    #[test]
    fn a_resource_control_policy_only_removes(texts in texts(), ask in ask(), policy in policy(PolicyKind::ResourceControl)) {
        let mut more = texts.clone();
        more.resource_control.iter_mut().for_each(|level| level.push(policy.clone()));
        prop_assert!(!decide(&more, &ask).is_allowed() || decide(&texts, &ask).is_allowed());
        let free = Texts { resource_control: Vec::new(), ..texts.clone() };
        prop_assert!(!decide(&texts, &ask).is_allowed() || decide(&free, &ask).is_allowed());
    }

    #[test]
    fn adding_a_level_only_removes(texts in texts(), ask in ask(), level in prop::collection::vec(policy(PolicyKind::ServiceControl), 0..3)) {
        let mut deeper = texts.clone();
        deeper.service_control.push(level);
        prop_assert!(!decide(&deeper, &ask).is_allowed() || decide(&texts, &ask).is_allowed());
        let mut deeper = texts.clone();
        deeper.resource_control.push(Vec::new());
        prop_assert!(!decide(&deeper, &ask).is_allowed() || decide(&texts, &ask).is_allowed());
    }

    #[test]
    fn an_endpoint_only_removes(texts in texts(), ask in ask(), endpoint in policy(PolicyKind::Resource)) {
        let free = Texts { endpoint: None, ..texts };
        let limited = Texts { endpoint: Some(endpoint), ..free.clone() };
        prop_assert!(!decide(&limited, &ask).is_allowed() || decide(&free, &ask).is_allowed());
    }

    #[test]
    fn no_organization_binds_a_service_linked_role(texts in texts(), mut ask in ask()) {
        ask.caller.who = Who::Role { path: "/aws-service-role/x/", name: "linked", id: "AROALINKED0000000000", session: "x" };
        let free = Texts { service_control: Vec::new(), resource_control: Vec::new(), ..texts.clone() };
        prop_assert_eq!(decide(&texts, &ask).effect, decide(&free, &ask).effect);
    }

    #[test]
    fn a_level_that_is_silent_binds_the_root_user(texts in texts(), mut ask in ask()) {
        ask.caller.who = Who::Root;
        let texts = Texts { service_control: vec![Vec::new()], ..texts };
        prop_assert!(!decide(&texts, &ask).is_allowed());
    }

    #[test]
    fn not_principal_spares_only_whom_principal_names(ask in ask(), list in select(&PRINCIPALS[..]), bounded in any::<bool>()) {
        let list: Json = serde_json::from_str(list).unwrap();
        let on = |effect: &str, element: &str| {
            let statement = json!({"Effect": effect, element: list, "Action": "*"});
            let resource = Some(json!({"Statement": [statement]}));
            let boundary = bounded.then(|| json!({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}));
            let identity = vec![json!({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})];
            let session = Some(identity.clone());
            decide(&Texts { identity, boundary, session, resource, ..Texts::default() }, &Ask { owner: Some("210987654321"), ..ask.clone() })
        };
        let spared = on("Deny", "NotPrincipal").effect != Effect::ExplicitDeny;
        let named = on("Allow", "Principal").is_allowed();
        prop_assert!(named || !spared);
        prop_assert!(!(bounded && spared), "nobody with a boundary is spared");
    }

    #[test]
    fn a_context_never_speaks_for_the_principal(texts in texts(), ask in ask(), key in select(&OF_PRINCIPAL[..]), value in select(vec!["true", "red", "ada", "o-one", "2026-01-01T00:00:00Z"])) {
        let mut claimed = ask.clone();
        claimed.context.push((key, vec![value], false));
        prop_assert_eq!(decide(&texts, &claimed).effect, decide(&texts, &ask).effect);
    }

    #[test]
    fn a_value_that_cant_be_read_never_allows(texts in texts(), mut ask in ask()) {
        ask.context.retain(|(key, ..)| *key != "aws:CurrentTime");
        let at = |time| {
            let mut ask = ask.clone();
            ask.context.push(("aws:CurrentTime", vec![time], false));
            decide(&texts, &ask).is_allowed()
        };
        prop_assert!(!at("~") || at("2026-01-01T00:00:00Z") && at("2025-12-31T23:59:59Z"));
    }

    #[test]
    fn the_case_of_an_action_does_not_matter(texts in texts(), ask in ask()) {
        let upper = Ask { action: ask.action.to_uppercase(), ..ask.clone() };
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
            authorize(&set, &ask.asked().request()).effect
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
