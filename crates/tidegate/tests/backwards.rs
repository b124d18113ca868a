//! The commands that ask backwards, as a person and a script meet them: no cluster, no credentials.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod common;

use std::fs;

use serde_json::Value;

use crate::common::run;

const ACCOUNT: &str = r#"{"UserDetailList": [
  {"Arn": "arn:aws:iam::123456789012:user/ada", "UserId": "AIDAADA", "GroupList": ["ops"],
   "AttachedManagedPolicies": [{"PolicyName": "AmazonS3ReadOnlyAccess", "PolicyArn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}]},
  {"Arn": "arn:aws:iam::123456789012:user/bob", "UserId": "AIDABOB"}],
 "GroupDetailList": [{"GroupName": "ops", "GroupPolicyList": [{"PolicyName": "own", "PolicyDocument": {"Version": "2012-10-17",
   "Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::photos/${aws:username}/*",
     "Condition": {"Bool": {"aws:SecureTransport": "true"}}}]}}]}],
 "RoleDetailList": [{"Arn": "arn:aws:iam::123456789012:role/deploy", "RoleId": "AROADEPLOY", "AssumeRolePolicyDocument":
   {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::210987654321:root"}, "Action": "sts:AssumeRole"}]}}]}"#;
const BUCKET: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
  "Resource": "arn:aws:s3:::photos/*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-own"}}}]}"#;
const READS: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::photos/*"}]}"#;

/// A folder with a few files.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("account.json", ACCOUNT);
    write("bucket.json", BUCKET);
    write(
        "open.json",
        &BUCKET.replace(r#", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-own"}}"#, ""),
    );
    write("old.json", READS);
    write("new.json", &READS.replace("photos/*", "photos/2026/*"));
    write("same.json", &READS.replace("s3:GetObject", "S3:getobject"));
    write("tree/users/ada/reads.json", READS);
    write("tree/groups/ops/members", "ada\n");
    write("tree/groups/ops/all.json", &READS.replace("GetObject", "*"));
    write("tree/users/ada/boundary.json", &READS.replace("s3:GetObject", "s3:Get*"));
    write(
        "tree/roles/deploy/trust.json",
        &BUCKET
            .replace("s3:GetObject", "sts:AssumeRole")
            .replace(r#""Principal": "*""#, r#""Principal": {"AWS": "*"}"#)
            .replace(r#""Resource": "arn:aws:s3:::photos/*", "#, ""),
    );
    folder
}

#[test]
fn who_can_names_everybody_who_may() {
    let folder = folder();
    let ask = "policy who-can s3:PutObject arn:aws:s3:::photos/ada/k --account";
    let (code, out, err) = run(folder.path(), &format!("{ask} account.json"));
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("when Bool aws:SecureTransport `true`") && out.contains(":root"), "{out}");
    assert!(!out.contains("user/bob"), "{out}");
    let (_, out, _) = run(folder.path(), &format!("{ask} account.json --all -o json"));
    let answer: Value = serde_json::from_str(&out).unwrap();
    let said: Vec<(&str, &str)> = answer
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["kind"].as_str().unwrap(), one["verdict"].as_str().unwrap()))
        .collect();
    assert_eq!(said, [("root", "always"), ("user", "when"), ("user", "never"), ("role", "never")]);
    assert_eq!(answer[1]["statements"][0]["policy"], "group/ops/own");
    let (code, out, _) = run(
        folder.path(),
        "policy who-can sts:AssumeRole arn:aws:iam::123456789012:role/deploy --account account.json",
    );
    assert!(
        code == 0 && out.contains("210987654321:root") && out.contains("if its account"),
        "{out}"
    );
    let (code, _, err) = run(folder.path(), &format!("{ask} old.json"));
    assert!(code == 1 && err.contains("the account can't be told"), "{code} {err}");
}

#[test]
fn a_folder_is_an_account_too() {
    let folder = folder();
    let ask = "policy what-can arn:aws:iam::123456789012:user/ada --account tree";
    let (code, _, err) = run(folder.path(), ask);
    assert!(code == 64 && err.contains("--account-id"), "{err}");
    let (code, out, err) = run(folder.path(), &format!("{ask} --account-id 123456789012 -o json"));
    assert_eq!(code, 0, "{err}");
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer["grants"][0]["action"], "s3:GetObject");
    assert_eq!(answer["grants"][1]["when"], "action `s3:Get*`");
    assert_eq!(answer["services"][0]["service"], "s3");
    let (code, out, _) = run(folder.path(), &format!("{ask} --account-id 123456789012 --expand"));
    assert!(code == 0 && out.contains("s3:GetObjectAcl") && !out.contains("s3:PutObject"), "{out}");
}

#[test]
fn compare_fails_on_what_it_is_told() {
    let folder = folder();
    let (code, out, err) =
        run(folder.path(), "policy compare old.json new.json --fail-on narrowed");
    assert_eq!(code, 1, "{err}");
    assert!(out.starts_with("denied now: s3:GetObject\n") && out.contains("photos/x"), "{out}");
    let (code, _, _) = run(folder.path(), "policy compare old.json new.json --fail-on widened");
    assert_eq!(code, 0);
    let (code, _, _) = run(folder.path(), "policy compare new.json old.json --fail-on widened");
    assert_eq!(code, 1);
    let ada = "--principal arn:aws:iam::123456789012:user/ada";
    let (code, out, _) =
        run(folder.path(), &format!("policy compare old.json same.json --fail-on different {ada}"));
    assert_eq!((code, out.as_str()), (0, "equal: no request is decided differently\n"));
    let (_, out, _) =
        run(folder.path(), &format!("policy compare old.json new.json {ada} -o json"));
    let answer: Value = serde_json::from_str(&out).unwrap();
    let difference = &answer["differences"][0];
    assert_eq!(difference["change"], "narrowed");
    assert_eq!(difference["witness"]["resource"], "arn:aws:s3:::photos/x");
    assert_eq!(answer["limits"], serde_json::json!([]));
    let (code, out, _) = run(folder.path(), "policy compare account.json account.json");
    assert_eq!((code, out.as_str()), (0, "equal: no request is decided differently\n"));
    let (code, _, err) = run(folder.path(), "policy compare account.json old.json");
    assert!(code == 64 && err.contains("an account is compared with an account"), "{err}");
}

#[test]
fn external_tells_public_from_trusted() {
    let folder = folder();
    let ask = "policy external --account account.json --org o-own=o-own/r-1/ --resource-policy arn:aws:s3:::photos=";
    let (code, out, err) = run(folder.path(), &format!("{ask}bucket.json --fail-on public"));
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("role/deploy") && !out.contains("s3:::photos"), "{out}");
    let (code, out, _) = run(folder.path(), &format!("{ask}open.json --fail-on public"));
    assert!(code == 1 && out.contains("public: anonymous"), "{out}");
    let (code, _, _) =
        run(folder.path(), &format!("{ask}bucket.json --trust 210987654321 --fail-on any"));
    assert_eq!(code, 0);
    let (code, _, err) = run(folder.path(), "policy external");
    assert!(code == 64 && err.contains("neither --account nor --resource-policy"), "{err}");
}
