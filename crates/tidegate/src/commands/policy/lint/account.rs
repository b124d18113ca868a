//! The policies of a whole account: the answer of AWS's `GetAccountAuthorizationDetails`, as the AWS CLI prints it.

use serde::Deserialize;
use serde_json::Value;
use tidegate_policy::{PolicyKind, backwards::percent_decoded};

/// A policy of an account.
#[derive(Debug)]
pub(super) struct Held {
    /// `user/ada/photos`, `role/deploy/trust`, or an ARN.
    pub(super) name: String,
    pub(super) kind: PolicyKind,
    pub(super) text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Account {
    user_detail_list: Vec<Entity>,
    group_detail_list: Vec<Entity>,
    role_detail_list: Vec<Entity>,
    policies: Vec<Managed>,
}

/// The members that an answer has, and a policy has not.
const LISTS: [&str; 4] = ["UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"];

/// A user, a group or a role with its inline policies.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entity {
    #[serde(alias = "UserName", alias = "GroupName", alias = "RoleName")]
    name: String,
    #[serde(
        alias = "UserPolicyList",
        alias = "GroupPolicyList",
        alias = "RolePolicyList",
        default
    )]
    inline: Vec<Inline>,
    assume_role_policy_document: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inline {
    policy_name: String,
    policy_document: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Managed {
    arn: String,
    #[serde(default)]
    policy_version_list: Vec<ManagedVersion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ManagedVersion {
    document: Option<Value>,
    #[serde(default)]
    is_default_version: bool,
}

/// Whether a text may be such an answer.
pub(super) fn is_one(text: &str) -> bool {
    LISTS.iter().any(|list| text.contains(&format!("\"{list}\"")))
}

/// Every inline policy, every managed policy in its default version, and every trust policy; `None` where the text is no such answer.
pub(super) fn policies(text: &str) -> Option<Result<Vec<Held>, String>> {
    if !is_one(text) {
        return None;
    }
    let value: Value = serde_json::from_str(text).ok()?;
    let members = value.as_object()?;
    if members.contains_key("Statement") || !LISTS.iter().any(|list| members.contains_key(*list)) {
        return None;
    }
    Some(serde_json::from_value(value).map(Account::held).map_err(|e| e.to_string()))
}

impl Account {
    fn held(self) -> Vec<Held> {
        let mut all = Vec::new();
        let owners = [
            ("user", self.user_detail_list),
            ("group", self.group_detail_list),
            ("role", self.role_detail_list),
        ];
        for (kind, entities) in owners {
            for entity in entities {
                for inline in entity.inline {
                    all.push(Held {
                        name: format!("{kind}/{}/{}", entity.name, inline.policy_name),
                        kind: PolicyKind::Identity,
                        text: document(inline.policy_document),
                    });
                }
                all.extend(entity.assume_role_policy_document.map(|trust| Held {
                    name: format!("{kind}/{}/trust", entity.name),
                    kind: PolicyKind::Trust,
                    text: document(trust),
                }));
            }
        }
        for managed in self.policies {
            let default = managed.policy_version_list.into_iter().find(|v| v.is_default_version);
            all.extend(default.and_then(|version| version.document).map(|text| Held {
                name: managed.arn,
                kind: PolicyKind::Identity,
                text: document(text),
            }));
        }
        all
    }
}

/// A document as it was written: a text, perhaps encoded for URLs as AWS's API answers it, or JSON in JSON as its CLI prints it.
fn document(value: Value) -> String {
    match value {
        Value::String(text) if text.trim_start().starts_with('{') => text,
        Value::String(text) => percent_decoded(&text).unwrap_or(text),
        other => format!("{other:#}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DETAILS: &str = r#"{
      "UserDetailList": [{"UserName": "ada", "Path": "/", "UserPolicyList": [
        {"PolicyName": "plain", "PolicyDocument": {"Statement": []}},
        {"PolicyName": "text", "PolicyDocument": "{\"Statement\": 1}"},
        {"PolicyName": "encoded", "PolicyDocument": "%7B%22Statement%22%3A%20%22%C3%A9%2B+%22%7D"},
        {"PolicyName": "broken", "PolicyDocument": "%7B%2"}]}, {"UserName": "bob"}],
      "GroupDetailList": [{"GroupName": "ops", "GroupPolicyList": [{"PolicyName": "g", "PolicyDocument": {}}]}],
      "RoleDetailList": [{"RoleName": "deploy", "AssumeRolePolicyDocument": {"Statement": 2}, "RolePolicyList": []}],
      "Policies": [{"Arn": "arn:aws:iam::123456789012:policy/p", "PolicyVersionList": [
        {"Document": {"old": 1}, "IsDefaultVersion": false}, {"Document": {"new": 1}, "IsDefaultVersion": true}]}],
      "IsTruncated": false}"#;

    #[test]
    fn every_policy_of_an_account_is_found() {
        let held = policies(DETAILS).unwrap().unwrap();
        let found: Vec<_> = held.iter().map(|h| (&*h.name, h.kind, &*h.text)).collect();
        let identity = PolicyKind::Identity;
        assert_eq!(
            found,
            [
                ("user/ada/plain", identity, "{\n  \"Statement\": []\n}"),
                ("user/ada/text", identity, "{\"Statement\": 1}"),
                ("user/ada/encoded", identity, "{\"Statement\": \"é++\"}"),
                ("user/ada/broken", identity, "%7B%2"),
                ("group/ops/g", identity, "{}"),
                ("role/deploy/trust", PolicyKind::Trust, "{\n  \"Statement\": 2\n}"),
                ("arn:aws:iam::123456789012:policy/p", identity, "{\n  \"new\": 1\n}"),
            ]
        );
    }

    #[test]
    fn a_policy_is_no_account() {
        for text in [
            "{}",
            r#"{"Statement": []}"#,
            r#"{"Statement": [], "Policies": []}"#,
            "{",
            "[\"Policies\"]",
        ] {
            assert!(policies(text).is_none(), "{text}");
        }
        assert!(policies(r#"{"Policies": []}"#).unwrap().unwrap().is_empty());
        let wrong = policies(r#"{"UserDetailList": [{"Path": "/"}]}"#).unwrap().unwrap_err();
        assert!(wrong.contains("missing field"), "{wrong}");
    }
}
