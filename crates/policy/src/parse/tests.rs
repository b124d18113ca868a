//! What is read, what is refused and where.

use super::*;

/// `expected` is `ok`, or the error. What is read is printed and read again.
fn check(kind: PolicyKind, text: &str, expected: &str) {
    match PolicyDocument::parse(text, kind) {
        Ok(document) => {
            assert_eq!(expected, "ok", "{text}");
            let again = PolicyDocument::parse(&document.to_json(), kind).unwrap();
            assert_eq!(document.source(), text);
            assert_eq!((document.version(), document.id()), (again.version(), again.id()));
            assert_eq!(document.statements().len(), again.statements().len());
            assert!(
                document
                    .statements()
                    .iter()
                    .zip(again.statements())
                    .all(|(a, b)| a.says_the_same(b)),
                "{text}"
            );
            assert_eq!(document.to_json(), again.to_json());
        }
        Err(error) => assert_eq!(error.to_string(), expected, "{text}"),
    }
}

/// A policy of one statement that has, besides the usual elements, `element`.
fn with(kind: PolicyKind, element: &str, expected: &str) {
    let rest = match kind {
        PolicyKind::Trust => r#""Effect":"Allow","Action":"sts:AssumeRole""#,
        _ => r#""Effect":"Allow","Action":"s3:*","Resource":"*""#,
    };
    check(kind, &format!("{{\n\"Statement\":{{\n{element},\n{rest}}}}}"), expected);
}

#[test]
fn identity_policies() {
    use PolicyKind::Identity;
    let ok = r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
    check(Identity, ok, "ok");
    check(
        Identity,
        &format!("{ok}x"),
        "line 1, column 64: expected the end of the document, found `x`",
    );
    check(Identity, "", "line 1, column 1: expected a JSON value, found the end of the document");
    check(
        Identity,
        "{\n  \"Statement\": [}\n",
        "line 2, column 17: expected a JSON value, found `}`",
    );
    check(Identity, "{}", "line 1, column 1: expected a `Statement`, found none");
    check(
        Identity,
        r#"{"Statement":[{"Effect":"allow","Action":"s3:*","Resource":"*"}]}"#,
        "line 1, column 25: expected `Allow` or `Deny`, found `allow`",
    );
    check(
        Identity,
        r#"{"Statement":[{"Effect":"Allow","Effect":"Deny"}]}"#,
        "line 1, column 33: expected each key once in an object, found `Effect` again",
    );
    check(
        Identity,
        r#"{"Statement":[{"Effect":"Allow","Action":"s3","Resource":"*"}]}"#,
        "line 1, column 42: expected an action as `service:Name`, or `*`, found `s3`",
    );
    check(
        Identity,
        r#"{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*"}]}"#,
        "line 1, column 64: expected no principal in this kind of policy, found `Principal`",
    );
    check(
        Identity,
        r#"{"Id":"x","Statement":[]}"#,
        "line 1, column 2: expected no `Id` in this kind of policy, found `Id`",
    );
    check(
        Identity,
        r#"{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEqual":{}}}]}"#,
        "line 1, column 77: expected a condition operator, found `StringEqual`",
    );
    check(
        Identity,
        "{\"Id\":\"\u{4e2d}\"}",
        "line 1, column 8: expected characters up to U+00FF, found `\\u{4e2d}`",
    );
}

#[test]
fn trust_policies() {
    use PolicyKind::Trust;
    let ok = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["123456789012"],"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole","Condition":{"Bool":{"aws:MultiFactorAuthPresent":true},"StringLike":{"a:b":["x*","y"]}}}]}"#;
    check(Trust, ok, "ok");
    check(
        Trust,
        r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Resource":"*"}}"#,
        "line 1, column 82: expected no resource in a trust policy, found `Resource`",
    );
    check(
        Trust,
        r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole"}}"#,
        "line 1, column 14: expected a `Principal` in the statement, found none",
    );
}

#[test]
fn elements() {
    use PolicyKind::{Boundary, Identity, Resource, ServiceControl, Session, Trust};
    for kind in [Identity, Boundary, Session, ServiceControl] {
        with(kind, r#""Sid":"A1""#, "ok");
        with(
            kind,
            r#""Principal":"*""#,
            "line 3, column 1: expected no principal in this kind of policy, found `Principal`",
        );
        with(
            kind,
            r#""Sid":"a b""#,
            "line 3, column 7: expected a `Sid` of letters and digits, found `a b`",
        );
    }
    with(Resource, r#""Sid":"a b","Principal":"*""#, "ok");
    with(
        Trust,
        r#""Principal":"*""#,
        "line 3, column 13: expected principals of a trust policy as an object, such as `{\"AWS\": \"*\"}`, found `*`",
    );
    with(
        Trust,
        r#""NotPrincipal":"*""#,
        "line 3, column 1: expected `Principal` in a trust policy, found `NotPrincipal`",
    );
    with(
        Identity,
        r#""NotAction":"s3:*""#,
        "line 4, column 18: expected either `Action` or `NotAction`, found `Action`",
    );
    with(
        Identity,
        r#""NotResource":"*""#,
        "line 4, column 34: expected either `Resource` or `NotResource`, found `Resource`",
    );
    with(
        Identity,
        r#""action":"s3:*""#,
        "line 3, column 1: expected one of `Sid`, `Effect`, `Principal`, `Action`, `Resource` (or their `Not` forms) and `Condition`, found `action`",
    );
}

/// What has a name like a principal's and can't ask, or is a part of a name.
const NO_PRINCIPALS: [&str; 22] = [
    "AIDA1234567890",
    "AIDA1234567890example",
    "AGPA1234567890EXAMPLE",
    "ANPA1234567890EXAMPLE",
    "AKIA1234567890EXAMPLE",
    "ADMINISTRATORSEXAMPLE",
    "arn:aws:s3:::photos",
    "arn:aws:sqs::123456789012:root",
    "arn:aws:iam::123456789012:root/ada",
    "arn:aws:iam::123456789012:user",
    "arn:aws:iam::123456789012:user/",
    "arn:aws:iam::123456789012:user/team/",
    "arn:aws:iam::123456789012:group/team",
    "arn:aws:iam::123456789012:policy/photos",
    "arn:aws:iam::123456789012:instance-profile/web",
    "arn:aws:iam::123456789012:saml-provider/idp",
    "arn:aws:iam::aws:role/r",
    "arn:aws:iam:eu-west-1:123456789012:role/r",
    "arn:aws:sts::123456789012:assumed-role/r",
    "arn:aws:sts::123456789012:assumed-role/r/",
    "arn:aws:sts::123456789012:assumed-role/path/r/s",
    "arn:aws:sts::123456789012:federated-user/",
];

#[test]
fn principals_are_whole_names() {
    use PolicyKind::Trust;
    let aws = "line 3, column 20: expected an account id, an ARN without wildcards, a unique id, or `*`, found ";
    for (value, expected) in [
        ("*", "ok".to_owned()),
        ("123456789012", "ok".to_owned()),
        ("AIDA1234567890EXAMPLE", "ok".to_owned()),
        ("arn:aws:iam::123456789012:root", "ok".to_owned()),
        ("AROA1234567890EXAMPLE", "ok".to_owned()),
        ("arn:aws-cn:iam::123456789012:root", "ok".to_owned()),
        ("arn:aws:iam::123456789012:user/team/ada", "ok".to_owned()),
        ("arn:aws:iam::123456789012:role/aws-service-role/x.amazonaws.com/Linked", "ok".to_owned()),
        ("arn:aws:sts::123456789012:assumed-role/r/s", "ok".to_owned()),
        ("arn:aws:sts::123456789012:federated-user/guest", "ok".to_owned()),
        ("arn:aws:iam::123456789012:user/*", format!("{aws}`arn:aws:iam::123456789012:user/*`")),
        ("12345678901", format!("{aws}`12345678901`")),
        ("", format!("{aws}``")),
        ("ada", format!("{aws}`ada`")),
    ]
    .into_iter()
    .chain(NO_PRINCIPALS.map(|value| (value, format!("{aws}`{value}`"))))
    {
        with(Trust, &format!(r#""Principal":{{"AWS":"{value}"}}"#), &expected);
    }
    with(
        Trust,
        r#""Principal":{"Service":["ec2.amazonaws.com","*"],"Federated":"accounts.google.com"}"#,
        "ok",
    );
    with(
        Trust,
        r#""Principal":{"Service":"ec2"}"#,
        "line 3, column 24: expected a service such as `ec2.amazonaws.com`, found `ec2`",
    );
    with(
        Trust,
        r#""Principal":{"aws":"*"}"#,
        "line 3, column 14: expected `*`, or an object of `AWS`, `Service`, `Federated` or `CanonicalUser`, found `aws`",
    );
}

#[test]
fn conditions_are_told_from_each_other() {
    use PolicyKind::Identity;
    let with = |condition: &str, expected: &str| {
        with(Identity, &format!(r#""Condition":{condition}"#), expected);
    };
    with(r#"{"Bool":{"aws:SecureTransport":false},"NumericLessThan":{"a:b":[1,"2",3.5e2]}}"#, "ok");
    with(r#"{"StringLike":{"aws:ResourceTag/two words":"x"}}"#, "ok");
    with(
        r#"{"StringLike":{"a:b":"x","A:B":"y"}}"#,
        "line 3, column 38: expected each key once, whatever its case, found `A:B` again",
    );
    with(
        r#"{"StringLike":{"a:b":"x"},"stringlike":{"c:d":"y"}}"#,
        "line 3, column 39: expected each operator once, found `StringLike` again",
    );
    with(
        r#"{"NullIfExists":{"a:b":"x"}}"#,
        "line 3, column 14: expected a condition operator, found `NullIfExists`",
    );
    with(
        r#"{"Bool":{"a:b":{}}}"#,
        "line 3, column 28: expected a string, number or boolean, found an object",
    );
    with(
        r#"{"Bool":{"a:b":null}}"#,
        "line 3, column 28: expected a string, number or boolean, found null",
    );
    for key in ["", "team", "a b", "a:b c", "aws:", ":team", ":"] {
        with(
            &format!(r#"{{"Bool":{{"{key}":"x"}}}}"#),
            &format!("line 3, column 22: expected a condition key as `service:key`, found `{key}`"),
        );
    }
    for key in
        ["a:b", "accounts.google.com:aud", "oidc.example.com/id/1:sub", "aws:ResourceTag/a:b c"]
    {
        with(&format!(r#"{{"StringEquals":{{"{key}":"x"}}}}"#), "ok");
    }
    with(
        r#"{"ForAllValues:Null":{"a:b":true},"Null":{"a:b":true},"ForAnyValue:Null":{"a:b":true}}"#,
        "ok",
    );
    with(r"[]", "line 3, column 13: expected conditions as an object of operators, found an array");
}

#[test]
fn actions_and_resources() {
    let action = |action: &str, expected: &str| {
        check(
            PolicyKind::Identity,
            &format!(r#"{{"Statement":{{"Effect":"Deny","Action":"{action}","Resource":"*"}}}}"#),
            expected,
        );
    };
    for good in ["*", "s3:*", "s3:Get?bject", "*:Get*", "a-b:c"] {
        action(good, "ok");
    }
    for bad in ["", "s3", ":Get", "s3:", "s3:a:b", "s3:Get Object"] {
        action(
            bad,
            &format!(
                "line 1, column 40: expected an action as `service:Name`, or `*`, found `{bad}`"
            ),
        );
    }
    let resource = |resource: &str, expected: &str| {
        check(
            PolicyKind::Identity,
            &format!(r#"{{"Statement":{{"Effect":"Deny","Action":"*","Resource":"{resource}"}}}}"#),
            expected,
        );
    };
    for good in [
        "*",
        "arn:aws:s3:::b/*",
        "arn:aws:s3*",
        "arn:aws:iam::*:user/${aws:username}",
        "arn:*:*:*:*:*",
    ] {
        resource(good, "ok");
    }
    // Version 2008-10-17 knows no variables, so that this one is text.
    resource("arn:aws:iam::${aws:userid}:user/a", "ok");
    for bad in ["", "b", "arn:aws:s3", "s3:*", "?"] {
        resource(
            bad,
            &format!("line 1, column 55: expected a resource as an ARN, or `*`, found `{bad}`"),
        );
    }
}

#[test]
fn repeated_sids_and_large_documents_are_refused() {
    let one = r#"{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"}"#;
    check(
        PolicyKind::Identity,
        &format!(r#"{{"Statement":[{one},{one}]}}"#),
        "line 1, column 72: expected each `Sid` once, found `A` again",
    );
    let many = |n: usize| {
        let numbered = |n| one.replace(r#""A""#, &format!(r#""S{n}""#));
        let statements: Vec<String> = (0..n).map(|i| numbered(i % 40)).collect();
        let text = format!(r#"{{"Statement":[{}]}}"#, statements.join(","));
        PolicyDocument::parse(&text, PolicyKind::Identity).map_err(|e| e.found)
    };
    assert_eq!(many(40).map(|document| document.statements().len()), Ok(40));
    assert_eq!(many(41).map(|_| ()), Err("`S0` again".to_owned()));
    let large = " ".repeat(DOCUMENT_MAX + 1);
    check(
        PolicyKind::Identity,
        &large,
        "line 1, column 1: expected at most 1048576 bytes, found 1048577 bytes",
    );
}

#[test]
fn what_was_found_is_repeated_only_so_far() {
    let text = format!(r#"{{"Statement":{{"Effect":"{}"}}}}"#, "x".repeat(10_000));
    assert!(
        PolicyDocument::parse(&text, PolicyKind::Identity).unwrap_err().to_string().len() < 300
    );
}

#[test]
fn white_space_is_not_counted() {
    let text =
        "{ \"Statement\" : [ {\n\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"} ] }";
    let document = PolicyDocument::parse(text, PolicyKind::Identity).unwrap();
    assert_eq!(document.counted_size(), text.chars().filter(|c| *c != ' ' && *c != '\n').count());
}

#[test]
fn variables_choose_no_account_but_the_callers_and_the_resources() {
    let check = |resource: &str, good: bool| {
        let text = format!(
            r#"{{"Statement":{{"Effect":"Allow","Action":"*","NotResource":["{resource}"]}},"Version":"2012-10-17"}}"#
        );
        let found = PolicyDocument::parse(&text, PolicyKind::Identity).map_err(|e| e.to_string());
        let expected = format!(
            "line 1, column 60: expected variables only behind the fifth colon of a resource, found `{resource}`"
        );
        assert_eq!(found.map(|_| ()), if good { Ok(()) } else { Err(expected) });
    };
    check("arn:aws:s3:::${aws:username}", true);
    check("arn:aws:s3:::b/${aws:username}:${aws:userid}", true);
    check("arn:*:kms:*:${aws:PrincipalAccount}:key/*", true);
    check("arn:*:kms:*:${AWS:resourceaccount}:key/${aws:username}", true);
    check("arn:aws:kms:${aws:RequestedRegion}:1:key/*", false);
    check("arn:aws:kms:*:${aws:PrincipalTag/account}:key/*", false);
    check("arn:aws:kms:*:${aws:PrincipalAccount, '1'}:key/*", false);
    check("arn:aws:s3::${aws:username}", false);
}

#[test]
fn resource_control_policies_deny_everyone_something() {
    let check = |statement: &str, expected: &str| {
        let text = format!(r#"{{"Statement":{statement}}}"#);
        check(PolicyKind::ResourceControl, &text, expected);
    };
    let at = "line 1, column 14: expected";
    // `RCPFullAWSAccess` as AWS attaches it.
    check(r#"[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]"#, "ok");
    check(
        r#"{"Sid":"A","Effect":"Deny","Principal":"*","Action":["s3:*","sts:AssumeRole"],"NotResource":"arn:aws:s3:::b","Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#,
        "ok",
    );
    check(r#"{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"s3:*","Resource":"*"}"#, "ok");
    for (principal, found) in [
        (r#""Principal":{"AWS":"123456789012"}"#, "another"),
        (r#""Principal":{"AWS":["*","123456789012"]}"#, "another"),
        (r#""NotPrincipal":"*""#, "another"),
    ] {
        check(
            &format!(r#"{{"Effect":"Deny",{principal},"Action":"s3:*","Resource":"*"}}"#),
            &format!("{at} `\"Principal\": \"*\"` in a resource control policy, found {found}"),
        );
    }
    check(
        r#"{"Effect":"Deny","Principal":"*","NotAction":"s3:*","Resource":"*"}"#,
        &format!("{at} `Action` in a resource control policy, found `NotAction`"),
    );
    check(
        r#"{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}"#,
        &format!("{at} actions of a service in a resource control policy, found `*`"),
    );
    for rest in [
        r#""Action":"s3:*","Resource":"*""#,
        r#""Action":"*","Resource":"arn:aws:s3:::b""#,
        r#""Action":"*","Resource":"*","Condition":{"Bool":{"a:b":"true"}}"#,
    ] {
        check(
            &format!(r#"{{"Effect":"Allow","Principal":"*",{rest}}}"#),
            &format!(
                "{at} `Deny`, or `Allow` of everything, in a resource control policy, found `Allow`"
            ),
        );
    }
}

#[test]
fn service_control_policies_know_the_whole_language_but_principals() {
    let check = |statement: &str, expected: &str| {
        let text = format!(r#"{{"Statement":{statement}}}"#);
        check(PolicyKind::ServiceControl, &text, expected);
    };
    check(
        r#"{"Effect":"Allow","NotAction":"iam:*","NotResource":"arn:aws:s3:::b","Condition":{"Bool":{"a:b":"true"}}}"#,
        "ok",
    );
    check(
        r#"{"Effect":"Deny","NotPrincipal":"*","Action":"*","Resource":"*"}"#,
        "line 1, column 31: expected no principal in this kind of policy, found `NotPrincipal`",
    );
}

#[test]
fn trap_groups_are_no_principals() {
    with(
        PolicyKind::Trust,
        r#""Principal":{"AWS":"arn:aws:iam::123456789012:group/g"}"#,
        "line 3, column 20: expected an account id, an ARN without wildcards, a unique id, or `*`, found `arn:aws:iam::123456789012:group/g`",
    );
}
