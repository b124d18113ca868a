//! When conditions hold: one line a rule.

use super::*;
use crate::truth::Truth::Unknown;
use crate::{Action, Context, Principal, SessionContext, UnixMillis, Value};

/// `actual`: the request's values of the key `k`, `None` when it has none.
fn check(operator: &str, wanted: &[&str], actual: Option<&[&str]>, expected: impl Into<Truth>) {
    let expected = expected.into();
    let entry = ConditionEntry {
        operator: Operator::parse(operator).unwrap(),
        key: "K".into(),
        values: wanted.iter().map(|w| (*w).into()).collect(),
    };
    let mut context = Context::default()
        .with("aws:TokenIssueTime", "2020-01-01T00:00:00Z")
        .with("aws:TagKeys", "one")
        .with("multi", vec!["a".to_owned()]);
    match actual {
        Some([one]) => context.insert("k", *one),
        Some(many) => {
            context.insert("k", Value::Many(many.iter().map(|v| (*v).to_owned()).collect()));
        }
        None => {}
    }
    let principal =
        Principal::user("123456789012".parse().unwrap(), "/", "a*a", "AIDA1234567890EXAMPLE")
            .with_session(SessionContext::new(UnixMillis(1_767_225_600_000)));
    let action = Action::parse("s3:GetObject").unwrap();
    let request = Request::new(&principal, &action, "*", &context);
    let found = Condition::new(&entry, true).holds(&request);
    assert_eq!(found, expected, "{operator} {wanted:?} {actual:?}");
}

fn one(operator: &str, wanted: &str, actual: &str, expected: impl Into<Truth>) {
    check(operator, &[wanted], Some(&[actual]), expected);
}

#[test]
fn strings() {
    one("StringEquals", "a", "a", true);
    one("StringEquals", "a", "A", false);
    one("StringEquals", "a*", "ab", false);
    one("StringNotEquals", "a", "b", true);
    one("StringEqualsIgnoreCase", "straße", "STRAßE", true);
    one("StringEqualsIgnoreCase", "É", "é", true);
    one("StringNotEqualsIgnoreCase", "a", "A", false);
    one("StringLike", "a*", "abc", true);
    one("StringLike", "a?c", "abc", true);
    one("StringLike", "A*", "abc", false);
    one("StringNotLike", "a*", "abc", false);
    one("BinaryEquals", "QmluYXJ5", "QmluYXJ5", true);
    one("BinaryEquals", "QQ==", "QQ", true);
    one("BinaryEquals", "QmluYXJ5", "qmluyxj5", false);
}

#[test]
fn numbers_dates_and_booleans() {
    one("NumericEquals", "10", "10.0", true);
    one("NumericEquals", "10", "ten", Unknown);
    one("NumericEquals", "nan", "nan", Unknown);
    one("NumericNotEquals", "10", "11", true);
    one("NumericLessThan", "10", "9", true);
    one("NumericLessThan", "10", "10", false);
    one("NumericLessThanEquals", "10", "10", true);
    one("NumericGreaterThan", "10", "10", false);
    one("NumericGreaterThanEquals", "10", "-3", false);
    one("DateGreaterThan", "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z", true);
    one("DateLessThan", "2020-01-01T00:00:00Z", "1577836799", true);
    one("DateEquals", "2020-01-01T01:00:00+01:00", "2020-01-01T00:00:00Z", true);
    one("DateNotEquals", "2020-01-01", "2020-01-01T00:00:00Z", false);
    one("DateEquals", "2020-*", "2020-01-01", Unknown);
    one("Bool", "true", "TRUE", true);
    one("Bool", "true", "yes", Unknown);
    one("Bool", "false", "true", false);
}

#[test]
fn addresses_and_arns() {
    one("IpAddress", "203.0.113.0/24", "203.0.113.7", true);
    one("IpAddress", "203.0.113.0/24", "not an address", Unknown);
    one("NotIpAddress", "203.0.113.0/24", "not an address", Unknown);
    one("IpAddress", "203.0.113.0/24", "::ffff:203.0.113.7", true);
    one("NotIpAddress", "203.0.113.0/24", "203.0.114.7", true);
    check("NotIpAddress", &["203.0.113.0/24", "198.51.100.0/24"], Some(&["198.51.100.1"]), false);
    let arn = "arn:aws:sns:eu-west-1:123456789012:topic";
    for operator in ["ArnLike", "ArnEquals"] {
        one(operator, "arn:aws:sns:*:123456789012:t*", arn, true);
        one(operator, "arn:aws:svc:*:1:f/*", "arn:aws:svc:a:b:1:f/d", false);
    }
    for operator in ["ArnNotLike", "ArnNotEquals"] {
        one(operator, "arn:aws:sns:*:123456789012:t*", arn, false);
    }
    one("StringLike", "arn:aws:svc:*:1:f/*", "arn:aws:svc:a:b:1:f/d", true);
}

#[test]
fn values_are_joined_by_or_and_negated_by_nor() {
    check("StringEquals", &["a", "b"], Some(&["b"]), true);
    check("StringEquals", &["a", "b"], Some(&["c"]), false);
    check("StringNotEquals", &["a", "b"], Some(&["b"]), false);
    check("StringNotEquals", &["a", "b"], Some(&["c"]), true);
    check("StringEquals", &[], Some(&["a"]), false);
    check("StringNotEquals", &[], Some(&["a"]), true);
}

#[test]
fn missing_keys() {
    for (operator, expected) in [
        ("StringEquals", false),
        ("StringNotEquals", true),
        ("StringEqualsIfExists", true),
        ("StringNotEqualsIfExists", true),
        ("ForAllValues:StringEquals", true),
        ("ForAllValues:StringNotEquals", true),
        ("ForAnyValue:StringEquals", false),
        ("ForAnyValue:StringNotEquals", false),
        ("ForAnyValue:StringEqualsIfExists", true),
        ("BoolIfExists", true),
        ("Bool", false),
        ("NotIpAddress", true),
    ] {
        check(operator, &["x"], None, expected);
    }
}

#[test]
fn null_asks_whether_a_key_is_missing() {
    check("Null", &["true"], None, true);
    check("Null", &["false"], None, false);
    check("Null", &["true"], Some(&["a"]), false);
    check("Null", &["false"], Some(&["a"]), true);
    check("Null", &["true"], Some(&[]), true);
    check("Null", &["false"], Some(&[""]), true);
}

#[test]
fn sets() {
    check("ForAllValues:StringEquals", &["a", "b"], Some(&["a", "b"]), true);
    check("ForAllValues:StringEquals", &["a", "b"], Some(&["a", "c"]), false);
    check("ForAllValues:StringNotEquals", &["a"], Some(&["b", "c"]), true);
    check("ForAnyValue:StringEquals", &["a"], Some(&["b", "a"]), true);
    check("ForAnyValue:StringEquals", &["a"], Some(&["b", "c"]), false);
    check("ForAnyValue:StringNotEquals", &["a"], Some(&["a", "b"]), true);
    check("ForAllValues:StringLike", &["a*"], Some(&["ab", "ac"]), true);
}

#[test]
fn trap_an_empty_value_is_no_value_for_sets_and_a_value_elsewhere() {
    check("ForAllValues:StringEquals", &["a"], Some(&[""]), true);
    check("ForAnyValue:StringEquals", &[""], Some(&[""]), false);
    check("ForAllValues:StringEquals", &["a"], Some(&[]), true);
    check("StringEquals", &[""], Some(&[""]), true);
    check("StringEquals", &["a"], Some(&[""]), false);
}

#[test]
fn variables_stand_for_values_and_never_for_wildcards() {
    one("StringEquals", "${aws:username}", "a*a", true);
    one("StringLike", "${aws:username}", "aXa", false);
    one("StringLike", "${aws:username}*", "a*a/b", true);
    one("StringLike", "${AWS:USERNAME}?", "a*ab", true);
    one("StringLike", "a${*}b", "a*b", true);
    one("StringLike", "a${*}b", "axb", false);
    one("StringLike", "a${?}${$}", "a?$", true);
    one(
        "ArnLike",
        "arn:aws:iam::123456789012:user/${aws:username}",
        "arn:aws:iam::123456789012:user/a*a",
        true,
    );
    one(
        "ArnLike",
        "arn:aws:iam::*:user/${aws:username}",
        "arn:aws:iam::123456789012:user/aXa",
        false,
    );
    one("ArnEquals", "${aws:PrincipalArn}", "arn:aws:iam::123456789012:user/a*a", true);
    one("StringEqualsIgnoreCase", "X-${aws:username}", "x-A*A", true);
}

#[test]
fn variables_without_a_value_take_the_default_or_match_nothing() {
    one("StringEquals", "${nope, 'all'}", "all", true);
    one("StringEquals", "${aws:username, 'all'}", "all", false);
    one("StringEquals", "${nope}", "", false);
    one("StringNotEquals", "${nope}", "x", true);
    one("StringEquals", "${multi}", "a", false);
    one("StringEquals", "${aws:TokenIssueTime}", "2026-01-01T00:00:00Z", true);
    // A key that has several values by nature is none for a variable, also with one value.
    check("StringEquals", &["${aws:TagKeys, 'none'}"], Some(&["none"]), true);
}

#[test]
fn trap_bool_takes_no_variables() {
    one("Bool", "${aws:username}", "true", Unknown);
}

#[test]
fn trap_a_value_that_cant_be_read_is_neither_true_nor_false() {
    for (operator, readable, matching) in [
        ("NumericLessThan", "10", "9"),
        ("DateGreaterThan", "2020-01-01", "2021-01-01"),
        ("Bool", "true", "true"),
        ("IpAddress", "10.0.0.0/8", "10.1.2.3"),
        ("BinaryEquals", "QQ==", "QQ"),
        ("ArnLike", "arn:aws:s3:::*", "arn:aws:s3:::b"),
    ] {
        // On the request's side.
        check(operator, &[readable], Some(&["~"]), Unknown);
        check(&format!("{operator}IfExists"), &[readable], Some(&["~"]), Unknown);
        check(operator, &[], Some(&["~"]), false);
        check(&format!("ForAnyValue:{operator}"), &[readable], Some(&["~", matching]), true);
        check(&format!("ForAllValues:{operator}"), &[readable], Some(&["~", matching]), Unknown);
        // On the policy's.
        check(operator, &["~"], Some(&[matching]), Unknown);
        check(operator, &["~", readable], Some(&[matching]), true);
        check(operator, &["~", readable], None, false);
    }
    for negated in ["NumericNotEquals", "DateNotEquals", "NotIpAddress", "ArnNotLike"] {
        check(negated, &["1"], Some(&["~"]), Unknown);
        check(negated, &["~"], None, true);
    }
    check("Null", &["~"], None, Unknown);
}
