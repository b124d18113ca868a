//! The measured workload: its expected effects, and that a decision allocates nothing.

use std::{sync::Arc, time::Duration};

use serde_json::Value as Json;
use tidegate_policy::{
    Action, ComposedPolicies, Context, PolicyKind, PolicySet, Principal, Request, SessionContext,
    UnixMillis, authorize,
};

use crate::case::compile;

/// A user with temporary credentials.
fn ada(mfa: bool) -> Principal {
    let session = SessionContext::new(UnixMillis(1_767_225_600_000));
    let session = if mfa { session.with_mfa(Duration::from_secs(60)) } else { session };
    Principal::user("123456789012".parse().unwrap(), "/", "ada", "AIDAADA0000000000000")
        .with_session(session)
}

struct Workload {
    set: PolicySet,
    requests: Vec<(Principal, Action, String, Context, bool)>,
}

impl Workload {
    fn read(policies: &str, requests: &str) -> Self {
        let policies: Vec<Json> = serde_json::from_str(policies).unwrap();
        let requests: Vec<Json> = serde_json::from_str(requests).unwrap();
        let identity = policies.iter().map(|text| compile(text, PolicyKind::Identity)).collect();
        let text = |row: &Json, key: &str| row[key].as_str().unwrap().to_owned();
        let requests = requests.iter().map(|row| {
            let context = Context::default()
                .with("aws:RequestedRegion", text(row, "region"))
                .with("aws:SourceIp", text(row, "ip"));
            (
                ada(row["mfa"] == true),
                Action::parse(&text(row, "action")).unwrap(),
                text(row, "resource"),
                context,
                row["allow"] == true,
            )
        });
        Self { set: PolicySet { identity, ..PolicySet::default() }, requests: requests.collect() }
    }

    fn requests(&self) -> impl Iterator<Item = (Request<'_>, bool)> {
        self.requests.iter().map(|(principal, action, resource, context, allow)| {
            (Request::new(principal, action, resource, context), *allow)
        })
    }
}

macro_rules! workload {
    ($k:literal) => {
        Workload::read(
            include_str!(concat!("../../testdata/decision-workload/", $k, "/policies.json")),
            include_str!(concat!("../../testdata/decision-workload/", $k, "/requests.json")),
        )
    };
}

fn all() -> [Workload; 3] {
    [workload!("k1"), workload!("k10"), workload!("k50")]
}

#[test]
fn every_request_has_its_expected_effect() {
    for workload in all() {
        let composed = ComposedPolicies::new(workload.set.clone());
        assert_eq!(workload.requests().count(), 64);
        for (request, allow) in workload.requests() {
            assert_eq!(authorize(&workload.set, &request).is_allowed(), allow, "{request:?}");
            assert_eq!(composed.authorize(&request).is_allowed(), allow, "{request:?}");
        }
    }
}

#[test]
fn a_decision_allocates_nothing() {
    for workload in all() {
        let composed = ComposedPolicies::new(workload.set.clone());
        workload.set.prepare();
        let counted = allocation_counter::measure(|| {
            for (request, _) in workload.requests() {
                let _ = authorize(&workload.set, &request);
                let _ = composed.authorize(&request);
                let _ = composed.effect(&request);
            }
        });
        assert_eq!(counted.count_total, 0);
    }
}

#[test]
fn nor_does_one_with_variables_and_every_type_of_policy() {
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/*",
        "Condition":{"StringLike":{"aws:PrincipalArn":"arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}"},
                     "ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/${aws:username}"},
                     "StringEqualsIgnoreCase":{"aws:username":"ADA"}}}}"#;
    let policy = compile(&serde_json::from_str(text).unwrap(), PolicyKind::Identity);
    let by_account = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"*","Resource":"*"}}"#;
    let by_account = compile(&serde_json::from_str(by_account).unwrap(), PolicyKind::Resource);
    let full = |kind: PolicyKind| {
        let principal = if kind.names_principals() { r#""Principal":"*","# } else { "" };
        let text = format!(
            r#"{{"Statement":{{"Effect":"Allow",{principal}"Action":"*","Resource":"*"}}}}"#
        );
        compile(&serde_json::from_str(&text).unwrap(), kind)
    };
    let level = |kind| vec![full(kind)];
    let set = PolicySet {
        identity: vec![Arc::clone(&policy)],
        boundary: Some(Arc::clone(&policy)),
        session: Some(vec![policy]),
        // That which names an account waives nothing, so that every type has to allow.
        resource: Some(by_account),
        service_control: [PolicyKind::ServiceControl; 3].map(level).into(),
        resource_control: [PolicyKind::ResourceControl; 3].map(level).into(),
        endpoint: Some(full(PolicyKind::Resource)),
    };
    let composed = ComposedPolicies::new(set.clone());
    set.prepare();
    let principal =
        Principal::user("123456789012".parse().unwrap(), "/", "ada", "AIDAADA0000000000000");
    let (action, context) = (Action::parse("s3:GetObject").unwrap(), Context::default());
    let request = Request::new(&principal, &action, "arn:aws:s3:::b/ada/k", &context);
    let mut by = 0;
    let counted = allocation_counter::measure(|| {
        by = authorize(&set, &request)
            .statements
            .len()
            .min(composed.authorize(&request).statements.len());
    });
    assert_eq!(by, 7, "a statement of each type of policy");
    assert_eq!(counted.count_total, 0);
}
