//! What is left out, and what stays.

use std::sync::Arc;

use super::*;
use crate::{Arn, CompiledPolicy, PolicyDocument, PolicyKind};

fn policy(source: PolicySource) -> Arc<CompiledPolicy> {
    let text = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    let document = PolicyDocument::parse(text, PolicyKind::Identity).unwrap();
    Arc::new(CompiledPolicy::compile(source, &document))
}

fn arn(text: &str) -> Arn {
    Arn::parse(text).unwrap()
}

const AWS: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const OWN: &str = "arn:aws:iam::123456789012:policy/own";

fn set() -> PolicySet {
    let name = || "p".into();
    let scp = |id: &str| policy(PolicySource::ServiceControl(id.into()));
    PolicySet {
        identity: vec![
            policy(PolicySource::Managed(arn(AWS))),
            policy(PolicySource::Managed(arn(OWN))),
            policy(PolicySource::UserInline { user: "ada".into(), name: name() }),
            policy(PolicySource::GroupInline { group: "ada".into(), name: name() }),
        ],
        boundary: Some(policy(PolicySource::Boundary(arn(OWN)))),
        service_control: vec![vec![scp("p-full"), scp("p-some")], vec![scp("p-last")]],
        resource_control: vec![vec![policy(PolicySource::ResourceControl("p-rcp".into()))]],
        ..PolicySet::default()
    }
}

/// What is left, by its printed source.
fn left(item: &PolicyExclusion) -> Vec<String> {
    let mut set = set();
    apply(&mut set, std::slice::from_ref(item)).unwrap();
    let all = set.identity.iter().chain(&set.boundary);
    let all = all.chain(set.service_control.iter().flatten());
    all.chain(set.resource_control.iter().flatten()).map(|p| p.source().to_string()).collect()
}

fn check(item: &PolicyExclusion, gone: &[usize]) {
    let all = [
        AWS,
        OWN,
        "user/ada/p",
        "group/ada/p",
        OWN,
        "service-control/p-full",
        "service-control/p-some",
        "service-control/p-last",
        "resource-control/p-rcp",
    ];
    let kept = all.iter().enumerate().filter(|(n, _)| !gone.contains(n));
    let kept: Vec<_> = kept.map(|(_, name)| (*name).to_owned()).collect();
    assert_eq!(left(item), kept, "{item:?}");
}

fn of_type(text: &str) -> PolicyExclusion {
    PolicyExclusion { policy_type: Some(text.to_owned()), ..PolicyExclusion::default() }
}

fn of_arn(text: &str) -> PolicyExclusion {
    PolicyExclusion { policy_arn: Some(text.to_owned()), ..PolicyExclusion::default() }
}

fn one(kind: &str, owner: &str, name: &str) -> PolicyExclusion {
    let one = InlinePolicyIdentifier {
        policy_name: name.to_owned(),
        attachment_type: kind.to_owned(),
        attachment_name: owner.to_owned(),
    };
    PolicyExclusion { inline_policy_identifier: Some(one), ..PolicyExclusion::default() }
}

#[test]
fn whole_types_and_single_policies_are_left_out() {
    check(&of_type("aws-managed"), &[0]);
    check(&of_type("user-managed"), &[1]);
    check(&of_type("inline"), &[2, 3]);
    check(&of_type("permission-boundary"), &[4]);
    check(&of_type("scp"), &[5, 6, 7]);
    check(&of_type("rcp"), &[8]);
    check(&of_arn(AWS), &[0]);
    check(&of_arn(OWN), &[1, 4]);
    check(&of_arn("p-some"), &[6]);
    check(&of_arn("p-nobody"), &[]);
    check(&one("user", "ada", "p"), &[2]);
    check(&one("group", "ada", "p"), &[3]);
    check(&one("role", "ada", "p"), &[]);
    check(&one("user", "ada", "q"), &[]);
}

#[test]
fn a_level_of_which_nothing_is_left_has_no_say() {
    let mut set = set();
    apply(&mut set, &[of_arn("p-last")]).unwrap();
    assert_eq!(set.service_control.len(), 1);
}

#[test]
fn an_exclusion_names_just_one_thing() {
    let both = PolicyExclusion { policy_arn: Some(AWS.to_owned()), ..of_type("inline") };
    for wrong in [PolicyExclusion::default(), both, of_type("managed"), one("team", "ada", "p")] {
        let list = [of_type("scp"), wrong];
        assert_eq!(apply(&mut set(), &list), Err(SimulationError::Exclusion(2)));
    }
    let many = vec![of_type("scp"); 257];
    assert!(matches!(apply(&mut set(), &many), Err(SimulationError::TooMany { found: 257, .. })));
}
