//! The binary as a person and a script meet it: outputs, errors and exit codes against one development cluster.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

struct Dev(Child);

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn tidegate() -> Command {
    Command::new(env!("CARGO_BIN_EXE_tidegate"))
}

fn dev(folder: &Path) -> Dev {
    let args = ["dev", "--base-port", "0", "--print-ready", "--data"];
    let mut child = tidegate()
        .args(args)
        .arg(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap();
    let dev = Dev(child);
    assert!(
        BufReader::new(out).lines().any(|line| line.unwrap() == "ready"),
        "the cluster did not come up"
    );
    dev
}

/// Runs a client command with words that are separated by blanks.
fn run(folder: &Path, words: &str, input: &str) -> Output {
    let mut child = tidegate()
        .args(words.split(' '))
        .env("TIDEGATE_PROFILE", folder.join("profile.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const ALL: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;

#[test]
fn the_command_line_does_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _dev = dev(folder);
    let ok = |words: &str| {
        let done = run(folder, words, ALL);
        assert!(done.status.success(), "{words}: {}", text(&done.stderr));
        text(&done.stdout)
    };
    let fails = |words: &str, code: i32, needle: &str| {
        let done = run(folder, words, "{");
        let said = text(&done.stderr) + &text(&done.stdout);
        assert_eq!(done.status.code(), Some(code), "{words}: {said}");
        assert!(said.contains(needle), "{words}: {said}");
    };

    let json: Value =
        serde_json::from_str(&ok("user create ada --path /eng/ --tag team=blue -o json")).unwrap();
    assert_eq!(json.pointer("/user/arn").unwrap(), "arn:aws:iam::000000000001:user/eng/ada");
    assert_eq!(json.pointer("/user/tags/0/value").unwrap(), "blue");
    fails("user create ada", 1, "already exists");
    fails("user create b@d/name", 1, "trying the same again will not help");
    fails("user get nobody", 1, "NO_SUCH_ENTITY");
    fails("user crate", 2, "create");
    fails("policy create bad -", 1, "line 1");

    ok("user create bob --dry-run");
    assert!(!ok("user list").contains("bob"), "a dry run changes nothing");
    for n in 0..3 {
        ok(&format!("group create team{n}"));
    }
    assert_eq!(ok("group list --max-items 2 -o json").matches("group_name").count(), 2);
    ok("group add-user team1 ada");
    assert!(ok("user groups ada").contains("team1"));

    let attached =
        run(folder, "user attach ada arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess --wait", "");
    assert!(attached.status.success());
    assert!(text(&attached.stderr).contains("n1 n2 n3 n4 n5"), "{}", text(&attached.stderr));
    let ada = "--principal arn:aws:iam::000000000001:user/eng/ada --at n5";
    assert!(ok(&format!("authorize s3:GetObject arn:aws:s3:::b/x {ada}")).starts_with("allowed"));
    fails(
        &format!("authorize s3:PutObject arn:aws:s3:::b/x {ada}"),
        2,
        "no identity-based policy allows",
    );
    fails(&format!("authorize s3:GetObject {ada} --consistency bounded:0ms"), 4, "TOO_STALE");
    assert!(ok("user attached ada -o yaml").contains("policy_name: AmazonS3ReadOnlyAccess"));

    let made: Value = serde_json::from_str(&ok("policy create mine - -o json")).unwrap();
    let arn = made.pointer("/policy/arn").unwrap().as_str().unwrap().to_owned();
    ok(&format!("policy add-version {arn} - --set-as-default"));
    assert!(ok(&format!("policy versions {arn}")).contains("v2"));
    ok(&format!("role create deploy --trust {}", write(folder).display()));
    ok(&format!("role attach deploy {arn}"));
    assert!(ok(&format!("policy entities {arn}")).contains("deploy"));
    fails(&format!("policy delete {arn}"), 1, "DELETE_CONFLICT");

    ok("cluster set-link eu-central-1 us-east-1 --delay 5ms --at n1");
    assert!(ok("cluster links --at n1").contains("0.005s"));
    ok("cluster clear-links --at n1");
    assert!(ok("cluster nodes").contains("ap-southeast-2"));
    assert!(ok("status").contains("eu-central-1"));
}

fn write(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("trust.json");
    let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000001:root"},"Action":"sts:AssumeRole"}}"#;
    std::fs::write(&path, trust).unwrap();
    path
}
