//! The examples of AWS's pages, and the edges of a request.

use std::sync::Arc;

use super::*;
use crate::{
    AccountId, Arn, CompiledPolicy, PolicyDocument, PolicyKind, PolicySet, PolicySource, Principal,
    aws_managed,
};

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

fn entry(key: &str, value: &str, of: &str) -> ContextEntry {
    ContextEntry {
        context_key_name: key.to_owned(),
        context_key_values: texts(&[value]),
        context_key_type: Some(of.to_owned()),
    }
}

fn asks(policies: &[&str], actions: &[&str], resources: &[&str]) -> SimulationRequest {
    SimulationRequest {
        policy_input_list: texts(policies),
        action_names: texts(actions),
        resource_arns: texts(resources),
        ..SimulationRequest::default()
    }
}

/// The answer in the words of AWS's JSON.
fn json(answer: &SimulationAnswer) -> serde_json::Value {
    serde_json::to_value(answer).unwrap()
}

fn account(text: &str) -> AccountId {
    text.parse().unwrap()
}

fn compiled(source: PolicySource, text: &str) -> Arc<CompiledPolicy> {
    let document = PolicyDocument::parse(text, PolicyKind::Identity).unwrap();
    Arc::new(CompiledPolicy::compile(source, &document))
}

fn user_policy(user: &str, name: &str, text: &str) -> Arc<CompiledPolicy> {
    compiled(PolicySource::UserInline { user: user.into(), name: name.into() }, text)
}

const IAM_ONLY: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:*"],"Resource":["*"]}}"#;

/// AWS CLI reference, `simulate-custom-policy`, examples 1 and 2. The first column is AWS's; its last one was counted on another text
/// than the one that is printed there.
#[test]
fn aws_cli_simulate_custom_policy() {
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}"#;
    let at = |date| SimulationRequest {
        context_entries: vec![entry("aws:CurrentTime", date, "date")],
        ..asks(&[policy], &["dynamodb:CreateBackup"], &[])
    };
    assert_eq!(
        json(&custom(&at("2019-04-25T11:00:00Z")).unwrap()),
        serde_json::json!({
            "EvaluationResults": [{
                "EvalActionName": "dynamodb:CreateBackup",
                "EvalResourceName": "*",
                "EvalDecision": "allowed",
                "MatchedStatements": [{
                    "SourcePolicyId": "PolicyInputList.1",
                    "SourcePolicyType": "IAM Policy",
                    "StartPosition": {"Line": 1, "Column": 38},
                    "EndPosition": {"Line": 1, "Column": policy.len()},
                }],
                "MissingContextValues": [],
            }],
            "IsTruncated": false,
        })
    );
    assert_eq!(
        json(&custom(&at("2014-04-25T11:00:00Z")).unwrap()),
        serde_json::json!({
            "EvaluationResults": [{
                "EvalActionName": "dynamodb:CreateBackup",
                "EvalResourceName": "*",
                "EvalDecision": "implicitDeny",
                "MatchedStatements": [],
                "MissingContextValues": [],
            }],
            "IsTruncated": false,
        })
    );
}

/// IAM API reference, `SimulateCustomPolicy`, "Using Context Keys in a Policy Simulation" (without its boundary, which allows nothing
/// and under which its answer would not be what is printed there).
#[test]
fn aws_api_context_keys_in_a_simulation() {
    let policy = "{\n  \"Version\":\"2012-10-17\",\n  \"Statement\":{\n    \"Effect\":\"Allow\",\n    \"Action\":\"s3:ListBucket\",\n    \"Resource\":\"arn:aws:s3:::teambucket\",\n    \"Condition\":{\n      \"Bool\":{\"aws:MultiFactorAuthPresent\":\"true\"}\n    }\n  }\n}";
    let without = asks(&[policy], &["s3:ListBucket"], &["arn:aws:s3:::teambucket"]);
    let answer = custom(&without).unwrap();
    let result = &answer.evaluation_results[0];
    assert_eq!(result.eval_decision, EvalDecision::ImplicitDeny);
    assert_eq!(result.missing_context_values, ["aws:MultiFactorAuthPresent"]);
    let context_entries = vec![entry("aws:MultiFactorAuthPresent", "true", "boolean")];
    let answer = custom(&SimulationRequest { context_entries, ..without }).unwrap();
    let result = &answer.evaluation_results[0];
    assert_eq!(result.eval_decision, EvalDecision::Allowed);
    assert!(result.missing_context_values.is_empty());
    let found = &result.matched_statements[0];
    assert_eq!(found.source_policy_id, "PolicyInputList.1");
    assert_eq!(found.start_position, Position { line: 3, column: 16 });
    assert_eq!(found.end_position, Position { line: 10, column: 4 });
}

/// IAM API reference, `SimulateCustomPolicy`, "Same-Account Simulation".
#[test]
fn aws_api_same_account_resource_policy() {
    let bucket = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/mateo"},"Action":["s3:List*","s3:Put*"],"Resource":["arn:aws:s3:::production/*"]}}"#;
    let request = SimulationRequest {
        caller_arn: Some("arn:aws:iam::111122223333:user/mateo".to_owned()),
        resource_owner: Some("arn:aws:iam::111122223333:root".to_owned()),
        permissions_boundary_policy_input_list: texts(&[IAM_ONLY]),
        resource_policy: Some(bucket.to_owned()),
        ..asks(&[IAM_ONLY], &["s3:PutObject"], &["arn:aws:s3:::production/Test"])
    };
    let matched = serde_json::json!([{
        "SourcePolicyId": "ResourcePolicy",
        "SourcePolicyType": "Resource Policy",
        "StartPosition": {"Line": 1, "Column": 38},
        "EndPosition": {"Line": 1, "Column": bucket.len()},
    }]);
    assert_eq!(
        json(&custom(&request).unwrap())["EvaluationResults"],
        serde_json::json!([{
            "EvalDecisionDetails": {},
            "PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": false},
            "MatchedStatements": matched,
            "MissingContextValues": [],
            "EvalResourceName": "arn:aws:s3:::production/Test",
            "EvalDecision": "allowed",
            "EvalActionName": "s3:PutObject",
            "ResourceSpecificResults": [{
                "PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": false},
                "MatchedStatements": matched,
                "EvalResourceDecision": "allowed",
                "MissingContextValues": [],
                "EvalResourceName": "arn:aws:s3:::production/Test",
            }],
        }])
    );
}

/// IAM API reference, `SimulatePrincipalPolicy`, the first example: the policies of the user Jill, and one of the input.
#[test]
fn aws_api_principal_with_a_policy_of_the_input() {
    let reads = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Effect\": \"Allow\",\n      \"Action\": [\n        \"s3:Get*\",\n        \"s3:List*\"\n      ],\n      \"Resource\": \"*\"\n    }\n  ]\n}";
    let arn = Arn::parse("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess").unwrap();
    let source = SimulationSource {
        principal: Some(Principal::user(account("123456789012"), "/", "Jill", "AIDAJILL")),
        policies: PolicySet {
            identity: vec![compiled(PolicySource::Managed(arn), reads)],
            ..PolicySet::default()
        },
    };
    let puts = "{\n  \"Version\":\"2012-10-17\",\n  \"Statement\":{\n    \"Effect\":\"Allow\",\n    \"Action\":\"s3:PutObject\",\n    \"Resource\":\"arn:aws:s3:::my-test-bucket\"\n  }\n}";
    let actions = ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"];
    let request = asks(&[puts], &actions, &["arn:aws:s3:::my-test-bucket"]);
    let answer = principal(&request, &source).unwrap();
    let found: Vec<_> = answer
        .evaluation_results
        .iter()
        .map(|result| {
            let matched = result.matched_statements.first().map(|m| {
                let places = [m.start_position, m.end_position].map(|p| (p.line, p.column));
                (m.source_policy_id.as_str(), places)
            });
            (result.eval_action_name.as_str(), result.eval_decision.as_str(), matched)
        })
        .collect();
    assert_eq!(
        found,
        [
            ("s3:PutObject", "allowed", Some(("PolicyInputList.1", [(3, 16), (7, 4)]))),
            ("s3:GetObject", "allowed", Some(("AmazonS3ReadOnlyAccess", [(3, 17), (11, 6)]))),
            ("s3:DeleteObject", "implicitDeny", None),
        ]
    );
}

/// The same page, "Same-Account Simulation": a boundary of the input takes the place of the user's.
#[test]
fn aws_api_principal_in_the_same_account() {
    let admin =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let own_boundary = Arn::parse("arn:aws:iam::111122223333:policy/nothing").unwrap();
    let source = SimulationSource {
        principal: Some(Principal::user(account("111122223333"), "/", "mateo", "AIDAMATEO")),
        policies: PolicySet {
            identity: vec![user_policy("admin", "AdminUser", admin)],
            boundary: Some(compiled(
                PolicySource::Boundary(own_boundary),
                r#"{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#,
            )),
            ..PolicySet::default()
        },
    };
    let asked = asks(&[], &["iam:GetRole"], &["arn:aws:iam::111122223333:role/pol-sim-test"]);
    let denied = principal(&asked, &source).unwrap();
    assert_eq!(denied.evaluation_results[0].eval_decision, EvalDecision::ExplicitDeny);
    assert_eq!(denied.evaluation_results[0].matched_statements[0].source_policy_id, "nothing");
    let boundary = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:*","s3:*"],"Resource":["*"]}}"#;
    let request =
        SimulationRequest { permissions_boundary_policy_input_list: texts(&[boundary]), ..asked };
    let answer = principal(&request, &source).unwrap();
    let result = &json(&answer)["EvaluationResults"][0];
    assert_eq!(
        result["MatchedStatements"],
        serde_json::json!([{
            "SourcePolicyId": "user_admin_AdminUser",
            "SourcePolicyType": "IAM Policy",
            "StartPosition": {"Line": 1, "Column": 38},
            "EndPosition": {"Line": 1, "Column": 84},
        }])
    );
    assert_eq!(result["EvalDecisionDetails"], serde_json::json!({}));
    assert_eq!(result["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"], true);
    assert_eq!(
        result["ResourceSpecificResults"][0]["MatchedStatements"],
        result["MatchedStatements"]
    );
}

/// The same page, "Cross-Account Simulation".
#[test]
fn aws_api_across_accounts() {
    let bucket = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:user/arnav"},"Action":["s3:List*","s3:Put*"],"Resource":["arn:aws:s3:::mary/*"]}}"#;
    let source = SimulationSource {
        principal: Some(Principal::user(account("444455556666"), "/", "arnav", "AIDAARNAV")),
        policies: PolicySet::default(),
    };
    let request = SimulationRequest {
        resource_owner: Some("arn:aws:iam::123456789012:root".to_owned()),
        permissions_boundary_policy_input_list: texts(&[IAM_ONLY]),
        resource_policy: Some(bucket.to_owned()),
        ..asks(&[], &["s3:PutObject"], &["arn:aws:s3:::mary/Test"])
    };
    let result = &json(&principal(&request, &source).unwrap())["EvaluationResults"][0];
    let details = serde_json::json!({
        "IAM Policy": "implicitDeny",
        "Resource Policy": "allowed",
        "Permissions Boundary Policy": "implicitDeny",
    });
    let specific = &result["ResourceSpecificResults"][0];
    assert_eq!(
        (&result["EvalDecision"], &specific["EvalResourceDecision"]),
        (&"implicitDeny".into(), &"implicitDeny".into())
    );
    assert_eq!(
        (&result["EvalDecisionDetails"], &specific["EvalDecisionDetails"]),
        (&details, &details)
    );
    assert_eq!(
        specific["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"],
        false
    );
    assert_eq!(specific["MatchedStatements"][0]["SourcePolicyId"], "ResourcePolicy");

    // Of a bucket that nobody gave a policy to, only the caller's side is known.
    let allowed = SimulationRequest {
        resource_policy: None,
        permissions_boundary_policy_input_list: Vec::new(),
        policy_input_list: texts(&[
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceAccount":"123456789012"}}}}"#,
        ]),
        ..request
    };
    let answer = principal(&allowed, &source).unwrap();
    assert_eq!(answer.evaluation_results[0].eval_decision, EvalDecision::Allowed);
    assert_eq!(answer.evaluation_results[0].matched_statements.len(), 1);
}

/// Statements of a list: AWS's reader stands behind the bracket, then behind the statement before.
#[test]
fn places_are_where_the_reader_stood() {
    let policy = "{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"s3:A\", \"Resource\": \"*\"}, \n {\"Effect\": \"Allow\", \"Action\": \"s3:B\", \"Resource\": \"*\"}\n]}";
    let answer = custom(&asks(&[policy], &["s3:A", "s3:B"], &[])).unwrap();
    let places = |n: usize| {
        let found = &answer.evaluation_results[n].matched_statements[0];
        [found.start_position, found.end_position].map(|p| (p.line, p.column))
    };
    assert_eq!(places(0), [(1, 41), (1, 95)]);
    assert_eq!(places(1), [(1, 95), (2, 56)]);
}

/// One result an action, the most restrictive on top (AWS, "`EvaluationResult`", the note on the newer simulator).
#[test]
fn the_most_restrictive_resource_is_on_top() {
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::a/*"},
        {"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::a/no","Condition":{"StringNotLike":{"s3:prefix":"x"}}}]}"#;
    let resources = ["arn:aws:s3:::a/yes", "arn:aws:s3:::b/never", "arn:aws:s3:::a/no"];
    let answer = custom(&asks(&[policy], &["s3:GetObject"], &resources)).unwrap();
    let [result] = &answer.evaluation_results[..] else { panic!("one result an action") };
    let each: Vec<_> = result
        .resource_specific_results
        .iter()
        .map(|r| r.eval_resource_decision.as_str())
        .collect();
    assert_eq!(each, ["allowed", "implicitDeny", "explicitDeny"]);
    assert_eq!(result.eval_decision, EvalDecision::ExplicitDeny);
    assert_eq!(result.matched_statements, result.resource_specific_results[2].matched_statements);
    assert_eq!(result.eval_resource_name, "arn:aws:s3:::${BucketName}/${ObjectName}");
    assert_eq!(result.missing_context_values, ["s3:prefix"]);
    assert!(result.resource_specific_results[0].missing_context_values.is_empty());
    let mixed = custom(&asks(&[policy], &["s3:GetObject"], &["*", resources[0]])).unwrap();
    let result = &mixed.evaluation_results[0];
    assert_eq!(
        (result.eval_resource_name.as_str(), result.resource_specific_results.len()),
        ("*", 1)
    );
    assert_eq!(result.eval_decision, EvalDecision::ImplicitDeny);
}

#[test]
fn every_level_of_an_organization_must_allow() {
    let all =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let no_s3 =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:*","Resource":"*"}}"#;
    let simulate = |levels: &[&[&str]]| {
        let level =
            |list: &&[&str]| OrganizationLevel { service_control_policy_input_list: texts(list) };
        let request = SimulationRequest {
            ordered_organization_policy_input_list: levels.iter().map(level).collect(),
            caller_arn: Some("arn:aws:iam::123456789012:user/ada".to_owned()),
            ..asks(&[all], &["s3:GetObject"], &["arn:aws:s3:::a/b"])
        };
        custom(&request).map(|mut answer| answer.evaluation_results.remove(0))
    };
    let by = |result: &EvaluationResult| {
        let detail = result.organizations_decision_detail;
        (result.eval_decision.as_str(), detail.map(|d| d.allowed_by_organizations))
    };
    assert_eq!(by(&simulate(&[]).unwrap()), ("allowed", None));
    let allowed = simulate(&[&[all], &[all]]).unwrap();
    assert_eq!(by(&allowed), ("allowed", Some(true)));
    assert_eq!(
        allowed.matched_statements.len(),
        1,
        "what an organization allows has a detail of its own"
    );
    let silent = simulate(&[&[all], &[IAM_ONLY]]).unwrap();
    assert_eq!(by(&silent), ("implicitDeny", Some(false)));
    assert_eq!(silent.eval_decision_details, None);
    let denied = simulate(&[&[all], &[all, no_s3]]).unwrap();
    assert_eq!(by(&denied), ("explicitDeny", Some(false)));
    assert_eq!(
        denied.matched_statements[0].source_policy_id,
        "OrderedOrganizationPolicyInputList.2.ServiceControlPolicyInputList.2"
    );
    let place = "OrderedOrganizationPolicyInputList.1.ServiceControlPolicyInputList".to_owned();
    assert_eq!(simulate(&[&[]]), Err(SimulationError::Empty(place)));
    let level = [all];
    let eight = [&level[..]; 8];
    assert!(matches!(simulate(&eight), Err(SimulationError::TooMany { found: 8, max: 7, .. })));
}

#[test]
fn a_context_speaks_before_the_caller_and_nobody_has_no_keys() {
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:username}/*","Condition":{
        "StringLike":{"aws:userid":"*"},"StringEquals":{"aws:PrincipalType":"User"},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/*"}}}}"#;
    let request = asks(&[policy], &["s3:GetObject"], &["arn:aws:s3:::ada/k"]);
    let keys = ["aws:username", "aws:userid", "aws:PrincipalType", "aws:PrincipalArn"];
    let answer = custom(&request).unwrap();
    assert_eq!(answer.evaluation_results[0].missing_context_values, keys);
    let caller_arn = Some("arn:aws:iam::123456789012:user/ada".to_owned());
    let named = SimulationRequest { caller_arn, ..request.clone() };
    let answer = custom(&named).unwrap();
    assert_eq!(
        answer.evaluation_results[0].missing_context_values,
        ["aws:userid"],
        "an ARN says no unique id"
    );
    let decides = |entries: &[(&str, &str)], request: SimulationRequest| {
        let context_entries = entries.iter().map(|(k, v)| entry(k, v, "string")).collect();
        let answer = custom(&SimulationRequest { context_entries, ..request }).unwrap();
        answer.evaluation_results[0].eval_decision
    };
    assert_eq!(decides(&[("aws:userid", "AIDA1")], named.clone()), EvalDecision::Allowed);
    let other = [("aws:userid", "AIDA1"), ("aws:username", "bob")];
    assert_eq!(decides(&other, named), EvalDecision::ImplicitDeny);
    let all = [
        ("aws:userid", "AIDA1"),
        ("aws:username", "ada"),
        ("aws:PrincipalType", "User"),
        ("aws:PrincipalArn", "arn:aws:iam::1:user/x"),
    ];
    assert_eq!(decides(&all, request), EvalDecision::Allowed);
}

#[test]
fn actions_that_no_service_lists_are_decided_too() {
    let policy = r#"{"Statement":{"Effect":"Allow","Action":"mine:*","Resource":"*"}}"#;
    let answer = custom(&asks(&[policy], &["mine:Dig", "s3:NoSuchThing"], &[])).unwrap();
    let each: Vec<_> = answer.evaluation_results.iter().map(|r| r.eval_decision.as_str()).collect();
    assert_eq!(each, ["allowed", "implicitDeny"]);
    for wrong in ["", "s3", "s3:", "s3:*", "s3:Get?", "s3:Get Object"] {
        let error = custom(&asks(&[policy], &[wrong], &[])).unwrap_err();
        assert!(matches!(error, SimulationError::Action(_)), "{wrong}: {error}");
        assert_eq!(error.code(), "InvalidInput");
    }
}

#[test]
fn empty_and_wrong_lists_are_refused() {
    let policy = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let good = asks(&[policy], &["s3:GetObject"], &[]);
    let refused = |request: SimulationRequest| custom(&request).unwrap_err().to_string();
    let said = |list: Vec<SimulationRequest>| list.into_iter().map(refused).collect::<Vec<_>>();
    let malformed = custom(&asks(&[policy, "{}"], &["s3:A"], &[])).unwrap_err();
    assert_eq!(malformed.code(), "PolicyEvaluation");
    assert_eq!(
        malformed.to_string(),
        "`PolicyInputList.2` can't be evaluated: line 1, column 1: expected a `Statement`, found none"
    );
    let role = "arn:aws:iam::123456789012:role/r";
    let bucket = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#;
    let on_role = SimulationRequest {
        resource_policy: Some(bucket.to_owned()),
        caller_arn: Some("arn:aws:iam::123456789012:user/u".to_owned()),
        ..asks(&[policy], &["sts:AssumeRole"], &[role])
    };
    assert_eq!(
        said(vec![
            asks(&[], &["s3:GetObject"], &[]),
            asks(&[policy], &[], &[]),
            asks(&[policy, ""], &["s3:GetObject"], &[]),
            asks(&[policy], &["s3:GetObject"], &["bucket"]),
            SimulationRequest { resource_policy: Some(bucket.to_owned()), ..good.clone() },
            SimulationRequest { resource_owner: Some("me".to_owned()), ..good.clone() },
            SimulationRequest { max_items: Some(0), ..good.clone() },
            SimulationRequest { marker: Some("2".to_owned()), ..good.clone() },
            SimulationRequest { resource_handling_option: Some("EC2".to_owned()), ..good.clone() },
            SimulationRequest {
                permissions_boundary_policy_input_list: texts(&[policy, policy]),
                ..good.clone()
            },
            SimulationRequest {
                policy_exclusion_list: vec![PolicyExclusion::default()],
                ..good.clone()
            },
            SimulationRequest {
                context_entries: vec![entry("aws:SourceIp", "here", "ip")],
                ..good.clone()
            },
            on_role,
        ]),
        [
            "`PolicyInputList` must not be empty",
            "`ActionNames` must not be empty",
            "`PolicyInputList.2` must not be empty",
            "`bucket` is no resource: expected an ARN of at most 2048 characters, or `*`",
            "a `ResourcePolicy` needs a `CallerArn`",
            "`me` is no resource owner: expected an account, or the ARN of its root",
            "`MaxItems` is 0, not between 1 and 1000",
            "the marker does not belong to this request",
            "`EC2` is no resource handling option",
            "`PermissionsBoundaryPolicyInputList` has 2, more than 1",
            "this simulation takes no `PolicyExclusionList`",
            "`here`, a value of `aws:SourceIp`, is not of the type ip",
            "a `ResourcePolicy` can't be simulated for the role `arn:aws:iam::123456789012:role/r`",
        ]
    );
}

#[test]
fn more_than_is_taken_at_once_is_refused() {
    let policy = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let long = format!("arn:aws:s3:::{}", "x".repeat(2048));
    let error = custom(&asks(&[policy], &["s3:A"], &[&long])).unwrap_err();
    assert!(matches!(error, SimulationError::Resource(_)));
    let request = SimulationRequest {
        resource_arns: vec!["*".to_owned(); 50_001],
        ..asks(&[policy], &["s3:A", "s3:B"], &[])
    };
    let many = SimulationError::TooMany { name: "ResourceArns", found: 100_002, max: 100_000 };
    assert_eq!(custom(&request), Err(many));
    let one = SimulationRequest { max_items: Some(1), ..request };
    assert!(custom(&one).unwrap().is_truncated);
}

#[test]
fn each_operation_takes_its_own_members() {
    let policy = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let nobody = SimulationSource::default();
    let levels = SimulationRequest {
        ordered_organization_policy_input_list: vec![OrganizationLevel::default()],
        ..asks(&[policy], &["s3:A"], &[])
    };
    let foreign = SimulationError::Foreign("OrderedOrganizationPolicyInputList");
    assert_eq!(principal(&levels, &nobody), Err(foreign));
    let answer = principal(&asks(&[], &["s3:A"], &[]), &nobody).unwrap();
    assert_eq!(answer.evaluation_results[0].eval_decision, EvalDecision::ImplicitDeny);
}

#[test]
fn a_long_answer_comes_in_pages() {
    let policy = r#"{"Statement":{"Effect":"Allow","Action":"s3:A1*","Resource":"*"}}"#;
    let actions: Vec<String> = (0..250).map(|n| format!("s3:A{n}")).collect();
    let mut request = SimulationRequest {
        policy_input_list: texts(&[policy]),
        action_names: actions.clone(),
        ..SimulationRequest::default()
    };
    let mut seen = Vec::new();
    let mut sizes = Vec::new();
    loop {
        let answer = custom(&request).unwrap();
        sizes.push(answer.evaluation_results.len());
        seen.extend(answer.evaluation_results.into_iter().map(|r| r.eval_action_name));
        assert_eq!(answer.is_truncated, answer.marker.is_some());
        request.marker = answer.marker;
        if request.marker.is_none() {
            break;
        }
    }
    assert_eq!((seen, sizes), (actions, vec![100, 100, 50]));
}

#[test]
fn a_request_is_read_in_the_words_of_aws() {
    let text = r#"{"PolicyInputList": ["{}"], "ActionNames": ["s3:GetObject"],
        "ContextEntries": [{"ContextKeyName": "aws:SourceIp", "ContextKeyValues": ["::1"], "ContextKeyType": "ip"}],
        "OrderedOrganizationPolicyInputList": [{"ServiceControlPolicyInputList": ["{}"]}]}"#;
    let request: SimulationRequest = serde_json::from_str(text).unwrap();
    assert_eq!(request.context_entries, [entry("aws:SourceIp", "::1", "ip")]);
    assert_eq!(request.ordered_organization_policy_input_list.len(), 1);
    let wrong = serde_json::from_str::<SimulationRequest>(r#"{"ActionName": []}"#).unwrap_err();
    assert!(wrong.to_string().contains("unknown field `ActionName`"), "{wrong}");
}

/// Each managed policy of AWS allows what it allows to a role, and asks for the keys that it spells.
#[test]
fn managed_policies_of_aws_are_simulated() {
    for managed in aws_managed::all().iter().step_by(97) {
        let request = asks(&[&managed.document], &["s3:GetObject", "ec2:RunInstances"], &[]);
        let answer = custom(&request).unwrap();
        let keys = context_keys(&request.policy_input_list).unwrap();
        for result in &answer.evaluation_results {
            assert!(
                result.missing_context_values.iter().all(|key| keys.contains(key)),
                "{}",
                managed.name
            );
        }
    }
}
