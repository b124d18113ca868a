//! That nothing of the reference is lost, and that names, types and ARNs are found.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::*;

/// Lines of a kind in the packed text.
fn lines(kind: &str) -> usize {
    TEXT.lines().filter(|line| line.split('\t').next() == Some(kind)).count()
}

#[test]
fn every_line_of_the_reference_is_read() {
    let count = |of: fn(&Service) -> usize| services().iter().map(of).sum::<usize>();
    assert_eq!((lines("S"), services().len()), (446, 446));
    assert_eq!((lines("A"), count(|s| s.actions().len())), (20_487, 20_487));
    assert_eq!((lines("R"), count(|s| s.resource_types().len())), (2172, 2172));
    assert_eq!((lines("K"), count(|s| s.condition_keys().len())), (2347, 2347));
    let all = ["S", "A", "R", "K"].map(lines).iter().sum::<usize>();
    assert_eq!(TEXT.lines().count(), all, "no line of another kind");
}

#[test]
fn everything_is_ordered_and_found_by_name() {
    assert!(services().is_sorted_by(|a, b| a.prefix < b.prefix));
    for service in services() {
        assert_eq!(service.prefix, service.prefix.to_ascii_lowercase());
        for action in service.actions() {
            let found = super::action(&action.to_string().to_ascii_uppercase());
            assert_eq!(found, Some(action), "{action}");
            for resource in &action.resource_types {
                assert!(
                    service.resource_type(resource.name).is_some(),
                    "{action} {}",
                    resource.name
                );
            }
        }
        for key in service.condition_keys() {
            assert!(
                condition_key(&key.name.replace("${", "").replace('}', "")).is_some(),
                "{}",
                key.name
            );
        }
    }
    assert!(action("s3:GetNothing").is_none() && action("s3").is_none());
    assert!(service("nobody").is_none());
}

/// Rust sources below a folder.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn the_actions_that_nodes_check_are_listed() {
    let mut texts = Vec::new();
    for folder in ["../model/src", "../node/src", "../service/src"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut texts);
    }
    let checked: BTreeSet<&str> = texts
        .iter()
        .flat_map(|text| text.split("\"tidegate:").skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let listed: BTreeSet<&str> =
        service("tidegate").unwrap().actions().iter().map(|action| action.name).collect();
    assert_eq!(checked, listed);
}

#[test]
fn an_action_is_described() {
    let get = action("S3:getobject").unwrap();
    assert_eq!((get.to_string().as_str(), get.access_level), ("s3:GetObject", AccessLevel::Read));
    let object = get.resource_types.iter().find(|r| r.name == "object").unwrap();
    assert!(!object.required && !get.needs_resource());
    assert!(get.works_on(service("s3").unwrap().resource_type("object").unwrap()));
    assert!(!get.works_on(service("s3").unwrap().resource_type("bucket").unwrap()));
    assert!(action("iam:PassRole").unwrap().needs_resource());
    assert!(!action("s3:ListAllMyBuckets").unwrap().needs_resource());
    let level = |text| action(text).unwrap().access_level.to_string();
    assert_eq!(level("iam:AttachRolePolicy"), "permissions management");
    assert_eq!(level("iam:TagRole"), "tagging");
    assert_eq!(level("iam:ListRoles"), "list");
    assert_eq!(level("sqs:SendMessage"), "write");
    let dependent = &action("ec2:RunInstances").unwrap().dependent_actions;
    assert!(dependent.contains(&"iam:PassRole"), "{dependent:?}");
    assert!(
        action("iam:PassRole")
            .unwrap()
            .condition_keys
            .iter()
            .chain(
                action("iam:PassRole")
                    .unwrap()
                    .resource_types
                    .iter()
                    .flat_map(|r| &r.condition_keys)
            )
            .any(|key| *key == "iam:PassedToService")
    );
}

#[test]
fn patterns_are_expanded_as_the_engine_matches_them() {
    let count = |pattern: &str| expand(pattern).len();
    assert_eq!(count("*"), 20_487);
    assert_eq!(count("sts:assumerole"), 1);
    assert_eq!(count("sts:AssumeRole?"), 0);
    assert_eq!(count("nobody:*"), 0);
    assert_eq!(count("s3:*"), service("s3").unwrap().actions().len());
    assert!(count("*:Tag*") > 100 && count("s?s:*") > count("sqs:*"));
    // By the wildcards of the engine itself, name by name.
    for pattern in ["s3:Get*", "iam:*Role*", "*:List?ags*", "*Get*"] {
        let wanted: Vec<String> = services()
            .iter()
            .flat_map(Service::actions)
            .map(ToString::to_string)
            .filter(|a| wildcard_matches(&pattern.to_ascii_lowercase(), &a.to_ascii_lowercase()))
            .collect();
        let found: Vec<String> = expand(pattern).iter().map(ToString::to_string).collect();
        assert_eq!(found, wanted, "{pattern}");
        assert!(!found.is_empty(), "{pattern}");
    }
}

#[test]
fn keys_have_types() {
    use ValueType::{Arn, Bool, Date, IpAddress, Numeric, String};
    for (key, value_type, multivalued) in [
        ("aws:SourceIp", IpAddress, false),
        ("AWS:currenttime", Date, false),
        ("aws:TagKeys", String, true),
        ("aws:CalledVia", String, true),
        ("aws:CalledViaFirst", String, false),
        ("aws:ResourceTag/Cost Center", String, false),
        ("iam:ResourceTag/a/b", String, false),
        ("iam:PermissionsBoundary", Arn, false),
        ("s3:max-keys", Numeric, false),
        ("s3:prefix", String, false),
        ("s3:ExistingObjectTag/team", String, false),
        ("secretsmanager:ResourceTag/team", String, false),
        ("kms:EncryptionContext:AppName", String, false),
        ("codebuild:secondarySources/main.auth.type", String, false),
        ("sts:ExternalId", String, false),
        ("sts:TransitiveTagKeys", String, true),
        ("ec2:IsLaunchTemplateResource", Bool, false),
    ] {
        let found = condition_key(key).unwrap_or_else(|| panic!("{key}"));
        assert_eq!((found.value_type, found.multivalued), (value_type, multivalued), "{key}");
    }
    for key in
        ["aws:NoSuchKey", "aws:ResourceTag", "aws:ResourceTag/", "s3:nothing", "", "s3:", "s3"]
    {
        assert_eq!(condition_key(key), None, "{key}");
    }
}

#[test]
fn prefixes_of_keys_are_known() {
    for (prefix, known) in
        [("aws", true), ("S3", true), ("saml", true), ("dms", true), ("s", false), ("", false)]
    {
        assert_eq!(is_key_prefix(prefix), known, "{prefix}");
    }
}

#[test]
fn services_agree_on_the_type_of_a_key() {
    let mut types: BTreeMap<String, BTreeSet<(ValueType, bool)>> = BTreeMap::new();
    for key in services().iter().flat_map(Service::condition_keys) {
        let name = key.name.to_ascii_lowercase();
        types.entry(name).or_default().insert((key.value_type, key.multivalued));
    }
    let disputed: Vec<String> =
        types.into_iter().filter(|(_, types)| types.len() > 1).map(|(name, _)| name).collect();
    // Decided by the table of global keys.
    assert_eq!(disputed, ["identitystore:userid"]);
    assert!(!condition_key("identitystore:UserId").unwrap().multivalued);
}

#[test]
fn global_keys_are_listed_once_and_agree_with_the_services() {
    let names: BTreeSet<_> =
        global_keys().iter().map(|g| g.key.name.to_ascii_lowercase()).collect();
    assert_eq!(names.len(), global_keys().len());
    assert_eq!(global_key("aws:SecureTransport").unwrap().presence, Presence::Always);
    assert_eq!(global_key("aws:MultiFactorAuthPresent").unwrap().presence, Presence::Sometimes);
    for key in
        services().iter().flat_map(Service::condition_keys).filter(|k| k.name.starts_with("aws:"))
    {
        let global = global_keys().iter().find(|g| g.key.name.eq_ignore_ascii_case(key.name));
        let global = global.unwrap_or_else(|| panic!("{} is not in the table", key.name)).key;
        assert_eq!(
            (global.value_type, global.multivalued),
            (key.value_type, key.multivalued),
            "{}",
            key.name
        );
    }
}

#[test]
fn arns_have_resource_types() {
    for (arn, expected) in [
        ("arn:aws:s3:::photos", &["s3:bucket"][..]),
        ("arn:aws:iam::123456789012:role/team/a", &["iam:role"]),
        ("arn:aws:iam::*:role/${aws:username}", &["iam:role"]),
        ("arn:aws:iam::123456789012:rule/a", &[]),
        ("arn:aws:iam:eu-west-1:123456789012:role/a", &[]),
        ("arn:aws:sqs:eu-west-1:123456789012:queue", &["sqs:queue"]),
        ("arn:aws:sqs::123456789012:queue", &[]),
        ("arn:*:sqs:*:*:?ueue", &["sqs:queue"]),
    ] {
        let found: Vec<String> =
            resource_types_of(arn).iter().map(|t| format!("{}:{}", t.service, t.name)).collect();
        // Some services list resources of others as what they work on.
        let own: Vec<&String> =
            found.iter().filter(|t| arn.contains(t.split(':').next().unwrap())).collect();
        assert_eq!(own, expected, "{arn}");
    }
    assert!(resource_types_of("arn:aws:s3*").iter().any(|t| t.name == "bucket"));
    let bucket = service("s3").unwrap().resource_type("bucket").unwrap();
    assert!(bucket.can_be("arn:aws:s3:::*") && !bucket.can_be("arn:aws:s3:::a/b"));
    assert_eq!((bucket.arn_service(), bucket.arn), ("s3", "arn:${Partition}:s3:::${BucketName}"));
}

/// All texts of some letters up to a length.
fn texts(letters: &[char], length: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..length {
        last = last.iter().flat_map(|t| letters.iter().map(move |c| format!("{t}{c}"))).collect();
        all.extend(last.iter().cloned());
    }
    all
}

/// Two patterns overlap just where some text matches both. A text that two patterns of three places share can be cut down to six.
#[test]
fn theorem_patterns_overlap_where_some_text_matches_both() {
    let texts_of_two = texts(&['a', 'b'], 6);
    let patterns: Vec<(ArnPattern, String, Vec<bool>)> = texts(&['a', 'b', '*', '?'], 3)
        .into_iter()
        .map(|p| {
            let matching = texts_of_two.iter().map(|t| wildcard_matches(&p, t)).collect();
            (ArnPattern::of_policy(&p), p, matching)
        })
        .collect();
    for (one, one_text, one_matches) in &patterns {
        for (two, two_text, two_matches) in &patterns {
            let both = one_matches.iter().zip(two_matches).any(|(a, b)| *a && *b);
            assert_eq!(one.overlaps(two), both, "`{one_text}` and `{two_text}`");
        }
    }
}
