//! What is read, what is refused and where.

use super::*;

fn check(kind: PolicyKind, text: &str, expected: &str) {
    match PolicyDocument::parse(text, kind) {
        Ok(document) => {
            assert_eq!(expected, "ok", "{text}");
            let again = PolicyDocument::parse(&document.to_json(), kind).unwrap();
            let bare = |d: &PolicyDocument| {
                d.statements().iter().map(|s| Statement { span: Span::default(), ..s.clone() }).collect::<Vec<_>>()
            };
            let by_key = |mut all: Vec<Statement>| {
                for s in &mut all {
                    s.conditions.sort_by_key(|c| (c.operator.to_string(), c.key.clone()));
                }
                all
            };
            assert_eq!(by_key(bare(&document)), by_key(bare(&again)));
            assert_eq!(document.version(), again.version());
        }
        Err(error) => assert_eq!(error.to_string(), expected, "{text}"),
    }
}

#[test]
fn identity_policies() {
    use PolicyKind::Identity;
    let ok = r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
    check(Identity, ok, "ok");
    check(Identity, &format!("{ok}x"), "line 1, column 64: expected the end of the document, found `x`");
    check(Identity, "", "line 1, column 1: expected a JSON value, found the end of the document");
    check(Identity, "{\n  \"Statement\": [}\n", "line 2, column 17: expected a JSON value, found `}`");
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
        r#"{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEqual":{}}}]}"#,
        "line 1, column 77: expected a condition operator, found `StringEqual`",
    );
    check(Identity, "{\"Id\":\"\u{4e2d}\"}", "line 1, column 8: expected characters up to U+00FF, found `\\u{4e2d}`");
}

#[test]
fn trust_policies() {
    use PolicyKind::Trust;
    let ok = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["123456789012"],"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole","Condition":{"Bool":{"aws:MultiFactorAuthPresent":true},"StringLike":{"a:b":["x*","y"]}}}]}"#;
    check(Trust, ok, "ok");
    check(
        Trust,
        r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}}"#,
        "line 1, column 74: expected no resource in a trust policy, found `Resource`",
    );
    check(
        Trust,
        r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole"}}"#,
        "line 1, column 14: expected a `Principal` in the statement, found none",
    );
}
