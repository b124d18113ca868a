//! Reading, running and reporting cases.

use std::collections::BTreeMap;

use super::*;

/// A loader of files by name.
fn library(files: &[(&str, &str)]) -> impl Fn(&str) -> Result<String, String> {
    let files: BTreeMap<String, String> =
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    move |name| files.get(name).cloned().ok_or_else(|| format!("`{name}` is not here"))
}

fn run_one(text: &str) -> CaseResult {
    run("f.yaml", text, &library(&[])).unwrap().results.remove(0)
}

fn refused(text: &str) -> String {
    run("f.yaml", text, &library(&[])).unwrap_err().to_string()
}

/// What went wrong in the first case: each mismatch without its explanation.
fn mismatches(text: &str) -> Vec<String> {
    let Verdict::Failed { mismatches } = run_one(text).verdict else { return Vec::new() };
    let words = |m: &Mismatch| format!("{} | {} | {}", m.about, m.expected, m.actual);
    mismatches.iter().map(words).collect()
}

const ADA: &str = "principal: arn:aws:iam::111122223333:user/ada";

/// A file with one case of these lines.
fn one(lines: &str) -> String {
    let lines: Vec<&str> = lines.lines().map(str::trim).collect();
    format!("cases:\n  - name: it\n    {ADA}\n    {}\n", lines.join("\n    "))
}

#[test]
fn a_field_that_there_is_not_is_named_with_file_line_and_case() {
    let in_case =
        refused("cases:\n  - name: first\n    expect: allowed\n  - name: second\n    acton: a:b\n");
    assert!(
        in_case
            .starts_with("f.yaml:5: case `second`: unknown field `acton`, expected one of `name`"),
        "{in_case}"
    );
    let in_principal = refused(
        "cases:\n  - name: first\n    principal:\n      arn: anonymous\n      tag: {}\n    expect: allowed\n",
    );
    assert!(
        in_principal.starts_with("f.yaml:5: case `first`: unknown field `tag`"),
        "{in_principal}"
    );
    let in_error = refused("cases:\n  - name: first\n    error: {lin: 1}\n");
    assert!(in_error.starts_with("f.yaml:3: case `first`: unknown field `lin`"), "{in_error}");
    let in_file = refused("polices: {}\ncases: []\n");
    assert!(in_file.starts_with("f.yaml:1: unknown field `polices`"), "{in_file}");
    let in_defaults = refused("defaults:\n  acton: a:b\ncases: []\n");
    assert!(in_defaults.starts_with("f.yaml:2: defaults: unknown field `acton`"), "{in_defaults}");
    let without_name = refused("cases:\n  - {expect: allowed, nmae: x}\n");
    assert!(without_name.starts_with("f.yaml:2: case `1`: unknown field `nmae`"), "{without_name}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (text, expected) in [
        ("cases:\n  - expect: allowed\n", "f.yaml: case 1 has no name"),
        ("cases:\n  - name: a\n", "f.yaml:2: case `a`: it says not what to `expect`"),
        (
            "cases:\n  - {name: a, expect: allowed}\n  - {name: a, expect: allowed}\n",
            "f.yaml:2: case `a`: another case has this name",
        ),
        ("defaults: {name: a}\ncases: []\n", "f.yaml: `defaults` can't have a `name`"),
        ("cases:\n  - {name: a, expect: maybe}\n", "f.yaml:2: case `a`: unknown variant `maybe`"),
        (
            "cases:\n  - {name: a, expect: allowed, document: {}}\n",
            "f.yaml:2: case `a`: a `document` is `malformed` or `wellFormed`",
        ),
        (
            "cases:\n  - {name: a, expect: malformed}\n",
            "f.yaml:2: case `a`: only a `document` is `malformed` or `wellFormed`",
        ),
        (
            "cases:\n  - {name: a, expect: allowed, finds: X}\n",
            "f.yaml:2: case `a`: `error`, `finds` and `does_not_find` are about a `document`",
        ),
        (
            "cases:\n  - {name: a, expect: wellFormed, document: {}, error: {line: 1}}\n",
            "f.yaml:2: case `a`: a document with an `error` is `malformed`",
        ),
        (
            "cases:\n  - {name: a, expect: malformed, document: {}, finds: X}\n",
            "f.yaml:2: case `a`: there are no findings on a document that is `malformed`",
        ),
        ("policies: {a: {}, a: {}}\ncases: []\n", "f.yaml:1: policies: `a` stands here twice"),
        ("cases: [", "f.yaml:2:"),
    ] {
        let found = refused(text);
        assert!(found.starts_with(expected), "{text}\n{found}");
    }
}

#[test]
fn policies_are_found_wherever_they_are_written() {
    let text = r#"
fragments: [&read {Effect: Allow, Action: "s3:Get*", Resource: "*"}]
policies:
  as-yaml: {Statement: {<<: *read, Sid: Yaml}}
  as-json: '{"Statement": {"Sid": "Json", "Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}'
  as-file: {file: reads.json}
defaults: {principal: "arn:aws:iam::111122223333:user/ada", action: s3:GetObject, expect: allowed}
cases:
  - {name: a, identity: as-yaml, sids: Yaml}
  - {name: b, identity: as-json, sids: Json}
  - {name: c, identity: as-file, sids: File}
  - {name: d, identity: {file: reads.yaml}, sids: YamlFile}
  - {name: e, identity: {Statement: {<<: *read, Sid: Inline}}, sids: Inline}
  - {name: f, identity: "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess", action: s3:GetObject}
  - {name: g, groups: {readers: as-yaml, others: [as-json]}}
"#;
    let loader = library(&[
        (
            "reads.json",
            r#"{"Statement": {"Sid": "File", "Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}"#,
        ),
        (
            "reads.yaml",
            "Statement: {Sid: YamlFile, Effect: Allow, Action: 's3:Get*', Resource: '*'}",
        ),
    ]);
    let report = run("f.yaml", text, &loader).unwrap();
    let failed: Vec<String> = report.failed().map(ToString::to_string).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(report.results.len(), 7);
}

#[test]
fn a_policy_that_is_not_found_or_not_read_fails_its_case_only() {
    for (identity, expected) in [
        ("nobody", "no policy is called `nobody`"),
        ("{file: gone.json}", "`gone.json` is not here"),
        ("{file: [1]}", "`file` must be the name of a file"),
        (
            "arn:aws:iam::aws:policy/NoSuch",
            "AWS publishes no policy `arn:aws:iam::aws:policy/NoSuch`",
        ),
        ("12", "a policy is a name, a mapping, or JSON in a text"),
        ("{1: 2}", "a member of a policy must be named by a text"),
        (
            "{Statement: []}",
            "policy `identity-1` can't be read: line 1, column 15: expected at least one statement",
        ),
    ] {
        let found =
            mismatches(&one(&format!("identity: {identity}\naction: a:b\nexpect: implicitDeny")));
        let expected = format!("the case | implicitDeny | it can't be decided: {expected}");
        assert!(found.len() == 1 && found[0].starts_with(&expected), "{identity}: {found:?}");
    }
}

#[test]
fn what_a_case_lacks_fails_it() {
    for (lines, expected) in [
        ("expect: allowed", "the case has no `action`"),
        ("action: get\nexpect: allowed", "`get` is not an action"),
        ("action: []\nexpect: allowed", "a case asks 1 to 10000 requests, this one 0"),
        ("action: a:b\nresource_account: x\nexpect: allowed", "`x` is not an account id"),
        ("action: a:b\ncontext: home\nexpect: allowed", "no context is called `home`"),
        ("action: a:b\ncontext: 7\nexpect: allowed", "a context is a name or a mapping of keys"),
        ("action: a:b\ncontext: {k: {a: b}}\nexpect: allowed", "the value of `k` must be a text"),
        (
            "action: a:b\nresource_policy: {}\ntrust_policy: {}\nexpect: allowed",
            "a resource has either a `resource_policy` or a `trust_policy`",
        ),
    ] {
        let found = mismatches(&one(lines));
        assert!(found.len() == 1 && found[0].contains(expected), "{lines}: {found:?}");
    }
}

#[test]
fn every_action_is_asked_with_every_resource() {
    let text = one(
        "identity: {Statement: {Effect: Allow, Action: \"s3:Get*\", Resource: \"arn:aws:s3:::a\"}}\n\
                    action: [s3:GetA, s3:PutA]\nresource: [\"arn:aws:s3:::a\", \"arn:aws:s3:::b\"]\nexpect: allowed",
    );
    assert_eq!(
        mismatches(&text),
        [
            "s3:GetA on arn:aws:s3:::b | allowed | implicitDeny",
            "s3:PutA on arn:aws:s3:::a | allowed | implicitDeny",
            "s3:PutA on arn:aws:s3:::b | allowed | implicitDeny",
        ]
    );
}

#[test]
fn who_decided_and_through_what_is_compared_where_it_is_asked() {
    let case = |expected: &str| {
        mismatches(&one(&format!(
            "identity: {{Statement: {{Sid: All, Effect: Allow, Action: \"*\", Resource: \"*\"}}}}\n\
             boundary: {{Statement: {{Sid: Ec2, Effect: Allow, Action: \"ec2:*\", Resource: \"*\"}}}}\n{expected}"
        )))
    };
    assert!(case("action: s3:GetA\nexpect: implicitDeny\ndecided_by: boundary").is_empty());
    assert_eq!(
        case("action: s3:GetA\nexpect: implicitDeny\ndecided_by: identity"),
        [
            "s3:GetA on * | implicitDeny by identity-based policy | implicitDeny by permissions boundary"
        ]
    );
    assert!(case("action: ec2:A\nexpect: allowed\nsids: [Ec2, All]").is_empty());
    assert_eq!(
        case("action: ec2:A\nexpect: allowed\nsids: All"),
        ["ec2:A on * | allowed through [All] | allowed through [All, Ec2]"]
    );
    assert_eq!(
        case("action: ec2:A\nexpect: allowed\ndecided_by: identity"),
        ["ec2:A on * | allowed by identity-based policy | allowed by nothing"]
    );
}

#[test]
fn a_known_failure_is_told_apart_and_must_fail() {
    let result = run_one(&one("action: a:b\nexpect: allowed\nknown: not yet"));
    assert!(matches!(result.verdict, Verdict::Known { ref reason, .. } if reason == "not yet"));
    assert_eq!(
        mismatches(&one("action: a:b\nexpect: implicitDeny\nknown: not yet")),
        ["the case | to fail, as is known: not yet | it passed: take `known` out"]
    );
}

#[test]
fn the_place_and_words_of_an_error_are_compared() {
    let case = |expected: &str| {
        mismatches(&format!(
            "cases:\n  - name: it\n    document: |\n      {{\"Statement\":\n        {{\"Effect\": \"allow\"}}}}\n    {expected}\n"
        ))
    };
    assert!(case("expect: malformed").is_empty());
    assert!(
        case("expect: malformed\n    error: {line: 2, column: 14, text: found `allow`}").is_empty()
    );
    let actual = "line 2, column 14: expected `Allow` or `Deny`, found `allow`";
    for (error, expected) in [
        ("{line: 1}", "line 1, column any: ……"),
        ("{column: 1}", "line any, column 1: ……"),
        ("{text: Maybe}", "line any, column any: …Maybe…"),
    ] {
        assert_eq!(
            case(&format!("expect: malformed\n    error: {error}")),
            [format!("document `document` | {expected} | {actual}")]
        );
    }
    assert_eq!(
        case("expect: wellFormed"),
        [format!("document `document` | wellFormed | malformed: {actual}")]
    );
}

#[test]
fn a_document_is_read_as_its_kind_and_may_be_advised_on() {
    let case = |lines: &str| {
        mismatches(&format!(
            "cases:\n  - {{name: it, document: {{Statement: {{Effect: Allow, Principal: \"*\", Action: \"*\", Resource: \"*\"}}}}, {lines}}}\n"
        ))
    };
    assert!(case("kind: resource, expect: wellFormed, finds: [MISSING_VERSION]").is_empty());
    assert_eq!(
        case("kind: resource, expect: malformed"),
        ["document `document` | malformed | wellFormed"]
    );
    for kind in ["identity", "boundary", "session", "trust", "scp"] {
        assert!(case(&format!("kind: {kind}, expect: malformed")).is_empty(), "{kind}");
    }
    let found = case("kind: resource, expect: wellFormed, finds: NONE");
    assert!(found[0].starts_with("document `document` | [NONE] and none of [] | ["), "{found:?}");
    assert!(!case("kind: resource, expect: wellFormed, does_not_find: MISSING_VERSION").is_empty());
}

#[test]
fn defaults_are_for_cases_that_say_nothing_and_not_for_documents() {
    let text = format!(
        "defaults:\n  {ADA}\n  action: s3:GetA\n  expect: implicitDeny\n  known: never\n\
         cases:\n  - name: it\n  - name: read\n    document: {{}}\n    expect: malformed\n"
    );
    let report = run("f.yaml", &text, &library(&[])).unwrap();
    let verdicts: Vec<bool> =
        report.results.iter().map(|r| matches!(r.verdict, Verdict::Failed { .. })).collect();
    assert_eq!(verdicts, [true, true], "both pass, though `known` says that they fail");
}

#[test]
fn later_contexts_go_before_earlier_ones_and_the_session_before_all() {
    let text = "contexts:\n  base: {k: one, l: [a, b]}\ncases:\n  - name: it\n    principal:\n      arn: arn:aws:iam::111122223333:user/ada\n      session: {aws:SourceIdentity: ada}\n    context: [base, {K: two, aws:SourceIdentity: mallory}]\n    action: a:b\n    expect: implicitDeny\n";
    let file = CaseFile::read("f.yaml", text).unwrap();
    let loader = library(&[]);
    let (name, situation) = file.situations(&loader).next().unwrap();
    let situation = situation.unwrap();
    let values = |key: &str| situation.context.get(key).map(|v| v.as_slice().to_vec());
    assert_eq!(name, "it");
    assert_eq!(values("k"), Some(vec!["two".to_owned()]));
    assert_eq!(values("l"), Some(vec!["a".to_owned(), "b".to_owned()]));
    let session = situation.principal.session.unwrap();
    assert_eq!(
        session.get("aws:sourceidentity").map(crate::Value::as_slice),
        Some(&["ada".to_owned()][..])
    );
    let wrong = text.replace("session: {aws:SourceIdentity: ada}", "session: {s3:prefix: x}");
    let expected = "no session has a key `s3:prefix`: it belongs to the context";
    assert!(mismatches(&wrong)[0].contains(expected), "{:?}", mismatches(&wrong));
}

#[test]
fn callers_are_made_from_their_names() {
    for (spec, arn, principal_arn, user_id) in [
        (
            "{arn: 'arn:aws:iam::111122223333:root'}",
            "arn:aws:iam::111122223333:root",
            "arn:aws:iam::111122223333:root",
            "111122223333",
        ),
        (
            "{arn: 'arn:aws:iam::111122223333:user/t/ada', id: AIDA1}",
            "arn:aws:iam::111122223333:user/t/ada",
            "arn:aws:iam::111122223333:user/t/ada",
            "AIDA1",
        ),
        (
            "{arn: 'arn:aws:sts::111122223333:assumed-role/r/s'}",
            "arn:aws:sts::111122223333:assumed-role/r/s",
            "arn:aws:iam::111122223333:role/r",
            "AROA1234567890EXAMPLE:s",
        ),
        (
            "{arn: 'arn:aws:sts::111122223333:assumed-role/r/s', role: 'arn:aws:iam::111122223333:role/p/r'}",
            "arn:aws:sts::111122223333:assumed-role/r/s",
            "arn:aws:iam::111122223333:role/p/r",
            "AROA1234567890EXAMPLE:s",
        ),
        ("{arn: ec2.amazonaws.com}", "ec2.amazonaws.com", "ec2.amazonaws.com", "ec2.amazonaws.com"),
        ("{arn: anonymous}", "*", "*", "anonymous"),
        (
            "{provider: accounts.google.com}",
            "accounts.google.com",
            "accounts.google.com",
            "accounts.google.com",
        ),
    ] {
        let spec: PrincipalSpec = serde_yaml_ng::from_str(spec).unwrap();
        let principal = spec.principal().unwrap();
        assert_eq!(
            (&*principal.arn, &*principal.principal_arn, &*principal.user_id),
            (arn, principal_arn, user_id)
        );
    }
    let guest = "{arn: 'arn:aws:sts::111122223333:federated-user/g', user: 'arn:aws:iam::111122223333:user/p/ada'}";
    let spec: PrincipalSpec = serde_yaml_ng::from_str(guest).unwrap();
    assert_eq!(&*spec.principal().unwrap().entity_arn, "arn:aws:iam::111122223333:user/p/ada");
}

#[test]
fn who_can_ask_nothing_is_refused() {
    for spec in [
        "{}",
        "{arn: a, provider: b}",
        "{arn: ada}",
        "{arn: 'user/ada'}",
        "{arn: 'arn:aws:iam::111122223333:role/r'}",
        "{arn: 'arn:aws:iam::111122223333:group/g'}",
        "{arn: 'arn:aws:iam::111122223333:user/'}",
        "{arn: 'arn:aws:sts::111122223333:assumed-role/r'}",
        "{arn: 'arn:aws:sts::111122223333:assumed-role/r/'}",
        "{arn: 'arn:aws:sts::111122223333:assumed-role/p/r/s'}",
        "{arn: 'arn:aws:s3:::photos'}",
        "{arn: 'arn:aws:sts::111122223333:assumed-role/r/s', role: 'arn:aws:iam::111122223333:role/other'}",
        "{arn: 'arn:aws:sts::111122223333:federated-user/g', user: 'arn:aws:iam::444455556666:user/ada'}",
    ] {
        let read: PrincipalSpec = serde_yaml_ng::from_str(spec).unwrap();
        assert!(read.principal().is_err(), "{spec}");
    }
}

#[test]
fn yaml_becomes_the_json_that_it_stands_for() {
    let yaml = "Version: 2012-10-17\nStatement: {Sid: \"a\\\"b\\\\c\\n\\t\\u0007é\", n: [1, 1.5, true, null]}";
    let json = policy_text(yaml).unwrap();
    assert_eq!(
        json,
        "{\"Version\": \"2012-10-17\", \"Statement\": {\"Sid\": \"a\\\"b\\\\c\\n\\t\\u0007é\", \"n\": [1, 1.5, true, null]}}"
    );
    let read: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(read["Statement"]["Sid"], "a\"b\\c\n\t\u{7}é");
    assert_eq!(
        policy_text(" {not json").unwrap(),
        " {not json",
        "what looks like JSON is left to the parser"
    );
    assert!(policy_text("just a text").is_err());
    assert!(policy_text("a: !tag {b: c}").is_err());
}

#[test]
fn a_failure_says_what_was_expected_what_came_and_why() {
    let text = format!(
        "source: The Page\ncases:\n  - name: it\n    {ADA}\n    identity: {{Statement: {{Sid: Gets, Effect: Allow, Action: \"s3:Get*\", Resource: \"arn:aws:s3:::b\"}}}}\n    action: s3:GetA\n    resource: arn:aws:s3:::a\n    expect: allowed\n"
    );
    assert_eq!(
        run_one(&text).to_string(),
        "FAILED: it (line 3; The Page)
  s3:GetA on arn:aws:s3:::a
    expected: allowed
    actual:   implicitDeny
      User: arn:aws:iam::111122223333:user/ada is not authorized to perform: s3:GetA on resource: arn:aws:s3:::a because no identity-based policy allows the s3:GetA action
      Why: `Gets` of user/ada/identity-1 (line 1, column 15) would allow it, but its Resource does not match:
             policy:  Resource `arn:aws:s3:::b`
             request: `arn:aws:s3:::a`
      What would allow it (tried: it does):
        - in user/ada/identity-1, add this statement:
            {
              \"Effect\": \"Allow\",
              \"Action\": \"s3:GetA\",
              \"Resource\": \"arn:aws:s3:::a\"
            }
      All seven checks:
        NO  identity-based policy: does not allow
              `Gets` of user/ada/identity-1 (line 1, column 15) would allow, but: see above
        --  none: resource control policy, service control policy, VPC endpoint policy, resource-based policy, permissions boundary, session policy
"
    );
}

#[test]
fn junit_is_well_formed_whatever_stands_in_a_name() {
    let result = |name: &str, verdict| CaseResult {
        name: name.to_owned(),
        line: 0,
        source: None,
        covers: Vec::new(),
        verdict,
    };
    let mismatch = Mismatch {
        about: "a & b".to_owned(),
        expected: "<allowed>".to_owned(),
        actual: "de\u{1b}nied\n".to_owned(),
        explanation: String::new(),
    };
    let report = Report {
        file: "team/photos.yaml".to_owned(),
        results: vec![
            result("it's \"so\"", Verdict::Passed),
            result("<&>", Verdict::Failed { mismatches: vec![mismatch] }),
            result(
                "later",
                Verdict::Known { reason: "not yet".to_owned(), mismatches: Vec::new() },
            ),
        ],
    };
    assert_eq!(
        junit(&[report]),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites tests=\"3\" failures=\"1\">
  <testsuite name=\"team/photos.yaml\" tests=\"3\" failures=\"1\" skipped=\"1\">
    <testcase classname=\"team.photos\" name=\"it&apos;s &quot;so&quot;\"/>
    <testcase classname=\"team.photos\" name=\"&lt;&amp;&gt;\">
      <failure message=\"a &amp; b: expected &lt;allowed&gt;, actual de\u{fffd}nied&#10;\">FAILED: &lt;&amp;&gt;&#10;  a &amp; b&#10;    expected: &lt;allowed&gt;&#10;    actual:   de\u{fffd}nied&#10;  &#10;</failure>
    </testcase>
    <testcase classname=\"team.photos\" name=\"later\">
      <skipped message=\"not yet\"/>
    </testcase>
  </testsuite>
</testsuites>
"
    );
}
