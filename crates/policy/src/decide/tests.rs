//! The rules of a decision, one table a rule.

use super::*;
use crate::{AccountId, Action, Arn, Context, PolicyDocument, PolicyKind, PolicySource, Principal};
use Effect::{Allow, ExplicitDeny, ImplicitDeny};

const ACCOUNT: &str = "123456789012";
const OTHER: &str = "210987654321";
const BUCKET: &str = "arn:aws:s3:::b/k";
const GET: &str = r#"{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::b/*"}"#;
const DENY: &str = r#"{"Effect":"Deny","Action":"S3:*","Resource":"arn:aws:s3:::b/secret/*"}"#;
const SILENT: &str = r#"{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"}"#;

fn account(digits: &str) -> AccountId {
    digits.parse().unwrap()
}

fn ada() -> Principal {
    Principal::user(account(ACCOUNT), "/", "ada", "AIDAADA0000000000000")
}

fn deploy() -> Principal {
    Principal::role_session(account(ACCOUNT), "/", "deploy", "AROADEPLOY0000000000", "s1")
}

fn guest() -> Principal {
    Principal::federated_user(account(ACCOUNT), "/", "ada", "AIDAADA0000000000000", "guest")
}

fn policy(kind: PolicyKind, statements: &[&str]) -> Arc<CompiledPolicy> {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    let document = PolicyDocument::parse(&text, kind).unwrap();
    let source = match kind {
        PolicyKind::Trust => PolicySource::Trust("r".into()),
        PolicyKind::Resource => PolicySource::Resource("b".into()),
        _ => PolicySource::Managed(Arn::parse("arn:aws:iam::123456789012:policy/p").unwrap()),
    };
    Arc::new(CompiledPolicy::compile(source, &document))
}

fn identity(statements: &[&str]) -> PolicySet {
    PolicySet { identity: vec![policy(PolicyKind::Identity, statements)], ..PolicySet::default() }
}

fn decide(set: &PolicySet, principal: &Principal, action: &str, resource: &str) -> Decision {
    let (action, context) = (Action::parse(action).unwrap(), Context::default());
    authorize(set, &Request::new(principal, &action, resource, &context))
}

fn check(statements: &[&str], action: &str, resource: &str, expected: Effect) {
    let found = decide(&identity(statements), &ada(), action, resource).effect;
    assert_eq!(found, expected, "{statements:?} {action} {resource}");
}

#[test]
fn actions_and_resources() {
    const NOT: &str = r#"{"Effect":"Allow","NotAction":"iam:*","NotResource":"arn:aws:s3:::b/*"}"#;
    check(&[GET], "s3:GetObject", BUCKET, Allow);
    check(&[GET], "S3:getobject", BUCKET, Allow);
    check(&[GET], "s3:PutObject", BUCKET, ImplicitDeny);
    check(&[GET], "s3:GetObject", "arn:aws:s3:::B/k", ImplicitDeny);
    check(&[GET, DENY], "s3:GetObject", "arn:aws:s3:::b/secret/k", ExplicitDeny);
    check(&[DENY, GET], "s3:GetObject", "arn:aws:s3:::b/secret/k", ExplicitDeny);
    check(&[NOT], "ec2:RunInstances", "*", Allow);
    check(&[NOT], "iam:CreateUser", "*", ImplicitDeny);
    check(&[NOT], "s3:GetObject", BUCKET, ImplicitDeny);
    check(
        &[r#"{"Effect":"Allow","Action":"*:Get*","Resource":"*"}"#],
        "s3:GetObject",
        BUCKET,
        Allow,
    );
    check(&[r#"{"Effect":"Allow","Action":"s?:*","Resource":"*"}"#], "s3:GetObject", BUCKET, Allow);
    check(
        &[r#"{"Effect":"Allow","Action":[],"Resource":"*"}"#],
        "s3:GetObject",
        BUCKET,
        ImplicitDeny,
    );
    check(&[r#"{"Effect":"Allow","NotAction":[],"Resource":"*"}"#], "s3:GetObject", BUCKET, Allow);
}

#[test]
fn a_star_at_the_end_of_a_part_of_a_resource_crosses_colons() {
    let logs = r#"{"Effect":"Allow","Action":"logs:*","Resource":"arn:aws:logs:*:123456789012:log-group:a"}"#;
    check(&[logs], "logs:PutLogEvents", "arn:aws:logs:eu-west-1:123456789012:log-group:a", Allow);
    check(
        &[logs],
        "logs:PutLogEvents",
        "arn:aws:logs:eu-west-1:1:2:123456789012:log-group:a",
        Allow,
    );
}

#[test]
fn variables_in_resources_are_literal_text() {
    const HOME: &str =
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/*"}"#;
    const TEAM: &str = r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:PrincipalTag/team, 'all'}/${*}"}"#;
    check(&[HOME], "s3:GetObject", "arn:aws:s3:::b/ada/k", Allow);
    check(&[HOME], "s3:GetObject", "arn:aws:s3:::b/bob/k", ImplicitDeny);
    check(&[TEAM], "s3:GetObject", "arn:aws:s3:::b/all/*", Allow);
    check(&[TEAM], "s3:GetObject", "arn:aws:s3:::b/all/k", ImplicitDeny);
    let tagged = ada().with_tags([("Team", "red*")]);
    let on = |resource| decide(&identity(&[TEAM]), &tagged, "s3:GetObject", resource).effect;
    assert_eq!((on("arn:aws:s3:::b/red*/*"), on("arn:aws:s3:::b/redder/*")), (Allow, ImplicitDeny));
    // A role session has no user name: the variable matches nothing.
    assert_eq!(
        decide(&identity(&[HOME]), &deploy(), "s3:GetObject", "arn:aws:s3:::b//k").effect,
        ImplicitDeny
    );
}

#[test]
fn trap_without_a_version_variables_are_text() {
    let text = r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}"}}"#;
    let document = PolicyDocument::parse(text, PolicyKind::Identity).unwrap();
    let source = PolicySource::Session(0);
    let set = PolicySet {
        identity: vec![Arc::new(CompiledPolicy::compile(source, &document))],
        ..PolicySet::default()
    };
    let on = |resource| decide(&set, &ada(), "s3:GetObject", resource).effect;
    assert_eq!(on("arn:aws:s3:::b/ada"), ImplicitDeny);
    assert_eq!(on("arn:aws:s3:::b/${aws:username}"), Allow);
}

#[test]
fn a_context_does_not_speak_for_the_principal() {
    let condition = r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"KEY":"VALUE"}}}"#;
    for (key, value, expected) in [
        ("aws:username", "ada", Allow),
        ("aws:username", "bob", ImplicitDeny),
        ("AWS:PrincipalArn", "arn:aws:iam::123456789012:user/ada", Allow),
        ("aws:PrincipalAccount", ACCOUNT, Allow),
        ("aws:ResourceAccount", ACCOUNT, Allow),
        ("aws:PrincipalTag/Team", "red", Allow),
        ("aws:principaltag/TEAM", "blue", ImplicitDeny),
        ("aws:PrincipalType", "User", Allow),
        ("aws:PrincipalIsAWSService", "false", Allow),
        ("aws:userid", "AIDAADA0000000000000", Allow),
        ("s3:prefix", "home", Allow),
    ] {
        let set = identity(&[&condition.replace("KEY", key).replace("VALUE", value)]);
        let mut context = Context::default().with("s3:prefix", "home");
        for key in ["aws:username", "aws:PrincipalTag/Team"] {
            context.insert(key, "bob");
        }
        let (principal, action) =
            (ada().with_tags([("team", "red")]), Action::parse("a:b").unwrap());
        let found = authorize(&set, &Request::new(&principal, &action, "*", &context)).effect;
        assert_eq!(found, expected, "{key} {value}");
    }
}

/// What each type of policy says to `s3:GetObject`: `+` allows, `.` says nothing, `-` denies, ` ` there is none.
/// In the order identity, boundary, session; `named` is the principal in the bucket's policy, if it has one.
fn table(
    caller: &Principal,
    voices: &str,
    named: Option<&str>,
    expected: Result<(), (Effect, PolicyType)>,
) {
    let said = |voice| {
        let statement = match voice {
            '+' => GET,
            '.' => SILENT,
            '-' => r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#,
            _ => return None,
        };
        Some(policy(PolicyKind::Identity, &[statement]))
    };
    let mut voice = voices.chars().map(said);
    let mut next = || voice.next().flatten();
    let bucket = named.map(|principal| {
        let statement = format!(
            r#"{{"Effect":"Allow","Principal":{principal},"Action":"s3:*","Resource":"*"}}"#
        );
        policy(PolicyKind::Resource, &[&statement])
    });
    let set = PolicySet {
        identity: next().into_iter().collect(),
        boundary: next(),
        session: next().map(|p| vec![p]),
        resource: bucket,
        ..PolicySet::default()
    };
    let found = decide(&set, caller, "s3:GetObject", BUCKET);
    let found_type =
        found.policy_type.map_or(Ok(()), |policy_type| Err((found.effect, policy_type)));
    assert_eq!(found_type, expected, "{} `{voices}` {named:?}", caller.arn);
}

const fn silent(policy_type: PolicyType) -> Result<(), (Effect, PolicyType)> {
    Err((ImplicitDeny, policy_type))
}

#[test]
fn every_type_that_limits_must_allow_and_any_may_deny() {
    use PolicyType::{Boundary, Identity, Session};
    let ada = &ada();
    table(ada, "+  ", None, Ok(()));
    table(ada, ".  ", None, silent(Identity));
    table(ada, "   ", None, silent(Identity));
    table(ada, "++ ", None, Ok(()));
    table(ada, "+. ", None, silent(Boundary));
    table(ada, ".+ ", None, silent(Identity));
    table(ada, "+++", None, Ok(()));
    table(ada, "++.", None, silent(Session));
    table(ada, "-++", None, Err((ExplicitDeny, Identity)));
    table(ada, "+-+", None, Err((ExplicitDeny, Boundary)));
    table(ada, "++-", None, Err((ExplicitDeny, Session)));
    table(ada, "+ -", Some(r#""*""#), Err((ExplicitDeny, Session)));
}

/// The table of AWS's page on permissions boundaries: who is named decides what is waived.
#[test]
fn trap_what_a_resource_policy_waives_depends_on_who_is_named() {
    use PolicyType::{Boundary, Identity, Session};
    let (ada, deploy, guest) = (&ada(), &deploy(), &guest());
    let user = Some(r#"{"AWS":"arn:aws:iam::123456789012:user/ada"}"#);
    table(ada, ".. ", user, Ok(()));
    let role = Some(r#"{"AWS":"arn:aws:iam::123456789012:role/deploy"}"#);
    table(deploy, ".++", role, Ok(()));
    table(deploy, "..+", role, silent(Boundary));
    table(deploy, ".+.", role, silent(Session));
    let session = Some(r#"{"AWS":"arn:aws:sts::123456789012:assumed-role/deploy/s1"}"#);
    table(deploy, "...", session, Ok(()));
    let federated = Some(r#"{"AWS":"arn:aws:sts::123456789012:federated-user/guest"}"#);
    table(guest, "...", federated, Ok(()));
    table(guest, ".. ", federated, Ok(()));
    table(guest, ".++", user, Ok(()));
    table(guest, "..+", user, silent(Boundary));
    table(guest, ".+.", user, silent(Session));
    for account in
        [Some(r#"{"AWS":"123456789012"}"#), Some(r#"{"AWS":"arn:aws:iam::123456789012:root"}"#)]
    {
        table(ada, ".  ", account, silent(Identity));
        table(ada, "+. ", account, silent(Boundary));
        table(deploy, "++.", account, silent(Session));
        table(deploy, "+++", account, Ok(()));
    }
    for caller in [ada, deploy, guest] {
        table(caller, "...", Some(r#""*""#), Ok(()));
    }
    table(ada, ".  ", Some(r#"{"AWS":"arn:aws:iam::123456789012:user/bob"}"#), silent(Identity));
    table(ada, "+  ", Some(r#"{"AWS":"arn:aws:iam::123456789012:user/bob"}"#), Ok(()));
}

#[test]
fn trap_a_federated_session_without_a_policy_may_nothing_and_a_role_session_may() {
    table(&guest(), "+  ", None, silent(PolicyType::Session));
    table(&guest(), "+ +", None, Ok(()));
    table(&deploy(), "+  ", None, Ok(()));
}

#[test]
fn services_and_anonymous_callers_have_only_the_resource_policy() {
    let service = &Principal::service("ec2.amazonaws.com");
    table(service, "   ", Some(r#"{"Service":"ec2.amazonaws.com"}"#), Ok(()));
    table(service, "   ", Some(r#"{"Service":"s3.amazonaws.com"}"#), silent(PolicyType::Resource));
    table(service, "   ", None, silent(PolicyType::Resource));
    table(&Principal::anonymous(), "   ", Some(r#""*""#), Ok(()));
    table(
        &Principal::anonymous(),
        "   ",
        Some(r#"{"AWS":"123456789012"}"#),
        silent(PolicyType::Resource),
    );
}

#[test]
fn the_root_user_needs_no_policy_and_minds_a_deny() {
    let root = &Principal::root(account(ACCOUNT));
    table(root, "   ", None, Ok(()));
    table(root, "-  ", None, Err((ExplicitDeny, PolicyType::Identity)));
}

#[test]
fn across_accounts_both_sides_must_allow() {
    let request_on = |voices: bool, named: &str| {
        let mut set = identity(&[if voices { GET } else { SILENT }]);
        let statement =
            format!(r#"{{"Effect":"Allow","Principal":{named},"Action":"s3:*","Resource":"*"}}"#);
        set.resource = Some(policy(PolicyKind::Resource, &[&statement]));
        let (principal, action, context) =
            (ada(), Action::parse("s3:GetObject").unwrap(), Context::default());
        let request = Request {
            resource_account: Some(account(OTHER)),
            ..Request::new(&principal, &action, BUCKET, &context)
        };
        let found = authorize(&set, &request);
        (found.effect, found.policy_type)
    };
    for named in
        [r#""*""#, r#"{"AWS":"123456789012"}"#, r#"{"AWS":"arn:aws:iam::123456789012:user/ada"}"#]
    {
        assert_eq!(request_on(true, named), (Allow, None), "{named}");
        assert_eq!(request_on(false, named), (ImplicitDeny, Some(PolicyType::Identity)), "{named}");
    }
    let other = r#"{"AWS":"210987654321"}"#;
    assert_eq!(request_on(true, other), (ImplicitDeny, Some(PolicyType::Resource)));
}

#[test]
fn trap_a_trust_policy_must_allow_whatever_the_identity_policy_says() {
    let assume = |caller: &Principal, with_identity: bool, named: &str| {
        let allow = r#"{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}"#;
        let mut set = identity(&[if with_identity { allow } else { SILENT }]);
        let statement =
            format!(r#"{{"Effect":"Allow","Principal":{named},"Action":"sts:AssumeRole"}}"#);
        set.resource = Some(policy(PolicyKind::Trust, &[&statement]));
        let found = decide(&set, caller, "sts:AssumeRole", "arn:aws:iam::123456789012:role/r");
        found.policy_type.map(|t| t.to_string()).unwrap_or_default()
    };
    let trust = "role trust policy";
    assert_eq!(assume(&ada(), true, r#"{"AWS":"arn:aws:iam::123456789012:user/bob"}"#), trust);
    assert_eq!(assume(&ada(), true, r#"{"Service":"ec2.amazonaws.com"}"#), trust);
    assert_eq!(assume(&ada(), true, r#"{"AWS":"123456789012"}"#), "");
    assert_eq!(assume(&ada(), false, r#"{"AWS":"123456789012"}"#), "identity-based policy");
    assert_eq!(assume(&ada(), false, r#"{"AWS":"arn:aws:iam::123456789012:user/ada"}"#), "");
    assert_eq!(assume(&ada(), false, r#"{"AWS":"AIDAADA0000000000000"}"#), "");
    assert_eq!(assume(&ada(), true, r#"{"AWS":"AIDAOTHER00000000000"}"#), trust);
    assert_eq!(
        assume(
            &Principal::service("ec2.amazonaws.com"),
            false,
            r#"{"Service":"ec2.amazonaws.com"}"#
        ),
        ""
    );
    assert_eq!(
        assume(&Principal::root(account(ACCOUNT)), false, r#"{"AWS":"210987654321"}"#),
        trust
    );
}

#[test]
fn a_decision_names_the_statements_that_decided() {
    let set = identity(&[
        GET,
        r#"{"Sid":"No","Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::b/x"}"#,
    ]);
    let denied = decide(&set, &ada(), "s3:GetObject", "arn:aws:s3:::b/x");
    assert_eq!(
        denied.statements.iter().map(|s| (s.index, s.sid())).collect::<Vec<_>>(),
        [(1, Some("No"))]
    );
    let allowed = decide(&set, &ada(), "s3:GetObject", BUCKET);
    assert_eq!(
        allowed.statements.iter().map(|s| (s.index, s.sid())).collect::<Vec<_>>(),
        [(0, None)]
    );
    let (start, end) = allowed.statements.first().unwrap().position();
    assert_eq!((start, end), ((1, 38), (1, 38 + GET.len())));
    assert!(decide(&set, &ada(), "s3:PutObject", BUCKET).statements.is_empty());
}

#[test]
fn trap_what_cant_be_evaluated_never_allows_and_still_denies() {
    let on = |effect: &str, condition: &str, ip: &str| {
        let statement = format!(
            r#"{{"Effect":"{effect}","Action":"s3:*","Resource":"*","Condition":{condition}}}"#
        );
        let allow = if effect == "Deny" { GET } else { SILENT };
        let (action, context) =
            (Action::parse("s3:GetObject").unwrap(), Context::default().with("aws:SourceIp", ip));
        let ada = ada();
        authorize(&identity(&[allow, &statement]), &Request::new(&ada, &action, BUCKET, &context))
            .effect
    };
    let (inside, outside) = (
        r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#,
        r#"{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#,
    );
    assert_eq!(on("Allow", inside, "10.1.1.1"), Allow);
    assert_eq!(on("Allow", outside, "11.1.1.1"), Allow);
    assert_eq!(on("Deny", inside, "11.1.1.1"), Allow);
    for condition in [inside, outside] {
        assert_eq!(on("Allow", condition, "nowhere"), ImplicitDeny, "{condition}");
        assert_eq!(on("Deny", condition, "nowhere"), ExplicitDeny, "{condition}");
    }
    // What the policy itself has wrong, too; and what is known to fail still fails.
    let wrong = r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/80"}}"#;
    assert_eq!(on("Allow", wrong, "10.1.1.1"), ImplicitDeny);
    assert_eq!(on("Deny", wrong, "10.1.1.1"), ExplicitDeny);
    let known = r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/80"},"Null":{"aws:SourceIp":"true"}}"#;
    assert_eq!(on("Deny", known, "10.1.1.1"), Allow);
}

#[test]
fn trap_not_resource_with_a_variable_without_a_value_allows_nothing() {
    let on = |effect: &str, caller: &Principal, resource: &str| {
        let statement = format!(
            r#"{{"Effect":"{effect}","Action":"s3:*","NotResource":["arn:aws:s3:::b/${{aws:username}}/*","arn:aws:s3:::b/k"]}}"#
        );
        let allow = if effect == "Deny" { GET } else { SILENT };
        decide(&identity(&[allow, &statement]), caller, "s3:GetObject", resource).effect
    };
    let (ada, deploy) = (ada(), deploy());
    let (hers, other) = ("arn:aws:s3:::b/ada/x", "arn:aws:s3:::b/other");
    assert_eq!((on("Allow", &ada, hers), on("Allow", &ada, other)), (ImplicitDeny, Allow));
    assert_eq!((on("Deny", &ada, hers), on("Deny", &ada, other)), (Allow, ExplicitDeny));
    // A role session has no user name; what is listed without a variable is excluded all the same.
    assert_eq!(
        (on("Allow", &deploy, other), on("Deny", &deploy, other)),
        (ImplicitDeny, ExplicitDeny)
    );
    assert_eq!((on("Allow", &deploy, BUCKET), on("Deny", &deploy, BUCKET)), (ImplicitDeny, Allow));
}

#[test]
fn trap_not_principal_with_deny_spares_nobody_with_a_boundary() {
    let ada = ada();
    let spare = r#"{"Effect":"Deny","NotPrincipal":{"AWS":["123456789012","arn:aws:iam::123456789012:user/ada"]},"Action":"s3:*","Resource":"*"}"#;
    let mut set = identity(&[GET]);
    set.resource = Some(policy(PolicyKind::Resource, &[spare]));
    assert_eq!(decide(&set, &ada, "s3:GetObject", BUCKET).effect, Allow);
    set.boundary = Some(policy(PolicyKind::Boundary, &[GET]));
    assert_eq!(decide(&set, &ada, "s3:GetObject", BUCKET).effect, ExplicitDeny);
}

#[test]
fn a_providers_word_is_taken_where_the_trust_policy_names_it() {
    let caller = Principal::federated("arn:aws:iam::123456789012:saml-provider/idp");
    let on = |principal: &str| {
        let statement = format!(
            r#"{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRoleWithSAML"}}"#
        );
        let set = PolicySet {
            resource: Some(policy(PolicyKind::Trust, &[&statement])),
            ..PolicySet::default()
        };
        decide(&set, &caller, "sts:AssumeRoleWithSAML", "arn:aws:iam::123456789012:role/r").effect
    };
    assert_eq!(on(r#"{"Federated":"arn:aws:iam::123456789012:saml-provider/idp"}"#), Allow);
    assert_eq!(on(r#"{"Federated":"accounts.google.com"}"#), ImplicitDeny);
    assert_eq!(on(r#"{"AWS":"123456789012"}"#), ImplicitDeny);
}
