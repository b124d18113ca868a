//! Organizations, endpoints and resources with the last word, one table a rule.

use std::sync::Arc;

use crate::{
    AccountId, Action, ComposedPolicies, Context, Decision, PolicyDocument, PolicyKind, PolicySet,
    Principal, Request, ResourceFacts, SessionContext, UnixMillis, authorize, explain,
};

use super::*;

const RESOURCE: &str = "arn:aws:s3:::b/k";
const OTHER: &str = "210987654321";

fn account() -> AccountId {
    "123456789012".parse().unwrap()
}

fn ada() -> Principal {
    Principal::user(account(), "/", "ada", "AIDAADA0000000000000")
}

fn linked() -> Principal {
    let path = "/aws-service-role/x.amazonaws.com/";
    Principal::role_session(account(), path, "AWSServiceRoleForX", "AROALINKED0000000000", "x")
}

/// A policy of one statement: `+` allows, `-` denies `s3:*`, `.` allows something else.
fn says(word: char, kind: PolicyKind) -> Arc<CompiledPolicy> {
    let (effect, action) = match word {
        '+' => ("Allow", "*"),
        '-' => ("Deny", "s3:*"),
        _ => ("Allow", "iam:GetUser"),
    };
    let principal = if kind.names_principals() { r#""Principal":"*","# } else { "" };
    let text = format!(
        r#"{{"Statement":{{"Effect":"{effect}",{principal}"Action":"{action}","Resource":"*"}}}}"#
    );
    let source = match kind {
        PolicyKind::ServiceControl => PolicySource::ServiceControl("p-1".into()),
        PolicyKind::ResourceControl => PolicySource::ResourceControl("p-2".into()),
        _ => PolicySource::Session(0),
    };
    let document = PolicyDocument::parse(&text, kind).unwrap();
    Arc::new(CompiledPolicy::compile(source, &document))
}

/// `"+ ++-"` are two levels, of one policy and of three.
fn levels(words: &str, kind: PolicyKind) -> Vec<Vec<Arc<CompiledPolicy>>> {
    if words.is_empty() {
        return Vec::new();
    }
    let level = |words: &str| words.chars().filter(|w| *w != '0').map(|w| says(w, kind)).collect();
    words.split(' ').map(level).collect()
}

fn service_control(words: &str) -> PolicySet {
    PolicySet {
        identity: vec![says('+', PolicyKind::Identity)],
        service_control: levels(words, PolicyKind::ServiceControl),
        ..PolicySet::default()
    }
}

fn resource_control(words: &str) -> PolicySet {
    PolicySet {
        identity: vec![says('+', PolicyKind::Identity)],
        resource: Some(says('+', PolicyKind::Resource)),
        resource_control: levels(words, PolicyKind::ResourceControl),
        ..PolicySet::default()
    }
}

/// Decides in every way; all must say the same.
fn decide(set: &PolicySet, caller: &Principal, facts: Option<&ResourceFacts>) -> Decision {
    let (action, context) = (Action::parse("s3:GetObject").unwrap(), Context::default());
    let request =
        Request { resource_facts: facts, ..Request::new(caller, &action, RESOURCE, &context) };
    let decision = authorize(set, &request);
    let composed = ComposedPolicies::new(set.clone()).authorize(&request);
    let explained = explain(set, &request).decision;
    for other in [composed, explained] {
        assert_eq!((other.effect, other.policy_type), (decision.effect, decision.policy_type));
    }
    decision
}

/// `expected` is the end of the sentence; empty when allowed.
fn check(set: &PolicySet, caller: &Principal, expected: &str) {
    let (action, context) = (Action::parse("s3:GetObject").unwrap(), Context::default());
    let request = Request::new(caller, &action, RESOURCE, &context);
    let sentence = decide(set, caller, None).denied_sentence(&request).unwrap_or_default();
    let why = sentence.split_once(&format!("{RESOURCE} ")).map_or("", |(_, why)| why);
    assert_eq!(why, expected, "{}", caller.arn);
}

const SCP_SILENT: &str = "because no service control policy allows the s3:GetObject action";
const SCP_DENIES: &str = "with an explicit deny in a service control policy";
const RCP_SILENT: &str = "because no resource control policy allows the s3:GetObject action";
const RCP_DENIES: &str = "with an explicit deny in a resource control policy";

#[test]
fn every_level_of_service_control_must_allow() {
    for (words, expected) in [
        ("", ""),
        ("+", ""),
        ("+ + +", ""),
        (". + +", SCP_SILENT),
        ("+ . +", SCP_SILENT),
        ("+ + .", SCP_SILENT),
        ("+ .+ +", ""),
        ("+ 0 +", SCP_SILENT),
        ("+ + -+", SCP_DENIES),
        ("-+ + .", SCP_DENIES),
    ] {
        check(&service_control(words), &ada(), expected);
    }
}

#[test]
fn service_control_binds_the_root_user_but_neither_linked_roles_nor_those_without_account() {
    for words in [".", "-", "+ ."] {
        let expected = if words == "-" { SCP_DENIES } else { SCP_SILENT };
        check(&service_control(words), &Principal::root(account()), expected);
        check(&service_control(words), &linked(), "");
        let mut open = service_control(words);
        open.resource = Some(says('+', PolicyKind::Resource));
        check(&open, &Principal::service("ec2.amazonaws.com"), "");
        check(&open, &Principal::anonymous(), "");
        check(&open, &Principal::federated("accounts.google.com"), "");
    }
}

#[test]
fn trap_nothing_waives_an_organizations_policy() {
    for words in ["+ .", "-"] {
        let expected = if words == "-" { SCP_DENIES } else { SCP_SILENT };
        let mut open = service_control(words);
        open.resource = Some(says('+', PolicyKind::Resource));
        check(&open, &ada(), expected);
    }
}

#[test]
fn resource_control_binds_everybody_but_linked_roles() {
    let callers = [
        ada(),
        Principal::root(account()),
        Principal::service("ec2.amazonaws.com"),
        Principal::anonymous(),
    ];
    for (words, expected) in [
        ("", ""),
        ("+ +", ""),
        ("+ +-", RCP_DENIES),
        ("-+ +", RCP_DENIES),
        ("+ 0", RCP_SILENT),
        ("0 +", RCP_SILENT),
    ] {
        for caller in &callers {
            check(&resource_control(words), caller, expected);
        }
        check(&resource_control(words), &linked(), "");
    }
}

#[test]
fn an_endpoint_must_let_pass_and_nothing_waives_it() {
    let silent = "because no VPC endpoint policy allows the s3:GetObject action";
    for (word, expected) in
        [('+', ""), ('.', silent), ('-', "with an explicit deny in a VPC endpoint policy")]
    {
        let set =
            PolicySet { endpoint: Some(says(word, PolicyKind::Resource)), ..resource_control("") };
        for caller in [ada(), Principal::root(account()), Principal::anonymous(), linked()] {
            check(&set, &caller, expected);
        }
    }
}

#[test]
fn of_several_that_deny_the_first_of_the_flow_chart_is_named() {
    let all = PolicySet {
        identity: vec![says('-', PolicyKind::Identity)],
        boundary: Some(says('-', PolicyKind::Boundary)),
        session: Some(vec![says('-', PolicyKind::Session)]),
        resource: Some(says('-', PolicyKind::Resource)),
        service_control: levels("+ -", PolicyKind::ServiceControl),
        resource_control: levels("-", PolicyKind::ResourceControl),
        endpoint: Some(says('-', PolicyKind::Resource)),
    };
    check(&all, &ada(), RCP_DENIES);
    let all = PolicySet { resource_control: Vec::new(), ..all };
    check(&all, &ada(), SCP_DENIES);
    let all = PolicySet { service_control: Vec::new(), ..all };
    check(&all, &ada(), "with an explicit deny in a VPC endpoint policy");
    let all = PolicySet { endpoint: None, ..all };
    check(&all, &ada(), "with an explicit deny in a resource-based policy");
    let all = PolicySet { resource: None, ..all };
    check(&all, &ada(), "with an explicit deny in an identity-based policy");
    let all = PolicySet { identity: Vec::new(), ..all };
    check(&all, &ada(), "with an explicit deny in a permissions boundary");
    let all = PolicySet { boundary: None, ..all };
    check(&all, &ada(), "with an explicit deny in a session policy");
}

#[test]
fn more_levels_than_any_organization_has_deny() {
    let set = |n: usize| service_control(&vec!["+"; n].join(" "));
    check(&set(LEVELS_MAX), &ada(), "");
    check(&set(LEVELS_MAX + 1), &ada(), SCP_SILENT);
}

#[test]
fn a_resource_with_the_last_word_must_allow_even_the_root_user() {
    let facts = ResourceFacts { policy_must_allow: true, ..ResourceFacts::default() };
    for caller in [ada(), Principal::root(account())] {
        for (resource, allowed) in [(None, false), (Some('.'), false), (Some('+'), true)] {
            let set = PolicySet {
                identity: vec![says('+', PolicyKind::Identity)],
                resource: resource.map(|word| says(word, PolicyKind::Resource)),
                ..PolicySet::default()
            };
            assert!(decide(&set, &caller, None).is_allowed());
            let decision = decide(&set, &caller, Some(&facts));
            assert_eq!(decision.is_allowed(), allowed, "{} {resource:?}", caller.arn);
            let by = (!allowed).then_some(PolicyType::Resource);
            assert_eq!(decision.policy_type, by);
        }
    }
}

#[test]
fn across_accounts_each_side_has_its_own_limits() {
    let (action, context) = (Action::parse("s3:GetObject").unwrap(), Context::default());
    let allowed = |set: &PolicySet, caller: &Principal| {
        let mut request = Request::new(caller, &action, RESOURCE, &context);
        request.resource_account = Some(OTHER.parse().unwrap());
        authorize(set, &request).policy_type
    };
    let root = Principal::root(account());
    let both = PolicySet {
        service_control: levels("+", PolicyKind::ServiceControl),
        ..resource_control("+")
    };
    for caller in [&ada(), &root, &linked()] {
        assert_eq!(allowed(&both, caller), None);
        let closed = PolicySet { resource: None, ..both.clone() };
        assert_eq!(allowed(&closed, caller), Some(PolicyType::Resource));
    }
    let limited =
        PolicySet { service_control: levels("+ .", PolicyKind::ServiceControl), ..both.clone() };
    assert_eq!(allowed(&limited, &ada()), Some(PolicyType::ServiceControl));
    assert_eq!(allowed(&limited, &root), Some(PolicyType::ServiceControl));
    let limited =
        PolicySet { resource_control: levels("+ 0", PolicyKind::ResourceControl), ..both.clone() };
    assert_eq!(allowed(&limited, &ada()), Some(PolicyType::ResourceControl));
    let nothing = PolicySet { identity: Vec::new(), ..both };
    assert_eq!(allowed(&nothing, &ada()), Some(PolicyType::Identity));
    assert_eq!(allowed(&nothing, &root), None);
}

#[test]
fn a_session_token_acts_as_its_user_and_an_assumed_root_within_its_task() {
    let session = SessionContext::new(UnixMillis(0));
    let set = service_control("");
    check(&set, &ada().with_session(session.clone()), "");
    let root = Principal::root(account()).with_session(session.of_assumed_root());
    check(&PolicySet::default(), &root, "");
    for (word, expected) in
        [('+', ""), ('.', "because no session policy allows the s3:GetObject action")]
    {
        let task = Some(vec![says(word, PolicyKind::Session)]);
        check(&PolicySet { session: task, ..PolicySet::default() }, &root, expected);
    }
}

#[test]
fn an_explanation_says_which_level_is_silent() {
    let (action, context) = (Action::parse("s3:GetObject").unwrap(), Context::default());
    let ada = ada();
    let request = Request::new(&ada, &action, RESOURCE, &context);
    let told = explain(&service_control("+ . +"), &request).to_string();
    let expected = "
  NO  service control policy: does not allow
        level 1 of 3: allows
          statement 1 of p-1 (line 1, column 14) allows
        level 2 of 3: does not allow
          the only statement of p-1 does not speak of this action
        level 3 of 3: allows
          statement 1 of p-1 (line 1, column 14) allows
  ok  identity-based policy: allows
";
    assert!(told.contains(expected), "{told}");
}
