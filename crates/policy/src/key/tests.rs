//! What each key answers, caller by caller: AWS's table "Principal key values" and the pages of the global condition keys.

use std::sync::Arc;

use super::*;
use crate::{AccountId, Action, Context, Organization, ResourceFacts, SessionContext, UnixMillis};

fn account() -> AccountId {
    "123456789012".parse().unwrap()
}

fn callers() -> [(&'static str, Principal); 7] {
    let account = account();
    [
        ("root", Principal::root(account)),
        ("user", Principal::user(account, "/team/", "ada", "AIDAADA0000000000000")),
        ("role", Principal::role_session(account, "/ops/", "deploy", "AROADEPLOY0000000000", "s1")),
        ("guest", Principal::federated_user(account, "/", "ada", "AIDAADA0000000000000", "guest")),
        ("service", Principal::service("ec2.amazonaws.com")),
        ("provider", Principal::federated("accounts.google.com")),
        ("anonymous", Principal::anonymous()),
    ]
}

/// The values that each caller gives to a key; what is not listed must have none.
fn check(key: &str, expected: &[(&str, &str)]) {
    let (action, context) = (Action::parse("s3:GetObject").unwrap(), lies());
    for (name, caller) in callers() {
        let request = Request::new(&caller, &action, "*", &context);
        let found = Key::new(key).values(&request);
        let found = found.map(|values| values.iter().collect::<Vec<_>>().join(" "));
        let expected = expected.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
        assert_eq!(found.as_deref(), expected, "{key} of {name}");
    }
}

/// A context that speaks of everything that it must not speak of.
fn lies() -> Context {
    let principal = ["aws:PrincipalArn", "aws:userid", "aws:username", "aws:PrincipalAccount"];
    let more = ["aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:PrincipalTag/team"];
    let service =
        ["aws:PrincipalServiceName", "aws:PrincipalServiceNamesList", "aws:PrincipalType"];
    let session = ["aws:MultiFactorAuthPresent", "aws:TokenIssueTime", "ec2:RoleDelivery"];
    let all = [&principal[..], &more, &service, &session, &["aws:PrincipalIsAWSService"]];
    let mut context = Context::default();
    for key in all.concat() {
        context.insert(key, "a lie");
    }
    context
}

#[test]
fn the_keys_of_a_principal() {
    let root = "arn:aws:iam::123456789012:root";
    check(
        "aws:PrincipalArn",
        &[
            ("root", root),
            ("user", "arn:aws:iam::123456789012:user/team/ada"),
            ("role", "arn:aws:iam::123456789012:role/ops/deploy"),
            ("guest", "arn:aws:sts::123456789012:federated-user/guest"),
        ],
    );
    check(
        "aws:userid",
        &[
            ("root", "123456789012"),
            ("user", "AIDAADA0000000000000"),
            ("role", "AROADEPLOY0000000000:s1"),
            ("guest", "123456789012:guest"),
            ("anonymous", "anonymous"),
        ],
    );
    check("aws:username", &[("user", "ada")]);
    let with_account = |value| ["root", "user", "role", "guest"].map(|name| (name, value));
    check("aws:PrincipalAccount", &with_account("123456789012"));
    check(
        "aws:PrincipalType",
        &[
            ("root", "Account"),
            ("user", "User"),
            ("role", "AssumedRole"),
            ("guest", "FederatedUser"),
            ("service", "Service"),
            ("provider", "Federated"),
            ("anonymous", "Anonymous"),
        ],
    );
    check(
        "aws:PrincipalIsAWSService",
        &[&with_account("false")[..], &[("service", "true")]].concat(),
    );
    check("aws:PrincipalServiceName", &[("service", "ec2.amazonaws.com")]);
    check("aws:PrincipalServiceNamesList", &[("service", "ec2.amazonaws.com")]);
}

#[test]
fn trap_long_term_keys_have_no_session() {
    for key in [
        "aws:MultiFactorAuthPresent",
        "aws:MultiFactorAuthAge",
        "aws:TokenIssueTime",
        "aws:SourceIdentity",
        "ec2:RoleDelivery",
        "aws:PrincipalOrgID",
        "aws:PrincipalOrgPaths",
        "aws:PrincipalTag/team",
    ] {
        check(key, &[]);
    }
}

/// What `key` is in a request of a user with everything.
fn full(key: &str, facts: Option<&ResourceFacts>, owner: Option<AccountId>) -> Option<String> {
    let organization = Organization::new("o-one", "o-one/r-one/ou-a/");
    let ada = Principal::user(account(), "/", "ada", "AIDAADA0000000000000")
        .with_tags([("Team", "red")])
        .with_organization(Arc::new(organization))
        .with_session(SessionContext::new(UnixMillis(0)).with_source_identity("eve"));
    let context = lies()
        .with("aws:ResourceTag/team", "told")
        .with("aws:ResourceOrgID", "o-told")
        .with("aws:ResourceAccount", "told");
    let action = Action::parse("s3:GetObject").unwrap();
    let request = Request {
        resource_facts: facts,
        resource_account: owner,
        ..Request::new(&ada, &action, "*", &context)
    };
    let values = Key::new(key).values(&request)?;
    Some(values.iter().collect::<Vec<_>>().join(" "))
}

#[test]
fn tags_organization_and_session_are_the_principals() {
    for (key, expected) in [
        ("aws:PrincipalTag/TEAM", Some("red")),
        ("AWS:PRINCIPALTAG/team", Some("red")),
        ("aws:PrincipalTag/other", None),
        ("aws:PrincipalOrgID", Some("o-one")),
        ("aws:PrincipalOrgPaths", Some("o-one/r-one/ou-a/")),
        ("aws:MultiFactorAuthPresent", Some("false")),
        ("aws:MultiFactorAuthAge", None),
        ("aws:TokenIssueTime", Some("1970-01-01T00:00:00Z")),
        ("aws:SourceIdentity", Some("eve")),
        ("aws:FederatedProvider", None),
        ("ec2:RoleDelivery", None),
    ] {
        assert_eq!(full(key, None, None).as_deref(), expected, "{key}");
    }
}

#[test]
fn what_a_provider_said_of_a_session_the_context_does_not_change() {
    let session = SessionContext::new(UnixMillis(0)).with_claim("saml:sub", "ada");
    let ada = Principal::role_session(account(), "/", "r", "AROA", "s").with_session(session);
    let context = Context::default().with("SAML:sub", "eve").with("saml:iss", "told");
    let action = Action::parse("s3:GetObject").unwrap();
    let request = Request::new(&ada, &action, "*", &context);
    let of = |key: &str| Key::new(key).values(&request).map(|v| v.iter().collect::<String>());
    assert_eq!(of("saml:SUB").as_deref(), Some("ada"));
    // Of what no provider said, and before there is a session, the context speaks.
    assert_eq!(of("saml:iss").as_deref(), Some("told"));
    let nobody = Principal::federated("arn:aws:iam::123456789012:saml-provider/corp");
    let request = Request::new(&nobody, &action, "*", &context);
    let of = |key: &str| Key::new(key).values(&request).map(|v| v.iter().collect::<String>());
    assert_eq!(of("saml:sub").as_deref(), Some("eve"));
}

#[test]
fn of_a_resource_the_context_speaks_only_where_nothing_is_known() {
    let other: AccountId = "210987654321".parse().unwrap();
    let known = ResourceFacts {
        organization: Some(Arc::new(Organization::new("o-two", "o-two/r-two/"))),
        tags: vec![("TEAM".into(), "blue".into())],
        policy_must_allow: false,
    };
    let bare = ResourceFacts::default();
    for (key, facts, owner, expected) in [
        ("aws:ResourceAccount", None, None, Some("123456789012")),
        ("aws:ResourceAccount", None, Some(other), Some("210987654321")),
        ("aws:ResourceTag/Team", None, None, Some("told")),
        ("aws:ResourceTag/Team", Some(&known), None, Some("blue")),
        ("aws:ResourceTag/Team", Some(&bare), None, None),
        // A resource of the caller's account is in its organization.
        ("aws:ResourceOrgID", None, None, Some("o-one")),
        ("aws:ResourceOrgID", None, Some(other), Some("o-told")),
        ("aws:ResourceOrgID", Some(&known), Some(other), Some("o-two")),
        ("aws:ResourceOrgID", Some(&bare), None, None),
        ("aws:ResourceOrgPaths", Some(&known), None, Some("o-two/r-two/")),
        ("aws:ResourceOrgPaths", Some(&bare), None, None),
        ("aws:ResourceOrgPaths", None, Some(other), None),
    ] {
        assert_eq!(full(key, facts, owner).as_deref(), expected, "{key} {facts:?} {owner:?}");
    }
}

#[test]
fn the_ends_of_a_chain_of_services_follow_from_it() {
    let check = |context: Context, first: Option<&str>, last: Option<&str>| {
        let (ada, action) = (
            Principal::user(account(), "/", "ada", "AIDAADA0000000000000"),
            Action::parse("s3:GetObject").unwrap(),
        );
        let request = Request::new(&ada, &action, "*", &context);
        let found = ["aws:CalledViaFirst", "AWS:calledvialast"]
            .map(|key| Key::new(key).single(&request).map(str::to_owned));
        assert_eq!(found, [first, last].map(|value| value.map(str::to_owned)), "{context:?}");
    };
    let chain = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let (a, b) = ("athena.amazonaws.com", "glue.amazonaws.com");
    check(Context::default(), None, None);
    check(Context::default().with("aws:CalledViaFirst", a), Some(a), None);
    let both = Context::default().with("aws:CalledVia", chain(&[a, b]));
    check(both.clone(), Some(a), Some(b));
    check(both.with("aws:CalledViaFirst", b), Some(a), Some(b));
    check(Context::default().with("aws:CalledVia", chain(&[])), None, None);
}

#[test]
fn keys_are_named_as_aws_writes_them() {
    for name in [
        "aws:PrincipalArn",
        "aws:PrincipalOrgID",
        "aws:PrincipalOrgPaths",
        "aws:PrincipalIsAWSService",
        "aws:PrincipalServiceNamesList",
        "aws:ResourceOrgID",
        "aws:ResourceOrgPaths",
        "aws:CalledViaFirst",
        "aws:CalledViaLast",
        "aws:ResourceTag/team",
        "aws:PrincipalTag/team",
        "aws:tokenissuetime",
    ] {
        assert_eq!(Key::new(name).to_string(), name);
    }
}
