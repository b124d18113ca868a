//! The commands on policies in files, as a person and a script meet them: no cluster, no credentials.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::{fs, path::Path, process::Command};

use serde_json::Value;

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

/// Runs words in a folder; gives the exit code, standard output and standard error.
fn run(folder: &Path, words: &str) -> (i32, String, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(words.split(' '))
        .current_dir(folder)
        .env_remove("TIDEGATE_OUTPUT")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
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
    let (code, _, err) = run(folder.path(), "policy lint empty");
    assert!(code == 1 && err.contains("there is no file of a policy in `empty`"), "{err}");
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
        lines[1].contains("allowed") && lines[1].contains("`Reads` of user/ada/reads.json"),
        "{out}"
    );
    assert!(
        lines[4].contains("implicitDeny")
            && lines[4].contains("no identity-based policy allows it"),
        "{out}"
    );
    let (code, out, _) = run(
        folder.path(),
        &format!(
            "policy simulate --action s3:GetObject --resource arn:aws:s3:::photos/a {ADA} -o json"
        ),
    );
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &answer[0]["decision"]), (0, &"allowed".into()));
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
