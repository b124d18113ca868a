//! Keys as policies ask for them.

use super::*;
use crate::{CompiledPolicy, PolicySet, PolicySource};

fn keys(policies: &[&str]) -> Vec<String> {
    let policies: Vec<String> = policies.iter().map(|text| (*text).to_owned()).collect();
    context_keys(&policies).unwrap()
}

#[test]
fn each_key_comes_once_as_it_is_spelled_first() {
    let first = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"s3:*","Condition":{"StringLike":{"s3:Prefix":["${aws:username, 'all'}/${*}","${AWS:PrincipalTag/Team}/*"]},
            "Bool":{"aws:SecureTransport":"true"}},"Resource":["arn:aws:s3:::${aws:userid}/*","arn:aws:s3:::${$}"]},
        {"Effect":"Deny","NotAction":"s3:*","NotResource":"arn:aws:s3:::${aws:USERID}/${aws:SourceIp","Condition":{"Null":{"aws:TokenIssueTime":"true"}}}]}"#;
    let second = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{
        "NumericLessThan":{"S3:PREFIX":"${aws:no-variable}","aws:MultiFactorAuthAge":"60"}}}}"#;
    assert_eq!(
        keys(&[first, second]),
        [
            "aws:userid",
            "s3:Prefix",
            "aws:username",
            "AWS:PrincipalTag/Team",
            "aws:SecureTransport",
            "aws:TokenIssueTime",
            "aws:MultiFactorAuthAge",
        ]
    );
}

#[test]
fn the_old_version_knows_no_variables() {
    let policy = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username}","Condition":{"StringEquals":{"aws:SourceVpc":"${aws:userid}"}}}}"#;
    assert_eq!(keys(&[policy]), ["aws:SourceVpc"]);
}

#[test]
fn every_kind_of_policy_asks_for_keys() {
    let bucket = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a"}}}}"#;
    let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"1"}}}}"#;
    assert_eq!(keys(&[bucket, trust]), ["aws:PrincipalOrgID", "sts:ExternalId"]);
}

#[test]
fn no_policy_is_an_error_with_its_place() {
    assert_eq!(context_keys(&[]), Err(SimulationError::Empty("PolicyInputList".to_owned())));
    let good = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#.to_owned();
    let error = context_keys(&[good.clone(), String::new()]).unwrap_err();
    assert_eq!(error, SimulationError::Empty("PolicyInputList.2".to_owned()));
    let error = context_keys(&[good, r#"{"Statement": 1}"#.to_owned()]).unwrap_err();
    assert_eq!(error.code(), "InvalidInput");
    assert!(
        error.to_string().starts_with("`PolicyInputList.2` is no policy: line 1, column 15"),
        "{error}"
    );
}

#[test]
fn a_principals_own_keys_come_first() {
    let policy = |key: &str| {
        format!(
            r#"{{"Statement":{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{{"Bool":{{"{key}":"true"}}}}}}}}"#
        )
    };
    let document = PolicyDocument::parse(&policy("a:Own"), PolicyKind::Identity).unwrap();
    let source = PolicySource::GroupInline { group: "g".into(), name: "n".into() };
    let own = std::sync::Arc::new(CompiledPolicy::compile(source, &document));
    let source = SimulationSource {
        principal: None,
        policies: PolicySet { identity: vec![own], ..PolicySet::default() },
    };
    let found = principal_context_keys(&source, &[policy("b:More"), policy("A:OWN")]).unwrap();
    assert_eq!(found, ["a:Own", "b:More"]);
    assert_eq!(principal_context_keys(&source, &[]).unwrap(), ["a:Own"]);
}
