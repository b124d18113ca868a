//! The shape of `crates/policy/testdata/decision-workload/generate.py`, word for word.

use super::Draft;
use crate::policy::{Effect, Policy, Statement};

pub(super) fn policy(t: &str) -> Policy {
    let allow = |number, actions: &[&str], resources: &[String]| {
        Statement::new(number, Effect::Allow, actions, resources.to_vec())
    };
    let deny = |number, actions: &[&str], resources: &[String]| {
        Statement::new(number, Effect::Deny, actions, resources.to_vec())
    };
    Policy::new(vec![
        allow(1, &["GetObject", "GetObjectVersion", "PutObject"], &[format!("{t}-data/*")])
            .in_regions(&["us-east-1", "eu-west-1"]),
        allow(2, &["Get*", "List*"], &[format!("{t}-pub"), format!("{t}-pub/*")])
            .on_networks(&["10.0.0.0/8", "192.168.0.0/16"]),
        allow(3, &["GetObject", "Put*"], &[format!("{t}-work/*/tmp/*")])
            .with_mfa(true)
            .in_regions(&["us-east-1"]),
        allow(4, &["DeleteObject", "DeleteObjectVersion"], &[format!("{t}-data/trash/*")])
            .with_mfa(true)
            .on_networks(&["10.0.0.0/8"]),
        allow(5, &["PutBucket*", "GetBucket*"], &[format!("{t}-*")]).in_regions(&["us-east-1"]),
        allow(6, &["ListBucket", "ListBucketVersions"], &[format!("{t}-data")])
            .on_networks(&["10.0.0.0/8", "172.16.0.0/12"]),
        deny(7, &["Delete*"], &[format!("{t}-*/protected/*")]).with_mfa(false),
        deny(8, &["*"], &[format!("{t}-data/restricted/*")])
            .on_networks(&["203.0.113.0/24"])
            .in_regions(&["us-east-1", "us-west-2"]),
    ])
}

pub(super) fn question(draft: &mut Draft, kind: usize, t: &str) {
    let o = draft.number.clone();
    let report = format!("{t}-data/reports/2026/{o}.csv");
    match kind {
        0 => _ = draft.ask("s3:GetObject", &report),
        1 => _ = draft.ask("s3:ListBucket", &format!("{t}-pub")),
        2 => _ = draft.ask("s3:PutObject", &format!("{t}-work/u{o}/tmp/f{o}")).mfa(),
        3 => _ = draft.ask("s3:DeleteObject", &format!("{t}-data/trash/{o}")).mfa(),
        4 => draft.ask("s3:GetObject", &report).region("ap-south-1").at("172.16.3.4").denied(),
        5 => {
            draft.ask("s3:GetObject", &format!("other-bucket-{o}/some/key/{o}")).denied();
        }
        6 => {
            let restricted = format!("{t}-data/restricted/{o}");
            draft.ask("s3:GetObject", &restricted).at("203.0.113.7").denied();
        }
        _ => {
            draft.ask("s3:DeleteObject", &format!("{t}-data/trash/protected/{o}")).denied();
        }
    }
}
