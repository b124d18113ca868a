//! Decisions as data.

use super::*;
use crate::{Arn, PolicyDocument, PolicyKind, PolicySource};

fn compiled(kind: PolicyKind, text: &str) -> Arc<CompiledPolicy> {
    let document = PolicyDocument::parse(text, kind).unwrap();
    let source = match kind {
        PolicyKind::Trust => PolicySource::Trust("r".into()),
        PolicyKind::Resource => PolicySource::Resource("b".into()),
        _ => PolicySource::Managed(Arn::parse("arn:aws:iam::123456789012:policy/p").unwrap()),
    };
    Arc::new(CompiledPolicy::compile(source, &document))
}

fn ada() -> Principal {
    Principal::user("123456789012".parse().unwrap(), "/", "ada", "AIDAEXAMPLE")
}

fn identity(statements: &[&str]) -> PolicySet {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    PolicySet { identity: vec![compiled(PolicyKind::Identity, &text)], ..PolicySet::default() }
}

fn check(statements: &[&str], action: &str, resource: &str, context: Context, expected: Effect) {
    let set = identity(statements);
    let (principal, action) = (ada(), Action::parse(action).unwrap());
    let request = Request::new(&principal, &action, resource, &context);
    assert_eq!(authorize(&set, &request).effect, expected, "{statements:?} {action} {resource}");
}

use Effect::{Allow, ExplicitDeny, ImplicitDeny};
const GET: &str = r#"{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::b/*"}"#;
const DENY: &str = r#"{"Effect":"Deny","Action":"S3:*","Resource":"arn:aws:s3:::b/secret/*"}"#;
const NOT_IAM: &str = r#"{"Effect":"Allow","NotAction":"iam:*","NotResource":"arn:aws:s3:::b/*"}"#;
const HOME: &str = r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/*"}"#;
const TEAM: &str = r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:PrincipalTag/team, 'all'}/${*}"}"#;

#[test]
fn actions_and_resources() {
    let none = Context::default;
    check(&[GET], "s3:GetObject", "arn:aws:s3:::b/k", none(), Allow);
    check(&[GET], "S3:getobject", "arn:aws:s3:::b/k", none(), Allow);
    check(&[GET], "s3:PutObject", "arn:aws:s3:::b/k", none(), ImplicitDeny);
    check(&[GET], "s3:GetObject", "arn:aws:s3:::B/k", none(), ImplicitDeny);
    check(&[GET, DENY], "s3:GetObject", "arn:aws:s3:::b/secret/k", none(), ExplicitDeny);
    check(&[DENY, GET], "s3:GetObject", "arn:aws:s3:::b/secret/k", none(), ExplicitDeny);
    check(&[NOT_IAM], "ec2:RunInstances", "*", none(), Allow);
    check(&[NOT_IAM], "iam:CreateUser", "*", none(), ImplicitDeny);
    check(&[NOT_IAM], "s3:GetObject", "arn:aws:s3:::b/k", none(), ImplicitDeny);
}

#[test]
fn variables_are_literal_text() {
    let none = Context::default;
    check(&[HOME], "s3:GetObject", "arn:aws:s3:::b/ada/k", none(), Allow);
    check(&[HOME], "s3:GetObject", "arn:aws:s3:::b/bob/k", none(), ImplicitDeny);
    check(&[TEAM], "s3:GetObject", "arn:aws:s3:::b/all/*", none(), Allow);
    check(&[TEAM], "s3:GetObject", "arn:aws:s3:::b/all/k", none(), ImplicitDeny);
    let set = identity(&[HOME]);
    let mut star = ada();
    star.username = Some("*".into());
    let (action, context) = (Action::parse("s3:GetObject").unwrap(), none());
    let request = Request::new(&star, &action, "arn:aws:s3:::b/bob/k", &context);
    assert_eq!(authorize(&set, &request).effect, ImplicitDeny);
}

#[test]
fn conditions_join_by_and_values_by_or() {
    let when = |c: &str| format!(r#"{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{c}}}"#);
    let case = |c: &str, context: Context, expected| check(&[&when(c)], "s3:GetObject", "*", context, expected);
    let ctx = |k: &str, v: &str| Context::default().with(k, v);
    let many = |v: &[&str]| Context::default().with("aws:TagKeys", v.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
    case(r#"{"StringEquals":{"aws:x":["a","b"]}}"#, ctx("AWS:X", "b"), Allow);
    case(r#"{"StringEquals":{"aws:x":["a","b"]}}"#, ctx("aws:x", "c"), ImplicitDeny);
    case(r#"{"StringNotEquals":{"aws:x":["a","b"]}}"#, ctx("aws:x", "b"), ImplicitDeny);
    case(r#"{"StringNotEquals":{"aws:x":["a","b"]}}"#, ctx("aws:y", "b"), Allow);
    case(r#"{"StringEquals":{"aws:x":"a"}}"#, Context::default(), ImplicitDeny);
    case(r#"{"StringEqualsIfExists":{"aws:x":"a"}}"#, Context::default(), Allow);
    case(r#"{"StringEqualsIfExists":{"aws:x":"a"}}"#, ctx("aws:x", "b"), ImplicitDeny);
    case(r#"{"Null":{"aws:x":"true"}}"#, Context::default(), Allow);
    case(r#"{"Null":{"aws:x":false}}"#, ctx("aws:x", "b"), Allow);
    case(r#"{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}"#, many(&["a"]), Allow);
    case(r#"{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}"#, many(&["a", "c"]), ImplicitDeny);
    case(r#"{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}"#, Context::default(), Allow);
    case(r#"{"ForAnyValue:StringEquals":{"aws:TagKeys":["a","b"]}}"#, many(&["c", "b"]), Allow);
    case(r#"{"ForAnyValue:StringEquals":{"aws:TagKeys":["a","b"]}}"#, Context::default(), ImplicitDeny);
    case(r#"{"Bool":{"aws:MultiFactorAuthPresent":"false"}}"#, Context::default(), ImplicitDeny);
    case(r#"{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}"#, Context::default(), Allow);
    case(r#"{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"},"StringEquals":{"aws:x":"a"}}"#, ctx("aws:SourceIp", "203.0.113.9"), ImplicitDeny);
    case(r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/ada"}}"#, Context::default(), Allow);
    case(r#"{"StringEquals":{"aws:x":"${aws:username}"}}"#, ctx("aws:x", "ada"), Allow);
}

#[test]
fn a_boundary_and_a_session_policy_only_take_away() {
    let get = identity(&[GET]);
    let everything = compiled(PolicyKind::Boundary, r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#);
    let nothing = compiled(PolicyKind::Boundary, r#"{"Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}}"#);
    let (principal, context) = (ada(), Context::default());
    let decide = |set: &PolicySet, action: &str| {
        let action = Action::parse(action).unwrap();
        let decision = authorize(set, &Request::new(&principal, &action, "arn:aws:s3:::b/k", &context));
        (decision.effect, decision.policy_type)
    };
    let bounded = |b: &Arc<CompiledPolicy>| PolicySet { boundary: Some(Arc::clone(b)), ..get.clone() };
    assert_eq!(decide(&bounded(&everything), "s3:GetObject"), (Allow, None));
    assert_eq!(decide(&bounded(&everything), "s3:PutObject"), (ImplicitDeny, Some(PolicyType::Identity)));
    assert_eq!(decide(&bounded(&nothing), "s3:GetObject"), (ImplicitDeny, Some(PolicyType::Boundary)));
    let session = PolicySet { session: Some(vec![nothing]), ..get.clone() };
    assert_eq!(decide(&session, "s3:GetObject"), (ImplicitDeny, Some(PolicyType::Session)));
}

#[test]
fn trust_policies_name_accounts_users_and_anyone() {
    let trust = |p: &str| {
        compiled(PolicyKind::Trust, &format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{p},"Action":"sts:AssumeRole"}}}}"#))
    };
    let (principal, context, action) = (ada(), Context::default(), Action::parse("sts:AssumeRole").unwrap());
    let decide = |p: &str| {
        let set = PolicySet { resource: Some(trust(p)), ..PolicySet::default() };
        authorize(&set, &Request::new(&principal, &action, "arn:aws:iam::123456789012:role/r", &context)).effect
    };
    assert_eq!(decide(r#"{"AWS":"arn:aws:iam::123456789012:user/ada"}"#), Allow);
    assert_eq!(decide(r#"{"AWS":"AIDAEXAMPLE"}"#), Allow);
    assert_eq!(decide(r#""*""#), Allow);
    assert_eq!(decide(r#"{"AWS":"123456789012"}"#), ImplicitDeny, "an account only delegates");
    assert_eq!(decide(r#"{"AWS":"arn:aws:iam::123456789012:user/bob"}"#), ImplicitDeny);
    assert_eq!(decide(r#"{"Service":"ec2.amazonaws.com"}"#), ImplicitDeny);
}
