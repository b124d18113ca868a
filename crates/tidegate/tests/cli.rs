//! The binary as a person and a script meet it: outputs, errors and exit codes against one development cluster.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop where it stands"
)]

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
    fails("user create b@d/name", 1, "nothing was changed");
    fails("user create b@d/name --request-id mine", 1, "request id: mine");
    fails("user get nobody", 1, "NO_SUCH_ENTITY");
    fails("user get nobody", 1, "--consistency strong");
    fails("user get", 1, "the caller is no user");
    fails("user crate", 64, "create");
    fails("user list --consistency fresh", 64, "expected eventual, strong");
    fails("user list --wait", 64, "it changes nothing");
    fails("status --dry-run", 64, "takes no --dry-run");
    fails("status --at n9", 1, "n5 in ap-southeast-2");
    fails("policy create bad -", 1, "line 1");
    fails("policy create bad /nowhere.json", 1, "`/nowhere.json` can't be read");
    fails("user list --consistency at-least-as-fresh:abc", 1, "INVALID_TOKEN");

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

    the_cluster_shows_itself(&ok, &fails);

    changes_keep_their_names(&ok);
    credentials_go_into_profiles(folder, &ok, &fails);
    pipes_end_quietly(folder);
    a_session_keeps_one_token(folder);
}

fn the_cluster_shows_itself(ok: &dyn Fn(&str) -> String, fails: &dyn Fn(&str, i32, &str)) {
    links_are_set_where_they_start(ok, fails);
    assert!(ok("cluster nodes").contains("ap-southeast-2"));
    assert!(ok("status").contains("eu-central-1"));
    assert!(ok("whoami").contains("arn:aws:iam::000000000001:root"));
    propagation_is_what_its_model_says(ok, fails);
    the_doctor_says_what_is_wrong(ok);
}

fn links_are_set_where_they_start(ok: &dyn Fn(&str) -> String, fails: &dyn Fn(&str, i32, &str)) {
    fails("cluster set-link eu-central-1 us-east-1 --delay 5", 64, "no time");
    ok("cluster set-link eu-central-1 us-east-1 --delay 5ms");
    let links: Value = serde_json::from_str(&ok("cluster links -o json")).unwrap();
    let nodes: Vec<_> = links["links"].as_array().unwrap().iter().map(|l| &l["node"]).collect();
    assert_eq!(nodes, ["n1", "n2", "n3"], "every node of the region that sends");
    assert!(ok("cluster links --at n1").contains("5 ms"));
    ok("cluster clear-links");
    assert!(!ok("cluster links").contains("5 ms"));
}

fn propagation_is_what_its_model_says(
    ok: &dyn Fn(&str) -> String,
    fails: &dyn Fn(&str, i32, &str),
) {
    let token = |words: &str| {
        let made: Value = serde_json::from_str(&ok(&format!("{words} -o json"))).unwrap();
        made["metadata"]["token"].as_str().unwrap().to_owned()
    };
    fails("cluster set-propagation slow", 1, "worst-legal-order");
    fails("cluster freeze", 64, "say where");
    ok("cluster freeze --at ap-southeast-2");
    let first = token("user create frozen-1");
    let second = token("user create frozen-2");
    ok(&format!("cluster release {first} --at n5"));
    ok(&format!("wait {first} --scope nodes:n5"));
    fails(&format!("wait {second} --scope nodes:n5 --timeout 1s"), 3, "not yet at: n5");
    ok("user get frozen-1 --at n5");
    fails("user get frozen-2 --at n5", 1, "NO_SUCH_ENTITY");
    let held: Value = serde_json::from_str(&ok("cluster held --at n5 -o json")).unwrap();
    assert_eq!(held["changes"][0]["held"], true, "{held}");
    let health: Value = serde_json::from_str(&ok("cluster node --at n5 -o json")).unwrap();
    assert_eq!(health["propagation_frozen"], true);
    ok("cluster thaw");
    ok(&format!("wait {second}"));
    fails(&format!("cluster hold {second} --at n5"), 1, "decides here already");
    fails(&format!("cluster hold {second} --at n1"), 1, "hold the change at a node of another");
    ok("cluster set-propagation aws-like --seed 7");
    let third = token("user create slow");
    ok(&format!("cluster hold {third} --at n4"));
    ok(&format!("wait {third} --scope nodes:n5"));
    fails(&format!("wait {third} --scope nodes:n4 --timeout 3s"), 3, "not yet at: n4");
    ok(&format!("cluster release {third} --at n4"));
    ok(&format!("wait {third}"));
    ok("cluster set-propagation instant");
}

fn the_doctor_says_what_is_wrong(ok: &dyn Fn(&str) -> String) {
    let look = || -> Value { serde_json::from_str(&ok("doctor -o json")).unwrap() };
    let wrong = |report: &Value| -> Vec<String> {
        let findings = report["findings"].as_array().unwrap().iter();
        let wrong = findings.filter(|f| f["level"] != "ok");
        wrong.map(|f| format!("{} of {}", f["check"], f["about"]).replace('"', "")).collect()
    };
    assert!(ok("doctor --all").contains("certificate"));
    ok("cluster set-link eu-central-1 us-east-1 --delay 1ms");
    let shaped = wrong(&look());
    assert!(shaped.contains(&"links of n1".to_owned()), "{shaped:?}");
    ok("cluster clear-links");
    let report = look();
    assert!(!wrong(&report).iter().any(|w| w.contains("links")), "{report}");
    assert_ne!(report["health"], "bad");
}

fn changes_keep_their_names(ok: &dyn Fn(&str) -> String) {
    let made = |words: &str| -> Value { serde_json::from_str(&ok(words)).unwrap() };
    let create = "user create twice --request-id t1 -o json";
    assert_eq!(made(create)["user"]["user_id"], made(create)["user"]["user_id"], "one change");
    let token = made("user create last -o json")["metadata"]["token"].as_str().unwrap().to_owned();
    let end = made(&format!("wait {token} --scope quorum -o json"));
    assert_eq!(end["covered"], true);
    assert_eq!(end["missing"], serde_json::json!([]));
    let fresh = format!("user get last --at n5 --consistency at-least-as-fresh:{token}");
    assert!(ok(&fresh).starts_with("user name    last\n"), "the name comes first");
    ok("user put-policy last mine -");
    let policy = ok("user get-policy last mine --consistency strong");
    let on_its_own = |line: &str| line.trim_start().starts_with("\"Effect\": \"Allow\"");
    assert!(policy.lines().any(on_its_own), "{policy}");
}

fn credentials_go_into_profiles(
    folder: &Path,
    ok: &dyn Fn(&str) -> String,
    fails: &dyn Fn(&str, i32, &str),
) {
    let path = folder.join("shop.toml");
    let path = path.display();
    let create = format!("account create shop root@shop.example --save-profile {path}");
    let said = ok(&create);
    assert!(said.contains(&format!("in {path}")), "{said}");
    fails(&create, 64, "exists already");
    fails("user list --save-profile x.toml", 64, "gives no credentials");
    let written = std::fs::read_to_string(folder.join("shop.toml")).unwrap();
    let secret = written.lines().find(|l| l.starts_with("secret_access_key")).unwrap();
    assert!(!said.contains(secret.split('"').nth(1).unwrap()), "the secret is in the file alone");
    let shop = format!("--profile {path}");
    assert!(ok(&format!("whoami {shop}")).contains(":root"));
    ok(&format!("user create sam {shop}"));
    fails(&format!("account list {shop}"), 1, "ACCESS_DENIED");
    let trust = write(folder);
    ok(&format!("role create hand --trust {}", trust.display()));
    let session = folder.join("session.toml");
    let session = session.display();
    let assume = "role assume arn:aws:iam::000000000001:role/hand work";
    fails(assume, 1, "Roles may not be assumed by root accounts");
    let helper = folder.join("helper.toml");
    let helper = helper.display();
    ok("user create helper");
    ok(&format!("key create helper --save-profile {helper}"));
    ok("user attach helper arn:aws:iam::aws:policy/AdministratorAccess --wait");
    ok(&format!("{assume} --profile {helper} --save-profile {session}"));
    assert!(ok(&format!("whoami --profile {session}")).contains("assumed-role/hand/work"));
}

/// Who reads the first line only, as `head -1` does, ends the command without noise.
fn pipes_end_quietly(folder: &Path) {
    let mut child = tidegate()
        .args(["policy", "list", "--scope", "AWS"])
        .env("TIDEGATE_PROFILE", folder.join("profile.toml"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    assert!(first.starts_with("policy name"), "a pipe gets no frames: {first}");
    drop(out);
    let done = child.wait_with_output().unwrap();
    assert_eq!((done.status.code(), text(&done.stderr).as_str()), (Some(0), ""));
}

/// A node joins what a session has seen into one token.
fn a_session_keeps_one_token(folder: &Path) {
    use tidegate_proto::common::v1::{AtLeastAsFresh, consistency::Mode};
    #[derive(serde::Deserialize)]
    struct Endpoint {
        address: String,
    }
    #[derive(serde::Deserialize)]
    struct Profile {
        access_key_id: String,
        secret_access_key: String,
        ca: std::path::PathBuf,
        endpoints: Vec<Endpoint>,
    }
    let profile: Profile =
        toml::from_str(&std::fs::read_to_string(folder.join("profile.toml")).unwrap()).unwrap();
    let addresses: Vec<String> = profile.endpoints.iter().map(|e| e.address.clone()).collect();
    let ca = std::fs::read_to_string(profile.ca).unwrap();
    let credentials = tidegate_client::Credentials {
        access_key_id: profile.access_key_id,
        secret_access_key: profile.secret_access_key,
        session_token: None,
    };
    let held = |client: &tidegate_client::Client| match client.at_least_seen().mode.unwrap() {
        Mode::AtLeastAsFresh(AtLeastAsFresh { tokens }) => tokens,
        other => unreachable!("{other:?}"),
    };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let client = tidegate_client::Client::connect(&addresses, &ca, credentials).await.unwrap();
        for name in ["s1", "s2"] {
            let request = tidegate_proto::iam::v1::CreateUserRequest {
                user_name: name.to_owned(),
                ..Default::default()
            };
            client.send(&request).await.unwrap();
        }
        let later = held(&client);
        assert_eq!(later.len(), 1, "the later change of the same group covers the earlier one");
        let request = tidegate_proto::iam::v1::CreateAccountRequest {
            name: "session".to_owned(),
            email: "session@example.com".to_owned(),
            ..Default::default()
        };
        client.send(&request).await.unwrap();
        let two = held(&client);
        assert_eq!((two.len(), &two[..1]), (2, &later[..]), "the directory is a group of its own");
        client.send(&tidegate_proto::sts::v1::GetCallerIdentityRequest {}).await.unwrap();
        let joined = held(&client);
        assert_eq!(joined.len(), 1);
        assert!(!two.contains(&joined[0]));
    });
}

fn write(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("trust.json");
    let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000001:root"},"Action":"sts:AssumeRole"}}"#;
    std::fs::write(&path, trust).unwrap();
    path
}
