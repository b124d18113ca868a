//! The commands on policies in files, as a person and a script meet them: no cluster, no credentials.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod common;

use std::{fs, path::Path};

use serde_json::Value;

use crate::common::run;

const READS: &str = r#"{"Version": "2012-10-17", "Statement": {
  "Sid": "Reads", "Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::photos/*"}}
"#;
const BUCKET: &str = r#"{"Version": "2012-10-17", "Statement": {
  "Sid": "NotBob", "Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::111122223333:user/bob"}, "Action": "s3:*", "Resource": "*"}}
"#;
const WRONG: &str =
    "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": {\"Effect\": \"allow\"}\n}\n";
const OPEN: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}}"#;
const CASES: &str = r#"
defaults: {principal: "arn:aws:iam::111122223333:user/ada", identity: {file: ../reads.json}, resource: "arn:aws:s3:::photos/cat.jpg"}
cases:
  - {name: reads, action: s3:GetObject, expect: allowed, sids: Reads}
  - {name: writes, action: s3:PutObject, expect: implicitDeny}
"#;

/// A folder with a few files.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("cases")).unwrap();
    fs::create_dir(folder.path().join("open")).unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    write("reads.json", READS);
    write(
        "reads.yaml",
        "Version: 2012-10-17\nStatement: {Effect: Allow, Action: 's3:Get*', Resource: '*'}\n",
    );
    write("bucket.json", BUCKET);
    write("wrong.json", WRONG);
    write("open/open.json", OPEN);
    write("open/notes.json", "[]");
    write("cases/photos.yaml", CASES);
    write("cases/notes.yaml", "nothing: here\n");
    folder
}

#[test]
fn check_names_the_place_of_a_mistake() {
    let folder = folder();
    let (code, out, _) = run(folder.path(), "policy check reads.json reads.yaml bucket.json");
    assert_eq!(code, 0, "{out}");
    assert!(out.starts_with("reads.json: well formed, 1 statement, "), "{out}");
    let (code, out, err) = run(folder.path(), "policy check reads.json wrong.json");
    assert_eq!((code, err.as_str()), (1, ""));
    assert!(
        out.ends_with(
            "wrong.json:3:27: expected `Allow` or `Deny`, found `allow`\n  |\n3 |   \"Statement\": {\"Effect\": \"allow\"}\n  |                           ^\n"
        ),
        "{out}"
    );
    let (code, out, _) = run(folder.path(), "policy check wrong.json -o json");
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &answer[0]["line"], &answer[0]["column"]), (1, &3.into(), &27.into()));
    let (code, out, _) = run(folder.path(), "policy check bucket.json --kind identity");
    assert!(code == 1 && out.contains("no principal in this kind of policy"), "{out}");
    let (code, _, err) = run(folder.path(), "policy check gone.json");
    assert!(code == 1 && err.contains("`gone.json` can't be read"), "{err}");
    let (code, _, err) = run(folder.path(), "policy check reads.json --dry-run");
    assert!(code == 64 && err.contains("takes no --dry-run"), "{err}");
}

#[test]
fn lint_prints_findings_and_fails_on_what_it_is_told() {
    let folder = folder();
    let (code, out, _) = run(folder.path(), "policy lint open");
    assert!(code == 0 && out.contains("open/open.json:1:"), "{code} {out}");
    assert!(out.contains("PASS_ROLE") && !out.contains("notes.json"), "{out}");
    let (code, _, _) = run(folder.path(), "policy lint open --fail-on security-warning");
    assert_eq!(code, 1);
    let (code, out, _) = run(folder.path(), "policy lint reads.json");
    assert_eq!((code, out.as_str()), (0, "nothing to say about 1 policy\n"));
    let (code, out, _) = run(folder.path(), "policy lint wrong.json -o yaml");
    assert!(code == 1 && out.contains("line: 3") && out.contains("level: error"), "{out}");
    assert!(out.contains("code: INVALID_EFFECT"), "{out}");
    let (code, _, err) = run(folder.path(), "policy lint empty");
    assert!(code == 1 && err.contains("there is no file of a policy in `empty`"), "{err}");
}

#[test]
fn lint_says_something_of_every_file_whatever_the_others_are() {
    let folder = folder();
    fs::write(folder.path().join("latin.json"), b"{\"Statement\": \"\xff\"}").unwrap();
    let (code, out, _) = run(folder.path(), "policy lint . -o json");
    let answer: Value = serde_json::from_str(&out).unwrap();
    let of = |file: &str| {
        let found = answer.as_array().unwrap().iter().find(|one| one["file"] == file);
        found.unwrap_or_else(|| panic!("nothing is said of {file}: {out}"))
    };
    assert_eq!(code, 1);
    assert_eq!(of("./reads.json")["findings"], serde_json::json!([]));
    assert_eq!(of("./open/open.json")["findings"][0]["code"], "PASS_ROLE_WITH_STAR_IN_RESOURCE");
    assert_eq!(of("./wrong.json")["findings"][0]["line"], 3);
    let why = of("./latin.json")["error"].as_str().unwrap();
    assert!(why.starts_with("`./latin.json` can't be read: "), "{why}");
    let (code, out, _) = run(folder.path(), "policy lint gone.json reads.json --junit out.xml");
    assert!(code == 1 && out.contains("`gone.json` can't be read"), "{out}");
    let xml = fs::read_to_string(folder.path().join("out.xml")).unwrap();
    assert!(xml.contains(r#"<testsuites tests="2" failures="1">"#), "{xml}");
    assert!(xml.contains(r#"<testcase classname="reads.json" name="lint"/>"#), "{xml}");
    let (_, out, _) = run(folder.path(), "policy lint wrong.json --junit out.xml");
    let xml = fs::read_to_string(folder.path().join("out.xml")).unwrap();
    assert!(
        xml.contains("INVALID_EFFECT `allow`") || xml.contains("INVALID_EFFECT allow"),
        "{xml}{out}"
    );
}

#[test]
fn a_trust_policy_is_told_by_what_it_allows() {
    let folder = folder();
    let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}}"#;
    fs::write(folder.path().join("trust.json"), text).unwrap();
    let (code, out, _) = run(folder.path(), "policy lint trust.json");
    assert!(code == 1, "{out}");
    assert!(out.contains("ROLE_TRUST_POLICY_UNSUPPORTED_WILDCARD_IN_PRINCIPAL"), "{out}");
    assert!(!out.contains("MISSING_RESOURCE"), "{out}");
}

const SLIPS: &str = r#"{
  "Statement": {
    "Effect": "Allow",
    "Action": ["s3:GetObjct", "s3:List*", "s3:ListBucket"],
    "Resource": "arn:aws:s3:::photos/${aws:username}/*"
  }
}
"#;

#[test]
fn lint_mends_files_and_says_what_it_changes() {
    let folder = folder();
    let path = folder.path().join("slips.json");
    fs::write(&path, SLIPS).unwrap();
    let (code, out, _) = run(folder.path(), "policy lint slips.json --fix --dry-run");
    assert_eq!((code, fs::read_to_string(&path).unwrap().as_str()), (1, SLIPS), "{out}");
    assert!(
        out.contains(
            "@@ -1,7 +1,8 @@\n {\n+  \"Version\": \"2012-10-17\",\n   \"Statement\": {\n     \"Effect\": \"Allow\",\n-    \"Action\": [\"s3:GetObjct\", \"s3:List*\", \"s3:ListBucket\"],\n+    \"Action\": [\"s3:GetObject\", \"s3:List*\"],\n     \"Resource\""
        ),
        "{out}"
    );
    let (code, out, _) = run(folder.path(), "policy lint slips.json --fix");
    let line = |code: &str| out.lines().find(|line| line.contains(code)).unwrap().to_owned();
    assert!(code == 0 && out.ends_with("nothing more to say about 1 policy\n"), "{out}");
    assert!(line("INVALID_ACTION").ends_with("otherwise"), "{out}");
    assert!(line("REDUNDANT_ACTION").ends_with("as before"), "{out}");
    assert!(line("MISSING_VERSION").ends_with("otherwise"), "its variables work now: {out}");
    let mended = fs::read_to_string(&path).unwrap();
    assert_eq!(
        mended,
        SLIPS
            .replace("{\n  \"Statement\"", "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\"")
            .replace("GetObjct", "GetObject")
            .replace(", \"s3:ListBucket\"", "")
    );
    let (_, out, _) = run(folder.path(), "policy lint slips.json --fix -o json");
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&answer[0]["changes"], fs::read_to_string(&path).unwrap()),
        (&serde_json::json!([]), mended)
    );
    let (code, _, err) = run(folder.path(), "policy lint - --fix");
    assert!(code == 64 && err.contains("standard input can't be mended"), "{err}");
    let (code, _, err) = run(folder.path(), "policy lint slips.json --dry-run");
    assert!(code == 64 && err.contains("takes no --dry-run"), "{err}");
}

#[test]
fn after_mending_nothing_is_left_to_say() {
    let folder = folder();
    let text = r#"{"Statement": {"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObject"], "Resource": "arn:aws:s3:::photos/*"}}"#;
    fs::write(folder.path().join("twice.json"), text).unwrap();
    let (code, out, _) = run(folder.path(), "policy lint twice.json --fix --fail-on suggestion");
    assert!(code == 0 && out.ends_with("nothing more to say about 1 policy\n"), "{out}");
    let (code, out, _) =
        run(folder.path(), "policy lint twice.json --fix --dry-run --fail-on suggestion");
    assert_eq!((code, out.as_str()), (0, "nothing to say about 1 policy\n"));
    let (_, out, _) = run(folder.path(), "policy lint wrong.json --fix");
    assert!(out.contains("INVALID_EFFECT"), "{out}");
    assert_eq!(fs::read_to_string(folder.path().join("wrong.json")).unwrap(), WRONG);
}

#[test]
fn lint_looks_at_every_policy_of_an_account() {
    let folder = folder();
    let account = r#"{"UserDetailList": [{"UserName": "ada", "UserPolicyList": [
        {"PolicyName": "open", "PolicyDocument": "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22iam%3APassRole%22%2C%22Resource%22%3A%22%2A%22%7D%7D"}]}],
        "RoleDetailList": [{"RoleName": "deploy", "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}}],
        "GroupDetailList": [], "Policies": []}"#;
    fs::write(folder.path().join("account.json"), account).unwrap();
    let (code, out, _) = run(folder.path(), "policy lint account.json");
    assert!(code == 1 && out.contains("account.json user/ada/open:1:"), "{out}");
    assert!(out.contains("account.json role/deploy/trust:"), "{out}");
    let (_, out, _) = run(folder.path(), "policy lint account.json --fix -o json");
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer[1]["policy"], "role/deploy/trust");
    assert_eq!(fs::read_to_string(folder.path().join("account.json")).unwrap(), account);
    fs::write(folder.path().join("account.json"), r#"{"UserDetailList": [{}]}"#).unwrap();
    let (code, out, _) = run(folder.path(), "policy lint account.json");
    assert!(code == 1 && out.contains("`account.json` is no account: missing field"), "{out}");
}

const ADA: &str = "--principal arn:aws:iam::111122223333:user/ada --identity reads.json";

#[test]
fn explain_decides_and_says_why() {
    let folder = folder();
    let (code, out, err) = run(
        folder.path(),
        &format!("policy explain s3:GetObject arn:aws:s3:::photos/cat.jpg {ADA}"),
    );
    assert_eq!(code, 0, "{err}");
    assert!(
        out.starts_with("allowed by `Reads` of user/ada/reads.json (line 1, column 40)"),
        "{out}"
    );
    let (code, out, _) = run(
        folder.path(),
        &format!("policy explain s3:PutObject arn:aws:s3:::photos/cat.jpg {ADA}"),
    );
    assert!(
        code == 2 && out.contains("no identity-based policy allows the s3:PutObject action"),
        "{out}"
    );
    let bob = "--principal arn:aws:iam::111122223333:user/bob --identity reads.json --resource-policy bucket.json -o json";
    let (code, out, _) = run(
        folder.path(),
        &format!("policy explain s3:GetObject arn:aws:s3:::photos/cat.jpg {bob}"),
    );
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &answer["decision"]), (2, &"explicitDeny".into()));
    assert_eq!(answer["statements"][0]["sid"], "NotBob");
    let checks = answer["checks"].as_array().unwrap();
    let of = |name: &str| checks.iter().find(|check| check["type"] == name).unwrap();
    assert_eq!(checks.len(), 7);
    assert_eq!(of("RESOURCE_BASED_POLICY")["outcome"], "denies");
    assert_eq!(of("IDENTITY_BASED_POLICY")["parts"][0]["matched"][0]["sid"], "Reads");
    assert_eq!(of("SESSION_POLICY")["because"], "absent");
    // What is advised holds: the policy that it comes with is the one to write.
    let change = &answer["suggestion"]["changes"][0];
    fs::write(folder.path().join("then.json"), change["policy_then"].as_str().unwrap()).unwrap();
    let then = bob.replace("bucket.json", "then.json");
    let (code, out, err) = run(
        folder.path(),
        &format!("policy explain s3:GetObject arn:aws:s3:::photos/cat.jpg {then}"),
    );
    assert_eq!(code, 0, "{out}{err}");
    for (words, code, needle) in [
        ("policy explain s3:GetObject --principal ada", 64, "`ada` is no principal"),
        ("policy explain get --principal anonymous", 1, "`get` is not an action"),
        (
            "policy explain s3:Get --principal anonymous --identity gone.json",
            1,
            "`gone.json` can't be read",
        ),
        (
            "policy explain s3:Get --principal anonymous --identity wrong.json",
            1,
            "policy `wrong.json` can't be read: line 3, column 27",
        ),
        ("policy explain s3:Get --principal anonymous --context x", 64, "expected KEY=VALUE"),
    ] {
        let (found, _, err) = run(folder.path(), words);
        assert!(found == code && err.contains(needle), "{words}: {found} {err}");
    }
}

#[test]
fn the_page_about_explanations_shows_what_comes() {
    let folder = folder();
    let policy = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "DenyWithoutMfa",
      "Effect": "Deny",
      "NotAction": ["iam:ChangePassword", "sts:GetSessionToken"],
      "Resource": "*",
      "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
    }
  ]
}"#;
    fs::write(folder.path().join("mfa-or-nothing.json"), policy).unwrap();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/explain.md");
    let page = fs::read_to_string(page).unwrap();
    let words = page.split("    tidegate ").nth(1).unwrap().split("\n\n").next().unwrap();
    let words: Vec<&str> = words.split_whitespace().filter(|word| *word != "\\").collect();
    let (code, out, err) = run(folder.path(), &words.join(" "));
    assert_eq!((code, err.as_str()), (2, ""));
    assert!(page.contains(&format!("```\n{out}```\n")), "{out}");
}

#[test]
fn every_word_of_a_question_has_a_say() {
    let folder = folder();
    let write = |name: &str, statement: &str| {
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": {statement}}}"#);
        fs::write(folder.path().join(name), text).unwrap();
    };
    write("all.json", r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#);
    write("ec2.json", r#"{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}"#);
    write("rcp.json", r#"{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}"#);
    write(
        "tagged.json",
        r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {
            "aws:PrincipalTag/team": "red", "aws:ResourceTag/team": "red", "aws:PrincipalOrgID": "o-a1b2c3d4e5", "s3:prefix": "a=b"},
            "Bool": {"aws:MultiFactorAuthPresent": "true"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["x", "y"]},
            "StringLike": {"aws:userid": "AROA1:*"}, "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/ci/deploy"}}}"#,
    );
    write(
        "trust.json",
        r#"{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"}"#,
    );
    let all = "policy explain s3:GetObject * --principal arn:aws:sts::111122223333:assumed-role/deploy/run --identity all.json";
    for (words, code, needle) in [
        (all.to_owned(), 0, "allowed by"),
        (format!("{all} --boundary ec2.json"), 2, "no permissions boundary allows"),
        (format!("{all} --session-policy ec2.json"), 2, "no session policy allows"),
        (format!("{all} --scp all.json --scp ec2.json"), 2, "no service control policy allows"),
        (format!("{all} --scp all.json --scp ec2.json,all.json"), 0, "allowed by"),
        (format!("{all} --rcp rcp.json"), 0, "ok  resource control policy: allows"),
        (format!("{all} --endpoint-policy bucket.json"), 2, "no VPC endpoint policy allows"),
        (format!("{all} --resource-account 444455556666"), 2, "no resource-based policy allows"),
        (format!("{all} --trust-policy trust.json"), 2, "no role trust policy allows"),
        (format!("{all} --resource-policy-must-allow"), 2, "no resource-based policy allows"),
    ] {
        let (found, out, err) = run(folder.path(), &words);
        assert!(found == code && out.contains(needle), "{words}: {found} {out}{err}");
    }
    let whole = "policy explain s3:GetObject * --principal arn:aws:sts::111122223333:assumed-role/deploy/run --identity tagged.json \
                 --principal-id AROA1 --principal-behind arn:aws:iam::111122223333:role/ci/deploy --principal-tag team=red \
                 --principal-org o-a1b2c3d4e5=o-a1b2c3d4e5/r-ab12/ --session-key aws:MultiFactorAuthPresent=true \
                 --resource-tag team=red --context s3:prefix=a=b --context aws:TagKeys=x --context aws:TagKeys=y";
    let words: Vec<&str> = whole.split_whitespace().collect();
    let (code, out, err) = run(folder.path(), &words.join(" "));
    assert_eq!(code, 0, "{out}{err}");
    // Without any one of them it is denied; without one of several listed values it is not.
    for n in (8..words.len()).step_by(2) {
        let rest: Vec<&str> = [&words[..n], &words[n + 2..]].concat();
        let (code, out, err) = run(folder.path(), &rest.join(" "));
        let listed = words[n + 1].starts_with("aws:TagKeys");
        assert_eq!(code, if listed { 0 } else { 2 }, "without {}: {out}{err}", words[n + 1]);
    }
}

#[test]
fn simulate_is_a_table() {
    let folder = folder();
    let words = format!(
        "policy simulate --action s3:GetObject --action s3:PutObject --resource arn:aws:s3:::photos/a --resource arn:aws:s3:::b {ADA}"
    );
    let (code, out, err) = run(folder.path(), &words);
    assert_eq!(code, 2, "{err}");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 5, "{out}");
    assert!(
        lines[1].contains("allowed")
            && lines[1].contains("user_ada_reads.json (line 1, column 41)"),
        "{out}"
    );
    assert!(lines[4].contains("implicitDeny") && lines[4].contains("nothing allows it"), "{out}");
    let (code, _, err) = run(folder.path(), &format!("policy simulate --action s3:GetObjct {ADA}"));
    assert!(
        code == 2 && err.contains("lists no action `s3:GetObjct` of the service `s3`"),
        "{err}"
    );
    let (code, _, err) = run(folder.path(), &format!("policy simulate --action s3:* {ADA}"));
    assert!(code == 1 && err.contains("`s3:*` is not an action"), "{err}");
    let (code, _, err) = run(folder.path(), "policy simulate --action s3:Get");
    assert!(code == 64 && err.contains("who asks?"), "{err}");
}

#[test]
fn simulate_answers_programs_as_aws_does() {
    let folder = folder();
    let (code, out, _) = run(
        folder.path(),
        &format!(
            "policy simulate --action s3:GetObject --resource arn:aws:s3:::photos/a {ADA} --boundary bucket-only.json -o json"
        ),
    );
    assert!(code == 1 && out.is_empty(), "{out}");
    let (code, out, _) = run(
        folder.path(),
        &format!(
            "policy simulate --action s3:GetObject --resource arn:aws:s3:::photos/a {ADA} --boundary open/open.json -o json"
        ),
    );
    let answer: Value = serde_json::from_str(&out).unwrap();
    let result = &answer["EvaluationResults"][0];
    assert_eq!((code, &result["EvalDecision"]), (2, &"implicitDeny".into()));
    assert_eq!(result["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"], false);
    assert_eq!(result["MatchedStatements"][0]["SourcePolicyId"], "user_ada_reads.json");
    assert_eq!(answer["IsTruncated"], false);

    let request = r#"{"PolicyInputList": ["{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\",\"Condition\":{\"IpAddress\":{\"aws:SourceIp\":\"10.0.0.0/8\"}}}}"],
        "ActionNames": ["s3:GetObject", "s3:PutObject"], "MaxItems": 1}"#;
    fs::write(folder.path().join("request.json"), request).unwrap();
    let (code, out, _) = run(folder.path(), "policy simulate --input request.json -o json");
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &answer["IsTruncated"]), (2, &true.into()));
    assert_eq!(answer["EvaluationResults"][0]["MissingContextValues"][0], "aws:SourceIp");
    let entries = r#""ContextEntries": [{"ContextKeyName": "aws:SourceIp", "ContextKeyType": "ip", "ContextKeyValues": ["10.1.2.3"]}], "MaxItems": 2}"#;
    fs::write(folder.path().join("request.json"), request.replace("\"MaxItems\": 1}", entries))
        .unwrap();
    let (code, out, _) = run(folder.path(), "policy simulate --input request.json");
    assert!(code == 0 && out.contains("PolicyInputList.1 (line 1, column 38)"), "{out}");
    fs::write(folder.path().join("request.json"), request.replace("MaxItems", "MaxItem")).unwrap();
    let (code, _, err) = run(folder.path(), "policy simulate --input request.json");
    assert!(code == 1 && err.contains("unknown field `MaxItem`"), "{err}");
    let (code, _, err) = run(folder.path(), "policy simulate --input request.json --action s3:Get");
    assert!(code == 64 && err.contains("cannot be used with"), "{err}");
}

#[test]
fn context_keys_are_named() {
    let folder = folder();
    let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::${aws:username}", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}}"#;
    fs::write(folder.path().join("keys.json"), text).unwrap();
    let (code, out, _) = run(folder.path(), "policy context-keys reads.json keys.json bucket.json");
    assert_eq!((code, out.as_str()), (0, "aws:username\naws:SecureTransport\n"));
    let (_, out, _) = run(folder.path(), "policy context-keys keys.json -o json");
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer["ContextKeyNames"][1], "aws:SecureTransport");
    let (code, _, err) = run(folder.path(), "policy context-keys wrong.json");
    assert!(
        code == 1 && err.contains("`wrong.json`: `PolicyInputList.1` is no policy: line 3"),
        "{err}"
    );
}

#[test]
fn cases_run_and_are_reported() {
    let folder = folder();
    let (code, out, err) = run(folder.path(), "policy test cases --junit out.xml");
    assert_eq!(
        (code, out.as_str()),
        (0, "2 cases in 1 file: 0 failed, 0 known to fail\n"),
        "{err}"
    );
    let xml = fs::read_to_string(folder.path().join("out.xml")).unwrap();
    assert!(xml.contains(r#"<testcase classname="cases.photos" name="reads"/>"#), "{xml}");
    let (_, out, _) = run(folder.path(), "policy test cases --all");
    assert!(out.starts_with("cases/photos.yaml\npassed: reads\npassed: writes\n"), "{out}");
    fs::write(folder.path().join("cases/photos.yaml"), CASES.replace("implicitDeny", "allowed"))
        .unwrap();
    let (code, out, _) = run(folder.path(), "policy test cases");
    assert!(code == 1 && out.contains("FAILED: writes (line 5)"), "{out}");
    assert!(
        out.contains("would allow") || out.contains("does not allow"),
        "the explanation: {out}"
    );
    let (code, out, _) = run(folder.path(), "policy test cases/photos.yaml -o json");
    let reports: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &reports[0]["results"][1]["verdict"]), (1, &"failed".into()));
    fs::write(folder.path().join("cases/photos.yaml"), "cases:\n  - {name: a, acton: b}\n")
        .unwrap();
    let (code, _, err) = run(folder.path(), "policy test cases");
    assert!(
        code == 1 && err.contains("cases/photos.yaml:2: case `a`: unknown field `acton`"),
        "{err}"
    );
    let (code, _, err) = run(folder.path(), "policy test empty");
    assert!(code == 1 && err.contains("there is no file of cases in `empty`"), "{err}");
}
