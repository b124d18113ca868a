//! Mended texts.

use super::*;
use crate::{PolicyDocument, lint::tests::raising};

fn check(text: &str, expected: &str, changed: &[(LintCode, bool)]) {
    let mended = mend(text, PolicyKind::Identity);
    assert_eq!(mended.text, expected);
    let found: Vec<_> =
        mended.amendments.iter().map(|a| (a.finding.code, a.keeps_meaning)).collect();
    assert_eq!(found, changed);
    assert_eq!(mend(&mended.text, PolicyKind::Identity).amendments, [], "again");
}

#[test]
fn what_is_not_changed_stays_as_it_is_written() {
    check(
        "{\n\t\"Statement\" : {\n\t\t\"Action\":[ \"s3:Get*\" ,\n\t\t\t\"s3:GetObject\",\"s3:GetObjectAcl\" ],\n\t\t\"Effect\":\"Allow\", \"Resource\":\"*\"\n\t}\n}\n",
        "{\n\t\"Version\": \"2012-10-17\",\n\t\"Statement\" : {\n\t\t\"Action\":[ \"s3:Get*\" ],\n\t\t\"Effect\":\"Allow\", \"Resource\":\"*\"\n\t}\n}\n",
        &[
            (LintCode::MissingVersion, true),
            (LintCode::RedundantAction, true),
            (LintCode::RedundantAction, true),
        ],
    );
}

#[test]
fn what_changes_the_meaning_is_said_to() {
    check(
        r#"{"Statement":{"Effect":"Allow","Action":"s3:GetObjct","Resource":"arn:aws:s3:::${aws:username}/*"}}"#,
        r#"{"Version": "2012-10-17", "Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::${aws:username}/*"}}"#,
        &[(LintCode::MissingVersion, false), (LintCode::InvalidAction, false)],
    );
}

#[test]
fn changes_of_one_place_are_made_one_after_the_other() {
    check(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"s3:prefix":["a*","a*"]}}}}"#,
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*","Condition":{"StringLike":{"s3:prefix":["a*"]}}}}"#,
        &[
            (LintCode::ForAnyValueWithSingleValuedKey, false),
            (LintCode::RedundantConditionValue, true),
            (LintCode::WildcardWithoutLikeOperator, false),
        ],
    );
}

#[test]
fn what_can_not_be_read_is_left_alone() {
    for text in ["", "{", "[]", r#"{"Statement":{"Effect":"Alow"}}"#] {
        check(text, text, &[]);
    }
}

/// Every text with which a code is shown is a policy afterwards if it was one before, and has nothing left to mend.
#[test]
fn every_mended_policy_is_still_one() {
    let mut changed = 0;
    for (kind, text) in raising() {
        let mended = mend(&text, kind);
        let is_one = |text: &str| PolicyDocument::parse(text, kind).is_ok();
        assert!(!is_one(&text) || is_one(&mended.text), "{}", mended.text);
        assert!(lint_text(&mended.text, kind).iter().all(|f| f.fix.is_none()));
        changed += usize::from(!mended.amendments.is_empty());
    }
    assert!(changed > 15, "{changed}");
}
